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
    """Holds the subjects one owner works on. ``ensure`` is the System's Guard."""

    def __init__(self, *, database: Database, clock: Clock, owner: str) -> None:
        self._database = database
        self._clock = clock
        self.owner = owner
        self._subjects: dict[str, None] = {}
        self._drainer: str | None = None
        self._renewed = UNKNOWN
        self.allowed = 0  # how often a call was let pass

    def hold(self, subject: str, *, since: float = UNKNOWN) -> None:
        """``since``: a moment before the lease was taken. The first call renews it where that is not known."""
        if not self._subjects:
            self._renewed = since
        self._subjects[subject] = None

    def drop(self, subject: str) -> None:
        self._subjects.pop(subject, None)

    def drain_as(self, name: str | None) -> None:
        self._drainer = name

    def ensure(self, seconds: float) -> None:
        """Make sure that at least ``seconds`` plus a margin of every held lease remain; raises LeaseLost otherwise."""
        age = self._clock.monotonic() - self._renewed
        fresh = age < JUST_NOW_SECONDS or (age < RENEW_SECONDS and LEASE_SECONDS - age > seconds + MARGIN_SECONDS)
        if not fresh and (self._subjects or self._drainer is not None):
            self.renew()
        self.allowed += 1

    def renew(self) -> None:
        before = self._clock.monotonic()  # the lease counts from here at the latest, however long the commit takes
        with self._database.begin() as conn:
            subjects = list(self._subjects)
            held = work.renew(conn, owner=self.owner, subjects=subjects, lease_seconds=LEASE_SECONDS) if subjects else ()
            if self._drainer is not None:
                leases.renew(conn, self._drainer, self.owner, LEASE_SECONDS)
        self._renewed = before
        lost = [subject for subject in self._subjects if subject not in held]
        if lost:
            raise LeaseLost(f"the lease of {', '.join(lost)} was taken over; nothing more is sent for it by this worker")
