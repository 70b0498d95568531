"""`python -m csod_pipelines_tests.soak --minutes 60`: a house under steady load, with days that pass quickly.

Five changes a second on both sides reach it as webhooks; a worker and the feeds work; every few minutes a day passes at both
vendors and the daily jobs run. Memory, connections and tables are read every ten seconds. Ends with 1 when memory, connections
or what an event adds to the tables grew from the second quarter to the last, or something is left undone.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

import psycopg

from csod_pipelines.model.keys import Kind
from csod_pipelines_tests.bench.page import keep_long
from csod_pipelines_tests.bench.stage import Stage
from csod_pipelines_tests.crashes.scene import Scene, imported
from csod_pipelines_tests.crashes.worker import working

EVENTS_PER_SECOND = 5
SAMPLE_SECONDS = 10.0
DAY_EVERY_SECONDS = 150.0
DAY_SECONDS = 86_400.0
MOST_GROWTH = 1.10
_TABLES = """SELECT coalesce(p.inhparent::regclass, c.oid::regclass)::text, sum(pg_total_relation_size(c.oid))::bigint
    FROM pg_class c LEFT JOIN pg_inherits p ON p.inhrelid = c.oid
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' GROUP BY 1"""


@dataclass(frozen=True, slots=True)
class Sample:
    at: float
    events: int
    worker_mb: float
    gateway_mb: float
    connections: int
    waiting: int
    tables_mb: dict[str, float]


