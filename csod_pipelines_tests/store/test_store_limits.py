from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from csod_pipelines.store.database import Database
from csod_pipelines.store.limits import BucketSpec, NotYet, SharedBudget
from csod_pipelines.store.provision import Urls

MINUTE = "cornerstone:assignments"
PACE = "administrate"


def factor(database: Database, bucket: str) -> float:
    with database.read() as conn:
        return conn.execute(text("SELECT factor FROM limit_bucket WHERE name = :name"), {"name": bucket}).scalar_one()


def take_all(budget: SharedBudget, bucket: str, at_most: int = 10_000) -> int:
    for taken in range(at_most):
        try:
            budget.take(bucket)
        except NotYet:
            return taken
    return at_most


def test_a_window_gives_its_limit_and_then_says_until_when(timed: Database, clock: Any) -> None:
    clock.advance(17.5)
    budget = SharedBudget(timed, clock, {MINUTE: BucketSpec(limit=20)})
    assert take_all(budget, MINUTE) == 20
    with pytest.raises(NotYet) as refused:
        budget.take(MINUTE)
    assert (refused.value.bucket, refused.value.until) == (MINUTE, clock.now + timedelta(seconds=42.5))
    clock.advance(42.5)
    assert take_all(budget, MINUTE) == 20


def test_an_amount_is_taken_whole_or_not_at_all(timed: Database, clock: Any) -> None:
    day = BucketSpec(limit=60_000, seconds=86_400)
    budget = SharedBudget(timed, clock, {"day": day})
    for _ in range(5):
        budget.take("day", 11_000)
    with pytest.raises(NotYet) as refused:
        budget.take("day", 11_000)
    assert refused.value.until == clock.now.replace(hour=0) + timedelta(days=1)
    budget.take("day", 5_000)


def test_a_bucket_nobody_limits_is_not_limited(timed: Database, clock: Any) -> None:
    assert take_all(SharedBudget(timed, clock, {}), "anything", 1000) == 1000


def test_processes_share_one_budget(timed: Database, clock: Any) -> None:
    first, second = (SharedBudget(timed, clock, {MINUTE: BucketSpec(limit=100)}) for _ in range(2))
    assert take_all(first, MINUTE, 30) + take_all(second, MINUTE) + take_all(first, MINUTE) == 100


def test_two_processes_at_once_never_exceed_the_limit(database: Database, database_urls: Urls) -> None:
    """By the real clock: each spends as fast as it can for a while; together they must stay within the pace."""
    program = f"""
import time
from datetime import UTC, datetime
from csod_pipelines.store.database import connect
from csod_pipelines.store.limits import BucketSpec, NotYet, SharedBudget
class Clock:
    def utcnow(self): return datetime.now(UTC)
specs = {{"a": BucketSpec(limit=50, seconds=1, paced=True), "b": BucketSpec(limit=100, seconds=3600)}}
budget = SharedBudget(connect({database_urls.engine!r}), Clock(), specs)
spent, end = [0, 0], time.monotonic() + 3
while time.monotonic() < end:
    for n, bucket in enumerate("ab"):
        try:
            budget.take(bucket)
            spent[n] += 1
        except NotYet:
            time.sleep(0.002)
print(*spent)
"""
    both = [subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate()[0].split() for process in both]
    paced = sum(int(o[0]) for o in outputs)
    # the two overlap for about three seconds but need not start together
    assert 75 <= paced <= 50 * 6 + 5
    windows = sum(int(o[1]) for o in outputs)
    assert windows in (100, 200), "200 only when the run met the turn of an hour"


def test_a_pace_is_even_and_saves_up_a_little(timed: Database, clock: Any) -> None:
    budget = SharedBudget(timed, clock, {PACE: BucketSpec(limit=20, seconds=1, paced=True, burst=5)})
    assert take_all(budget, PACE) == 5
    taken = 0
    for _ in range(1000):
        clock.advance(0.01)
        taken += take_all(budget, PACE)
    assert 195 <= taken <= 201, "20 a second for 10 seconds"
    clock.advance(60)
    assert take_all(budget, PACE) == 5


