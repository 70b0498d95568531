"""A worker of every flow in a process of its own, so that it can be killed in the middle of whatever it does."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.process import BaseProcess
from multiprocessing.synchronize import Event

from csod_pipelines.model.keys import Flow
from csod_pipelines.runtime import open_house
from csod_pipelines.settings import load_settings

FLOWS = (Flow.PEOPLE, Flow.CATALOG, Flow.ENROLLMENT, Flow.RESULT)
BEGIN_SECONDS = 120.0
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["csod_pipelines.runtime"])


def work(variables: Mapping[str, str], begun: Event) -> None:
    """Read the feeds and work every flow, again and again, until the process is ended."""
    with open_house(load_settings(variables)) as house:
        begun.set()
        while True:
            house.engine.observe(force=True)
            for flow in FLOWS:
                house.engine.drain(flow, owner="worker", linger_seconds=0, max_seconds=60)


@contextmanager
def working(variables: Mapping[str, str]) -> Iterator[BaseProcess]:
    begun = _CONTEXT.Event()
    process = _CONTEXT.Process(target=work, args=(dict(variables), begun), daemon=True)
    process.start()
    try:
        assert begun.wait(timeout=BEGIN_SECONDS), "the worker did not begin"
        yield process
    finally:
        process.kill()
        process.join()
