"""What a person does on the vendor's screens. Fires webhooks and moves stamps like any other change.

Arguments are named as the fields of state rows; ids are global ids (legacy numbers are taken too). Dates are wall times, ISO without
offset, in `time_zone_name` or the event's zone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from csod_pipelines.sandbox.administrate import catalogue, fields, learners, people, times, training
from csod_pipelines.sandbox.administrate.call import Call, Refused
from csod_pipelines.sandbox.administrate.records import CourseTemplate, Event, FieldDefinition, Row

Given = Mapping[str, Any]
Do = Callable[[Call, Given], Row | None]


_JSON_TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "id": (str, int),
    "number": (int,),
    "truth": (bool,),
    "wall time": (str,),
    "list": (list,),
    "object": (dict,),
}


def check(given: Any, known: Mapping[str, str], what: str) -> None:
    """Refuse unknown, missing and mistyped arguments. `known`: name -> type word, `!` if needed, then `: what it is`."""
    if not isinstance(given, Mapping):
        raise Refused("input", f"{what} must be an object")
    if unknown := sorted(set(given) - set(known)):
        raise Refused("input", f"{what} has no {', '.join(unknown)}; known: {', '.join(known)}")
    for name, spec in known.items():
        word = spec.partition(":")[0].strip()
        needed, word = word.endswith("!"), word.rstrip("!")
        value = given.get(name)
        if value is None:
            if needed and not (name in given and "null" in spec):
                raise Refused(name, f"{what} needs it")
            continue
        if not isinstance(value, _JSON_TYPES[word]) or (isinstance(value, bool) and word in {"id", "number"}):
            raise Refused(name, f"must be of type {word}", value)


def _inputs(given: Given, names: Mapping[str, str]) -> dict[str, Any]:
    """State-row names to the vendor's input names, leaving out what was not given."""
    return {vendor: given[name] for name, vendor in names.items() if name in given}


def _wall(given: Given, name: str) -> datetime | None:
    value = given.get(name)
    if value is None:
        return None
    try:
        return times.parse_wall(str(value))
    except ValueError as wrong:
        raise Refused(name, f"a wall time such as 2026-10-05T09:00:00 is needed ({wrong})", value) from wrong


def _custom(call: Call, object_type: str, given: Given) -> list[dict[str, Any]]:
    """{locator: value} to what the vendor's inputs take."""
    keys = {row.locator: call.gid(row) for row in call.world.table(FieldDefinition).ordered if row.object_type == object_type}
    values = given.get("custom_fields") or {}
    for locator, value in values.items():
        if value is not None and not isinstance(value, str):
            raise Refused("custom_fields", "values are texts", value)
        if locator not in keys:
            raise Refused("custom_fields", f"no custom field {locator!r} on {object_type}; there are {sorted(keys)}")
    return [{"definitionKey": keys[locator], "value": value} for locator, value in values.items()]


# ---- accounts and contacts


def create_account(call: Call, given: Given) -> Row:
    names = {"name": "name", "parent_account_id": "parentAccountId"}
    return people.create_account(call, _inputs(given, names), individual=bool(given.get("is_individual")))


def move_account(call: Call, given: Given) -> Row:
    return people.update_account(call, {"accountId": given["id"], "parentAccountId": given["parent_account_id"]})


def edit_account(call: Call, given: Given) -> Row:
    return people.update_account(call, {"accountId": given["id"], **_inputs(given, {"name": "name", "email_address": "emailAddress"})})


def merge_accounts(call: Call, given: Given) -> Row:
    return people.merge_accounts(call, {"fromAccount": given["from_account_id"], "toAccount": given["to_account_id"]})


def _person(given: Given) -> dict[str, Any]:
    inputs: dict[str, Any] = _inputs(given, {"account_id": "accountId", "has_left_company": "hasLeftCompany"})
    name = _inputs(given, {"first_name": "firstName", "middle_name": "middleName", "last_name": "lastName"})
    if name:
        inputs["personalName"] = name
    if "email_address" in given:
        inputs["emailAddresses"] = [] if not given["email_address"] else [{"usage": "primary", "address": given["email_address"]}]
    if "email_addresses" in given:
        inputs["emailAddresses"] = [{"usage": "primary", "address": str(mail)} for mail in given["email_addresses"]]
    if "mobile" in given:
        inputs["phoneNumbers"] = [] if not given["mobile"] else [{"usage": "mobile", "number": given["mobile"]}]
    return inputs


