"""Webhooks duplicated, late, out of order, lost, about nobody we know: hints, and no more. Feeds stay off unless told."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from csod_pipelines.model.keys import SystemName
from csod_pipelines.store import inbox
from csod_pipelines.store.provision import Urls
from csod_pipelines.systems.administrate import webhooks
from csod_pipelines_tests.acceptance.scenarios.epilogue import quiet
from csod_pipelines_tests.acceptance.scenarios.mail import Mail
from csod_pipelines_tests.acceptance.scenarios.stage import DIVISION, PORTAL, Stage, staged
from csod_pipelines_tests.acceptance.world import Vendor

ELSEWHERE = "7f0c7e9e-0000-4000-8000-000000000000"
WEEK_SECONDS = 7 * 86_400


@pytest.fixture(scope="module")
def stage(module_database_urls: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(module_database_urls, tmp_path_factory.mktemp("house"), webhooks=True) as made:
        made.feeds = False
        yield made


@pytest.fixture(autouse=True)
def ordinary_delivery(stage: Stage) -> Iterator[None]:
    """Each scenario begins with vendors that deliver once, at once, and ends so."""
    yield
    stage.feeds = False
    for vendor in (stage.administrate, stage.cornerstone):
        deliver(vendor)


def deliver(vendor: Vendor, **manner: Any) -> None:
    wanted = {"duplicate": 0.0, "drop": 0.0, "delay": 0, "shuffle": False} | manner
    answer = requests.post(f"{vendor.url}/_sandbox/webhooks", json=wanted, timeout=30)
    assert answer.ok, answer.text


def mail_of(stage: Stage) -> Mail:
    assert stage.mail is not None
    return stage.mail


def stored(stage: Stage) -> int:
    with stage.house.database.read() as conn:
        return sum(inbox.dispositions(conn).values())


def newest_end(stage: Stage) -> tuple[str, str | None]:
    with stage.house.database.read() as conn:
        row = inbox.deliveries(conn, limit=1)[0]
    return row.disposition, row.reason


def learner_told(stage: Stage) -> tuple[str | None, bool]:
    """Register somebody; what the delivery was stored for, and whether Administrate was asked for the learner's event."""
    event, person = stage.event(), stage.person()
    stage.settle()
    since = stage.administrate.last_request()
    event.register(person)
    stage.settle()
    assert event.status(person) == "Registered"
    with stage.house.database.read() as conn:
        told = next(row.subject for row in inbox.deliveries(conn) if row.type == "learner_created")
    asked = {row["operation"] for row in stage.administrate.requests(since)} & {"node", "learners"}  # of one learner, or of several
    return told, bool(asked)


def test_a_learner_that_is_told_with_its_event_is_worked_without_asking_for_it(stage: Stage) -> None:
    told, asked = learner_told(stage)
    assert (told or "").startswith("roster:administrate:") and not asked
    quiet(stage)


def test_a_hook_of_an_older_version_that_tells_no_event_still_brings_its_learners(stage: Stage) -> None:
    client: Any = stage.house.systems[SystemName.ADMINISTRATE].client  # pyright: ignore[reportAttributeAccessIssue]
    hook = next(hook for hook in webhooks.installed(client) if hook.slug == "learner_created")
    webhooks._update(client, {"webhookId": hook.id, "query": webhooks.READ_QUERY})
    try:
        told, asked = learner_told(stage)
    finally:
        webhooks._update(client, {"webhookId": hook.id, "query": webhooks.LEARNER_QUERY})
    assert (told or "").startswith("enrollment:administrate:") and asked
    quiet(stage)


def test_webhooks_alone_carry_a_training_from_its_event_to_its_result(stage: Stage) -> None:
    event, person = stage.event(parts=2, days=1), stage.person()
    stage.settle()
    event.register(person)
    stage.settle()
    assert event.status(person) == "Registered"
    moved = event.sessions[1]
    stage.administrate.act("move_session", id=moved["id"], title="Moved by a webhook")
    stage.settle()
    assert "Moved by a webhook" in [part["name"] for part in event.session["parts"]]
    event.end()
    event.mark(person, True, True)
    event.result(person, True)
    stage.settle()
    assert event.status(person) == "Completed"
    quiet(stage)


def test_people_created_on_either_side_arrive_by_webhook(stage: Stage) -> None:
    division = next(ou["id"] for ou in stage.cornerstone.rows("ous", type_id=DIVISION) if ou["active"])
    account = next(row["id"] for row in stage.administrate.rows("accounts") if row["external_ids"].get(f"{PORTAL}:ou") == str(division))
    ous = [{"id": division, "type_id": DIVISION}]
    stage.cornerstone.act("hire", first_name="Hook", last_name="There", primary_email="there@example.org", ous=ous)
    stage.administrate.act("create_contact", first_name="Hook", last_name="Here", email_address="here@example.org", account_id=account)
    stage.settle()
    stage.administrate.row("contacts", email_address="there@example.org")
    stage.cornerstone.row("users", primary_email="here@example.org")
    quiet(stage)


def test_every_delivery_twice_is_one_effect(stage: Stage) -> None:
    for vendor in (stage.administrate, stage.cornerstone):
        deliver(vendor, duplicate=1.0)
    event, here, there = stage.event(), stage.person(), stage.person()
    stage.settle()
    event.register(here)
    event.on_cornerstone("self_register", there)
    stage.settle()
    assert [row["status"] for row in event.transcripts(here)] == ["Registered"]
    assert event.learner(there)["lifecycle_state"] == "active"
    quiet(stage)


