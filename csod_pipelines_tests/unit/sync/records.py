"""Records by few words, for the tests of the rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from csod_pipelines.model.keys import Kind, RecordKey, SystemName
from csod_pipelines.model.records import Enrollment, EnrollmentState, Offering, Part, Record, Value

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
NINE = datetime(2026, 10, 5, 9, tzinfo=UTC)


def record(kind: Kind, system: SystemName, value: Value, *, id: str = "1", **facts: Any) -> Record:
    return Record(key=RecordKey(kind, system, id), value=value, facts=facts)


def part(title: str = "Day", *, hours: int = 0, **given: Any) -> Part:
    """A block that begins so many hours after nine and takes two."""
    start = NINE + timedelta(hours=hours)
    return Part(**{"title": title, "start": start, "end": start + timedelta(hours=2), **given})


def offering(*parts: Part, **given: Any) -> Offering:
    return Offering(course_id=given.pop("course_id", "c"), parts=parts, **given)


def enrolled(system: SystemName, *, state: EnrollmentState = EnrollmentState.ACTIVE, locked: bool = False, **given: Any) -> Record:
    return record(Kind.ENROLLMENT, system, Enrollment(person_id="p", offering_id="o", state=state, **given), locked=locked)
