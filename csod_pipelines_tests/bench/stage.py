"""What a measurement works with: a PostgreSQL that flushes its commits, both vendors, the gateway, workers; each a real process."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import requests
from sqlalchemy import text

from csod_pipelines.house.hooks import install_webhooks
from csod_pipelines.model.keys import SystemName
from csod_pipelines.runtime import House, open_house
from csod_pipelines.settings import Settings, environment, load_settings, variable
from csod_pipelines.store.embedded import EmbeddedServer
from csod_pipelines.store.provision import Urls, provision
from csod_pipelines.systems.base import Clock, Seams
from csod_pipelines_tests.gateway.running import API_KEY, SECRET, serving

T = TypeVar("T")
Row = dict[str, Any]
CONFIG = Path(__file__).parents[2] / "csod_pipelines.yaml"
OURS = "csod-pipelines/"  # how our User-Agent begins
RESET_SECONDS = 300.0
CALL_SECONDS = 60.0
WORKERS_STOP_SECONDS = 20.0


class NotReached(Exception):
    """What was waited for did not happen in time."""


@contextmanager
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="csod-bench-"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def postgres() -> Iterator[tuple[EmbeddedServer, Urls]]:
    """A server of its own that really flushes, with our schema."""
    with folder() as home, EmbeddedServer(home) as server:
        yield server, provision(server.admin_url, secrets=home / "database.json")


@dataclass(frozen=True)
class Vendor:
    """A sandbox and its controls."""

    url: str
    http: requests.Session = field(default_factory=requests.Session)

    def reset(self, **size: int) -> None:
        self.call("POST", "reset", {"seed": 1, "size": size or "small"}, seconds=RESET_SECONDS)

    def act(self, action: str, **arguments: Any) -> Row:
        return self.call("POST", "act", {"action": action, **arguments})["row"]

    def state(self, kind: str, **query: Any) -> list[Row]:
        words = "&".join(f"{name}={value}" for name, value in query.items())
        found = self.call("GET", f"state/{kind}" + (f"?{words}" if words else ""))
        return found if isinstance(found, list) else [found]

    def config(self, **changes: Any) -> None:
        self.call("PATCH", "config", changes)

    def slow(self, seconds: float) -> None:
        """From now on every answer comes that much later."""
        self.call("POST", "faults", {"match": {}, "fault": "slow", "seconds": seconds})

    def prompt(self) -> None:
        self.call("DELETE", "faults")

    def advance(self, seconds: float) -> None:
        self.call("POST", "clock", {"advance": seconds})

    def last(self) -> int:
        return max((row["seq"] for row in self.requests()), default=0)

    def requests(self, since: int = 0) -> list[Row]:
        """The access log, without what came from others than us."""
        rows = self.call("GET", f"requests?since={since}")
        return [row for row in rows if str(row["user_agent"]).startswith(OURS) and not row["path"].startswith("/oauth")]

    def call(self, method: str, path: str, body: Any = None, *, seconds: float = CALL_SECONDS) -> Any:
        answer = self.http.request(method, f"{self.url}/_sandbox/{path}", json=body, timeout=seconds)
        if not answer.ok:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json() if answer.content else None


@contextmanager
def vendor(name: str) -> Iterator[tuple[Vendor, int]]:
    """A sandbox, and the id of its process."""
    command = [sys.executable, "-m", "csod_pipelines.sandbox", "--vendor", name, "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                yield Vendor(found.group(0)), process.pid
                return
        raise RuntimeError(f"the {name} sandbox gave no address and ended with {process.wait()}")
    finally:
        stop(process)


def stop(process: subprocess.Popen[Any]) -> None:
    process.terminate()
    try:
        process.wait(timeout=WORKERS_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


@dataclass(slots=True)
class Stage:
    """Database and both vendors; more is started on demand and stopped with it."""

    urls: Urls
    server: EmbeddedServer
    administrate: Vendor
    cornerstone: Vendor
    pids: dict[str, int]
    variables: dict[str, str]
    gateway: str = ""
    drained: list[str] = field(default_factory=list)
    _stack: ExitStack = field(default_factory=ExitStack)

    @property
    def settings(self) -> Settings:
        return load_settings(self.variables)

    @contextmanager
    def house(self, *, clock: Clock | None = None, seams: Seams | None = None) -> Iterator[House]:
        with open_house(self.settings, run_id="bench", clock=clock, seams=seams) as house:
            yield house

    def open_gateway(self) -> None:
        """The gateway, and both vendors told to deliver there."""
        running = self._stack.enter_context(serving(self.urls))
        self.gateway, self.pids["gateway"] = running.url, running.process.pid
        install_webhooks(self.variables, gateway=self.gateway, say=lambda text: None)

    def drain(self, *flows: str) -> None:
        """A worker a flow, lingering until the stage is taken down."""
        for flow in flows:
            command = [sys.executable, "-m", "csod_pipelines_tests.bench.drainer", flow]
            process = subprocess.Popen(command, env=self.variables, stdout=subprocess.PIPE, text=True)
            self.drained.append(flow)
            self._stack.callback(stop, process)
            assert process.stdout is not None
            if process.stdout.readline().strip() != "ready":
                raise RuntimeError(f"the worker of {flow} ended with {process.wait()}")

    def quiet(self, *, seconds: float = 60.0) -> None:
        """Wait until nothing is waiting for one of our workers: three looks in a row."""
        with self.house() as house:
            still = 0

            def look() -> bool:
                nonlocal still
                still = 0 if _busy(house, self.drained) else still + 1
                return still >= 3

            until("nothing is waiting any more", look, seconds=seconds, pause=0.1)


def _busy(house: House, flows: Sequence[str]) -> bool:
    with house.database.read() as conn:
        found = conn.execute(text("SELECT 1 FROM work WHERE parked_reason IS NULL AND flow = ANY(:flows) LIMIT 1"), {"flows": list(flows)})
        return found.first() is not None


@contextmanager
def stage() -> Iterator[Stage]:
    with postgres() as (server, urls), vendor("administrate") as (a, a_pid), vendor("cornerstone") as (c, c_pid):
        pids = {"administrate": a_pid, "cornerstone": c_pid}
        made = Stage(urls=urls, server=server, administrate=a, cornerstone=c, pids=pids, variables=_variables(urls, a, c))
        with made._stack:
            yield made


def _variables(urls: Urls, administrate: Vendor, cornerstone: Vendor) -> dict[str, str]:
    fields = {
        "database_url": urls.engine,
        "config": str(CONFIG),
        "administrate.auth_url": f"{administrate.url}/oauth/token",
        "administrate.api_url": f"{administrate.url}/graphql",
        "administrate.client_id": "sandbox",
        "administrate.client_secret": "sandbox-secret",
        "administrate.webhook_secret": SECRET,
        "cornerstone.base_url": cornerstone.url,
        "cornerstone.client_id": "sandbox",
        "cornerstone.client_secret": "sandbox-secret",
        "cornerstone.webhook_api_key": API_KEY,
        "cornerstone.actor": "svc.integration",
    }
    return environment() | {variable(name): value for name, value in fields.items()}


def until(what: str, look: Callable[[], T | None], *, seconds: float, pause: float = 0.02) -> T:
    """The first truthy answer of ``look``. Raises NotReached."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise NotReached(f"after {seconds:.0f} s still waiting until {what}")
        time.sleep(pause)


def moment(row: Row) -> float:
    """When a request of an access log was answered, in seconds of this machine's clock (a sandbox's own until it is moved)."""
    return datetime.fromisoformat(row["at"]).timestamp()


def processor_seconds(pid: int) -> float:
    """What a process has used so far, all its threads together."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
