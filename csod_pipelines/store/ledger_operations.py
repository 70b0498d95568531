"""Operations and their outcomes. Rows are only ever added.

An operation is opened, with its intent, before the write it stands for is sent. What has no outcome, or the outcome
``unknown``, is open: before anything else is tried, the record is looked for at the vendor.
"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, text

from csod_pipelines.store.canonical import canonical, digest

#: The operations that the next HTTP calls serve; many may share one call.
current_operation: ContextVar[tuple[UUID, ...]] = ContextVar("current_operation", default=())

SALT_BYTES = 16


@dataclass(frozen=True, slots=True)
class OpenOperation:
    """``outcome`` is None, or ``unknown``. ``intent`` is None once the person was forgotten."""

    id: UUID
    at: datetime
    subject: str
    kind: str
    action: str
    flow: str
    system: str
    run_id: str
    cause: dict[str, Any]
    administrate_id: str | None
    cornerstone_id: str | None
    intent: bytes | None
    marker: str
    settle_after: datetime | None
    outcome: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """An operation before its write. ``system`` is the side that is written; ``intent`` are canonical bytes.

    A salted digest of the intent stays for good; the intent itself can be erased (``forget_person`` of the schema). ``brake`` names what a
    brake counts this write under, ``brake_unit`` what it counts once."""

    id: UUID
    subject: str
    kind: str
    action: str
    flow: str
    system: str
    run_id: str
    cause: Mapping[str, Any]
    administrate_type: str | None = None
    administrate_id: str | None = None
    administrate_url: str | None = None
    cornerstone_type: str | None = None
    cornerstone_id: str | None = None
    cornerstone_url: str | None = None
    intent: bytes = b""
    marker: str = ""
    settle_after: datetime | None = None
    salt: bytes | None = None
    brake: str | None = None
    brake_unit: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """How an operation ended. ``unknown`` may be followed by what was found out; the last word counts. Ids are those the answer told."""

    id: UUID
    outcome: str
    reason: str
    params: Mapping[str, Any]
    detail: str = ""
    administrate_id: str | None = None
    cornerstone_id: str | None = None
    status: str | int | None = None


_OPENED = (
    *("subject", "kind", "action", "flow", "system", "run_id", "administrate_type", "administrate_id", "administrate_url"),
    *("cornerstone_type", "cornerstone_id", "cornerstone_url", "marker", "brake", "brake_unit", "cause"),
)
# One JSON text for all rows: arrays of text would be escaped value by value in Python, which took a third of an import's time.
_OPEN = text(f"""
    WITH given AS MATERIALIZED (
        SELECT * FROM ROWS FROM (json_to_recordset(CAST(:rows AS json)) AS (id uuid, intent_digest text, settle_after timestamptz,
            salt text, intent text, {", ".join(f"{name} text" for name in _OPENED)}))
            WITH ORDINALITY AS g (id, intent_digest, settle_after, salt, intent, {", ".join(_OPENED)}, place)
    ), opened AS (
        INSERT INTO operation (id, intent_digest, settle_after, {", ".join(_OPENED)})
        SELECT id, decode(intent_digest, 'base64'), settle_after, {", ".join(_OPENED)} FROM given ORDER BY place
    )
    INSERT INTO operation_intent (operation_id, salt, intent) SELECT id, decode(salt, 'base64'), decode(intent, 'base64') FROM given""")


def open_operation(conn: Connection, **fields: Any) -> None:
    """One ``Opening``, by its fields. Commit it before the write."""
    open_all(conn, [Opening(**fields)])


def open_all(conn: Connection, openings: Sequence[Opening]) -> None:
    """In one statement, numbered in the order given. Commit them before the writes they stand for."""
    if openings:
        conn.execute(_OPEN, {"rows": orjson.dumps([_opened_row(opening) for opening in openings]).decode()})


def _opened_row(opening: Opening) -> dict[str, Any]:
    salt = opening.salt or os.urandom(SALT_BYTES)
    row: dict[str, Any] = {name: _word(getattr(opening, name)) for name in _OPENED[:-1]}
    return row | {
        "id": opening.id,
        "cause": canonical(dict(opening.cause)).decode(),
        "intent_digest": b64encode(digest(salt + opening.intent)).decode(),
        "settle_after": opening.settle_after,
        "salt": b64encode(salt).decode(),
        "intent": b64encode(opening.intent).decode(),
    }


def _word(value: object) -> str | None:
    return None if value is None else str(value)


_CLOSED = ("outcome", "reason", "detail", "administrate_id", "cornerstone_id", "status", "params")
_CLOSE = text(f"""
    INSERT INTO operation_outcome (operation_id, {", ".join(_CLOSED)})
    SELECT id, {", ".join(_CLOSED)}
    FROM ROWS FROM (json_to_recordset(CAST(:rows AS json)) AS (id uuid, {", ".join(f"{name} text" for name in _CLOSED)}))
        WITH ORDINALITY AS g (id, {", ".join(_CLOSED)}, place) ORDER BY place""")


def close_operation(conn: Connection, id: UUID, **fields: Any) -> None:
    """One ``Closing``, by its fields."""
    close_all(conn, [Closing(id=id, **fields)])


def close_all(conn: Connection, closings: Sequence[Closing]) -> None:
    """In one statement, numbered in the order given."""
    if closings:
        conn.execute(_CLOSE, {"rows": orjson.dumps([_closed_row(closing) for closing in closings]).decode()})


def _closed_row(closing: Closing) -> dict[str, Any]:
    row: dict[str, Any] = {name: _word(getattr(closing, name)) for name in _CLOSED[:-1]}
    return row | {"id": closing.id, "params": canonical(dict(closing.params)).decode()}


_OPEN_ONES = text("""
    SELECT o.id, o.at, o.subject, o.kind, o.action, o.flow, o.system, o.run_id, o.cause, o.administrate_id, o.cornerstone_id,
           i.intent, o.marker, o.settle_after, last.outcome
    FROM operation o LEFT JOIN operation_intent i ON i.operation_id = o.id
    LEFT JOIN LATERAL (
        SELECT outcome FROM operation_outcome WHERE operation_id = o.id ORDER BY number DESC LIMIT 1) last ON true
    WHERE o.subject = ANY(ARRAY(SELECT subject_names(ARRAY[:subject]))) AND (last.outcome IS NULL OR last.outcome = 'unknown')
    ORDER BY o.number""")


def open_operations(conn: Connection, subject: str) -> list[OpenOperation]:
    """Writes of this unit whose fate is not known, the oldest first; also those begun under a record key before it was linked."""
    rows = conn.execute(_OPEN_ONES, {"subject": subject}).mappings()
    return [OpenOperation(**{**row, "cause": orjson.loads(row["cause"])}) for row in rows]


_COUNTS = text("""
    SELECT coalesce(last.outcome, 'open') AS outcome, count(*)
    FROM operation o LEFT JOIN LATERAL (
        SELECT outcome FROM operation_outcome WHERE operation_id = o.id ORDER BY number DESC LIMIT 1) last ON true
    WHERE o.at > app_now() - make_interval(days => :days) GROUP BY 1""")


def counts(conn: Connection, *, days: int) -> dict[str, int]:
    """Operations of the last ``days`` by outcome; what has none yet counts as ``open``. The whole ledger is kept for ever."""
    return {row[0]: row[1] for row in conn.execute(_COUNTS, {"days": days})}
