"""When a run of a live flow should end early: the flow was paused, or another run needs its place in the queue."""

import time
from collections.abc import Callable

import dagster as dg

CHECK_SECONDS = 2.0
_BACKFILL_TAG = "dagster/backfill"
_QUEUED_SHOWN = 50
_RUNNING = [dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING]


class Watch:
    """Called often by the engine; looks at most every two seconds, so a run ends within five.

    A run is queued for about a second in any case (the coordinator looks every second), on a busy machine for many; so only
    a run seen in the queue by two looks in a row is waiting, and only while all places for runs are taken. Backfill runs do
    not count: they are held back by their own limit of one.
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
        return "another run waits in the queue" if waiting and self._places_are_taken() else None

    def _queued(self) -> set[str]:
        runs = self._instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]), limit=_QUEUED_SHOWN)
        return {run.run_id for run in runs if _BACKFILL_TAG not in run.tags}

    def _places_are_taken(self) -> bool:
        """Unknown counts as taken."""
        queue = self._instance.get_concurrency_config().run_queue_config
        if queue is None:
            return True
        most = queue.max_concurrent_runs
        return most >= 0 and self._instance.get_runs_count(dg.RunsFilter(statuses=_RUNNING)) >= most
