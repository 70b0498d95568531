"""Attendance and results of one roster, after its people are in step.

Cornerstone computes the transcript status itself and never refuses a pass: it answers 200 and keeps Incomplete. So the
roster is read once after each call, and what Cornerstone made of it decides how the operation ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from csod_pipelines.engine.context import Context, End, WouldApply
from csod_pipelines.engine.ends import RosterEnd, merged
from csod_pipelines.engine.operations import Intent, Operation, operation, operations, refused_end
from csod_pipelines.engine.places import OfferingFacts, Seat
from csod_pipelines.engine.roster_writes import people_of
from csod_pipelines.model.keys import Flow, Kind, SystemName
from csod_pipelines.model.outcomes import Disposition, OperationOutcome
from csod_pipelines.model.records import Enrollment, EnrollmentState, Record
from csod_pipelines.store import images, links
from csod_pipelines.sync.images import image_of
from csod_pipelines.sync.plan import input_digest
from csod_pipelines.sync.roster import OutcomePlan, plan_outcome
from csod_pipelines.sync.statuses import disappointment
from csod_pipelines.systems.base import OutcomeRow, Refusal
from csod_pipelines.systems.errors import Refused

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
FILL_REFUSED = "fill_refused"  # among a pair's facts: the digest of what Administrate did not take from a completion


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    seat: Seat
    plan: OutcomePlan


def bring_results(ctx: Context, subject: str, offering: OfferingFacts, seats: Sequence[Seat], result: RosterEnd) -> None:
    """Plan everybody's marks and result, send what is due, and write each person's end into ``result``."""
    planned = [Due(seat=seat, plan=_plan(ctx, offering, seat)) for seat in seats if _both_active(seat)]
    ends: dict[int, End] = {}
    for submit in (False, True):
        batch = [due for due in planned if due.plan.to_cornerstone and due.plan.submit is submit]
        if batch:
            ends |= _guarded(_send, ctx, subject, offering, batch)
    for due in planned:
        plan = due.plan
        if plan.fill_attendance or plan.fill_result is not None:
            ends |= _guarded(_fill, ctx, subject, offering, [due])
        elif plan.conflict:
            ends[id(due.seat)] = _conflict(ctx, subject, due)
        elif plan.reason == "waiting_for_session_end":
            ends[id(due.seat)] = End(disposition=Disposition.IGNORED, reason=plan.reason, params={"until": str(offering.ends_at)})
    for due in planned:
        end = ends.get(id(due.seat))
        if end is None:
            continue
        for member in due.seat.members:
            mine = result.members.get(member)
            if mine is None or mine.disposition in (Disposition.UNCHANGED, Disposition.IGNORED):
                result.members[member] = end
            else:
                result.members[member] = merged([mine, end])
        if end.operations:
            result.overall = merged([result.overall, end])


def _both_active(seat: Seat) -> bool:
    if seat.learner is None or seat.row is None or seat.link is None:
        return False
    a, c = seat.learner.value, seat.row.value
    assert isinstance(a, Enrollment) and isinstance(c, Enrollment)
    return a.state is EnrollmentState.ACTIVE and c.state in (EnrollmentState.ACTIVE, EnrollmentState.NO_STATEMENT)


def _plan(ctx: Context, offering: OfferingFacts, seat: Seat) -> OutcomePlan:
    assert seat.learner is not None and seat.row is not None and seat.link is not None
    now = ctx.systems[C].now()
    ended = offering.ends_at is not None and now >= offering.ends_at
    late = ended and offering.ends_at is not None and now >= offering.ends_at + timedelta(hours=ctx.options.submit_after_hours)
    plan = plan_outcome(
        learner=seat.learner,
        row=seat.row,
        parts=offering.parts,
        ended=ended,
        sent=seat.link.facts.get("sent"),
        submit_after_passed=late,
    )
    return plan if ctx.options.fill_attendance else replace(plan, fill_attendance=None)


def _guarded(writer: Any, ctx: Context, subject: str, offering: OfferingFacts, batch: Sequence[Due]) -> dict[int, End]:
    try:
        return writer(ctx, subject, offering, batch)
    except WouldApply as would:
        return {id(due.seat): would.end for due in batch}


def _intent(subject: str, due: Due, action: str, target: SystemName, payload: Mapping[str, Any]) -> Intent:
    return Intent(
        subject=subject,
        flow=Flow.RESULT,
        kind=Kind.OUTCOME,
        action=action,
        target=target,
        administrate_id=due.seat.learner.id if due.seat.learner else None,
        cornerstone_id=due.seat.row.id if due.seat.row else None,
        payload=payload,
        reason=due.plan.reason,
    )


def _wanted(due: Due) -> dict[str, Any]:
    plan = due.plan
    return {"attendance": dict(sorted((plan.attendance or {}).items())), "result": plan.result, "submitted": plan.submit}


def _send(ctx: Context, subject: str, offering: OfferingFacts, batch: Sequence[Due]) -> dict[int, End]:
    """One roster call for the batch, one read after it; a refused batch is halved to the offending learner."""
    action = "submitted" if batch[0].plan.submit else "marked"
    ids: tuple[Any, ...] = ()
    try:
        with operations(ctx, [_intent(subject, due, action, C, _wanted(due)) for due in batch]) as opened:
            ids = tuple(op.id for op in opened)
            people = {person.id: person for person in people_of(ctx, C, [due.seat.user_id for due in batch])}
            rows = [
                OutcomeRow(
                    enrollment=_present(due.seat.row),
                    person=people[due.seat.user_id],
                    attendance=due.plan.attendance or {},
                    result=due.plan.result,
                )
                for due in batch
            ]
            answers = ctx.systems[C].record_outcomes(offering.session_id, rows, submit=batch[0].plan.submit)
            kept = {row.id: row for row in ctx.systems[C].roster(offering.session_id).rows}
            return {id(due.seat): _judge(ctx, offering, due, op, answers, kept) for due, op in zip(batch, opened, strict=True)}
    except Refused as err:
        if len(batch) > 1:
            middle = len(batch) // 2
            return _send(ctx, subject, offering, batch[:middle]) | _send(ctx, subject, offering, batch[middle:])
        _remember_sent(ctx, batch[0])
        return {id(batch[0].seat): refused_end(err, ids)}


def _present(record: Record | None) -> Record:
    assert record is not None
    return record


def _judge(ctx: Context, offering: OfferingFacts, due: Due, op: Operation, answers: Mapping[str, Any], kept: Mapping[str, Record]) -> End:
    row = kept.get(_present(due.seat.row).id, _present(due.seat.row))
    answer = answers.get(_present(due.seat.row).id)
    status = str(row.facts.get("status") or "")
    marks = due.plan.attendance or {}
    reason, outcome = due.plan.reason, OperationOutcome.SUCCESS
    params: dict[str, Any] = {"status": status, "attended_parts": sum(marks.values()), "parts": len(offering.parts)}
    if isinstance(answer, Refusal):
        reason, outcome, params = "refused_by_vendor", OperationOutcome.FAILURE, {"message": answer.message}
    elif due.plan.submit and (why := disappointment(status=status, attendance=marks, result=due.plan.result)) is not None:
        reason, outcome = why, OperationOutcome.FAILURE
        params["minimum_parts"] = row.facts.get("min_parts")
    with ctx.database.begin() as conn:
        op.close(conn, outcome, reason, params=params, detail=f"Cornerstone's status is {status}" if status else "")
        _remember(conn, ctx, due, row)
    failed = outcome is OperationOutcome.FAILURE
    return End(disposition=Disposition.FAILED if failed else Disposition.APPLIED, reason=reason, params=params, operations=(op.id,))


def _remember(conn: Any, ctx: Context, due: Due, row: Record) -> None:
    link = due.seat.link
    assert link is not None
    links.set_facts(conn, link.id, {"sent": _wanted(due)})
    for record in (due.seat.learner, row):
        if record is not None:
            images.save(conn, link.id, record.key.system, seen=image_of(record), base=image_of(record))


def _remember_sent(ctx: Context, due: Due) -> None:
    """Refused inputs are not sent again until one of them changes."""
    with ctx.database.begin() as conn:
        _remember(conn, ctx, due, _present(due.seat.row))


def _fill(ctx: Context, subject: str, offering: OfferingFacts, batch: Sequence[Due]) -> dict[int, End]:
    """A completion in Cornerstone: fills the learner's empty result, and marks only where none was made. What Administrate refused
    is not sent again until it changes."""
    due = batch[0]
    payload = {"attendance": dict(due.plan.fill_attendance or {}), "result": due.plan.fill_result}
    inputs = input_digest(payload)
    if due.seat.link is not None and due.seat.link.facts.get(FILL_REFUSED) == inputs:
        return {id(due.seat): End(disposition=Disposition.FAILED, reason="refused_before")}
    ids: tuple[Any, ...] = ()
    try:
        with operation(ctx, _intent(subject, due, "recorded", A, payload)) as op:
            ids = (op.id,)
            contact = people_of(ctx, A, [due.seat.contact_id])[0]
            row = OutcomeRow(
                enrollment=_present(due.seat.learner),
                person=contact,
                attendance=due.plan.fill_attendance or {},
                result=due.plan.fill_result,
            )
            answer = ctx.systems[A].record_outcomes(offering.event_id, [row], submit=False).get(row.enrollment.id)
            with ctx.database.begin() as conn:
                if isinstance(answer, Refusal):
                    told = {"message": answer.message}
                    op.close(conn, OperationOutcome.FAILURE, "refused_by_vendor", params=told, detail=answer.message)
                    _note_refused(conn, due, inputs)
                    return {id(due.seat): End(disposition=Disposition.FAILED, reason="refused_by_vendor", params=told, operations=ids)}
                op.close(conn, OperationOutcome.SUCCESS, due.plan.reason)
        return {id(due.seat): End(disposition=Disposition.APPLIED, reason=due.plan.reason, operations=ids)}
    except Refused as err:
        with ctx.database.begin() as conn:
            _note_refused(conn, due, inputs)
        return {id(due.seat): refused_end(err, ids)}


def _note_refused(conn: Connection, due: Due, inputs: str) -> None:
    if due.seat.link is not None:
        links.set_facts(conn, due.seat.link.id, {FILL_REFUSED: inputs})


def _conflict(ctx: Context, subject: str, due: Due) -> End:
    """Both sides recorded a result, and they differ: reported once for each pair of values, never overwritten."""
    a, c = _present(due.seat.learner).value, _present(due.seat.row).value
    assert isinstance(a, Enrollment) and isinstance(c, Enrollment) and due.seat.link is not None
    values = {"administrate": a.result, "cornerstone": c.result}
    if ctx.dry or due.seat.link.facts.get("conflict") == input_digest(values):
        return End(disposition=Disposition.IGNORED, reason="result_conflict", params=values)
    try:
        with operation(ctx, _intent(subject, due, "result conflict", C, values)) as op, ctx.database.begin() as conn:
            op.close(conn, OperationOutcome.FAILURE, "result_conflict", params=values)
            links.set_facts(conn, due.seat.link.id, {"conflict": input_digest(values)})
    except WouldApply as would:
        return would.end
    return End(disposition=Disposition.FAILED, reason="result_conflict", params=values, operations=(op.id,))
