"""Both sides of a comparison side by side in one table, so that PostgreSQL finds the differences.

Loaded by COPY; unlogged, so a crash of the server empties it and the run that filled it starts over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from csod_pipelines.store.canonical import canonical, digest


@dataclass(frozen=True, slots=True)
class StagedRow:
    """``payload`` is the record's image; its digest is taken of its canonical form."""

    id: str
    payload: Mapping[str, Any]
    parent_id: str | None = None


_COPY = "COPY stage (run, kind, system, id, parent_id, digest, payload) FROM STDIN"


def stage_rows(conn: Connection, run: str, kind: str, system: str, rows: Iterable[StagedRow], *, payloads: bool = True) -> list[bytes]:
    """Add rows; returns the digest of each, in their order. Where digests are all that is compared, the ``payloads`` stay out."""
    if not conn.in_transaction():
        conn.begin()  # COPY goes past SQLAlchemy, which would take a transaction without any other statement for none at all
    driver: Any = conn.connection.driver_connection
    digests: list[bytes] = []
    with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
        for row in rows:
            payload = canonical(dict(row.payload))
            kept = payload.decode() if payloads else "{}"
            digests.append(digest(payload))
            copy.write_row((run, str(kind), str(system), row.id, row.parent_id, digests[-1], kept))
    return digests


_LOOK_UP = text("""
    SELECT id, payload->>'id' FROM stage WHERE run = :run AND kind = :kind AND system = :system AND id = ANY(CAST(:ids AS text[]))""")


def look_up(conn: Connection, run: str, kind: str, system: str, keys: Sequence[str]) -> dict[str, list[str]]:
    """Where rows were staged under keys and not under their ids: the ids that stand under each of these keys."""
    found: dict[str, list[str]] = {}
    for key, id in conn.execute(_LOOK_UP, {"run": run, "kind": str(kind), "system": str(system), "ids": list(keys)}):
        found.setdefault(key, []).append(id)
    return found


def passing(purpose: str, *, at: datetime, id: object) -> str:
    """Name of a run that clears up after itself, with the day on which it is forgotten if it was killed before."""
    return f"passing:{at.date().isoformat()}:{purpose}:{id}"


_CLEAR_FORGOTTEN = text("DELETE FROM stage WHERE run LIKE 'passing:%' AND run < 'passing:' || (app_now() - interval '1 day')::date::text")


def clear_forgotten(conn: Connection) -> int:
    """Remove what runs of the day before yesterday and earlier left, which were killed; returns how many rows."""
    return conn.execute(_CLEAR_FORGOTTEN).rowcount


_CLEAR = text("DELETE FROM stage WHERE run = :run")


def clear(conn: Connection, run: str) -> None:
    """Remove what a run staged."""
    conn.execute(_CLEAR, {"run": run})
