"""What becomes of marks and results: Administrate's go to Cornerstone after the end, a completion there fills only gaps here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from csod_pipelines.sync.roster import OutcomePlan, plan_outcome
from csod_pipelines_tests.unit.sync.records import A, C, enrolled

PARTS = {"a1": "c1", "a2": "c2"}


def planned(
    *,
    marks: Mapping[str, bool] | None = None,
    result: bool | None = None,
    there: Mapping[str, bool] | None = None,
    result_there: bool | None = None,
    locked: bool = False,
    ended: bool = True,
    sent: Mapping[str, object] | None = None,
    overdue: bool = False,
) -> OutcomePlan:
    return plan_outcome(
        learner=enrolled(A, attendance=marks or {}, result=result),
        row=enrolled(C, attendance=there or {}, result=result_there, locked=locked),
        parts=PARTS,
        ended=ended,
        sent=sent,
        submit_after_passed=overdue,
    )


def test_nothing_recorded_is_nothing_to_send() -> None:
    assert planned() == OutcomePlan()
    assert planned(marks={"unknown": True}) == OutcomePlan()
    assert OutcomePlan().reason == "already_in_step" and not OutcomePlan().to_cornerstone
    assert not OutcomePlan().submit and not OutcomePlan().conflict


def test_marks_wait_for_the_end_of_the_session() -> None:
    assert planned(marks={"a1": True}, ended=False) == OutcomePlan(reason="waiting_for_session_end")
    assert planned(result=True, ended=False) == OutcomePlan(reason="waiting_for_session_end")


@pytest.mark.parametrize(
    ("marks", "result", "overdue", "attendance", "submit"),
    [
        ({"a1": True}, None, False, {"c1": True}, False),
        ({"a1": True}, True, False, {"c1": True}, False),
        ({"a1": True}, None, True, {"c1": True}, True),
        ({"a1": True, "a2": True}, None, False, {"c1": True, "c2": True}, False),
        ({"a1": True, "a2": False}, True, False, {"c1": True, "c2": False}, True),
        ({"a1": True, "a2": True}, False, False, {"c1": True, "c2": True}, True),
        ({"a1": False, "a2": False}, None, False, {"c1": False, "c2": False}, True),
        ({"a1": False}, None, False, {"c1": False}, False),
        ({}, True, False, {}, False),
        ({}, False, True, {}, True),
        ({"other": True}, True, False, {}, False),
    ],
)
def test_marks_and_result_are_sent_and_submitted_when_complete_absent_or_overdue(
    marks: dict[str, bool], result: bool | None, overdue: bool, attendance: dict[str, bool], submit: bool
) -> None:
    plan = planned(marks=marks, result=result, overdue=overdue)
    assert plan == OutcomePlan(to_cornerstone=True, attendance=attendance, result=result, submit=submit, reason="recorded_in_administrate")


def test_what_was_sent_before_is_not_sent_again_until_something_of_it_changes() -> None:
    sent: dict[str, Any] = {"attendance": {"c1": True, "c2": True}, "result": True, "submitted": True}
    both = {"a2": True, "a1": True}
    assert planned(marks=both, result=True, sent=sent) == OutcomePlan(reason="already_sent")
    for name, other in (("attendance", {"c1": True}), ("result", False), ("submitted", False)):
        assert planned(marks=both, result=True, sent=sent | {name: other}).to_cornerstone, name
    assert planned(marks=both, result=True, sent={}).to_cornerstone


def test_a_completed_row_gives_back_its_pass_and_presence_for_unmarked_parts_only() -> None:
    plan = planned(marks={"a1": False}, there={"c1": True, "c2": True}, result_there=True)
    assert plan == OutcomePlan(fill_attendance={"a2": True}, fill_result=True, reason="completed_in_cornerstone")


def test_an_absence_at_cornerstone_is_never_filled_in() -> None:
    assert planned(there={"c1": False, "c2": True}, result_there=True).fill_attendance == {"a2": True}


def test_marks_of_a_completed_row_are_filled_beside_a_result_that_agrees() -> None:
    plan = planned(result=True, there={"c2": True}, result_there=True)
    assert plan == OutcomePlan(fill_attendance={"a2": True}, reason="completed_in_cornerstone")
    assert planned(result=True, marks={"a2": True}, there={"c2": True}, result_there=True) == OutcomePlan(fill_attendance={})


def test_a_row_that_is_locked_without_a_result_takes_no_more_marks() -> None:
    assert planned(marks={"a1": True}, result=True, locked=True) == OutcomePlan(fill_attendance={})
    assert planned(there={"c1": True}, locked=True).fill_attendance == {"a1": True}
    assert planned(locked=True) == OutcomePlan(fill_attendance={}, reason="already_in_step")
    assert planned(locked=True, result_there=False) == OutcomePlan(fill_attendance={}, fill_result=False, reason="completed_in_cornerstone")


@pytest.mark.parametrize(("here", "there"), [(True, False), (False, True)])
def test_differing_results_are_reported_and_never_overwritten(here: bool, there: bool) -> None:
    assert planned(result=here, result_there=there) == OutcomePlan(conflict=True, reason="result_conflict")


def test_a_fail_on_both_sides_leaves_marks_to_be_sent() -> None:
    plan = planned(marks={"a1": True}, result=False, result_there=False)
    assert plan.to_cornerstone and plan.attendance == {"c1": True}


def test_a_fail_at_cornerstone_alone_is_taken_over() -> None:
    plan = planned(result_there=False)
    assert (plan.fill_result, plan.reason) == (False, "completed_in_cornerstone")
