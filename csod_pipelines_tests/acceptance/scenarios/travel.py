"""A clock that a scenario can move: engine, database and both vendors travel together, unless one is to be out of step."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from csod_pipelines.sandbox.clock import VendorClock


class TravelClock:
    """The real time plus what was travelled. To sleep is to travel, so a scenario waits for nobody."""

    def __init__(self, vendors: Sequence[VendorClock] = ()) -> None:
        self._vendors = tuple(vendors)
        self._offset = 0.0

    def travel(self, seconds: float) -> None:
        """Move on, with both vendors. Their queues move on with their clocks."""
        self._offset += seconds
        for clock in self._vendors:
            clock.advance(seconds)

    def drift(self, seconds: float) -> None:
        """Our own clock alone is set forward, as on a host whose time is wrong."""
        self._offset += seconds

    def monotonic(self) -> float:
        return time.monotonic() + self._offset

    def sleep(self, seconds: float) -> None:
        self.travel(seconds)

    def utcnow(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self._offset)
