"""A clock that stands still until a test moves it, and with it the database's."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from csod_pipelines.store.database import Database, connect
from csod_pipelines.store.provision import Urls


class StillClock:
    def __init__(self) -> None:
        self.now = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)

    def utcnow(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def timed(database_urls: Urls, clock: StillClock) -> Iterator[Database]:
    """A fresh database that lives in the time of ``clock``."""
    database = connect(database_urls.engine, clock_now=clock.utcnow)
    try:
        yield database
    finally:
        database.close()
