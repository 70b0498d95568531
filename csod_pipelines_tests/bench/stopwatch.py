"""A watch that tells our own time from the vendors'."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

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
