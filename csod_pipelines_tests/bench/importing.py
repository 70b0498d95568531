"""The initial import of users: how fast we are without limits, with how much memory, and how close to the limits we come."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from csod_pipelines.model.keys import SystemName
from csod_pipelines.settings import variable
from csod_pipelines.systems import contract
from csod_pipelines_tests.bench.bound import RECORDS_PER_REQUEST, REQUESTS_PER_SECOND, import_requests, import_seconds
from csod_pipelines_tests.bench.rows import Row
from csod_pipelines_tests.bench.stage import CONFIG, Stage, folder, processor_seconds, stage

#: Within a whole `make bench`, which has a quarter of an hour for everything; and with ONLY=import or FULL=1.
SIZES, SIZES_ALONE = (5_000, 10_000), (100_000, 200_000)
LIMITED_USERS, LIMITED_USERS_ALONE, LIMITED_USERS_FULL = 10_000, 100_000, 1_000_000
LATE_USERS = 5_000
USERS_AN_OU = 20
ANSWER_SECONDS = 0.2
MEMORY_MB = 512
FLAT = 1.1  # the larger import's peak over the smaller one's
NO_LIMIT = 1_000_000
UNTHROTTLED = "Initial import, vendors without limits"
LIMITED = "Initial import at the documented limits"


def measure(*, full: bool, alone: bool) -> Iterator[Row]:
    yield from _speed(SIZES_ALONE if full or alone else SIZES, flat=full or alone)
    yield _limited(LIMITED_USERS_FULL if full and alone else LIMITED_USERS_ALONE if full or alone else LIMITED_USERS)
    yield _late(LATE_USERS)


def _speed(sizes: tuple[int, int], *, flat: bool) -> Iterator[Row]:
    """``flat``: the sizes are large enough to hold their peaks against each other; below, the program itself is most of them."""
    peaks = []
    for users in sizes:
        with _world(users, throttled=False) as made, folder() as home:
            before = {name: processor_seconds(pid) for name, pid in made.pids.items()}
            found = _import(made, extra={variable("config"): str(without_limits(home))})
            used = {name: processor_seconds(pid) - before[name] for name, pid in made.pids.items()}
        peaks.append(found["peak_mb"])
        speed = found["users"] / found["seconds"]
        yield Row(
            section=UNTHROTTLED,
            name=f"{found['users']:,} users",
            figure=speed,
            unit="users/s",
            against=f"without the vendors' time: {found['users'] / (found['seconds'] - found['vendors']):,.0f} users/s",
            ratio=speed / 1000,
            target=">= 1,000 users/s",
            met=speed >= 1000,
            used=1000 / speed,
            note=f"The sandboxes share the cores: they used {sum(used.values()):.0f} s of processor beside our {found['processor']:.0f} s "
            f"({users:,} users; the import of the OUs before it included for the sandboxes).",
            details=found | {"sandbox_processor": used},
        )
        yield Row(
            section=UNTHROTTLED,
            name=f"peak memory with {users:,} users",
            figure=found["peak_mb"],
            unit="MB",
            against=f"{MEMORY_MB} MB",
            ratio=found["peak_mb"] / MEMORY_MB,
            target=f"<= {MEMORY_MB} MB",
            met=found["peak_mb"] <= MEMORY_MB,
            used=found["peak_mb"] / MEMORY_MB,
            note="Of the importing process; the database's shared memory is 256 MB whatever the size.",
        )
    if not flat:
        return
    ratio = peaks[1] / peaks[0]
    yield Row(
        section=UNTHROTTLED,
        name=f"peak memory with {sizes[1]:,} users",
        figure=peaks[1],
        unit="MB",
        against=f"with {sizes[0]:,} users: {peaks[0]:.0f} MB",
        ratio=ratio,
        target=f"flat (<= {FLAT})",
        met=ratio <= FLAT,
        used=ratio / FLAT,
    )


def _limited(users: int) -> Row:
    """By a virtual clock and with one worker, so that nothing of our own time hides behind a wait."""
    with _world(users, throttled=False) as made, folder() as home:
        found = _import(made, "--virtual", extra={variable("config"): str(one_by_one(home))})
    bound = import_seconds(found["users"])
    ratio = bound / found["seconds"]
    return Row(
        section=LIMITED,
        name=f"{found['users']:,} users, virtual clock",
        figure=found["seconds"],
        unit="s",
        against=f"bound: {import_requests(found['users']):,} requests, {bound:.1f} s",
        ratio=ratio,
        target=">= 0.95",
        met=ratio >= 0.95,
        used=0.95 / ratio,
        note=f"{REQUESTS_PER_SECOND:.0f} requests a second, {RECORDS_PER_REQUEST} records a request; the ratio is bound over achieved. "
        "Virtual: the vendors' answering takes no time, waiting for their limits is counted and not slept, our own time (the "
        "database's with it) is added as this machine needs it, one batch after the other.",
        details=found,
    )


def _late(users: int) -> Row:
    with _world(users, throttled=True) as made:
        since = made.administrate.last()
        made.administrate.slow(ANSWER_SECONDS)
        found = _import(made)
        sent = made.administrate.requests(since)
    bound = import_seconds(found["users"])
    return Row(
        section=LIMITED,
        name=f"{found['users']:,} users, real time, each answer {ANSWER_SECONDS} s late",
        figure=found["seconds"],
        unit="s",
        against=f"bound: {bound:.1f} s",
        ratio=bound / found["seconds"],
        note="In real time the sandboxes refuse what is beyond the limit; several batches are under way at once.",
        details=found | {"refused_429": sum(row["status"] == 429 for row in sent)},
    )


@contextmanager
def _world(users: int, *, throttled: bool) -> Iterator[Stage]:
    """A stage with that many users in Cornerstone and nothing in Administrate."""
    with stage() as made:
        if not throttled:
            made.administrate.config(rate_limit_requests=None)
            made.cornerstone.config(limits="off")
        made.cornerstone.reset(users=users, ous=max(60, users // USERS_AN_OU), events=0, sessions_per_event=0, learners_per_session=0)
        yield made


def _import(made: Stage, *arguments: str, extra: dict[str, str] | None = None) -> dict[str, Any]:
    command = [sys.executable, "-m", "csod_pipelines_tests.bench.import_once", *arguments]
    done = subprocess.run(command, env=made.variables | (extra or {}), stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def one_by_one(home: Path) -> Path:
    """The shipped settings, with one batch of an import under way at a time."""
    settings = yaml.safe_load(CONFIG.read_text())
    settings["limits"]["import_hands"] = 1
    return _written(settings, home)


def without_limits(home: Path) -> Path:
    """The shipped settings, with every limit of ours out of the way."""
    settings = yaml.safe_load(CONFIG.read_text())
    buckets = [limit.bucket for name in SystemName for limit in contract.load(name).limits() if limit.per_minute is not None]
    settings["brakes"]["moves"] = {"count": NO_LIMIT, "percent": 100}  # a thousand renames are what is measured, not an accident
    settings["limits"] |= {"administrate_per_second": NO_LIMIT, "cornerstone_endpoints": dict.fromkeys(buckets, NO_LIMIT)}
    return _written(settings, home)


def _written(settings: dict[str, Any], home: Path) -> Path:
    file = home / "csod_pipelines.yaml"
    file.write_text(yaml.safe_dump(settings))
    return file
