"""A vendor's own clock: the machine's, moved on by what the control calls ask for. Never goes back within one world."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime


class VendorClock:
    def __init__(self, *, start: datetime | None = None) -> None:
        self._offset = timedelta(0) if start is None else start - datetime.now(UTC)
        self._latest = datetime.fromtimestamp(time.time(), UTC) + self._offset
        self._guard = threading.Lock()

    def now(self) -> datetime:
        with self._guard:
            self._latest = max(self._latest, datetime.now(UTC) + self._offset)
            return self._latest

    def advance(self, seconds: float) -> datetime:
        """Move on; ValueError for a step back, which no vendor's clock takes."""
        if seconds < 0:
            raise ValueError("the clock only goes forward; POST /_sandbox/reset starts a new world at the machine's time")
        with self._guard:
            self._offset += timedelta(seconds=seconds)
        return self.now()

    def restart(self, *, start: datetime | None = None) -> datetime:
        with self._guard:
            self._offset = timedelta(0) if start is None else start - datetime.now(UTC)
            self._latest = datetime.now(UTC) + self._offset
            return self._latest


def http_date(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC).replace(microsecond=0), usegmt=True)
