"""Play seeds until one fails.

    python -m csod_pipelines_tests.simulation --seeds 300 --start 1 [--minutes M] [--json F] [--processes 2] [--show]

Exit 1 at the first failing seed, with its number, the step, a smaller scenario that fails alike, and the last steps of its
trace. Every 25th seed is played twice and must leave the same trace.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from pathlib import Path
from typing import Any

from csod_pipelines_tests.simulation import databases, scenario
from csod_pipelines_tests.simulation.play import Verdict, play
from csod_pipelines_tests.simulation.report import Coverage
from csod_pipelines_tests.simulation.shrink import shrunk
from csod_pipelines_tests.simulation.worlds import Worlds

PLAYED_TWICE_EVERY = 25
SHRINK_SECONDS = 120.0
SHOWN_STEPS = 60

_own: dict[str, Any] = {}


def main(arguments: Sequence[str] | None = None) -> int:
    given = _arguments(arguments)
    started = time.monotonic()
    coverage, failed = Coverage(), None
    for verdict in _verdicts(given, until=started + given.minutes * 60 if given.minutes else None):
        coverage.add(verdict)
        if given.show:
            _say(f"seed {verdict.scenario.seed}: {verdict.failure or 'passes'} ({verdict.steps} steps)")
        if verdict.failure is not None:
            failed = verdict
            break
    seconds = time.monotonic() - started
    if failed is not None:
        _tell(failed)
    _say(f"{coverage.seeds} seeds, {coverage.steps} steps, {coverage.virtual_seconds / 3600:.1f} virtual hours in {seconds:.0f} s")
    if failed is None and (never := coverage.never()):
        _say(f"never happened: {', '.join(never)}")
    if given.json:
        shown = {**coverage.shown(), "seconds": round(seconds, 1), "failed": failed.scenario.seed if failed else None}
        Path(given.json).write_text(json.dumps(shown, indent=1), encoding="utf-8")
    return 1 if failed is not None else 0


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m csod_pipelines_tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=100)
    parser.add_argument("--start", type=int, default=1)
    parser.add_argument("--minutes", type=float, help="stop after so many minutes, all seeds played or not")
    parser.add_argument("--json", help="write what was covered to this file")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--show", action="store_true", help="a line a seed")
    return parser.parse_args(arguments)


def _verdicts(given: argparse.Namespace, *, until: float | None) -> Iterator[Verdict]:
    """As they are finished. All processes share one database server, which this one owns: the others may be ended at any moment."""
    seeds = iter(range(given.start, given.start + given.seeds))
    spawn = multiprocessing.get_context("spawn")
    with databases.running() as server:
        pool = ProcessPoolExecutor(given.processes, mp_context=spawn, initializer=_begin, initargs=(server,))
        running: set[Future[Verdict]] = set()
        try:
            while True:
                while len(running) < given.processes and (until is None or time.monotonic() < until):
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


def _begin(server: databases.Databases) -> None:
    """In each process of the pool, once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
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
    small = shrunk(verdict, lambda smaller: play(smaller, worlds), seconds=SHRINK_SECONDS)
    small.first_told = verdict.failure
    return small


def _tell(verdict: Verdict) -> None:
    _say(f"seed {verdict.scenario.seed} fails: {verdict.first_told}")
    _say(f"after {verdict.steps} steps of this smaller scenario, which ends with: {verdict.failure}")
    _say(verdict.scenario.words())
    _say("the last steps:")
    _say("\n".join(verdict.tail[-SHOWN_STEPS:]))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        # The order of sets of texts is part of what a seed means.
        os.execve(
            sys.executable, [sys.executable, "-m", "csod_pipelines_tests.simulation", *sys.argv[1:]], os.environ | {"PYTHONHASHSEED": "0"}
        )
    sys.exit(main())
