"""Deliveries and operations as tables for people, of everything or of one record."""

from __future__ import annotations

from typing import Any

from csod_pipelines.engine.tell import as_row, find_link, possible_ids
from csod_pipelines.model.keys import Kind, SystemName
from csod_pipelines.model.reasons import explain, remedy
from csod_pipelines.store import inbox, ledger
from csod_pipelines.store.database import Database


def deliveries(database: Database, *, kind: Kind | None, id: str, limit: int) -> list[dict[str, Any]]:
    """The newest deliveries, with the one way in which each ended."""
    with database.read() as conn:
        if kind is None:
            found = inbox.deliveries(conn, limit=limit)
        else:
            found = [row for subject in _subjects(database, kind, id) for row in inbox.deliveries(conn, subject=subject, limit=limit)]
    unique = {row.number: row for row in found}
    return [_delivery(unique[number]) for number in sorted(unique, reverse=True)[:limit]]


def _delivery(row: inbox.DeliveryRow) -> dict[str, Any]:
    return {
        "number": row.number,
        "received": row.received_at.isoformat(timespec="seconds"),
        "from": row.source,
        "type": row.type,
        "about": row.member or row.subject or "",
        "again": "yes" if row.duplicate else "",
        "ended": row.disposition,
        "reason": explain(row.reason, row.params) if row.reason else "",
        "what_to_do": remedy(row.reason) if row.reason else "",
        "settled": row.settled_at.isoformat(timespec="seconds") if row.settled_at else "",
    }


def operations(
    database: Database, *, kind: Kind | None, id: str, run_id: str | None, outcome: str | None, limit: int
) -> list[dict[str, Any]]:
    """The newest operations; ``outcome`` is looked for among the newest ten thousand."""
    most = 10_000 if outcome else limit
    with database.read() as conn:
        if kind is None:
            found = ledger.operations(conn, run_id=run_id, limit=most)
        else:
            ids = _record_ids(database, kind, id)
            found = [op for record in ids for op in ledger.operations(conn, record=record, run_id=run_id, limit=most)]
    unique = {op.id: op for op in found if outcome is None or (op.outcome or "open") == outcome}
    newest = sorted(unique.values(), key=lambda op: op.at, reverse=True)
    return [as_row(op) for op in newest[:limit]]


def _record_ids(database: Database, kind: Kind, id: str) -> list[str]:
    link = find_link(database, kind, possible_ids(kind, id))
    return [i for i in (link.administrate_id, link.cornerstone_id) if i] if link else possible_ids(kind, id)


def _subjects(database: Database, kind: Kind, id: str) -> list[str]:
    kind = Kind.ENROLLMENT if kind is Kind.OUTCOME else kind
    link = find_link(database, kind, possible_ids(kind, id))
    if link is not None:
        sides = [f"{kind}:{system}:{side}" for system in SystemName if (side := link.side(system.value))]
        return [f"link:{link.id}", *sides]
    return [f"{kind}:{system}:{candidate}" for system in SystemName for candidate in possible_ids(kind, id)]
