"""Two sandboxes, a real database and the engine in this process: a world in which a scenario plays.

Scenarios act as people do (``act``), let every flow work until nothing is left (``settle``), and look at the vendors'
own state. Dagster is not part of it; a few scenarios are played through its daemon elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from csod_pipelines.engine.engine import Engine
from csod_pipelines.engine.totals import Totals
from csod_pipelines.model.keys import Flow, Kind
from csod_pipelines.runtime import House, open_house
from csod_pipelines.sandbox.serve import running
from csod_pipelines.settings import load_settings
from csod_pipelines.store.provision import Urls

PREFIX = "CSOD_PIPELINES_"
CONFIG = Path(__file__).parents[2] / "csod_pipelines.yaml"
FLOWS = (Flow.PEOPLE, Flow.CATALOG, Flow.ENROLLMENT, Flow.RESULT)
SETTLE_ROUNDS = 8


@dataclass(slots=True)
class Vendor:
    url: str

    def rows(self, kind: str, **wanted: Any) -> list[dict[str, Any]]:
        answer = requests.get(f"{self.url}/_sandbox/state/{kind}", timeout=30)
        answer.raise_for_status()
        return [row for row in answer.json() if all(row.get(k) == v for k, v in wanted.items())]

    def row(self, kind: str, **wanted: Any) -> dict[str, Any]:
        found = self.rows(kind, **wanted)
        assert len(found) == 1, f"{kind} {wanted}: {len(found)} rows instead of one"
        return found[0]

    def act(self, action: str, **arguments: Any) -> dict[str, Any]:
        answer = requests.post(f"{self.url}/_sandbox/act", json={"action": action, **arguments}, timeout=30)
        assert answer.ok, f"{action}: {answer.text}"
        return answer.json()["row"]

    def fault(self, fault: str, *, times: int = 1, match: Mapping[str, Any] | None = None, **more: Any) -> None:
        rule = {"match": dict(match or {}), "fault": fault, "times": times, **more}
        answer = requests.post(f"{self.url}/_sandbox/faults", json=rule, timeout=30)
        assert answer.ok, answer.text

    def faults(self) -> list[dict[str, Any]]:
        return requests.get(f"{self.url}/_sandbox/faults", timeout=30).json()

    def clear_faults(self) -> None:
        requests.delete(f"{self.url}/_sandbox/faults", timeout=30).raise_for_status()

    def writes(self, since: int = 0) -> list[dict[str, Any]]:
        """Access-log rows with an effect, log entries left out."""
        return [row for row in self.requests(since) if row["effect"] not in ("none", "log")]

    def requests(self, since: int = 0) -> list[dict[str, Any]]:
        """The access log."""
        return requests.get(f"{self.url}/_sandbox/requests", params={"since": since}, timeout=30).json()

    def effects(self, kind: str, *, since: int = 0) -> list[dict[str, Any]]:
        """What was done to records of a kind, one by one: a request may change many."""
        return [effect for row in self.writes(since) for effect in row["effects"] if effect["kind"] == kind]

    def last_request(self) -> int:
        return max((row["seq"] for row in self.requests()), default=0)

    def advance(self, seconds: float) -> None:
        requests.post(f"{self.url}/_sandbox/clock", json={"advance": seconds}, timeout=30).raise_for_status()

    def configure(self, **changes: Any) -> None:
        answer = requests.patch(f"{self.url}/_sandbox/config", json=changes, timeout=30)
        assert answer.ok, answer.text


@dataclass(slots=True)
class World:
    administrate: Vendor
    cornerstone: Vendor
    house: House
    portal: Any = None  # the Cornerstone sandbox's own tables, for data that no screen of it would take

    @property
    def engine(self) -> Engine:
        return self.house.engine

    def baseline(self, *kinds: Kind) -> None:
        """Start the feeds, then import."""
        self.engine.observe(force=True)
        for kind in kinds or (Kind.ORG_UNIT, Kind.PERSON):
            self.engine.import_baseline(kind, mode="apply", owner="test")

    def settle(self) -> Totals:
        """Read the feeds and work every flow until a whole round wrote nothing; the totals of its last flow."""
        written: list[dict[str, Any]] = []
        for _ in range(SETTLE_ROUNDS):
            self.engine.observe(force=True)
            ends = [self.engine.drain(flow, owner="test", linger_seconds=0, max_seconds=60) for flow in FLOWS]
            if not any(sum(totals.operations.values()) for totals in ends):
                return ends[-1]
            written = [row for totals in ends for row in totals.sample]
        raise AssertionError(f"still writing after {SETTLE_ROUNDS} rounds: {written}")


@contextmanager
def world(urls: Urls, home: Path, *, administrate: Any = "small", cornerstone: Any = "small", **variables: str) -> Iterator[World]:
    """A fresh pair of vendors and a house that knows them. ``variables`` are further settings without their prefix."""
    with ExitStack() as stack:
        a = stack.enter_context(running("administrate", size=administrate))
        c = stack.enter_context(running("cornerstone", size=cornerstone))
        env = {
            "HOME": str(home),
            "CONFIG": str(CONFIG),
            "DATABASE_URL": urls.engine,
            "ADMINISTRATE_AUTH_URL": f"{a.url}/oauth/token",
            "ADMINISTRATE_API_URL": f"{a.url}/graphql",
            "ADMINISTRATE_CLIENT_ID": "sandbox",
            "ADMINISTRATE_CLIENT_SECRET": "sandbox-secret",
            "CORNERSTONE_BASE_URL": c.url,
            "CORNERSTONE_CLIENT_ID": "sandbox",
            "CORNERSTONE_CLIENT_SECRET": "sandbox-secret",
            "CORNERSTONE_ACTOR": "svc.integration",
            "FEED_SECONDS": "1",
            **variables,
        }
        settings = load_settings({PREFIX + name: value for name, value in env.items()})
        house = stack.enter_context(open_house(settings, run_id="test"))
        core: Any = c.shell.core
        yield World(administrate=Vendor(a.url), cornerstone=Vendor(c.url), house=house, portal=core.portal.store)
