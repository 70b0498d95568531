"""What a system uses when the house injects nothing: the real clock, and a budget, recorder, guard and seams that do nothing."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime

from csod_pipelines.model.keys import SystemName


class SystemClock:
    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def utcnow(self) -> datetime:
        return datetime.now(UTC)


class NoSeams:
    def at(self, place: str) -> None:
        pass


class NoBudget:
    def take(self, bucket: str, amount: int = 1) -> None:
        pass

    def blocked(self, bucket: str, *, until: datetime, vendor_now: datetime) -> None:
        pass

    def observed(self, bucket: str, *, limit: int | None, remaining: int | None) -> None:
        pass


class NoRecorder:
    """Keeps nothing, but still gives every request an id of its own."""

    def sending(self, *, system: SystemName, method: str, url: str, operation: str, body: bytes | None) -> str:
        return str(uuid.uuid4())

    def answered(self, request_id: str, *, status: int | None, body: bytes | None, seconds: float, error: str | None) -> None:
        pass


class NoGuard:
    def ensure(self, seconds: float) -> None:
        pass
