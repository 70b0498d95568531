"""Administrate nodes as model records. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from csod_pipelines.model.keys import Kind, RecordKey, SystemName
from csod_pipelines.model.records import (
    Course,
    CourseState,
    Enrollment,
    EnrollmentState,
    Location,
    Offering,
    OfferingState,
    OrgUnit,
    Part,
    Person,
    Record,
    Subject,
)
from csod_pipelines.systems.errors import Malformed
from csod_pipelines.systems.reading import understands
from csod_pipelines.systems.walltime import from_wall

Node = Mapping[str, Any]

#: The value of the status field of a record whose Cornerstone side was deactivated.
INACTIVE = "inactive"

ENROLLMENT_STATES: Mapping[str, EnrollmentState] = {
    "interested": EnrollmentState.HOLDING,
    "reserved": EnrollmentState.HOLDING,
    "active": EnrollmentState.ACTIVE,
    "cancelled": EnrollmentState.CANCELLED,
    "expired": EnrollmentState.CANCELLED,
}
#: "Active" on the screens is `published` on the wire; older clients met `active` there too.
OFFERING_STATES: Mapping[str, OfferingState] = {**{state.value: state for state in OfferingState}, "active": OfferingState.PUBLISHED}
MARKS: Mapping[str, bool] = {"present": True, "absent": False}


def _record(kind: Kind, node: Node, value: Any, **facts: Any) -> Record:
    ids = {item["name"]: item["value"] for item in node.get("externalIds") or ()}
    kept = {name: fact for name, fact in {"legacy_id": node.get("legacyId"), **facts}.items() if fact is not None}
    return Record(key=RecordKey(kind, SystemName.ADMINISTRATE, node["id"]), value=value, external_ids=ids, facts=kept)


def custom_value(node: Node, label: str) -> str | None:
    """The value of the custom field with that API name or label."""
    for item in node.get("customFieldValues") or ():
        if label in (item.get("definitionLocator"), (item.get("definition") or {}).get("label")):
            return item.get("value") or None
    return None


@understands("administrate account")
def account(node: Node, *, status_field: str, intent_field: str) -> Record:
    parent = node.get("parentAccount") or {}
    value = OrgUnit(
        name=node.get("name") or "",
        parent_id=parent.get("id"),
        active=custom_value(node, status_field) != INACTIVE,
    )
    return _record(Kind.ORG_UNIT, node, value, is_individual=bool(node.get("isIndividual")), marker=custom_value(node, intent_field))


@understands("administrate contact")
def contact(node: Node, *, status_field: str, intent_field: str, has_flag: bool) -> Record:
    name = node.get("personalName") or {}
    left = bool(node.get("hasLeftCompany")) if has_flag else custom_value(node, status_field) == INACTIVE
    value = Person(
        first_name=name.get("firstName") or "",
        last_name=name.get("lastName") or "",
        email=_primary(node),
        mobile=next((phone["number"] for phone in node.get("phoneNumbers") or () if phone.get("usage") == "mobile"), None) or None,
        org_unit_id=(node.get("account") or {}).get("id"),
        active=not left,
    )
    return _record(
        Kind.PERSON,
        node,
        value,
        emails=tuple(addresses(node)),
        is_individual=bool((node.get("account") or {}).get("isIndividual")),
        is_instructor=bool(node.get("isInstructor")),
        marker=custom_value(node, intent_field),
    )


def addresses(node: Node) -> list[str]:
    """Every e-mail address of a contact: a filter on one may match any of them."""
    listed = [item["address"] for item in node.get("emailAddresses") or () if item and item.get("address")]
    single = node.get("emailAddress")
    return listed if not single or single in listed else [single, *listed]


def _primary(node: Node) -> str | None:
    for item in node.get("emailAddresses") or ():
        if item and item.get("usage") == "primary" and item.get("address"):
            return item["address"]
    return node.get("emailAddress") or None


@understands("administrate location")
def location(node: Node) -> Record:
    value = Location(name=node.get("name") or "", code=node.get("code") or None, time_zone=node.get("timeZoneName") or None)
    return _record(Kind.LOCATION, node, value)


@understands("administrate learning category")
def category(node: Node, *, path: tuple[str, ...]) -> Record:
    return _record(Kind.SUBJECT, node, Subject(path=path), parent_id=(node.get("parentCategory") or {}).get("id"))


@understands("administrate course template")
def course_template(node: Node, *, categories: Iterable[Node], vendor_field: str) -> Record:
    value = Course(
        code=node.get("code") or "",
        title=node.get("title") or "",
        description=node.get("introduction") or "",
        subjects=tuple(sorted({item.get("name") or "" for item in categories})),
        provider=custom_value(node, vendor_field),
        state=CourseState(node.get("lifecycleState") or CourseState.DRAFT),
    )
    stamp, status = instant(node.get("updatedAt")), node.get("lifecycleState")
    return _record(Kind.COURSE, node, value, code=node.get("code"), status=status, updated_at=stamp)


@understands("administrate event")
def event(node: Node, *, sessions: Iterable[Node]) -> Record:
    kept = [item for item in sessions if item.get("lifecycleState") != "cancelled"]
    place = (node.get("location") or {}).get("id")
    zone = node.get("timeZoneName")
    parts = sorted((_part(item, place=place, zone=zone) for item in kept), key=lambda part: (part.start, part.id or ""))
    value = Offering(
        course_id=(node.get("courseTemplate") or {}).get("id"),
        code=node.get("code") or None,
        title=node.get("title") or "",
        state=OFFERING_STATES[node.get("lifecycleState") or "draft"],
        min_places=node.get("minPlaces"),
        max_places=seats_for_all(node),
        location_id=place,
        parts=tuple(parts),
    )
    return _record(
        Kind.OFFERING,
        node,
        value,
        code=node.get("code"),
        title=node.get("title"),
        status=node.get("lifecycleState"),
        time_zone=zone,
        updated_at=instant(node.get("updatedAt")),
        ends_at=instant(node.get("timeZonedEnd")) or max((part.end for part in parts), default=None),
        taken=seats_taken(node),
        learning_mode=node.get("learningMode"),
        event_type=node.get("type"),
        location_name=(node.get("location") or {}).get("name"),
        course_code=(node.get("courseTemplate") or {}).get("code"),
        part_external_ids={item["id"]: {pair["name"]: pair["value"] for pair in item.get("externalIds") or ()} for item in kept},
    )


def seats_for_all(node: Node) -> int | None:
    """The places that anybody may take: all of them, less those that are held without a registration."""
    most, taken = node.get("maxPlaces"), seats_taken(node)
    named = ((node.get("active") or {}).get("pageInfo") or {}).get("totalRecords")
    if most is None or taken is None or named is None:
        return most
    return max(0, most - max(0, taken - named))


def seats_taken(node: Node) -> int | None:
    """Seats in use, unnamed places and reservations included."""
    most, left = node.get("maxPlaces"), node.get("remainingPlaces")
    return most - left if most is not None and left is not None else node.get("bookedPlaces")


def _part(node: Node, *, place: str | None, zone: str | None) -> Part:
    own = (node.get("location") or {}).get("id")
    return Part(
        id=node["id"],
        title=node.get("title") or "",
        start=_moment(node, "timeZonedStart", "start", zone),
        end=_moment(node, "timeZonedEnd", "end", zone),
        location_id=own if own != place else None,
    )


def _moment(node: Node, zoned: str, bare: str, zone: str | None) -> datetime:
    """The offset that Administrate gives wins; a bare wall time is read in the event's zone."""
    if given := instant(node.get(zoned)):
        return given
    if node.get(bare) and zone:
        return from_wall(datetime.fromisoformat(node[bare]), ZoneInfo(zone))
    raise Malformed(f"administrate: session {node['id']} has no {zoned}, nor a {bare} with a time zone")


@understands("administrate learner")
def learner(node: Node, *, marks: Iterable[Node]) -> Record:
    attendance = {
        mark["session"]["id"]: MARKS[str(mark["attendanceMark"]).lower()]
        for mark in marks
        if mark.get("session") and str(mark.get("attendanceMark")).lower() in MARKS
    }
    status = node.get("lifecycleState") or ""
    value = Enrollment(
        person_id=(node.get("contact") or {}).get("id") or "",
        offering_id=(node.get("event") or {}).get("id") or "",
        state=ENROLLMENT_STATES.get(status, EnrollmentState.NO_STATEMENT),
        attendance=attendance,
        result=node.get("hasPassed"),
    )
    return _record(Kind.ENROLLMENT, node, value, status=status, updated_at=instant(node.get("lastUpdatedAt")), locked=False)


def instant(text: str | None) -> datetime | None:
    """An ISO text with an offset or Z, as UTC. None for a text without an offset: its meaning lies elsewhere."""
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else None
