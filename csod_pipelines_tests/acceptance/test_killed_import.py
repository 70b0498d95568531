"""An import that is killed again and again ends as one that nobody disturbed, and no record is made twice."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from csod_pipelines.model.keys import Kind
from csod_pipelines.store.provision import Urls
from csod_pipelines_tests.acceptance.operate.little import variables_of
from csod_pipelines_tests.acceptance.world import World, world

DIVISION = 2
CHILD = [sys.executable, "-m", "csod_pipelines_tests.acceptance.import_in_a_child"]
ROOT = Path(__file__).parents[2]
BATCH_RECORDS = 50
POLL_SECONDS, PATIENCE_SECONDS = 0.005, 120.0


@pytest.fixture(
    params=[
        pytest.param((1_500, 4), marks=pytest.mark.full, id="4 kills, 1,500 users"),
        pytest.param((20_000, 20), marks=pytest.mark.full, id="20 kills, 20,000 users"),
    ]
)
def killed(request: pytest.FixtureRequest, database_urls: Urls, tmp_path: Path) -> Iterator[tuple[World, int]]:
    users, kills = request.param
    size = {"users": users, "ous": max(60, users // 100), "events": 0, "sessions_per_event": 0, "learners_per_session": 0}
    with world(database_urls, tmp_path, cornerstone=size) as made:
        made.administrate.configure(rate_limit_requests=None)
        made.cornerstone.configure(limits="off")
        yield made, kills


def run(here: World, *, requests: int | None = None) -> int | None:
    """The child's end; None when it was killed, which it is after so many requests to Administrate."""
    enough = None if requests is None else here.administrate.last_request() + requests
    with subprocess.Popen(CHILD, cwd=ROOT, env=os.environ | variables_of(here)) as child:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while enough is not None and child.poll() is None:
            assert time.monotonic() < deadline, "the import does not get on"
            if here.administrate.requests(enough - 1):
                child.kill()
                child.wait()
                return None
            time.sleep(POLL_SECONDS)
        return child.wait()


@pytest.mark.timeout(1_800)
def test_an_import_killed_at_random_moments_ends_like_one_that_nobody_disturbed(killed: tuple[World, int]) -> None:
    here, kills = killed
    others = {kind: len(here.administrate.rows(kind)) for kind in ("accounts", "contacts")}
    marks = (here.administrate.last_request(), here.cornerstone.last_request())
    for kind in (Kind.ORG_UNIT, Kind.PERSON):
        here.engine.import_baseline(kind, mode="plan", owner="test")
    once = pages_read(here, marks)
    assert once, "the access log shows no lists"
    marks = (here.administrate.last_request(), here.cornerstone.last_request())
    dice, dead = random.Random(7), 0
    pace = len(here.cornerstone.rows("users")) // BATCH_RECORDS // kills
    for _ in range(kills):
        dead += run(here, requests=dice.randint(1, pace * 3 // 2)) is None
    assert dead > kills // 2, "the import was complete too early for this test"
    assert run(here) == 0
    twice = pages_read(here, marks) - once
    assert all(number <= dead for number in twice.values()), f"pages of each list read again after {dead} kills: {dict(twice)}"
    here.settle()
    _complete_and_once(here, "accounts", "ou", [row for row in here.cornerstone.rows("ous", type_id=DIVISION) if row["active"]], others)
    housed = [row for row in here.cornerstone.rows("users", active=True) if any(ou["type_id"] == DIVISION for ou in row["ous"])]
    _complete_and_once(here, "contacts", "user", housed, others)
    with here.house.database.read() as conn:
        assert conn.execute(text("SELECT count(*) FROM link WHERE state <> 'live'")).scalar_one() == 0


def pages_read(here: World, since: tuple[int, int]) -> Counter[str]:
    """How often a page of each list of the import was asked for."""
    lists = [
        row["operation"] for row in here.administrate.requests(since[0]) if row["operation"].startswith(("ListAccounts", "ListContacts"))
    ]
    exports = [row["path"] for row in here.cornerstone.requests(since[1]) if "/dataexporter/" in row["path"]]
    return Counter(lists + exports)


def _complete_and_once(here: World, kind: str, word: str, wanted: list[dict[str, Any]], others: dict[str, int]) -> None:
    """A record that was made twice would stand there twice: nothing is ever deleted."""
    rows = here.administrate.rows(kind)
    held = Counter(row["external_ids"].get(f"csod:sandbox:{word}") for row in rows)
    ours = {id: number for id, number in held.items() if id is not None}
    assert set(ours) == {str(row["id"]) for row in wanted}
    assert set(ours.values()) == {1}
    assert held[None] == others[kind], "a record was made, and made again"
    made = sum(row["counts"].get(f"create {kind}", 0) for row in here.administrate.requests())
    assert made == len(wanted), "the access log shows more creations than records"
