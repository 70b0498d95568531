"""Which records may be created on the other side. A reason code where one may not, else None."""

from __future__ import annotations

from csod_pipelines.engine.options import EngineOptions
from csod_pipelines.model.records import Course, CourseState, Offering, OfferingState, OrgUnit, Person, Provider, Record


def why_not(options: EngineOptions, record: Record) -> str | None:
    value = record.value
    if isinstance(value, OrgUnit):
        if record.facts.get("is_individual"):
            return "individual_account"
        if record.facts.get("out_of_scope"):
            return "ou_type_out_of_scope"
        return None if value.active else "inactive_not_created"
    if isinstance(value, Person):
        if not options.create_people:
            return "person_creation_off"
        return None if value.active else "inactive_not_created"
    if isinstance(value, Provider):
        return None if value.active else "inactive_not_created"
    if isinstance(value, Course):
        return None if value.state is CourseState.PUBLISHED else "not_published"
    if isinstance(value, Offering):
        if value.state is OfferingState.CANCELLED:
            return "cancelled_before_sync"
        if value.state is OfferingState.DRAFT:
            return "not_published"
        return None if value.parts else "no_sessions_yet"
    return None
