"""A running house: started in order, watched, and stopped in order.

Start: PostgreSQL and its schema; sandboxes, gateway and code server; web page and daemon; webhooks; endpoints.json.
Stop: Dagster's daemon, its runs, then every process (TERM, ten seconds, KILL), PostgreSQL last.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import requests

from csod_pipelines.house import dagster_home
from csod_pipelines.house.children import Child, Children, Restarts, end_left_behind
from csod_pipelines.house.dagster_web import ACTIVE, DagsterRefused, DagsterWeb
from csod_pipelines.house.database import HouseDatabase
from csod_pipelines.house.home import Home, read_json, write_private
from csod_pipelines.house.hooks import meet_vendors
from csod_pipelines.house.ports import choose_ports
from csod_pipelines.house.stopping import StopRequest
from csod_pipelines.house.variables import addresses, uses_sandboxes, variables
from csod_pipelines.settings import Settings

READY_SECONDS = 90.0
POLL_SECONDS = 0.2
RUNS_END_SECONDS = 8.0
RESTARTS, RESTART_SECONDS = 5, 60.0
FOLDER = Path(__file__).parents[2]


class NotReady(Exception):
    """Something did not come up in time; the message holds the end of its log."""


class House:
    def __init__(
        self, settings: Settings, *, home: Home, stop: StopRequest, say: Callable[[str], None], seed: int = 1, size: str = "small"
    ) -> None:
        self._settings, self._home, self._stop, self._say = settings, home, stop, say
        self._seed, self._size = seed, size
        self._database = HouseDatabase(settings, home=home, say=say)
        self._children = Children(logs=home.logs, on_change=lambda rows: write_private(home.processes, rows))
        self._commands: dict[str, list[str]] = {}
        self._environment: dict[str, str] = {}
        self._web: DagsterWeb | None = None
        self._socket: Path | None = None
        self._restarts = Restarts(most=RESTARTS, seconds=RESTART_SECONDS)
        self.endpoints: dict[str, str] = {}

    def serve(self) -> None:
        """Until a stop is requested. Raises what prevented the start, after everything begun has been stopped."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._home.lock())
            stack.callback(self._home.forget_running)
            self._end_left_behind()
            stack.callback(self._database.stop)
            stack.callback(self._stop_processes)
            started = time.monotonic()
            self._start()
            self._announce(time.monotonic() - started)
            while not self._stop.wait(1.0):
                self._watch()
            self._say("stopping")

    # ---- start ----

    def _start(self) -> None:
        sandboxes = uses_sandboxes(self._settings)
        ports, notes = choose_ports(self._settings)
        for note in notes:
            self._say(note)
        urls = self._database.start(sandboxes=sandboxes)
        self._stop.check()
        self.endpoints = addresses(self._settings, ports=ports, sandboxes=sandboxes)
        self._environment = variables(self._settings, home=self._home, urls=urls, addresses=self.endpoints, sandboxes=sandboxes)
        write_private(self._home.environment, self._ours())
        self._socket = dagster_home.prepare(self._home)
        self._plan_commands(ports, sandboxes=sandboxes)
        self._web = DagsterWeb(self.endpoints["dagster"])
        first = [name for name in self._commands if name not in ("webserver", "daemon")]
        for name in first:
            self._spawn(name)
        self._until("the code server", lambda: None if self._socket and self._socket.exists() else "its socket")
        for name in ("webserver", "daemon"):
            self._spawn(name)
        for name in ("administrate", "cornerstone") if sandboxes else ():
            self._until(f"the {name} sandbox", _answers(f"{self.endpoints[name]}/_sandbox/clock"))
        self._until("the gateway", _answers(f"{self.endpoints['gateway']}/readyz"))
        self._until("Dagster", self._web.missing)
        meet_vendors(self._environment, gateway=self.endpoints["gateway"], say=self._say)
        # For other programs, so in libpq's own form; the auditor may read everything and change nothing.
        self.endpoints["database"] = urls.auditor.replace("postgresql+psycopg://", "postgresql://")
        write_private(self._home.endpoints, self.endpoints)

    def _plan_commands(self, ports: Mapping[str, int], *, sandboxes: bool) -> None:
        python = sys.executable
        if sandboxes:
            for vendor in ("administrate", "cornerstone"):
                self._commands[vendor] = [python, "-m", "csod_pipelines.sandbox", "--vendor", vendor, "--port", str(ports[vendor]),
                                          "--seed", str(self._seed), "--size", self._size]  # fmt: skip
        self._commands["gateway"] = [python, "-m", "csod_pipelines.gateway"]
        assert self._socket is not None
        self._commands["code"] = dagster_home.code_server(self._socket)
        self._commands["webserver"] = dagster_home.webserver(self._home, port=ports["dagster"])
        self._commands["daemon"] = dagster_home.daemon(self._home)

    def _spawn(self, name: str) -> Child:
        return self._children.start(name, self._commands[name], environment=self._environment, folder=FOLDER)

    def _until(self, what: str, missing: Callable[[], str | None]) -> None:
        deadline = time.monotonic() + READY_SECONDS
        late: str | None = "it"
        while time.monotonic() < deadline:
            late = missing()
            if late is None:
                return
            self._children.check()
            if self._stop.wait(POLL_SECONDS):
                self._stop.check()
        raise NotReady(f"{what} did not come up in {READY_SECONDS:.0f} s: waiting for {late}. See the logs in {self._home.logs}")

    def _announce(self, seconds: float) -> None:
        for name in ("dagster", "gateway", "administrate", "cornerstone"):
            self._say(f"{name:<12} {self.endpoints[name]}")
        self._say(f"up after {seconds:.1f} s; addresses in {self._home.endpoints}, logs in {self._home.logs}; Ctrl-C stops")

    def _ours(self) -> dict[str, str]:
        return {name: value for name, value in self._environment.items() if name.startswith("CSOD_PIPELINES_") or name == "DAGSTER_HOME"}

    def _end_left_behind(self) -> None:
        if self._home.processes.exists():
            names = end_left_behind(read_json(self._home.processes))
            if names:
                self._say(f"ended what a killed house had left behind: {', '.join(names)}")
        self._home.forget_running()
        self._home.put_old_logs_aside()

    # ---- while it runs ----

    def _watch(self) -> None:
        """A process that died is started again, a few times a minute; a sandbox is not, since its world died with it."""
        for child in self._children.dead():
            if child.name in ("administrate", "cornerstone") or not self._restarts.allowed():
                child.check()
            self._say(f"{child.name} ended with status {child.process.returncode}; starting it again (log: {child.log})")
            self._children.forget(child)
            if child.name == "code" and self._socket is not None:
                self._socket.unlink(missing_ok=True)
            self._spawn(child.name)

    # ---- stop ----

    def _stop_processes(self) -> None:
        try:
            self._children.stop_one("daemon", urgent=lambda: self._stop.urgent)  # or it would start new runs meanwhile
            self._end_runs()
        finally:
            self._children.stop(urgent=lambda: self._stop.urgent)
            if self._socket is not None:
                shutil.rmtree(self._socket.parent, ignore_errors=True)

    def _end_runs(self) -> None:
        """Runs first: they give their leases back and say why they ended. What does not end is ended with its server."""
        if self._web is None or "database" not in self.endpoints:
            return
        deadline = time.monotonic() + RUNS_END_SECONDS
        try:
            self._web.end(self._web.runs(statuses=ACTIVE))
            while time.monotonic() < deadline and not self._stop.urgent and self._web.runs(statuses=ACTIVE):
                time.sleep(POLL_SECONDS)
        except (requests.RequestException, DagsterRefused) as err:
            self._say(f"Dagster's runs could not be ended one by one ({type(err).__name__}); they end with their server")


def _answers(url: str) -> Callable[[], str | None]:
    def missing() -> str | None:
        try:
            status = requests.get(url, timeout=5).status_code
        except requests.RequestException:
            return url
        return None if status == 200 else f"{url} (status {status})"

    return missing
