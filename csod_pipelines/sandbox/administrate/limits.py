"""6,000 requests in 5 minutes and address, then 429 (vendor's rate-limit page). The sandbox knows one address, which all callers share."""

from __future__ import annotations

from collections import deque
from datetime import datetime

from csod_pipelines.sandbox.administrate.settings import Settings


class RateLimit:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._taken: deque[float] = deque()

    def take(self, *, now: datetime) -> bool:
        limit = self._settings.values["rate_limit_requests"]
        if limit is None:
            return True
        moment = now.timestamp()
        while self._taken and self._taken[0] <= moment - self._settings.values["rate_limit_seconds"]:
            self._taken.popleft()
        if len(self._taken) >= limit:
            return False
        self._taken.append(moment)
        return True
