"""Which record a webhook is about, and which flow looks at it. Pure: names and ids in, a target out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from csod_pipelines.model.keys import Flow, Kind, RecordKey, SystemName, roster_subject

#: Administrate has no word for an event's session in the common model: it is known by its own id until it is read.
PART_SUBJECT = "part:administrate:{id}"
MAX_ID_LENGTH = 200  # ids stand in indexed subjects; the longest documented one has 36 characters

_RESULT_TYPES = frozenset({"learner_result_updated", "learner_attended_session", "learner_missed_session"})

_ADMINISTRATE: Mapping[str, tuple[Kind, Flow]] = {
    "account": (Kind.ORG_UNIT, Flow.PEOPLE),
    "contact": (Kind.PERSON, Flow.PEOPLE),
    "course_template": (Kind.COURSE, Flow.CATALOG),
    "event": (Kind.OFFERING, Flow.CATALOG),
    "learner": (Kind.ENROLLMENT, Flow.ENROLLMENT),
}
_MANUAL: Mapping[str, tuple[Kind, Flow]] = {
    # The button an administrator presses on the record: look at it again.
    "manual_event": (Kind.OFFERING, Flow.CATALOG),
    "manual_course_template": (Kind.COURSE, Flow.CATALOG),
}
_VERBS = frozenset({"created", "updated", "deleted", "published", "cancelled", "canceled", "archived"})
_EMPLOYEE_TYPES = frozenset({"EmployeeCreated", "EmployeeUpdated"})
_TRAINING_FLOWS: Mapping[str, Flow] = {
    "TrainingAssigned": Flow.ENROLLMENT,
    "TrainingRegistered": Flow.ENROLLMENT,
    "TrainingWithdrawn": Flow.ENROLLMENT,
    "TrainingCompleted": Flow.RESULT,
}


@dataclass(frozen=True, slots=True)
class Target:
    """``member``: whom of a roster it is about."""

    subject: str
    flow: Flow
    member: str | None = None


def administrate_target(type: str, id: str | None, *, event_id: str | None = None) -> Target | None:
    """None for a type we do not follow, or a payload that names no record. A learner whose payload names the event, as our own query
    asks for it, is a member of that event's roster; without it, somebody has to ask for the event first."""
    if id is None:
        return None
    if type in _MANUAL:
        kind, flow = _MANUAL[type]
        return Target(str(RecordKey(kind, SystemName.ADMINISTRATE, id)), flow)
    if type in _RESULT_TYPES:
        return _learner(id, Flow.RESULT, event_id)
    word, _, verb = type.rpartition("_")
    if verb not in _VERBS:
        return None
    if word == "session":
        return Target(PART_SUBJECT.format(id=id), Flow.CATALOG)
    if word not in _ADMINISTRATE:
        return None
    kind, flow = _ADMINISTRATE[word]
    if kind is Kind.ENROLLMENT:
        return _learner(id, flow, event_id)
    return Target(str(RecordKey(kind, SystemName.ADMINISTRATE, id)), flow)


def _learner(id: str, flow: Flow, event_id: str | None) -> Target:
    learner = str(RecordKey(Kind.ENROLLMENT, SystemName.ADMINISTRATE, id))
    return Target(learner, flow) if event_id is None else Target(roster_subject(event_id), flow, member=learner)


def cornerstone_target(type: str, data: Mapping[str, Any]) -> Target | None:
    """``data``: the ``data`` object of the record. None as above, and where an id is missing."""
    if type in _EMPLOYEE_TYPES:
        user = _number(data.get("employeeId"))
        return None if user is None else Target(str(RecordKey(Kind.PERSON, SystemName.CORNERSTONE, user)), Flow.PEOPLE)
    flow = _TRAINING_FLOWS.get(type)
    if flow is None:
        return None
    user, training = _number(data.get("targetUserId")), usable_id(data.get("trainingId"))
    registration = _number(data.get("trainingRegistrationNumber"))
    if user is None or training is None or registration is None:
        return None
    return Target(str(RecordKey(Kind.ENROLLMENT, SystemName.CORNERSTONE, f"{user}:{training.lower()}:{registration}")), flow)


def usable_id(value: Any) -> str | None:
    """The value as an id, or None: ids are short and printable, and no delivery may smuggle anything else in."""
    if isinstance(value, str) and 0 < len(value) <= MAX_ID_LENGTH and value.isascii() and value.isprintable():
        return value
    return None


def _number(value: Any) -> str | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int) and 0 <= value < 2**63:
        return str(value)
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 20:
        return str(int(value))
    return None
