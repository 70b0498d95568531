"""Tokens, failures and limits of the transport, through the sandboxes' own faults."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import Any

import pytest
import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from csod_pipelines.model.keys import Kind, SystemName
from csod_pipelines.model.readings import Present
from csod_pipelines.model.records import OrgUnit
from csod_pipelines.systems import administrate, cornerstone, transport
from csod_pipelines.systems.administrate import AdministrateOptions, AdministrateSystem
from csod_pipelines.systems.base import Draft
from csod_pipelines.systems.contract import load
from csod_pipelines.systems.cornerstone import CornerstoneOptions
from csod_pipelines.systems.errors import (
    Forbidden,
    Indeterminate,
    LeaseLost,
    Malformed,
    RateLimited,
    Refused,
    Unauthorized,
    Unavailable,
)
from csod_pipelines.systems.transport import USER_AGENT, Call
from csod_pipelines_tests.systems.vendor import Vendor

NEW = Draft(kind=Kind.ORG_UNIT, value=OrgUnit(name="New"), marker="m")


@dataclass
class Spy:
    """Budget, recorder, guard and seams in one, writing down the order in which it was asked."""

    calls: list[str] = field(default_factory=list)
    bodies: list[bytes | None] = field(default_factory=list)
    blocks: list[tuple[str, datetime, datetime]] = field(default_factory=list)
    seen: list[tuple[str, int | None, int | None]] = field(default_factory=list)
    outcomes: list[tuple[int | None, str | None]] = field(default_factory=list)

    def take(self, bucket: str, amount: int = 1) -> None:
        self.calls.append(f"take {bucket} {amount}")

    def blocked(self, bucket: str, *, until: datetime, vendor_now: datetime) -> None:
        self.blocks.append((bucket, until, vendor_now))

    def observed(self, bucket: str, *, limit: int | None, remaining: int | None) -> None:
        self.seen.append((bucket, limit, remaining))

    def ensure(self, seconds: float) -> None:
        self.calls.append(f"ensure {seconds:g}")

    def sending(self, *, system: SystemName, method: str, url: str, operation: str, body: bytes | None) -> str:
        self.calls.append(f"sending {operation}")
        self.bodies.append(body)
        return f"req-{len(self.bodies)}"

    def answered(self, request_id: str, *, status: int | None, body: bytes | None, seconds: float, error: str | None) -> None:
        self.calls.append(f"answered {request_id}")
        self.outcomes.append((status, error))

    def at(self, place: str) -> None:
        self.calls.append(place)


@pytest.fixture
def spy() -> Spy:
    return Spy()


@pytest.fixture
def watched(a_options: AdministrateOptions, spy: Spy) -> AdministrateSystem:
    system = administrate.open(a_options, budget=spy, recorder=spy, guard=spy, seams=spy)
    system.ping()
    for seen in (spy.calls, spy.bodies, spy.outcomes):
        seen.clear()
    return system


def test_a_call_is_budgeted_guarded_recorded_and_seamed_in_that_order(watched: AdministrateSystem, spy: Spy, a_vendor: Vendor) -> None:
    watched.create(NEW)
    assert [call for call in spy.calls if "ReadCustomFields" not in call][-7:] == [
        "take administrate:graphql 1",
        "ensure 65",
        "sending CreateAccounts",
        "call.send:CreateAccounts",
        "ensure 65",
        "call.answered:CreateAccounts",
        f"answered req-{len(spy.bodies)}",
    ]
    last = a_vendor.requests()[-1]
    assert last["request_id"] == f"req-{len(spy.bodies)}" and last["user_agent"] == USER_AGENT


def test_the_token_request_is_recorded_without_its_secret(a_options: AdministrateOptions, spy: Spy) -> None:
    administrate.open(a_options, recorder=spy).ping()
    assert spy.calls[0] == "sending oauth.token" and spy.bodies[0] is None
    assert not any(b"sandbox-secret" in body for body in spy.bodies if body)


def test_one_token_serves_many_calls_and_an_expired_one_is_fetched_once(a_system: AdministrateSystem, a_vendor: Vendor) -> None:
    a_system.ping()
    before = a_vendor.last_request()
    for _ in range(3):
        a_system.ping()
    assert [row["path"] for row in a_vendor.requests(before)] == ["/graphql"] * 3
    a_vendor.advance(7200)
    before = a_vendor.last_request()
    a_system.ping()
    assert [(row["path"], row["status"]) for row in a_vendor.requests(before)] == [
        ("/graphql", 401),
        ("/oauth/token", 200),
        ("/graphql", 200),
    ]


def test_a_write_that_met_an_expired_token_is_sent_again_once(a_system: AdministrateSystem, a_vendor: Vendor) -> None:
    a_system.ping()
    a_vendor.advance(7200)
    made = a_system.create(NEW)
    assert [row["name"] for row in a_vendor.state("accounts")].count("New") == 1 and made.id


def test_wrong_credentials_end_in_one_clear_message(
    a_options: AdministrateOptions, c_options: CornerstoneOptions, a_vendor: Vendor
) -> None:
    before = a_vendor.last_request()
    with pytest.raises(Unauthorized, match="client id and secret"):
        administrate.open(replace(a_options, client_secret="wrong")).ping()
    assert len(a_vendor.requests(before)) == 1
    with pytest.raises(Unauthorized, match="user behind the application"):
        cornerstone.open(replace(c_options, client_secret="wrong")).ping()


def test_a_second_401_is_a_missing_permission_at_cornerstone(c_options: CornerstoneOptions, c_vendor: Vendor) -> None:
    c_vendor.fault("status", path="*/types", status=401, times=2)
    with pytest.raises(Forbidden, match="scopes and permissions"):
        cornerstone.open(c_options).ping()


def test_a_second_401_is_refused_credentials_at_administrate(a_system: AdministrateSystem, a_vendor: Vendor) -> None:
    a_vendor.fault("status", path="/graphql", status=401, times=2)
    with pytest.raises(Unauthorized):
        a_system.ping()


@pytest.mark.parametrize("fault", ["status", "reset", "truncated_200", "malformed"])
def test_a_read_is_repeated_and_then_succeeds(a_system: AdministrateSystem, a_vendor: Vendor, fault: str) -> None:
    a_system.ping()
    made = a_system.create(NEW)
    a_vendor.fault(fault, path="/graphql", times=1)
    if fault == "malformed":
        with pytest.raises(Malformed):
            a_system.read(Kind.ORG_UNIT, made.id)
    assert isinstance(a_system.read(Kind.ORG_UNIT, made.id), Present)


def test_a_read_gives_up_after_three_attempts(a_system: AdministrateSystem, a_vendor: Vendor) -> None:
    a_system.ping()
    before = a_vendor.last_request()
    a_vendor.fault("status", path="/graphql", times=10, status=503)
    with pytest.raises(Unavailable):
        a_system.ping()
    assert len(a_vendor.requests(before)) == 3


@pytest.mark.parametrize(
    ("fault", "more"),
    [
        ("timeout_after_effect", {"seconds": 3}),
        ("timeout_before_effect", {"seconds": 3}),
        ("reset", {"after_effect": True}),
        ("status", {"status": 502, "after_effect": True}),
        ("truncated_200", {}),
        ("malformed", {}),
    ],
)
def test_a_write_whose_answer_is_lost_is_indeterminate_and_never_sent_twice(
    a_options: AdministrateOptions, a_vendor: Vendor, fault: str, more: dict[str, Any]
) -> None:
    system = administrate.open(replace(a_options, batch_timeout_seconds=0.5))
    system.custom_fields.definitions("Account")
    before = a_vendor.last_request()
    a_vendor.fault(fault, path="/graphql", times=1, **more)
    with pytest.raises(Indeterminate):
        system.create(NEW)
    sent = [row for row in a_vendor.requests(before) if row["path"] == "/graphql"]
    assert len(sent) <= 1
    made = [row["name"] for row in a_vendor.state("accounts")].count("New")
    assert made == (0 if fault == "timeout_before_effect" else 1)


def test_a_refused_connection_is_unavailable_for_writes_too(a_options: AdministrateOptions) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
    with pytest.raises(Unavailable, match="cannot be reached"):
        administrate.open(replace(a_options, api_url=url)).create(NEW)


def test_429_blocks_to_the_end_of_cornerstones_minute(c_options: CornerstoneOptions, c_vendor: Vendor, spy: Spy) -> None:
    system = cornerstone.open(c_options, budget=spy)
    system.ping()
    assert spy.seen[-1][0] == "cornerstone:ous.types" and spy.seen[-1][1] == 18_000
    c_vendor.fault("status", path="*/types", status=429, times=1)
    before = c_vendor.last_request()
    with pytest.raises(RateLimited) as limited:
        system.ping()
    assert len(c_vendor.requests(before)) == 1  # 429s count: nothing is sent again
    ((bucket, until, now),) = spy.blocks
    assert bucket == limited.value.bucket == "cornerstone:ous.types"
    assert until.second == 0 and timedelta(0) < until - now <= timedelta(minutes=1)


def test_a_429_of_a_vendor_whose_clock_is_days_ahead_is_waited_out_by_our_own_clock(
    c_options: CornerstoneOptions, c_vendor: Vendor, spy: Spy
) -> None:
    system = cornerstone.open(c_options, budget=spy)
    c_vendor.advance(12 * 86_400)
    c_vendor.fault("status", path="*/types", status=429, times=1)
    with pytest.raises(RateLimited) as limited:
        system.ping()
    assert timedelta(0) < limited.value.until - datetime.now(UTC) <= timedelta(minutes=1)


def test_429_pauses_administrate_as_long_as_it_says_else_five_seconds(a_options: AdministrateOptions, a_vendor: Vendor, spy: Spy) -> None:
    system = administrate.open(a_options, budget=spy)
    system.ping()
    for headers, seconds in (({"Retry-After": "17"}, 17), ({}, 5)):
        a_vendor.fault("status", path="/graphql", status=429, times=1, headers=headers)
        with pytest.raises(RateLimited):
            system.ping()
        _, until, now = spy.blocks[-1]
        assert abs((until - now).total_seconds() - seconds) < 1


def test_a_lost_lease_sends_nothing(a_options: AdministrateOptions, a_vendor: Vendor) -> None:
    class Lost(Spy):
        def ensure(self, seconds: float) -> None:
            raise LeaseLost("too little is left")

    before = a_vendor.last_request()
    with pytest.raises(LeaseLost):
        administrate.open(a_options, guard=Lost()).ping()
    assert a_vendor.requests(before) == []


def test_a_lease_that_runs_out_while_the_ledger_is_written_sends_nothing_and_says_so(
    a_options: AdministrateOptions, a_vendor: Vendor
) -> None:
    class SlowLedger(Spy):
        def ensure(self, seconds: float) -> None:
            if any(call.startswith("sending") for call in self.calls):
                raise LeaseLost("too little is left")

    before, spy = a_vendor.last_request(), SlowLedger()
    with pytest.raises(LeaseLost):
        administrate.open(a_options, guard=spy, recorder=spy).ping()
    assert a_vendor.requests(before) == []
    assert spy.calls[-1].startswith("answered")


def test_nested_and_top_level_errors_are_refusals_that_name_what_was_wrong(a_system: AdministrateSystem, a_vendor: Vendor) -> None:
    with pytest.raises(Refused):
        a_system.create(replace(NEW, value=OrgUnit(name="X", parent_id="T3JnYW5pc2F0aW9uOjk5OTk5")))
    a_vendor.fault("result_failed_in_200", path="/graphql", times=1)
    with pytest.raises(Refused):
        a_system.create(NEW)


def test_the_vendors_clock_is_heard_and_moves_on(a_system: AdministrateSystem, a_vendor: Vendor) -> None:
    a_vendor.advance(86_400)
    a_system.ping()
    ahead = a_system.now() - datetime.now(UTC)
    assert timedelta(hours=23, minutes=59) < ahead < timedelta(days=1, minutes=1)
    assert a_system.now() <= a_system.now()


@pytest.fixture
def raw_server() -> Any:
    """A server that answers every connection with prepared bytes, or lets them drip."""
    servers: list[socket.socket] = []

    def start(answer: Callable[[socket.socket], None]) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        servers.append(listener)

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(65536)
                    with suppress(OSError):
                        answer(connection)

        threading.Thread(target=serve, daemon=True).start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for listener in servers:
        listener.close()


def portal(url: str, **more: Any) -> cornerstone.CornerstoneSystem:
    options = CornerstoneOptions(base_url=url, client_id="i", client_secret="s", actor="a", **more)
    return cornerstone.open(options, contract=load(SystemName.CORNERSTONE))


def test_a_redirect_to_another_host_is_not_followed(raw_server: Any) -> None:
    url = raw_server(lambda c: c.sendall(b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example.org/\r\nContent-Length: 0\r\n\r\n"))
    with pytest.raises(Malformed, match=r"elsewhere\.example\.org"):
        portal(url).ping()


def test_a_body_that_drips_is_cut_off_in_time(raw_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "CONNECT_SECONDS", 0.5)

    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{")
        for _ in range(100):
            connection.sendall(b" ")
            threading.Event().wait(0.1)

    system = portal(raw_server(drip))
    call = Call(method="GET", url=system.options.base_url, operation="drip", bucket=None, writes=False, token=False, timeout_seconds=0.5)
    started = datetime.now(UTC)
    with pytest.raises(Unavailable, match="did not end in time"):
        system.transport.send(replace(call, attempts=1))
    assert datetime.now(UTC) - started < timedelta(seconds=3)


class InProcess(BaseAdapter):
    """Answers without a network, as a vendor inside this process would."""

    def send(
        self, request: Any, stream: bool = False, timeout: Any = None, verify: Any = True, cert: Any = None, proxies: Any = None
    ) -> requests.Response:
        body = b'{"access_token": "t", "expires_in": 60}' if "token" in request.url else b'{"data": {"hello": "hi"}}'
        response = requests.Response()
        response.status_code, response.request, response.url = 200, request, request.url
        response.headers["Date"] = "Sun, 22 Nov 2026 02:00:00 GMT"
        response.raw = HTTPResponse(BytesIO(body), preload_content=False)
        return response

    def close(self) -> None:
        pass


def test_a_vendor_in_this_process_can_stand_in_for_the_network() -> None:
    options = AdministrateOptions(auth_url="http://a.test", api_url="http://a.test", client_id="i", client_secret="s")
    system = administrate.open(options, adapter=InProcess())
    system.ping()
    assert system.now().date() == datetime(2026, 11, 22, tzinfo=UTC).date()


def test_an_answer_that_is_html_is_malformed(raw_server: Any) -> None:
    page = b"<html>Maintenance</html>"
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(page)}\r\n\r\n".encode()
    with pytest.raises(Malformed, match="Maintenance"):
        portal(raw_server(lambda c: c.sendall(head + page))).ping()
