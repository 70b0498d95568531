"""Outbound webhooks over real HTTP. Source keys: developer site (webhooks: types, setup, guide), a captured delivery of May 2026."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from csod_pipelines.sandbox.serve import running
from csod_pipelines_tests.sandbox.administrate_api import Api, wait_for
from csod_pipelines_tests.sandbox.receiver import Receiver, receiving

CREATE = "mutation C($i: WebhookCreateInput!) { webhooks { create(input: $i) { webhook { id lifecycleState } ERRORS } } }"
UPDATE = "mutation U($i: WebhookUpdateInput!) { webhooks { update(input: $i) { webhook { id lifecycleState } ERRORS } } }"
NODE = "query P($objectid: ID!) { node(id: $objectid) { id __typename ... on Contact { lastName } } }"


@pytest.fixture(scope="module")
def server() -> Iterator[Api]:
    with running("administrate") as sandbox:
        yield Api(sandbox.url)


@pytest.fixture
def api(server: Api) -> Api:
    server.reset()
    server.login()
    return server


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


def _hook(api: Api, receiver: Receiver, slug: str, *, state: str | None = "active", **more: Any) -> str:
    type_id = b64encode(f"WebhookType:{slug}".encode()).decode()
    given = {"webhookTypeId": type_id, "name": slug, "query": NODE, "url": f"{receiver.url}/{slug}", "config": '{"secret": "s3"}', **more}
    made = api.ask(CREATE, i=given)["webhooks"]["create"]
    assert made["errors"] == []
    if state is not None:
        api.ask(UPDATE, i={"webhookId": made["webhook"]["id"], "lifecycleState": state})
    return made["webhook"]["id"]


def test_a_new_webhook_is_inactive_and_sends_nothing_until_it_is_turned_on(api: Api, receiver: Receiver) -> None:
    hook = _hook(api, receiver, "contact_created", state=None)
    api.contact("Ada")
    assert api.one("webhooks", hook)["lifecycle_state"] == "inactive"
    api.ask(UPDATE, i={"webhookId": hook, "lifecycleState": "active"})
    api.contact("Eve")
    wait_for(lambda: receiver.received)
    assert len(receiver.received) == 1


def test_the_envelope_is_the_captured_one(api: Api, receiver: Receiver) -> None:
    hook = _hook(api, receiver, "contact_created")
    contact = api.contact("Ada")
    wait_for(lambda: receiver.received)
    (body,) = receiver.bodies()
    assert set(body) == {"metadata", "payload", "configuration"}
    assert body["payload"] == {"node": {"id": contact, "__typename": "Contact", "lastName": "Byron"}}
    assert body["configuration"] == {"secret": "s3"}
    metadata = body["metadata"]
    assert metadata["webhook_id"] == hook
    assert metadata["triggered_at"].endswith(".000000Z")
    assert metadata["user"] == {"email": None} and metadata["context"] == "graphql" and metadata["is_retry"] is False
    assert "contact_created" not in str(metadata), "the type is not in the body"
    headers = receiver.received[0]["headers"]
    assert headers["user-agent"] == "Administrate-Webhooks/1.0"
    signed = headers["x-administrate-signature-timestamp"].encode() + b"." + receiver.received[0]["body"]
    assert headers["x-administrate-signature"] == hmac.new(b"sandbox-hmac-key", signed, hashlib.sha256).hexdigest()


def test_a_write_by_the_api_fires_hooks_like_one_on_the_screen(api: Api, receiver: Receiver) -> None:
    _hook(api, receiver, "contact_updated")
    id = api.contact()
    api.ask("mutation U($i: ContactUpdateInput!) { contact { update(input: $i) { ERRORS } } }", i={"contactId": id, "phoneNumbers": []})
    api.act("edit_contact", id=id, last_name="King")
    wait_for(lambda: len(receiver.received) == 2)


def test_cancelling_a_learner_does_not_fire_event_updated(api: Api, receiver: Receiver) -> None:
    event = api.event()
    learner = api.learner(event)
    _hook(api, receiver, "event_updated")
    _hook(api, receiver, "learner_cancelled")
    api.act("cancel_learner", id=learner)
    wait_for(lambda: receiver.received)
    assert [row["path"] for row in receiver.received] == ["/learner_cancelled"]
    assert [row["webhook_type"] for row in api.state("webhook_deliveries")] == ["learner_cancelled"]


def test_each_change_of_the_story_has_its_own_type(api: Api, receiver: Receiver) -> None:
    slugs = ("account_created", "contact_created", "event_created", "event_updated", "event_published", "learner_created")
    slugs += (
        "learner_cancelled",
        "learner_result_updated",
        "learner_attended_session",
        "learner_missed_session",
        "course_template_published",
    )
    for slug in slugs:
        _hook(api, receiver, slug)
    api.act("create_account", name="New")
    api.act("publish_template", id=api.template())
    event = api.event()
    learner = api.learner(event)
    first, second = (row["id"] for row in api.sessions(event))
    api.act("mark_attendance", learner_id=learner, session_id=first, attended=True)
    api.act("mark_attendance", learner_id=learner, session_id=second, attended=False)
    api.act("record_result", learner_id=learner, has_passed=True)
    api.act("cancel_learner", id=learner)
    wait_for(lambda: {row["path"][1:] for row in receiver.received} == set(slugs))


def test_a_deletion_is_told_by_echo(api: Api, receiver: Receiver) -> None:
    _hook(api, receiver, "event_deleted", query="query G($objectid: String!) { echo(value: $objectid) }")
    event = api.event(publish=False)
    api.act("delete_event", id=event)
    wait_for(lambda: receiver.received)
    assert receiver.bodies()[0]["payload"] == {"echo": event}


def test_a_filter_expression_decides_on_the_result_of_the_query(api: Api, receiver: Receiver) -> None:
    _hook(api, receiver, "contact_created", filterExpression="node.lastName == 'King'")
    api.contact("Ada")
    api.contact("Eve", last_name="King")
    wait_for(lambda: receiver.received)
    assert [body["payload"]["node"]["lastName"] for body in receiver.bodies()] == ["King"]
    assert api.state("webhook_deliveries")[0]["result"] == "Filtered"


def test_a_disabled_hook_is_logged_as_not_sent_and_an_inactive_one_is_not_logged(api: Api, receiver: Receiver) -> None:
    _hook(api, receiver, "contact_created", state="disabled")
    _hook(api, receiver, "contact_created", state="inactive")
    api.contact()
    assert [row["result"] for row in api.state("webhook_deliveries")] == ["Not Sent"]
    assert receiver.received == []


def test_5xx_and_429_are_tried_again_after_30_60_and_120_seconds_then_an_email_goes_out(api: Api, receiver: Receiver) -> None:
    receiver.statuses += [500, 429, 503, 502]
    _hook(api, receiver, "contact_created", notificationEmails=["ops@example.org"])
    api.contact()
    for attempt, seconds in enumerate((30, 60, 120), start=1):
        wait_for(lambda attempt=attempt: len(api.state("webhook_deliveries")[0]["attempts"]) == attempt)
        api.control("POST", "clock", {"advance": seconds - 5})
        assert len(receiver.received) == attempt
        api.control("POST", "clock", {"advance": 6})
        wait_for(lambda attempt=attempt: len(receiver.received) == attempt + 1)
    wait_for(lambda: api.state("webhook_deliveries")[0]["result"] == "Failed")
    assert [mail["to"] for mail in api.state("mailbox")] == ["ops@example.org"]
    first, *_, last = (body["metadata"] for body in receiver.bodies())
    assert (first["is_retry"], last["is_retry"]) == (False, True)
    assert first["triggered_at"] == last["triggered_at"]
    assert first["sent_at"] < last["sent_at"]


@pytest.mark.parametrize("status", [400, 401, 404])
def test_any_other_4xx_is_given_up_at_once(api: Api, receiver: Receiver, status: int) -> None:
    receiver.statuses.append(status)
    _hook(api, receiver, "contact_created", notificationEmails=["ops@example.org"])
    api.contact()
    wait_for(lambda: api.state("mailbox"))
    assert api.state("webhook_deliveries")[0]["result"] == "Failed"


def test_a_lost_delivery_can_be_run_again_from_the_log(api: Api, receiver: Receiver) -> None:
    receiver.statuses.append(401)
    _hook(api, receiver, "contact_created")
    api.contact()
    row = wait_for(lambda: [row for row in api.state("webhook_deliveries") if row["result"] == "Failed"])[0]
    api.act("resend_webhook", id=row["id"])
    wait_for(lambda: api.state("webhook_deliveries")[0]["result"] == "Sent")


def test_a_duplicate_comes_with_stamps_of_its_own_a_second_later(api: Api, receiver: Receiver) -> None:
    api.control("POST", "webhooks", {"duplicate": 1.0})
    _hook(api, receiver, "contact_created")
    api.contact()
    wait_for(lambda: len(receiver.received) == 2)
    first, second = sorted(body["metadata"]["triggered_at"] for body in receiver.bodies())
    assert first < second


def test_dropped_deliveries_never_come(api: Api, receiver: Receiver) -> None:
    api.control("POST", "webhooks", {"drop": 1.0})
    _hook(api, receiver, "contact_created")
    api.contact()
    assert api.control("GET", "webhooks")["deliveries"][0]["result"] == "Dropped"
    assert receiver.received == []


def test_the_type_is_fixed_the_config_is_json_text_and_nothing_is_deleted(api: Api, receiver: Receiver) -> None:
    hook = _hook(api, receiver, "contact_created")
    assert "webhookTypeId" in api.fail(UPDATE, i={"webhookId": hook, "webhookTypeId": "x"})
    refused = api.ask(UPDATE, i={"webhookId": hook, "config": "{'secret': 1}"})["webhooks"]["update"]
    assert refused["errors"][0]["message"] == "Expecting property name enclosed in double quotes"
    assert "delete" in api.fail("mutation { webhooks { delete(input: {}) { ERRORS } } }")


def test_types_are_looked_up_by_name_in_either_spelling_and_can_be_missing(api: Api) -> None:
    query = "query T($f: [WebhookTypeFieldGraphFilter!]) { webhookTypes(filters: $f, first: 100) { edges { node { id name } } } }"

    def names(**given: str) -> list[str]:
        return [edge["node"]["name"] for edge in api.ask(query, f=[given])["webhookTypes"]["edges"]]

    for spelling in ("Learner Canceled", "Learner Cancelled"):
        assert names(field="name", operation="eq", value=spelling) == ["Learner Cancelled"]
    assert len(names(field="trigger", operation="eq", value="automatic")) == 21
    api.switch(webhook_learner_result_updated=False)
    assert names(field="name", operation="eq", value="Learner Result Updated") == []
    api.switch(webhook_learner_result_updated=True)


def test_fair_use_is_counted(api: Api, receiver: Receiver) -> None:
    _hook(api, receiver, "contact_created", state="disabled")
    api.contact()
    assert api.state("fair_use")[0]["300s"] == {"used": 1, "limit": 2000}
