"""One import, in a process that does nothing else: its memory and its time are the import's own.

python -m csod_pipelines_tests.bench.import_once [--virtual SECONDS_A_CALL]     prints a line of JSON
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from typing import Any
from urllib.parse import urlsplit

from csod_pipelines.model.keys import Kind
from csod_pipelines.runtime import open_house
from csod_pipelines.settings import Settings, load_settings
from csod_pipelines_tests.bench.stage import Vendor
from csod_pipelines_tests.bench.virtual import Stopwatch, VirtualClock


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--virtual", type=float)
    given = parser.parse_args()
    settings = load_settings()
    found = _on_a_virtual_clock(settings, given.virtual) if given.virtual is not None else _unthrottled(settings)
    print(json.dumps(found | {"peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def _unthrottled(settings: Settings) -> dict[str, Any]:
    watch = Stopwatch()
    with open_house(settings, run_id="bench", seams=watch) as house:
        house.engine.import_baseline(Kind.ORG_UNIT, mode="apply", owner="bench")
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


def _on_a_virtual_clock(settings: Settings, answer_seconds: float) -> dict[str, Any]:
    api = urlsplit(settings.administrate.api_url)
    vendors = [Vendor(f"{api.scheme}://{api.netloc}"), Vendor(settings.cornerstone.base_url)]

    def tell(seconds: float) -> None:
        for vendor in vendors:
            vendor.advance(seconds)

    clock = VirtualClock(answer_seconds=answer_seconds, tell=tell)
    with open_house(settings, run_id="bench", clock=clock, seams=clock) as house:
        house.engine.import_baseline(Kind.ORG_UNIT, mode="apply", owner="bench")
        clock.sleep(60)  # whatever the first import used up has filled again
        clock.slept = 0.0
        started = clock.monotonic()
        totals = house.engine.import_baseline(Kind.PERSON, mode="apply", owner="bench")
        seconds = clock.monotonic() - started
    return {"seconds": seconds, "waited": clock.slept, "users": totals.dispositions["applied"], "done": dict(totals.done)}


if __name__ == "__main__":
    main()
