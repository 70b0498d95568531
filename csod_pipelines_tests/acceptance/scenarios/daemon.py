"""The same stage in a whole house: Dagster's daemon launches the runs, the vendors post to the gateway, and time is real."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import requests
from sqlalchemy import text

from csod_pipelines.engine.observe import FEEDS, feed_name
from csod_pipelines.house.dagster_web import ACTIVE, ENDED_WELL, DagsterWeb
from csod_pipelines.runtime import open_house
from csod_pipelines.settings import load_settings
from csod_pipelines_tests.acceptance.scenarios.stage import NO_BRAKES, Stage, edited_config
from csod_pipelines_tests.acceptance.world import FLOWS, Vendor
from csod_pipelines_tests.house.running import RunningHouse, serving

UNHURRIED = {"cornerstone_per_minute: 60": "cornerstone_per_minute: 6000"}  # limits have scenarios of their own
SOON_SECONDS = 60.0
CALM_SECONDS = 4.0  # webhooks are delivered and stored in a fraction of it
PATIENCE_SECONDS = 300.0  # for a machine that others keep busy; a change takes seconds
POLL_SECONDS = 0.5
IMPORT = {"ops": {"import_baseline": {"config": {"mode": "apply", "portal": "sandbox"}}}}


class VendorsClock:
    """Both vendors' own time, which a scenario may move; ours goes on as it does."""

    def __init__(self, vendors: tuple[Vendor, Vendor]) -> None:
        self._vendors = vendors

    def travel(self, seconds: float) -> None:
        for vendor in self._vendors:
            vendor.advance(seconds)

    def utcnow(self) -> datetime:
        answer = requests.get(f"{self._vendors[1].url}/_sandbox/clock", timeout=30)
        return datetime.fromisoformat(answer.json()["now"])


@dataclass(slots=True)
class DaemonStage(Stage):
    running: RunningHouse | None = None
    dagster: DagsterWeb | None = None

    def settle(self, *, horizon: float = SOON_SECONDS, rounds: int = 0) -> int:
        """Wait until Dagster's own runs have had nothing left for a while that becomes due soon; and, where only the feeds tell of
        a change, until so many rounds of them brought nothing: two, since the first may have begun before."""
        deadline, seen, since, began = time.monotonic() + PATIENCE_SECONDS, None, 0.0, [datetime.now(UTC)]
        while time.monotonic() < deadline:
            waiting = [self.house.engine.waiting(flow) for flow in FLOWS]
            soon = [each.next_ready_at for each in waiting if each.next_ready_at and self._until(each.next_ready_at) < horizon]
            status = self.house.engine.status()
            now = (status["deliveries"], status["operations"])
            if now != seen or soon or any(each.ready or each.leased for each in waiting):
                seen, since, began = now, time.monotonic(), [datetime.now(UTC)]
            elif len(began) <= rounds and self._oldest_feed() > began[-1]:
                began.append(datetime.now(UTC))
            elif len(began) > rounds and time.monotonic() - since > CALM_SECONDS:
                return 0
            time.sleep(POLL_SECONDS)
        raise AssertionError(f"the house is not quiet after {PATIENCE_SECONDS:.0f} s: {self.house.engine.status()['flows']}")

    def _oldest_feed(self) -> datetime:
        """When the feed that is furthest behind was last read."""
        names = [feed_name(system, kind) for system, kind in FEEDS]
        with self.house.database.read() as conn:
            return conn.execute(text("SELECT min(updated_at) FROM checkpoint WHERE name = ANY(:names)"), {"names": names}).scalar_one()

    @staticmethod
    def _until(instant: datetime) -> float:
        return (instant - datetime.now(UTC)).total_seconds()

    def vendor_now(self) -> datetime:
        return self.clock.utcnow()

    def shows(self, what: str, look: Callable[[], Any]) -> Any:
        """The first truthy answer; a record that is not there yet is no failure."""
        deadline, seen = time.monotonic() + PATIENCE_SECONDS, None
        while time.monotonic() < deadline:
            try:
                if found := look():
                    return found
            except AssertionError as err:
                seen = err
            time.sleep(POLL_SECONDS)
        raise AssertionError(f"after {PATIENCE_SECONDS:.0f} s still waiting: {what}; {seen}; {self.operations()[:5]}")

    def launch(self, job: str, *, config: Any, partition: str | None = None) -> None:
        """As the Launchpad does; waits for its success."""
        assert self.dagster is not None
        web = self.dagster
        id = web.launch(job, config=config, partition=partition)
        self.shows(f"the end of {job}", lambda: web.run(id).status not in ACTIVE)
        assert web.run(id).status == ENDED_WELL, web.why_failed(id)

    def kill(self, name: str) -> None:
        """kill -9 of one process of the house, which starts it again."""
        assert self.running is not None
        rows = json.loads((self.running.home / "processes.json").read_text())
        os.killpg(next(row["group"] for row in rows if row["name"] == name), signal.SIGKILL)


@contextmanager
def housed(home: Path) -> Iterator[DaemonStage]:
    """A house with its daemon, imported by a run of Dagster, with one published course."""
    file = home / "csod_pipelines.yaml"
    file.write_text(edited_config(NO_BRAKES | UNHURRIED), encoding="utf-8")
    with ExitStack() as stack:
        extra: dict[str, Any] = {"CSOD_PIPELINES_CONFIG": str(file), "CSOD_PIPELINES_FEED_SECONDS": "5"}
        running = stack.enter_context(serving(home / "house", **extra))
        variables = json.loads((running.home / "environment.json").read_text())
        settings = load_settings(variables)
        vendors = Vendor(running.endpoints["administrate"]), Vendor(running.endpoints["cornerstone"])
        house = stack.enter_context(open_house(settings, run_id="test"))
        clock: Any = VendorsClock(vendors)
        unused: Any = None
        made = DaemonStage(
            administrate=vendors[0],
            cornerstone=vendors[1],
            shells={},
            urls=unused,
            settings=settings,
            clock=clock,
            house=house,
            variables=variables,
            _stack=stack,
            running=running,
            dagster=DagsterWeb(running.endpoints["dagster"]),
        )
        made.launch("initial_import", config=IMPORT)
        made.cornerstone.configure(limits="off")
        template = made.administrate.row("course_templates", code="FIRE-101")
        made.administrate.act("publish_template", id=template["id"])
        made.settle()
        yield made
