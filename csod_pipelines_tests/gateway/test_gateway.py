from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from csod_pipelines.store.provision import Urls
from csod_pipelines_tests.gateway.running import API_KEY, OLD_SECRET, SECRET, RunningGateway, serving

BASIC: dict[str, Any] = {"auth": ("anybody", SECRET)}
KEY: dict[str, Any] = {"headers": {"x-api-key": API_KEY}}


def hook(id: str = "TGVhcm5lcjo3Nw==", *, at: str = "2026-10-05T09:00:00.000000Z") -> bytes:
    metadata = {"webhook_id": "T3V0Ym91bmRIb29rOjE=", "triggered_at": at, "user": {"email": None}}
    return json.dumps({"metadata": metadata, "payload": {"node": {"id": id}}, "configuration": {"secret": "planted-secret"}}).encode()


def training(number: int = 1) -> bytes:
    data = {
        "eventId": f"m-{number}",
        "trainingId": "8d86b95c-f7a3-434c-9809-b437ecbed6cb",
        "targetUserId": number,
        "trainingRegistrationNumber": 1,
    }
    record = {"value": {"headers": {"messageId": f"m-{number}"}, "lmsEventsCase": "TrainingCompleted", "trainingCompleted": {"data": data}}}
    return json.dumps({"subscriptionId": "s", "records": [record]}).encode()


def refused(gateway: RunningGateway, source: str, reason: str) -> float:
    return gateway.metric(f'csod_gateway_requests_rejected_total{{reason="{reason}",source="{source}"}}')


def test_a_delivery_is_stored_marks_its_record_and_is_acknowledged(gateway: RunningGateway) -> None:
    assert gateway.post("/webhooks/administrate/learner_created", hook("first"), **BASIC).status_code == 202
    rows = gateway.query("SELECT type, subject, duplicate, convert_from(body, 'UTF8') FROM inbox_event WHERE subject LIKE '%first'")
    assert [row[:3] for row in rows] == [("learner_created", "enrollment:administrate:first", False)]
    assert "planted-secret" not in rows[0][3]
    assert gateway.query("SELECT flow FROM work WHERE subject = 'enrollment:administrate:first'") == [("enrollment_sync",)]


def test_a_duplicate_is_labelled_and_marks_its_record_all_the_same(gateway: RunningGateway) -> None:
    for _ in range(2):
        assert gateway.post("/webhooks/administrate/event_updated", hook("twice"), **BASIC).status_code == 202
    assert gateway.query("SELECT duplicate FROM inbox_event WHERE subject LIKE '%:twice' ORDER BY number") == [(False,), (True,)]
    assert gateway.query("SELECT version FROM work WHERE subject LIKE '%:twice'") == [(2,)]


@pytest.mark.parametrize(
    "path", [f"/webhooks/administrate/{SECRET}/contact_created", f"/webhooks/administrate/{OLD_SECRET}/contact_created"]
)
def test_a_token_in_the_path_does_where_credentials_cannot_be_sent(gateway: RunningGateway, path: str) -> None:
    assert gateway.post(path, hook("token")).status_code == 202


@pytest.mark.parametrize(
    ("source", "path", "options"),
    [
        ("administrate", "/webhooks/administrate/learner_created", {}),
        ("administrate", "/webhooks/administrate/learner_created", {"auth": ("anybody", "wrong")}),
        ("administrate", "/webhooks/administrate/wrong/learner_created", BASIC),
        ("administrate", "/webhooks/administrate/learner_created", KEY),
        ("cornerstone", "/webhooks/cornerstone", {}),
        ("cornerstone", "/webhooks/cornerstone", {"headers": {"x-api-key": "wrong"}}),
        ("cornerstone", "/webhooks/cornerstone", BASIC),
    ],
)
def test_an_unknown_sender_is_refused_counted_and_leaves_no_row(
    gateway: RunningGateway, source: str, path: str, options: dict[str, Any]
) -> None:
    rows, count = gateway.rows(), refused(gateway, source, "unauthorized")
    assert gateway.post(path, hook(), **options).status_code == 401
    assert (gateway.rows(), refused(gateway, source, "unauthorized")) == (rows, count + 1)


@pytest.mark.parametrize(
    ("body", "headers", "status", "reason"),
    [
        (b"{", {}, 400, "malformed_json"),
        (b"\xff\xfe", {}, 400, "malformed_json"),
        (b"[]", {}, 400, "wrong_shape"),
        (b'{"records": {}}', {}, 400, "wrong_shape"),
        (b"not gzip", {"content-encoding": "gzip"}, 400, "bad_encoding"),
        (b"{}", {"content-encoding": "br"}, 400, "bad_encoding"),
        (b" " * (1 << 20) + b"{}", {}, 413, "too_large"),
        (gzip.compress(b" " * (64 << 20), mtime=0), {"content-encoding": "gzip"}, 413, "too_large"),
    ],
)
def test_bad_input_is_refused_with_a_counted_reason_and_no_row(
    gateway: RunningGateway, body: bytes, headers: dict[str, str], status: int, reason: str
) -> None:
    for source, path, options in (
        ("administrate", "/webhooks/administrate/learner_created", {**BASIC, "headers": headers}),
        ("cornerstone", "/webhooks/cornerstone", {"headers": {**headers, "x-api-key": API_KEY}}),
    ):
        rows, count = gateway.rows(), refused(gateway, source, reason)
        assert gateway.post(path, body, **options).status_code == status
        assert (gateway.rows(), refused(gateway, source, reason)) == (rows, count + 1)


