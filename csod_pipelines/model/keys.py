"""What a record is called: its kind, the system that holds it, and the id it has there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class SystemName(StrEnum):
    ADMINISTRATE = "administrate"
    CORNERSTONE = "cornerstone"

    @property
    def peer(self) -> SystemName:
        return SystemName.CORNERSTONE if self is SystemName.ADMINISTRATE else SystemName.ADMINISTRATE


class Kind(StrEnum):
    """In the order in which prerequisites must be handled: parents before children."""

    ORG_UNIT = "org_unit"
    PERSON = "person"
    LOCATION = "location"
    SUBJECT = "subject"
    PROVIDER = "provider"
    COURSE = "course"
    OFFERING = "offering"
    ENROLLMENT = "enrollment"
    OUTCOME = "outcome"


class Flow(StrEnum):
    PEOPLE = "people_sync"
    CATALOG = "catalog_publish"
    ENROLLMENT = "enrollment_sync"
    RESULT = "result_sync"
    ORG_UNITS = "daily_ou_reconciliation"
    IMPORT = "initial_import"
    HISTORY = "historical_enrollments"


#: What people read on each side, by kind.
VENDOR_WORDS: dict[Kind, dict[SystemName, str]] = {
    Kind.ORG_UNIT: {SystemName.ADMINISTRATE: "account", SystemName.CORNERSTONE: "organizational unit"},
    Kind.PERSON: {SystemName.ADMINISTRATE: "contact", SystemName.CORNERSTONE: "user"},
    Kind.LOCATION: {SystemName.ADMINISTRATE: "location", SystemName.CORNERSTONE: "location OU"},
    Kind.SUBJECT: {SystemName.ADMINISTRATE: "learning category", SystemName.CORNERSTONE: "subject"},
    Kind.PROVIDER: {SystemName.ADMINISTRATE: "vendor field value", SystemName.CORNERSTONE: "vendor"},
    Kind.COURSE: {SystemName.ADMINISTRATE: "course template", SystemName.CORNERSTONE: "event"},
    Kind.OFFERING: {SystemName.ADMINISTRATE: "event", SystemName.CORNERSTONE: "session"},
    Kind.ENROLLMENT: {SystemName.ADMINISTRATE: "learner", SystemName.CORNERSTONE: "learning assignment"},
    Kind.OUTCOME: {SystemName.ADMINISTRATE: "learner result", SystemName.CORNERSTONE: "transcript result"},
}


@dataclass(frozen=True, slots=True, order=True)
class RecordKey:
    """One record at one vendor. Its text form, ``person:cornerstone:48928``, is also a subject of work.

    Cornerstone ids: user and OU = internal integer as text; event and session = learning object GUID;
    enrollment = ``{user id}:{learning object}:{registration number}``. Administrate ids: the global id, opaque.
    """

    kind: Kind
    system: SystemName
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.system}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> RecordKey:
        parts = text.split(":", 2)
        if len(parts) != 3 or not parts[2]:
            raise ValueError(f"{text!r} is no record key; expected kind:system:id, such as person:cornerstone:48928")
        return cls(Kind(parts[0]), SystemName(parts[1]), parts[2])


def roster_subject(event_id: str) -> str:
    """The roster of one Administrate event, with all its learners: one unit of work."""
    return f"roster:{SystemName.ADMINISTRATE}:{event_id}"
