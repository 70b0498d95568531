"""Who is in an offering: registering, cancelling, swapping, waiting for a seat or an approval."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from csod_pipelines.model.keys import Flow, Kind
from csod_pipelines.store import work
from csod_pipelines_tests.acceptance.scenarios.epilogue import letters, quiet
from csod_pipelines_tests.acceptance.scenarios.stage import Stage

ASSIGNMENT_DELAY_SECONDS = 0.2  # the sandbox's own


def test_a_registration_in_administrate_becomes_one_in_cornerstone_and_comes_back_as_an_id(stage: Stage) -> None:
    event, person = stage.event(parts=2), stage.person()
    before = letters(stage)
    event.register(person)
    stage.settle()
    assert event.status(person) == "Registered"
    held = event.learner(person)["external_ids"]
    assert held["csod:sandbox:transcript"] == f"{person.user_id}:{event.session['id']}:1"
    assert held["csod:sandbox:assignment"].endswith(f":{person.user_id}")
    assert letters(stage) == before
    quiet(stage)


def test_a_learner_cancelled_in_administrate_is_withdrawn_and_may_come_back_under_a_new_number(stage: Stage) -> None:
    event, person = stage.event(), stage.person()
    learner = event.register(person)
    stage.settle()
    stage.administrate.act("cancel_learner", id=learner)
    stage.settle()
    assert event.status(person) == "Withdrawn"
    stage.administrate.act("reactivate", id=learner)
    stage.settle()
    assert [row["status"] for row in event.transcripts(person)] == ["Withdrawn", "Registered"]
    quiet(stage)


def test_somebody_who_registers_in_cornerstone_becomes_a_learner_and_leaves_again(stage: Stage) -> None:
    event, person = stage.event(), stage.person()
    stage.settle()
    event.on_cornerstone("self_register", person)
    stage.settle()
    assert event.learner(person)["lifecycle_state"] == "active"
    event.on_cornerstone("withdraw", person)
    stage.settle()
    assert event.learner(person)["lifecycle_state"] == "cancelled"
    event.on_cornerstone("self_register", person)
    stage.settle()
    assert event.learner(person)["lifecycle_state"] == "active", "the learner is reactivated, not doubled"
    quiet(stage)


def test_a_new_contact_is_registered_at_once_and_gets_a_user_first(stage: Stage) -> None:
    event, colleague = stage.event(), stage.person()
    made = stage.administrate.act(
        "create_contact",
        first_name="Nora",
        last_name="Newcomer",
        email_address="nora@example.org",
        account_id=colleague.contact["account_id"],
    )
    stage.administrate.act("register", event_id=event.id, contact_id=made["id"])
    stage.settle()
    user = stage.cornerstone.row("users", external_id=f"ADM-{made['legacy_id']}")
    rows = stage.cornerstone.rows("transcripts", object_id=event.session["id"], user_id=user["id"])
    assert [row["status"] for row in rows] == ["Registered"]
    quiet(stage)


def test_a_learner_who_came_while_another_worker_was_creating_the_session_is_registered(stage: Stage) -> None:
    event, person = stage.event(), stage.person()
    event.register(person)
    stage.house.engine.observe(force=True)
    with stage.house.database.begin() as conn:
        subject = f"offering:administrate:{event.id}"
        work.mark(conn, [work.Mark(subject=subject, flow=Flow.CATALOG)])
        assert work.claim_subject(conn, subject, owner="another", lease_seconds=30)
    stage.house.engine.drain(Flow.ENROLLMENT, owner="early", linger_seconds=0)
    stage.clock.travel(31)
    stage.settle()
    assert event.status(person) == "Registered"
    quiet(stage)


@pytest.mark.parametrize("delay", [0, ASSIGNMENT_DELAY_SECONDS])
def test_a_learner_is_swapped_for_a_colleague_in_a_full_session(stage: Stage, delay: float) -> None:
    """In a portal that seats people at once, too: the place is given up before it is taken."""
    event, leaver, joiner = stage.event(places=1), stage.person(), stage.person()
    learner = event.register(leaver)
    stage.settle()
    stage.cornerstone.configure(assignment_delay_seconds=delay)
    stage.administrate.act("cancel_learner", id=learner)
    event.register(joiner)
    stage.settle()
    stage.cornerstone.configure(assignment_delay_seconds=ASSIGNMENT_DELAY_SECONDS)
    assert event.status(leaver) == "Withdrawn"
    assert event.status(joiner) == "Registered"
    quiet(stage)


def test_a_learner_moves_to_another_event(stage: Stage) -> None:
    first, second, person = stage.event(), stage.event(), stage.person()
    learner = first.register(person)
    stage.settle()
    second.register(person)
    stage.administrate.act("cancel_learner", id=learner)
    stage.settle()
    assert (first.status(person), second.status(person)) == ("Withdrawn", "Registered")
    quiet(stage)


def test_a_full_session_puts_the_latecomer_on_the_waiting_list_until_a_seat_is_added(stage: Stage) -> None:
    event, seated, late = stage.event(places=1), stage.person(), stage.person()
    stage.settle()
    stage.administrate.act("edit_event", id=event.id, max_places=2)
    event.on_cornerstone("self_register", seated)
    event.register(late)
    stage.house.engine.drain(Flow.ENROLLMENT, owner="early", linger_seconds=0)  # before the catalogue raised the seats
    stage.settle()
    if event.status(late) == "Wait Listed":
        event.on_cornerstone("set_status", late, status="Registered")
    stage.settle()
    assert event.status(seated) == event.status(late) == "Registered"
    assert event.learner(seated)["lifecycle_state"] == "active"
    quiet(stage)


def test_two_for_the_last_seat_nobody_confirmed_is_withdrawn_and_a_further_place_seats_both(stage: Stage) -> None:
    event, here, there = stage.event(places=1), stage.person(), stage.person()
    stage.settle()
    event.register(here)
    event.on_cornerstone("self_register", there)
    stage.settle()
    assert event.status(there) == "Registered"
    assert event.status(here) == "Wait Listed"
    assert event.learner(here)["lifecycle_state"] == "active"
    assert event.learners(there) == []
    quiet(
        stage,
        differ=[
            f"user {here.user_id}: an active learner, and Cornerstone still says Wait Listed",
            f"user {there.user_id}: Registered in Cornerstone, and no active learner",
        ],
    )
    stage.administrate.act("edit_event", id=event.id, max_places=2)
    stage.settle()
    event.on_cornerstone("set_status", here, status="Registered")  # Cornerstone does not promote by itself
    stage.settle()
    assert event.learner(there)["lifecycle_state"] == "active"
    quiet(stage)


def test_somebody_still_on_the_waiting_list_when_the_session_ends_was_never_seated(stage: Stage) -> None:
    event, seated, late = stage.event(places=1), stage.person(), stage.person()
    stage.settle()
    event.register(late)
    event.on_cornerstone("self_register", seated)
    stage.settle()
    assert event.status(late) == "Wait Listed"
    event.end()
    stage.settle()
    assert any("waiting list" in row["reason"] for row in stage.operations(outcome="failure"))
    quiet(
        stage,
        differ=[
            f"user {late.user_id}: an active learner, and Cornerstone still says Wait Listed",
            f"user {seated.user_id}: Registered in Cornerstone, and no active learner",
        ],
    )


def test_who_was_never_seated_is_told_by_the_comparison_too_when_nobody_looked_near_the_end(stage: Stage) -> None:
    event, seated, late = stage.event(places=1), stage.person(), stage.person()
    stage.settle()
    event.register(late)
    event.on_cornerstone("self_register", seated)
    stage.settle()
    assert event.status(late) == "Wait Listed"
    before = {row["operation"] for row in stage.operations(outcome="failure")}
    stage.until(datetime.fromisoformat(event.sessions[-1]["end"]) + timedelta(days=5))
    stage.reconcile(Kind.ENROLLMENT)
    (told,) = [row["reason"] for row in stage.operations(outcome="failure") if row["operation"] not in before]
    assert "waiting list" in told
    quiet(
        stage,
        differ=[
            f"user {late.user_id}: an active learner, and Cornerstone still says Wait Listed",
            f"user {seated.user_id}: Registered in Cornerstone, and no active learner",
        ],
    )


def test_a_learner_cancelled_while_wait_listed_leaves_the_waiting_list(stage: Stage) -> None:
    event, seated, waiting = stage.event(places=1), stage.person(), stage.person()
    stage.settle()
    event.on_cornerstone("self_register", seated)
    learner = event.register(waiting)
    stage.settle()
    assert event.status(waiting) == "Wait Listed"
    stage.administrate.act("cancel_learner", id=learner)
    stage.settle()
    assert event.status(waiting) == "Withdrawn"
    assert event.learner(seated)["lifecycle_state"] == "active", "the place that was given up is the other's now"
    quiet(stage)


def test_a_request_becomes_a_learner_once_it_is_approved_and_a_denied_one_never(stage: Stage) -> None:
    event, approved, denied = stage.event(), stage.person(), stage.person()
    stage.settle()
    for person in (approved, denied):
        event.on_cornerstone("request_session", person)
    stage.settle()
    assert event.learners(approved) == event.learners(denied) == []
    event.on_cornerstone("set_status", approved, status="Registered")
    event.on_cornerstone("set_status", denied, status="Denied")
    stage.settle()
    assert event.learner(approved)["lifecycle_state"] == "active"
    assert event.learners(denied) == []
    quiet(stage)


def test_an_event_assigned_without_a_session_seats_nobody_and_a_session_chosen_later_does(stage: Stage) -> None:
    event, person = stage.event(), stage.person()
    stage.settle()
    stage.cornerstone.act("assign_event", user_id=person.user_id, event_id=event.session["event_id"])
    stage.settle()
    assert event.learners(person) == []
    event.on_cornerstone("self_register", person)
    stage.settle()
    assert event.learner(person)["lifecycle_state"] == "active"
    quiet(stage)


def test_interest_and_unnamed_places_reach_cornerstone_as_fewer_seats_and_as_nobody(stage: Stage) -> None:
    event, curious = stage.event(places=6), stage.person()
    stage.settle()
    assert event.session["maximum_registration"] == 6
    stage.administrate.act("reserve_places", id=event.id, quantity=2)
    event.register(curious, lifecycle_state="interested")
    stage.settle()
    assert event.transcripts(curious) == []
    assert event.session["maximum_registration"] == 4
    quiet(stage)


def test_a_row_removed_in_cornerstone_before_the_end_cancels_the_learner(stage: Stage) -> None:
    event, person = stage.event(), stage.person()
    event.register(person)
    stage.settle()
    event.on_cornerstone("remove_training", person)
    stage.settle()
    assert event.learner(person)["lifecycle_state"] == "cancelled"
    quiet(stage)


def test_statuses_that_state_nothing_end_nobody(stage: Stage) -> None:
    event, archived, unfinished = stage.event(), stage.person(), stage.person()
    for person in (archived, unfinished):
        event.register(person)
    stage.settle()
    event.on_cornerstone("archive_training", archived)
    event.on_cornerstone("set_status", unfinished, status="Incomplete")
    stage.settle()
    assert event.learner(archived)["lifecycle_state"] == event.learner(unfinished)["lifecycle_state"] == "active"
    quiet(stage)


def test_the_same_person_registered_on_both_sides_in_one_second_is_one_registration(stage: Stage) -> None:
    event, person = stage.event(), stage.person()
    stage.settle()
    event.register(person)
    event.on_cornerstone("self_register", person)
    stage.settle()
    assert event.learner(person)["lifecycle_state"] == "active"
    assert [row["status"] for row in event.transcripts(person)] == ["Registered"]
    quiet(stage)


def test_cancelled_on_both_sides_in_one_second_stays_cancelled(stage: Stage) -> None:
    event, person = stage.event(), stage.person()
    learner = event.register(person)
    stage.settle()
    stage.administrate.act("cancel_learner", id=learner)
    event.on_cornerstone("withdraw", person)
    stage.settle()
    assert event.learner(person)["lifecycle_state"] == "cancelled"
    assert [row["status"] for row in event.transcripts(person)] == ["Withdrawn"]
    quiet(stage)


def test_cancelled_here_while_completed_there_keeps_what_cornerstone_completed(stage: Stage) -> None:
    """Ended on one side while it was edited on the other: a completed training is not withdrawn."""
    event, person = stage.event(), stage.person()
    learner = event.register(person)
    stage.settle()
    stage.administrate.act("cancel_learner", id=learner)
    event.on_cornerstone("complete", person)
    stage.settle()
    assert event.status(person) == "Completed"
    quiet(stage, differ=[f"user {person.user_id}: Completed in Cornerstone, and no active learner"])


def test_registering_after_the_end_is_reported_and_not_sent(stage: Stage) -> None:
    event, person = stage.event(days=1), stage.person()
    stage.settle()
    event.end()
    event.register(person)
    stage.settle()
    assert event.transcripts(person) == []
    quiet(stage)


def test_a_registration_carried_out_after_its_learner_was_cancelled_and_the_session_had_ended_has_an_end(stage: Stage) -> None:
    """Nothing may be withdrawn any more, and its operation stood open for ever (simulation, seed 1014)."""
    event, person = stage.event(), stage.person()
    stage.settle()
    stage.cornerstone.configure(assignment_delay_seconds=8 * 86_400)
    event.register(person)
    stage.work()
    stage.administrate.act("cancel_learner", id=event.learner(person)["id"])
    event.end()
    stage.clock.travel(2 * 86_400)
    stage.settle()
    stage.cornerstone.configure(assignment_delay_seconds=0.2)
    assert event.status(person) == "Registered"
    (registered,) = [row for row in stage.operations() if row["what"].startswith("registered")][:1]
    assert registered["outcome"] == "success"
    quiet(stage)


def test_twenty_registrations_at_once_cost_a_handful_of_calls(stage: Stage) -> None:
    event = stage.event(places=30)
    stage.settle()
    people = [stage.person() for _ in range(12)]
    marks = stage.cornerstone.last_request(), stage.administrate.last_request()
    for person in people:
        event.register(person)
    stage.settle()
    assert {event.status(person) for person in people} == {"Registered"}
    assert len(stage.cornerstone.writes(since=marks[0])) <= 2
    assert len(stage.administrate.writes(since=marks[1])) <= 4
    quiet(stage)
