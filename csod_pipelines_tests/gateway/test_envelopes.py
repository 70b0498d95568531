from __future__ import annotations

import gzip
import json
import tracemalloc
import zlib
from typing import Any

import pytest

from csod_pipelines.gateway.bodies import MAX_BODY_BYTES, unpack
from csod_pipelines.gateway.envelopes import administrate_deliveries, cornerstone_deliveries
from csod_pipelines.gateway.refusals import Reason, Rejected

#: As captured on a vendor's test instance (administrate.md 8.4).
ADMINISTRATE: dict[str, Any] = {
    "metadata": {
        "user": {"email": None},
        "instance": "https://acme.administrateapp.com",
        "triggered_at": "2026-10-05T09:00:00.000000Z",
        "sent_at": "2026-10-05T09:00:01.204511Z",
        "context": "graphql",
        "webhook_id": "T3V0Ym91bmRIb29rOjE=",
        "is_retry": False,
    },
    "payload": {"node": {"id": "TGVhcm5lcjo3Nw==", "__typename": "Learner"}},
    "configuration": {"secret": "planted-secret"},
}


def training(type: str = "TrainingCompleted", **data: Any) -> dict[str, Any]:
    key = type[:1].lower() + type[1:]
    row = {"eventId": "m-1", "trainingId": "8d86b95c-f7a3-434c-9809-b437ecbed6cb", "targetUserId": 48928, "trainingRegistrationNumber": 1}
    return {"offset": 168, "value": {"headers": {"messageId": "m-1"}, "lmsEventsCase": type, key: {"data": row | data}}}


def administrate(body: dict[str, Any], *, type: str = "learner_created"):
    return administrate_deliveries(json.dumps(body).encode(), type=type, headers={"authorization": "Basic x", "user-agent": "A/1.0"})[0]


def test_the_secret_in_the_body_and_the_credentials_in_the_headers_are_not_kept() -> None:
    delivery = administrate(ADMINISTRATE)
    assert b"planted-secret" not in delivery.body
    assert json.loads(delivery.body) == {"metadata": ADMINISTRATE["metadata"], "payload": ADMINISTRATE["payload"]}
    assert dict(delivery.headers) == {"user-agent": "A/1.0"}


def test_the_same_trigger_sent_again_has_the_same_key_and_another_trigger_has_not() -> None:
    again = {**ADMINISTRATE, "metadata": {**ADMINISTRATE["metadata"], "sent_at": "2026-10-05T09:00:31Z", "is_retry": True}}
    later = {**ADMINISTRATE, "metadata": {**ADMINISTRATE["metadata"], "triggered_at": "2026-10-05T09:00:01.000000Z"}}
    keys = [administrate(body).dedupe_key for body in (ADMINISTRATE, again, later)]
    assert keys[0] == keys[1] != keys[2]
    assert all(len(key) == 32 for key in keys)


def test_a_deleted_record_is_known_by_the_echo_of_its_id() -> None:
    delivery = administrate({**ADMINISTRATE, "payload": {"echo": "Q291cnNlOjk1MDA="}}, type="event_deleted")
    assert delivery.subject == "offering:administrate:Q291cnNlOjk1MDA="


def test_a_learner_whose_event_is_told_is_a_member_of_its_roster() -> None:
    learner = {"id": "TGVhcm5lcjo3Nw==", "__typename": "Learner", "event": {"id": "Q291cnNlOjE="}}
    delivery = administrate({**ADMINISTRATE, "payload": {"node": learner}})
    assert (delivery.subject, delivery.member) == ("roster:administrate:Q291cnNlOjE=", "enrollment:administrate:TGVhcm5lcjo3Nw==")
    marks = administrate({**ADMINISTRATE, "payload": {"node": learner}}, type="learner_result_updated")
    assert (marks.flow, marks.subject, marks.member) == ("result_sync", delivery.subject, delivery.member)


@pytest.mark.parametrize("event", [None, "Q291cnNlOjE=", {}, {"id": None}, {"id": 7}, {"id": "x" * 500}, {"id": "a\nb"}])
def test_a_learner_whose_event_is_not_told_as_an_id_goes_by_its_own_name(event: Any) -> None:
    delivery = administrate({**ADMINISTRATE, "payload": {"node": {"id": "TGVhcm5lcjo3Nw==", "event": event}}})
    assert (delivery.subject, delivery.member) == ("enrollment:administrate:TGVhcm5lcjo3Nw==", None)


@pytest.mark.parametrize("payload", [{}, {"node": None}, {"node": {"id": 7}}, {"echo": "a\u0000b"}])
def test_a_payload_that_names_no_record_is_stored_without_one(payload: dict[str, Any]) -> None:
    assert administrate({**ADMINISTRATE, "payload": payload}).subject is None


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"nul", b"[" * 5000])
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    for understand in (
        lambda: administrate_deliveries(body, type="learner_created", headers={}),
        lambda: cornerstone_deliveries(body, headers={}),
    ):
        with pytest.raises(Rejected) as caught:
            understand()
        assert caught.value.reason is Reason.MALFORMED_JSON


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"{}", b'{"metadata": [], "payload": {}}', b'{"metadata": {}}'])
def test_json_of_another_shape_is_refused(body: bytes) -> None:
    with pytest.raises(Rejected) as caught:
        administrate_deliveries(body, type="learner_created", headers={})
    assert caught.value.reason is Reason.WRONG_SHAPE


def test_json_too_deep_to_be_written_again_is_refused() -> None:
    deep = b'{"metadata": {}, "payload": {"x": ' + b"[" * 400 + b"]" * 400 + b"}}"
    with pytest.raises(Rejected) as caught:
        administrate_deliveries(deep, type="learner_created", headers={})
    assert caught.value.status == 400


@pytest.mark.parametrize("type", ["", "../x", "a b", "x" * 65, "1abc"])
def test_a_type_that_is_no_word_is_refused(type: str) -> None:
    with pytest.raises(Rejected) as caught:
        administrate_deliveries(b"{}", type=type, headers={})
    assert caught.value.reason is Reason.BAD_TYPE


def test_every_record_of_a_cornerstone_request_is_a_delivery() -> None:
    records = [
        training(),
        training("TrainingWithdrawn", eventId="m-2"),
        {"value": {"hcmEventsCase": "EmployeeCreated", "employeeCreated": {"data": {"employeeId": 5}}}},
    ]
    deliveries = cornerstone_deliveries(json.dumps({"records": records}).encode(), headers={})
    assert [(d.type, d.flow) for d in deliveries] == [
        ("TrainingCompleted", "result_sync"),
        ("TrainingWithdrawn", "enrollment_sync"),
        ("EmployeeCreated", "people_sync"),
    ]
    assert json.loads(deliveries[1].body) == records[1]


def test_a_heartbeat_holds_no_delivery() -> None:
    assert cornerstone_deliveries(b'{"subscriptionId": "s", "records": []}', headers={}) == []


def test_a_record_that_cannot_be_understood_does_not_lose_its_neighbours() -> None:
    deliveries = cornerstone_deliveries(
        json.dumps({"records": [None, 7, {}, {"value": {"xCase": "no word!"}}, training()]}).encode(), headers={}
    )
    assert [d.type for d in deliveries] == ["unknown"] * 4 + ["TrainingCompleted"]
    assert [d.subject is None for d in deliveries] == [True] * 4 + [False]


def test_gzip_is_unpacked_also_in_several_members() -> None:
    assert unpack(gzip.compress(b"ab", mtime=0) + gzip.compress(b"cd"), encoding=" GZIP ") == b"abcd"
    assert unpack(b"plain", encoding="") == b"plain"


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (b"not gzip", "gzip"),
        (gzip.compress(b"x", mtime=0)[:-4], "gzip"),
        (gzip.compress(b"x", mtime=0) + b"tail", "gzip"),
        (zlib.compress(b"x"), "deflate"),
        (b"x", "br"),
    ],
)
def test_what_cannot_be_unpacked_is_refused(body: bytes, encoding: str) -> None:
    with pytest.raises(Rejected) as caught:
        unpack(body, encoding=encoding)
    assert caught.value.reason is Reason.BAD_ENCODING


def test_a_bomb_costs_no_more_than_the_limit() -> None:
    bomb = gzip.compress(b"\0" * (200 * MAX_BODY_BYTES), mtime=0)
    assert len(bomb) < MAX_BODY_BYTES
    tracemalloc.start()
    with pytest.raises(Rejected) as caught:
        unpack(bomb, encoding="gzip")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert caught.value.status == 413
    assert peak < 8 * MAX_BODY_BYTES


def test_thousands_of_empty_members_are_refused_at_once() -> None:
    with pytest.raises(Rejected):
        unpack(gzip.compress(b"", mtime=0) * 40_000, encoding="gzip")
