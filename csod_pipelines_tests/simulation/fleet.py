"""Seeds played in several processes, each a pure function of its number."""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

from csod_pipelines_tests.simulation import databases, scenario
from csod_pipelines_tests.simulation.play import Verdict, play
from csod_pipelines_tests.simulation.shrink import shrunk
from csod_pipelines_tests.simulation.worlds import Worlds

PLAYED_TWICE_EVERY = 25
SHRINK_SECONDS = 120.0

_own: dict[str, Any] = {}


def verdicts(
    wanted: Iterable[int], *, processes: int, until: float | None = None, planted: str | None = None, shrinks: bool = True
) -> Iterator[Verdict]:
    """As they are finished. All processes share one database server, which this one owns: the others may be ended at any moment."""
    seeds = iter(wanted)
    spawn = multiprocessing.get_context("spawn")
    with databases.running() as server, _ordered_sets():
        pool = ProcessPoolExecutor(processes, mp_context=spawn, initializer=_begin, initargs=(server, planted, shrinks))
        running: set[Future[Verdict]] = set()
        try:
            while True:
                while len(running) < processes and (until is None or time.monotonic() < until):
                    if (number := next(seeds, None)) is None:
                        break
                    running.add(pool.submit(play_seed, number))
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from sorted((future.result() for future in done), key=lambda verdict: verdict.scenario.seed)
        finally:
            children = list((pool._processes or {}).values())
            pool.shutdown(wait=False, cancel_futures=True)
            for child in children:
                child.terminate()
                child.join()


@contextmanager
def _ordered_sets() -> Iterator[None]:
    """The order of sets of texts is part of what a seed means: every process that starts within orders them alike."""
    before = os.environ.get("PYTHONHASHSEED")
    os.environ["PYTHONHASHSEED"] = "0"
    try:
        yield
    finally:
        os.environ.pop("PYTHONHASHSEED")
        if before is not None:
            os.environ["PYTHONHASHSEED"] = before


def _begin(server: databases.Databases, planted: str | None, shrinks: bool) -> None:
    """In each process of the pool, once. A planted fault stays for the life of the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _own["shrinks"] = shrinks
    if planted is not None:
        from csod_pipelines_tests.simulation.planted import FAULTS

        _own["planted"] = FAULTS[planted]()  # kept: what is collected takes its patches back
        _own["planted"].__enter__()
    _own["worlds"] = Worlds(server, prefix=f"p{os.getpid()}_")


def play_seed(seed: int) -> Verdict:
    worlds: Worlds = _own["worlds"]
    drawn = scenario.drawn(seed)
    verdict = play(drawn, worlds)
    if verdict.failure is None and seed % PLAYED_TWICE_EVERY == 0:
        again = play(drawn, worlds)
        if again.digest != verdict.digest:
            verdict.failure = f"played twice, the same seed left two traces of {verdict.steps} and {again.steps} steps"
    if verdict.failure is None:
        verdict.tail = ()
        return verdict
    if not _own["shrinks"]:
        return verdict
    small = shrunk(verdict, lambda smaller: play(smaller, worlds), seconds=SHRINK_SECONDS)
    small.first_told = verdict.failure
    return small
