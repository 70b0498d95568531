"""The Cornerstone sandbox as others meet it: over HTTP, with deliveries that arrive at a server of ours."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
import pytest
import requests

from csod_pipelines.sandbox.serve import Running, running
from csod_pipelines_tests.sandbox.cornerstone_api import ASSIGNMENTS, EMPLOYEES, OBJECTS, ROSTER, TRANSCRIPTS


class Received(BaseHTTPRequestHandler):
    """Keeps what is posted; the first answer can be a failure."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        server: Any = self.server
        server.posts.append((dict(self.headers), body))
        self.send_response(server.answers.pop(0) if server.answers else 202)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        return


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Running]:
    with running("cornerstone") as portal:
        yield portal


@pytest.fixture
def portal(sandbox: Running) -> requests.Session:
    requests.post(f"{sandbox.url}/_sandbox/reset", json={"seed": 1, "size": "small"}, timeout=30).raise_for_status()
    session = requests.Session()
    log_in(sandbox, session)
    return session


@pytest.fixture
def inbox() -> Iterator[Any]:
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Received)
    server.posts, server.answers = [], []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def log_in(sandbox: Running, session: requests.Session) -> None:
    body = {"clientId": "sandbox", "clientSecret": "sandbox-secret", "grantType": "client_credentials", "scope": "all"}
    token = requests.post(f"{sandbox.url}/services/api/oauth2/token", json=body, timeout=10).json()["access_token"]
    session.headers.update({"authorization": f"Bearer {token}", "accept": "application/json"})


def upcoming(sandbox: Running) -> str:
    rows = requests.get(f"{sandbox.url}/_sandbox/state/sessions", timeout=10).json()
    rows = rows if isinstance(rows, list) else rows["rows"]
    return next(row["id"] for row in rows if not row["submitted"])


def until(condition: Any, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def test_links_of_a_paged_read_can_be_followed_as_they_are(sandbox: Running, portal: requests.Session):
    headers = {"prefer": "odata.maxpagesize=300, odata.track-changes"}
    first = portal.get(f"{sandbox.url}{OBJECTS}/users_core", headers=headers, timeout=10).json()
    assert first["@odata.nextLink"].startswith(sandbox.url)
    last = portal.get(first["@odata.nextLink"], headers=headers, timeout=10).json()
    assert len(first["value"]) + len(last["value"]) == 500
    portal.patch(f"{sandbox.url}{EMPLOYEES}/1005", json={"lastName": "Новый"}, timeout=10)
    delta = portal.get(last["@odata.deltaLink"], timeout=10).json()
    assert [row["user_name_last"] for row in delta["value"]] == ["Новый"]


def test_an_assignment_is_carried_out_without_anybody_asking_and_its_hook_arrives(sandbox: Running, portal: requests.Session, inbox: Any):
    url = f"http://127.0.0.1:{inbox.server_address[1]}/webhooks/cornerstone"
    requests.post(f"{sandbox.url}/_sandbox/webhooks", json={"endpoint": {"url": url, "api_key": "k1"}}, timeout=10).raise_for_status()
    session = upcoming(sandbox)
    body = {"title": "t", "trainings": [{"learningObjectId": session}], "users": ["E10401"], "assignmentStatus": "Registered"}
    assert portal.post(f"{sandbox.url}{ASSIGNMENTS}", json=body, timeout=10).status_code == 202
    until(lambda: len(inbox.posts) > 1)
    assert {(headers["x-api-key"], headers["content-encoding"]) for headers, _ in inbox.posts[:2]} == {("k1", "gzip")}
    values = [orjson.loads(gzip.decompress(raw))["records"][0]["value"] for _, raw in inbox.posts[:2]]
    told = {value["lmsEventsCase"]: value for value in values}  # four carriers: the order is nobody's promise
    assert set(told) == {"TrainingAssigned", "TrainingRegistered"}
    assert told["TrainingRegistered"]["trainingRegistered"]["data"]["targetUserRef"] == "E10401"
    requests.post(f"{sandbox.url}/_sandbox/webhooks", json={"endpoint": None}, timeout=10)


def test_writes_stand_in_the_access_log_with_their_effect(sandbox: Running, portal: requests.Session):
    session = upcoming(sandbox)
    body = {"externalId": "E10402", "learningObjectId": session}
    portal.post(f"{sandbox.url}{TRANSCRIPTS}/assign", json=body | {"assignment": "registered"}, timeout=10)
    portal.patch(f"{sandbox.url}{TRANSCRIPTS}/withdraw", json=body, timeout=10)
    portal.get(f"{sandbox.url}{ROSTER}/GetSessionRoster", params={"sessionLOID": session}, timeout=10)
    log = requests.get(f"{sandbox.url}/_sandbox/requests?since=0", timeout=10).json()
    rows = log if isinstance(log, list) else log["requests"]
    assert [(row["operation"], row["effect"], row["messages"]) for row in rows][-3:] == [
        ("transcripts.assign", "create", 1),
        ("transcripts.withdraw", "cancel", 0),
        ("roster.read", "none", 0),
    ]


def test_a_fault_by_operation_refuses_inside_a_200_and_does_nothing(sandbox: Running, portal: requests.Session):
    fault = {"match": {"operation": "lo.create"}, "fault": "result_failed_in_200", "times": 1}
    requests.post(f"{sandbox.url}/_sandbox/faults", json=fault, timeout=10).raise_for_status()
    event = {"Type": "Event", "EventItem": {"EventName": "x", "EventNumber": "F-1", "PrimaryProviderName": "Red Cross"}}
    answers = [portal.post(f"{sandbox.url}/services/api/LO/Create", json={"data": {"record": [event]}}, timeout=10) for _ in range(2)]
    assert [(a.status_code, a.json()["data"][0]["Result"]) for a in answers] == [(200, "Failed"), (201, "Success")]


def test_the_portals_clock_can_be_moved_past_the_end_of_a_session(sandbox: Running, portal: requests.Session):
    session = upcoming(sandbox)
    row = portal.get(f"{sandbox.url}{ROSTER}/GetSessionRoster", params={"sessionLOID": session}, timeout=10).json()["data"][0]
    learner = row["Users"][0]
    marks = [{"PartId": mark["PartId"], "Attended": True} for mark in learner["Attendance"]]
    users = [{"UserID": learner["UserID"], "Pass": True, "Attendance": marks}]
    body = {"data": {"record": [{"SessionLOID": session, "SessionStatus": "Completed", "Users": users}]}}
    assert portal.post(f"{sandbox.url}{ROSTER}/", json=body, timeout=10).status_code == 400
    requests.post(f"{sandbox.url}/_sandbox/clock", json={"advance": 90 * 86_400}, timeout=10).raise_for_status()
    assert portal.post(f"{sandbox.url}{ROSTER}/", json=body, timeout=10).status_code == 401  # the token's life is over too
    log_in(sandbox, portal)
    assert portal.post(f"{sandbox.url}{ROSTER}/", json=body, timeout=10).status_code == 200
