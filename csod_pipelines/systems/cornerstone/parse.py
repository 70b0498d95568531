"""Rows of the portal as model records. Pure, but for what a place is called: ``Places`` answers that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from csod_pipelines.model.keys import Kind, RecordKey, SystemName
from csod_pipelines.model.records import (
    Course,
    CourseState,
    Enrollment,
    Location,
    Offering,
    OfferingState,
    OrgUnit,
    Part,
    Person,
    Provider,
    Record,
)
from csod_pipelines.systems.cornerstone import statuses
from csod_pipelines.systems.cornerstone.options import CornerstoneOptions
from csod_pipelines.systems.cornerstone.timezones import iana_name, zone_of
from csod_pipelines.systems.errors import Malformed
from csod_pipelines.systems.reading import understands
from csod_pipelines.systems.walltime import from_wall

Row = Mapping[str, Any]
INACTIVE_USER = 2  # reports: 1 active, 2 inactive


class RefIndex(Protocol):
    """Internal ids behind the external ids (refs) that the learning services print."""

    def place_id(self, ref: str | None) -> str | None: ...

    def user_id(self, ref: str | None) -> str | None: ...


def record(kind: Kind, id: object, value: Any, **facts: Any) -> Record:
    kept = {name: fact for name, fact in facts.items() if fact is not None}
    return Record(key=RecordKey(kind, SystemName.CORNERSTONE, str(id)), value=value, facts=kept)


@understands("cornerstone user")
def employee(row: Row, *, person_ou_type: int, pilot_group: str | None = None) -> Record:
    worker, ous = row.get("workerStatus") or {}, row.get("ous") or ()
    mine = next((ou["id"] for ou in ous if ou.get("typeId") == person_ou_type), None)
    value = Person(
        first_name=row.get("firstName") or "",
        last_name=row.get("lastName") or "",
        email=row.get("primaryEmail") or None,
        mobile=row.get("mobilePhone") or None,
        org_unit_id=_text(mine),
        active=bool(worker.get("active", True)),
    )
    return record(
        Kind.PERSON,
        row["id"],
        value,
        user_ref=(row.get("externalId") or "").strip(),
        user_name=row.get("userName"),
        guid=row.get("guid"),
        manager_id=_text(row.get("managerId")),
        ous=tuple((ou["typeId"], str(ou["id"])) for ou in ous),
        in_pilot=None if pilot_group is None else any(str(ou["id"]) == pilot_group for ou in ous),
        updated_at=instant((row.get("employeeMetaData") or {}).get("modifiedDate")),
    )


@understands("cornerstone exported user")
def exported_user(row: Row, *, org_unit_id: str | None, in_pilot: bool | None = None) -> Record:
    value = Person(
        first_name=row.get("user_name_first") or "",
        last_name=row.get("user_name_last") or "",
        email=row.get("user_email") or None,
        mobile=row.get("user_mobile_phone") or None,
        org_unit_id=org_unit_id,
        active=row.get("user_status_id") != INACTIVE_USER,
    )
    return record(
        Kind.PERSON,
        row["user_id"],
        value,
        user_ref=(row.get("user_ref") or "").strip(),
        user_name=row.get("user_login"),
        guid=row.get("user_guid"),
        manager_id=_text(row.get("user_mgr_id")),
        in_pilot=in_pilot,
        updated_at=instant(row.get("_last_touched_dt_utc")),
    )


@understands("cornerstone OU")
def org_unit(row: Row, *, options: CornerstoneOptions) -> Record:
    value = OrgUnit(name=(row.get("name") or "").strip(), parent_id=_text(row.get("parentId")), active=bool(row.get("active", True)))
    return _ou(row["id"], value, ref=row.get("externalId"), type_id=row.get("typeId"), options=options)


@understands("cornerstone exported OU")
def exported_ou(row: Row, *, options: CornerstoneOptions) -> Record:
    value = OrgUnit(name=(row.get("title") or "").strip(), parent_id=_text(row.get("parent_id")), active=bool(row.get("active", True)))
    return _ou(row["ou_id"], value, ref=row.get("ref"), type_id=row.get("type_id"), options=options)


def _ou(id: object, value: OrgUnit, *, ref: str | None, type_id: int | None, options: CornerstoneOptions) -> Record:
    outside = True if type_id not in options.org_unit_types else None
    return record(Kind.ORG_UNIT, id, value, ref=(ref or "").strip() or None, type_id=type_id, out_of_scope=outside)


@understands("cornerstone location OU")
def location(row: Row) -> Record:
    label, ref = row.get("timeZone"), (row.get("externalId") or "").strip() or None
    value = Location(name=(row.get("name") or "").strip(), code=ref, time_zone=iana_name(label), active=bool(row.get("active", True)))
    return record(Kind.LOCATION, row["id"], value, ref=ref, type_id=row.get("typeId"), time_zone=label)


@understands("cornerstone provider")
def provider(row: Row) -> Record:
    return record(Kind.PROVIDER, row["provider_id"], Provider(name=row.get("name") or "", active=bool(row.get("active", True))))


@understands("cornerstone event")
def event(item: Row) -> Record:
    value = Course(
        code=(item.get("EventNumber") or "").strip(),
        title=item.get("Title") or "",
        description=item.get("Descr") or "",
        subjects=tuple(sorted({_title(subject) for subject in item.get("Subjects") or ()})),
        provider=item.get("Provider") or None,
        state=CourseState.PUBLISHED if item.get("IsActive", True) else CourseState.ARCHIVED,
    )
    return record(Kind.COURSE, guid(item["ObjectId"]), value, code=value.code, status=value.state.value)


@understands("cornerstone session")
def session(item: Row, *, refs: RefIndex) -> Record:
    place = refs.place_id(item.get("Location"))
    parts = tuple(_part(part, place=place, refs=refs) for part in item.get("Parts") or ())
    most, free = item.get("MaximumRegistration"), item.get("SessionSeats")
    value = Offering(
        course_id=guid(item["EventObjectId"]) if item.get("EventObjectId") else None,
        code=(item.get("SessionNumber") or "").strip() or None,
        title=item.get("Title") or "",
        state=OfferingState.PUBLISHED if item.get("IsActive", True) else OfferingState.CANCELLED,
        min_places=item.get("MinimumRegistration"),
        max_places=most,
        location_id=place,
        parts=tuple(sorted(parts, key=lambda part: (part.start, part.id or ""))),
    )
    return record(
        Kind.OFFERING,
        guid(item["ObjectId"]),
        value,
        code=value.code,
        title=item.get("Title"),
        locator=item.get("Locator"),
        event_number=item.get("EventNumber"),
        min_parts=item.get("MinimumParts"),
        free=free,
        taken=most - free if isinstance(most, int) and isinstance(free, int) else None,
        waitlist=item.get("SessionWaitlist"),
        ends_at=max((part.end for part in parts), default=None),
        part_refs={str(part["PartId"]): part.get("PartLocation") for part in item.get("Parts") or () if part.get("PartId") is not None},
    )


def _part(part: Row, *, place: str | None, refs: RefIndex) -> Part:
    own = refs.place_id(part.get("PartLocation"))
    people = (refs.user_id(item.get("UserId")) for item in part.get("Instructors") or ())
    return Part(
        id=_text(part.get("PartId")),
        title=part.get("PartName") or "",
        start=moment(part, "PartStartDate", "PartStartTime"),
        end=moment(part, "PartEndDate", "PartEndTime"),
        location_id=own if own != place else None,
        instructor_ids=tuple(sorted(id for id in people if id)),
    )


def moment(part: Row, date: str, time: str) -> datetime:
    """A local date and 12-hour time in the zone that the label names. The abbreviation only tells a doubled hour apart."""
    label = part.get("TimezoneDescription")
    if not part.get(date) or not part.get(time) or not label:
        raise Malformed(f"cornerstone: part {part.get('PartId')} lacks {date}, {time} or its time zone")
    wall = datetime.strptime(f"{part[date]} {str(part[time]).upper()}", "%Y-%m-%d %I:%M:%S %p")
    return from_wall(wall, zone_of(label), abbreviation=part.get("PartTimeZone"))


@understands("cornerstone roster row")
def roster_row(user: Row, *, object_id: str, user_id: str, number: int, pass_key: str, facts: Mapping[str, Any]) -> Record:
    """``graded_pass`` and ``score`` are kept beside: an unset pass means nothing, and a set one only once Cornerstone graded the row."""
    status = user.get("Status")
    marks = {str(mark["PartId"]): bool(mark["Attended"]) for mark in user.get("Attendance") or () if mark.get("Attended") is not None}
    value = Enrollment(
        person_id=user_id,
        offering_id=object_id,
        state=statuses.state_of(status),
        attendance=marks,
        result=statuses.result_of(status),
    )
    return record(
        Kind.ENROLLMENT,
        f"{user_id}:{object_id}:{number}",
        value,
        status=status,
        registration_number=number,
        user_ref=(user.get("UserID") or "").strip(),
        locked=statuses.locked(status),
        score=user.get("Score"),
        graded_pass=user.get(pass_key),
        **facts,
    )


@understands("cornerstone transcript row")
def transcript_row(row: Row, *, titles: Mapping[int, str]) -> Record:
    """A row of the transcript feed. Flags win over the status: a removed row is cancelled, an archived one states nothing."""
    user, number = str(row["transc_user_id"]), row.get("reg_num") or 1
    object_id = guid(row["transc_object_id"])
    status = titles.get(row.get("user_lo_status_id") or -1)
    shown = "Removed" if row.get("is_removed") else "Archived" if row.get("archived") else status
    value = Enrollment(person_id=user, offering_id=object_id, state=statuses.state_of(shown), result=statuses.result_of(status))
    return record(
        Kind.ENROLLMENT,
        f"{user}:{object_id}:{number}",
        value,
        status=shown,
        registration_number=number,
        locked=statuses.locked(status),
        score=row.get("user_lo_score"),
        registered_at=instant(row.get("user_lo_reg_dt")),
        completed_at=instant(row.get("user_lo_comp_dt")),
        updated_at=instant(row.get("_last_touched_dt_utc")),
    )


def split_enrollment(id: str) -> tuple[str, str, int]:
    """``{user id}:{learning object}:{registration number}``."""
    try:
        user, object_id, number = id.split(":")
        return user, object_id, int(number)
    except ValueError as err:
        raise Malformed(f"{id!r} is no id of a transcript row; expected user:learning object:registration number") from err


def subject_paths(rows: Iterable[Row]) -> Iterable[tuple[Row, tuple[str, ...]]]:
    """Each subject with its titles from the root."""
    tree = {row["subject_id"]: row for row in rows}
    for row in tree.values():
        path, above = [row.get("title") or ""], row.get("parent_id")
        while above in tree and len(path) <= len(tree):
            path.insert(0, tree[above].get("title") or "")
            above = tree[above].get("parent_id")
        yield row, tuple(path)


def guid(text: Any) -> str:
    """Services differ in the case of the ids that they print."""
    return str(text).strip().lower()


def instant(text: str | None) -> datetime | None:
    """Feeds and employees print UTC, with or without saying so."""
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _title(subject: Any) -> str:
    return str(subject.get("Title") or "") if isinstance(subject, Mapping) else str(subject)


def _text(value: Any) -> str | None:
    return None if value in (None, "") else str(value)
