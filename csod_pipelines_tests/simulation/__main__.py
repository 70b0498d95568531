"""Play seeds until one fails.

    python -m csod_pipelines_tests.simulation --seeds 300 --start 1 [--minutes M] [--json F] [--processes 2] [--show] [--planted FAULT]

Exit 1 at the first failing seed, with its number, the step, a smaller scenario that fails alike, and the last steps of its
trace. Every 25th seed is played twice and must leave the same trace. ``--planted`` takes a rule of the engine away first.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from csod_pipelines_tests.simulation.fleet import verdicts
from csod_pipelines_tests.simulation.planted import FAULTS
from csod_pipelines_tests.simulation.play import Verdict
from csod_pipelines_tests.simulation.report import Coverage

SHOWN_STEPS = 60


def main(arguments: Sequence[str] | None = None) -> int:
    given = _arguments(arguments)
    started = time.monotonic()
    coverage, failed = Coverage(), None
    seeds = range(given.start, given.start + given.seeds)
    until = started + given.minutes * 60 if given.minutes else None
    for verdict in verdicts(seeds, processes=given.processes, until=until, planted=given.planted):
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
    parser.add_argument("--planted", choices=sorted(FAULTS), help="a fault to play with; see planted.py")
    return parser.parse_args(arguments)


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
    sys.exit(main())
