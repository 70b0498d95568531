"""One budget a rate limit, shared by every process through one row, so that nobody can spend what another has spent.

Tokens are taken from the row in chunks and spent from memory. Two shapes of limit:

    window   so many calls in each minute or day of the *vendor's* clock (Cornerstone); what is unused lapses with it
    pace     so many a second, evenly (Administrate): a bucket that fills steadily and holds at most ``burst``

Batches leave a reserve for what people wait for, and get it lent while nobody has asked for a second. A 429, or hardly anything
remaining, halves our rate for an hour: others spend the same limit.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

from sqlalchemy import text

from csod_pipelines.store.database import Database

Lane = Literal["live", "batch"]

#: A process takes at most this share of a window at once: what it then does not use is lost to the others.
CHUNK_SHARE = 0.1
MAX_CHUNK = 50
#: The reserve is lent once no live call was made for this long.
LIVE_FRESH_SECONDS = 1.0
#: Evenly means soon: a token that lay unused for longer is given up rather than added to those of later.
PACED_TOKEN_SECONDS = 1.0
SLOWED_FACTOR = 0.5
SLOWED_SECONDS = 3600.0
LOW_REMAINING_SHARE = 0.1
#: No pace is so slow that a bucket fills for longer: such a row was written by a clock that has been set back since.
LONGEST_FILL_SECONDS = 120.0


class NotYet(Exception):
    """The budget has no token now. ``until`` is by our clock."""

    def __init__(self, bucket: str, until: datetime) -> None:
        super().__init__(f"the limit {bucket} is used up until {until.isoformat()}")
        self.bucket = bucket
        self.until = until


class Clock(Protocol):
    def utcnow(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class BucketSpec:
    """``limit`` calls each ``seconds``: 60 = the vendor's minute, 86400 = its UTC day; ``paced``: spread evenly instead.

    ``burst``: how many a paced bucket saves up while idle or late. ``reserve``: the share that batches leave for live calls."""

    limit: float
    seconds: float = 60
    paced: bool = False
    burst: float = 5
    reserve: float = 0.2


@dataclass(slots=True)
class _Row:
    """limit_bucket, in memory while its row is locked. Times are by our clock except ``window_start``, which is the vendor's."""

    window_start: datetime
    used: float
    live_at: datetime | None
    blocked_until: datetime | None
    factor: float
    factor_until: datetime | None
    vendor_offset: float


@dataclass(slots=True)
class _Tokens:
    left: float
    until: datetime


_ENSURE = text("INSERT INTO limit_bucket (name, window_start) VALUES (:name, to_timestamp(0)) ON CONFLICT DO NOTHING")
_LOCK = text("""
    SELECT window_start, used, live_at, blocked_until, factor, factor_until, vendor_offset
    FROM limit_bucket WHERE name = :name FOR UPDATE""")
_STORE = text("""
    UPDATE limit_bucket SET window_start = :window_start, used = :used, live_at = :live_at, blocked_until = :blocked_until,
        factor = :factor, factor_until = :factor_until, vendor_offset = :vendor_offset WHERE name = :name""")


class SharedBudget:
    """Satisfies systems.base.Budget, except that it raises NotYet, which the transport translates.

    ``lane`` says for whom the next call is; a function is asked each time. Buckets without a spec are not limited."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        limits: Mapping[str, BucketSpec],
        *,
        lane: Lane | Callable[[], Lane] = "live",
    ) -> None:
        self._database = database
        self._clock = clock
        self._limits = dict(limits)
        self._lane: Callable[[], Lane] = lane if callable(lane) else lambda: lane
        self._tokens: dict[tuple[str, Lane], _Tokens] = {}
        self._lock = threading.RLock()

    def take(self, bucket: str, amount: int = 1) -> None:
        """Return at once when ``amount`` calls may be sent now; else raise NotYet."""
        spec = self._limits.get(bucket)
        if spec is None:
            return
        lane = self._lane()
        with self._lock:
            held = self._tokens.get((bucket, lane))
            if held is None or held.until <= self._clock.utcnow() or held.left < amount:
                held = self._lease(bucket, spec, lane, amount)
                self._tokens[bucket, lane] = held
            held.left -= amount

    def blocked(self, bucket: str, *, until: datetime, vendor_now: datetime) -> None:
        """The vendor answered 429. ``until`` and ``vendor_now`` are by its clock."""
        self.tell_time(bucket, vendor_now=vendor_now)

        def block(row: _Row, now: datetime) -> None:
            ours = until - timedelta(seconds=row.vendor_offset)
            row.blocked_until = max(ours, row.blocked_until or ours)
            _slow_down(row, now)

        self._change(bucket, block)
        self._drop_tokens(bucket)

    def observed(self, bucket: str, *, limit: int | None, remaining: int | None) -> None:
        """What the vendor's headers said. Hardly anything remaining, though we have spent little, means that others spend too."""
        spec = self._limits.get(bucket)
        if spec is None or remaining is None:
            return
        if remaining < (limit or spec.limit) * LOW_REMAINING_SHARE:
            self._change(bucket, _slow_down_if_others_spend(spec, remaining))
            self._drop_tokens(bucket)

    def tell_time(self, bucket: str, *, vendor_now: datetime) -> None:
        """The vendor's clock, from its Date header: its windows begin and end by it."""
        offset = (vendor_now - self._clock.utcnow()).total_seconds()
        # the header counts whole seconds, so less than that is no news
        if abs(offset) < 1:
            offset = 0.0

        def store(row: _Row, _: datetime) -> None:
            row.vendor_offset = offset

        self._change(bucket, store)

    def _lease(self, bucket: str, spec: BucketSpec, lane: Lane, amount: int) -> _Tokens:
        tokens: list[_Tokens] = []
        refused: list[datetime] = []

        def lease(row: _Row, now: datetime) -> None:
            if row.blocked_until and row.blocked_until > now:
                refused.append(row.blocked_until)
                return
            if row.factor_until and row.factor_until <= now:
                row.factor, row.factor_until = 1.0, None
            taken = (_lease_pace if spec.paced else _lease_window)(row, spec, lane, amount, now)
            if isinstance(taken, datetime):
                refused.append(taken)
            else:
                tokens.append(taken)
            if lane == "live":
                row.live_at = now

        self._change(bucket, lease)
        if refused:
            raise NotYet(bucket, refused[0])
        return tokens[0]

    def _change(self, bucket: str, change: Callable[[_Row, datetime], None]) -> None:
        with self._database.begin() as conn:
            found = conn.execute(_LOCK, {"name": bucket}).one_or_none()
            if found is None:
                conn.execute(_ENSURE, {"name": bucket})
                found = conn.execute(_LOCK, {"name": bucket}).one()
            row = _Row(**found._asdict())
            change(row, self._clock.utcnow())
            conn.execute(_STORE, {"name": bucket} | {name: getattr(row, name) for name in _Row.__slots__})

    def _drop_tokens(self, bucket: str) -> None:
        with self._lock:
            for key in [k for k in self._tokens if k[0] == bucket]:
                del self._tokens[key]


