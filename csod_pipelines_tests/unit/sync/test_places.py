"""Who has a place: the side that changed is followed, and a row that says nothing counts as what was agreed."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from csod_pipelines.model.records import EnrollmentState
from csod_pipelines.sync.roster import Place, RosterAction, plan_place
from csod_pipelines_tests.simulation import planner_rosters
from csod_pipelines_tests.simulation.planner_rosters import place
from csod_pipelines_tests.unit.sync.records import A, C

ACTIVE, CANCELLED = EnrollmentState.ACTIVE, EnrollmentState.CANCELLED
HOLDING, SILENT = EnrollmentState.HOLDING, EnrollmentState.NO_STATEMENT
STATES = (None, ACTIVE, CANCELLED, HOLDING, SILENT)
TOLD = {"base": True}
ASKED = {"pending": True}


@pytest.mark.parametrize(
    ("administrate", "cornerstone", "given", "action", "reason"),
    [
        # one side changed since both agreed
        (ACTIVE, None, {}, "register", "registered_in_administrate"),
        (ACTIVE, CANCELLED, {}, "register", "registered_in_administrate"),
        (CANCELLED, ACTIVE, TOLD, "withdraw", "cancelled_in_administrate"),
        (None, ACTIVE, TOLD, "withdraw", "cancelled_in_administrate"),
        (HOLDING, ACTIVE, TOLD, "withdraw", "cancelled_in_administrate"),
        (None, ACTIVE, {}, "enroll", "registered_in_cornerstone"),
        (HOLDING, ACTIVE, {}, "enroll", "registered_in_cornerstone"),
        (CANCELLED, ACTIVE, {}, "reactivate", "registered_in_cornerstone"),
        (ACTIVE, CANCELLED, TOLD, "cancel", "ended_in_cornerstone"),
        (ACTIVE, None, TOLD, "cancel", "ended_in_cornerstone"),
        (ACTIVE, HOLDING, TOLD, "cancel", "ended_in_cornerstone"),
        # both say the same
        (ACTIVE, ACTIVE, TOLD, "nothing", "already_in_step"),
        (CANCELLED, CANCELLED, {}, "nothing", "already_in_step"),
        (None, HOLDING, {}, "nothing", "held_in_cornerstone"),
        (HOLDING, None, {}, "nothing", "held_in_administrate"),
        (HOLDING, HOLDING, {}, "nothing", "held_in_cornerstone"),
        (ACTIVE, ACTIVE, {}, "agree", "both_sides_agree"),
        (CANCELLED, None, TOLD, "agree", "both_sides_agree"),
        (ACTIVE, ACTIVE, {**TOLD, **ASKED}, "agree", "both_sides_agree"),
        (ACTIVE, ACTIVE, {**TOLD, "asked": C}, "agree", "both_sides_agree"),
        # a seat asked for at Cornerstone waits for its approval
        (ACTIVE, HOLDING, {}, "wait", "waiting_for_approval_or_seat"),
        (ACTIVE, HOLDING, {"ended": True}, "wait", "waiting_for_approval_or_seat"),
        (ACTIVE, HOLDING, ASKED, "wait", "waiting_for_approval_or_seat"),
        (ACTIVE, HOLDING, {**ASKED, "answered": True}, "wait", "waiting_for_approval_or_seat"),
        (CANCELLED, HOLDING, ASKED, "withdraw", "cancelled_in_administrate"),
        # our registration is on its way
        (ACTIVE, None, ASKED, "wait", "waiting_for_confirmation"),
        (ACTIVE, CANCELLED, ASKED, "wait", "waiting_for_confirmation"),
        (ACTIVE, CANCELLED, {**ASKED, "answered": True}, "cancel", "ended_in_cornerstone"),
        (CANCELLED, CANCELLED, {**ASKED, "answered": True}, "agree", "both_sides_agree"),
        (CANCELLED, ACTIVE, ASKED, "withdraw", "cancelled_in_administrate"),
        (CANCELLED, None, ASKED, "wait", "waiting_for_confirmation"),
        # a row that says nothing
        (ACTIVE, SILENT, TOLD, "nothing", "already_in_step"),
        (None, SILENT, {}, "nothing", "already_in_step"),
        (CANCELLED, SILENT, TOLD, "withdraw", "cancelled_in_administrate"),
        (ACTIVE, SILENT, {}, "register", "registered_in_administrate"),
        (ACTIVE, SILENT, {**ASKED, "answered": True}, "agree", "both_sides_agree"),
        (SILENT, ACTIVE, TOLD, "nothing", "already_in_step"),
        # a roster that was not read to its end
        (ACTIVE, None, {**TOLD, "cornerstone_complete": False}, "nothing", "already_in_step"),
        (None, None, {**TOLD, "cornerstone_complete": False}, "withdraw", "cancelled_in_administrate"),
        (None, None, {"cornerstone_complete": False}, "nothing", "already_in_step"),
        (ACTIVE, CANCELLED, {**TOLD, "cornerstone_complete": False}, "cancel", "ended_in_cornerstone"),
        # after the end nothing is sent to Cornerstone
        (ACTIVE, None, {"ended": True}, "report", "session_has_ended"),
        (CANCELLED, ACTIVE, {**TOLD, "ended": True}, "report", "session_has_ended"),
        (ACTIVE, CANCELLED, {**TOLD, "ended": True}, "cancel", "ended_in_cornerstone"),
        # a side that was asked for something says nothing new
        (ACTIVE, CANCELLED, {**TOLD, "asked": C}, "register", "registered_in_administrate"),
        (CANCELLED, ACTIVE, {"asked": C}, "withdraw", "cancelled_in_administrate"),
        (ACTIVE, CANCELLED, {"asked": A}, "cancel", "ended_in_cornerstone"),
        (CANCELLED, ACTIVE, {**TOLD, "asked": A}, "reactivate", "registered_in_cornerstone"),
        (ACTIVE, CANCELLED, {**ASKED, "answered": True, "asked": C}, "cancel", "ended_in_cornerstone"),
    ],
)
def test_a_place_is_planned(
    administrate: EnrollmentState | None, cornerstone: EnrollmentState | None, given: dict[str, Any], action: str, reason: str
) -> None:
    step = plan_place(place(administrate, cornerstone, **given))
    assert (step.action.value, step.reason) == (action, reason)


def every_place() -> list[Place]:
    flags = itertools.product((False, True), repeat=5)
    return [
        place(a, c, asked=asked, base=base, pending=pending, answered=answered, cornerstone_complete=complete, ended=ended)
        for a, c, asked, (base, pending, answered, complete, ended) in itertools.product(STATES, STATES, (None, A, C), flags)
    ]


def state(record: Any) -> EnrollmentState | None:
    return None if record is None else record.value.state


@pytest.mark.parametrize(
    ("action", "needs_here", "needs_there"),
    [
        (RosterAction.REGISTER, {ACTIVE, SILENT}, {None, CANCELLED, SILENT}),
        (RosterAction.WITHDRAW, {None, CANCELLED, HOLDING, SILENT}, {None, ACTIVE, HOLDING, SILENT}),
        (RosterAction.ENROLL, {None, HOLDING, SILENT}, {None, ACTIVE, SILENT}),
        (RosterAction.REACTIVATE, {CANCELLED}, {None, ACTIVE, SILENT}),
        (RosterAction.CANCEL, {ACTIVE, SILENT}, {None, CANCELLED, HOLDING, SILENT}),
    ],
)
def test_in_every_situation_a_write_finds_what_it_is_about(
    action: RosterAction, needs_here: set[EnrollmentState | None], needs_there: set[EnrollmentState | None]
) -> None:
    for each in every_place():
        if plan_place(each).action is action:
            assert state(each.administrate) in needs_here and state(each.cornerstone) in needs_there, each


def test_the_actions_keep_the_words_that_the_ledger_holds() -> None:
    words = ["nothing", "agree", "register", "withdraw", "enroll", "reactivate", "cancel", "wait", "report"]
    assert [action.value for action in RosterAction] == words
    assert plan_place(Place(administrate=None, cornerstone=None, base=False)).reason == "already_in_step"


def test_every_history_of_three_steps_ends_in_agreement() -> None:
    for steps in itertools.product(planner_rosters.STEPS, repeat=3):
        planner_rosters.check(steps)
