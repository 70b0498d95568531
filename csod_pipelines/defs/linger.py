"""When a run of a live flow should end early: the flow was paused, or another run needs its place in the queue."""

import time
from collections.abc import Callable

import dagster as dg

CHECK_SECONDS = 2.0
_BACKFILL_TAG = "dagster/backfill"
_QUEUED_SHOWN = 50


class Watch:
    """Called often by the engine; looks at most every two seconds, so a run ends within five.

    A run is queued for about a second in any case (the coordinator looks every second), so only a run seen in the queue
    by two looks in a row is waiting. Backfill runs do not count: they are held back by their own limit of one.
    """

    def __init__(
        self, instance: dg.DagsterInstance, *, paused: Callable[[], bool], monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._instance = instance
        self._paused = paused
        self._monotonic = monotonic
        self._looked = monotonic()
        self._seen: set[str] = set()

    def __call__(self) -> str | None:
        if self._monotonic() - self._looked < CHECK_SECONDS:
            return None
        self._looked = self._monotonic()
        if self._paused():
            return "paused"
        queued = self._queued()
        waiting = queued & self._seen
        self._seen = queued
        return "another run waits in the queue" if waiting else None

    def _queued(self) -> set[str]:
        runs = self._instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]), limit=_QUEUED_SHOWN)
        return {run.run_id for run in runs if _BACKFILL_TAG not in run.tags}
