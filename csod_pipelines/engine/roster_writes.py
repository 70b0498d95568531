"""Writes of a roster: register, withdraw, enroll, reactivate, cancel.

Registration in Cornerstone is asynchronous: the operation stays open and the link pending until the session roster shows
the person; only then is it a success, and the ids are stored on the learner.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from csod_pipelines.engine.context import Context, End
from csod_pipelines.engine.operations import Operation, foresee, operation, operations, refused_end
from csod_pipelines.engine.places import OfferingFacts, Seat, has_ended
from csod_pipelines.engine.roster_links import (
    DONE,
    Ends,
    claimed_link,
    close_pending,
    intent_for,
    mark_pending,
    pair_of,
    refusal_of_inputs,
    refused_before,
    remember_refusal,
    resume,
)
from csod_pipelines.model.keys import Kind, SystemName
from csod_pipelines.model.outcomes import Disposition, OperationOutcome
from csod_pipelines.model.readings import Present, Roster
from csod_pipelines.model.records import Enrollment, EnrollmentState, Record
from csod_pipelines.store import ledger, links
from csod_pipelines.store.links import Link
from csod_pipelines.systems.base import Refusal
from csod_pipelines.systems.errors import Refused

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE

# ---- Administrate -> Cornerstone ----


def register(ctx: Context, subject: str, offering: OfferingFacts, entries: Sequence[Seat]) -> Ends:
    """One learning assignment for all of them; a refused batch is halved until the offending record stands alone."""
    again: Ends = {}
    fresh: list[Seat] = []
    for entry in entries:
        if refused_before(entry, offering):
            again[pair_of(entry)] = End(disposition=Disposition.FAILED, reason="refused_before")
        elif (found := resume(ctx, offering, entry)) is not None:
            again[pair_of(entry)] = found
        else:
            fresh.append(entry)
    return again | (_register_batch(ctx, subject, offering, fresh) if fresh else {})


def _register_batch(ctx: Context, subject: str, offering: OfferingFacts, entries: Sequence[Seat]) -> Ends:
    intents = [intent_for(ctx, subject, e, "registered", C, "registered_in_administrate", session=offering.session_id) for e in entries]
    claimed: dict[str, Link] = {}
    ids: tuple[UUID, ...] = ()
    try:
        with operations(ctx, intents) as opened:
            ids = tuple(op.id for op in opened)
            title = f"ADM {offering.code} {opened[0].id}"
            for entry, op in zip(entries, opened, strict=True):
                assert entry.learner is not None
                before = entry.row.id if entry.row is not None else None
                asking = {"asked": C.value, "before": before, "title": title, "operation": str(op.id), "pending": None}
                claimed[entry.user_id] = claimed_link(ctx, offering, entry, A, entry.learner.id, **asking)
            users = people_of(ctx, C, [entry.user_id for entry in entries])
            answers = ctx.systems[C].register(offering.session_id, users, title=title, notify=ctx.tells_learners(C))
            return _registered(ctx, offering, entries, opened, claimed, answers, title)
    except Refused as err:
        if len(entries) > 1:
            middle = len(entries) // 2
            return _register_batch(ctx, subject, offering, entries[:middle]) | _register_batch(ctx, subject, offering, entries[middle:])
        remember_refusal(ctx, claimed.get(entries[0].user_id), entries[0], offering)
        return {pair_of(entries[0]): refused_end(err, ids)}


def _registered(ctx: Context, offering: OfferingFacts, entries, opened: Sequence[Operation], claimed, answers, title: str) -> Ends:
    ends: Ends = {}
    for entry, op in zip(entries, opened, strict=True):
        answer = answers.get(entry.user_id)
        link = claimed[entry.user_id]
        if answer is None or isinstance(answer, Refusal):
            message = answer.message if answer is not None else "the answer does not mention this user"
            with ctx.database.begin() as conn:
                op.close(conn, OperationOutcome.FAILURE, "refused_by_vendor", params={"message": message}, detail=message)
            remember_refusal(ctx, link, entry, offering)
            ends[pair_of(entry)] = End(
                disposition=Disposition.FAILED, reason="refused_by_vendor", params={"message": message}, operations=(op.id,)
            )
            continue
        mark_pending(ctx, link, assignment=answer.id, title=title, operation_id=str(op.id))
        ends[pair_of(entry)] = End(disposition=Disposition.APPLIED, reason="registered", operations=(op.id,))
    return ends


def people_of(ctx: Context, side: SystemName, ids: Sequence[str]) -> list[Record]:
    found = ctx.systems[side].read_many(Kind.PERSON, list(ids))
    missing = [id for id in ids if not isinstance(found.get(id), Present)]
    if missing:
        raise Refused(
            f"{side.capitalize()} does not show these people, so they cannot be registered: {', '.join(missing)}", code="person_not_shown"
        )
    return [reading.record for id in ids if isinstance(reading := found[id], Present)]


def confirm(ctx: Context, offering: OfferingFacts, entries: Sequence[Seat]) -> bool:
    """Poll the session roster shortly for people we registered. True when at least one appeared."""
    if ctx.dry:
        return False
    for entry in never_seated(ctx, offering, entries):
        _give_up(ctx, offering, entry, "never_seated", {}, "the session ended before an approval or a seat")
    waiting = {entry.user_id for entry in entries if entry.pending and not entry.held}
    if not waiting:
        return False
    deadline = ctx.clock.monotonic() + ctx.options.confirm_wait_seconds
    seen: set[str] = set()
    while not waiting <= seen and ctx.clock.monotonic() < deadline:
        ctx.clock.sleep(ctx.options.confirm_poll_seconds)
        seen = _people_shown(ctx.systems[C].roster(offering.session_id))
    if not waiting <= seen:
        _give_up_late_ones(ctx, offering, [entry for entry in entries if entry.user_id in waiting - seen])
    return bool(waiting & seen)


def never_seated(ctx: Context, offering: OfferingFacts, entries: Sequence[Seat]) -> list[Seat]:
    """Whom we registered, and who still waits for a seat or an approver of a session that is over."""
    return [entry for entry in entries if entry.pending and entry.held] if has_ended(ctx, offering) else []


def _people_shown(roster: Roster) -> set[str]:
    """Seated, or put on the waiting list or before an approver: either way the assignment was carried out."""
    rows = (row.value for row in roster.rows)
    taken_up = (EnrollmentState.ACTIVE, EnrollmentState.HOLDING)
    return {value.person_id for value in rows if isinstance(value, Enrollment) and value.state in taken_up}


def _give_up_late_ones(ctx: Context, offering: OfferingFacts, entries: Sequence[Seat]) -> None:
    """Past the deadline Cornerstone is asked what became of the assignment; a failed one ends the operation."""
    for entry in entries:
        assert entry.link is not None
        pending = entry.link.facts["pending"]
        late = ctx.clock.utcnow() - datetime.fromisoformat(pending["since"]) > timedelta(seconds=ctx.options.confirm_deadline_seconds)
        if not late:
            continue
        state = ctx.systems[C].assignment_state(pending["assignment"]) or "unknown"
        params = {"assignment": pending["assignment"], "state": state}
        detail = f"assignment {pending['assignment']} is {state}; the session roster never showed the user"
        _give_up(ctx, offering, entry, "assignment_not_confirmed", params, detail)


def _give_up(ctx: Context, offering: OfferingFacts, entry: Seat, reason: str, params: Mapping[str, str], detail: str) -> None:
    assert entry.link is not None
    with ctx.database.begin() as conn:
        if operation_id := entry.link.facts.get("operation"):
            failure = OperationOutcome.FAILURE.value
            ledger.close_operation(conn, UUID(operation_id), outcome=failure, reason=reason, params=params, detail=detail)
        links.set_facts(conn, entry.link.id, {**DONE, "event": offering.event_id, "refused": refusal_of_inputs(entry, offering)})
        links.set_state(conn, entry.link.id, "claimed")


def withdraw(ctx: Context, subject: str, offering: OfferingFacts, entries: Sequence[Seat]) -> Ends:
    ends, entries = _but_refused(offering, entries, "withdraw")
    why = {"offering": "cancelled"} if offering.cancelled else {}  # the brake counts a cancelled event once
    intents = [
        intent_for(ctx, subject, e, "withdrawn", C, "cancelled_in_administrate", session=offering.session_id, **why) for e in entries
    ]
    foresee(ctx, intents)
    for entry, intent in zip(entries, intents, strict=True):
        ids: tuple[UUID, ...] = ()
        assert entry.row is not None
        try:
            with operation(ctx, intent) as op:
                ids = (op.id,)
                link = entry.link or claimed_link(ctx, offering, entry, C, entry.row.id)
                with ctx.database.begin() as conn:
                    close_pending(conn, ctx, entry, link)
                    links.set_facts(conn, link.id, {**DONE, "asked": C.value})
                ctx.systems[C].withdraw(offering.session_id, entry.row, reason="Cancelled in Administrate")
                with ctx.database.begin() as conn:
                    op.close(conn, OperationOutcome.SUCCESS, "cancelled_in_administrate")
            ends[pair_of(entry)] = End(disposition=Disposition.APPLIED, reason="cancelled_in_administrate", operations=ids)
        except Refused as err:
            remember_refusal(ctx, entry.link, entry, offering, "withdraw")
            ends[pair_of(entry)] = refused_end(err, ids)
    return ends


def _but_refused(offering: OfferingFacts, entries: Sequence[Seat], action: str) -> tuple[Ends, list[Seat]]:
    """The ends of those whose same wish was refused before, and everybody else."""
    refused = End(disposition=Disposition.FAILED, reason="refused_before")
    again = {pair_of(entry): refused for entry in entries if refused_before(entry, offering, action)}
    return again, [entry for entry in entries if pair_of(entry) not in again]


# ---- Cornerstone -> Administrate ----


def enroll(ctx: Context, subject: str, offering: OfferingFacts, entries: Sequence[Seat]) -> Ends:
    """One registration document for all; a refused batch is halved, as in register()."""
    again, fresh = _but_refused(offering, entries, "enroll")
    return again | (_enroll_batch(ctx, subject, offering, fresh) if fresh else {})


def _enroll_batch(ctx: Context, subject: str, offering: OfferingFacts, entries: Sequence[Seat]) -> Ends:
    intents = [intent_for(ctx, subject, e, "registered", A, "registered_in_cornerstone", event=offering.event_id) for e in entries]
    ids: tuple[UUID, ...] = ()
    claimed: dict[tuple[str, str], Link] = {}
    try:
        with operations(ctx, intents) as opened:
            ids = tuple(op.id for op in opened)
            for entry in entries:
                assert entry.row is not None
                claimed[pair_of(entry)] = claimed_link(ctx, offering, entry, C, entry.row.id, asked=A.value)
            contacts = people_of(ctx, A, [entry.contact_id for entry in entries])
            answers = ctx.systems[A].register(offering.event_id, contacts, title=f"CSOD {offering.session_id}")
            ends: Ends = {}
            with ctx.database.begin() as conn:
                for entry, op in zip(entries, opened, strict=True):
                    answer = answers.get(entry.contact_id)
                    if answer is None or isinstance(answer, Refusal):
                        message = answer.message if answer is not None else "the answer does not mention this contact"
                        op.close(conn, OperationOutcome.FAILURE, "refused_by_vendor", params={"message": message}, detail=message)
                        links.set_facts(conn, claimed[pair_of(entry)].id, {**DONE, "refused": refusal_of_inputs(entry, offering, "enroll")})
                        ends[pair_of(entry)] = End(
                            disposition=Disposition.FAILED, reason="refused_by_vendor", params={"message": message}, operations=(op.id,)
                        )
                    else:
                        op.close(conn, OperationOutcome.SUCCESS, "registered_in_cornerstone", administrate_id=answer.id)
                        ends[pair_of(entry)] = End(disposition=Disposition.APPLIED, reason="registered_in_cornerstone", operations=(op.id,))
            return ends
    except Refused as err:
        if len(entries) > 1:
            middle = len(entries) // 2
            return _enroll_batch(ctx, subject, offering, entries[:middle]) | _enroll_batch(ctx, subject, offering, entries[middle:])
        remember_refusal(ctx, claimed.get(pair_of(entries[0])), entries[0], offering, "enroll")
        return {pair_of(entries[0]): refused_end(err, ids)}


def reactivate(ctx: Context, subject: str, offering: OfferingFacts, entries: Sequence[Seat]) -> Ends:
    return _each_learner(ctx, subject, offering, entries, action="reactivated", reason="registered_in_cornerstone")


def cancel(ctx: Context, subject: str, offering: OfferingFacts, entries: Sequence[Seat]) -> Ends:
    return _each_learner(ctx, subject, offering, entries, action="cancelled", reason="ended_in_cornerstone")


def _each_learner(ctx: Context, subject: str, offering: OfferingFacts, entries: Sequence[Seat], *, action: str, reason: str) -> Ends:
    ends, entries = _but_refused(offering, entries, action)
    intents = [intent_for(ctx, subject, entry, action, A, reason, event=offering.event_id) for entry in entries]
    foresee(ctx, intents)
    for entry, intent in zip(entries, intents, strict=True):
        ids: tuple[UUID, ...] = ()
        assert entry.learner is not None
        link = entry.link
        try:
            with operation(ctx, intent) as op:
                ids = (op.id,)
                link = claimed_link(ctx, offering, entry, A, entry.learner.id, asked=A.value)
                if action == "reactivated":
                    ctx.systems[A].reactivate(offering.event_id, entry.learner)
                else:
                    ctx.systems[A].withdraw(offering.event_id, entry.learner, reason="Ended in Cornerstone")
                with ctx.database.begin() as conn:
                    op.close(conn, OperationOutcome.SUCCESS, reason)
            ends[pair_of(entry)] = End(disposition=Disposition.APPLIED, reason=reason, operations=ids)
        except Refused as err:
            remember_refusal(ctx, link, entry, offering, action)
            ends[pair_of(entry)] = refused_end(err, ids)
    return ends
