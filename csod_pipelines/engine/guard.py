"""Keeps the worker's leases alive, and refuses to send a request that could outlast them.

There is no heartbeat thread: every vendor call asks first, and the leases are renewed when they are a third gone or when
too little is left for the call's time-out. A worker that computes or sleeps for long loses its unit, and notices here.
"""

from __future__ import annotations

from csod_pipelines.store import leases, work
from csod_pipelines.store.database import Database
from csod_pipelines.systems.base import Clock
from csod_pipelines.systems.errors import LeaseLost

LEASE_SECONDS = 30.0
RENEW_SECONDS = 10.0
MARGIN_SECONDS = 3.0
UNKNOWN = float("-inf")
JUST_NOW_SECONDS = 0.5  # a lease cannot be made longer than it was just made: the calls of a batch may outlast any


class LeaseGuard:
    """Knows which units one owner has leased (kept) and which of them it is working on (held). ``ensure`` is the System's Guard."""

    def __init__(self, *, database: Database, clock: Clock, owner: str) -> None:
        self._database = database
        self._clock = clock
        self.owner = owner
        self._kept: dict[str, None] = {}
        self._held: dict[str, None] = {}
        self._lost: set[str] = set()  # kept, and taken over before their turn came
        self._drainer: str | None = None
        self._exclusive = False
        self._renewed = UNKNOWN
        self.allowed = 0  # how often a call was let pass

    def keep(self, subject: str, *, since: float) -> None:
        """A unit whose turn will come, leased a moment after ``since``."""
        self._renewed = min(self._renewed, since) if self._kept or self._held else since
        self._kept[subject] = None
        self._lost.discard(subject)

    def hold(self, subject: str) -> None:
        """Work on it begins. Raises LeaseLost where it was taken over since it was kept."""
        if subject in self._lost:
            raise _lost([subject])
        if subject not in self._kept and not self._held:
            self._renewed = UNKNOWN  # how old its lease is nobody said: it is renewed before the first call
        self._held[subject] = None

    def drop(self, subject: str) -> None:
        self._kept.pop(subject, None)
        self._held.pop(subject, None)
        self._lost.discard(subject)

    def drain_as(self, name: str | None, *, exclusive: bool = False) -> None:
        """A lease kept beside those of units. ``exclusive``: whose loss ends the work, for two at it would get into each other's way."""
        self._drainer, self._exclusive = name, exclusive

    def ensure(self, seconds: float) -> None:
        """Make sure that at least ``seconds`` plus a margin of every lease remain; raises LeaseLost where a unit that is being
        worked on, or an exclusive lease, was taken over."""
        age = self._clock.monotonic() - self._renewed
        fresh = age < JUST_NOW_SECONDS or (age < RENEW_SECONDS and LEASE_SECONDS - age > seconds + MARGIN_SECONDS)
        if not fresh and (self._kept or self._held or self._drainer is not None):
            self.renew()
        self.allowed += 1

    def renew(self) -> None:
        before = self._clock.monotonic()  # the lease counts from here at the latest, however long the commit takes
        subjects = [*self._kept, *(subject for subject in self._held if subject not in self._kept)]
        with self._database.begin() as conn:
            renewed = work.renew(conn, owner=self.owner, subjects=subjects, lease_seconds=LEASE_SECONDS) if subjects else ()
            drains = self._drainer is None or leases.renew(conn, self._drainer, self.owner, LEASE_SECONDS)
        self._renewed = before
        gone = [subject for subject in subjects if subject not in renewed]
        self._lost.update(gone)
        for subject in gone:
            self._kept.pop(subject, None)
        if self._exclusive and not drains:
            raise _lost([self._drainer or ""])
        if any(subject in self._held for subject in gone):
            raise _lost(gone)


def _lost(subjects: list[str]) -> LeaseLost:
    return LeaseLost(f"the lease of {', '.join(subjects)} was taken over; nothing more is sent for it by this worker")
