"""What an administrator had to do on a screen is done once a look at both sides says so, and then its operation is closed."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from csod_pipelines.engine.context import Context, key_on
from csod_pipelines.model.keys import SystemName
from csod_pipelines.model.outcomes import OperationOutcome
from csod_pipelines.model.readings import Gone, Present
from csod_pipelines.model.records import Offering, OfferingState, Record
from csod_pipelines.store import ledger
from csod_pipelines.store.links import Link

CHANGE, CANCEL = "change_by_hand", "cancel_session_by_hand"
DONE = "done_by_hand"


def done_by_hand(ctx: Context, subject: str, owner: Record, peer: Record, *, refused: bool) -> tuple[UUID, ...]:
    """Open to-dos of a pair in which nothing differs. ``refused``: its image still remembers values that could not be sent."""
    reasons = [CHANGE] if refused else []
    if _cancelled(owner) and _cancelled(peer):
        reasons.append(CANCEL)
    if not reasons:
        return ()
    with ctx.database.read() as conn:
        return tuple(ledger.to_dos(conn, subject, reasons))


def _cancelled(record: Record) -> bool:
    return isinstance(record.value, Offering) and record.value.state is OfferingState.CANCELLED


def cancelled_by_hand(ctx: Context, subject: str, link: Link) -> tuple[UUID, ...]:
    """Open to-dos of an event that was deleted, once its session is cancelled too, or gone."""
    with ctx.database.read() as conn:
        waiting = tuple(ledger.to_dos(conn, subject, [CANCEL]))
    if not waiting:
        return ()
    reading = ctx.read(key_on(link, SystemName.CORNERSTONE))
    done = isinstance(reading, Gone) or (isinstance(reading, Present) and _cancelled(reading.record))
    return waiting if done else ()


def close_to_dos(ctx: Context, done: Sequence[UUID]) -> None:
    closings = [ledger.Closing(id=id, outcome=OperationOutcome.SUCCESS.value, reason=DONE, params={}, detail="") for id in done]
    with ctx.database.begin() as conn:
        ledger.close_all(conn, closings)
