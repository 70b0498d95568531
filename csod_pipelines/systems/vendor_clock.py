"""A vendor's own clock, learned from the Date header of its last answer."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from csod_pipelines.systems.base import Clock


class VendorClock:
    """Before the vendor was heard, our own wall clock stands in.

    A Date header has whole seconds, so what we show is at most one second behind the vendor's true time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._heard: tuple[datetime, float] | None = None

    @property
    def heard(self) -> bool:
        return self._heard is not None

    def hear(self, date_header: str | None) -> None:
        if not date_header:
            return
        try:
            told = parsedate_to_datetime(date_header)
        except ValueError:
            return
        told = told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)
        at = self._clock.monotonic()
        with self._lock:
            if self._heard is not None:
                ahead = (self._heard[0] - told).total_seconds() + at - self._heard[1]
                if 0.0 <= ahead < 1.0:
                    return  # the same second as we reckon already: keep the finer value, so that now() never steps back
            self._heard = (told, at)

    def now(self) -> datetime:
        heard = self._heard
        if heard is None:
            return self._clock.utcnow()
        told, at = heard
        return told + timedelta(seconds=max(0.0, self._clock.monotonic() - at))

    def by_ours(self, moment: datetime) -> datetime:
        """When our own clock will show what the vendor calls ``moment``: the two may be days apart."""
        return self._clock.utcnow() + (moment - self.now())

    def end_of_minute(self) -> datetime:
        """When the vendor's running clock minute is over."""
        return self.now().replace(second=0, microsecond=0) + timedelta(minutes=1)
