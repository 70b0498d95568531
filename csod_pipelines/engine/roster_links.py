"""Our link of one place on a roster: claimed before a write, pending until Cornerstone's answer shows, wiped when both agree.

Its facts say what a crash would make us forget: the side that we asked for something, the assignment that is being carried
out, the values that were refused.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import Connection

from csod_pipelines.engine.context import Context, End
from csod_pipelines.engine.operations import Intent, Operation
from csod_pipelines.engine.places import OfferingFacts, Seat
from csod_pipelines.model.keys import Flow, Kind, SystemName
from csod_pipelines.model.outcomes import Disposition, OperationOutcome
from csod_pipelines.store import links
from csod_pipelines.store.links import Link, Taken
from csod_pipelines.sync.plan import input_digest

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
Ends = dict[tuple[str, str], End]


def pair_of(entry: Seat) -> tuple[str, str]:
    return entry.contact_id, entry.user_id


def intent_for(ctx: Context, subject: str, entry: Seat, action: str, target: SystemName, reason: str, **payload: str) -> Intent:
    return Intent(
        subject=subject,
        flow=Flow.ENROLLMENT,
        kind=Kind.ENROLLMENT,
        action=action,
        target=target,
        administrate_id=entry.learner.id if entry.learner else None,
        cornerstone_id=entry.row.id if entry.row else None,
        payload={"contact": entry.contact_id, "user": entry.user_id, **payload},
        reason=reason,
    )


#: What an agreement, or the end of an attempt, wipes from the link of a place.
DONE = dict.fromkeys(("set_aside", "asked", "before", "pending", "operation", "title", "refused"))


#: Administrate refuses these while the event is full; each place that is added or given up is a reason to try again.
NEED_A_PLACE = ("enroll", "reactivated")


def claimed_link(ctx: Context, offering: OfferingFacts, entry: Seat, side: SystemName, id: str, **asking: str | None) -> Link:
    """Our link of this place, claimed before anything is sent; a tombstone opens a new generation. ``asking`` says what will be."""
    facts = {"event": offering.event_id, **asking}
    with ctx.database.begin() as conn:
        if entry.link is not None and entry.link.state != "tombstone":
            link = links.bind(conn, entry.link.id, system=side, id=id, state=entry.link.state)
        elif entry.link is not None and _held_id(entry.link, side) == id:
            link = links.reopen(conn, entry.link.id)
            links.set_state(conn, link.id, "claimed")
        else:
            natural = f"{Kind.ENROLLMENT}|{entry.contact_id}|{entry.user_id}|{offering.link.id}"
            claimed = links.claim_link(conn, kind=Kind.ENROLLMENT, natural_key=natural, system=side, id=id)
            link = claimed.link if isinstance(claimed, Taken) else claimed
        links.set_facts(conn, link.id, facts)
        fresh = links.by_id(conn, link.id)
        assert fresh is not None
        return fresh


def _held_id(link: Link, side: SystemName) -> str | None:
    return link.administrate_id if side is A else link.cornerstone_id


def refusal_of_inputs(entry: Seat, offering: OfferingFacts, action: str = "register") -> str:
    row = entry.row.id if entry.row is not None and action != "register" else ""
    room = [offering.room] if action in NEED_A_PLACE else []
    return input_digest([action, entry.learner.id if entry.learner else "", entry.user_id, offering.session_id, row, *room])


def refused_before(entry: Seat, offering: OfferingFacts, action: str = "register") -> bool:
    return entry.link is not None and entry.link.facts.get("refused") == refusal_of_inputs(entry, offering, action)


def resume(ctx: Context, offering: OfferingFacts, entry: Seat) -> End | None:
    """A registration whose answer was lost: found by its title, it goes on waiting; not found after its settle time, it is sent again."""
    if entry.link is None or not (title := entry.link.facts.get("title")) or ctx.dry:
        return None
    assignment = ctx.systems[C].find_assignment(title)
    if assignment is None:
        return None
    operation_id = entry.link.facts.get("operation")
    mark_pending(ctx, entry.link, assignment=assignment, title=title, operation_id=operation_id)
    return End(disposition=Disposition.APPLIED, reason="found_after_unknown", operations=(UUID(operation_id),) if operation_id else ())


def mark_pending(ctx: Context, link: Link, *, assignment: str, title: str, operation_id: str | None) -> None:
    pending = {"assignment": assignment, "since": ctx.clock.utcnow().isoformat()}
    facts = {"title": title, "operation": operation_id, "pending": pending, "refused": None}
    with ctx.database.begin() as conn:
        links.set_facts(conn, link.id, facts)
        links.set_state(conn, link.id, "pending")


def remember_refusal(ctx: Context, link: Link | None, entry: Seat, offering: OfferingFacts, action: str = "register") -> None:
    if link is None:
        return
    with ctx.database.begin() as conn:
        links.set_facts(conn, link.id, {**DONE, "event": offering.event_id, "refused": refusal_of_inputs(entry, offering, action)})


def close_pending(conn: Connection, ctx: Context, entry: Seat, link: Link) -> tuple[UUID, ...]:
    """Our registration was carried out, whatever became of it since: its operation ends."""
    pending, operation_id = link.facts.get("pending"), link.facts.get("operation")
    if not pending or not operation_id or entry.row is None:
        return ()
    op = Operation(id=UUID(operation_id), intent=intent_for(ctx, "", entry, "registered", C, "registered_in_administrate"), context=ctx)
    op.close(conn, OperationOutcome.SUCCESS, "confirmed", params={"assignment": pending["assignment"]}, cornerstone_id=entry.row.id)
    return (op.id,)
