"""The records that both systems hold, in common words.

A value holds only what is compared and mapped; references (``org_unit_id``, ``course_id`` ...) are ids of the
record's own system. What is read beside it and never compared (stamps, human numbers, free seats) stands in
``Record.facts``. Instants are timezone-aware UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from csod_pipelines.model.keys import Kind, RecordKey

_EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class OrgUnit:
    name: str
    parent_id: str | None = None
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    first_name: str
    last_name: str
    email: str | None = None
    mobile: str | None = None
    org_unit_id: str | None = None
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    name: str
    code: str | None = None
    time_zone: str | None = None
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """``path`` is the list of titles from the root; a subject's own title is its last."""

    path: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    name: str
    active: bool = True


class CourseState(StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"
    ARCHIVED = "archived"


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    code: str
    title: str
    description: str = ""
    subjects: tuple[str, ...] = ()
    provider: str | None = None
    state: CourseState = CourseState.PUBLISHED


class OfferingState(StrEnum):
    DRAFT = "draft"
    PUBLISHED = "published"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One dated block. ``id`` is the part's own id; ``location_id`` overrides the offering's."""

    id: str | None = None
    title: str
    start: datetime
    end: datetime
    location_id: str | None = None
    instructor_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Offering:
    """``code`` is our number of the offering at Cornerstone (SessionID) and the code in Administrate."""

    course_id: str | None
    code: str | None = None
    title: str = ""
    state: OfferingState = OfferingState.PUBLISHED
    min_places: int | None = None
    max_places: int | None = None
    location_id: str | None = None
    parts: tuple[Part, ...] = ()


class EnrollmentState(StrEnum):
    """What a row says about a person in an offering; see sync/statuses.py for the vendors' words."""

    ACTIVE = "active"
    CANCELLED = "cancelled"
    HOLDING = "holding"  # seat held or asked for, not yet a registration
    NO_STATEMENT = "no_statement"  # nothing may be concluded from it


@dataclass(frozen=True, slots=True, kw_only=True)
class Enrollment:
    """``attendance`` maps part id to present or absent, explicit marks only; ``result`` None = none recorded.

    ``status`` is the vendor's own word (lifecycle state, transcript status), kept for people and never compared.
    """

    person_id: str
    offering_id: str
    state: EnrollmentState
    attendance: Mapping[str, bool] = field(default_factory=lambda: _EMPTY)
    result: bool | None = None


Value = OrgUnit | Person | Location | Subject | Provider | Course | Offering | Enrollment

VALUE_TYPES: Mapping[Kind, type] = MappingProxyType(
    {
        Kind.ORG_UNIT: OrgUnit,
        Kind.PERSON: Person,
        Kind.LOCATION: Location,
        Kind.SUBJECT: Subject,
        Kind.PROVIDER: Provider,
        Kind.COURSE: Course,
        Kind.OFFERING: Offering,
        Kind.ENROLLMENT: Enrollment,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One record as read at one vendor.

    ``facts`` by convention: ``legacy_id``, ``code`` (human number), ``status`` (vendor's word), ``user_ref`` and
    ``user_name`` (Cornerstone person), ``ref`` (Cornerstone OU external id), ``type_id`` (Cornerstone OU),
    ``is_individual`` (Administrate account), ``time_zone``, ``url``, ``registration_number``, ``updated_at``,
    ``locked`` (enrollment whose marks can no longer be edited), ``taken`` (offering: seats in use).
    """

    key: RecordKey
    value: Value
    external_ids: Mapping[str, str] = field(default_factory=lambda: _EMPTY)
    facts: Mapping[str, Any] = field(default_factory=lambda: _EMPTY)

    @property
    def id(self) -> str:
        return self.key.id

    def with_value(self, **changes: Any) -> Record:
        return replace(self, value=replace(self.value, **changes))
