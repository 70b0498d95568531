"""The rows of a portal. Mutable on purpose: a portal is state. Instants are aware UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

CORPORATION, DIVISION, POSITION, GRADE, COST_CENTER, LOCATION, GROUP, SELF_REGISTRATION = 1, 2, 4, 8, 16, 32, 128, 524288

OU_TYPES: dict[int, str] = {
    CORPORATION: "Corporation",
    DIVISION: "Division",
    POSITION: "Position",
    GRADE: "Grade",
    COST_CENTER: "Cost Center",
    LOCATION: "Location",
    GROUP: "Group",
    SELF_REGISTRATION: "Self Registration Group",
}


@dataclass(slots=True, kw_only=True)
class User:
    id: int
    external_id: str
    user_name: str
    guid: str
    first_name: str
    last_name: str
    primary_email: str | None
    mobile_phone: str | None
    active: bool
    ous: dict[int, int]  # OU type -> OU
    manager_id: int | None
    language: str
    time_zone: str
    hired: str | None
    created: datetime
    modified: datetime
    approver_id: int | None = None
    absent: bool = False
    more: dict[str, Any] = field(default_factory=dict)  # accepted fields that nothing here depends on
    custom_fields: dict[int, Any] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Ou:
    id: int
    type_id: int
    name: str
    external_id: str | None
    parent_id: int | None
    created: datetime
    modified: datetime
    active: bool = True
    owner_id: int | None = None
    approver_id: int | None = None
    description: str = ""
    reconcilable: bool = True
    custom_fields: list[dict[str, Any]] = field(default_factory=list)
    facility_type: str | None = None
    time_zone: str | None = None
    address: dict[str, Any] | None = None


@dataclass(slots=True, kw_only=True)
class Subject:
    id: int
    title: str
    parent_id: int | None
    modified: datetime


@dataclass(slots=True, kw_only=True)
class Provider:
    id: int
    name: str
    active: bool
    modified: datetime


@dataclass(slots=True, kw_only=True)
class Training:
    """An event, or another learning object that is not a session (``object_type``)."""

    id: str
    number: str | None
    title: str
    object_type: str = "Event"
    description: str = ""
    objectives: str = ""
    provider: str | None = None
    subjects: list[str] = field(default_factory=list)
    languages: list[tuple[str, str]] = field(default_factory=lambda: [("English (US)", "en-US")])
    active: bool = True
    minimum: int = 0
    maximum: int | None = None
    minutes: int = 0
    copies_availability: bool = False
    availabilities: list[dict[str, Any]] = field(default_factory=list)
    url: str | None = None
    created: datetime
    modified: datetime


@dataclass(slots=True, kw_only=True)
class Part:
    id: int
    name: str
    start: datetime
    end: datetime
    location_ref: str | None
    time_zone: str
    description: str = ""
    instructors: list[str] = field(default_factory=list)  # external ids
    breaks: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Session:
    id: str
    event_id: str
    session_id: str | None
    locator: int
    minimum: int
    maximum: int | None
    min_parts: int
    parts: list[Part]
    availabilities: list[dict[str, Any]] = field(default_factory=list)
    active: bool = True
    cancelled: bool = False
    submitted: bool = False
    created: datetime
    modified: datetime

    @property
    def ends_at(self) -> datetime | None:
        return max((p.end for p in self.parts), default=None)

    @property
    def starts_at(self) -> datetime | None:
        return min((p.start for p in self.parts), default=None)


@dataclass(slots=True, kw_only=True)
class TranscriptRow:
    """Key: user, object, registration number (Data Exporter objects, v19.02)."""

    serial: int
    user_id: int
    object_id: str
    object_type: str
    reg_num: int
    status: str
    modified: datetime
    assigned_at: datetime | None = None
    registered_at: datetime | None = None
    completed_at: datetime | None = None
    withdrawn_at: datetime | None = None
    due: str | None = None
    score: float | None = None
    passed: bool | None = None
    attendance: dict[int, bool] = field(default_factory=dict)
    archived: bool = False
    removed: bool = False
    replaced: bool = False  # an event row whose place a session row has taken
    express: bool = False
    comment: str | None = None
    assignment_id: str | None = None
    assigned_by: int | None = None


@dataclass(slots=True, kw_only=True)
class Assignment:
    id: str
    title: str
    trainings: list[str]
    users: list[str]
    wanted: str
    due_date: str | None
    send_emails: bool
    created: datetime
    ready: datetime | None  # None: stuck
    status: str = "Processing"
    outcomes: dict[str, tuple[str, str | None]] = field(default_factory=dict)  # user ref -> status, reason
