"""Throttling: one counter an end point (method and address pattern) and clock minute, 429s counted too.

Numbers: csod.dev throttling pages of the families; 417 a minute is the generic default a third party lists, used where no page
gives a number. Once the minute limit is hit the end point answers 429 until the minute is over; no Retry-After is sent.
"""

from __future__ import annotations

from datetime import datetime

from csod_pipelines.sandbox.cornerstone.envelopes import ApiError
from csod_pipelines.sandbox.cornerstone.settings import Settings

DEFAULT_PER_MINUTE = 417

# bucket prefix -> calls a minute; a bucket is "<family>.<operation>" unless calls share one
PER_MINUTE: dict[str, int] = {
    "employees.list": 75,
    "employees.metadata": 75,
    "employees": 150,
    "employees_v1": 100,
    "ous.specifications": 5,
    "ous": 300,
    "learning_assignments": 20,
    "express_class": 20,
    "bulk.upload": 30,
    "bulk.report": 10,
    "bulk": 5,
    "reporting": 400,
    "exporter": 400,
}
PER_HOUR: dict[str, int] = {"ous.specifications": 60}  # the one family whose hour is stricter than sixty minutes


def documented(bucket: str, table: dict[str, int]) -> int | None:
    """The longest prefix of the bucket's name that the table knows."""
    name = bucket
    while name:
        if name in table:
            return table[name]
        name = name.rpartition(".")[0]
    return None


class Throttle:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._minutes: dict[str, tuple[int, int]] = {}
        self._hours: dict[str, tuple[int, int]] = {}

    def per_minute(self, bucket: str) -> int | None:
        limits = self._settings["limits"]
        if limits == "off":
            return None
        own = documented(bucket, limits) if isinstance(limits, dict) else None
        return own if own is not None else documented(bucket, PER_MINUTE) or DEFAULT_PER_MINUTE

    def take(self, bucket: str, *, now: datetime) -> dict[str, str]:
        """Count a call; the monitoring headers, or ApiError 429 carrying none."""
        minute_limit = self.per_minute(bucket)
        if minute_limit is None:
            return {}
        hour_limit = documented(bucket, PER_HOUR) or minute_limit * 60
        minute = int(now.timestamp()) // 60
        in_minute = _count(self._minutes, bucket, minute)
        in_hour = _count(self._hours, bucket, minute // 60)
        headers = {
            "x-csod-throttling-rate-limit-urilevel": str(hour_limit),
            "x-csod-requests-remaining-urilevel": str(max(0, hour_limit - in_hour)),
        }
        if in_minute > minute_limit or in_hour > hour_limit:
            raise Throttled(headers)
        return headers

    def clear(self) -> None:
        self._minutes.clear()
        self._hours.clear()


class Throttled(ApiError):
    def __init__(self, headers: dict[str, str]) -> None:
        super().__init__(429, "CSOD Too many requests.")
        self.headers = headers


def _count(counters: dict[str, tuple[int, int]], bucket: str, period: int) -> int:
    then, count = counters.get(bucket, (period, 0))
    count = count + 1 if then == period else 1
    counters[bucket] = (period, count)
    return count
