"""What was delivered to us, how it was marked as work, and how each delivery ended.

A delivery's end is the first settlement, under one of its names, at or after its number; until then it is ``waiting``.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, text

from csod_pipelines.store.canonical import canonical
from csod_pipelines.store.sides import to_bits
from csod_pipelines.store.work import wake

#: Ends after which whoever waited for a record may find what it needs.
WAKING = ("applied", "unchanged")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One thing that was delivered. ``dedupe_key`` is 32 bytes; it labels a repetition, which marks its record all the same.

    Without ``subject`` and ``flow`` the delivery is stored and settled at once as ignored, with ``reason``."""

    source: str
    type: str
    subject: str | None = None
    flow: str | None = None
    side: str | None = None
    member: str | None = None
    dedupe_key: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    received_at: datetime | None = None
    reason: str = "unknown_type"


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery and its end. ``disposition`` is one of model.outcomes.Disposition, or ``waiting``."""

    number: int
    received_at: datetime
    source: str
    type: str
    subject: str | None
    member: str | None
    duplicate: bool
    disposition: str
    reason: str | None
    params: Mapping[str, Any]
    settled_at: datetime | None
    operation_ids: tuple[UUID, ...]


_RECEIVE = text("SELECT receive_many(CAST(:deliveries AS jsonb))")


def receive_many(conn: Connection, deliveries: Sequence[Delivery]) -> list[int]:
    """Store deliveries and mark their records; returns their numbers, in the order given. One lock for all receivers is held
    until the commit, so commit at once. The gateway's role may call this and ``gateway_status``, nothing else."""
    if not deliveries:
        return []
    payload = orjson.dumps([_to_json(d) for d in deliveries]).decode()
    return conn.execute(_RECEIVE, {"deliveries": payload}).scalar_one()


_STATUS = text("SELECT gateway_status()")


def gateway_status(conn: Connection) -> dict[str, Any]:
    """``ready``, ``oldest_unsettled_seconds``, ``parked``, ``last_event_at`` (ISO text), ``schema_version``."""
    return conn.execute(_STATUS).scalar_one()


_SETTLE = text("""
    INSERT INTO settlement (subject, up_to_event, disposition, reason, params, operation_ids)
    SELECT DISTINCT names.subject, CAST(:up_to_event AS bigint), :disposition, :reason, CAST(:params AS jsonb), CAST(:operations AS uuid[])
    FROM subject_names(CAST(:subjects AS text[])) AS names (subject)""")


def settle(
    conn: Connection,
    *,
    subjects: Sequence[str],
    up_to_event: int,
    disposition: str,
    reason: str,
    params: Mapping[str, Any],
    operation_ids: Sequence[UUID] = (),
) -> None:
    """Everything delivered about these subjects up to this number has ended so; wakes what waited for them, if something came of it:
    whoever is told of a refusal would have it looked at again, and wake the next one.

    A link is settled under its record keys too, and a record key under its link, since either may have been delivered."""
    parameters = {
        "subjects": list(subjects),
        "up_to_event": up_to_event,
        "disposition": disposition,
        "reason": reason,
        "params": canonical(dict(params)).decode(),
        "operations": list(operation_ids),
    }
    conn.execute(_SETTLE, parameters)
    if disposition in WAKING:
        wake(conn, subjects)


_COLUMNS = "number, received_at, source, type, subject, member, duplicate, disposition, reason, params, settled_at, operation_ids"
_NEWEST = text(f"SELECT {_COLUMNS} FROM inbox_disposition ORDER BY number DESC LIMIT :limit")
_OF_SUBJECT = text(f"""
    WITH names AS MATERIALIZED (SELECT array_agg(name) AS list FROM subject_names(ARRAY[:subject]) AS name)
    SELECT {_COLUMNS} FROM inbox_disposition
    WHERE subject = ANY((SELECT list FROM names)::text[]) OR member = ANY((SELECT list FROM names)::text[])
    ORDER BY number DESC LIMIT :limit""")


def deliveries(conn: Connection, subject: str | None = None, limit: int = 100) -> list[DeliveryRow]:
    """The newest deliveries, of everything or of one subject (link, record key, roster or member)."""
    rows = conn.execute(_NEWEST if subject is None else _OF_SUBJECT, {"subject": subject, "limit": limit} if subject else {"limit": limit})
    return [DeliveryRow(**_columns(row)) for row in rows.mappings()]


_DISPOSITIONS = "SELECT disposition, count(*) FROM inbox_disposition {which} GROUP BY disposition"
_RECENT = "WHERE received_at > app_now() - make_interval(days => :days)"
_ALL_DISPOSITIONS = text(_DISPOSITIONS.format(which=""))
_RECENT_DISPOSITIONS = text(_DISPOSITIONS.format(which=_RECENT))


def dispositions(conn: Connection, *, days: int | None = None) -> dict[str, int]:
    """How many deliveries ended how; the values add up to the number of deliveries. Without ``days`` every delivery that is kept
    is read, which takes seconds for some hundred thousand."""
    rows = conn.execute(_ALL_DISPOSITIONS) if days is None else conn.execute(_RECENT_DISPOSITIONS, {"days": days})
    return {row[0]: row[1] for row in rows}


# In one statement, so that all of it is seen at one moment. Names are looked up only of what has no work under its first name.
_FORGOTTEN = text(f"""
    WITH alone AS MATERIALIZED (
        SELECT subject, unit, member FROM (
            SELECT * FROM inbox_disposition {_RECENT} AND disposition = 'waiting') d
        WHERE NOT EXISTS (SELECT 1 FROM work w WHERE w.subject = coalesce(d.unit, d.subject))
    )
    SELECT count(*) FROM alone a WHERE NOT EXISTS (
        SELECT 1 FROM subject_names(array_remove(ARRAY[a.subject, a.unit, a.member], NULL)) AS name
        WHERE EXISTS (SELECT 1 FROM work w WHERE w.subject = name) OR EXISTS (SELECT 1 FROM work_member m WHERE m.member = name))""")


def forgotten(conn: Connection, *, days: int) -> int:
    """How many deliveries of the last ``days`` wait for an end although no work, under any of their names, is left to give them one."""
    return conn.execute(_FORGOTTEN, {"days": days}).scalar_one()


def _columns(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {**row, "operation_ids": tuple(row["operation_ids"])}


def _to_json(delivery: Delivery) -> dict[str, Any]:
    if len(delivery.dedupe_key) != 32:
        raise ValueError(f"a dedupe key has 32 bytes, this one {len(delivery.dedupe_key)}")
    return {
        "source": delivery.source,
        "type": storable(delivery.type),
        "subject": storable(delivery.subject),
        "flow": delivery.flow,
        "side": delivery.side,
        "sides": to_bits(delivery.side),
        "member": storable(delivery.member),
        "key": b64encode(delivery.dedupe_key).decode(),
        "headers": {storable(k): storable(v) for k, v in delivery.headers.items()},
        "body": b64encode(delivery.body).decode(),
        "received_at": delivery.received_at,
        "reason": delivery.reason,
    }


def storable(value: str | None) -> str | None:
    """Text as PostgreSQL and JSON can hold it: a NUL or a lone surrogate in one delivery must not refuse its whole batch."""
    return None if value is None else value.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
