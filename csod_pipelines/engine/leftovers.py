"""Operations of a roster that were left without an end by a crash or a lost answer.

Whoever holds the unit's lease is alone with it, and has just read both rosters: what an earlier attempt became is what they show.
A registration that Cornerstone still carries out is no leftover; its operation ends when the roster shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from csod_pipelines.engine.context import Context
from csod_pipelines.engine.places import Seat
from csod_pipelines.model.keys import Kind, SystemName
from csod_pipelines.model.outcomes import OperationOutcome
from csod_pipelines.model.records import Enrollment, EnrollmentState, Record
from csod_pipelines.store import ledger, links
from csod_pipelines.store.ledger import OpenOperation
from csod_pipelines.store.links import Link


def settle_leftovers(ctx: Context, subject: str, seats: Sequence[Seat]) -> None:
    with ctx.database.read() as conn:
        left = ledger.open_operations(conn, subject)
        fresh = [(seat, links.by_id(conn, seat.link.id)) for seat in seats if left and seat.link is not None]
    awaited = {link.facts.get("operation") for seat, link in fresh if link is not None and _awaits(seat, link)}
    left = [op for op in left if str(op.id) not in awaited]
    if not left:
        return
    by_pair = {(seat.contact_id, seat.user_id): seat for seat in seats}
    by_id = {id: seat for seat in seats for id in (_id(seat.learner), _id(seat.row)) if id}
    with ctx.database.begin() as conn:
        for op in left:
            intent: Mapping[str, Any] = orjson.loads(op.intent) if op.intent else {}
            seat = by_pair.get((intent.get("contact", ""), intent.get("user", ""))) or by_id.get(op.administrate_id or "")
            done = seat is not None and _took_effect(op, intent, seat)
            ledger.close_operation(
                conn,
                op.id,
                outcome=(OperationOutcome.SUCCESS if done else OperationOutcome.FAILURE).value,
                reason="found_after_unknown" if done else "not_found_after_unknown",
                params={},
                detail="settled by looking at both rosters",
            )


def _awaits(seat: Seat, link: Link) -> bool:
    """Cornerstone shows no answer yet; or it holds a request, or a place on the waiting list."""
    return bool(link.facts.get("pending")) and (seat.row is None or seat.held or seat.row.id == link.facts.get("before"))


def _id(record: Record | None) -> str | None:
    return record.id if record is not None else None


def _took_effect(op: OpenOperation, intent: Mapping[str, Any], seat: Seat) -> bool:
    shown = seat.row if op.system == SystemName.CORNERSTONE else seat.learner
    value = shown.value if shown is not None else None
    if shown is None or not isinstance(value, Enrollment):
        return False
    if op.kind == Kind.OUTCOME:
        marks = intent.get("attendance") or {}
        sent_marks = all(value.attendance.get(part) == mark for part, mark in marks.items())
        return sent_marks and (op.system == SystemName.CORNERSTONE or intent.get("result") in (None, value.result))
    if op.action == "id stored":
        return all(shown.external_ids.get(name) == held for name, held in intent.items() if name not in ("contact", "user"))
    present = value.state is EnrollmentState.ACTIVE
    return not present if op.action in ("withdrawn", "cancelled") else present
