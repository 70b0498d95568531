"""The planners alone, many times a second.

    python -m csod_pipelines_tests.simulation.planner --cases 100000 [--start 1]

Half of the cases are rosters, half are pairs of records. Case numbers are seeds: a failing one prints itself and its story.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence

from csod_pipelines_tests.simulation import planner_pairs, planner_rosters


def play(case: int) -> None:
    """One case; AssertionError with its story when a rule is broken."""
    dice = random.Random(case)
    if case % 2:
        planner_pairs.check(dice)
    else:
        planner_rosters.check([dice.choice(planner_rosters.STEPS) for _ in range(dice.randrange(1, 9))])


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m csod_pipelines_tests.simulation.planner", description=__doc__)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--start", type=int, default=1)
    given = parser.parse_args(arguments)
    started = time.monotonic()
    for case in range(given.start, given.start + given.cases):
        try:
            play(case)
        except AssertionError as broken:
            sys.stdout.write(f"case {case} fails: {broken}\n")
            return 1
    seconds = time.monotonic() - started
    sys.stdout.write(f"{given.cases} cases in {seconds:.1f} s, none fails\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
