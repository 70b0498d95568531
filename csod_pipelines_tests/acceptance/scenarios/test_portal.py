"""What a portal may do to us: lose a permission or our place in a feed, refuse in a 200, lock rows, keep another time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from csod_pipelines.store.provision import Urls
from csod_pipelines_tests.acceptance.scenarios.epilogue import quiet
from csod_pipelines_tests.acceptance.scenarios.stage import Stage, staged

A_QUARTER_SECONDS = 16 * 60.0


@pytest.fixture(scope="module")
def stage(module_database_urls: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    size = {"users": 40, "ous": 22, "events": 0}
    with staged(module_database_urls, tmp_path_factory.mktemp("house"), size=size) as made:
        yield made


def test_a_permission_that_the_portal_loses_delays_what_needs_it_and_nothing_else(stage: Stage) -> None:
    """Cornerstone answers 401 for it, with a token that is good for everything else."""
    event, person = stage.event(places=9), stage.person()
    stage.settle()
    stage.cornerstone.fault("status", status=401, times=1000, match={"operation": "learning_assignments.create"})
    event.register(person)
    stage.settle(horizon=60)
    stage.administrate.act("edit_event", id=event.id, max_places=7)
    stage.settle(horizon=60)
    assert event.status(person) is None
    assert event.session["maximum_registration"] == 7
    stage.cornerstone.clear_faults()
    stage.clock.travel(A_QUARTER_SECONDS)
    stage.settle()
    assert event.status(person) == "Registered"
    quiet(stage)


def test_a_place_in_the_feeds_that_is_lost_means_a_full_scan_and_no_gap(stage: Stage) -> None:
    event, person, mover = stage.event(), stage.person(), stage.person()
    stage.settle()
    stage.cornerstone.configure(delta_lifetime_seconds=1)
    stage.clock.travel(600)
    event.on_cornerstone("self_register", person)
    stage.cornerstone.act("edit_user", id=mover.user_id, first_name="Unmissed")
    stage.clock.travel(600)
    stage.settle()
    stage.cornerstone.configure(delta_lifetime_seconds=0)
    assert event.learner(person)["lifecycle_state"] == "active"
    assert mover.contact["first_name"] == "Unmissed"
    quiet(stage)


def test_a_refusal_inside_a_200_is_told_once_and_sent_again_when_its_value_changes(stage: Stage) -> None:
    event = stage.event(places=9)
    stage.settle()
    stage.cornerstone.fault("result_failed_in_200", match={"operation": "lo.update"}, times=2)
    stage.administrate.act("edit_event", id=event.id, max_places=8)
    stage.settle()
    assert event.session["maximum_registration"] == 9
    assert stage.operations(outcome="failure")
    mark = stage.cornerstone.last_request()
    stage.settle()
    assert stage.cornerstone.writes(since=mark) == []
    stage.administrate.act("edit_event", id=event.id, max_places=6)
    stage.settle()
    assert event.session["maximum_registration"] == 6
    quiet(stage)


@pytest.mark.parametrize("locked", ["ignore", "refuse"])
def test_a_row_that_cornerstone_has_locked_is_not_fought_over(stage: Stage, locked: str) -> None:
    event, person = stage.event(days=0.5), stage.person()
    event.register(person)
    stage.settle()
    event.end()
    event.on_cornerstone("complete", person)
    stage.settle()
    stage.cornerstone.configure(roster_locked_rows=locked)
    event.mark(person, False)
    stage.settle()
    mark = stage.cornerstone.last_request()
    stage.clock.travel(3600)
    stage.settle()
    assert stage.cornerstone.writes(since=mark) == []
    assert event.status(person) == "Completed"
    quiet(stage, differ=[f"user {person.user_id}: present at 0 sessions, and attended 1 parts"])


def test_an_individuals_account_is_no_unit_and_its_contact_a_user_without_one(stage: Stage) -> None:
    account = stage.administrate.act("create_account", name="Solo Artist", is_individual=True)
    contact = stage.administrate.act(
        "create_contact", account_id=account["id"], first_name="Solo", last_name="Artist", email_address="solo@example.org"
    )
    event = stage.event()
    stage.administrate.act("register", event_id=event.id, contact_id=contact["id"])
    stage.settle()
    user = stage.cornerstone.row("users", primary_email="solo@example.org")
    assert user["ous"] == []
    assert stage.cornerstone.rows("ous", name="Solo Artist") == []
    rows = stage.cornerstone.rows("transcripts", object_id=event.session["id"], user_id=user["id"])
    assert [row["status"] for row in rows] == ["Registered"]
    quiet(stage)


@pytest.mark.parametrize("seconds", [600, -600])
def test_a_clock_of_ours_that_is_ten_minutes_off_misses_nothing(stage: Stage, seconds: float) -> None:
    event, here, there = stage.event(), stage.person(), stage.person()
    stage.settle()
    stage.clock.drift(seconds)
    event.register(here)
    event.on_cornerstone("self_register", there)
    stage.settle()
    assert event.status(here) == "Registered"
    assert event.learner(there)["lifecycle_state"] == "active"
    stage.clock.drift(-seconds)
    quiet(stage)
