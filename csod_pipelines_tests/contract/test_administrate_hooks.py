"""Outbound webhooks: types, setting up, delivering, trying again."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator
from typing import Any

import pytest

from csod_pipelines_tests.contract.administrate_portal import Administrate, global_id
from csod_pipelines_tests.sandbox.administrate_api import wait_for
from csod_pipelines_tests.sandbox.receiver import Receiver, receiving

CREATE = "mutation ($i: WebhookCreateInput!) { webhooks { create(input: $i) { webhook { id lifecycleState } ERRORS } } }"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


def arrived(receiver: Receiver, count: int = 1) -> list[dict[str, Any]]:
    wait_for(lambda: len(receiver.received) >= count)
    return receiver.received[:count]


def deliveries(administrate: Administrate) -> list[dict[str, Any]]:
    return administrate.control("GET", "webhooks")["deliveries"]


def settled(administrate: Administrate, result: str) -> dict[str, Any]:
    """The only delivery, once it has come to this."""
    wait_for(lambda: [row for row in deliveries(administrate) if row["result"] == result])
    (row,) = deliveries(administrate)
    return row


def told(administrate: Administrate, receiver: Receiver) -> list[str]:
    """Ids of the records that deliveries were about."""
    return [body["payload"].get("echo") or body["payload"]["node"]["id"] for body in receiver.bodies()]


# ---- types


@pytest.mark.row("query.webhookTypes")
@pytest.mark.reads
def test_types_are_found_by_their_name(administrate: Administrate) -> None:
    """Source: developer site, webhook types; also by trigger, with the value automatic."""
    query = """query ($p: String!) { webhookTypes(filters: [{ field: name, operation: like, value: $p }]) {
      edges { node { id name description } } } }"""
    assert {node["name"] for node in administrate.nodes(query, p="Event %")} >= {"Event Created", "Event Updated"}
    assert administrate.nodes(query, p="No such thing") == []


@pytest.mark.row("webhook_types")
@pytest.mark.reads
def test_a_type_has_a_name_a_description_and_an_id_of_its_slug(administrate: Administrate) -> None:
    """Source: developer site, webhook types: the id is base64 of WebhookType and the slug."""
    nodes = administrate.nodes("{ webhookTypes(first: 100) { edges { node { id name description } } } }")
    ids = {node["id"]: node["name"] for node in nodes}
    assert ids["V2ViaG9va1R5cGU6ZXZlbnRfdXBkYXRlZA=="] == "Event Updated"
    assert all(node["description"] for node in nodes)


@pytest.mark.row("webhook_event_created")
def test_a_new_event_is_told(administrate: Administrate, receiver: Receiver) -> None:
    """Source: developer site, webhook types."""
    assert administrate.hook_types()["event_created"] == "Event Created"
    administrate.hook("event_created", receiver.url)
    id = administrate.event(published=False)
    arrived(receiver)
    assert told(administrate, receiver) == [id]


@pytest.mark.row("webhook_event_updated")
def test_a_changed_event_is_told(administrate: Administrate, receiver: Receiver) -> None:
    """Source: developer site, webhook types. A change through the API tells like one on the screens."""
    id = administrate.event()
    administrate.hook("event_updated", receiver.url)
    administrate.update_event(id, title="Fire drill")
    arrived(receiver)
    assert told(administrate, receiver) == [id]


@pytest.mark.row("webhook_event_published")
def test_a_published_event_is_told(administrate: Administrate, receiver: Receiver) -> None:
    """Source: developer site, webhook types: set to the active status."""
    id = administrate.event(published=False)
    administrate.hook("event_published", receiver.url)
    administrate.update_event(id, title="Not yet")
    administrate.update_event(id, lifecycleState="published")
    arrived(receiver)
    assert told(administrate, receiver) == [id]


@pytest.mark.row("webhook_event_cancelled")
def test_a_cancelled_event_is_told(administrate: Administrate, receiver: Receiver) -> None:
    """Source: developer site, webhook types."""
    id = administrate.event()
    administrate.hook("event_cancelled", receiver.url)
    administrate.update_event(id, lifecycleState="cancelled")
    arrived(receiver)
    assert told(administrate, receiver) == [id]


@pytest.mark.row("webhook_event_deleted")
def test_a_deleted_event_is_told_by_an_echo(administrate: Administrate, receiver: Receiver) -> None:
    """Source: developer site, webhook types; a client asks echo, since the record is gone."""
    id = administrate.event()
    administrate.hook("event_deleted", receiver.url, query="query ($objectid: String!) { echo(value: $objectid) }")
    administrate.ask("mutation ($e: ID!) { event { delete(input: { eventIds: [$e] }) { ERRORS } } }", e=id)
    arrived(receiver)
    assert told(administrate, receiver) == [id]


@pytest.mark.row("webhook_account_created")
def test_a_new_account_is_told(administrate: Administrate, receiver: Receiver) -> None:
    """Source: developer site, webhook types, by name; its slug is inferred."""
    administrate.hook("account_created", receiver.url)
    id = administrate.account()
    arrived(receiver)
    assert told(administrate, receiver) == [id]


def test_a_cancelled_learner_does_not_tell_of_its_event(administrate: Administrate, receiver: Receiver) -> None:
    """Source: the vendor's waitlist workflow."""
    event = administrate.event()
    learner = administrate.learner(event)
    administrate.hook("event_updated", receiver.url)
    administrate.hook("learner_cancelled", receiver.url)
    administrate.ask("mutation ($l: ID!) { learner { cancel(input: { learnerId: $l }) { ERRORS } } }", l=learner)
    arrived(receiver)
    assert told(administrate, receiver) == [learner] and len(deliveries(administrate)) == 1


