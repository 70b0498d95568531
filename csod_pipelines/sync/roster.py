"""Who is in an offering: what must be done so that both rosters agree.

Presence is a yes or no on each side, and the base is the answer both agreed on last. So at most one side differs from
the base, and a conflict cannot arise: the side that changed is followed. Rows that make no statement count as the base.
A side that we asked for something since then says nothing new: what it shows may be our own doing, so the other one is followed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from csod_pipelines.model.keys import SystemName
from csod_pipelines.model.records import Enrollment, EnrollmentState, Record


class RosterAction(StrEnum):
    NOTHING = "nothing"
    AGREE = "agree"  # both sides say the same for the first time, or again: record it, write nothing
    REGISTER = "register"  # learner -> Cornerstone
    WITHDRAW = "withdraw"  # learner cancelled -> Cornerstone
    ENROLL = "enroll"  # Cornerstone row -> new learner
    REACTIVATE = "reactivate"  # Cornerstone row -> cancelled learner becomes active
    CANCEL = "cancel"  # Cornerstone row ended -> learner cancelled
    WAIT = "wait"  # registered, not confirmed yet
    REPORT = "report"  # differs, and nothing may be sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """One person in one offering on both sides. ``base``: present when last agreed. ``asked``: the side to which a write
    was begun since. ``pending``: Cornerstone took our registration and has not confirmed it yet; ``answered``: the row
    shown there is the one that this registration made, whatever became of it."""

    administrate: Record | None
    cornerstone: Record | None
    base: bool
    asked: SystemName | None = None
    pending: bool = False
    answered: bool = False
    cornerstone_complete: bool = True
    ended: bool = False


@dataclass(frozen=True, slots=True)
class RosterStep:
    action: RosterAction
    reason: str


def _state(record: Record | None) -> EnrollmentState | None:
    if record is None:
        return None
    assert isinstance(record.value, Enrollment)
    return record.value.state


def _present(record: Record | None, *, base: bool, complete: bool) -> bool:
    state = _state(record)
    if state is EnrollmentState.ACTIVE:
        return True
    if state is EnrollmentState.NO_STATEMENT or (state is None and not complete):
        return base
    return False


def plan_place(place: Place) -> RosterStep:
    """What to do about one person. ``reason`` is a code of model/reasons.yaml."""
    base = place.base or place.pending  # what we asked for on the learner's behalf counts as agreed until it is answered
    here = _present(place.administrate, base=base, complete=True)
    there = _present(place.cornerstone, base=place.base or place.answered, complete=place.cornerstone_complete)
    holding = _state(place.cornerstone) is EnrollmentState.HOLDING
    if place.pending and holding and not here:
        return RosterStep(RosterAction.WITHDRAW, "cancelled_in_administrate")  # or the waiting list would seat somebody who left
    if place.pending and not there and (holding or not place.answered):
        return _unconfirmed(place)
    if here == there:
        if here == place.base and not place.pending and place.asked is None:
            return RosterStep(RosterAction.NOTHING, _quiet_reason(place))
        return RosterStep(RosterAction.AGREE, "both_sides_agree")
    followed = None if place.asked is None or place.pending else place.asked.peer
    if followed is SystemName.ADMINISTRATE or (followed is None and here != base):
        return _administrate_changed(place, here=here)
    return _cornerstone_changed(place, there=there)


def _unconfirmed(place: Place) -> RosterStep:
    if _state(place.cornerstone) is EnrollmentState.HOLDING:
        return RosterStep(RosterAction.WAIT, "waiting_for_approval_or_seat")
    return RosterStep(RosterAction.WAIT, "waiting_for_confirmation")


def _quiet_reason(place: Place) -> str:
    if _state(place.cornerstone) is EnrollmentState.HOLDING:
        return "held_in_cornerstone"
    if _state(place.administrate) is EnrollmentState.HOLDING:
        return "held_in_administrate"
    return "already_in_step"


def _administrate_changed(place: Place, *, here: bool) -> RosterStep:
    if here:
        if _state(place.cornerstone) is EnrollmentState.HOLDING:
            return RosterStep(RosterAction.WAIT, "waiting_for_approval_or_seat")
        if place.ended:
            return RosterStep(RosterAction.REPORT, "session_has_ended")
        return RosterStep(RosterAction.REGISTER, "registered_in_administrate")
    if place.ended:
        return RosterStep(RosterAction.REPORT, "session_has_ended")
    return RosterStep(RosterAction.WITHDRAW, "cancelled_in_administrate")


def _cornerstone_changed(place: Place, *, there: bool) -> RosterStep:
    if not there:
        return RosterStep(RosterAction.CANCEL, "ended_in_cornerstone")
    if _state(place.administrate) is EnrollmentState.CANCELLED:
        return RosterStep(RosterAction.REACTIVATE, "registered_in_cornerstone")
    return RosterStep(RosterAction.ENROLL, "registered_in_cornerstone")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomePlan:
    """What to send of results and marks. Maps use the target's part ids; ``submit``: the Cornerstone row is complete."""

    to_cornerstone: bool = False
    attendance: Mapping[str, bool] | None = None
    result: bool | None = None
    submit: bool = False
    fill_attendance: Mapping[str, bool] | None = None  # Administrate session id -> present, for unmarked ones only
    fill_result: bool | None = None
    conflict: bool = False
    reason: str = "already_in_step"


def plan_outcome(
    *,
    learner: Record,
    row: Record,
    parts: Mapping[str, str],
    ended: bool,
    sent: Mapping[str, object] | None,
    submit_after_passed: bool,
) -> OutcomePlan:
    """``parts``: Administrate session id -> Cornerstone part id. ``sent``: what was last sent ({attendance, result, submitted}).

    Administrate's explicit marks and result go to Cornerstone after the end of the session; a row that Cornerstone
    completed gives back a pass, and marks only where none was made. A differing result is reported, never overwritten.
    """
    a, c = learner.value, row.value
    assert isinstance(a, Enrollment) and isinstance(c, Enrollment)
    failed_there = c.result is False and a.result is not False
    if row.facts.get("locked") or c.result is True or failed_there:
        fill = {own: c.attendance[peer] for own, peer in parts.items() if peer in c.attendance and own not in a.attendance}
        fill = {own: present for own, present in fill.items() if present}
        if a.result is None and c.result is not None:
            return OutcomePlan(fill_attendance=fill, fill_result=c.result, reason="completed_in_cornerstone")
        if c.result is not None and a.result != c.result:
            return OutcomePlan(conflict=True, reason="result_conflict")
        return OutcomePlan(fill_attendance=fill, reason="completed_in_cornerstone" if fill else "already_in_step")
    marks = {peer: a.attendance[own] for own, peer in parts.items() if own in a.attendance}
    if not marks and a.result is None:
        return OutcomePlan()
    if not ended:
        return OutcomePlan(reason="waiting_for_session_end")
    all_marked = len(marks) == len(parts)
    absent = all_marked and not any(marks.values())
    submit = absent or (all_marked and a.result is not None) or submit_after_passed
    wanted = {"attendance": dict(sorted(marks.items())), "result": a.result, "submitted": submit}
    if sent is not None and dict(sent) == wanted:
        return OutcomePlan(reason="already_sent")
    return OutcomePlan(to_cornerstone=True, attendance=marks, result=a.result, submit=submit, reason="recorded_in_administrate")
