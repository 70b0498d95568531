"""What can be filtered and sorted on, kind by kind. Field names are the schema's; a field that the schema lists and the sandbox keeps no
data for reads as null."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from csod_pipelines.sandbox.administrate import times
from csod_pipelines.sandbox.administrate.filters import Field
from csod_pipelines.sandbox.administrate.records import (
    HOLDS_PLACE,
    Account,
    Company,
    Contact,
    CourseTemplate,
    Event,
    Learner,
    LearningCategory,
    Location,
    Registration,
    Row,
    Session,
    Venue,
)
from csod_pipelines.sandbox.administrate.world import World

FieldTable = dict[str, Field]


def _text(get: Callable[[Any], Any]) -> Field:
    return Field("text", get)


def _texts(get: Callable[[Any], Any]) -> Field:
    return Field("text", get, many=True)


def _mails(world: World, get: Callable[[Any], Any]) -> Field:
    """Whether an address must be written as it is held is a guess with a switch."""
    return Field("text", get, many=True, exact=lambda: world.settings.on("contacts_mail_case_sensitive"))


def _ids(get: Callable[[Any], Any]) -> Field:
    return Field("id", get, many=True)


def _truth(get: Callable[[Any], Any]) -> Field:
    return Field("truth", get)


def _number(get: Callable[[Any], Any]) -> Field:
    return Field("number", get)


def _id(get: Callable[[Any], Any]) -> Field:
    return Field("id", get)


def _key(world: World) -> Field:
    return Field("key", lambda row: (world.word(type(row)), row.id))


CREATED = Field("stamp", lambda row: row.created)
UPDATED = Field("stamp", lambda row: row.updated)


def full_name(row: Contact) -> str:
    return " ".join(part for part in (row.first, row.middle, row.last) if part)


def accounts(world: World) -> FieldTable:
    table = world.table(Account)

    def root(row: Account) -> str | None:
        *_, top = world.account_line(row)
        return world.gid(top)

    return {
        "id": _key(world),
        "name": _text(lambda row: row.name),
        "isIndividual": _truth(lambda row: row.is_individual),
        "isPartner": _truth(lambda row: row.is_partner),
        "website": _text(lambda row: row.website),
        "emailAddress": _text(lambda row: row.email),
        "addressTown": _text(lambda row: row.addresses[0].town if row.addresses else None),
        "rootAccountId": _id(lambda row: root(table[row.id])),
        "companyId": _id(lambda row: world.gid_of(Company, row.company_id)),
        "companyName": _text(lambda row: world.table(Company)[row.company_id].name),
        "createdAt": CREATED,
        "lastUpdatedAt": UPDATED,
    }


def contacts(world: World) -> FieldTable:
    def account_of(row: Contact) -> Account:
        return world.table(Account)[row.account_id]

    return {
        "id": _key(world),
        "firstName": _text(lambda row: row.first),
        "lastName": _text(lambda row: row.last),
        "name": _text(full_name),
        "emailAddress": _mails(world, lambda row: row.emails),
        "byNameAccountOrEmail": _texts(lambda row: (full_name(row), account_of(row).name, *row.emails)),
        "isInstructor": _truth(lambda row: row.is_instructor),
        "isStaff": _truth(lambda row: row.is_staff),
        "isStaffOrInstructor": _truth(lambda row: row.is_staff or row.is_instructor),
        "canStaffEvent": _truth(lambda row: row.is_staff or row.is_instructor),
        "hasLeftCompany": _truth(lambda row: row.has_left),
        "accountId": _id(lambda row: world.gid_of(Account, row.account_id)),
        "accountName": _text(lambda row: account_of(row).name),
        "companyId": _id(lambda row: world.gid_of(Company, account_of(row).company_id)),
        "companyName": _text(lambda row: world.table(Company)[account_of(row).company_id].name),
        "createdAt": CREATED,
        "lastUpdatedAt": UPDATED,
    }


def templates(world: World) -> FieldTable:
    return {
        "id": _key(world),
        "code": _text(lambda row: row.code),
        "name": _text(lambda row: row.title),
        "title": _text(lambda row: row.title),
        "codeOrTitle": _texts(lambda row: (row.code, row.title)),
        "introduction": _text(lambda row: row.introduction),
        "lmsSummary": _text(lambda row: row.summary),
        "lifecycleState": _text(lambda row: row.state),
        "learningCategoryId": _ids(lambda row: tuple(world.gid_of(LearningCategory, id) for id in row.category_ids)),
        "withNoEvents": _truth(lambda row: not world.events_of_template.get(row.id)),
        "createdAt": CREATED,
        "updatedAt": UPDATED,
    }


def event_dates(world: World, row: Event) -> tuple[tuple[datetime, str] | None, tuple[datetime, str] | None]:
    """First start and last end with their zones: from the sessions that are not cancelled, else from the LMS dates."""
    held = [session for session in world.sessions(row) if session.state != "cancelled"]
    starts = [(session.start, session.zone or row.zone) for session in held if session.start is not None]
    ends = [(session.end, session.zone or row.zone) for session in held if session.end is not None]
    if row.lms_start is not None:
        starts.append((row.lms_start, row.zone))
    if row.lms_end is not None:
        ends.append((row.lms_end, row.zone))
    return (
        min(starts, key=lambda pair: _instant(*pair), default=None),
        max(ends, key=lambda pair: _instant(*pair), default=None),
    )


def _instant(wall: datetime, zone: str) -> float:
    moment = times.instant(wall, zone)
    assert moment is not None
    try:
        return moment.timestamp()
    except OverflowError:  # the year 1 or 9999, at the edge of the calendar
        return float(wall.year)


def _moment(pair: tuple[datetime, str] | None) -> float | None:
    return None if pair is None else _instant(*pair)


def _wall(pair: tuple[datetime, str] | None) -> datetime | None:
    return None if pair is None else pair[0]


def events(world: World) -> FieldTable:
    def template(row: Event) -> CourseTemplate | None:
        return world.table(CourseTemplate).get(row.template_id)

    def location(row: Event) -> Location | None:
        return world.table(Location).get(row.location_id)

    def booked(row: Event) -> int:
        return sum(1 for learner in world.learners(row) if learner.state in HOLDS_PLACE)

    def remaining(row: Event) -> int | None:
        return None if row.max_places is None else max(0, row.max_places - booked(row) - row.reserved)

    def has_room(row: Event) -> bool:
        return not row.sold_out and remaining(row) != 0

    start = Field("wall", lambda row: _wall(event_dates(world, row)[0]))
    end = Field("wall", lambda row: _wall(event_dates(world, row)[1]))
    search = _texts(lambda row: (row.code, row.title, getattr(template(row), "code", None)))
    return {
        "id": _key(world),
        "title": _text(lambda row: row.title),
        "code": _text(lambda row: row.code),
        "start": start,
        "end": end,
        "classroomStart": start,
        "classroomEnd": end,
        "lmsStart": Field("wall", lambda row: row.lms_start),
        "lmsEnd": Field("wall", lambda row: row.lms_end),
        "timeZonedStart": Field("moment", lambda row: _moment(event_dates(world, row)[0])),
        "timeZonedEnd": Field("moment", lambda row: _moment(event_dates(world, row)[1])),
        "lifecycleState": _text(lambda row: row.state),
        "status": _text(lambda row: STATUS_WORDS[row.state]),
        "type": _text(lambda row: row.type),
        "learningMode": _text(lambda row: row.mode),
        "courseTemplateTitle": _text(lambda row: getattr(template(row), "title", None)),
        "courseTemplateCode": _text(lambda row: getattr(template(row), "code", None)),
        "locationName": _text(lambda row: getattr(location(row), "name", None)),
        "locationId": _id(lambda row: world.gid_of(Location, row.location_id)),
        "isSoldOut": _truth(lambda row: not has_room(row)),
        "hasPlacesRemaining": _truth(has_room),
        "remainingPlaces": _number(remaining),
        "bookedPlaces": _number(booked),
        "maxPlaces": _number(lambda row: row.max_places),
        "minPlaces": _number(lambda row: row.min_places),
        "textSearch": search,
        "eventOrCourseCodeOrTitle": search,
        "bookingAccountId": _id(lambda row: world.gid_of(Account, row.account_id)),
        "staffContactId": _ids(lambda row: tuple(world.gid_of(Contact, staff.contact_id) for staff in row.staff)),
        "isActive": _truth(lambda row: row.state == "published"),
        "createdAt": CREATED,
        "updatedAt": UPDATED,
        "cancelledAt": Field("stamp", lambda row: row.cancelled),
    }


STATUS_WORDS = {"draft": "Draft", "published": "Active", "cancelled": "Cancelled"}


def sessions(world: World) -> FieldTable:
    return {"id": _key(world), "start": Field("wall", lambda row: row.start), "lifecycleState": _text(lambda row: row.state)}


def learner_fields(world: World) -> FieldTable:
    def contact(row: Learner) -> Contact:
        return world.table(Contact)[row.contact_id]

    def event(row: Learner) -> Event:
        return world.table(Event)[row.event_id]

    return {
        "id": _key(world),
        "eventId": _id(lambda row: world.gid_of(Event, row.event_id)),
        "contactId": _id(lambda row: world.gid_of(Contact, row.contact_id)),
        "contactName": _text(lambda row: full_name(contact(row))),
        "contactEmailAddress": _mails(world, lambda row: contact(row).emails),
        "lifecycleState": _text(lambda row: row.state),
        "isActive": _truth(lambda row: row.state == "active"),
        "isCancelled": _truth(lambda row: row.state == "cancelled"),
        "hasPassed": _truth(lambda row: row.passed),
        "courseTemplateId": _id(lambda row: world.gid_of(CourseTemplate, event(row).template_id)),
        "eventStartDate": Field("wall", lambda row: _wall(event_dates(world, event(row))[0])),
        "eventEndDate": Field("wall", lambda row: _wall(event_dates(world, event(row))[1])),
        "lastUpdatedAt": UPDATED,
    }


def named(world: World) -> FieldTable:
    return {"id": _key(world), "name": _text(lambda row: row.name), "code": _text(lambda row: getattr(row, "code", None))}


def registrations(world: World) -> FieldTable:
    return {"id": _key(world), "account": _id(lambda row: world.gid_of(Account, row.account_id))}


def tables(world: World) -> dict[type[Row], FieldTable]:
    return {
        Account: accounts(world),
        Contact: contacts(world),
        CourseTemplate: templates(world),
        Event: events(world),
        Session: sessions(world),
        Learner: learner_fields(world),
        Location: named(world),
        Venue: named(world),
        LearningCategory: named(world),
        Registration: registrations(world),
    }