@dataclass(slots=True)
class Soak:
    seconds: float = 0.0
    events: int = 0
    day_seconds: list[float] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    left: int = 0

    def grown(self, name: str) -> float:
        """The last quarter against the second: caches fill in the first."""
        values = [float(getattr(sample, name)) for sample in self.samples]
        quarter = max(1, len(values) // 4)
        return fmean(values[-quarter:]) / max(1.0, fmean(values[quarter : 2 * quarter] or values))

    def bytes_an_event(self, quarter: int) -> float:
        """What the tables took more for each event of this quarter (0 to 3); the ledger keeps everything, so it is never 0."""
        size = max(2, len(self.samples) // 4)
        part = self.samples[quarter * size : (quarter + 1) * size + 1] or self.samples[-2:]
        grown = sum(part[-1].tables_mb.values()) - sum(part[0].tables_mb.values())
        return grown * 1e6 / max(1, part[-1].events - part[0].events)

    def minute_by_minute(self) -> Iterator[dict[str, float]]:
        """One sample a minute, with all tables together."""
        for sample in self.samples[:: round(60 / SAMPLE_SECONDS)]:
            numbers = {name: round(value, 1) for name, value in asdict(sample).items() if name != "tables_mb"}
            yield numbers | {"tables_mb": round(sum(sample.tables_mb.values()), 1)}

    @property
    def tables_grown(self) -> float:
        return self.bytes_an_event(3) / max(1.0, self.bytes_an_event(1))

    def lines(self) -> Iterator[str]:
        first, last = self.samples[0], self.samples[-1]
        rate = f"{self.events / self.seconds:.1f} a second"
        days = f"{len(self.day_seconds)} days passed"
        yield f"{self.events:,} events in {self.seconds / 60:.0f} minutes ({rate}), {days}, {self.left} units left undone"
        figures = {"worker_mb": "memory of the worker, MB", "gateway_mb": "memory of the gateway, MB", "connections": "connections"}
        for name, words in figures.items():
            ends = f"{getattr(first, name):.0f} at first, {getattr(last, name):.0f} at last"
            yield f"{words}: {ends}, x{self.grown(name):.2f} since the second quarter"
        if self.day_seconds:
            spread = f"{self.day_seconds[0]:.1f} s at first, {self.day_seconds[-1]:.1f} s at last, {max(self.day_seconds):.1f} s at most"
            yield f"daily jobs: {spread}"
        an_event = f"{self.bytes_an_event(1):,.0f} in the second quarter, {self.bytes_an_event(3):,.0f} in the last"
        yield f"tables, bytes an event: {an_event}, x{self.tables_grown:.2f}"
        grown = {table: last.tables_mb[table] - first.tables_mb.get(table, 0.0) for table in last.tables_mb}
        for table, mb in sorted(grown.items(), key=lambda row: -row[1])[:8]:
            yield f"table {table}: +{mb:.2f} MB, {mb * 1e6 / max(1, self.events):,.0f} bytes an event"

    @property
    def flat(self) -> bool:
        grown = [self.grown(name) for name in ("worker_mb", "gateway_mb", "connections")]
        return max(*grown, self.tables_grown) <= MOST_GROWTH


def soak(*, minutes: float) -> Soak:
    found = Soak()
    with imported() as (scene, _):
        stage = scene.stage
        stage.administrate.prompt()
        stage.cornerstone.prompt()
        stage.open_gateway()
        with working(stage.variables) as worker:
            _run(found, scene, worker_pid=worker.pid or 0, until=time.monotonic() + 60 * minutes)
        scene.settle()
        found.left = _sample(stage, at=0, events=0, worker_pid=0).waiting
    return found


def _run(found: Soak, scene: Scene, *, worker_pid: int, until: float) -> None:
    stage, dice = scene.stage, random.Random(1)
    users = [row["id"] for row in stage.cornerstone.state("users") if row["active"]]
    events = [row["id"] for row in scene.people.events()]
    started = next_event = next_sample = time.monotonic()
    next_day = started + DAY_EVERY_SECONDS / 2
    with ThreadPoolExecutor(1, "daily") as daily:  # events do not stop for it
        day: Future[float] | None = None
        while (now := time.monotonic()) < until or day:
            if day and day.done():
                found.day_seconds.append(day.result())
                day = None
            if now >= next_event:
                _change(stage, dice, users, events)
                found.events += 1
                next_event = max(next_event + 1 / EVENTS_PER_SECOND, now - 1)
            elif now >= next_sample:
                found.samples.append(_sample(stage, at=now - started, events=found.events, worker_pid=worker_pid))
                next_sample += SAMPLE_SECONDS
            elif now >= next_day and not day and now < until:
                day = daily.submit(_pass_a_day, stage)
                next_day += DAY_EVERY_SECONDS
            else:
                time.sleep(max(0.0, min(next_event, next_sample) - now))
    found.seconds = time.monotonic() - started


def _change(stage: Stage, dice: random.Random, users: Sequence[Any], events: Sequence[str]) -> None:
    """Half of them on each side; one in ten a registration or its end."""
    number = dice.randrange(10**6)
    if dice.random() < 0.5:
        stage.cornerstone.act("edit_user", id=dice.choice(users), mobile_phone=f"+1 555 {number:06}")
    elif dice.random() < 0.8:
        stage.administrate.act("edit_event", id=dice.choice(events), max_places=70 + number % 30)  # more than there are people
    else:
        learners = [row for row in stage.administrate.state("learners") if row["event_id"] in events]
        if learners and dice.random() < 0.5:
            row = dice.choice(learners)
            stage.administrate.act("reactivate" if row["lifecycle_state"] == "cancelled" else "cancel_learner", id=row["id"])
        else:
            taken = {(row["event_id"], row["contact_id"]) for row in learners}
            people = [row["id"] for row in stage.administrate.state("contacts") if "csod:sandbox:user" in row["external_ids"]]
            free = [(e, p) for e in events for p in people if (e, p) not in taken]
            if free:
                event, person = dice.choice(free)
                stage.administrate.act("register", event_id=event, contact_id=person)


def _pass_a_day(stage: Stage) -> float:
    for vendor in (stage.administrate, stage.cornerstone):
        vendor.advance(DAY_SECONDS)
    started = time.monotonic()
    with stage.house() as house:
        for kind in Kind:
            house.engine.reconcile(kind, mode="apply", owner="daily")
        house.engine.expire()
    return time.monotonic() - started


def _sample(stage: Stage, *, at: float, events: int, worker_pid: int) -> Sample:
    with psycopg.connect(stage.urls.owner.replace("+psycopg", "")) as conn:
        tables = {str(name): size / 1e6 for name, size in conn.execute(_TABLES)}
        connections = _number(conn, "SELECT numbackends FROM pg_stat_database WHERE datname = current_database()")
        waiting = _number(conn, "SELECT count(*) FROM work WHERE parked_reason IS NULL")
    return Sample(at, events, resident_mb(worker_pid), resident_mb(stage.pids.get("gateway", 0)), connections, waiting, tables)


def _number(conn: psycopg.Connection[Any], statement: Any) -> int:
    row = conn.execute(statement).fetchone()
    return int(row[0]) if row else 0


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status")
    if not pid or not status.exists():
        return 0.0
    line = next((row for row in status.read_text().splitlines() if row.startswith("VmRSS")), "VmRSS: 0 kB")
    return int(line.split()[1]) / 1024


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m csod_pipelines_tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--json", type=Path, help="also write everything that was sampled")
    given = parser.parse_args(arguments)
    found = soak(minutes=given.minutes)
    lines = list(found.lines())
    sys.stdout.write("\n".join(lines) + "\n")
    keep_long(
        "Soak: steady load while days pass", f"make soak ARGS='--minutes {given.minutes:g}'", lines, samples=list(found.minute_by_minute())
    )
    if given.json:
        given.json.write_text(json.dumps(asdict(found), indent=1) + "\n", encoding="utf-8")
    return 0 if found.flat and not found.left else 1


if __name__ == "__main__":
    sys.exit(main())
