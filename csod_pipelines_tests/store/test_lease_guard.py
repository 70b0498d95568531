"""What a worker believes of its own leases is never more than the database holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from csod_pipelines.engine.guard import LEASE_SECONDS, LeaseGuard
from csod_pipelines.store import leases, work
from csod_pipelines.store.database import Database, connect
from csod_pipelines.store.provision import Urls
from csod_pipelines.store.work import Mark
from csod_pipelines.systems.errors import LeaseLost
from csod_pipelines_tests.store.conftest import StillClock

FIRST, SECOND = "person:administrate:1", "person:administrate:2"
CALL_SECONDS = 10.0


class Stalls:
    """A clock for worker and database, and a place: the next commit of the worker takes ``seconds``."""

    def __init__(self, clock: StillClock) -> None:
        self.clock, self.seconds = clock, 0.0

    def at(self, place: str) -> None:
        if place == "store.committed":
            self.clock.advance(self.seconds)
            self.seconds = 0.0

    def monotonic(self) -> float:
        return self.clock.now.timestamp()

    def sleep(self, seconds: float) -> None:
        self.clock.advance(seconds)

    def utcnow(self):
        return self.clock.utcnow()


@pytest.fixture
def stalls(clock: StillClock) -> Stalls:
    return Stalls(clock)


@pytest.fixture
def guard(timed: Database, database_urls: Urls, clock: StillClock, stalls: Stalls) -> Iterator[LeaseGuard]:
    """Its worker, ``first``, has leased both units just now."""
    with timed.begin() as conn:
        work.mark(conn, [Mark(FIRST, "people_sync"), Mark(SECOND, "people_sync")])
        assert len(work.claim(conn, flows=["people_sync"], owner="first", limit=2, lease_seconds=LEASE_SECONDS)) == 2
    database = connect(database_urls.engine, clock_now=clock.utcnow, seams=stalls)
    yield LeaseGuard(database=database, clock=stalls, owner="first")
    database.close()


def left(database: Database, clock: StillClock) -> list[timedelta]:
    with database.read() as conn:
        return [row.lease_until - clock.now for row in conn.exec_driver_sql("SELECT lease_until FROM work").all()]


def test_a_lease_whose_renewal_took_long_counts_from_before_it(
    timed: Database, guard: LeaseGuard, clock: StillClock, stalls: Stalls
) -> None:
    guard.hold(FIRST)
    guard.hold(SECOND)
    stalls.seconds = LEASE_SECONDS + 5
    guard.ensure(CALL_SECONDS)
    guard.ensure(CALL_SECONDS)
    assert min(left(timed, clock)) > timedelta(seconds=CALL_SECONDS)


def test_a_unit_that_got_another_name_keeps_the_age_of_its_lease(timed: Database, guard: LeaseGuard, clock: StillClock) -> None:
    guard.keep(FIRST, since=clock.now.timestamp())
    guard.hold(FIRST)
    clock.advance(25)
    guard.hold(SECOND)
    guard.drop(FIRST)
    guard.ensure(CALL_SECONDS)
    with timed.read() as conn:
        until = conn.exec_driver_sql(f"SELECT lease_until FROM work WHERE subject = '{SECOND}'").scalar_one()
    assert until - clock.now > timedelta(seconds=CALL_SECONDS)


def test_a_lease_of_unknown_age_is_renewed_before_the_first_call(timed: Database, guard: LeaseGuard, clock: StillClock) -> None:
    clock.advance(25)
    guard.hold(FIRST)
    guard.hold(SECOND)
    guard.ensure(CALL_SECONDS)
    assert min(left(timed, clock)) > timedelta(seconds=CALL_SECONDS)


def test_calls_that_were_let_pass_are_counted_and_one_that_was_not_is_not(timed: Database, guard: LeaseGuard, clock: StillClock) -> None:
    """By this count an operation knows, when its unit was taken over, whether anything of it may have been sent."""
    guard.keep(FIRST, since=clock.now.timestamp())
    guard.hold(FIRST)
    guard.ensure(CALL_SECONDS)
    assert guard.allowed == 1
    clock.advance(LEASE_SECONDS + 1)
    with timed.begin() as conn:
        work.claim(conn, flows=["people_sync"], owner="second", limit=2, lease_seconds=LEASE_SECONDS)
    with pytest.raises(LeaseLost):
        guard.ensure(CALL_SECONDS)
    assert guard.allowed == 1


def test_a_unit_that_was_taken_over_before_its_turn_is_not_begun_and_does_not_stop_the_one_at_hand(
    timed: Database, guard: LeaseGuard, clock: StillClock
) -> None:
    for subject in (FIRST, SECOND):
        guard.keep(subject, since=clock.now.timestamp())
    clock.advance(LEASE_SECONDS + 1)
    with timed.begin() as conn:
        assert work.claim_subject(conn, SECOND, owner="second") is not None
    guard.hold(FIRST)
    guard.ensure(CALL_SECONDS)
    guard.drop(FIRST)
    with pytest.raises(LeaseLost):
        guard.hold(SECOND)


@pytest.mark.parametrize("exclusive", [True, False])
def test_an_import_whose_lease_was_taken_over_stops_before_its_next_call(
    timed: Database, guard: LeaseGuard, clock: StillClock, exclusive: bool
) -> None:
    """It woke up, found nobody in a table that its successor had begun anew, and would have created everybody again."""
    with timed.begin() as conn:
        assert leases.acquire(conn, "import:person", "first", LEASE_SECONDS)
    guard.drain_as("import:person", exclusive=exclusive)
    guard.ensure(CALL_SECONDS)
    clock.advance(LEASE_SECONDS + 1)
    with timed.begin() as conn:
        assert leases.acquire(conn, "import:person", "second", LEASE_SECONDS)
    if exclusive:
        with pytest.raises(LeaseLost, match="import:person was taken over"):
            guard.ensure(CALL_SECONDS)
    else:
        guard.ensure(CALL_SECONDS)  # of a flow: its units are leased one by one
