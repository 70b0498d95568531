"""What a step of the story works with: both vendors as people see them, Dagster, our ledger and commands, and patience."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar

import requests

from csod_pipelines.house.dagster_web import ACTIVE, ENDED_WELL, DagsterWeb
from csod_pipelines.model.keys import SystemName
from csod_pipelines.runtime import open_house
from csod_pipelines.settings import load_settings

T = TypeVar("T")
Row = dict[str, Any]

POLL_SECONDS = 0.25
STEP_SECONDS = 150.0  # seconds on an idle machine; cold starts of runs take a minute where twenty processes want two cores
IMPORT_SECONDS = 200.0
CALL_SECONDS = 30.0
COMMAND_SECONDS = 90.0
AGENT = "csod-pipelines"
EXTERNAL = "csod:sandbox:"  # before the word of each external id that we store in Administrate
SHOWN_CHARACTERS = 600


class StepFailed(Exception):
    """What was expected, and what was seen instead."""


@dataclass(slots=True)
class Stage:
    """``memory`` holds what earlier steps made, by name."""

    endpoints: Mapping[str, str]
    variables: Mapping[str, str]
    stopped: Callable[[], bool] = lambda: False
    memory: dict[str, Row] = field(default_factory=dict)
    dagster: DagsterWeb = field(init=False)
    _http: requests.Session = field(default_factory=requests.Session)

    def __post_init__(self) -> None:
        self.dagster = DagsterWeb(self.endpoints["dagster"])

    # ---- the vendors ----

    def administrate(self, kind: str, **wanted: Any) -> list[Row]:
        """State rows of Administrate whose fields have these values."""
        return self._state(SystemName.ADMINISTRATE, kind, wanted)

    def cornerstone(self, kind: str, **wanted: Any) -> list[Row]:
        return self._state(SystemName.CORNERSTONE, kind, wanted)

    def act(self, system: SystemName, action: str, **arguments: Any) -> Row:
        """What a person does on that vendor's screen; the row as it is then."""
        answer = self._http.post(f"{self.endpoints[system]}/_sandbox/act", json={"action": action, **arguments}, timeout=CALL_SECONDS)
        if not answer.ok:
            raise StepFailed(f"{system} refused {action}: {answer.text[:SHOWN_CHARACTERS]}")
        row: Row = answer.json()["row"]
        return row

    def now(self, system: SystemName) -> datetime:
        """By the vendor's own clock."""
        answer = self._http.get(f"{self.endpoints[system]}/_sandbox/clock", timeout=CALL_SECONDS)
        return datetime.fromisoformat(answer.json()["now"])

    def pass_time(self, *, until: datetime) -> None:
        """Both vendors' clocks go on to this instant."""
        for system in SystemName:
            ahead = (until - self.now(system)).total_seconds()
            self._http.post(f"{self.endpoints[system]}/_sandbox/clock", json={"advance": ahead}, timeout=CALL_SECONDS).raise_for_status()

    def calls(self, system: SystemName, *, since: int = 0) -> list[Row]:
        """What that vendor was asked for, and with which effect; ``seq`` of the last one marks a place to go on from."""
        answer = self._http.get(f"{self.endpoints[system]}/_sandbox/requests", params={"since": since}, timeout=CALL_SECONDS)
        answer.raise_for_status()
        rows: list[Row] = answer.json()
        return rows

    def letters(self) -> list[Row]:
        """Calls of ours upon which a vendor wrote to learners."""
        return [row for system in SystemName for row in self.calls(system) if row["messages"] and str(row["user_agent"]).startswith(AGENT)]

    def _state(self, system: SystemName, kind: str, wanted: Mapping[str, Any]) -> list[Row]:
        # One row is asked for by its id; the other filters are few and the worlds of stories are small.
        query = {"id": wanted["id"]} if "id" in wanted else {}
        answer = self._http.get(f"{self.endpoints[system]}/_sandbox/state/{kind}", params=query, timeout=CALL_SECONDS)
        if answer.status_code == 404:
            return []
        answer.raise_for_status()
        found = answer.json()
        rows: list[Row] = found if isinstance(found, list) else [found]
        return [row for row in rows if all(row.get(name) == value for name, value in wanted.items())]

    # ---- our own house ----

    def status(self) -> Row:
        """What `csod-pipelines status` prints. Read in this process: starting the command costs a second each time."""
        with open_house(load_settings(self.variables)) as house:
            return house.engine.status()

    def trace(self, kind: str, id: str) -> list[Row]:
        """The rows of `csod-pipelines trace`."""
        with open_house(load_settings(self.variables)) as house:
            return list(house.engine.trace(kind, id).rows)

    def command(self, *arguments: str) -> str:
        """What one of our commands prints, where the command itself is the point."""
        command = [sys.executable, "-m", "csod_pipelines.cli", *arguments]
        done = subprocess.run(command, env=dict(self.variables), capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False)
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip())[-SHOWN_CHARACTERS:]
            raise StepFailed(f"csod-pipelines {' '.join(arguments)} ended with {done.returncode}: {said}")
        return done.stdout

    def run_job(self, job: str, *, config: Mapping[str, Any], partition: str | None = None, seconds: float = IMPORT_SECONDS) -> str:
        """Launch through Dagster's web API as the Launchpad does, and wait for its success. The run's id."""
        id = self.dagster.launch(job, config=config, partition=partition)
        self.run_ends(id, job=job, seconds=seconds)
        return id

    def run_ends(self, id: str, *, job: str, seconds: float = IMPORT_SECONDS) -> None:
        ended = self.until(f"run {id} of {job} ends", lambda: self._ended(id), seconds=seconds)
        if ended != ENDED_WELL:
            raise StepFailed(f"run {id} of {job} ended as {ended}: {self.dagster.why_failed(id)[:SHOWN_CHARACTERS]}")

    def _ended(self, id: str) -> str | None:
        status = self.dagster.run(id).status
        return None if status in ACTIVE else status

    # ---- patience ----

    def until(self, what: str, look: Callable[[], T | None], *, seconds: float = STEP_SECONDS, seen: Callable[[], Any] | None = None) -> T:
        """The first truthy answer of ``look``. When time is over, fails with ``what`` and with what is ``seen`` instead."""
        deadline = time.monotonic() + seconds
        while True:
            found = look()
            if found:
                return found
            if self.stopped():
                raise StepFailed(f"stopped while waiting: {what}")
            if time.monotonic() > deadline:
                shown = f"; seen: {json.dumps(seen(), default=str, ensure_ascii=False)[:SHOWN_CHARACTERS]}" if seen else ""
                raise StepFailed(f"after {seconds:.0f} s still waiting: {what}{shown}")
            time.sleep(POLL_SECONDS)

    def one(self, what: str, look: Callable[[], list[Row]], *, seconds: float = STEP_SECONDS, seen: Callable[[], Any] | None = None) -> Row:
        """Waits for exactly one row; two are a failure at once, since nothing may exist twice."""
        rows = self.until(what, look, seconds=seconds, seen=seen)
        expect(len(rows) == 1, f"{what}: {len(rows)} instead of one", rows)
        return rows[0]


def expect(condition: bool, what: str, seen: Any = None) -> None:
    if not condition:
        shown = f"; seen: {json.dumps(seen, default=str, ensure_ascii=False)[:SHOWN_CHARACTERS]}" if seen is not None else ""
        raise StepFailed(what + shown)


def external_id(row: Row, word: str) -> str | None:
    """The id of word (``user``, ``ou``, ``event_lo`` ...) that we stored on an Administrate record."""
    ids: Mapping[str, str] = row["external_ids"]
    return ids.get(EXTERNAL + word)
