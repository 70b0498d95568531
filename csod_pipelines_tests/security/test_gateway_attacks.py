"""The one port that faces the internet: what a sender who should not, or who means harm, can bring about."""

from __future__ import annotations

import gzip
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from csod_pipelines.gateway import __main__ as gateway_main
from csod_pipelines.gateway import connections
from csod_pipelines.gateway.app import Gateway, Wiring
from csod_pipelines.store.provision import Urls
from csod_pipelines_tests.gateway.running import API_KEY, SECRET, RunningGateway, serving

BASIC: dict[str, Any] = {"auth": ("anybody", SECRET)}
KEY: dict[str, Any] = {"headers": {"x-api-key": API_KEY}}
#: Strings that would do something, were they ever read as anything but text.
HOSTILE = (
    "'; DROP TABLE work; --",
    '"; DROP TABLE work; --',
    "1) ON CONFLICT DO NOTHING; TRUNCATE work; --",
    "%s %(subject)s :subject {subject}",
    "\\'; SELECT pg_sleep(60); --",
    "$$; DROP TABLE work; $$",
)


@pytest.fixture(scope="module")
def gateway(module_database_urls: Urls) -> Iterator[RunningGateway]:
    with serving(module_database_urls) as running:
        yield running


def hook(id: Any, **metadata: Any) -> bytes:
    return json.dumps({"metadata": {"webhook_id": "w", "triggered_at": "t", **metadata}, "payload": {"node": {"id": id}}}).encode()


def test_a_signature_alone_opens_nothing_and_leaving_it_out_changes_nothing(gateway: RunningGateway) -> None:
    """Signatures are not checked, as neither vendor documents them: so they must not count as a credential either."""
    signed = {"x-administrate-signature": "00" * 32, "x-administrate-signature-timestamp": str(int(time.time())), "x-csod-signature": "x"}
    for path in ("/webhooks/administrate/learner_created", "/webhooks/cornerstone"):
        assert gateway.post(path, hook("1"), headers=signed).status_code == 401
    assert gateway.post("/webhooks/administrate/learner_created", hook("1"), headers=signed, **BASIC).status_code == 202


def test_a_replayed_delivery_makes_its_record_be_looked_at_and_nothing_else(gateway: RunningGateway) -> None:
    for _ in range(3):
        assert gateway.post("/webhooks/administrate/learner_deleted", hook("replayed"), **BASIC).status_code == 202
    marked = gateway.query("SELECT subject, flow, sides FROM work WHERE subject LIKE '%:replayed'")
    assert marked == [("enrollment:administrate:replayed", "enrollment_sync", 1)]
    assert gateway.query("SELECT count(*) FROM operation") == [(0,)]


@pytest.mark.parametrize("depth", [300, 1_000, 100_000])
def test_a_body_nested_beyond_reason_is_refused(gateway: RunningGateway, depth: int) -> None:
    nest = b"[" * depth + b"]" * depth
    rows = gateway.rows()
    assert gateway.post("/webhooks/administrate/learner_created", b'{"metadata": {}, "payload": ' + nest + b"}", **BASIC).status_code == 400
    assert gateway.post("/webhooks/cornerstone", b'{"records": [' + nest + b"]}", **KEY).status_code == 400
    assert gateway.rows() == rows


def test_bombs_in_bombs_and_in_many_members_are_refused(gateway: RunningGateway) -> None:
    big = gzip.compress(b" " * (32 << 20))
    for body in (gzip.compress(big), big * 20, gzip.compress(b"") * 5_000):
        answer = gateway.post("/webhooks/cornerstone", body, headers={**KEY["headers"], "content-encoding": "gzip"})
        assert answer.status_code in (400, 413)
    twice = {**KEY["headers"], "content-encoding": "gzip, gzip"}
    assert gateway.post("/webhooks/cornerstone", gzip.compress(gzip.compress(b"{}")), headers=twice).status_code == 400


@pytest.mark.parametrize("text", HOSTILE)
def test_sql_in_what_a_vendor_sends_is_text(gateway: RunningGateway, text: str) -> None:
    assert (
        gateway.post("/webhooks/administrate/contact_updated", hook(text, webhook_id=text, triggered_at=text), **BASIC).status_code == 202
    )
    headers = {**KEY["headers"], "user-agent": text, "x-request-id": text}
    data = {"eventId": text, "trainingId": text, "targetUserId": 7, "trainingRegistrationNumber": 1}
    value = {"headers": {"messageId": text}, "lmsEventsCase": "TrainingRegistered", "trainingRegistered": {"data": data}}
    assert gateway.post("/webhooks/cornerstone", json.dumps({"records": [{"value": value}]}).encode(), headers=headers).status_code == 202
    (subject,) = gateway.query(f"SELECT subject FROM work WHERE subject = $q$person:administrate:{text}$q$")[0]
    assert subject == f"person:administrate:{text}"
    assert gateway.query("SELECT count(*) > 0 FROM work") == [(True,)]


