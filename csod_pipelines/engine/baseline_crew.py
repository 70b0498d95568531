"""Batches of an import worked side by side: while one waits for the vendor's answer, others are made ready and sent.

The rate limit and not the time of an answer is then what an import waits for. Each hand has totals and carried ids of its own;
they are added up here, in the thread that began the import. With one hand everything happens in that thread, one after the other.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from queue import SimpleQueue

from csod_pipelines.engine.baseline_writes import Carried
from csod_pipelines.engine.context import Context
from csod_pipelines.engine.totals import Totals


@dataclass(slots=True)
class Hand:
    """What one batch at a time works with."""

    ctx: Context
    carried: Carried = field(default_factory=Carried)


Job = Callable[[Hand], None]


class Crew:
    """Made by ``crew``."""

    def __init__(self, ctx: Context, size: int) -> None:
        self._totals = ctx.totals
        self._hands = [Hand(replace(ctx, totals=Totals()) if size > 1 else ctx) for _ in range(size)]
        self._free: SimpleQueue[Hand] = SimpleQueue()
        for hand in self._hands:
            self._free.put(hand)
        self._pool = ThreadPoolExecutor(size, thread_name_prefix="import") if size > 1 else None
        self._lock = threading.Lock()
        self._errors: list[BaseException] = []

    def give(self, job: Job) -> None:
        """Work ``job`` as soon as a hand is free. Raises what an earlier job raised; nothing new is begun then."""
        if self._pool is None:
            job(self._hands[0])
            return
        hand = self._free.get()
        if self._errors:
            self._free.put(hand)
            raise self._errors[0]
        context = copy_context()  # for whom calls are made goes along
        self._pool.submit(context.run, self._work, hand, job)

    def gather(self) -> None:
        """Until every hand is free. Raises what a job raised."""
        if self._pool is None:
            return
        for hand in [self._free.get() for _ in self._hands]:
            self._free.put(hand)
        if self._errors:
            raise self._errors[0]

    def each(self, job: Job) -> None:
        """Once for every hand, one after the other, after all are free."""
        self.gather()
        for hand in self._hands:
            job(hand)
            self._add_up(hand)

    def close(self) -> None:
        """What is under way is finished: its answers are worth more than the time."""
        if self._pool is not None:
            self._pool.shutdown(wait=True)

    def _work(self, hand: Hand, job: Job) -> None:
        try:
            job(hand)
        except BaseException as err:  # noqa: BLE001
            self._errors.append(err)  # raised by whoever gives or gathers next
        finally:
            self._add_up(hand)
            self._free.put(hand)

    def _add_up(self, hand: Hand) -> None:
        if hand.ctx.totals is self._totals:
            return
        with self._lock:
            self._totals.add(hand.ctx.totals)
        hand.ctx.totals = Totals()


@contextmanager
def crew(ctx: Context, size: int) -> Iterator[Crew]:
    made = Crew(ctx, size)
    try:
        yield made
    finally:
        made.close()
