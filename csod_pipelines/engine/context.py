"""What every step of the engine needs at hand, and the small helpers that all of them share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from csod_pipelines.engine.brakes import Brakes
from csod_pipelines.engine.filters import Filters
from csod_pipelines.engine.guard import LeaseGuard
from csod_pipelines.engine.modes import Modes
from csod_pipelines.engine.options import EngineOptions
from csod_pipelines.engine.totals import Totals
from csod_pipelines.model.keys import VENDOR_WORDS, Flow, Kind, RecordKey, SystemName
from csod_pipelines.model.outcomes import Disposition, Mode
from csod_pipelines.model.readings import Reading
from csod_pipelines.store import links, work
from csod_pipelines.store.database import Database
from csod_pipelines.store.links import Link
from csod_pipelines.store.work import Claim
from csod_pipelines.systems.base import Clock, Seams, System


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """How a unit, or one member of a roster, ended. ``reason`` is a code of model/reasons.yaml."""

    disposition: Disposition
    reason: str
    params: Mapping[str, Any] = field(default_factory=dict)
    operations: tuple[UUID, ...] = ()


class Later(Exception):
    """The unit goes on at another time; nothing is lost and nothing is settled yet. No time given: a little later at each attempt."""

    def __init__(self, reason: str, *, seconds: float | None = None, until: datetime | None = None, count_attempt: bool = True) -> None:
        super().__init__(reason)
        self.reason = reason
        self.seconds = seconds
        self.until = until
        self.count_attempt = count_attempt


class WaitsFor(Exception):
    """The unit needs others first, and they could not be finished here and now. ``looked_at``: they were just looked at and have no
    counterpart (refused, left out), so that asking soon again is of no use: their own change wakes the unit."""

    def __init__(self, subjects: Iterable[str], *, looked_at: bool = False) -> None:
        self.subjects = tuple(subjects)
        self.looked_at = looked_at
        super().__init__(", ".join(self.subjects))


class Parked(Exception):
    """A person must decide; the reason says who and what."""

    def __init__(self, reason: str, params: Mapping[str, Any] | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.params = dict(params or {})


class WouldApply(Exception):
    """The flow only observes, or this is a plan: the step was noted, nothing was sent."""

    def __init__(self, end: End) -> None:
        super().__init__(end.reason)
        self.end = end


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One write that a plan would make, in the vendors' words. ``brake`` names it where a brake would count it."""

    kind: Kind
    action: str
    target: SystemName
    administrate_id: str | None
    cornerstone_id: str | None
    fields: tuple[str, ...]
    reason: str
    subject: str = ""
    flow: Flow | None = None
    brake: str = ""
    brake_unit: str = ""
    before: Mapping[str, Any] = field(default_factory=dict)
    after: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Context:
    """One worker of one run. ``dry``: plan only, no write to a vendor and none to our tables."""

    database: Database
    systems: Mapping[SystemName, System]
    options: EngineOptions
    clock: Clock
    seams: Seams
    ids: Callable[[], UUID]
    guard: LeaseGuard
    run_id: str
    totals: Totals
    flow: Flow | None = None
    dry: bool = False
    restore: bool = False  # reconciliation: undo edits on the side without the right, change org units
    steps: list[Step] = field(default_factory=list)
    prefetched: dict[RecordKey, Reading] = field(default_factory=dict)
    first: Callable[[str], End | None] = field(default=lambda subject: None)
    modes: Modes
    brakes: Brakes
    filters: Filters
    needed: int = 0  # how deep in prerequisites: what others need is created although nothing else would ask for it
    claims: dict[str, Claim] = field(default_factory=dict)  # by the subject under which the unit was claimed

    def linked(self, conn: Connection, subject: str, link: Link) -> None:
        """A record just got its link: from this transaction on its unit is the link's, and both rows of work are one."""
        claim = self.claims.get(subject)
        if claim is None or claim.subject == f"link:{link.id}":
            return
        renamed = work.rename(conn, claim, f"link:{link.id}")
        self.claims[subject] = renamed
        self.guard.hold(renamed.subject)  # before the other is dropped: the lease is as old as it was
        self.guard.drop(claim.subject)

    def mode(self, flow: Flow) -> Mode:
        return self.modes.mode(flow)

    def live(self, flow: Flow) -> bool:
        """Whether a write of this flow would be sent just now."""
        return self.mode(flow) is Mode.LIVE and not self.modes.paused(flow)

    def tells_learners(self, system: SystemName) -> bool:
        """Whether a registration made now is to send a letter: only in real time, and only from the one side that is named."""
        return self.options.sender is system and self.flow in (Flow.ENROLLMENT, Flow.RESULT) and not self.restore

    def read(self, key: RecordKey, *, fresh: bool = True) -> Reading:
        """Look at the vendor; a reading taken in advance for a whole batch serves once, and only for "is it unchanged?"."""
        if (self.dry or not fresh) and (reading := self.prefetched.pop(key, None)) is not None:
            return reading
        self.totals.read += 1
        return self.systems[key.system].read(key.kind, key.id)

    def link_of(self, conn: Connection, key: RecordKey) -> Link | None:
        return links.by_record(conn, key.kind, key.system, key.id)


def id_on(link: Link, system: SystemName) -> str | None:
    return link.administrate_id if system is SystemName.ADMINISTRATE else link.cornerstone_id


def key_on(link: Link, system: SystemName) -> RecordKey:
    id = id_on(link, system)
    if id is None:
        raise LookupError(f"link {link.id} has no {system} id yet")
    return RecordKey(Kind(link.kind), system, id)


def words(kind: Kind, system: SystemName) -> str:
    return f"{system.capitalize()} {VENDOR_WORDS[kind][system]}"
