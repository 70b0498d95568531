"""What the engine asks of a system, and what a system asks of the house.

A system adapter speaks the vendor's protocol and returns model records; it decides nothing. Drafts given to it
are model values whose references are already ids of *that* system. What an adapter needs from outside (a rate
budget, a recorder of exchanges, a clock, tokens) it asks for as the small protocols at the end of this file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from inspect import isfunction
from typing import Any, Protocol, TypeGuard, TypeVar

from csod_pipelines.model.keys import Kind, RecordKey, SystemName
from csod_pipelines.model.readings import Reading, Roster
from csod_pipelines.model.records import Record, Value


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A record to be created. ``marker`` is unique to the intent and findable afterwards where the vendor allows;
    ``facts`` carry what only the target needs (Cornerstone: ``user_ref``, ``user_name``, ``ref``, ``type_id``)."""

    kind: Kind
    value: Value
    marker: str
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A write that the vendor accepted. ``record`` is what it holds now, where the answer or a read-back says so."""

    id: str
    record: Record | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A write, or one row of a batch, that the vendor refused for good. ``fields`` names what it objected to."""

    message: str
    code: str | None = None
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """Something may have changed: look. ``offering_id`` is given for learners and transcript rows where known."""

    key: RecordKey
    offering_id: str | None = None
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangePage:
    hints: tuple[Hint, ...]
    cursor: str  # to be stored once the hints are; passing it again continues from here
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    records: tuple[Record, ...]
    complete: bool = False  # true on the last page of a scan that is known to have seen every row


class System(Protocol):
    """One vendor. Every method may raise the errors of systems/errors.py; none sleeps beyond two seconds."""

    name: SystemName

    def now(self) -> datetime:
        """The vendor's own clock: the Date header of its last answer, moved on by elapsed monotonic time."""
        ...

    def read(self, kind: Kind, id: str) -> Reading: ...

    def read_many(self, kind: Kind, ids: Sequence[str]) -> Mapping[str, Reading]: ...

    def find(self, kind: Kind, wanted: Value, *, marker: str | None = None, facts: Mapping[str, Any] | None = None) -> tuple[Record, ...]:
        """Records that may be ``wanted``: by marker or external id first, else by natural key (person: e-mail and
        family name; org unit: external id; course: code; offering: SessionID). Used before a create and to settle
        an unknown answer. Empty only when the look-up is able to see such a record."""
        ...

    def create(self, draft: Draft) -> Written: ...

    def create_many(self, drafts: Sequence[Draft]) -> tuple[Written | Refusal, ...]:
        """In the order given, one answer a draft, in the vendor's largest batches."""
        ...

    def update(self, kind: Kind, id: str, value: Value, fields: frozenset[str]) -> Written:
        """Write ``fields`` of ``value``; the other fields of ``value`` are what the vendor holds now."""
        ...

    def remember(self, key: RecordKey, ids: Mapping[str, str]) -> None:
        """Store external ids (name -> value) on the record, where the system can hold them; else do nothing."""
        ...

    def remember_many(self, rows: Sequence[tuple[RecordKey, Mapping[str, str]]]) -> tuple[Refusal | None, ...]: ...

    def find_by_external_id(self, kind: Kind, name: str, value: str) -> Record | None: ...

    def scan(self, kind: Kind) -> Iterator[Page]:
        """Every record of the kind, in bounded pages, parents not necessarily first."""
        ...

    def changes(self, kind: Kind, cursor: str | None) -> ChangePage:
        """What changed since the cursor. None starts from now and returns no hints, only the cursor."""
        ...

    def enrollments_between(self, start: datetime, end: datetime) -> Iterator[Page]:
        """Enrollments registered in [start, end), ended and removed ones included, of every offering."""
        ...

    def roster(self, offering_id: str) -> Roster: ...

    def register(self, offering_id: str, people: Sequence[Record], *, title: str, notify: bool = False) -> Mapping[str, Written | Refusal]:
        """By person id. Cornerstone accepts asynchronously: the row appears on the roster later, and ``Written.id`` is
        the assignment; Administrate answers with the learner."""
        ...

    def withdraw(self, offering_id: str, enrollment: Record, *, reason: str, notify: bool = False) -> Written: ...

    def reactivate(self, offering_id: str, enrollment: Record) -> Written: ...

    def record_outcomes(self, offering_id: str, rows: Sequence[OutcomeRow], *, submit: bool) -> Mapping[str, Written | Refusal]:
        """By enrollment id. Attendance and result in one go; ``submit`` (Cornerstone) completes the listed people."""
        ...

    def assignment_state(self, assignment_id: str) -> str | None:
        """Cornerstone: what became of a learning assignment; None where the system has no such thing."""
        ...

    def find_assignment(self, title: str) -> str | None:
        """Cornerstone: id of the learning assignment with that title, to settle an unknown answer; else None."""
        ...

    def offering_of(self, part_id: str) -> str | None:
        """Administrate: the event that a session belongs to; None when the session is gone or the system has no such call."""
        ...

    def link_to(self, key: RecordKey, facts: Mapping[str, Any]) -> str | None:
        """An address a person can open."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeRow:
    enrollment: Record
    person: Record
    attendance: Mapping[str, bool]  # part id of this system -> present
    result: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """What people of the vendor's side read about one operation, on the record ``node_id`` or, without one, on the instance.

    ``details`` and each of ``groups`` become lines. All administrators read them: no personal data, no secrets."""

    origin: str
    message: str
    failed: bool
    node_id: str | None = None
    details: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[Mapping[str, str], ...] = ()


class TakesLogs(Protocol):
    """A system that shows entries about our operations to its own administrators."""

    def write_logs(self, entries: Sequence[LogEntry]) -> tuple[Refusal | None, ...]:
        """In the order given; None where the entry was taken."""
        ...


P = TypeVar("P")


def offers(system: object, what: type[P]) -> TypeGuard[P]:
    """Whether the system has every method of the protocol ``what`` itself names. ``isinstance`` would not see, from Python 3.12 on,
    what a wrapper forwards."""
    return all(callable(getattr(system, name, None)) for name, made in vars(what).items() if isfunction(made) and not name.startswith("_"))


# ---- what a system asks of the house ----


class Clock(Protocol):
    def monotonic(self) -> float: ...

    def sleep(self, seconds: float) -> None: ...

    def utcnow(self) -> datetime: ...


class Seams(Protocol):
    """Named places where the simulation may switch workers, fail a call or crash; does nothing in production."""

    def at(self, place: str) -> None: ...


class Budget(Protocol):
    """The shared rate budget. ``take`` returns at once when a call may be sent, or raises RateLimited with the
    instant from which it may; ``blocked`` is told what the vendor's 429 or remaining header said."""

    def take(self, bucket: str, amount: int = 1) -> None: ...

    def blocked(self, bucket: str, *, until: datetime, vendor_now: datetime) -> None: ...

    def observed(self, bucket: str, *, limit: int | None, remaining: int | None) -> None: ...


class Recorder(Protocol):
    """The ledger's side of an HTTP call. ``sending`` commits a row and returns the X-Request-Id to send."""

    def sending(self, *, system: SystemName, method: str, url: str, operation: str, body: bytes | None) -> str: ...

    def answered(self, request_id: str, *, status: int | None, body: bytes | None, seconds: float, error: str | None) -> None: ...


class Guard(Protocol):
    """Raises LeaseLost unless enough of the worker's lease remains to outlast a call of ``seconds``."""

    def ensure(self, seconds: float) -> None: ...
