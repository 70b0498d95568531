"""Every write call meets everything that can go wrong on the way, and has one effect nevertheless.

A scenario prepares as many records as there are faults, sets one fault for each, and lets all of them be written. The
faults are used up in turn by the calls as they come; what was lost is looked for, and only then written again.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from csod_pipelines.model.keys import Kind
from csod_pipelines.store.provision import Urls
from csod_pipelines_tests.acceptance.scenarios.epilogue import quiet
from csod_pipelines_tests.acceptance.scenarios.stage import DIVISION, PORTAL, Event, Person, Stage, staged
from csod_pipelines_tests.acceptance.world import Vendor

SOON = {"seconds": 0.05}
FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("status", {"status": 429}),
    ("status", {"status": 500}),
    ("status", {"status": 500, "after_effect": True}),
    ("status", {"status": 502, "after_effect": True}),
    ("status", {"status": 503}),
    ("status", {"status": 503, "after_effect": True}),
    ("reset", {}),
    ("reset", {"after_effect": True}),
    ("timeout_before_effect", SOON),
    ("timeout_after_effect", SOON),
    ("malformed", {}),
    ("truncated_200", {}),
    ("result_failed_in_200", {}),
)


@pytest.fixture(scope="module")
def stage(module_database_urls: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    size = {"users": 24, "ous": 22, "events": 0}
    with staged(module_database_urls, tmp_path_factory.mktemp("house"), size=size) as made:
        yield made


@pytest.fixture(scope="module")
def seats(stage: Stage) -> list[tuple[Event, Person]]:
    """An event and a person for each fault, linked and quiet; the scenarios of this module use them one after another."""
    found = [(stage.event(days=3), stage.person()) for _ in FAULTS]
    stage.settle()
    return found


def plague(vendor: Vendor, operation: str) -> None:
    for fault, more in FAULTS:
        vendor.fault(fault, match={"operation": operation}, **more)


def survived(stage: Stage, vendor: Vendor) -> None:
    """All faults were met, and the world is as if none had been."""
    rows = vendor.faults()
    vendor.clear_faults()
    assert [row for row in rows if row["used"] != row["times"]] == [], "a fault that nobody met proves nothing"
    quiet(stage)


def division(stage: Stage) -> int:
    return next(ou["id"] for ou in stage.cornerstone.rows("ous", type_id=DIVISION) if ou["active"])


def test_creating_a_contact(stage: Stage) -> None:
    plague(stage.administrate, "contact.createBatch")
    ous = [{"id": division(stage), "type_id": DIVISION}]
    for number in range(len(FAULTS)):
        stage.cornerstone.act("hire", first_name="New", last_name=f"Hire {number}", primary_email=f"hire{number}@example.org", ous=ous)
    stage.settle()
    for number in range(len(FAULTS)):
        stage.administrate.row("contacts", email_address=f"hire{number}@example.org")
    survived(stage, stage.administrate)


def test_changing_a_contact(stage: Stage, seats: list[tuple[Event, Person]]) -> None:
    plague(stage.administrate, "contact.update")
    for number, (_, person) in enumerate(seats):
        stage.cornerstone.act("edit_user", id=person.user_id, first_name=f"Changed {number}")
    stage.settle()
    assert [person.contact["first_name"] for _, person in seats] == [f"Changed {number}" for number in range(len(seats))]
    survived(stage, stage.administrate)


def test_creating_and_renaming_accounts(stage: Stage) -> None:
    plague(stage.administrate, "account.create")
    units = [stage.cornerstone.act("create_ou", name=f"Unit {number}", type_id=DIVISION)["id"] for number in range(len(FAULTS))]
    _reconcile_units(stage)
    for number in range(len(FAULTS)):
        stage.administrate.row("accounts", name=f"Unit {number}")
    survived(stage, stage.administrate)
    plague(stage.administrate, "account.update")
    for number, unit in enumerate(units):
        stage.cornerstone.act("rename_ou", id=unit, name=f"Renamed {number}")
    _reconcile_units(stage)
    survived(stage, stage.administrate)


def _reconcile_units(stage: Stage) -> None:
    """As many days as it takes: what a day could not finish, its real-time flow or the next day does."""
    for _ in range(4):
        stage.settle()
        stage.reconcile(Kind.ORG_UNIT)
    stage.settle()


def test_storing_an_id(stage: Stage) -> None:
    plague(stage.administrate, "externalId.store")
    home = next(row["id"] for row in stage.administrate.rows("accounts") if row["external_ids"].get(f"{PORTAL}:ou") == str(division(stage)))
    for number in range(len(FAULTS)):
        name = {"first_name": "Stored", "last_name": f"Id {number}", "email_address": f"stored{number}@example.org"}
        stage.administrate.act("create_contact", account_id=home, **name)
    stage.settle()
    survived(stage, stage.administrate)


def test_creating_a_user(stage: Stage) -> None:
    plague(stage.cornerstone, "employees.create")
    home = next(row["id"] for row in stage.administrate.rows("accounts") if row["external_ids"].get(f"{PORTAL}:ou") == str(division(stage)))
    for number in range(len(FAULTS)):
        name = {"first_name": "New", "last_name": f"Contact {number}", "email_address": f"contact{number}@example.org"}
        stage.administrate.act("create_contact", account_id=home, **name)
    stage.settle()
    for number in range(len(FAULTS)):
        stage.cornerstone.row("users", primary_email=f"contact{number}@example.org")
    survived(stage, stage.cornerstone)


def test_creating_an_organizational_unit(stage: Stage) -> None:
    plague(stage.cornerstone, "ous.create")
    for number in range(len(FAULTS)):
        stage.administrate.act("create_account", name=f"Account {number}")
    stage.settle()
    for number in range(len(FAULTS)):
        stage.cornerstone.row("ous", name=f"Account {number}")
    survived(stage, stage.cornerstone)


def test_creating_an_event(stage: Stage) -> None:
    plague(stage.cornerstone, "lo.create")
    for number in range(len(FAULTS)):
        made = stage.administrate.act("create_template", code=f"FLT-{number}", title=f"Faulty {number}", introduction="x")
        stage.administrate.act("publish_template", id=made["id"])
    stage.settle()
    for number in range(len(FAULTS)):
        stage.cornerstone.row("events", event_number=f"FLT-{number}")
    survived(stage, stage.cornerstone)


def test_creating_a_session(stage: Stage) -> None:
    plague(stage.cornerstone, "lo.create")
    events = [stage.event() for _ in FAULTS]
    stage.settle()
    assert len({event.session["id"] for event in events}) == len(FAULTS)
    survived(stage, stage.cornerstone)


def test_changing_a_session(stage: Stage, seats: list[tuple[Event, Person]]) -> None:
    plague(stage.cornerstone, "lo.update")
    for event, _ in seats:
        stage.administrate.act("edit_event", id=event.id, max_places=33)
    stage.settle()
    assert {event.session["maximum_registration"] for event, _ in seats} == {33}
    survived(stage, stage.cornerstone)


def test_registering_in_cornerstone(stage: Stage, seats: list[tuple[Event, Person]]) -> None:
    plague(stage.cornerstone, "learning_assignments.create")
    for event, person in seats:
        event.register(person)
    stage.settle()
    assert [[row["status"] for row in event.transcripts(person)] for event, person in seats] == [["Registered"]] * len(seats)
    survived(stage, stage.cornerstone)


def test_withdrawing_in_cornerstone(stage: Stage, seats: list[tuple[Event, Person]]) -> None:
    plague(stage.cornerstone, "transcripts.withdraw")
    for event, person in seats:
        stage.administrate.act("cancel_learner", id=event.learner(person)["id"])
    stage.settle()
    assert {event.status(person) for event, person in seats} == {"Withdrawn"}
    survived(stage, stage.cornerstone)


def test_reactivating_a_learner(stage: Stage, seats: list[tuple[Event, Person]]) -> None:
    plague(stage.administrate, "learner.reactivate")
    for event, person in seats:
        event.on_cornerstone("self_register", person)
    stage.settle()
    assert {event.learner(person)["lifecycle_state"] for event, person in seats} == {"active"}
    survived(stage, stage.administrate)


def test_cancelling_a_learner(stage: Stage, seats: list[tuple[Event, Person]]) -> None:
    plague(stage.administrate, "learner.cancel")
    for event, person in seats:
        event.on_cornerstone("withdraw", person)
    stage.settle()
    assert {event.learner(person)["lifecycle_state"] for event, person in seats} == {"cancelled"}
    survived(stage, stage.administrate)


def test_registering_a_learner(stage: Stage, seats: list[tuple[Event, Person]]) -> None:
    plague(stage.administrate, "event.registerContacts")
    colleagues = [seats[number - 1][1] for number in range(len(seats))]
    for (event, _), colleague in zip(seats, colleagues, strict=True):
        event.on_cornerstone("self_register", colleague)
    stage.settle()
    assert {event.learner(colleague)["lifecycle_state"] for (event, _), colleague in zip(seats, colleagues, strict=True)} == {"active"}
    survived(stage, stage.administrate)


def test_marks_and_results_sent_to_cornerstone_and_taken_from_it(stage: Stage, seats: list[tuple[Event, Person]]) -> None:
    colleagues = [seats[number - 1][1] for number in range(len(seats))]
    pairs = [(event, colleague) for (event, _), colleague in zip(seats, colleagues, strict=True)]
    seats[-1][0].end()
    plague(stage.cornerstone, "roster.write")
    for event, colleague in pairs:
        event.mark(colleague, True)
        event.result(colleague, True)
    stage.settle()
    assert {event.status(colleague) for event, colleague in pairs} == {"Completed"}
    survived(stage, stage.cornerstone)


@pytest.mark.parametrize("call", ["learner.recordAttendances", "learner.recordResult"])
def test_a_completion_taken_from_cornerstone(stage: Stage, seats: list[tuple[Event, Person]], call: str) -> None:
    """Each further call meets its own faults; the events are long over by now, so new ones are made."""
    events = [stage.event(days=1) for _ in FAULTS]
    people = [person for _, person in seats]
    for event, person in zip(events, people, strict=True):
        event.register(person)
    stage.settle()
    plague(stage.administrate, call)
    for event, person in zip(events, people, strict=True):
        event.on_cornerstone("complete", person)
    stage.settle()
    assert {event.learner(person)["has_passed"] for event, person in zip(events, people, strict=True)} == {True}
    survived(stage, stage.administrate)
