"""The ledger as a queue: outcomes in the order of their numbers, for whoever delivers them elsewhere.

A number is given when a row is written and seen when its transaction commits, so a higher one may be seen first. What is
missing in between is remembered and asked for again, until it came or is so late that its transaction must have failed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text


@dataclass(frozen=True, slots=True)
class Ended:
    """One outcome. ``first``: no earlier row ended the same operation."""

    number: int
    operation_id: UUID
    outcome: str
    flow: str
    first: bool


_SELECT = """
    SELECT x.number, x.operation_id, x.outcome, o.flow, NOT EXISTS (
        SELECT 1 FROM operation_outcome e
        WHERE e.operation_id = x.operation_id AND e.number < x.number AND e.outcome NOT IN ('unknown', 'would_apply')) AS first
    FROM operation_outcome x JOIN operation o ON o.id = x.operation_id"""
_AFTER = text(f"{_SELECT} WHERE x.number > :after ORDER BY x.number LIMIT :limit")
_THESE = text(f"{_SELECT} WHERE x.number = ANY(CAST(:numbers AS bigint[])) ORDER BY x.number")


def ended_after(conn: Connection, after: int, *, limit: int) -> list[Ended]:
    """Outcomes with higher numbers, the lowest first."""
    return [Ended(**row) for row in conn.execute(_AFTER, {"after": after, "limit": limit}).mappings()]


def ended_among(conn: Connection, numbers: Sequence[int]) -> list[Ended]:
    """Those of these numbers that can be seen by now."""
    return [Ended(**row) for row in conn.execute(_THESE, {"numbers": list(numbers)}).mappings()] if numbers else []


_INTENTS = text("SELECT operation_id, intent FROM operation_intent WHERE operation_id = ANY(CAST(:ids AS uuid[]))")


def intents(conn: Connection, ids: Sequence[UUID]) -> dict[UUID, bytes]:
    """What was asked of the vendor; missing where the person was forgotten."""
    return {row[0]: bytes(row[1]) for row in conn.execute(_INTENTS, {"ids": list(ids)})}
