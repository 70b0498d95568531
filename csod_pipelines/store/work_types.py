"""The values that store/work.py takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


class Fenced(Exception):
    """The lease behind a claim is no longer this worker's: nothing of what it did may be recorded under it."""


class NameHeld(Fenced):
    """A unit cannot take its new name while another claim holds it. The claim itself is still good: postpone it for a moment."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A record may have changed. ``side`` is where the hint came from, None when both sides must be read."""

    subject: str
    flow: str
    side: str | None = None
    event_number: int = 0
    member: str | None = None
    delay_seconds: float = 0


@dataclass(frozen=True, slots=True)
class Member:
    member: str
    up_to_event: int
    sides: frozenset[str]


@dataclass(frozen=True, slots=True)
class Claim:
    """A lease on one unit. ``taken_over``: the worker before did not finish, so a write of its may be under way."""

    subject: str
    flow: str
    version: int
    fence: int
    owner: str
    sides: frozenset[str]
    up_to_event: int
    first_seen: datetime
    attempts: int
    members: tuple[Member, ...] = ()
    taken_over: bool = False


@dataclass(frozen=True, slots=True)
class Parked:
    subject: str
    flow: str
    reason: str
    params: Mapping[str, Any]
    since: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """``ready`` counts to 10,000 and no further; ``oldest`` is when the oldest of those was first marked."""

    ready: int
    oldest: datetime | None
    leased: int
    next_ready_at: datetime | None
    parked: int
