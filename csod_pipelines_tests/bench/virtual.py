"""Clocks for measuring: one on which a vendor's limits cost no real time, and one that tells our own time from the vendors'."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

SEND, ANSWERED = "call.send:", "call.answered:"
SYNC_SECONDS = 0.5


@dataclass(slots=True)
class Stopwatch:
    """Seams that sum up the time spent waiting for vendors' answers. One thread."""

    vendors: float = 0.0
    calls: int = 0
    _since: float | None = None

    def at(self, place: str) -> None:
        if place.startswith(SEND):
            self._since = time.monotonic()
            self.calls += 1
        elif place.startswith(ANSWERED) and self._since is not None:
            self.vendors += time.monotonic() - self._since
            self._since = None


@dataclass(slots=True)
class VirtualClock:
    """A clock, and seams. Sleeping moves it on at once; while a vendor answers it stands still and is then moved by
    ``answer_seconds``; the rest of the time, which is ours, it runs as any clock does. ``tell`` hands on by how many seconds
    it is ahead of the real one, so that the vendors can follow."""

    answer_seconds: float = 0.0
    tell: Callable[[float], None] = lambda seconds: None
    slept: float = 0.0
    _ahead: float = 0.0
    _told: float = 0.0
    _stopped: float | None = None
    _start: datetime = field(default_factory=lambda: datetime.now(UTC))
    _zero: float = field(default_factory=time.monotonic)

    def monotonic(self) -> float:
        return (time.monotonic() if self._stopped is None else self._stopped) + self._ahead

    def utcnow(self) -> datetime:
        return self._start + timedelta(seconds=self.monotonic() - self._zero)

    def sleep(self, seconds: float) -> None:
        self._ahead += seconds
        self.slept += seconds

    def at(self, place: str) -> None:
        if place.startswith(SEND):
            self._stopped = time.monotonic()
            if self._ahead - self._told > SYNC_SECONDS:  # a vendor's clock only goes forward
                self.tell(self._ahead - self._told)
                self._told = self._ahead
        elif place.startswith(ANSWERED) and self._stopped is not None:
            self._ahead += self.answer_seconds - (time.monotonic() - self._stopped)
            self._stopped = None
