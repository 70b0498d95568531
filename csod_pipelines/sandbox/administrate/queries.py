"""Resolvers of everything that is read, type by type. A field not named here is read from the record under the same name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphql import GraphQLResolveInfo

from csod_pipelines.sandbox.administrate import fields, filterable, hook_types, ids, learners, times
from csod_pipelines.sandbox.administrate.call import Call
from csod_pipelines.sandbox.administrate.filters import Field, compile_filter
from csod_pipelines.sandbox.administrate.records import (
    Account,
    Contact,
    CourseTemplate,
    Event,
    Learner,
    LearningCategory,
    Location,
    Region,
    Registration,
    Row,
    Session,
    Venue,
    Webhook,
)
from csod_pipelines.sandbox.administrate.select import Page, cursor

Resolver = Callable[..., Any]


def _call(info: GraphQLResolveInfo) -> Call:
    return info.context


def _id(row: Row, info: GraphQLResolveInfo) -> str:
    return _call(info).gid(row)


def _external(row: Row, info: GraphQLResolveInfo) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in (row.external or {}).items()]


def _custom(object_type: str) -> Resolver:
    def resolve(row: Row, info: GraphQLResolveInfo, filter: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        call = _call(info)
        wanted = (filter or {}).get("definitionLocator")
        return [
            {
                "definitionKey": call.gid(definition),
                "definitionLocator": definition.locator,
                "value": (row.custom or {}).get(definition.id),
                "definition": definition,
            }
            for definition in fields.definitions(call, object_type)
            if wanted is None or definition.locator == wanted
        ]

    return resolve


def _one(kind: type[Row], attribute: str) -> Resolver:
    return lambda row, info: _call(info).world.table(kind).get(getattr(row, attribute))


def _list(kind: type[Row]) -> Resolver:
    return lambda _root, info, **arguments: _call(info).select.top(kind, arguments)


def _nested(kind: type[Row], rows: Callable[[Call, Any], Sequence[Any]]) -> Resolver:
    def resolve(row: Any, info: GraphQLResolveInfo, **arguments: Any) -> Page:
        call = _call(info)
        return call.select.nested(kind, rows(call, row), arguments)

    return resolve


def _plain(rows: Callable[[Call, Any], Sequence[Any]]) -> Resolver:
    """A nested connection without filters."""

    def resolve(row: Any, info: GraphQLResolveInfo, first: int | None = None, offset: int | None = None, after: str | None = None) -> Page:
        return Page(rows(_call(info), row), first=first, offset=offset, after=after)

    return resolve


def _event_date(which: int, *, zoned: bool) -> Resolver:
    def resolve(row: Event, info: GraphQLResolveInfo) -> Any:
        pair = filterable.event_dates(_call(info).world, row)[which]
        if pair is None:
            return None
        return times.offset_text(*pair) if zoned else pair[0]

    return resolve


def _session_date(attribute: str) -> Resolver:
    def resolve(row: Session, info: GraphQLResolveInfo) -> str | None:
        zone = row.zone or _call(info).world.table(Event)[row.event_id].zone
        return times.offset_text(getattr(row, attribute), zone)

    return resolve


def _attendance(call: Call, row: Learner) -> list[dict[str, Any]]:
    """Every session of the event; an unmarked one has no mark, or no row at all (``attendance_unmarked``)."""
    sessions = call.world.sessions(call.world.table(Event)[row.event_id])
    marks = row.marks or {}
    if call.settings.text("attendance_unmarked") == "no row":
        sessions = [session for session in sessions if session.id in marks]
    return [{"attendanceMark": marks.get(session.id), "session": session} for session in sessions]


def _node(_root: Any, info: GraphQLResolveInfo, id: str) -> Any:
    row = _call(info).world.node(id)
    if row is not None:
        return row if type(row) in _NODES else None
    parts = ids.decode(id)
    return parts[1] if parts is not None and parts[0] == "WebhookType" and parts[1] in _offered(_call(info)) else None


def _offered(call: Call) -> list[str]:
    return [slug for slug in hook_types.HOOK_TYPES if call.settings.on(f"webhook_{slug}")]


_TYPE_FIELDS = {
    "id": Field("id", lambda slug: ids.encode("WebhookType", slug)),
    "name": Field("text", lambda slug: (hook_types.HOOK_TYPES[slug], *hook_types.ALIASES.get(slug, ())), many=True),
    "trigger": Field("text", lambda slug: "manual" if slug in hook_types.MANUAL else "automatic"),
}


def _webhook_types(_root: Any, info: GraphQLResolveInfo, filters: list[dict[str, Any]] | None = None, **paging: Any) -> Page:
    tests = [compile_filter(_TYPE_FIELDS[given["field"]], given) for given in filters or ()]
    slugs = [slug for slug in _offered(_call(info)) if all(test(slug) for test in tests)]
    return Page(slugs, first=paging.get("first"), offset=paging.get("offset"), after=paging.get("after"))


def _by_external(_root: Any, info: GraphQLResolveInfo, type: str, name: str, value: str) -> Row | None:
    return _call(info).world.by_external(type, name, value)


def _address(row: Any) -> dict[str, Any]:
    return {
        "usage": row.usage,
        "lines": list(row.lines),
        "town": row.town,
        "region": row.region,
        "postcode": row.postcode,
        "country": None if row.country_id is None else {"id": row.country_id},
        "address": {"provinceCode": row.province_code, "contactPerson": row.contact_person},
    }


def _page_info(page: Page, info: GraphQLResolveInfo) -> dict[str, Any]:
    return {
        "startCursor": cursor(page.start) if page.rows else None,
        "endCursor": cursor(page.start + len(page.rows) - 1) if page.rows else None,
        "hasNextPage": page.has_next,
        "hasPreviousPage": page.start > 0,
        "totalRecords": lambda _info: page.total(),
    }


def _edges(page: Page, info: GraphQLResolveInfo) -> list[dict[str, Any]]:
    return [{"cursor": cursor(page.start + index), "node": row} for index, row in enumerate(page.rows)]


CONNECTION: dict[str, Resolver] = {"edges": _edges, "pageInfo": _page_info}

# Which GraphQL type a record is shown as; also the kinds that `node` finds.
_NODES: dict[type[Row], str] = {
    kind: kind.__name__
    for kind in (Account, Contact, Location, Venue, LearningCategory, CourseTemplate, Event, Session, Learner, Registration, Webhook)
}


def type_name(value: Any) -> str:
    return "WebhookType" if isinstance(value, str) else _NODES[type(value)]


QUERY: dict[str, Resolver] = {
    "hello": lambda _root, _info: "Hello",
    "node": _node,
    "echo": lambda _root, _info, value: value,
    "nodeByExternalId": _by_external,
    "accounts": _list(Account),
    "contacts": _list(Contact),
    "locations": _list(Location),
    "venues": _list(Venue),
    "learningCategories": _list(LearningCategory),
    "courseTemplates": _list(CourseTemplate),
    "events": _list(Event),
    "learners": _list(Learner),
    "registrations": _list(Registration),
    "customFieldTemplate": lambda _root, info, type: {"customFieldDefinitions": fields.definitions(_call(info), type)},
    "webhookTypes": _webhook_types,
    "webhooks": _plain(lambda call, _root: call.world.table(Webhook).ordered),
}

TYPES: dict[str, dict[str, Resolver]] = {
    "Query": QUERY,
    "Account": {
        "emailAddress": lambda row, info: row.email,
        "isIndividual": lambda row, info: row.is_individual,
        "isPartner": lambda row, info: row.is_partner,
        "postalAddresses": lambda row, info: [_address(address) for address in row.addresses],
        "contacts": _nested(
            Contact, lambda call, row: [call.world.table(Contact)[id] for id in call.world.contacts_of_account.get(row.id, ())]
        ),
        "parentAccount": _one(Account, "parent_id"),
    },
    "Contact": {
        "personalName": lambda row, info: {
            "name": filterable.full_name(row),
            "firstName": row.first,
            "middleName": row.middle,
            "lastName": row.last,
        },
        "firstName": lambda row, info: row.first,
        "lastName": lambda row, info: row.last,
        "emailAddress": lambda row, info: row.emails[0] if row.emails else None,
        "emailAddresses": lambda row, info: [{"usage": "primary", "address": mail} for mail in row.emails],
        "phoneNumbers": lambda row, info: [{"usage": "mobile", "number": number} for number in row.phones],
        "account": _one(Account, "account_id"),
        "isInstructor": lambda row, info: row.is_instructor,
        "isStaff": lambda row, info: row.is_staff,
        "hasLeftCompany": lambda row, info: row.has_left,
        "learners": _nested(Learner, lambda call, row: call.world.learners_by_contact(row)),
    },
    "Location": {"region": _one(Region, "region_id"), "timeZoneName": lambda row, info: row.zone},
    "Venue": {"location": _one(Location, "location_id")},
    "LearningCategory": {"parentCategory": _one(LearningCategory, "parent_id")},
    "CourseTemplate": {
        "lmsSummary": lambda row, info: row.summary,
        "lifecycleState": lambda row, info: row.state,
        "eventLearningMode": lambda row, info: row.mode,
        "learningCategories": _plain(lambda call, row: [call.world.table(LearningCategory)[id] for id in row.category_ids]),
        "events": _nested(Event, lambda call, row: [call.world.table(Event)[id] for id in call.world.events_of_template.get(row.id, ())]),
        "updatedAt": lambda row, info: times.stamp_text(row.updated),
    },
    "Staff": {
        "id": lambda row, info: ids.encode("Staff", row.id),
        "contact": _one(Contact, "contact_id"),
        "staffType": lambda row, info: row.staff_type,
        "isPrimary": lambda row, info: row.is_primary,
    },
    "Event": {
        "learningMode": lambda row, info: row.mode,
        "status": lambda row, info: filterable.STATUS_WORDS[row.state],
        "lifecycleState": lambda row, info: row.state,
        "cancelledAt": lambda row, info: times.stamp_text(row.cancelled),
        "updatedAt": lambda row, info: times.stamp_text(row.updated),
        "timeZoneName": lambda row, info: row.zone,
        "start": _event_date(0, zoned=False),
        "end": _event_date(1, zoned=False),
        "timeZonedStart": _event_date(0, zoned=True),
        "timeZonedEnd": _event_date(1, zoned=True),
        "classroomStart": _event_date(0, zoned=False),
        "classroomEnd": _event_date(1, zoned=False),
        "lmsStart": lambda row, info: row.lms_start,
        "lmsEnd": lambda row, info: row.lms_end,
        "registrationDeadline": lambda row, info: row.deadline,
        "minPlaces": lambda row, info: row.min_places,
        "maxPlaces": lambda row, info: row.max_places,
        "bookedPlaces": lambda row, info: learners.booked(_call(info), row),
        "remainingPlaces": lambda row, info: learners.free_places(_call(info), row),
        "isSoldOut": lambda row, info: row.sold_out or learners.free_places(_call(info), row) == 0,
        "isActive": lambda row, info: row.state == "published",
        "internalNotes": lambda row, info: row.internal_notes,
        "remoteMeeting": lambda row, info: None if row.meeting_url is None else {"url": row.meeting_url},
        "location": _one(Location, "location_id"),
        "venue": _one(Venue, "venue_id"),
        "courseTemplate": _one(CourseTemplate, "template_id"),
        "bookingAccount": _one(Account, "account_id"),
        "staff": _plain(lambda call, row: row.staff),
        "sessions": _nested(Session, lambda call, row: call.world.sessions(row)),
        "learners": _nested(Learner, lambda call, row: call.world.learners(row)),
    },
    "Session": {
        "timeZonedStart": _session_date("start"),
        "timeZonedEnd": _session_date("end"),
        "lifecycleState": lambda row, info: row.state,
        "event": _one(Event, "event_id"),
        "location": _one(Location, "location_id"),
        "venue": _one(Venue, "venue_id"),
    },
    "Learner": {
        "lifecycleState": lambda row, info: row.state,
        "isActive": lambda row, info: row.state == "active",
        "isCancelled": lambda row, info: row.state == "cancelled",
        "hasPassed": lambda row, info: row.passed,
        "contact": _one(Contact, "contact_id"),
        "event": _one(Event, "event_id"),
        "attendance": lambda row, info: row,
        "lastUpdatedAt": lambda row, info: times.stamp_text(row.updated),
    },
    "LearnerAttendance": {"sessionDetail": _plain(_attendance)},
    "Registration": {
        "account": _one(Account, "account_id"),
        "orderDate": lambda row, info: row.order_date,
        "invoiceIssued": lambda row, info: False,
        "registerables": _plain(
            lambda call, row: [learner for id in row.learner_ids if (learner := call.world.table(Learner).get(id)) is not None]
        ),
    },
    "Webhook": {
        "lifecycleState": lambda row, info: row.state,
        "filterExpression": lambda row, info: row.expression,
        "webhookType": lambda row, info: row.type_slug,
    },
    "WebhookType": {
        "id": lambda slug, info: ids.encode("WebhookType", slug),
        "name": lambda slug, info: hook_types.HOOK_TYPES[slug],
        "description": lambda slug, info: f"Sent for: {hook_types.HOOK_TYPES[slug].lower()}",
    },
    "CustomFieldDefinition": {
        "key": _id,
        "isRequired": lambda row, info: row.required,
        "options": lambda row, info: [{"value": value} for value in row.options],
        "roles": lambda row, info: list(row.roles),
    },
}

for _name in ("Account", "Contact", "CourseTemplate", "Event", "Session", "Learner"):
    TYPES[_name]["customFieldValues"] = _custom(_name)
for _kind in _NODES:
    TYPES[_kind.__name__] |= {"id": _id}
    if _kind not in {Venue, Registration, Webhook}:
        TYPES[_kind.__name__] |= {"legacyId": lambda row, info: row.id, "externalIds": _external}
