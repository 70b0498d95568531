"""A watch that tells our own time from the vendors'."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

SEND, ANSWERED = "call.send:", "call.answered:"


@dataclass(slots=True)
class Stopwatch:
    """Seams that sum up the time in which a vendor's answer was waited for, by however many threads at once."""

    vendors: float = 0.0
    calls: int = 0
    _waiting: int = 0
    _since: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def at(self, place: str) -> None:
        if place.startswith(SEND):
            with self._lock:
                self.calls += 1
                self._count(1)
        elif place.startswith(ANSWERED):
            with self._lock:
                self._count(-1)

    def _count(self, more: int) -> None:
        now = time.monotonic()
        if self._waiting:
            self.vendors += now - self._since
        self._since = now
        self._waiting = max(0, self._waiting + more)


class VirtualClock:
    """The time of a single worker whose vendors answer at once: real time without that in which an answer was waited for, and with
    every pause added instead of slept. What a limit costs is then told in seconds, whatever computer both sandboxes share."""

    def __init__(self, watch: Stopwatch) -> None:
        self._watch = watch
        self._slept = 0.0
        self._began, self._began_at = time.monotonic(), datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic() - self._watch.vendors + self._slept

    def sleep(self, seconds: float) -> None:
        self._slept += seconds

    def utcnow(self) -> datetime:
        return self._began_at + timedelta(seconds=self.monotonic() - self._began)
