"""`python -m csod_pipelines_tests.bench.drainer FLOW`: one lingering worker, as a run of the flow's job is, until it is stopped."""

from __future__ import annotations

import signal
import sys
import threading

from csod_pipelines.model.keys import Flow
from csod_pipelines.runtime import open_house
from csod_pipelines.settings import load_settings

FOR_EVER_SECONDS = 86_400.0


def main(flow: str) -> None:
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with open_house(load_settings(), run_id=f"bench {flow}") as house:
        for system in house.systems.values():
            getattr(system, "ping", lambda: None)()  # a lingering run has its token and its connections already
        print("ready", flush=True)
        house.engine.drain(
            Flow(flow),
            owner=f"bench:{flow}",
            stop=lambda: "stopped" if stopped.is_set() else None,
            linger_seconds=FOR_EVER_SECONDS,
            max_seconds=FOR_EVER_SECONDS,
        )


if __name__ == "__main__":
    main(sys.argv[1])
