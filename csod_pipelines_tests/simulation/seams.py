"""The named places of one worker: where it may be interrupted, may crash, or may stall."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Engine, event

from csod_pipelines_tests.simulation.baton import STEP_SECONDS, Crash, Worker

SWITCH_SHARE = 0.25
SLOW_SHARE = 0.02
SLOW_SECONDS = 3.0


@dataclass(slots=True)
class Mishaps:
    """At which passing of a place, counted over all workers, which mishap befalls the worker that passes."""

    crashes: frozenset[int] = frozenset()
    stalls: dict[int, float] = field(default_factory=dict)
    passed: int = 0
    crashed: Counter[str] = field(default_factory=Counter)  # by the kind of place
    stalled: int = 0


class WorkerSeams:
    """Satisfies the ``Seams`` of store and systems. Nobody is switched away while a transaction is open: the locks are real,
    and whoever waits for one would hold the baton."""

    def __init__(self, worker: Worker, mishaps: Mishaps) -> None:
        self._worker, self._mishaps = worker, mishaps

    def at(self, place: str) -> None:
        worker, timeline, mishaps = self._worker, self._worker.timeline, self._mishaps
        if worker.crashed:
            raise Crash
        if place.startswith("call.send") and worker.open_transactions:
            raise AssertionError(f"{place}: a transaction is open across a vendor call")
        mishaps.passed += 1
        timeline.trace.places[place] += 1
        timeline.trace.add(timeline.now, worker.name, place)
        timeline.now += STEP_SECONDS
        if mishaps.passed in mishaps.crashes:
            mishaps.crashed[place.split(":", 1)[0]] += 1
            timeline.trace.add(timeline.now, worker.name, f"crashes at {place}")
            worker.crash()
            raise Crash
        if worker.open_transactions:
            return
        if (seconds := mishaps.stalls.get(mishaps.passed)) is not None:
            mishaps.stalled += 1
            worker.stalled = True
            timeline.trace.add(timeline.now, worker.name, f"stalls at {place} for {seconds:.0f} s")
            worker.pause(seconds)
        elif timeline.dice.random() < SWITCH_SHARE:
            worker.pause(SLOW_SECONDS if timeline.dice.random() < SLOW_SHARE else 0.0)


class WorkerClock:
    """The engine's clock as one worker sees it."""

    def __init__(self, worker: Worker) -> None:
        self._worker = worker

    def monotonic(self) -> float:
        return self._worker.timeline.now

    def sleep(self, seconds: float) -> None:
        self._worker.pause(seconds)

    def utcnow(self) -> datetime:
        return self._worker.timeline.instant()


def count_transactions(engine: Engine, worker: Worker) -> None:
    """Let the worker know how many connections its code holds."""

    def out(*_: object) -> None:
        worker.open_transactions += 1

    def back(*_: object) -> None:
        worker.open_transactions -= 1

    event.listen(engine, "checkout", out)
    event.listen(engine, "checkin", back)