def create_contact(call: Call, given: Given) -> Row:
    custom = _custom(call, "Contact", given)
    row = people.create_contact(call, {"personalName": {}, **_person(given), "customFieldValues": custom})
    row.is_instructor, row.is_staff = bool(given.get("is_instructor")), bool(given.get("is_staff"))
    return row


def edit_contact(call: Call, given: Given) -> Row:
    return people.update_contact(call, {"contactId": given["id"], **_person(given), "customFieldValues": _custom(call, "Contact", given)})


def leave(call: Call, given: Given) -> Row:
    return people.update_contact(call, {"contactId": given["id"], "hasLeftCompany": given.get("has_left_company", True)})


def delete_contact(call: Call, given: Given) -> Row:
    return people.delete_contact(call, given["id"])


# ---- catalogue


def create_location(call: Call, given: Given) -> Row:
    names = {"name": "name", "code": "code", "region_code": "regionCode", "time_zone_name": "timeZoneName"}
    return catalogue.create_location(call, _inputs(given, names))


def create_learning_category(call: Call, given: Given) -> Row:
    return catalogue.create_category(call, _inputs(given, {"name": "name", "parent_category_id": "parentCategoryId"}))


def _template(call: Call, given: Given) -> dict[str, Any]:
    names = {"code": "code", "title": "title", "introduction": "introduction", "learning_category_ids": "learningCategoryIds"}
    return {**_inputs(given, names), "customFieldValues": _custom(call, "CourseTemplate", given)}


def create_template(call: Call, given: Given) -> Row:
    return catalogue.create_template(call, _template(call, given))


def edit_template(call: Call, given: Given) -> Row:
    return catalogue.update_template(call, given["id"], _template(call, given))


def publish_template(call: Call, given: Given) -> Row:
    return catalogue.update_template(call, given["id"], {"lifecycleState": "published"})


def archive_template(call: Call, given: Given) -> Row:
    return catalogue.update_template(call, given["id"], {"lifecycleState": "archived"})


def define_custom_field(call: Call, given: Given) -> Row:
    definition = _inputs(given, {"label": "label", "type": "type", "is_required": "isRequired"})
    definition["options"] = [{"value": str(value)} for value in given.get("options") or ()]
    return fields.define(call, given["object_type"], definition)


# ---- events

SESSION_ARGUMENTS = {
    "title": "text",
    "start": "wall time",
    "end": "wall time",
    "time_zone_name": "text: default the event's zone",
    "location_id": "id",
    "code": "text",
}

_EVENT_NAMES = {
    "course_template_id": "courseTemplateId",
    "title": "title",
    "code": "code",
    "location_id": "locationId",
    "time_zone_name": "timeZoneName",
    "min_places": "minPlaces",
    "max_places": "maxPlaces",
}


def create_event(call: Call, given: Given) -> Row:
    """With its sessions, drafts or all published, as the person who plans it leaves it."""
    inputs = {"eventType": "public", "timeZoneName": "UTC", **_inputs(given, _EVENT_NAMES)}
    inputs["customFieldValues"] = _custom(call, "Event", given)
    planned = given.get("sessions") or []
    for session in planned:
        check(session, SESSION_ARGUMENTS, "a session")
    if planned:
        inputs |= {"classroomStartDateTime": _wall(planned[0], "start"), "classroomEndDateTime": _wall(planned[0], "end")}
    mode = given.get("learning_mode", "classroom")
    if mode not in {"classroom", "blended", "lms"}:
        raise Refused("learning_mode", "classroom, blended or lms", mode)
    event = training.create_event(call, inputs, mode=mode)
    if planned and mode != "lms":
        first = call.world.sessions(event)[0]
        training.update_session(call, call.gid(first), _session(planned[0]))
        for session in planned[1:]:
            training.create_session(call, call.gid(event), _session(session))
    if given.get("publish"):
        publish_event(call, {"id": call.gid(event)})
    return event


