"""How far something has come (a feed's cursor, an import's page), and when it is due again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from csod_pipelines.store.canonical import canonical


@dataclass(frozen=True, slots=True)
class Checkpoint:
    value: dict[str, Any]
    next_due: datetime | None


_GET = text("SELECT value, next_due FROM checkpoint WHERE name = :name")
_PUT = text("""
    INSERT INTO checkpoint (name, value, next_due)
    VALUES (:name, CAST(:value AS jsonb), app_now() + make_interval(secs => CAST(:seconds AS float8)))
    ON CONFLICT (name) DO UPDATE SET value = excluded.value, next_due = coalesce(excluded.next_due, checkpoint.next_due),
        updated_at = app_now()""")
_DUE = text("""
    SELECT n.name FROM unnest(CAST(:names AS text[])) WITH ORDINALITY AS n (name, place) LEFT JOIN checkpoint c USING (name)
    WHERE c.next_due IS NULL OR c.next_due <= app_now() ORDER BY n.place""")


def get(conn: Connection, name: str) -> Checkpoint | None:
    row = conn.execute(_GET, {"name": name}).one_or_none()
    return Checkpoint(row.value, row.next_due) if row else None


def put(conn: Connection, name: str, value: Mapping[str, Any], next_due_seconds: float | None = None) -> None:
    """Store progress. Without ``next_due_seconds`` the due time stays as it was."""
    conn.execute(_PUT, {"name": name, "value": canonical(dict(value)).decode(), "seconds": next_due_seconds})


def due(conn: Connection, names: Sequence[str]) -> list[str]:
    """Those whose time has come, in the order given. What was never stored, or without a time, is due."""
    return list(conn.execute(_DUE, {"names": list(names)}).scalars())


_MAKE_DUE = text("UPDATE checkpoint SET next_due = app_now() WHERE name = ANY(CAST(:names AS text[]))")


def make_due(conn: Connection, names: Sequence[str]) -> None:
    """Their time has come; what was never stored is due anyway."""
    conn.execute(_MAKE_DUE, {"names": list(names)})
