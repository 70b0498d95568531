"""Virtual time, and workers as threads of which one runs at a time.

A worker runs until it passes a named place, sleeps or calls a vendor; there it may hand the baton back, and the scheduler
draws who goes on, or moves time to the next thing that is due. All choices come from one generator, so a seed replays.
"""

from __future__ import annotations

import heapq
import random
import threading
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

#: Virtual seconds that a step without a pause takes: time never stands still for a busy worker.
STEP_SECONDS = 0.001
TRACE_TAIL = 400
#: A seed that takes more steps than this has lost its way; most take some 3,000.
MAX_STEPS = 40_000


class Crash(BaseException):
    """The process dies here. No ``except Exception`` of the code under test may take note of it."""


class LostItsWay(AssertionError):
    """The run does not come to an end."""


@dataclass(slots=True)
class Trace:
    """Every step, as a running digest, and the last ones in words (without the steps of our own store)."""

    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TRACE_TAIL))
    steps: int = 0
    places: Counter[str] = field(default_factory=Counter)
    _digest: object = field(default_factory=sha256)

    def add(self, now: float, who: str, what: str) -> None:
        self.steps += 1
        line = f"{now:11.3f} {who:9} {what}"
        self._digest.update(line.encode())  # pyright: ignore[reportAttributeAccessIssue]
        if not what.startswith("store."):
            self.tail.append(line)

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()  # pyright: ignore[reportAttributeAccessIssue]


class Worker:
    """One process of ours. Its program runs in a thread of its own and ends by returning, failing or crashing."""

    def __init__(self, timeline: Timeline, name: str, program: Callable[[Worker], None]) -> None:
        self.timeline, self.name = timeline, name
        self.wake_at = timeline.now
        self.done = self.crashed = False
        self.failure: BaseException | None = None
        self.open_transactions = 0
        self.stalled = False  # since its last request
        self._program = program
        self._go = threading.Semaphore(0)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        self._go.acquire()
        try:
            if not self.crashed:
                self._program(self)
        except Crash:
            self.timeline.trace.add(self.timeline.now, self.name, "is gone")
        except BaseException as err:  # noqa: BLE001 - told to the scheduler, which raises it in the thread that can report it
            self.failure = err
        finally:
            self.done = True
            self.timeline.hand_back()

    def resume(self) -> None:
        """Called by the scheduler: run this worker until it hands the baton back."""
        self._go.release()
        self.timeline.wait_for_baton()

    def pause(self, seconds: float) -> None:
        """Called in the worker's own thread: let others go first, for at least so many virtual seconds."""
        if self.crashed:
            raise Crash
        self.wake_at = self.timeline.now + max(0.0, seconds)
        self.timeline.hand_back()
        self._go.acquire()
        if self.crashed:
            raise Crash

    def crash(self) -> None:
        """Marks the process as dead; its thread ends at the next place it passes."""
        self.crashed = True


class Timeline:
    """What happens when. ``now`` counts seconds since the start of the run."""

    def __init__(self, *, dice: random.Random, epoch: datetime) -> None:
        self.now = 0.0
        self.dice = dice
        self.epoch = epoch
        self.trace = Trace()
        self.workers: list[Worker] = []
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = 0
        self._baton = threading.Semaphore(0)

    def instant(self, *, skew: float = 0.0) -> datetime:
        return self.epoch + timedelta(seconds=self.now + skew)

    def epoch_plus(self, seconds: float) -> datetime:
        return self.epoch + timedelta(seconds=seconds)

    def at(self, when: float, do: Callable[[], None]) -> None:
        self._numbers += 1
        heapq.heappush(self._events, (max(when, self.now), self._numbers, do))

    def spawn(self, name: str, program: Callable[[Worker], None]) -> Worker:
        worker = Worker(self, name, program)
        self.workers.append(worker)
        return worker

    def hand_back(self) -> None:
        self._baton.release()

    def wait_for_baton(self) -> None:
        self._baton.acquire()

    def run(self, *, until: Callable[[], bool]) -> None:
        """Go on until ``until`` holds or nothing is left to happen. Raises what a worker's program raised."""
        while self.trace.steps < MAX_STEPS:
            if until():
                return
            self._happen()
            ready = [worker for worker in self.workers if worker.wake_at <= self.now]
            if ready:
                self._let_run(self.dice.choice(ready))
            elif not self._move_on():
                return
        raise LostItsWay(f"no end after {MAX_STEPS} steps")

    def _happen(self) -> None:
        while self._events and self._events[0][0] <= self.now:
            heapq.heappop(self._events)[2]()

    def _let_run(self, worker: Worker) -> None:
        worker.resume()
        if worker.done:
            self.workers.remove(worker)
            if worker.failure is not None:
                raise worker.failure

    def _move_on(self) -> bool:
        times = [worker.wake_at for worker in self.workers] + [event[0] for event in self._events[:1]]
        if not times:
            return False
        self.now = max(self.now, min(times))
        return True

    def stop(self) -> None:
        """End every thread that still waits, however the run ended."""
        for worker in list(self.workers):
            worker.crash()
            while not worker.done:
                worker.resume()
        self.workers.clear()
