"""What `GET /_sandbox/state/{kind}` shows: records as flat rows in the vendor's words, with snake-case names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from csod_pipelines.sandbox.administrate import filterable, learners, times
from csod_pipelines.sandbox.administrate.call import Call
from csod_pipelines.sandbox.administrate.records import (
    Account,
    Company,
    Contact,
    CourseTemplate,
    Event,
    FieldDefinition,
    IntegrationLog,
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
from csod_pipelines.sandbox.administrate.world import KINDS

Shown = dict[str, Any]


def row_of(call: Call, row: Row) -> Shown:
    world = call.world
    shown: Shown = {"id": world.gid(row), "legacy_id": row.id, **_SHOWN[type(row)](call, row)}
    shown["external_ids"] = dict(row.external or {})
    shown["custom_fields"] = _custom(call, row)
    shown["created_at"], shown["updated_at"] = times.stamp_text(row.created), times.stamp_text(row.updated)
    return shown


def _custom(call: Call, row: Row) -> dict[str, str]:
    table = call.world.table(FieldDefinition)
    return {table[key].locator: value for key, value in (row.custom or {}).items()}


def _account(call: Call, row: Account) -> Shown:
    world = call.world
    return {
        "name": row.name,
        "parent_account_id": world.gid_of(Account, row.parent_id),
        "is_individual": row.is_individual,
        "company_id": world.gid_of(Company, row.company_id),
        "email_address": row.email,
    }


def _contact(call: Call, row: Contact) -> Shown:
    return {
        "first_name": row.first,
        "middle_name": row.middle,
        "last_name": row.last,
        "email_address": row.emails[0] if row.emails else None,
        "email_addresses": list(row.emails),
        "mobile": row.phones[0] if row.phones else None,
        "account_id": call.world.gid_of(Account, row.account_id),
        "has_left_company": row.has_left,
        "is_instructor": row.is_instructor,
        "is_staff": row.is_staff,
    }


def _location(call: Call, row: Location) -> Shown:
    region = call.world.table(Region).get(row.region_id)
    return {"name": row.name, "code": row.code, "region_code": None if region is None else region.code, "time_zone_name": row.zone}


def _category(call: Call, row: LearningCategory) -> Shown:
    return {"name": row.name, "description": row.description, "parent_category_id": call.world.gid_of(LearningCategory, row.parent_id)}


def _definition(call: Call, row: FieldDefinition) -> Shown:
    shown = {"key": call.world.gid(row), "object_type": row.object_type, "locator": row.locator, "label": row.label, "type": row.type}
    return shown | {"is_required": row.required, "options": list(row.options)}


def _template(call: Call, row: CourseTemplate) -> Shown:
    return {
        "code": row.code,
        "title": row.title,
        "introduction": row.introduction,
        "lifecycle_state": row.state,
        "learning_category_ids": [call.world.gid_of(LearningCategory, id) for id in row.category_ids],
    }


def _event(call: Call, row: Event) -> Shown:
    world = call.world
    start, end = filterable.event_dates(world, row)
    return {
        "code": row.code,
        "title": row.title,
        "course_template_id": world.gid_of(CourseTemplate, row.template_id),
        "lifecycle_state": row.state,
        "learning_mode": row.mode,
        "location_id": world.gid_of(Location, row.location_id),
        "time_zone_name": row.zone,
        "min_places": row.min_places,
        "max_places": row.max_places,
        "booked_places": learners.booked(call, row),
        "reserved_places": row.reserved,
        "is_sold_out": row.sold_out,
        "start": None if start is None else times.utc_text(*start),
        "end": None if end is None else times.utc_text(*end),
        "cancelled_at": times.stamp_text(row.cancelled),
        "instructor_ids": [world.gid_of(Contact, staff.contact_id) for staff in row.staff if staff.staff_type == "instructor"],
    }


def _session(call: Call, row: Session) -> Shown:
    world = call.world
    zone = row.zone or world.table(Event)[row.event_id].zone
    return {
        "event_id": world.gid_of(Event, row.event_id),
        "title": row.title,
        "code": row.code,
        "start": times.utc_text(row.start, zone),
        "end": times.utc_text(row.end, zone),
        "time_zone_name": zone,
        "location_id": world.gid_of(Location, row.location_id),
        "lifecycle_state": row.state,
    }


def _learner(call: Call, row: Learner) -> Shown:
    world = call.world
    return {
        "event_id": world.gid_of(Event, row.event_id),
        "contact_id": world.gid_of(Contact, row.contact_id),
        "lifecycle_state": row.state,
        "attendance": {str(world.gid_of(Session, id)): mark for id, mark in (row.marks or {}).items()},
        "has_passed": row.passed,
        "notes": row.notes,
    }


def _log(call: Call, row: IntegrationLog) -> Shown:
    return {"origin_identifier": row.origin, "node_id": row.node, "message": row.message, "status": row.status, "payload": row.payload}


def _webhook(call: Call, row: Webhook) -> Shown:
    """Without `config`: the vendor keeps it encrypted and cannot show it again."""
    shown = {"webhook_type": row.type_slug, "name": row.name, "url": row.url, "query": row.query, "lifecycle_state": row.state}
    return shown | {"filter_expression": row.expression, "notification_emails": list(row.emails), "has_config": row.config is not None}


_SHOWN: dict[type[Row], Callable[[Call, Any], Shown]] = {
    Company: lambda call, row: {"name": row.name},
    Region: lambda call, row: {"name": row.name, "code": row.code},
    Account: _account,
    Contact: _contact,
    Location: _location,
    Venue: lambda call, row: {"name": row.name, "location_id": call.world.gid_of(Location, row.location_id)},
    LearningCategory: _category,
    FieldDefinition: _definition,
    CourseTemplate: _template,
    Event: _event,
    Session: _session,
    Learner: _learner,
    Registration: lambda call, row: {
        "account_id": call.world.gid_of(Account, row.account_id),
        "order_date": row.order_date,
        "learner_ids": [call.world.gid_of(Learner, id) for id in row.learner_ids],
    },
    IntegrationLog: _log,
    Webhook: _webhook,
}
KIND_OF_NAME: dict[str, type[Row]] = {name: kind for kind, name in KINDS.items()}