# ---- setting up


@pytest.mark.row("mutation.webhooks.create")
def test_a_webhook_is_created_with_type_query_and_address(administrate: Administrate) -> None:
    """Source: developer site, webhook setup. config is a text that holds JSON: a client met this refusal otherwise."""
    given = {"webhookTypeId": global_id("WebhookType", "event_created"), "name": "ours", "url": "https://house.example/hook"}
    asks = {"query": "query ($objectid: ID!) { node(id: $objectid) { id } }", "notificationEmails": ["ops@example.org"]}
    assert administrate.ask(CREATE, i=given | asks | {"config": '{"secret": "s"}'})["webhooks"]["create"]["webhook"]["id"]
    refused = administrate.ask(CREATE, i=given | asks | {"config": "{'secret': 's'}"})["webhooks"]["create"]
    assert refused["webhook"] is None and "double quotes" in refused["errors"][0]["message"]


@pytest.mark.row("webhook_inactive_at_birth")
def test_a_new_webhook_is_not_active(administrate: Administrate, receiver: Receiver) -> None:
    """Source: developer site, webhook setup."""
    administrate.hook("account_created", receiver.url, active=False)
    administrate.account()
    assert deliveries(administrate) == []
    (hook,) = administrate.nodes("{ webhooks { edges { node { lifecycleState } } } }")
    assert hook["lifecycleState"] == "inactive"


@pytest.mark.row("mutation.webhooks.update")
def test_an_update_names_the_webhook_and_cannot_change_its_type(administrate: Administrate) -> None:
    """Source: developer site, webhook setup; that the type is fixed was checked by a client on a test instance."""
    id = administrate.hook("event_created", "https://house.example/hook", active=False)
    assert administrate.update_hook(id, lifecycleState="active")["webhook"]["lifecycleState"] == "active"
    query = "mutation ($i: WebhookUpdateInput!) { webhooks { update(input: $i) { webhook { id } ERRORS } } }"
    assert administrate.refused(query, i={"webhookId": id, "webhookTypeId": global_id("WebhookType", "event_updated")})


@pytest.mark.row("webhook_deactivation")
def test_an_inactive_webhook_sends_nothing_and_logs_nothing(administrate: Administrate, receiver: Receiver) -> None:
    """Source: help article 360011948378. There is no delete."""
    id = administrate.hook("account_created", receiver.url)
    administrate.update_hook(id, lifecycleState="inactive")
    administrate.account()
    assert deliveries(administrate) == []
    fields = administrate.ask('{ __type(name: "WebhooksMutations") { fields { name } } }')["__type"]["fields"]
    assert {field["name"] for field in fields} == {"create", "update"}


@pytest.mark.row("webhook_disabled")
def test_a_disabled_webhook_sends_nothing_but_is_logged_and_counted(administrate: Administrate, receiver: Receiver) -> None:
    """Source: help article 360011948378; developer site, rate limits."""
    id = administrate.hook("account_created", receiver.url)
    administrate.update_hook(id, lifecycleState="disabled")
    account = administrate.account()
    row = settled(administrate, "Not Sent")
    assert row["object_id"] == account and row["payload"]["node"]["id"] == account
    assert administrate.control("GET", "state/fair_use")[0]["1s"]["used"] == 1
    assert receiver.received == []


@pytest.mark.row("webhook_config_hidden")
def test_the_config_cannot_be_read_back(administrate: Administrate) -> None:
    """Source: developer site, webhook setup: kept encrypted."""
    administrate.hook("event_created", "https://house.example/hook", config='{"secret": "s"}')
    assert "config" in administrate.refused("{ webhooks { edges { node { config } } } }")


@pytest.mark.row("webhook_filter")
def test_a_filter_looks_at_the_result_of_the_hooks_own_query(administrate: Administrate, receiver: Receiver) -> None:
    """Source: developer site, webhook setup: JMESPath, and what is true sends."""
    query = "query ($objectid: ID!) { node(id: $objectid) { id ... on Account { name } } }"
    administrate.hook("account_created", receiver.url, query=query, filterExpression="node.name == 'Sales'")
    administrate.account("Stores")
    id = administrate.account("Sales")
    arrived(receiver)
    assert told(administrate, receiver) == [id]