def test_deliveries_out_of_order_end_with_the_last_word(stage: Stage) -> None:
    event, person = stage.event(), stage.person()
    stage.settle()
    deliver(stage.administrate, shuffle=True, delay=2)
    learner = event.register(person)
    stage.administrate.act("cancel_learner", id=learner)
    stage.administrate.act("reactivate", id=learner)
    stage.administrate.act("cancel_learner", id=learner)
    stage.clock.travel(30)
    stage.settle()
    assert event.status(person) in (None, "Withdrawn")
    quiet(stage)


def test_a_delivery_that_is_a_week_late_changes_nothing(stage: Stage) -> None:
    event, person = stage.event(days=20), stage.person()
    stage.settle()
    deliver(stage.administrate, delay=WEEK_SECONDS)
    learner = event.register(person)
    stage.feeds = True
    stage.settle()
    assert event.status(person) == "Registered"
    stage.administrate.act("cancel_learner", id=learner)
    stage.settle()
    before = stored(stage)
    stage.clock.travel(WEEK_SECONDS + 60)
    mail_of(stage).arrive()
    assert stored(stage) > before, "the late deliveries came"
    marks = stage.administrate.last_request(), stage.cornerstone.last_request()
    stage.settle()
    assert stage.administrate.writes(since=marks[0]) == stage.cornerstone.writes(since=marks[1]) == []
    assert event.status(person) == "Withdrawn"
    quiet(stage)


def test_what_webhooks_lost_the_feeds_bring(stage: Stage) -> None:
    for vendor in (stage.administrate, stage.cornerstone):
        deliver(vendor, drop=1.0)
    event, here, there = stage.event(), stage.person(), stage.person()
    stage.settle()
    assert stage.cornerstone.rows("sessions", session_id=f"ADM-{event.row['legacy_id']}") == [], "every delivery was lost"
    stage.feeds = True
    stage.settle()
    event.register(here)
    event.on_cornerstone("self_register", there)
    stage.settle()
    assert event.status(here) == "Registered"
    assert event.learner(there)["lifecycle_state"] == "active"
    quiet(stage)


def administrate_body(id: str) -> dict[str, Any]:
    metadata = {"webhook_id": "V2ViaG9vazox", "triggered_at": "2026-01-01T00:00:00Z"}
    return {"metadata": metadata, "payload": {"node": {"id": id, "__typename": "Contact"}}}


def cornerstone_body(type: str, **data: Any) -> dict[str, Any]:
    key = type[0].lower() + type[1:]
    return {"records": [{"value": {"lmsEventsCase": type, key: {"data": {"eventId": f"forged-{type}-{sorted(data.items())}", **data}}}}]}


@pytest.mark.parametrize(
    ("type", "id"),
    [
        ("contact_created", base64.b64encode(b"Person:987654").decode()),  # nobody has this number
        ("event_updated", base64.b64encode(b"Course:987654").decode()),
        ("learner_created", base64.b64encode(b"Learner:987654").decode()),
        ("session_updated", base64.b64encode(b"Session:987654").decode()),
        ("contact_created", "dGhpcyBpcyBubyBpZA=="),  # not an id of this product at all
        ("contact_created", "7f0c7e9e-0000-4000-8000-000000000000"),  # another instance counts otherwise
    ],
)
def test_a_delivery_about_a_record_that_is_not_there_is_ignored(stage: Stage, type: str, id: str) -> None:
    marks = stage.administrate.last_request(), stage.cornerstone.last_request()
    assert mail_of(stage).post("administrate", administrate_body(id), type=type).status_code == 202
    stage.settle()
    assert newest_end(stage)[0] == "ignored"
    assert stage.administrate.writes(since=marks[0]) == stage.cornerstone.writes(since=marks[1]) == []


@pytest.mark.parametrize(
    ("type", "data"),
    [
        ("EmployeeCreated", {"employeeId": 987654}),
        (
            "TrainingRegistered",
            {"targetUserId": 987654, "trainingId": ELSEWHERE, "trainingRegistrationNumber": 1},
        ),
        ("TrainingCompleted", {"targetUserId": 987654, "trainingId": "not a guid", "trainingRegistrationNumber": 1}),
        ("SomethingNew", {"whatever": 1}),
    ],
)
def test_a_record_of_another_portal_is_ignored(stage: Stage, type: str, data: dict[str, Any]) -> None:
    marks = stage.administrate.last_request(), stage.cornerstone.last_request()
    assert mail_of(stage).post("cornerstone", cornerstone_body(type, **data)).status_code == 202
    stage.settle()
    assert newest_end(stage)[0] == "ignored"
    assert stage.administrate.writes(since=marks[0]) == stage.cornerstone.writes(since=marks[1]) == []


def test_a_deleted_event_is_closed_as_soon_as_its_webhook_comes(stage: Stage) -> None:
    event = stage.event()
    stage.settle()
    session = event.session["id"]
    stage.administrate.act("delete_event", id=event.id)
    stage.settle()
    assert stage.cornerstone.row("sessions", id=session)["maximum_registration"] == 0
    quiet(stage)


def test_a_manual_button_looks_at_the_event_again(stage: Stage) -> None:
    event = stage.event(places=5)
    stage.settle()
    deliver(stage.administrate, drop=1.0)
    stage.administrate.act("edit_event", id=event.id, max_places=4)
    stage.settle()
    assert event.session["maximum_registration"] == 5
    deliver(stage.administrate)
    stage.administrate.act("press_manual_button", id=event.id)
    stage.settle()
    assert event.session["maximum_registration"] == 4
    quiet(stage)
