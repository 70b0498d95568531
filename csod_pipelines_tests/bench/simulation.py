"""How many random courses a minute the planners, and the whole engine, are put through."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec

from csod_pipelines_tests.bench.rows import Row

SECTION = "Simulation"
ROOM = "csod_pipelines_tests.simulation"
PLANNER_CASES, PLANNER_CASES_FULL = 10_000, 100_000
PLANNER_TARGET = 100_000 / 300
ENGINE_SEEDS, ENGINE_SEEDS_FULL = 5, 50
ENGINE_TARGET = 1_000 / 3_600
WORKERS = 2


def measure(*, full: bool) -> Iterator[Row]:
    cases = PLANNER_CASES_FULL if full else PLANNER_CASES
    yield _measured("planner", cases, lambda start: ["--cases", str(cases // WORKERS), "--start", str(start)], "cases", PLANNER_TARGET)
    if find_spec(f"{ROOM}.engine") is not None:
        seeds = ENGINE_SEEDS_FULL if full else ENGINE_SEEDS
        yield _measured("engine", seeds, lambda start: ["--seeds", str(seeds // WORKERS), "--start", str(start)], "seeds", ENGINE_TARGET)


def _measured(program: str, count: int, arguments: Callable[[int], list[str]], word: str, target: float) -> Row:
    """One process a core, each with seeds of its own."""
    started = time.monotonic()
    command = [sys.executable, "-m", f"{ROOM}.{program}"]
    processes = [
        subprocess.Popen([*command, *arguments(1 + worker * count)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for worker in range(WORKERS)
    ]
    said = [process.communicate()[0] for process in processes]
    seconds = time.monotonic() - started
    failed = [text.strip().splitlines()[-1] for process, text in zip(processes, said, strict=True) if process.returncode]
    speed = count // WORKERS * WORKERS / seconds
    return Row(
        section=SECTION,
        name=f"{program}: {count:,} {word}, {len(failed)} failing",
        figure=speed * 60,
        unit=f"{word} a minute",
        against=f"target {target * 60:,.0f} a minute",
        ratio=speed / target,
        target=">= 1, none fails",
        met=speed >= target and not failed,
        note="; ".join(failed)[:300],
    )
