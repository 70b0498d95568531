"""The controls beside the vendor: state, acts, faults, access log, clock; and the sandbox as a process of its own."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from csod_pipelines.sandbox.serve import running
from csod_pipelines_tests.sandbox.administrate_api import Api


@pytest.fixture(scope="module")
def server() -> Iterator[Api]:
    with running("administrate") as sandbox:
        yield Api(sandbox.url)


@pytest.fixture
def api(server: Api) -> Api:
    server.reset()
    server.login()
    return server


def _raw(api: Api, method: str, path: str, **more: Any) -> requests.Response:
    return requests.request(method, f"{api.url}{path}", timeout=10, **more)


def test_the_controls_describe_themselves(api: Api) -> None:
    page = api.control("GET", "")
    assert page["vendor"] == "administrate"
    assert page["credentials"] == {"client_id": "sandbox", "client_secret": "sandbox-secret"}
    assert "POST /_sandbox/reset" in page["calls"]
    assert "register" in page["actions"]


def test_the_same_seed_makes_the_same_world(api: Api) -> None:
    size = {"accounts": 5, "contacts": 20, "history": True}
    worlds = []
    for _ in range(2):
        api.control("POST", "reset", {"seed": 7, "size": size, "now": "2026-06-01T00:00:00Z"})
        worlds.append([api.state(kind) for kind in ("accounts", "contacts", "events", "sessions", "learners")])
    assert worlds[0] == worlds[1]
    assert len(worlds[0][2]) == 24
    api.control("POST", "reset", {"seed": 8, "size": size, "now": "2026-06-01T00:00:00Z"})
    assert api.state("contacts") != worlds[0][1]


def test_the_small_world_is_a_customer_about_to_import(api: Api) -> None:
    assert [len(api.state(kind)) for kind in ("companies", "accounts", "locations", "course_templates", "events", "learners")] == [
        1,
        1,
        1,
        3,
        0,
        0,
    ]
    assert {row["lifecycle_state"] for row in api.state("course_templates")} == {"draft"}
    assert all(row["is_instructor"] for row in api.state("contacts"))
    assert [row["label"] for row in api.state("custom_field_definitions")] == ["training_provider"]


def test_a_mirror_world_already_holds_most_of_what_cornerstone_has(api: Api) -> None:
    worlds = []
    for size in ({"mirror": "small", "share": 0.9}, "mirror"):
        api.control("POST", "reset", {"seed": 1, "size": size, "now": "2026-07-14T10:00:00Z"})
        worlds.append([api.state(kind) for kind in ("accounts", "contacts", "locations", "course_templates", "learning_categories")])
    assert worlds[0] == worlds[1], "the same seed makes the same world"
    assert 400 <= len(api.state("contacts")) <= 500
    assert len(api.state("accounts")) > 30
    assert any(row["custom_fields"] for row in api.state("course_templates"))
    assert all(row["external_ids"] == {} for kind in ("accounts", "contacts", "course_templates") for row in api.state(kind))


def test_every_action_is_described_with_its_arguments(api: Api) -> None:
    actions = api.control("GET", "act")
    wanted = "create_account move_account merge_accounts create_contact edit_contact leave publish_template archive_template create_event"
    wanted += " edit_event move_session cancel_event register cancel_learner reactivate mark_attendance record_result create_template"
    assert set(wanted.split()) <= set(actions)
    assert actions["register"]["event_id"].startswith("id!")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"action": "dance"}, "dance"),
        ({"action": "register"}, "event_id"),
        ({"action": "register", "event_id": "x", "contact_id": "y"}, "no such record"),
        ({"action": "create_account", "name": 7}, "text"),
        ({"action": "create_account", "name": "x", "colour": "red"}, "colour"),
        ({"action": "create_event", "sessions": [1]}, "session"),
        ({"action": "create_event", "title": "x", "sessions": [{"start": "soon"}]}, "wall time"),
    ],
)
def test_an_act_that_cannot_be_done_says_why(api: Api, body: dict[str, Any], said: str) -> None:
    answer = _raw(api, "POST", "/_sandbox/act", json=body)
    assert answer.status_code == 400
    assert said in answer.json()["error"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/_sandbox/nothing", None, 404),
        ("GET", "/_sandbox/state/unicorns", None, 404),
        ("DELETE", "/_sandbox/reset", None, 405),
        ("POST", "/_sandbox/reset", b"no json", 400),
        ("POST", "/_sandbox/reset", b'{"size": "enormous"}', 400),
        ("POST", "/_sandbox/clock", b'{"advance": -5}', 400),
        ("POST", "/_sandbox/faults", b'{"fault": "earthquake"}', 400),
        ("POST", "/_sandbox/webhooks", b'{"duplicate": 7}', 400),
        ("PATCH", "/_sandbox/config", b'{"switches": {"unknown": true}}', 400),
        ("GET", "/_sandbox/requests?since=x", None, 400),
        ("GET", "/nowhere", None, 404),
        ("GET", "/graphql", None, 405),
    ],
)
def test_wrong_calls_are_a_clear_4xx(api: Api, method: str, path: str, body: bytes | None, status: int) -> None:
    answer = _raw(api, method, path, data=body)
    assert answer.status_code == status
    assert answer.json()["error"]


def test_the_access_log_tells_effects_messages_and_who_asked(api: Api) -> None:
    event, ada, eve = api.event(), api.contact("Ada"), api.contact("Eve")
    seq = api.last_seq()
    register = "mutation R($e: ID!, $c: [ID!]!) { event { registerContacts(eventId: $e, input: {contacts: $c}) { learners { id } } } }"
    api.session.headers.update({"X-Request-Id": "r-1", "User-Agent": "tester/1"})
    api.ask(register, e=event, c=[ada, eve])
    api.ask("query Mine { contacts { edges { node { id } } } }")
    del api.session.headers["X-Request-Id"]
    api.session.headers["User-Agent"] = "python"
    write, read = api.control("GET", f"requests?since={seq}")
    assert (write["operation"], write["effect"], write["kind"], write["messages"]) == ("event.registerContacts", "create", "learners", 2)
    assert (write["request_id"], write["user_agent"], write["status"]) == ("r-1", "tester/1", 200)
    assert write["counts"] == {"create learners": 2}
    assert (read["operation"], read["effect"], read["messages"]) == ("contacts", "none", 0)
    assert read["seq"] > write["seq"] > seq


def test_letters_can_be_switched_off(api: Api) -> None:
    event, contact = api.event(), api.contact()
    api.switch(learner_messages=False)
    seq = api.last_seq()
    api.ask(
        "mutation R($e: ID!, $c: [ID!]!) { event { registerContacts(eventId: $e, input: {contacts: $c}) { ERRORS } } }",
        e=event,
        c=[contact],
    )
    api.switch(learner_messages=True)
    assert api.control("GET", f"requests?since={seq}")[0]["messages"] == 0


def test_the_date_header_is_the_vendors_clock(api: Api) -> None:
    api.control("POST", "reset", {"now": "2030-05-06T07:08:09Z"})
    api.login()
    assert api.post("{ hello }").headers["date"].startswith("Mon, 06 May 2030 07:08:")
    api.control("POST", "clock", {"advance": 3600})
    assert api.post("{ hello }").headers["date"].startswith("Mon, 06 May 2030 08:08:")


# ---- faults

CREATE = """mutation Make($i: ContactCreateInput!) { contact { create(input: $i) { contact { id } ERRORS } } }"""


def _make(api: Api, *, timeout: float = 10) -> requests.Response:
    given = {"accountId": api.root, "personalName": {"firstName": "Ada"}}
    body = {"query": CREATE.replace("ERRORS", "errors { label message }"), "variables": {"i": given}}
    return api.session.post(f"{api.url}/graphql", json=body, timeout=timeout)


def _people(api: Api) -> int:
    return len(api.state("contacts")) - 2


def test_a_status_fault_strikes_the_matching_operation_as_often_as_told(api: Api) -> None:
    api.control("POST", "faults", {"match": {"operation": "contact.create"}, "fault": "status", "status": 503, "times": 1})
    assert api.post("{ hello }").status_code == 200
    assert _make(api).status_code == 503
    assert _people(api) == 0
    assert _make(api).status_code == 200
    assert api.control("GET", "faults")[0]["used"] == 1
    assert [row["fault"] for row in api.control("GET", "requests") if row["fault"]] == ["status"]


@pytest.mark.parametrize(
    ("operation", "strikes"), [("Make", True), ("contact.*", True), ("create", False), ("account.create", False), ("*", True)]
)
def test_operations_match_by_their_own_name_or_by_field_and_pattern(api: Api, operation: str, strikes: bool) -> None:
    api.control("POST", "faults", {"match": {"operation": operation, "method": "POST", "path": "/graphql"}, "fault": "status"})
    assert (_make(api).status_code == 503) is strikes
    api.control("DELETE", "faults")
    assert _make(api).status_code == 200


@pytest.mark.parametrize(("fault", "made"), [("timeout_before_effect", 0), ("timeout_after_effect", 1)])
def test_a_timeout_answers_nothing_before_or_after_the_effect(api: Api, fault: str, made: int) -> None:
    api.control("POST", "faults", {"match": {"path": "/graphql"}, "fault": fault, "times": 1})
    with pytest.raises(requests.exceptions.Timeout):
        _make(api, timeout=0.3)
    assert _people(api) == made
    assert _make(api).status_code == 200


@pytest.mark.parametrize(("after", "made"), [(False, 0), (True, 1)])
def test_a_reset_breaks_the_connection(api: Api, after: bool, made: int) -> None:
    api.control("POST", "faults", {"match": {"path": "/graphql"}, "fault": "reset", "times": 1, "after_effect": after})
    with pytest.raises(requests.exceptions.ConnectionError):
        _make(api)
    assert _people(api) == made


def test_a_timeout_that_outlasts_the_caller_ends_by_dropping_the_connection(api: Api) -> None:
    api.control("POST", "faults", {"match": {"path": "/graphql"}, "fault": "timeout_before_effect", "times": 1, "seconds": 0.2})
    with pytest.raises(requests.exceptions.ConnectionError):
        _make(api)


def test_malformed_and_truncated_answers_are_200_and_the_effect_happened(api: Api) -> None:
    for number, fault in enumerate(("malformed", "truncated_200"), start=1):
        api.control("POST", "faults", {"match": {"path": "/graphql"}, "fault": fault, "times": 1})
        answer = _make(api)
        assert answer.status_code == 200
        with pytest.raises(requests.exceptions.JSONDecodeError):
            answer.json()
        assert _people(api) == number


def test_a_refusal_inside_a_200_does_nothing(api: Api) -> None:
    api.control("POST", "faults", {"match": {"operation": "contact.*"}, "fault": "result_failed_in_200", "times": 1})
    result = _make(api).json()["data"]["contact"]["create"]
    assert result["contact"] is None
    assert "fault" in result["errors"][0]["message"]
    assert _people(api) == 0


def test_a_slow_answer_is_the_true_one(api: Api) -> None:
    api.control("POST", "faults", {"match": {"path": "/graphql"}, "fault": "slow", "seconds": 0.3, "times": 1})
    answer = _make(api)
    assert answer.elapsed.total_seconds() >= 0.3
    assert answer.json()["data"]["contact"]["create"]["contact"]


def test_probability_follows_the_seed(api: Api) -> None:
    def throws() -> list[int]:
        api.reset(seed=5)
        api.control("POST", "faults", {"match": {"path": "/graphql"}, "fault": "status", "probability": 0.5})
        return [api.post("{ hello }").status_code for _ in range(12)]

    first = throws()
    assert set(first) == {200, 503}
    assert throws() == first


# ---- as a process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_prints_where_it_is_and_ends_cleanly_on_a_signal(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "csod_pipelines.sandbox", "--vendor", "administrate", "--port", "0", "--seed", "3", "--size", "small"]
    # Children of a backgrounded shell start with SIGINT ignored.
    ignoring = ["/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh", *command]
    with subprocess.Popen(ignoring, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found is not None, line
        assert "sandbox-secret" in process.stdout.readline()
        api = Api(found.group())
        api.login()
        assert api.ask("{ hello }") == {"hello": "Hello"}
        process.send_signal(number)
        assert process.wait(timeout=10) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""


def test_a_port_that_is_taken_is_said_so(api: Api) -> None:
    port = api.url.rsplit(":", 1)[1]
    command = [sys.executable, "-m", "csod_pipelines.sandbox", "--vendor", "administrate", "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr
