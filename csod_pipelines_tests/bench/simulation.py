"""How many random courses a minute the planners, and the whole engine, are put through."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from csod_pipelines_tests.bench.rows import Row

SECTION = "Simulation"
ROOM = "csod_pipelines_tests.simulation"
CASES, CASES_FULL = 6_000, 100_000
CASES_A_SECOND = 100_000 / 300
SEED_MINUTES, SEED_MINUTES_FULL = 0.4, 3.0
SEEDS_A_SECOND = 1_000 / 3_600
MANY_SEEDS = 100_000
PROCESSES = 2


def measure(*, full: bool) -> Iterator[Row]:
    yield _planner(CASES_FULL if full else CASES)
    yield _engine(SEED_MINUTES_FULL if full else SEED_MINUTES)


def _planner(cases: int) -> Row:
    """One process a core, each with seeds of its own."""
    started = time.monotonic()
    command = [sys.executable, "-m", f"{ROOM}.planner", "--cases", str(cases // PROCESSES), "--start"]
    processes = [
        subprocess.Popen([*command, str(1 + number * cases)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for number in range(PROCESSES)
    ]
    said = [process.communicate()[0] for process in processes]
    speed = cases / (time.monotonic() - started)
    broken = [_last_line(text) for process, text in zip(processes, said, strict=True) if process.returncode]
    return _row(f"planner: {cases:,} cases", "cases", speed=speed, target=CASES_A_SECOND, broken="; ".join(broken))


def _engine(minutes: float) -> Row:
    with tempfile.TemporaryDirectory(prefix="csod-bench-seeds-") as folder:
        file = Path(folder) / "seeds.json"
        command = [sys.executable, "-m", ROOM, "--seeds", str(MANY_SEEDS), "--minutes", str(minutes), "--processes", str(PROCESSES)]
        done = subprocess.run([*command, "--json", str(file)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        if not file.exists():
            raise RuntimeError(f"the simulation ended with {done.returncode}: {done.stdout[-2000:]}")
        found = json.loads(file.read_text())
    broken = f"seed {found['failed']} fails" if found["failed"] is not None else ""
    speed = found["seeds"] / found["seconds"]
    return _row(f"engine: {found['seeds']:,} seeds", "seeds", speed=speed, target=SEEDS_A_SECOND, broken=broken)


def _row(name: str, word: str, *, speed: float, target: float, broken: str) -> Row:
    return Row(
        section=SECTION,
        name=f"{name}, {broken or 'none fails'}",
        figure=speed * 60,
        unit=f"{word} a minute",
        against=f"target: {target * 60:,.0f} a minute",
        ratio=speed / target,
        target=">= 1, none fails",
        met=speed >= target and not broken,
        used=target / speed,
        note=f"{PROCESSES} processes; starting them is part of the time.",
    )


def _last_line(text: str) -> str:
    return (text.strip().splitlines() or ["it said nothing"])[-1][:200]