# ---- delivering


def test_a_delivery_holds_metadata_payload_and_configuration(administrate: Administrate, receiver: Receiver) -> None:
    """Source: a delivery that a client captured in May 2026. The type is not in the body; stamps have whole seconds."""
    hook = administrate.hook("account_created", receiver.url, config='{"secret": "s"}')
    administrate.account()
    arrived(receiver)
    (body,) = receiver.bodies()
    metadata = body["metadata"]
    assert set(body) == {"metadata", "payload", "configuration"} and body["configuration"] == {"secret": "s"}
    assert (metadata["webhook_id"], metadata["is_retry"], metadata["context"]) == (hook, False, "graphql")
    assert metadata["triggered_at"].endswith(".000000Z") and metadata["sent_at"]


@pytest.mark.row("webhook_user_agent")
def test_a_delivery_is_json_by_a_named_sender(administrate: Administrate, receiver: Receiver) -> None:
    """Source: developer site, webhooks guide."""
    administrate.hook("account_created", receiver.url)
    administrate.account()
    headers = arrived(receiver)[0]["headers"]
    assert (headers["user-agent"], headers["content-type"]) == ("Administrate-Webhooks/1.0", "application/json")


@pytest.mark.row("webhook_signature_headers")
def test_a_delivery_is_signed_in_two_headers(administrate: Administrate, receiver: Receiver) -> None:
    """Source: developer site, webhooks guide, for the headers; hash and signed text are a guess (webhook_signature)."""
    administrate.hook("account_created", receiver.url)
    administrate.account()
    (row,) = arrived(receiver)
    stamp, given = row["headers"]["x-administrate-signature-timestamp"], row["headers"]["x-administrate-signature"]
    key = administrate.control("GET", "config")["hmac_key"].encode()
    assert stamp.isdecimal()
    assert given == hmac.new(key, stamp.encode() + b"." + row["body"], hashlib.sha256).hexdigest()


@pytest.mark.row("webhook_basic_credentials")
def test_credentials_in_the_address_are_sent_as_basic(administrate: Administrate, receiver: Receiver) -> None:
    """Source: developer site, webhooks guide; what the vendor recommends."""
    administrate.hook("account_created", receiver.url.replace("://", "://house:word@"))
    administrate.account()
    expected = "Basic " + base64.b64encode(b"house:word").decode()
    assert arrived(receiver)[0]["headers"]["authorization"] == expected


@pytest.mark.row("webhook_retries")
@pytest.mark.parametrize("status", [500, 429])
def test_a_failed_delivery_is_tried_again_three_times(administrate: Administrate, receiver: Receiver, status: int) -> None:
    """Source: developer site, webhooks guide: after 30 seconds, a minute, two minutes; then an e-mail to the owner."""
    receiver.statuses += [status] * 4
    administrate.hook("account_created", receiver.url, notificationEmails=["ops@example.org"])
    administrate.account()
    for count, seconds in ((1, 31), (2, 61), (3, 121)):
        arrived(receiver, count)
        wait_for(lambda count=count: len(deliveries(administrate)[0]["attempts"]) == count)
        administrate.advance(seconds=seconds)
    arrived(receiver, 4)
    assert [body["metadata"]["is_retry"] for body in receiver.bodies()] == [False, True, True, True]
    assert len({body["metadata"]["triggered_at"] for body in receiver.bodies()}) == 1
    settled(administrate, "Failed")
    assert [mail["to"] for mail in administrate.control("GET", "state/mailbox")] == ["ops@example.org"]


@pytest.mark.row("webhook_no_retry")
def test_any_other_refusal_is_given_up_at_once(administrate: Administrate, receiver: Receiver) -> None:
    """Source: developer site, webhooks guide: an e-mail instead."""
    receiver.statuses.append(401)
    administrate.hook("account_created", receiver.url, notificationEmails=["ops@example.org"])
    administrate.account()
    assert len(settled(administrate, "Failed")["attempts"]) == 1
    administrate.advance(minutes=10)
    assert len(receiver.received) == 1
    assert len(administrate.control("GET", "state/mailbox")) == 1


@pytest.mark.row("webhook_fair_use")
def test_deliveries_and_their_retries_are_counted_against_fair_use(administrate: Administrate, receiver: Receiver) -> None:
    """Source: developer site, rate limits: 200 a second, 2,000 in five minutes, 10,000 an hour. What comes beyond is not known."""
    receiver.statuses.append(500)
    administrate.hook("account_created", receiver.url)
    administrate.account()
    settled(administrate, "Retrying")
    (use,) = administrate.control("GET", "state/fair_use")
    assert [use[window]["limit"] for window in ("1s", "300s", "3600s")] == [200, 2_000, 10_000]
    assert use["300s"]["used"] == 2
