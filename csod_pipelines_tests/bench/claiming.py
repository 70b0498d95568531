"""Leasing waiting units: as fast with a million of them waiting as with a few, also while one of them is marked all the time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg

from csod_pipelines.engine.options import EngineOptions
from csod_pipelines.model.keys import Flow
from csod_pipelines.store import work
from csod_pipelines.store.database import Database, connect
from csod_pipelines.store.work import Mark
from csod_pipelines_tests.bench import queues
from csod_pipelines_tests.bench.queues import Claim
from csod_pipelines_tests.bench.rows import Row, middle
from csod_pipelines_tests.bench.stage import postgres

SECTION = "Claiming work"
FEW, MANY = 20_000, 1_000_000
SAMPLE = 10_000  # units claimed for one figure
REPEATS = 3
BATCH = EngineOptions(portal="bench").claim_batch
LARGE_BATCH = 500
HOT = "roster:administrate:hot"
HOT_MARKS_BEFORE, HOT_PAUSE_SECONDS = 500, 0.002
FLAT = 0.7  # of the speed with few waiting; less is not flat
NOTE = f"A claim is one committed transaction. {queues.WORDS}"

_FILL = """
    INSERT INTO work (subject, flow, sides, first_seen, ready_at)
    SELECT 'person:administrate:' || n, 'people_sync', 1, now(), now() - make_interval(secs => 3600 - n * 0.001)
    FROM generate_series(1, {count}) AS n"""


@dataclass(frozen=True, slots=True)
class Owner:
    """Fills the tables, and waits until that has left the server's memory: the disk is then the claims' alone."""

    url: str
    admin_url: str

    def refill(self, count: int) -> None:
        self.run("TRUNCATE work, work_member")
        for fill in (_FILL, *queues.FILL):
            self.run(fill.format(count=count))
        self.run(f"VACUUM ANALYZE work, {', '.join(queues.TABLES)}")
        self._execute(self.admin_url, "CHECKPOINT")

    def run(self, statement: str) -> None:
        self._execute(self.url, statement)

    @staticmethod
    def _execute(url: str, statement: str) -> None:
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as conn:
            sql: Any = statement
            conn.execute(sql)


def measure(*, full: bool) -> Iterator[Row]:
    with postgres() as (server, urls):
        database, owner = connect(urls.engine), Owner(urls.owner, server.admin_url)
        try:
            owner.run(queues.PLAIN)
            with queues.pgqueuer(urls.owner) as pgqueuer:
                yield from _measured(owner, database, {"the plain queue": queues.plain(database), "pgqueuer": pgqueuer})
        finally:
            database.close()


def _measured(owner: Owner, database: Database, peers: Mapping[str, Claim]) -> Iterator[Row]:
    claims = {"ours": _ours(database), **peers}
    owner.refill(FEW)
    few = _speeds(claims)
    owner.refill(MANY)
    many = _speeds(claims)
    large = _speed(claims["ours"], LARGE_BATCH)
    with _one_hot_unit(database):
        hot = _speeds(claims)
    target: dict[str, Any] = {"target": ">= 10,000/s", "met": many["ours"] >= 10_000, "used": 10_000 / many["ours"]}
    for count, found in ((FEW, few), (MANY, many)):
        for peer in peers:
            against = f"{peer}: {found[peer]:,.0f}/s"
            yield _row(f"{count:,} waiting, {BATCH} a claim", found["ours"], against=against, ratio=found["ours"] / found[peer])
    yield _row(f"{MANY:,} waiting, {BATCH} a claim", many["ours"], against="10,000/s", ratio=many["ours"] / 10_000, **target)
    for name, found, against, before in (
        (f"{MANY:,} waiting", many, f"{FEW:,} waiting", few),
        (f"{MANY:,} waiting and one hot unit", hot, f"{MANY:,} waiting", many),
    ):
        ratio = found["ours"] / before["ours"]
        flat: dict[str, Any] = {"target": f"flat (>= {FLAT})", "met": ratio >= FLAT, "used": FLAT / ratio}
        yield _row(name, found["ours"], against=against, ratio=ratio, **flat)
    yield _row(f"{MANY:,} waiting, {LARGE_BATCH} a claim", large, against=f"{BATCH} a claim", ratio=large / many["ours"])


def _row(name: str, figure: float, **given: Any) -> Row:
    return Row(section=SECTION, name=name, figure=figure, unit="units/s", note=NOTE, **given)


def _ours(database: Database) -> Claim:
    def claim(limit: int) -> int:
        with database.begin() as conn:
            return len(work.claim(conn, flows=[Flow.PEOPLE], owner="bench", limit=limit, lease_seconds=3600))

    return claim


def _speeds(claims: Mapping[str, Claim]) -> dict[str, float]:
    """Each one's, measured in turns."""
    found = [{name: _speed(claim, BATCH) for name, claim in claims.items()} for _ in range(REPEATS)]
    return {name: middle(speeds[name] for speeds in found) for name in claims}


def _speed(claim: Claim, batch: int, units: int = SAMPLE // REPEATS) -> float:
    claimed, started = 0, time.perf_counter()
    while claimed < units:
        got = claim(batch)
        if not got:
            raise RuntimeError("the backlog of the measurement is used up")
        claimed += got
    return claimed / (time.perf_counter() - started)


@contextmanager
def _one_hot_unit(database: Database) -> Iterator[None]:
    """One unit that is marked hundreds of times a second, and was before: each mark leaves an old version of its row behind."""
    ends = threading.Event()

    def mark(times: int) -> None:
        for _ in range(times):
            with database.begin() as conn:
                work.mark(conn, [Mark(subject=HOT, flow=Flow.PEOPLE, side="administrate", member="enrollment:administrate:1")])

    def go_on() -> None:
        while not ends.wait(HOT_PAUSE_SECONDS):
            mark(1)

    mark(HOT_MARKS_BEFORE)
    marker = threading.Thread(target=go_on, daemon=True)
    marker.start()
    try:
        yield
    finally:
        ends.set()
        marker.join()