def test_a_late_caller_of_a_pace_loses_nothing(timed: Database, clock: Any) -> None:
    """Sleeping overshoots; what was missed is made up for, or the limit is never reached."""
    budget = SharedBudget(timed, clock, {PACE: BucketSpec(limit=20, seconds=1, paced=True, burst=5)})
    take_all(budget, PACE)
    start, taken = clock.now, 0
    while clock.now < start + timedelta(seconds=10):
        try:
            budget.take(PACE)
            taken += 1
        except NotYet as wait:
            clock.now = wait.until + timedelta(milliseconds=23)
    assert taken >= 196


def test_a_clock_that_was_ten_minutes_fast_and_is_set_right_does_not_stop_a_pace_for_ten_minutes(timed: Database, clock: Any) -> None:
    """The bucket's instant lay in what was the future then."""
    limits = {PACE: BucketSpec(limit=20, seconds=1, paced=True, burst=5)}
    clock.advance(600)
    take_all(SharedBudget(timed, clock, limits), PACE)
    clock.advance(-600)
    assert take_all(SharedBudget(timed, clock, limits), PACE) == 5


def test_a_429_blocks_until_the_vendor_says_by_the_vendors_clock(timed: Database, clock: Any) -> None:
    budget = SharedBudget(timed, clock, {MINUTE: BucketSpec(limit=20)})
    budget.take(MINUTE)
    vendor_now = clock.now + timedelta(seconds=90)
    budget.blocked(MINUTE, until=vendor_now + timedelta(seconds=30), vendor_now=vendor_now)
    other = SharedBudget(timed, clock, {MINUTE: BucketSpec(limit=20)})
    for one in (budget, other):
        with pytest.raises(NotYet) as refused:
            one.take(MINUTE)
        assert refused.value.until == clock.now + timedelta(seconds=30)
    clock.advance(30)
    assert take_all(other, MINUTE) == 10, "half the limit for an hour"
    clock.advance(3600)
    assert take_all(other, MINUTE) == 20


def test_windows_turn_by_the_vendors_clock(timed: Database, clock: Any) -> None:
    budget = SharedBudget(timed, clock, {MINUTE: BucketSpec(limit=20)})
    budget.tell_time(MINUTE, vendor_now=clock.now + timedelta(seconds=45))
    assert take_all(budget, MINUTE) == 20
    clock.advance(15)
    assert take_all(budget, MINUTE) == 20


def test_hardly_anything_remaining_though_we_spent_little_halves_our_rate(timed: Database, clock: Any) -> None:
    budget = SharedBudget(timed, clock, {MINUTE: BucketSpec(limit=100)})
    take_all(budget, MINUTE, 5)
    budget.observed(MINUTE, limit=100, remaining=60)
    assert factor(timed, MINUTE) == 1
    budget.observed(MINUTE, limit=100, remaining=3)
    assert factor(timed, MINUTE) == 0.5
    ours = SharedBudget(timed, clock, {"b": BucketSpec(limit=100)})
    assert take_all(ours, "b") == 100
    ours.observed("b", limit=100, remaining=0)
    assert factor(timed, "b") == 1, "it was we who spent it"


def test_batches_leave_a_reserve_which_is_lent_when_nobody_has_asked_for_a_second(timed: Database, clock: Any) -> None:
    spec = {MINUTE: BucketSpec(limit=100, reserve=0.2)}
    live, batch = SharedBudget(timed, clock, spec), SharedBudget(timed, clock, spec, lane="batch")
    live.take(MINUTE)
    assert take_all(batch, MINUTE) == 70, "100 less the chunk of 10 that the live process holds and the reserve of 20"
    with pytest.raises(NotYet) as refused:
        batch.take(MINUTE)
    assert refused.value.until == clock.now + timedelta(seconds=1)
    assert take_all(live, MINUTE, 14) == 14
    clock.advance(1)
    assert take_all(batch, MINUTE) == 10
    with pytest.raises(NotYet) as refused:
        batch.take(MINUTE)
    assert refused.value.until == clock.now.replace(second=0) + timedelta(minutes=1)


def test_the_lane_may_be_asked_for_at_each_call(timed: Database, clock: Any) -> None:
    lanes = iter(["live", "batch", "live"])
    budget = SharedBudget(timed, clock, {PACE: BucketSpec(limit=20, seconds=1, paced=True, burst=5)}, lane=lambda: next(lanes))  # pyright: ignore
    for _ in range(3):
        try:
            budget.take(PACE)
        except NotYet:
            clock.advance(1)
    assert next(lanes, "asked") == "asked"
