"""Operations that ended badly and were followed by nothing better: what a person may have to mend."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, text

from csod_pipelines.store.ledger_views import OperationRow, operations_by_id

# An operation counts while it is the last of its kind on its record; a later one, however it ended, took its place.
_STANDING = text("""
    WITH bad AS (
        SELECT DISTINCT operation_id AS id FROM operation_outcome WHERE outcome IN ('failure', 'partial')
    )
    SELECT o.id FROM bad JOIN operation o USING (id)
    JOIN LATERAL (
        SELECT outcome FROM operation_outcome WHERE operation_id = o.id ORDER BY number DESC LIMIT 1) last ON true
    WHERE last.outcome IN ('failure', 'partial') AND o.kind = ANY(CAST(:kinds AS text[]))
      AND NOT EXISTS (
        SELECT 1 FROM operation x WHERE x.administrate_id = o.administrate_id AND x.kind = o.kind AND x.number > o.number)
      AND NOT EXISTS (
        SELECT 1 FROM operation x WHERE x.cornerstone_id = o.cornerstone_id AND x.kind = o.kind AND x.number > o.number)
    ORDER BY o.number DESC LIMIT :limit""")


def standing(conn: Connection, kinds: Sequence[str], *, limit: int = 1000) -> list[OperationRow]:
    """Failed and partly done operations that are the last word on their record, the newest first."""
    ids: list[UUID] = list(conn.execute(_STANDING, {"kinds": [str(kind) for kind in kinds], "limit": limit}).scalars())
    return operations_by_id(conn, ids)


_TO_DOS = text("""
    SELECT o.id FROM operation o
    JOIN LATERAL (
        SELECT outcome, reason FROM operation_outcome WHERE operation_id = o.id ORDER BY number DESC LIMIT 1) last ON true
    WHERE o.subject = ANY(ARRAY(SELECT subject_names(ARRAY[:subject])))
      AND last.outcome = 'partial' AND last.reason = ANY(CAST(:reasons AS text[]))
    ORDER BY o.number""")


def to_dos(conn: Connection, subject: str, reasons: Sequence[str]) -> list[UUID]:
    """Partly done operations of a unit that wait for a person, by the reasons that say so."""
    return list(conn.execute(_TO_DOS, {"subject": subject, "reasons": list(reasons)}).scalars())


_WITH_TO_DO = text("""
    SELECT DISTINCT o.administrate_id FROM operation_outcome waiting
    JOIN operation o ON o.id = waiting.operation_id
    JOIN LATERAL (
        SELECT outcome, reason FROM operation_outcome WHERE operation_id = o.id ORDER BY number DESC LIMIT 1) last ON true
    WHERE waiting.outcome = 'partial' AND waiting.reason = :reason AND o.kind = :kind AND o.administrate_id IS NOT NULL
      AND last.outcome = 'partial' AND last.reason = waiting.reason""")


def with_to_do(conn: Connection, kind: str, reason: str) -> list[str]:
    """Administrate ids of the records of a kind for which a person is still to do this."""
    return list(conn.execute(_WITH_TO_DO, {"kind": kind, "reason": reason}).scalars())
