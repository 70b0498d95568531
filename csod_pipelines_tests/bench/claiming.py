"""Leasing waiting units: as fast with a million of them waiting as with a few, also while one of them is marked all the time."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import text

from csod_pipelines.engine.options import EngineOptions
from csod_pipelines.model.keys import Flow
from csod_pipelines.store import work
from csod_pipelines.store.database import Database, connect
from csod_pipelines.store.work import Mark
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
NOTE = (
    "A claim is one committed transaction. The plain queue is the textbook one: one row an event, taken by UPDATE over "
    "SELECT ... FOR UPDATE SKIP LOCKED."
)

_FILL = """
    INSERT INTO work (subject, flow, sides, first_seen, ready_at)
    SELECT 'person:administrate:' || n, 'people_sync', 1, now(), now() - make_interval(secs => 3600 - n * 0.001)
    FROM generate_series(1, {count}) AS n"""
_PLAIN = """
    CREATE TABLE plain_queue (id bigint PRIMARY KEY, flow text NOT NULL, payload jsonb NOT NULL, status text NOT NULL);
    CREATE INDEX ON plain_queue (flow, status, id);
    GRANT ALL ON plain_queue TO PUBLIC"""
_PLAIN_FILL = """
    INSERT INTO plain_queue SELECT n, 'people_sync', jsonb_build_object('record', n), 'todo' FROM generate_series(1, {count}) AS n"""
_PLAIN_CLAIM = text("""
    UPDATE plain_queue SET status = 'doing' WHERE id IN (
        SELECT id FROM plain_queue WHERE flow = :flow AND status = 'todo' ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED)
    RETURNING id, flow, payload""")


@dataclass(frozen=True, slots=True)
class Owner:
    """Fills the tables, and waits until that has left the server's memory: the disk is then the claims' alone."""

    url: str
    admin_url: str

    def refill(self, count: int) -> None:
        self.run("TRUNCATE work, work_member, plain_queue")
        self.run(_FILL.format(count=count))
        self.run(_PLAIN_FILL.format(count=count))
        self.run("VACUUM ANALYZE work, plain_queue")
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
        database = connect(urls.engine)
        try:
            yield from _measured(Owner(urls.owner, server.admin_url), database)
        finally:
            database.close()


def _measured(owner: Owner, database: Database) -> Iterator[Row]:
    owner.run(_PLAIN)
    owner.refill(FEW)
    few, plain_few = _speeds(database)
    owner.refill(MANY)
    many, plain_many = _speeds(database)
    large = _speed(database, _ours, LARGE_BATCH)
    with _one_hot_unit(database):
        hot, _ = _speeds(database)
    yield _row(f"{FEW:,} waiting, {BATCH} a claim", few, against=f"the plain queue: {plain_few:,.0f}/s", ratio=few / plain_few)
    yield _row(
        f"{MANY:,} waiting, {BATCH} a claim",
        many,
        against=f"the plain queue: {plain_many:,.0f}/s",
        ratio=many / plain_many,
        target=">= 10,000/s",
        met=many >= 10_000,
    )
    yield _row(
        f"{MANY:,} waiting",
        many,
        against=f"{FEW:,} waiting",
        ratio=many / few,
        target=f"flat (>= {FLAT})",
        met=many / few >= FLAT,
    )
    yield _row(
        f"{MANY:,} waiting and one hot unit",
        hot,
        against=f"{MANY:,} waiting",
        ratio=hot / many,
        target=f"flat (>= {FLAT})",
        met=hot / many >= FLAT,
    )
    yield _row(f"{MANY:,} waiting, {LARGE_BATCH} a claim", large, against=f"{BATCH} a claim", ratio=large / many)


def _row(name: str, figure: float, *, against: str, ratio: float, target: str = "", met: bool | None = None) -> Row:
    return Row(section=SECTION, name=name, figure=figure, unit="units/s", against=against, ratio=ratio, target=target, met=met, note=NOTE)


Claim = Callable[[Database, int], int]


def _ours(database: Database, limit: int) -> int:
    with database.begin() as conn:
        return len(work.claim(conn, flows=[Flow.PEOPLE], owner="bench", limit=limit, lease_seconds=3600))


def _plain(database: Database, limit: int) -> int:
    with database.begin() as conn:
        return len(conn.execute(_PLAIN_CLAIM, {"flow": Flow.PEOPLE.value, "limit": limit}).all())


def _speeds(database: Database) -> tuple[float, float]:
    """Ours and the plain queue's, in turns."""
    found = [(_speed(database, _ours, BATCH), _speed(database, _plain, BATCH)) for _ in range(REPEATS)]
    return middle(ours for ours, _ in found), middle(plain for _, plain in found)


def _speed(database: Database, claim: Claim, batch: int, units: int = SAMPLE // REPEATS) -> float:
    claimed, started = 0, time.perf_counter()
    while claimed < units:
        got = claim(database, batch)
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
