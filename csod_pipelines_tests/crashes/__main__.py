"""`python -m csod_pipelines_tests.crashes [worker | postgres | daemon] [--rounds 20]`: the figures of a series of kills. (Of the gateway:
`make bench ONLY=acknowledgement FULL=1`.)"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from csod_pipelines_tests.bench.page import keep_long
from csod_pipelines_tests.crashes.series import VICTIMS, play


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m csod_pipelines_tests.crashes", description=__doc__)
    parser.add_argument("victims", nargs="*", choices=[[], *VICTIMS], help="all when none is named")
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args(arguments)
    failed = 0
    for victim in given.victims or VICTIMS:
        series = play(victim, rounds=given.rounds)
        failed += bool(series.differences)
        sys.stdout.write(f"{series}\n")
        sys.stdout.flush()
        keep_long(f"Kills of the {victim}", f"make crashes ARGS='{victim} --rounds {given.rounds}'", [str(series)])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
