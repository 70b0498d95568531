"""A series of kills under load, and what became of the two sides."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from csod_pipelines_tests.acceptance.scenarios.daemon import housed
from csod_pipelines_tests.acceptance.scenarios.epilogue import differing
from csod_pipelines_tests.bench.stage import Vendor, folder
from csod_pipelines_tests.crashes.people import People
from csod_pipelines_tests.crashes.scene import Scene, cut_off, imported
from csod_pipelines_tests.crashes.worker import working

ACTS = 4
LONGEST_SECONDS = 3.0
DAEMON_SECONDS = (12.5, 25.0)  # it starts, and its sensors start runs; the house restarts nothing more than five times a minute


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """``hit``: kills in the middle of a vendor call. ``differences``: sentences that were not true before the series."""

    victim: str
    rounds: int
    changes: int
    hit: int
    seconds: float
    differences: list[str]

    def __str__(self) -> str:
        end = "both sides agree, nothing twice" if not self.differences else f"they differ: {self.differences}"
        return (
            f"{self.victim}: {self.rounds} rounds of kill -9 under {self.changes} changes, {self.hit} in the middle of a call, "
            f"{self.seconds:.0f} s: {end}"
        )


def kill_worker(scene: Scene, dice: random.Random) -> None:
    with working(scene.stage.variables) as process:
        time.sleep(dice.uniform(0.0, LONGEST_SECONDS))
        process.kill()


def kill_postgres(scene: Scene, dice: random.Random) -> None:
    """The worker meets a database that is gone, and one that recovers; it may end, as a run would, and be started again."""
    server = scene.stage.server
    with working(scene.stage.variables):
        time.sleep(dice.uniform(0.0, LONGEST_SECONDS))
        pid = server.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        while server.running():
            time.sleep(0.05)
        server._forget_foreign_pid()  # a dead postmaster that nobody reaps still has its number
        server._launch()


def _on_a_worker(victim: str, kill: Callable[[Scene, random.Random], None], *, rounds: int) -> Series:
    dice, hit = random.Random(7), 0
    with imported() as (scene, before):
        started = time.monotonic()
        for _ in range(rounds):
            scene.people.act(ACTS)
            cut = scene.cut_off()
            kill(scene, dice)
            hit += scene.cut_off() > cut
        scene.settle()
        new = [sentence for sentence in scene.differences() if sentence not in before]
        seconds = time.monotonic() - started
    return Series(victim=victim, rounds=rounds, changes=rounds * ACTS, hit=hit, seconds=seconds, differences=new)


def _on_a_daemon(*, rounds: int) -> Series:
    """A whole house, which starts its daemon again. The runs that were launched live on; whose sensors were cut off start others."""
    dice, hit = random.Random(7), 0
    with folder() as home, housed(home) as stage:
        people = People(Vendor(stage.administrate.url), Vendor(stage.cornerstone.url))
        for _ in range(3):
            people.plan_event()
        stage.settle()
        before = differing(stage)
        people.administrate.slow(0.02)
        people.cornerstone.slow(0.02)
        started = time.monotonic()
        for _ in range(rounds):
            people.act(ACTS)
            cut = cut_off(stage.house)
            time.sleep(dice.uniform(*DAEMON_SECONDS))
            stage.kill("daemon")
            hit += cut_off(stage.house) > cut
        stage.settle()
        stage.reconcile()
        new = [sentence for sentence in differing(stage) if sentence not in before]
        seconds = time.monotonic() - started
    return Series(victim="daemon", rounds=rounds, changes=rounds * ACTS, hit=hit, seconds=seconds, differences=new)


VICTIMS: dict[str, Callable[..., Series]] = {
    "worker": partial(_on_a_worker, "worker", kill_worker),
    "postgres": partial(_on_a_worker, "postgres", kill_postgres),
    "daemon": _on_a_daemon,
}


def play(victim: str, *, rounds: int) -> Series:
    return VICTIMS[victim](rounds=rounds)