def _lease_window(row: _Row, spec: BucketSpec, lane: Lane, amount: int, now: datetime) -> _Tokens | datetime:
    """Tokens of the vendor's current window, or the instant of ours at which the next one begins."""
    offset = timedelta(seconds=row.vendor_offset)
    start = _window_start(now + offset, spec.seconds)
    end = start + timedelta(seconds=spec.seconds) - offset
    if row.window_start != start:
        row.window_start, row.used = start, 0.0
    allowed = max(math.floor(spec.limit * row.factor), 1)
    free = allowed - row.used - _reserved(row, spec, lane, now)
    if free < amount:
        if lane == "batch" and allowed - row.used >= amount:  # only the reserve is left: it is lent in a second
            return min(end, (row.live_at or now) + timedelta(seconds=LIVE_FRESH_SECONDS))
        return end
    chunk = max(amount, min(free, MAX_CHUNK, math.floor(allowed * CHUNK_SHARE)))
    row.used += chunk
    return _Tokens(left=chunk, until=end)


def _lease_pace(row: _Row, spec: BucketSpec, lane: Lane, amount: int, now: datetime) -> _Tokens | datetime:
    """``window_start`` is here the instant at which the bucket is full again; taking moves it on by the time a token takes."""
    share = 1 - spec.reserve if lane == "batch" and _live_is_fresh(row, now) else 1.0
    interval = spec.seconds / (spec.limit * row.factor * share)
    if (row.window_start - now).total_seconds() > max(LONGEST_FILL_SECONDS, 2 * interval * max(spec.burst, amount)):
        row.window_start = now
    earliest = row.window_start - timedelta(seconds=interval * (max(spec.burst, amount) - amount))
    if earliest > now:
        return earliest
    # what has been saved up while idle goes out as one chunk
    saved = math.floor(max(spec.burst - (row.window_start - now).total_seconds() / interval, 1)) if row.window_start > now else spec.burst
    chunk = max(amount, min(saved, MAX_CHUNK, math.floor(spec.burst)))
    row.window_start = max(row.window_start, now) + timedelta(seconds=interval * chunk)
    row.used += chunk
    return _Tokens(left=chunk, until=now + timedelta(seconds=PACED_TOKEN_SECONDS))


def _reserved(row: _Row, spec: BucketSpec, lane: Lane, now: datetime) -> float:
    return math.floor(spec.limit * row.factor * spec.reserve) if lane == "batch" and _live_is_fresh(row, now) else 0.0


def _live_is_fresh(row: _Row, now: datetime) -> bool:
    return row.live_at is not None and (now - row.live_at).total_seconds() < LIVE_FRESH_SECONDS


def _slow_down(row: _Row, now: datetime) -> None:
    row.factor, row.factor_until = SLOWED_FACTOR, now + timedelta(seconds=SLOWED_SECONDS)


def _slow_down_if_others_spend(spec: BucketSpec, remaining: int) -> Callable[[_Row, datetime], None]:
    def change(row: _Row, now: datetime) -> None:
        if row.used < (spec.limit - remaining) * (1 - LOW_REMAINING_SHARE):
            _slow_down(row, now)

    return change


def _window_start(vendor_now: datetime, seconds: float) -> datetime:
    return datetime.fromtimestamp(vendor_now.timestamp() // seconds * seconds, tz=UTC)
