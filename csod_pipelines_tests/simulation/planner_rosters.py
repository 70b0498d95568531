"""One place in one offering, as a pure model of both vendors around ``plan_place``.

People change either side; a pass plans and carries out one step, which may crash before its effect, or after it and before
it was recorded. Then everything becomes quiet, and the model must settle on what the people did last.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from csod_pipelines.model.keys import Kind, RecordKey, SystemName
from csod_pipelines.model.records import Enrollment, EnrollmentState, Record
from csod_pipelines.sync.roster import Place, RosterAction, plan_place

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
ACTIVE, CANCELLED = EnrollmentState.ACTIVE, EnrollmentState.CANCELLED
HOLDING, NO_STATEMENT = EnrollmentState.HOLDING, EnrollmentState.NO_STATEMENT
State = EnrollmentState | None

#: What a person can do on each side: from which states, to which.
EDITS: dict[str, tuple[SystemName, frozenset[State], State]] = {
    "A registers": (A, frozenset({None, CANCELLED, HOLDING}), ACTIVE),
    "A cancels": (A, frozenset({ACTIVE, HOLDING}), CANCELLED),
    "A reserves": (A, frozenset({None}), HOLDING),
    "C registers": (C, frozenset({None, CANCELLED, HOLDING}), ACTIVE),
    "C withdraws": (C, frozenset({ACTIVE, HOLDING}), CANCELLED),
    "C requests": (C, frozenset({None, CANCELLED}), HOLDING),
    "C marks no show": (C, frozenset({ACTIVE}), NO_STATEMENT),
}
#: How a pass of ours ends. ``unconfirmed``: the vendor took a registration and has not carried it out yet.
PASSES = ("pass", "pass, crash before the effect", "pass, crash after the effect", "pass, unconfirmed")
STEPS = (*EDITS, *PASSES)
QUIET_ROUNDS = 8
WRITES = {RosterAction.REGISTER, RosterAction.WITHDRAW, RosterAction.ENROLL, RosterAction.REACTIVATE, RosterAction.CANCEL}


def record(side: SystemName, state: EnrollmentState) -> Record:
    value = Enrollment(person_id="p", offering_id="o", state=state)
    return Record(key=RecordKey(Kind.ENROLLMENT, side, "1"), value=value)


def place(administrate: State, cornerstone: State, *, base: bool = False, asked: SystemName | None = None, **given: bool) -> Place:
    return Place(
        administrate=None if administrate is None else record(A, administrate),
        cornerstone=None if cornerstone is None else record(C, cornerstone),
        base=base,
        asked=asked,
        **given,
    )


@dataclass(slots=True)
class Seat:
    administrate: State = None
    cornerstone: State = None
    number: int = 0  # registration number of the Cornerstone row; a new one with every registration anew
    base: bool = False
    asked: SystemName | None = None
    pending: bool = False
    before: int = 0  # the number when we asked
    on_its_way: bool = False  # a registration that Cornerstone took and has not carried out
    written: int = 0
    touched: set[SystemName] = field(default_factory=set)  # sides that people changed since both agreed
    story: list[str] = field(default_factory=list)

    def edit(self, name: str) -> None:
        side, before, after = EDITS[name]
        held = self.administrate if side is A else self.cornerstone
        if held not in before:
            return
        self.story.append(name)
        self.touched.add(side)
        if side is A:
            self.administrate = after
        else:
            self._number(after)
            self.cornerstone = after

    def _number(self, after: State) -> None:
        self.number += self.cornerstone in (None, CANCELLED) and after in (ACTIVE, HOLDING)

    def carry_out(self) -> None:
        """Cornerstone works off its queue: asking again for what is there changes nothing."""
        if self.on_its_way:
            self.on_its_way = False
            if self.cornerstone in (None, CANCELLED, HOLDING):
                self._number(ACTIVE)
                self.cornerstone = ACTIVE

    def sync(self, how: str) -> RosterAction:
        if how != "pass, unconfirmed":
            self.carry_out()
        answered = self.pending and self.number != self.before
        step = plan_place(
            place(self.administrate, self.cornerstone, base=self.base, asked=self.asked, pending=self.pending, answered=answered)
        )
        self.story.append(f"{how}: {step.action}")
        if step.action in WRITES:
            self.asked = C if step.action in (RosterAction.REGISTER, RosterAction.WITHDRAW) else A
            self.pending = self.pending and step.action is not RosterAction.WITHDRAW
        if step.action is RosterAction.REGISTER:
            self.before = self.number
        if how == "pass, crash before the effect":
            return step.action
        self._effect(step.action)
        if how != "pass, crash after the effect":
            self._record(step.action)
        return step.action

    def _effect(self, action: RosterAction) -> None:
        self.written += action in WRITES
        if action is RosterAction.REGISTER:
            self.on_its_way = True
        elif action is RosterAction.WITHDRAW:
            self.cornerstone = CANCELLED
        elif action in (RosterAction.ENROLL, RosterAction.REACTIVATE):
            self.administrate = ACTIVE
        elif action is RosterAction.CANCEL:
            self.administrate = CANCELLED

    def _record(self, action: RosterAction) -> None:
        if action is RosterAction.REGISTER:
            self.pending = True
        elif action is RosterAction.AGREE and self.on_its_way and not self.pending:
            self.pending = True  # found by its title
        elif action is RosterAction.AGREE:
            self.base, self.pending, self.asked = self.administrate is ACTIVE, False, None
            self.touched.clear()

    def settle(self) -> list[RosterAction]:
        """Quiet: nobody edits, nothing fails."""
        actions: list[RosterAction] = []
        while len(actions) < QUIET_ROUNDS:
            actions.append(self.sync("pass"))
            if actions[-1] not in WRITES | {RosterAction.AGREE} and not self.on_its_way:
                return actions
        raise AssertionError(f"still at work after {QUIET_ROUNDS} quiet rounds: {self.story}")


def check(steps: Sequence[str], *, start: Seat | None = None) -> Seat:
    """Play the steps, let it settle, and hold the outcome against the rules; AssertionError tells the story."""
    seat = replace(start) if start is not None else Seat()
    seat.touched, seat.story = set(), []
    for step in steps:
        seat.edit(step) if step in EDITS else seat.sync(step)
    touched, before = set(seat.touched), (seat.administrate, seat.cornerstone)
    late = seat.on_its_way  # an assignment that Cornerstone still carries out changes that side without anybody's doing now
    seat.settle()
    _agree(seat)
    _follow_whoever_changed(seat, touched, before, late=late)
    written = seat.written
    again = seat.sync("pass")
    assert again not in WRITES and seat.written == written, f"a second look writes again: {seat.story}"
    return seat


def _agree(seat: Seat) -> None:
    if seat.cornerstone is NO_STATEMENT or HOLDING in (seat.administrate, seat.cornerstone):
        return  # says nothing, or waits for somebody
    here, there = seat.administrate is ACTIVE, seat.cornerstone is ACTIVE
    assert here == there, f"the sides differ when quiet ({seat.administrate}, {seat.cornerstone}): {seat.story}"


def _follow_whoever_changed(seat: Seat, touched: set[SystemName], before: tuple[State, State], *, late: bool) -> None:
    """Where only one side was edited since both agreed, what stands there was never changed by us."""
    if touched == {A} and before[0] is not HOLDING:
        assert seat.administrate == before[0], f"an edit in Administrate was undone: {seat.story}"
    if touched == {C} and before[1] is not HOLDING and not late:
        assert seat.cornerstone == before[1], f"an edit in Cornerstone was undone: {seat.story}"
