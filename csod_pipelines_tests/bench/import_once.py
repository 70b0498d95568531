"""One import, in a process that does nothing else: its memory and its time are the import's own.

python -m csod_pipelines_tests.bench.import_once [--virtual]     prints a line of JSON
"""

from __future__ import annotations

import json
import resource
import sys
import time
from typing import Any

from csod_pipelines.model.keys import Kind
from csod_pipelines.runtime import open_house
from csod_pipelines.settings import load_settings
from csod_pipelines.systems.base import Clock
from csod_pipelines.systems.defaults import SystemClock
from csod_pipelines_tests.bench.stopwatch import Stopwatch, VirtualClock

FULL_AGAIN_SECONDS = 2.0  # after which the budget has forgotten the import of the OUs


def main() -> None:
    watch = Stopwatch()
    clock = VirtualClock(watch) if "--virtual" in sys.argv[1:] else SystemClock()
    found = _imported(watch, clock)
    print(json.dumps(found | {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def _imported(watch: Stopwatch, clock: Clock) -> dict[str, Any]:
    with open_house(load_settings(), run_id="bench", clock=clock, seams=watch) as house:
        house.engine.import_baseline(Kind.ORG_UNIT, mode="apply", owner="bench")
        clock.sleep(FULL_AGAIN_SECONDS)
        vendors, calls = watch.vendors, watch.calls
        started, processor = clock.monotonic(), time.process_time()
        totals = house.engine.import_baseline(Kind.PERSON, mode="apply", owner="bench")
        seconds = clock.monotonic() - started
        processor = time.process_time() - processor
    return {
        "seconds": seconds,
        "vendors": watch.vendors - vendors,
        "calls": watch.calls - calls,
        "processor": processor,
        "users": totals.dispositions["applied"],
        "done": dict(totals.done),
    }


if __name__ == "__main__":
    main()
