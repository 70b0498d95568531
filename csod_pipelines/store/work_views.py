"""Looking at the work without taking any."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, text

from csod_pipelines.store.work_types import Parked, Waiting

#: Beyond this many nobody cares how many more there are, and counting them would read the whole backlog.
COUNT_CAP = 10_000

_PARKED = text("""
    SELECT subject, flow, parked_reason AS reason, parked_params AS params, parked_at AS since
    FROM work WHERE parked_reason IS NOT NULL ORDER BY parked_at, subject LIMIT :limit""")


def parked(conn: Connection, limit: int = 500) -> list[Parked]:
    """What waits for a person, the longest first."""
    return [Parked(**row) for row in conn.execute(_PARKED, {"limit": limit}).mappings()]


_WAITING = text("""
    WITH f AS (SELECT unnest(CAST(:flows AS text[])) AS flow),
    ready AS (
        SELECT w.first_seen FROM f CROSS JOIN LATERAL (
            SELECT first_seen FROM work WHERE flow = f.flow AND parked_reason IS NULL AND ready_at <= app_now()
            ORDER BY ready_at LIMIT :cap) w LIMIT :cap
    ), leased AS (
        SELECT 1 FROM f CROSS JOIN LATERAL (
            SELECT 1 FROM work WHERE flow = f.flow AND owner IS NOT NULL AND lease_until > app_now() LIMIT :cap) w
    ), next AS (
        SELECT min(w.ready_at) AS at FROM f CROSS JOIN LATERAL (
            SELECT ready_at FROM work WHERE flow = f.flow AND parked_reason IS NULL AND ready_at > app_now() AND owner IS NULL
            ORDER BY ready_at LIMIT 1) w
    )
    SELECT (SELECT count(*) FROM ready) AS ready, (SELECT min(first_seen) FROM ready) AS oldest, (SELECT count(*) FROM leased) AS leased,
           (SELECT at FROM next) AS next_ready_at,
           (SELECT count(*) FROM work JOIN f USING (flow) WHERE parked_reason IS NOT NULL) AS parked""")


def waiting(conn: Connection, flows: Sequence[str]) -> Waiting:
    """What a sensor asks every two seconds, in one statement that reads indexes alone."""
    return Waiting(**conn.execute(_WAITING, {"flows": list(flows), "cap": COUNT_CAP}).mappings().one())


_AT_LIMITS = text("""
    SELECT reason, min(ready_at) AS until FROM (
        SELECT reason, ready_at FROM work WHERE flow = :flow AND parked_reason IS NULL AND ready_at > app_now() AND owner IS NULL
        ORDER BY ready_at LIMIT :cap) w
    WHERE starts_with(reason, :prefix) GROUP BY reason""")


def at_limits(conn: Connection, flow: str, prefix: str) -> dict[str, datetime]:
    """Reasons of waiting that begin with ``prefix``, with the instant at which the first such unit is due again."""
    rows = conn.execute(_AT_LIMITS, {"flow": flow, "prefix": prefix, "cap": COUNT_CAP})
    return {row.reason: row.until for row in rows}


_PEEK = text("""
    SELECT subject FROM work WHERE flow = ANY(CAST(:flows AS text[])) AND parked_reason IS NULL ORDER BY ready_at, subject LIMIT :limit""")


def peek(conn: Connection, flows: Sequence[str], limit: int = 200) -> list[str]:
    """Subjects that wait for a worker, the next one first, without taking any."""
    return [row[0] for row in conn.execute(_PEEK, {"flows": list(flows), "limit": limit})]


_PARKED_AMONG = text("SELECT subject FROM work WHERE subject = ANY(CAST(:subjects AS text[])) AND parked_reason IS NOT NULL")


def parked_among(conn: Connection, subjects: Sequence[str]) -> set[str]:
    """Which of these units a person must look at first."""
    return set(conn.execute(_PARKED_AMONG, {"subjects": list(subjects)}).scalars())