def publish_event(call: Call, given: Given) -> Row:
    event = training.event(call, given["id"], label="id")
    for session in call.world.sessions(event):
        if session.state == "draft":
            training.update_session(call, call.gid(session), {"lifecycleState": "published"})
    return training.update_event(call, call.gid(event), {"lifecycleState": "published"})


def edit_event(call: Call, given: Given) -> Row:
    inputs = {**_inputs(given, _EVENT_NAMES), **_inputs(given, {"is_sold_out": "isSoldOut"})}
    return training.update_event(call, given["id"], {**inputs, "customFieldValues": _custom(call, "Event", given)})


def cancel_event(call: Call, given: Given) -> Row:
    return training.update_event(call, given["id"], {"lifecycleState": "cancelled"})


def delete_event(call: Call, given: Given) -> None:
    training.delete_event(call, given["id"])


def reserve_places(call: Call, given: Given) -> Row:
    """Unnamed places, held but nobody's."""
    event = training.event(call, given["id"], label="id")
    if given["quantity"] < 0:
        raise Refused("quantity", "at least 0", given["quantity"])
    free = learners.free_places(call, event)
    if free is not None and given["quantity"] > free + event.reserved:
        raise Refused("quantity", "no places remaining", given["quantity"])
    event.reserved = given["quantity"]
    training.event_changed(call, event)
    return event


def _session(given: Given) -> dict[str, Any]:
    inputs = _inputs(given, {"title": "title", "code": "code", "location_id": "locationId", "time_zone_name": "timeZoneName"})
    return inputs | {name: _wall(given, name) for name in ("start", "end") if name in given}


def add_session(call: Call, given: Given) -> Row:
    row = training.create_session(call, given["event_id"], _session(given))
    return training.update_session(call, call.gid(row), {"lifecycleState": "published"}) if given.get("publish") else row


def move_session(call: Call, given: Given) -> Row:
    return training.update_session(call, given["id"], _session(given))


def cancel_session(call: Call, given: Given) -> Row:
    return training.update_session(call, given["id"], {"lifecycleState": "cancelled"})


def delete_session(call: Call, given: Given) -> None:
    training.delete_session(call, given["id"])


def add_instructor(call: Call, given: Given) -> Row:
    return training.add_event_staff(call, {"eventId": given["event_id"], "contactId": given["contact_id"], "staffType": "instructor"})


# ---- learners


def register(call: Call, given: Given) -> Row:
    event = training.event(call, given["event_id"], label="event_id")
    state = given.get("lifecycle_state", "active")
    if state not in {"active", "reserved", "interested"}:
        raise Refused("lifecycle_state", "active, reserved or interested", state)
    return learners.register(call, event, [given["contact_id"]], notes=given.get("notes"), state=state)[0]


def cancel_learner(call: Call, given: Given) -> Row:
    return learners.cancel(call, given["id"])


def expire_learner(call: Call, given: Given) -> Row:
    row = learners.learner(call, given["id"])
    learners.turn(call, row, "expired", messages=0)
    return row


def reactivate(call: Call, given: Given) -> Row:
    return learners.reactivate(call, given["id"])


def mark_attendance(call: Call, given: Given) -> Row:
    inputs = {"learnerId": given["learner_id"], "sessionId": given["session_id"], "attended": given["attended"]}
    return learners.record_attendance(call, inputs)


def record_result(call: Call, given: Given) -> Row:
    return learners.record_result(call, given["learner_id"], has_passed=given["has_passed"])


def press_manual_button(call: Call, given: Given) -> Row | None:
    row = call.world.node(given["id"])
    if not isinstance(row, Event | CourseTemplate):
        raise Refused("id", "the button stands on events and course templates", given["id"])
    call.fire("manual_event" if isinstance(row, Event) else "manual_course_template", given["id"])
    return row
