"""The ledger as people read it: one row an operation, with its last word and the call that carried it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class OperationRow:
    """``outcome`` is None while open. ``url`` and ``http_status``: of the last write that served it (its request was kept), else
    of the last call."""

    id: UUID
    at: datetime
    subject: str
    kind: str
    action: str
    flow: str
    system: str
    run_id: str
    cause: dict[str, Any]
    administrate_type: str | None
    administrate_id: str | None
    administrate_url: str | None
    cornerstone_type: str | None
    cornerstone_id: str | None
    cornerstone_url: str | None
    marker: str
    outcome: str | None
    reason: str | None
    params: dict[str, Any]
    detail: str | None
    status: str | None
    closed_at: datetime | None
    exchange_id: UUID | None
    method: str | None
    url: str | None
    http_status: int | None


@dataclass(frozen=True, slots=True)
class ExchangeRow:
    """One HTTP call. Bodies are None where they were not kept, or were erased."""

    id: UUID
    at: datetime
    system: str
    method: str
    url: str
    operation: str
    status: int | None
    seconds: float | None
    error: str | None
    request: bytes | None
    answer: bytes | None


_SELECT = """
    SELECT o.id, o.at, o.subject, o.kind, o.action, o.flow, o.system, o.run_id, o.cause,
           o.administrate_type, coalesce(last.administrate_id, o.administrate_id) AS administrate_id, o.administrate_url,
           o.cornerstone_type, coalesce(last.cornerstone_id, o.cornerstone_id) AS cornerstone_id, o.cornerstone_url, o.marker,
           last.outcome, last.reason, coalesce(last.params, '{}') AS params, last.detail, last.status, last.at AS closed_at,
           call.id AS exchange_id, call.method, call.url, call.status AS http_status
    FROM chosen JOIN operation o USING (id)
    LEFT JOIN LATERAL (
        SELECT * FROM operation_outcome WHERE operation_id = o.id ORDER BY number DESC LIMIT 1) last ON true
    LEFT JOIN LATERAL (
        SELECT x.id, x.method, x.url, a.status FROM exchange_operation eo JOIN exchange x ON x.id = eo.exchange_id
        LEFT JOIN exchange_outcome a ON a.exchange_id = x.id
        WHERE eo.operation_id = o.id
        ORDER BY EXISTS (SELECT FROM exchange_body b WHERE b.exchange_id = x.id AND b.part = 'request') DESC, x.number DESC
        LIMIT 1) call ON true
    ORDER BY o.number DESC"""

_SINCE = "(CAST(:since AS timestamptz) IS NULL OR at >= :since)"
_RUN = "(CAST(:run_id AS text) IS NULL OR run_id = :run_id)"
_ALL = text(f"""
    WITH chosen AS (SELECT id FROM operation WHERE {_SINCE} AND {_RUN} ORDER BY number DESC LIMIT :limit) {_SELECT}""")
_OF_SUBJECT = text(f"""
    WITH chosen AS (
        SELECT id FROM operation WHERE subject = ANY(ARRAY(SELECT subject_names(ARRAY[:subject]))) AND {_SINCE} AND {_RUN}
        ORDER BY number DESC LIMIT :limit) {_SELECT}""")
_OF_RECORD = text(f"""
    WITH found AS (
        SELECT id FROM operation WHERE administrate_id = :record OR cornerstone_id = :record
        UNION
        SELECT operation_id FROM operation_outcome WHERE administrate_id = :record OR cornerstone_id = :record
    ), chosen AS (
        SELECT id FROM operation JOIN found USING (id) WHERE {_SINCE} AND {_RUN} ORDER BY number DESC LIMIT :limit) {_SELECT}""")


def operations(
    conn: Connection,
    *,
    subject: str | None = None,
    record: str | None = None,
    since: datetime | None = None,
    run_id: str | None = None,
    limit: int = 100,
) -> list[OperationRow]:
    """The newest operations: of everything, of one unit (link or record key), or of one ``record`` (its id at either vendor)."""
    parameters = {"since": since, "run_id": run_id, "limit": limit}
    if subject is not None:
        rows = conn.execute(_OF_SUBJECT, parameters | {"subject": subject})
    elif record is not None:
        rows = conn.execute(_OF_RECORD, parameters | {"record": record})
    else:
        rows = conn.execute(_ALL, parameters)
    return [_row(row) for row in rows.mappings()]


def _row(row: Mapping[Any, Any]) -> OperationRow:
    return OperationRow(**{**row, "cause": orjson.loads(row["cause"]), "params": orjson.loads(row["params"])})


_BY_ID = text(f"WITH chosen AS (SELECT unnest(CAST(:ids AS uuid[])) AS id) {_SELECT}")


def operations_by_id(conn: Connection, ids: Sequence[UUID]) -> list[OperationRow]:
    """These operations, the newest first."""
    return [_row(row) for row in conn.execute(_BY_ID, {"ids": list(ids)}).mappings()] if ids else []


_EXCHANGES = text("""
    SELECT x.id, x.at, x.system, x.method, x.url, x.operation, a.status, a.seconds, a.error,
           (SELECT body FROM exchange_body b WHERE b.exchange_id = x.id AND b.part = 'request' LIMIT 1) AS request,
           (SELECT body FROM exchange_body b WHERE b.exchange_id = x.id AND b.part = 'answer' LIMIT 1) AS answer
    FROM exchange_operation eo JOIN exchange x ON x.id = eo.exchange_id LEFT JOIN exchange_outcome a ON a.exchange_id = x.id
    WHERE eo.operation_id = :id ORDER BY x.number""")


def exchanges_of(conn: Connection, operation_id: UUID) -> list[ExchangeRow]:
    """The HTTP calls that served an operation, in order."""
    return [ExchangeRow(**row) for row in conn.execute(_EXCHANGES, {"id": operation_id}).mappings()]
