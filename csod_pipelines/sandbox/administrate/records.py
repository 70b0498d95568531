"""The records of an instance. Slotted, because a million contacts must fit; stamps are whole seconds since 1970, as the vendor's are."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

HOLDS_PLACE = frozenset({"active", "reserved"})  # learner states that take a seat


@dataclass(slots=True, kw_only=True)
class Row:
    id: int  # the legacy id; the global id is the type's prefix and this number
    created: int = 0
    updated: int = 0
    position: int = -1  # where the table's change log last saw the row
    external: dict[str, str] | None = None
    custom: dict[int, str] | None = None  # custom field definition -> value


@dataclass(slots=True, kw_only=True)
class Company(Row):
    name: str


@dataclass(slots=True, kw_only=True)
class Region(Row):
    code: str
    name: str


@dataclass(slots=True, kw_only=True)
class PostalAddress:
    usage: str
    lines: tuple[str, ...] = ()
    town: str | None = None
    region: str | None = None
    postcode: str | None = None
    country_id: str | None = None
    province_code: str | None = None
    contact_person: str | None = None


@dataclass(slots=True, kw_only=True)
class Account(Row):
    name: str
    company_id: int
    parent_id: int | None = None
    is_individual: bool = False
    is_partner: bool = False
    email: str | None = None
    website: str | None = None
    addresses: tuple[PostalAddress, ...] = ()


@dataclass(slots=True, kw_only=True)
class Contact(Row):
    account_id: int
    first: str | None
    middle: str | None
    last: str | None
    emails: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    is_instructor: bool = False
    is_staff: bool = False
    has_left: bool = False


@dataclass(slots=True, kw_only=True)
class Location(Row):
    name: str
    code: str | None
    region_id: int | None
    zone: str | None = None


@dataclass(slots=True, kw_only=True)
class Venue(Row):
    name: str
    description: str | None
    location_id: int


@dataclass(slots=True, kw_only=True)
class LearningCategory(Row):
    name: str
    description: str | None = None
    parent_id: int | None = None


@dataclass(slots=True, kw_only=True)
class FieldDefinition(Row):
    object_type: str
    label: str
    locator: str  # the portable name; unlike the key it is the same on every instance
    type: str
    description: str | None = None
    required: bool = False
    options: list[str] = field(default_factory=list)
    roles: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class CourseTemplate(Row):
    code: str | None
    title: str | None
    introduction: str | None = None
    summary: str | None = None
    state: str = "draft"
    mode: str = "classroom"
    category_ids: tuple[int, ...] = ()
    instructor_ids: tuple[int, ...] = ()


@dataclass(slots=True, kw_only=True)
class Staff:
    id: int
    contact_id: int
    staff_type: str
    is_primary: bool = False


@dataclass(slots=True, kw_only=True)
class Event(Row):
    code: str
    title: str
    type: str
    mode: str
    zone: str
    template_id: int | None
    location_id: int | None
    venue_id: int | None = None
    state: str = "draft"
    cancelled: int | None = None
    min_places: int | None = None
    max_places: int | None = None
    reserved: int = 0  # unnamed places held
    sold_out: bool = False
    lms_start: datetime | None = None  # wall times of the event's zone
    lms_end: datetime | None = None
    deadline: datetime | None = None
    internal_notes: str | None = None
    external_notes: str | None = None
    meeting_url: str | None = None
    account_id: int | None = None
    staff: list[Staff] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Session(Row):
    event_id: int
    title: str | None
    code: str | None = None
    start: datetime | None = None  # wall times of `zone`, or of the event's zone
    end: datetime | None = None
    zone: str | None = None
    location_id: int | None = None
    venue_id: int | None = None
    state: str = "draft"
    staff: list[Staff] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Learner(Row):
    event_id: int
    contact_id: int
    state: str = "active"
    passed: bool | None = None
    notes: str | None = None
    marks: dict[int, str] | None = None  # session -> Present or Absent


@dataclass(slots=True, kw_only=True)
class Registration(Row):
    account_id: int
    order_date: str
    learner_ids: list[int] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class IntegrationLog(Row):
    origin: str
    node: str
    message: str
    status: str
    payload: str | None


@dataclass(slots=True, kw_only=True)
class Webhook(Row):
    type_slug: str
    name: str
    url: str
    query: str
    config: str | None = None
    expression: str | None = None
    emails: tuple[str, ...] = ()
    state: str = "inactive"
    failures: int = 0  # in a row
