"""Webhooks: envelope, heartbeat, retries."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import orjson
import pytest

from csod_pipelines_tests.contract.cornerstone_portal import TRANSCRIPTS, Cornerstone, attended
from csod_pipelines_tests.sandbox.administrate_api import wait_for
from csod_pipelines_tests.sandbox.receiver import Receiver, receiving

API_KEY = "0123456789abcdef0123456789abcdef"


class Listening:
    """An endpoint of ours, entered on the portal's screen."""

    def __init__(self, portal: Cornerstone, receiver: Receiver) -> None:
        self.portal, self.receiver = portal, receiver
        portal.control("POST", "webhooks", {"endpoint": {"url": receiver.url + "/hook", "api_key": API_KEY}})

    def raw(self, count: int = 1) -> list[dict[str, Any]]:
        wait_for(lambda: len(self.receiver.received) >= count)
        return self.receiver.received[:count]

    def bodies(self, count: int = 1) -> list[dict[str, Any]]:
        return [orjson.loads(gzip.decompress(row["body"])) for row in self.raw(count)]

    def value(self, number: int = 1) -> dict[str, Any]:
        (record,) = self.bodies(number)[-1]["records"]
        return record["value"]


@pytest.fixture
def listening(cornerstone: Cornerstone) -> Iterator[Listening]:
    with receiving() as receiver:
        yield Listening(cornerstone, receiver)
        cornerstone.control("POST", "webhooks", {"endpoint": None})


@pytest.mark.row("hook_envelope")
def test_a_delivery_tells_its_subscription_and_its_attempt(cornerstone: Cornerstone, listening: Listening) -> None:
    """Source: csod.dev webhook payload samples."""
    cornerstone.hire()
    (body,) = listening.bodies()
    assert set(body) == {"subscriptionId", "sessionId", "attemptNumber", "records"} and body["attemptNumber"] == 1


@pytest.mark.row("hook_record")
def test_a_record_tells_its_place_in_the_stream(cornerstone: Cornerstone, listening: Listening) -> None:
    """Source: csod.dev webhook payload samples. Offsets count within a stream."""
    cornerstone.hire("NEW-1")
    cornerstone.hire("NEW-2")
    records = [body["records"][0] for body in listening.bodies(2)]
    assert all(set(record) == {"lag", "offset", "timestamp", "correlationId", "value"} for record in records)
    first, second = sorted(record["offset"] for record in records)  # two deliveries may overtake each other
    assert second == first + 1
    assert all(record["value"]["headers"]["messageId"] for record in records)


@pytest.mark.row("hook_gzip")
def test_bodies_are_compressed(cornerstone: Cornerstone, listening: Listening) -> None:
    """Source: csod.dev webhook FAQ; content-encoding says so."""
    cornerstone.hire()
    (row,) = listening.raw()
    assert row["headers"]["content-encoding"] == "gzip" and row["body"][:2] == b"\x1f\x8b"


@pytest.mark.row("hook_api_key")
def test_a_delivery_proves_itself_by_the_endpoints_key(cornerstone: Cornerstone, listening: Listening) -> None:
    """Source: csod.dev webhook security features."""
    cornerstone.hire()
    assert listening.raw()[0]["headers"]["x-api-key"] == API_KEY


@pytest.mark.row("hook_heartbeat")
def test_every_five_minutes_an_empty_list_is_sent(cornerstone: Cornerstone, listening: Listening) -> None:
    """Source: csod.dev webhook FAQ."""
    cornerstone.advance(seconds=301)
    (body,) = listening.bodies()
    assert body["records"] == []


@pytest.mark.row("hook_retried_statuses")
@pytest.mark.parametrize(("status", "again"), [(408, True), (500, True), (502, True), (503, True), (504, True), (400, False), (429, False)])
def test_only_five_statuses_are_tried_again(cornerstone: Cornerstone, listening: Listening, status: int, again: bool) -> None:
    """Source: csod.dev webhook FAQ lists those five; that all others are lost is inferred."""
    listening.receiver.statuses.append(status)
    cornerstone.hire()
    listening.raw()
    (row,) = wait_for(lambda: cornerstone.control("GET", "webhooks")["deliveries"])
    assert (row["status"], row["retried"]) == (status, again)


@pytest.mark.row("hook_retry_schedule")
def test_each_wait_is_thirty_seconds_longer_than_the_one_before(cornerstone: Cornerstone, listening: Listening) -> None:
    """Source: csod.dev webhook FAQ: after 30 seconds, then 60, 90, 120."""
    listening.receiver.statuses += [500, 500]
    cornerstone.hire()
    wait_for(lambda: len(cornerstone.control("GET", "webhooks")["deliveries"]) == 1)
    cornerstone.advance(seconds=31)
    wait_for(lambda: len(cornerstone.control("GET", "webhooks")["deliveries"]) == 2)
    cornerstone.advance(seconds=31)
    assert len(cornerstone.control("GET", "webhooks")["deliveries"]) == 2
    cornerstone.advance(seconds=30)
    assert [body["attemptNumber"] for body in listening.bodies(3)] == [1, 2, 3]


@pytest.mark.row("employee_created_hook")
def test_a_new_employee_is_told(cornerstone: Cornerstone, listening: Listening) -> None:
    """Source: csod.dev webhook payload samples; the key of its category is inferred."""
    id = cornerstone.hire().json()["data"]["id"]
    value = listening.value()
    assert value["hcmEventsCase"] == "EmployeeCreated" and value["employeeCreated"]["data"]["employeeId"] == id


@pytest.mark.row("training_completed_hook")
def test_a_completion_is_told_without_score_or_status(cornerstone: Cornerstone) -> None:
    """Source: csod.dev webhook payload samples."""
    session = cornerstone.held("E10001")
    with receiving() as receiver:
        listening = Listening(cornerstone, receiver)
        cornerstone.submit(session, attended("E10001", 1, 2))
        value = listening.value()
        cornerstone.control("POST", "webhooks", {"endpoint": None})
    data = value["trainingCompleted"]["data"]
    assert value["lmsEventsCase"] == "TrainingCompleted"
    assert (data["trainingId"], data["targetUserRef"], data["trainingRegistrationNumber"]) == (session, "E10001", 1)
    assert not {"score", "status", "trainingType"} & set(data)


@pytest.mark.row("training_assigned_hook")
def test_an_assignment_by_others_is_told(cornerstone: Cornerstone, listening: Listening) -> None:
    """Source: help page on creating a webhook: Training Assigned. Who registers themselves are not assigned (inferred)."""
    session = cornerstone.session()
    cornerstone.configure(training_registered_hook=False)
    cornerstone.act("self_register", user_id="E10002", session_id=session)
    cornerstone.registered(session, "E10001")
    value = listening.value()
    assert (value["lmsEventsCase"], value["trainingAssigned"]["data"]["targetUserRef"]) == ("TrainingAssigned", "E10001")


def test_registrations_and_withdrawals_are_told_where_the_portal_has_those_kinds(cornerstone: Cornerstone, listening: Listening) -> None:
    """Source: none names them; both are guesses that can be switched off."""
    session = cornerstone.session()
    cornerstone.configure(training_assigned_hook=False)
    cornerstone.registered(session, "E10001")
    assert listening.value(1)["lmsEventsCase"] == "TrainingRegistered"
    cornerstone.configure(training_withdrawn_hook=False)
    body = {"externalId": "E10001", "learningObjectId": session}
    cornerstone.call("PATCH", TRANSCRIPTS + "/withdraw", body)
    cornerstone.hire()
    assert listening.value(2)["hcmEventsCase"] == "EmployeeCreated"