@pytest.mark.parametrize("type", ["a%0d%0aSet-Cookie:x", "'; DROP TABLE work; --", "..%2f..%2fmetrics", "x" * 65, "%00"])
def test_nothing_but_a_word_is_a_type(gateway: RunningGateway, type: str) -> None:
    answer = gateway.post(f"/webhooks/administrate/{type}", hook("1"), **BASIC)
    assert answer.status_code in (400, 401, 404)  # more than one segment is another route
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("id", ["a\nb", "a\u0000b", "\u202eevil", "x" * 201, 7, None, ["a"], {"a": 1}, "é"])
def test_what_is_no_id_marks_nothing(gateway: RunningGateway, id: Any) -> None:
    before = gateway.query("SELECT count(*) FROM work")
    assert gateway.post("/webhooks/administrate/contact_updated", hook(id), **BASIC).status_code == 202
    assert gateway.query("SELECT count(*) FROM work") == before


def test_a_refusal_tells_nothing_about_the_house(gateway: RunningGateway) -> None:
    for answer in (
        gateway.post("/webhooks/cornerstone", b"{", **KEY),
        gateway.post("/webhooks/cornerstone", b"{}"),
        requests.get(f"{gateway.url}/nothing", timeout=10),
    ):
        assert len(answer.content) < 100
        assert not {"server", "x-powered-by"} & {name.lower() for name in answer.headers}


def test_a_connection_cannot_be_turned_into_a_web_socket(gateway: RunningGateway) -> None:
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "eA=="}
    assert requests.get(f"{gateway.url}/healthz", headers=upgrade, timeout=10).status_code == 200


def test_secrets_are_replaced_without_a_restart(database_urls: Urls, tmp_path: Path) -> None:
    administrate, cornerstone = tmp_path / "administrate", tmp_path / "cornerstone"
    administrate.write_text("first\n", encoding="utf-8")
    cornerstone.write_text("key-1", encoding="utf-8")
    files = {
        "CSOD_PIPELINES_ADMINISTRATE_WEBHOOK_SECRET": "",
        "CSOD_PIPELINES_ADMINISTRATE_WEBHOOK_SECRET_FILE": str(administrate),
        "CSOD_PIPELINES_CORNERSTONE_WEBHOOK_API_KEY": "",
        "CSOD_PIPELINES_CORNERSTONE_WEBHOOK_API_KEY_FILE": str(cornerstone),
    }
    with serving(database_urls, **files) as gateway:

        def statuses(secret: str, key: str) -> tuple[int, int]:
            a = gateway.post("/webhooks/administrate/learner_created", hook("1"), auth=("u", secret))
            c = gateway.post("/webhooks/cornerstone", b'{"records": []}', headers={"x-api-key": key})
            return a.status_code, c.status_code

        assert statuses("first", "key-1") == (202, 202)
        administrate.write_text("first\nsecond\n", encoding="utf-8")  # both, while the vendor is being told
        assert statuses("first", "key-1") == statuses("second", "key-1") == (202, 202)
        administrate.write_text("second", encoding="utf-8")
        cornerstone.write_text("key-22", encoding="utf-8")
        assert statuses("second", "key-22") == (202, 202)
        assert statuses("first", "key-1") == (401, 401)
        administrate.unlink()  # half-way through a replacement
        assert statuses("second", "key-22") == (202, 202)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, int]]:
    """The gateway's own server in this process, with less patience."""
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.3)
    listener = gateway_main._listen("127.0.0.1", 0)
    server = gateway_main._server(Gateway(Wiring(store=lambda deliveries: None, status=dict)))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    yield listener.getsockname()
    server.should_exit = True
    thread.join(timeout=10)


def ends(connection: socket.socket) -> bytes:
    """What is answered until the other side hangs up."""
    answered = b""
    try:
        while chunk := connection.recv(65_536):
            answered += chunk
    except ConnectionResetError:
        return answered
    return answered


def test_who_says_nothing_or_never_ends_its_head_is_hung_up_on(impatient: tuple[str, int]) -> None:
    for said in (b"", b"POST /webhooks/cornerstone HTTP/1.1\r\nHost: x\r\n", b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /"):
        with socket.create_connection(impatient, timeout=10) as slow:
            slow.sendall(said)
            assert ends(slow).count(b"HTTP/1.1 200") == said.count(b"\r\n\r\n")


def test_a_head_that_grows_without_end_is_cut_off(impatient: tuple[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 60)
    with socket.create_connection(impatient, timeout=10) as chatty:
        with pytest.raises(OSError):
            chatty.sendall(b"GET /healthz HTTP/1.1\r\n")
            for number in range(20_000):
                chatty.sendall(b"x-%d: %s\r\n" % (number, b"y" * 1_000))


def test_a_head_in_time_is_answered_and_the_next_one_too(impatient: tuple[str, int]) -> None:
    with requests.Session() as session:
        for _ in range(3):
            assert session.get(f"http://127.0.0.1:{impatient[1]}/healthz", timeout=10).status_code == 200


def test_asking_for_health_costs_a_query_a_second_at_most() -> None:
    from csod_pipelines.gateway.once import OnceInAWhile

    now, asked = [0.0], []
    status = OnceInAWhile(lambda: asked.append(now[0]) or len(asked), seconds=1, monotonic=lambda: now[0])
    assert [status() for _ in range(50)] == [1] * 50
    now[0] = 1.0
    assert status() == 2
