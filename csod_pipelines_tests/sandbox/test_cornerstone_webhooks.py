"""Webhooks: envelope, compression, keys, heartbeats, retries, and what fires them."""

from __future__ import annotations

import base64
import gzip
from datetime import timedelta

import orjson
import pytest

from csod_pipelines.sandbox.kit import Delivery
from csod_pipelines_tests.sandbox.cornerstone_api import EMPLOYEES, TRANSCRIPTS, Api


@pytest.fixture
def api() -> Api:
    api = Api()
    api.core.configure({"limits": "off"})
    api.listen()
    return api


def body(delivery: Delivery) -> dict:
    return orjson.loads(gzip.decompress(delivery.body))


def hire(api: Api, name: str = "Ann") -> int:
    return api.core.act("hire", {"first_name": name, "last_name": "Xu", "ous": [{"id": 150, "type_id": 2}]}, now=api.now)["id"]


def test_a_delivery_is_gzip_json_with_key_and_basic_credentials(api: Api):
    id = hire(api)
    (delivery,) = api.core.due(now=api.now)
    assert (delivery.url, delivery.kind, delivery.attempt) == ("https://house.example/hook?x=1", "EmployeeCreated", 1)
    assert delivery.headers["content-encoding"] == "gzip" and delivery.headers["x-api-key"] == "abc"
    assert delivery.headers["authorization"] == "Basic " + base64.b64encode(b"user:word").decode()
    envelope = body(delivery)
    assert set(envelope) == {"subscriptionId", "sessionId", "attemptNumber", "records"}
    (record,) = envelope["records"]
    assert set(record) == {"lag", "offset", "timestamp", "correlationId", "value"}
    value = record["value"]
    assert value["hcmEventsCase"] == "EmployeeCreated"
    assert value["employeeCreated"]["data"]["employeeId"] == id
    assert value["employeeCreated"]["data"]["eventId"] == value["headers"]["messageId"]


def test_registering_withdrawing_and_completing_fire_from_the_api_and_from_the_screens(api: Api):
    session = api.session()
    api.registered(session, "E10001")
    api.core.act("self_register", {"user_id": "E10002", "session_id": session}, now=api.now)
    api.call("PATCH", TRANSCRIPTS + "/withdraw", {"externalId": "E10001", "learningObjectId": session})
    api.core.act("complete", {"user_id": "E10002", "session_id": session}, now=api.now)
    values = api.hooks()
    assert [value["lmsEventsCase"] for value in values] == [
        "TrainingAssigned",
        "TrainingRegistered",
        "TrainingRegistered",
        "TrainingWithdrawn",
        "TrainingCompleted",
    ]
    data = values[1]["trainingRegistered"]["data"]
    assert (data["trainingId"], data["targetUserRef"], data["targetUserId"], data["trainingRegistrationNumber"]) == (
        session,
        "E10001",
        1002,
        1,
    )
    assert not {"score", "status", "trainingType"} & set(data)


def test_kinds_that_are_guesses_can_be_switched_off(api: Api):
    api.core.configure(dict.fromkeys(("training_assigned_hook", "training_registered_hook", "training_withdrawn_hook"), False))
    session = api.session()
    api.registered(session, "E10001")
    api.core.act("withdraw", {"user_id": "E10001", "session_id": session}, now=api.now)
    assert api.hooks() == []


def test_nothing_is_sent_or_kept_without_an_end_point():
    api = Api()
    hire(api)
    api.listen()
    assert api.core.due(now=api.now) == []


def test_a_heartbeat_with_no_records_comes_every_five_minutes(api: Api):
    assert api.core.next_due() == api.now + timedelta(minutes=5)
    api.now += timedelta(minutes=5)
    (beat,) = api.core.due(now=api.now)
    assert (beat.kind, body(beat)["records"]) == ("Heartbeat", [])
    assert api.core.next_due() == api.now + timedelta(minutes=5)


@pytest.mark.parametrize(
    ("status", "again"), [(500, True), (408, True), (503, True), (None, True), (200, False), (400, False), (404, False), (429, False)]
)
def test_only_some_answers_are_retried(api: Api, status: int | None, again: bool):
    hire(api)
    (delivery,) = api.core.due(now=api.now)
    api.core.delivered(delivery, status=status, now=api.now)
    api.now += timedelta(seconds=30)
    assert len(api.core.due(now=api.now)) == again


def test_each_wait_is_thirty_seconds_longer_and_the_tier_ends_them(api: Api):
    api.core.configure({"heartbeat_seconds": 0})
    hire(api)
    (delivery,) = api.core.due(now=api.now)
    waits, started = [], delivery
    while True:
        api.core.delivered(delivery, status=503, now=api.now)
        due = api.core.next_due()
        if due is None:
            break
        waits.append((due - api.now).total_seconds())
        api.now = due
        (delivery,) = api.core.due(now=api.now)
        assert delivery.id == started.id and body(delivery)["attemptNumber"] == len(waits) + 1
    assert waits == [30.0 * n for n in range(1, 11)]  # tier small: ten retries
    sent = api.core.deliveries()
    assert len(sent) == 11 and sent[-1]["retried"] is False


def test_duplicates_drops_delays_and_order_can_be_injected(api: Api):
    api.core.webhook_options({"duplicate": 1.0})
    hire(api)
    first, second = api.core.due(now=api.now)
    assert body(first)["records"][0]["offset"] == body(second)["records"][0]["offset"]
    api.core.webhook_options({"duplicate": 0, "drop": 1})
    hire(api)
    assert api.core.due(now=api.now) == []
    api.core.webhook_options({"drop": 0, "delay": 10, "shuffle": True})
    for n in range(6):
        hire(api, f"P{n}")
    assert api.core.due(now=api.now) == []
    api.now += timedelta(seconds=10)
    offsets = [body(d)["records"][0]["offset"] for d in api.core.due(now=api.now)]
    assert len(offsets) == 6 and offsets != sorted(offsets)
    with pytest.raises(ValueError):
        api.core.webhook_options({"drop": 2})


def test_a_signature_replaces_the_credentials_when_a_secret_is_set(api: Api):
    api.core.configure({"webhook_hmac_secret": base64.b64encode(b"secret").decode()})
    hire(api)
    (delivery,) = api.core.due(now=api.now)
    assert delivery.headers["authorization"].startswith("HMAC-SHA256 SignedHeaders=")
    assert "x-content-sha256" in delivery.headers and "date" in delivery.headers


def test_writes_of_the_api_fire_as_well_as_people(api: Api):
    api.post(EMPLOYEES, {"externalId": "AX9", "userName": "ax9", "firstName": "A", "lastName": "B"})
    assert [value["hcmEventsCase"] for value in api.hooks()] == ["EmployeeCreated"]
