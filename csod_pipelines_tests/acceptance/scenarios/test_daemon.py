"""A dozen situations through a real Dagster daemon: nobody but its own sensors starts the runs."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from csod_pipelines_tests.acceptance.scenarios.daemon import DaemonStage, housed
from csod_pipelines_tests.acceptance.scenarios.epilogue import quiet
from csod_pipelines_tests.acceptance.scenarios.stage import DIVISION, PORTAL
from csod_pipelines_tests.acceptance.scenarios.test_webhooks import deliver

pytestmark = pytest.mark.timeout(1500)
UNITS = {"ops": {"reconcile_organizational_units": {"config": {"mode": "apply"}}}}


@pytest.fixture(scope="module")
def stage() -> Iterator[DaemonStage]:
    home = Path(tempfile.mkdtemp(prefix="csod-daemon-", dir="/tmp"))
    try:
        with housed(home) as made:
            yield made
    finally:
        shutil.rmtree(home, ignore_errors=True)


def division(stage: DaemonStage) -> int:
    return next(ou["id"] for ou in stage.cornerstone.rows("ous", type_id=DIVISION) if ou["active"])


def account(stage: DaemonStage, ou: int) -> dict[str, Any]:
    return paired(stage, "accounts", "ou", ou)


def hire(stage: DaemonStage, first: str, last: str, email: str) -> dict[str, Any]:
    ous = [{"id": division(stage), "type_id": DIVISION}]
    return stage.cornerstone.act("hire", first_name=first, last_name=last, primary_email=email, ous=ous)


def contact(stage: DaemonStage, user: dict[str, Any]) -> dict[str, Any]:
    return paired(stage, "contacts", "user", user["id"])


def paired(stage: DaemonStage, kind: str, word: str, id: int) -> dict[str, Any]:
    found = [row for row in stage.administrate.rows(kind) if row["external_ids"].get(f"{PORTAL}:{word}") == str(id)]
    assert len(found) == 1, f"{len(found)} {kind} of {word} {id}"
    return found[0]


def create_contact(stage: DaemonStage, first: str, last: str, email: str) -> dict[str, Any]:
    home = account(stage, division(stage))["id"]
    return stage.administrate.act("create_contact", first_name=first, last_name=last, email_address=email, account_id=home)


def test_one_person_entered_on_both_sides_in_the_same_second_is_one_pair(stage: DaemonStage) -> None:
    made = create_contact(stage, "Bo", "Both", "bo@example.org")
    user = hire(stage, "Bo", "Both", "bo@example.org")
    quiet(stage)
    assert contact(stage, user)["id"] == made["id"]
    assert len(stage.cornerstone.rows("users", primary_email="bo@example.org")) == 1


def test_an_address_handed_from_a_leaver_to_a_new_hire_and_a_rehire(stage: DaemonStage) -> None:
    leaver = hire(stage, "Lea", "Leaver", "office@example.org")
    stage.shows("the leaver's contact", lambda: contact(stage, leaver))
    stage.cornerstone.act("terminate", id=leaver["id"])
    joiner = hire(stage, "Joe", "Joiner", "office@example.org")
    stage.shows("who left", lambda: contact(stage, leaver)["has_left_company"])
    stage.shows("who joined", lambda: contact(stage, joiner)["first_name"] == "Joe")
    stage.cornerstone.act("rehire", id=leaver["id"])
    stage.shows("who is back", lambda: not contact(stage, leaver)["has_left_company"])
    quiet(stage)


def test_registered_cancelled_and_registered_again_from_both_sides(stage: DaemonStage) -> None:
    event, here, there = stage.event(), stage.person(), stage.person()
    learner = event.register(here)
    stage.shows("the session", lambda: event.session)
    event.on_cornerstone("self_register", there)
    stage.shows("a registration", lambda: event.status(here) == "Registered")
    stage.shows("a learner", lambda: event.learner(there)["lifecycle_state"] == "active")
    stage.administrate.act("cancel_learner", id=learner)
    event.on_cornerstone("withdraw", there)
    stage.shows("a withdrawal", lambda: event.status(here) == "Withdrawn")
    stage.shows("a cancellation", lambda: event.learner(there)["lifecycle_state"] == "cancelled")
    stage.administrate.act("reactivate", id=learner)
    event.on_cornerstone("self_register", there)
    quiet(stage)
    assert [row["status"] for row in event.transcripts(here)] == ["Withdrawn", "Registered"]
    assert event.learner(there)["lifecycle_state"] == "active"


def test_a_learner_is_swapped_in_a_full_session(stage: DaemonStage) -> None:
    event, leaver, joiner = stage.event(places=1), stage.person(), stage.person()
    learner = event.register(leaver)
    stage.shows("a registration", lambda: event.status(leaver) == "Registered")
    stage.administrate.act("cancel_learner", id=learner)
    event.register(joiner)
    quiet(stage)
    assert (event.status(leaver), event.status(joiner)) == ("Withdrawn", "Registered")


def test_a_new_contact_in_a_new_account_registered_at_once(stage: DaemonStage) -> None:
    event = stage.event()
    home = stage.administrate.act("create_account", name="Brand new", parent_account_id=account(stage, division(stage))["id"])
    made = stage.administrate.act(
        "create_contact", first_name="Eva", last_name="Early", email_address="eva@example.org", account_id=home["id"]
    )
    stage.administrate.act("register", event_id=event.id, contact_id=made["id"])
    quiet(stage)
    user = stage.cornerstone.row("users", external_id=f"ADM-{made['legacy_id']}")
    rows = stage.cornerstone.rows("transcripts", object_id=event.session["id"], user_id=user["id"])
    assert [row["status"] for row in rows] == ["Registered"]


def test_an_event_cancelled_while_somebody_registers_in_cornerstone(stage: DaemonStage) -> None:
    event, person = stage.event(), stage.person()
    stage.shows("the session", lambda: event.session)
    stage.administrate.act("cancel_event", id=event.id)
    event.on_cornerstone("self_register", person)
    quiet(stage)
    assert event.status(person) == "Withdrawn"
    assert event.session["maximum_registration"] == 0


def test_places_and_times_that_change_and_a_template_archived_with_open_events(stage: DaemonStage) -> None:
    made = stage.administrate.act("create_template", code="ARC-1", title="Archived", introduction="x")
    stage.administrate.act("publish_template", id=made["id"])
    event = stage.event(template="ARC-1", parts=2)
    stage.shows("the session", lambda: event.session)
    stage.administrate.act("archive_template", id=made["id"])
    stage.administrate.act("edit_event", id=event.id, max_places=3)
    stage.administrate.act("move_session", id=event.sessions[1]["id"], title="Moved")
    quiet(stage)
    assert event.session["maximum_registration"] == 3
    assert "Moved" in [part["name"] for part in event.session["parts"]]


def test_every_delivery_twice_late_and_out_of_order(stage: DaemonStage) -> None:
    for vendor in (stage.administrate, stage.cornerstone):
        deliver(vendor, duplicate=1.0, shuffle=True, delay=1)
    event, person = stage.event(), stage.person()
    learner = event.register(person)
    stage.administrate.act("cancel_learner", id=learner)
    stage.administrate.act("reactivate", id=learner)
    quiet(stage)
    assert [row["status"] for row in event.transcripts(person)] == ["Registered"]


def test_what_webhooks_lost_the_feeds_bring(stage: DaemonStage) -> None:
    for vendor in (stage.administrate, stage.cornerstone):
        deliver(vendor, drop=1.0)
    event, here, there = stage.event(), stage.person(), stage.person()
    stage.shows("the session, without a webhook", lambda: event.session)
    event.register(here)
    event.on_cornerstone("self_register", there)
    stage.shows("a registration", lambda: event.status(here) == "Registered")
    stage.shows("a learner", lambda: event.learner(there)["lifecycle_state"] == "active")
    stage.settle(rounds=2)
    for vendor in (stage.administrate, stage.cornerstone):
        deliver(vendor)
    quiet(stage)


def test_answers_that_are_lost_after_their_effect(stage: DaemonStage) -> None:
    stage.cornerstone.fault("reset", match={"operation": "learning_assignments.create"}, after_effect=True)
    stage.cornerstone.fault("status", match={"operation": "lo.create"}, status=503, after_effect=True)
    stage.administrate.fault("malformed", match={"operation": "contact.createBatch"})
    event, person = stage.event(), stage.person()
    event.register(person)
    user = hire(stage, "Lost", "Answer", "lost@example.org")
    quiet(stage)
    for vendor in (stage.administrate, stage.cornerstone):
        vendor.clear_faults()
    assert [row["status"] for row in event.transcripts(person)] == ["Registered"]
    assert contact(stage, user)["last_name"] == "Answer"


def test_marks_and_a_pass_after_the_end_and_a_completion_from_cornerstone(stage: DaemonStage) -> None:
    event, here, there = stage.event(days=0.5), stage.person(), stage.person()
    for person in (here, there):
        event.register(person)
    stage.shows("registrations", lambda: event.status(here) == event.status(there) == "Registered")
    event.end()
    event.mark(here, True)
    event.result(here, True)
    event.on_cornerstone("complete", there)
    quiet(stage)
    assert event.status(here) == "Completed"
    assert event.learner(there)["has_passed"] is True


def test_a_unit_moved_under_its_own_descendant_by_the_daily_reconciliation(stage: DaemonStage) -> None:
    top = stage.cornerstone.act("create_ou", name="Ancestor", type_id=DIVISION)["id"]
    below = stage.cornerstone.act("create_ou", name="Descendant", parent_id=top, type_id=DIVISION)["id"]
    day = datetime.now(UTC).date().isoformat()
    stage.launch("daily_ou_reconciliation", config=UNITS, partition=day)
    stage.shows("both accounts", lambda: account(stage, below)["parent_account_id"] == account(stage, top)["id"])
    stage.cornerstone.act("move_ou", id=below, parent_id=None)
    stage.cornerstone.act("move_ou", id=top, parent_id=below)
    stage.launch("daily_ou_reconciliation", config=UNITS, partition=day)
    stage.shows("the move", lambda: account(stage, top)["parent_account_id"] == account(stage, below)["id"])
    quiet(stage)


def test_a_daemon_and_a_gateway_that_are_killed_lose_nothing(stage: DaemonStage) -> None:
    event, here, there = stage.event(), stage.person(), stage.person()
    stage.shows("the session", lambda: event.session)
    stage.kill("gateway")
    event.register(here)
    stage.kill("daemon")
    event.on_cornerstone("self_register", there)
    stage.shows("a registration", lambda: event.status(here) == "Registered")
    stage.shows("a learner", lambda: event.learner(there)["lifecycle_state"] == "active")
    quiet(stage)
