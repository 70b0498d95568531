"""Attendance and results, after the end of a session by Cornerstone's clock; and what Cornerstone completed by itself."""

from __future__ import annotations

import pytest

from csod_pipelines_tests.acceptance.scenarios.epilogue import quiet
from csod_pipelines_tests.acceptance.scenarios.stage import Event, Person, Stage


def enrolled(stage: Stage, *, parts: int = 1, people: int = 1) -> tuple[Event, list[Person]]:
    event = stage.event(parts=parts, days=0.5)
    found = [stage.person() for _ in range(people)]
    for person in found:
        event.register(person)
    stage.settle()
    return event, found


def row(event: Event, person: Person) -> dict:
    return event.transcripts(person)[-1]


def test_marks_and_a_pass_wait_for_the_end_and_then_complete_the_row(stage: Stage) -> None:
    event, (person,) = enrolled(stage, parts=2)
    event.mark(person, True, True)
    event.result(person, True)
    stage.settle(horizon=300)
    assert event.status(person) == "Registered", "marks wait for the end by Cornerstone's clock"
    event.end()
    stage.settle()
    assert row(event, person)["status"] == "Completed"
    assert list(row(event, person)["attendance"].values()) == [True, True]
    quiet(stage)


def test_one_who_missed_everything_is_a_no_show_without_a_result(stage: Stage) -> None:
    event, (person,) = enrolled(stage, parts=2)
    event.end()
    event.mark(person, False, False)
    stage.settle()
    assert event.status(person) == "No Show"
    quiet(stage)


def test_marks_can_be_corrected_until_the_roster_is_submitted(stage: Stage) -> None:
    event, (person,) = enrolled(stage, parts=2)
    event.end()
    event.mark(person, False)
    stage.settle()
    assert event.status(person) == "Registered", "one mark of two completes nobody"
    event.mark(person, True, True)
    stage.settle()
    assert list(row(event, person)["attendance"].values()) == [True, True]
    assert event.status(person) == "Registered"
    event.result(person, True)
    stage.settle()
    assert event.status(person) == "Completed"
    quiet(stage)


def test_a_pass_that_cornerstone_keeps_incomplete_is_told_and_sent_again_only_when_it_changes(stage: Stage) -> None:
    event, (person,) = enrolled(stage, parts=2)
    event.end()
    event.mark(person, True, False)
    event.result(person, True)
    stage.settle()
    assert event.status(person) == "Incomplete"
    assert "1 of 2 parts attended" in stage.operations(outcome="failure")[0]["reason"]
    mark = stage.cornerstone.last_request()
    stage.settle()
    assert stage.cornerstone.writes(since=mark) == []
    quiet(stage, differ=[f"user {person.user_id}: a pass in Administrate, and Cornerstone says Incomplete"])
    event.mark(person, True, True)
    stage.settle()
    assert event.status(person) == "Completed"
    quiet(stage)


def test_an_absence_that_cornerstone_completes_is_told(stage: Stage) -> None:
    event, (person,) = enrolled(stage)
    stage.cornerstone.act("set_min_parts", session_id=event.session["id"], min_parts=0)
    event.end()
    event.mark(person, False)
    stage.settle()
    assert event.status(person) == "Completed"
    assert "absent" in stage.operations(outcome="failure")[0]["reason"]
    quiet(stage)


def test_a_completion_in_cornerstone_fills_the_result_and_only_unmarked_parts(stage: Stage) -> None:
    event, (person,) = enrolled(stage, parts=2)
    event.end()
    event.mark(person, False)
    stage.settle()
    event.on_cornerstone("complete", person)
    stage.settle()
    learner = event.learner(person)
    assert learner["has_passed"] is True
    assert sorted(learner["attendance"].values()) == ["Absent", "Present"], "the mark that was made stays"
    quiet(stage, differ=[f"user {person.user_id}: present at 1 sessions, and attended 2 parts"])


@pytest.mark.parametrize("status", ["Completed Equivalent", "Exempt"])
def test_other_ways_to_have_completed_count_as_a_pass(stage: Stage, status: str) -> None:
    event, (person,) = enrolled(stage)
    event.on_cornerstone("set_status", person, status=status)
    stage.settle()
    assert event.learner(person)["has_passed"] is True
    event.end()
    quiet(stage)


def test_what_states_nothing_fails_nobody_and_an_explicit_fail_does(stage: Stage) -> None:
    event, (missed, unfinished, failed) = enrolled(stage, people=3)
    event.end()
    event.on_cornerstone("set_status", missed, status="No Show")
    event.on_cornerstone("set_status", unfinished, status="Incomplete")
    event.on_cornerstone("set_status", failed, status="Failed", passed=False)
    stage.settle()
    assert event.learner(missed)["has_passed"] is None
    assert event.learner(unfinished)["has_passed"] is None
    assert event.learner(failed)["has_passed"] is False
    quiet(stage)


def test_results_that_differ_are_told_once_and_overwritten_nowhere(stage: Stage) -> None:
    event, (person,) = enrolled(stage)
    event.end()
    event.result(person, False)
    event.on_cornerstone("complete", person)
    stage.settle()
    assert event.learner(person)["has_passed"] is False
    assert event.status(person) == "Completed"
    told = [r for r in stage.operations(outcome="failure") if "neither is overwritten" in r["reason"]]
    assert len(told) == 1
    quiet(
        stage, differ=[f"user {person.user_id}: Completed in Cornerstone, a fail in Administrate", f"user {person.user_id}: present at 0"]
    )


def test_a_fail_recorded_in_administrate_leaves_the_row_incomplete(stage: Stage) -> None:
    event, (person,) = enrolled(stage)
    event.end()
    event.mark(person, True)
    event.result(person, False)
    stage.settle()
    assert event.status(person) == "Incomplete"
    assert row(event, person)["result"] is False
    quiet(stage)


def test_a_roster_with_missing_marks_is_submitted_when_its_time_has_passed(stage: Stage) -> None:
    event, (person,) = enrolled(stage, parts=2)
    event.end()
    event.mark(person, True)
    event.result(person, True)
    stage.settle()
    assert event.status(person) == "Registered"
    stage.clock.travel(73 * 3600)
    stage.reconcile()
    stage.settle()
    assert event.status(person) == "Incomplete"
    quiet(stage, differ=[f"user {person.user_id}: a pass in Administrate, and Cornerstone says Incomplete"])


def test_a_clock_that_is_ten_minutes_off_sends_nothing_early(stage: Stage) -> None:
    """Ended is who has ended by Cornerstone's clock: ours may be ahead."""
    event, (person,) = enrolled(stage)
    ahead = stage.shells["administrate"].shell.clock
    stage.until(event.sessions[-1]["end"], past_seconds=-500)
    stage.clock.drift(600)
    ahead.advance(600)
    event.mark(person, True)
    event.result(person, True)
    stage.settle(horizon=60)
    assert event.status(person) == "Registered"
    stage.clock.travel(600)
    stage.settle()
    assert event.status(person) == "Completed"
    quiet(stage)


def test_twelve_marked_people_go_in_two_calls(stage: Stage) -> None:
    event, people = enrolled(stage, people=8)
    event.end()
    for person in people[:6]:
        event.mark(person, True)
        event.result(person, True)
    for person in people[6:]:
        event.mark(person, False)
    mark = stage.cornerstone.last_request()
    stage.settle()
    assert len(stage.cornerstone.writes(since=mark)) <= 2
    assert [event.status(person) for person in people] == ["Completed"] * 6 + ["No Show"] * 2
    quiet(stage)
