"""Writes of a roster: register, withdraw, enroll, reactivate, cancel, and recording what both sides now agree on.

Registration in Cornerstone is asynchronous: the operation stays open and the link pending until the session roster shows
the person; only then is it a success, and the ids are stored on the learner.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from csod_pipelines.engine.context import Context, End
from csod_pipelines.engine.operations import Intent, Operation, operation, operations, refused_end
from csod_pipelines.engine.places import OfferingFacts, Seat
from csod_pipelines.model.keys import Flow, Kind, RecordKey, SystemName
from csod_pipelines.model.outcomes import Disposition, OperationOutcome
from csod_pipelines.model.readings import Present, Roster
from csod_pipelines.model.records import Enrollment, EnrollmentState, Record
from csod_pipelines.store import images, ledger, links
from csod_pipelines.store.links import Link, Taken
from csod_pipelines.sync.images import image_of
from csod_pipelines.sync.plan import input_digest
from csod_pipelines.systems.base import Refusal
from csod_pipelines.systems.errors import Refused

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
Ends = dict[tuple[str, str], End]


def _pair(entry: Seat) -> tuple[str, str]:
    return entry.contact_id, entry.user_id


def _intent(ctx: Context, subject: str, entry: Seat, action: str, target: SystemName, reason: str, **payload: str) -> Intent:
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


def _claimed(ctx: Context, offering: OfferingFacts, entry: Seat, side: SystemName, id: str) -> Link:
    """Our link of this place, claimed before anything is sent; a tombstone opens a new generation."""
    with ctx.database.begin() as conn:
        if entry.link is not None and entry.link.state != "tombstone":
            return links.bind(conn, entry.link.id, system=side, id=id, state=entry.link.state)
        if entry.link is not None and _held_id(entry.link, side) == id:
            link = links.reopen(conn, entry.link.id)
            links.set_state(conn, link.id, "claimed")
        else:
            natural = f"{Kind.ENROLLMENT}|{entry.contact_id}|{entry.user_id}|{offering.link.id}"
            claimed = links.claim_link(conn, kind=Kind.ENROLLMENT, natural_key=natural, system=side, id=id)
            link = claimed.link if isinstance(claimed, Taken) else claimed
        links.set_facts(conn, link.id, {"event": offering.event_id})
        fresh = links.by_id(conn, link.id)
        assert fresh is not None
        return fresh


def _held_id(link: Link, side: SystemName) -> str | None:
    return link.administrate_id if side is A else link.cornerstone_id


def _inputs(entry: Seat, offering: OfferingFacts) -> str:
    return input_digest([entry.learner.id if entry.learner else "", entry.user_id, offering.session_id])


# ---- Administrate -> Cornerstone ----


def register(ctx: Context, subject: str, offering: OfferingFacts, entries: Sequence[Seat]) -> Ends:
    """One learning assignment for all of them; a refused batch is halved until the offending record stands alone."""
    again: Ends = {}
    fresh: list[Seat] = []
    for entry in entries:
        if entry.link is not None and entry.link.facts.get("refused") == _inputs(entry, offering):
            again[_pair(entry)] = End(disposition=Disposition.FAILED, reason="refused_before")
        elif (found := _resume(ctx, offering, entry)) is not None:
            again[_pair(entry)] = found
        else:
            fresh.append(entry)
    return again | (_register_batch(ctx, subject, offering, fresh) if fresh else {})


def _resume(ctx: Context, offering: OfferingFacts, entry: Seat) -> End | None:
    """A registration whose answer was lost: found by its title, it goes on waiting; not found after its settle time, it is sent again."""
    if entry.link is None or not (title := entry.link.facts.get("title")) or ctx.dry:
        return None
    assignment = ctx.systems[C].find_assignment(title)
    if assignment is None:
        return None
    operation_id = entry.link.facts.get("operation")
    _mark_pending(ctx, entry.link, assignment=assignment, title=title, operation_id=operation_id)
    return End(disposition=Disposition.APPLIED, reason="found_after_unknown", operations=(UUID(operation_id),) if operation_id else ())


def _mark_pending(ctx: Context, link: Link, *, assignment: str, title: str, operation_id: str | None) -> None:
    facts = {**link.facts, "title": title, "operation": operation_id}
    facts["pending"] = {"assignment": assignment, "since": ctx.clock.utcnow().isoformat()}
    facts.pop("refused", None)
    with ctx.database.begin() as conn:
        links.set_facts(conn, link.id, facts)
        links.set_state(conn, link.id, "pending")


def _register_batch(ctx: Context, subject: str, offering: OfferingFacts, entries: Sequence[Seat]) -> Ends:
    intents = [_intent(ctx, subject, e, "registered", C, "registered_in_administrate", session=offering.session_id) for e in entries]
    claimed: dict[str, Link] = {}
    ids: tuple[UUID, ...] = ()
    try:
        with operations(ctx, intents) as opened:
            ids = tuple(op.id for op in opened)
            title = f"ADM {offering.code} {opened[0].id}"
            for entry, op in zip(entries, opened, strict=True):
                assert entry.learner is not None
                link = _claimed(ctx, offering, entry, A, entry.learner.id)
                with ctx.database.begin() as conn:
                    links.set_facts(conn, link.id, {"event": offering.event_id, "title": title, "operation": str(op.id)})
                claimed[entry.user_id] = link
            users = people_of(ctx, C, [entry.user_id for entry in entries])
            answers = ctx.systems[C].register(offering.session_id, users, title=title)
            return _registered(ctx, offering, entries, opened, claimed, answers, title)
    except Refused as err:
        if len(entries) > 1:
            middle = len(entries) // 2
            return _register_batch(ctx, subject, offering, entries[:middle]) | _register_batch(ctx, subject, offering, entries[middle:])
        _remember_refusal(ctx, claimed.get(entries[0].user_id), entries[0], offering)
        return {_pair(entries[0]): refused_end(err, ids)}


def _registered(ctx: Context, offering: OfferingFacts, entries, opened: Sequence[Operation], claimed, answers, title: str) -> Ends:
    ends: Ends = {}
    for entry, op in zip(entries, opened, strict=True):
        answer = answers.get(entry.user_id)
        link = claimed[entry.user_id]
        if answer is None or isinstance(answer, Refusal):
            message = answer.message if answer is not None else "the answer does not mention this user"
            with ctx.database.begin() as conn:
                op.close(conn, OperationOutcome.FAILURE, "refused_by_vendor", params={"message": message}, detail=message)
            _remember_refusal(ctx, link, entry, offering)
            ends[_pair(entry)] = End(
                disposition=Disposition.FAILED, reason="refused_by_vendor", params={"message": message}, operations=(op.id,)
            )
            continue
        _mark_pending(ctx, link, assignment=answer.id, title=title, operation_id=str(op.id))
        ends[_pair(entry)] = End(disposition=Disposition.APPLIED, reason="registered", operations=(op.id,))
    return ends


def _remember_refusal(ctx: Context, link: Link | None, entry: Seat, offering: OfferingFacts) -> None:
    if link is None:
        return
    with ctx.database.begin() as conn:
        links.set_facts(conn, link.id, {"event": offering.event_id, "refused": _inputs(entry, offering)})


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
    waiting = {entry.user_id for entry in entries if entry.pending}
    if not waiting or ctx.dry:
        return False
    deadline = ctx.clock.monotonic() + ctx.options.confirm_wait_seconds
    seen: set[str] = set()
    while not waiting <= seen and ctx.clock.monotonic() < deadline:
        ctx.clock.sleep(ctx.options.confirm_poll_seconds)
        seen = _active_people(ctx.systems[C].roster(offering.session_id))
    if not waiting <= seen:
        _give_up_late_ones(ctx, offering, [entry for entry in entries if entry.user_id in waiting - seen])
    return bool(waiting & seen)


def _active_people(roster: Roster) -> set[str]:
    rows = (row.value for row in roster.rows)
    return {value.person_id for value in rows if isinstance(value, Enrollment) and value.state is EnrollmentState.ACTIVE}


def _give_up_late_ones(ctx: Context, offering: OfferingFacts, entries: Sequence[Seat]) -> None:
    """Past the deadline Cornerstone is asked what became of the assignment; a failed one ends the operation."""
    for entry in entries:
        assert entry.link is not None
        pending = entry.link.facts["pending"]
        late = ctx.clock.utcnow() - datetime.fromisoformat(pending["since"]) > timedelta(seconds=ctx.options.confirm_deadline_seconds)
        if not late:
            continue
        state = ctx.systems[C].assignment_state(pending["assignment"]) or "unknown"
        with ctx.database.begin() as conn:
            if operation_id := entry.link.facts.get("operation"):
                ledger.close_operation(
                    conn,
                    UUID(operation_id),
                    outcome=OperationOutcome.FAILURE.value,
                    reason="assignment_not_confirmed",
                    params={"assignment": pending["assignment"], "state": state},
                    detail=f"assignment {pending['assignment']} is {state}; the session roster never showed the user",
                )
            links.set_facts(conn, entry.link.id, {"event": offering.event_id, "refused": _inputs(entry, offering)})
            links.set_state(conn, entry.link.id, "claimed")


def withdraw(ctx: Context, subject: str, offering: OfferingFacts, entries: Sequence[Seat]) -> Ends:
    ends: Ends = {}
    for entry in entries:
        ids: tuple[UUID, ...] = ()
        assert entry.row is not None
        try:
            with operation(
                ctx, _intent(ctx, subject, entry, "withdrawn", C, "cancelled_in_administrate", session=offering.session_id)
            ) as op:
                ids = (op.id,)
                ctx.systems[C].withdraw(offering.session_id, entry.row, reason="Cancelled in Administrate")
                with ctx.database.begin() as conn:
                    op.close(conn, OperationOutcome.SUCCESS, "cancelled_in_administrate")
            ends[_pair(entry)] = End(disposition=Disposition.APPLIED, reason="cancelled_in_administrate", operations=ids)
        except Refused as err:
            ends[_pair(entry)] = refused_end(err, ids)
    return ends


# ---- Cornerstone -> Administrate ----


def enroll(ctx: Context, subject: str, offering: OfferingFacts, entries: Sequence[Seat]) -> Ends:
    """One registration document for all; a refused batch is halved, as in register()."""
    intents = [_intent(ctx, subject, e, "registered", A, "registered_in_cornerstone", event=offering.event_id) for e in entries]
    ids: tuple[UUID, ...] = ()
    try:
        with operations(ctx, intents) as opened:
            ids = tuple(op.id for op in opened)
            for entry in entries:
                assert entry.row is not None
                _claimed(ctx, offering, entry, C, entry.row.id)
            contacts = people_of(ctx, A, [entry.contact_id for entry in entries])
            answers = ctx.systems[A].register(offering.event_id, contacts, title=f"CSOD {offering.session_id}")
            ends: Ends = {}
            with ctx.database.begin() as conn:
                for entry, op in zip(entries, opened, strict=True):
                    answer = answers.get(entry.contact_id)
                    if answer is None or isinstance(answer, Refusal):
                        message = answer.message if answer is not None else "the answer does not mention this contact"
                        op.close(conn, OperationOutcome.FAILURE, "refused_by_vendor", params={"message": message}, detail=message)
                        ends[_pair(entry)] = End(
                            disposition=Disposition.FAILED, reason="refused_by_vendor", params={"message": message}, operations=(op.id,)
                        )
                    else:
                        op.close(conn, OperationOutcome.SUCCESS, "registered_in_cornerstone", administrate_id=answer.id)
                        ends[_pair(entry)] = End(disposition=Disposition.APPLIED, reason="registered_in_cornerstone", operations=(op.id,))
            return ends
    except Refused as err:
        if len(entries) > 1:
            middle = len(entries) // 2
            return enroll(ctx, subject, offering, entries[:middle]) | enroll(ctx, subject, offering, entries[middle:])
        return {_pair(entries[0]): refused_end(err, ids)}


def reactivate(ctx: Context, subject: str, offering: OfferingFacts, entries: Sequence[Seat]) -> Ends:
    return _each_learner(ctx, subject, offering, entries, action="reactivated", reason="registered_in_cornerstone")


def cancel(ctx: Context, subject: str, offering: OfferingFacts, entries: Sequence[Seat]) -> Ends:
    return _each_learner(ctx, subject, offering, entries, action="cancelled", reason="ended_in_cornerstone")


def _each_learner(ctx: Context, subject: str, offering: OfferingFacts, entries: Sequence[Seat], *, action: str, reason: str) -> Ends:
    ends: Ends = {}
    for entry in entries:
        ids: tuple[UUID, ...] = ()
        assert entry.learner is not None
        try:
            with operation(ctx, _intent(ctx, subject, entry, action, A, reason, event=offering.event_id)) as op:
                ids = (op.id,)
                if action == "reactivated":
                    ctx.systems[A].reactivate(offering.event_id, entry.learner)
                else:
                    ctx.systems[A].withdraw(offering.event_id, entry.learner, reason="Ended in Cornerstone")
                with ctx.database.begin() as conn:
                    op.close(conn, OperationOutcome.SUCCESS, reason)
            ends[_pair(entry)] = End(disposition=Disposition.APPLIED, reason=reason, operations=ids)
        except Refused as err:
            ends[_pair(entry)] = refused_end(err, ids)
    return ends


# ---- both sides say the same ----


def agree(ctx: Context, subject: str, offering: OfferingFacts, entries: Sequence[Seat]) -> Ends:
    """Record the agreement as the new base, close what was pending, and store the ids on active learners."""
    ends: Ends = {}
    to_store: list[tuple[Seat, Link, dict[str, str]]] = []
    for entry in entries:
        present = entry.learner is not None and getattr(entry.learner.value, "state", "") == "active"
        if entry.learner is None and entry.row is None:
            continue
        link = entry.link
        if present and (link is None or link.state == "tombstone"):
            assert entry.learner is not None
            link = _claimed(ctx, offering, entry, A, entry.learner.id)
        if link is None:
            continue
        ids = _external_ids(ctx, link, entry) if present else {}
        closed = _record_agreement(ctx, offering, entry, link, present=present)
        ends[_pair(entry)] = End(
            disposition=Disposition.APPLIED if closed else Disposition.UNCHANGED,
            reason="confirmed" if closed else "both_sides_agree",
            operations=closed,
        )
        if ids:
            to_store.append((entry, link, ids))
    _store_ids(ctx, subject, to_store)
    return ends


def _external_ids(ctx: Context, link: Link, entry: Seat) -> dict[str, str]:
    assert entry.row is not None and entry.learner is not None
    ids = {ctx.options.external_name(Kind.ENROLLMENT): entry.row.id}
    if pending := link.facts.get("pending"):
        ids[f"csod:{ctx.options.portal}:assignment"] = f"{pending['assignment']}:{entry.user_id}"
    held = entry.learner.external_ids
    return {name: value for name, value in ids.items() if held.get(name) != value}


def _record_agreement(ctx: Context, offering: OfferingFacts, entry: Seat, link: Link, *, present: bool) -> tuple[UUID, ...]:
    closed: list[UUID] = []
    facts = {k: v for k, v in link.facts.items() if k not in ("pending", "operation", "title", "refused")}
    facts |= {"present": present, "event": offering.event_id}
    with ctx.database.begin() as conn:
        for record in (entry.learner, entry.row):
            if record is not None:
                links.bind(conn, link.id, system=record.key.system, id=record.id, state="live")
                images.save(conn, link.id, record.key.system, seen=image_of(record), base=image_of(record))
        if link.facts.get("pending") and present and (operation_id := link.facts.get("operation")):
            assert entry.row is not None
            pending = Operation(
                id=UUID(operation_id), intent=_intent(ctx, "", entry, "registered", C, "registered_in_administrate"), context=ctx
            )
            pending.close(
                conn,
                OperationOutcome.SUCCESS,
                "confirmed",
                params={"assignment": link.facts["pending"]["assignment"]},
                cornerstone_id=entry.row.id,
            )
            closed.append(pending.id)
        links.set_facts(conn, link.id, facts)
        links.set_state(conn, link.id, "live" if present else "tombstone")
    return tuple(closed)


def _store_ids(ctx: Context, subject: str, rows: Sequence[tuple[Seat, Link, dict[str, str]]]) -> None:
    if not rows:
        return
    intents = [_intent(ctx, subject, entry, "id stored", A, "id_stored", **ids) for entry, _, ids in rows]
    try:
        with operations(ctx, intents) as opened:
            keys = [RecordKey(Kind.ENROLLMENT, A, entry.learner.id) for entry, _, _ in rows if entry.learner is not None]
            answers = ctx.systems[A].remember_many([(key, ids) for key, (_, _, ids) in zip(keys, rows, strict=True)])
            with ctx.database.begin() as conn:
                for op, answer in zip(opened, answers, strict=True):
                    if answer is None:
                        op.close(conn, OperationOutcome.SUCCESS, "id_stored")
                    else:
                        op.close(
                            conn, OperationOutcome.FAILURE, "refused_by_vendor", params={"message": answer.message}, detail=answer.message
                        )
    except Refused as err:
        # Each row's operation is closed as a failure already; the pairs stand in our links, and reconciliation stores the ids again.
        ctx.totals.done[f"ids not stored: {err}"] += len(rows)
