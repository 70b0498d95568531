"""One import, in a process that does nothing else: its memory and its time are the import's own.

python -m csod_pipelines_tests.bench.import_once     prints a line of JSON
"""

from __future__ import annotations

import json
import resource
import time
from typing import Any

from csod_pipelines.model.keys import Kind
from csod_pipelines.runtime import open_house
from csod_pipelines.settings import load_settings
from csod_pipelines_tests.bench.stopwatch import Stopwatch

FULL_AGAIN_SECONDS = 2.0  # after which the budget has forgotten the import of the OUs


def main() -> None:
    print(json.dumps(_imported() | {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def _imported() -> dict[str, Any]:
    watch = Stopwatch()
    with open_house(load_settings(), run_id="bench", seams=watch) as house:
        house.engine.import_baseline(Kind.ORG_UNIT, mode="apply", owner="bench")
        time.sleep(FULL_AGAIN_SECONDS)
        watch.vendors, watch.calls = 0.0, 0
        started, processor = time.monotonic(), time.process_time()
        totals = house.engine.import_baseline(Kind.PERSON, mode="apply", owner="bench")
        seconds = time.monotonic() - started
        processor = time.process_time() - processor
    return {
        "seconds": seconds,
        "vendors": watch.vendors,
        "calls": watch.calls,
        "processor": processor,
        "users": totals.dispositions["applied"],
        "done": dict(totals.done),
    }


if __name__ == "__main__":
    main()
