"""The controls of both sandboxes: they describe themselves, and what makes no sense is a clear 4xx that changes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from csod_pipelines.sandbox.serve import VENDORS, Running, running

WRONG: list[tuple[str, str, Any]] = [
    *(("POST", "reset", body) for body in ({"seed": 1.5}, {"seed": None}, {"seed": -1}, {"size": "huge"}, {"size": None}, {"size": 5})),
    *(("POST", "reset", body) for body in ({"size": {"nothing": 1}}, {"size": {"mirror": "huge"}}, {"speed": 1}, [], "x")),
    *(("POST", "reset", {"now": now}) for now in (5, "x", "2026-01-01", "0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z")),
    *(("GET", path, None) for path in ("state/nothing", "state/", "nothing", "requests?since=x", "state/events?limit=-1")),
    *(("POST", "act", body) for body in ({}, {"action": "nothing"}, {"action": ["x"]}, {"action": None})),
    *(
        ("POST", "faults", body)
        for body in ({}, {"fault": "nothing"}, {"fault": "status", "match": {"host": "x"}}, {"fault": "slow", "seconds": 1e9})
    ),
    *(
        ("POST", "faults", {"fault": "status", **more})
        for more in ({"times": 1.5}, {"headers": {"a": "b\n"}}, {"headers": {"a": 1}}, {"status": 99})
    ),
    *(("POST", "webhooks", body) for body in ({"nothing": 1}, {"drop": 2}, {"delay": -1}, {"endpoint": {"url": "ftp://x"}})),
    *(("POST", "clock", body) for body in ({}, {"advance": -1}, {"advance": "x"}, {"advance": 9e9 * 10}, {"advance": True})),
    *(("PATCH", "config", body) for body in ({"nothing": 1}, {"switches": {"nothing": True}}, [])),
    *((method, "reset", None) for method in ("GET", "DELETE", "PUT")),
]


@pytest.fixture(scope="module", params=VENDORS)
def sandbox(request: pytest.FixtureRequest) -> Iterator[Running]:
    with running(request.param) as sandbox:
        yield sandbox


def control(sandbox: Running, method: str, path: str, body: Any = None) -> requests.Response:
    return requests.request(method, f"{sandbox.url}/_sandbox/{path}", json=body, timeout=60)


def test_a_sandbox_describes_itself_completely(sandbox: Running) -> None:
    page = control(sandbox, "GET", "").json()
    assert page["vendor"] == sandbox.vendor and page["credentials"] == {"client_id": "sandbox", "client_secret": "sandbox-secret"}
    assert page["actions"] == control(sandbox, "GET", "act").json()
    assert page["config"] == control(sandbox, "GET", "config").json()
    assert {"small", "medium", "large", "mirror", "{...}"} <= set(page["sizes"])
    for kind in page["kinds"]:
        assert control(sandbox, "GET", f"state/{kind}").status_code == 200
    for call in page["calls"]:
        method, _, path = call.partition(" /_sandbox/")
        answer = control(sandbox, "OPTIONS", path.replace("{kind}", page["kinds"][0]))
        assert answer.status_code == 405, f"{method} {path} is described and is not there"


@pytest.mark.parametrize(("method", "path", "body"), WRONG)
def test_what_makes_no_sense_is_refused_and_changes_nothing(sandbox: Running, method: str, path: str, body: Any) -> None:
    before = control(sandbox, "GET", "").json()
    answer = control(sandbox, method, path, body)
    assert 400 <= answer.status_code < 500 and answer.json()["error"], answer.text
    after = control(sandbox, "GET", "").json()
    assert {**after, "now": None} == {**before, "now": None}
    assert control(sandbox, "GET", "faults").json() == []


#: Right for every type of argument that is not this one, and an id of nothing.
ODD: tuple[Any, ...] = ("zzz", "", "\x00", 10**30, -1.5, True, None, [], [{"a": None}], {"x": []})


def test_no_act_is_brought_down_by_its_arguments(sandbox: Running) -> None:
    for action, arguments in control(sandbox, "GET", "act").json().items():
        for odd in ODD:
            answer = control(sandbox, "POST", "act", {"action": action, **dict.fromkeys(arguments, odd)})
            assert answer.status_code in (200, 400) and answer.json(), f"{action} {odd!r}: {answer.text}"
        unknown = control(sandbox, "POST", "act", {"action": action, "nothing_of_the_kind": 1})
        assert unknown.status_code == 400 and "nothing_of_the_kind" in unknown.json()["error"]


def test_rows_come_in_parts(sandbox: Running) -> None:
    kind = "accounts" if sandbox.vendor == "administrate" else "users"
    control(sandbox, "POST", "reset", {"seed": 1, "size": {"accounts": 20}} if kind == "accounts" else {"seed": 1, "size": "small"})
    whole = control(sandbox, "GET", f"state/{kind}").json()
    assert control(sandbox, "GET", f"state/{kind}?offset=3&limit=5").json() == whole[3:8]
    assert control(sandbox, "GET", f"state/{kind}?offset={len(whole)}").json() == []