def test_a_body_without_a_declared_length_is_bounded_too(gateway: RunningGateway) -> None:
    chunks = (b" " * 65_536 for _ in range(64))
    answer = requests.post(f"{gateway.url}/webhooks/cornerstone", data=chunks, timeout=30, **KEY)
    assert answer.status_code == 413


def test_a_type_or_record_we_do_not_follow_is_stored_and_shown_as_ignored(gateway: RunningGateway) -> None:
    assert gateway.post("/webhooks/administrate/document_updated", hook("odd"), **BASIC).status_code == 202
    nobody = json.dumps({"metadata": {}, "payload": {"node": None}}).encode()
    assert gateway.post("/webhooks/administrate/contact_created", nobody, **BASIC).status_code == 202
    shown = gateway.query("SELECT type, disposition, reason FROM inbox_disposition WHERE subject IS NULL ORDER BY number")
    assert ("document_updated", "ignored", "unknown_record") in shown
    assert ("contact_created", "ignored", "unknown_record") in shown


def test_gzip_is_understood_from_both_vendors(gateway: RunningGateway) -> None:
    headers = {"content-encoding": "gzip", "x-api-key": API_KEY}
    assert gateway.post("/webhooks/cornerstone", gzip.compress(training(77)), headers=headers).status_code == 202
    packed = {**BASIC, "headers": {"content-encoding": "gzip"}}
    assert gateway.post("/webhooks/administrate/event_created", gzip.compress(hook("packed")), **packed).status_code == 202
    assert gateway.query("SELECT flow FROM work WHERE subject LIKE 'enrollment:cornerstone:77:%'") == [("result_sync",)]
    assert gateway.query("SELECT flow FROM work WHERE subject LIKE '%:packed'") == [("catalog_publish",)]


def test_a_heartbeat_is_acknowledged_counted_and_leaves_no_row(gateway: RunningGateway) -> None:
    rows, count = gateway.rows(), gateway.metric("csod_gateway_heartbeats_total")
    assert gateway.post("/webhooks/cornerstone", b'{"records": []}', **KEY).status_code == 202
    assert (gateway.rows(), gateway.metric("csod_gateway_heartbeats_total")) == (rows, count + 1)


def test_every_acknowledged_delivery_of_a_crowd_is_in_the_database(gateway: RunningGateway) -> None:
    def post(number: int) -> int:
        return gateway.post("/webhooks/cornerstone", training(1_000 + number), **KEY).status_code

    with ThreadPoolExecutor(32) as crowd:
        assert set(crowd.map(post, range(300))) == {202}
    found = gateway.query("SELECT count(*) FROM inbox_event WHERE subject ~ '^enrollment:cornerstone:1[0-9]{3}:'")
    assert found == [(300,)]
    # fewer transactions than deliveries: those that waited together were committed together
    assert gateway.metric("csod_gateway_commit_seconds_count") < gateway.metric("csod_gateway_batch_deliveries_sum")


def test_health_and_readiness_say_what_they_mean(gateway: RunningGateway) -> None:
    assert requests.get(f"{gateway.url}/healthz", timeout=30).status_code == 200
    ready = requests.get(f"{gateway.url}/readyz", timeout=30)
    assert ready.status_code == 200
    assert {"ready", "oldest_unsettled_seconds", "parked", "last_event_at", "schema_version"} <= set(ready.json())
    assert gateway.metric('csod_work{what="parked"}') == 0


def test_other_paths_and_methods_are_refused(gateway: RunningGateway) -> None:
    assert requests.get(f"{gateway.url}/webhooks/cornerstone", timeout=30).status_code == 405
    assert gateway.post("/webhooks/else", b"{}").status_code == 404
    assert gateway.post("/webhooks/administrate/no-word", hook(), **BASIC).status_code == 400


def test_without_its_database_it_asks_the_vendor_to_come_again(database_urls: Urls) -> None:
    nowhere = database_urls.gateway.replace("host=%2F", "host=%2Fnowhere-")
    with serving(database_urls, CSOD_PIPELINES_GATEWAY_DATABASE_URL=nowhere) as gateway:
        answer = gateway.post("/webhooks/administrate/learner_created", hook(), **BASIC)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "30")
        assert requests.get(f"{gateway.url}/readyz", timeout=30).status_code == 503
        assert requests.get(f"{gateway.url}/healthz", timeout=30).status_code == 200
        assert refused(gateway, "administrate", "store_unavailable") == 1


def test_a_missing_secret_keeps_it_from_starting_and_is_named() -> None:
    env = {"PATH": os.environ["PATH"]}
    finished = subprocess.run(
        [sys.executable, "-m", "csod_pipelines.gateway"], env=env, capture_output=True, text=True, timeout=60, check=False
    )
    assert finished.returncode == 64
    assert "CSOD_PIPELINES_ADMINISTRATE_WEBHOOK_SECRET is not set" in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_after_what_it_has_begun(database_urls: Urls, number: signal.Signals) -> None:
    with serving(database_urls) as gateway:
        answers: list[int] = []
        sender = threading.Thread(target=lambda: answers.append(gateway.post("/webhooks/cornerstone", training(5), **KEY).status_code))
        sender.start()
        time.sleep(0.3)
        gateway.process.send_signal(number)
        assert gateway.process.wait(timeout=20) == 0
        sender.join(timeout=20)
        assert answers == [202]
