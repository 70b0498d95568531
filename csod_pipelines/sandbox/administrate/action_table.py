"""The actions by name, with their arguments: type, `!` where needed, and what it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from csod_pipelines.sandbox.administrate import actions, rows
from csod_pipelines.sandbox.administrate.call import Call, Refused
from csod_pipelines.sandbox.administrate.records import (
    Account,
    Contact,
    CourseTemplate,
    Event,
    Learner,
    LearningCategory,
    Location,
    Row,
    Session,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    do: actions.Do
    kind: type[Row] | None = None  # of the record named by `id`
    arguments: Mapping[str, str] = field(default_factory=dict)


_PERSON = {
    "first_name": "text",
    "middle_name": "text",
    "last_name": "text",
    "email_address": "text",
    "email_addresses": "list: instead of email_address, all of them",
    "mobile": "text",
    "custom_fields": "object: locator -> value",
}
_TEMPLATE = {
    "code": "text",
    "title": "text",
    "introduction": "text",
    "learning_category_ids": "list",
    "custom_fields": "object: locator -> value",
}
_EVENT = {
    "course_template_id": "id",
    "title": "text",
    "code": "text",
    "location_id": "id",
    "time_zone_name": "text: IANA name",
    "min_places": "number",
    "max_places": "number",
    "custom_fields": "object: locator -> value",
}
_ID = {"id": "id!"}

ACTIONS: dict[str, Action] = {
    "create_account": Action(
        do=actions.create_account,
        arguments={"name": "text!", "parent_account_id": "id", "is_individual": "truth: one person's own account"},
    ),
    "edit_account": Action(do=actions.edit_account, kind=Account, arguments=_ID | {"name": "text", "email_address": "text"}),
    "move_account": Action(do=actions.move_account, kind=Account, arguments=_ID | {"parent_account_id": "id!: null for the top"}),
    "merge_accounts": Action(do=actions.merge_accounts, arguments={"from_account_id": "id!", "to_account_id": "id!"}),
    "create_contact": Action(
        do=actions.create_contact, arguments={"account_id": "id!"} | _PERSON | {"is_instructor": "truth", "is_staff": "truth"}
    ),
    "edit_contact": Action(
        do=actions.edit_contact, kind=Contact, arguments=_ID | {"account_id": "id: move there", "has_left_company": "truth"} | _PERSON
    ),
    "leave": Action(do=actions.leave, kind=Contact, arguments=_ID | {"has_left_company": "truth: default true"}),
    "delete_contact": Action(do=actions.delete_contact, kind=Contact, arguments=_ID),
    "create_location": Action(
        do=actions.create_location, arguments={"name": "text!", "code": "text", "region_code": "text", "time_zone_name": "text"}
    ),
    "create_learning_category": Action(do=actions.create_learning_category, arguments={"name": "text!", "parent_category_id": "id"}),
    "define_custom_field": Action(
        do=actions.define_custom_field,
        arguments={"object_type": "text!", "label": "text!", "type": "text!", "options": "list", "is_required": "truth"},
    ),
    "create_template": Action(do=actions.create_template, arguments=_TEMPLATE | {"code": "text!", "title": "text!"}),
    "edit_template": Action(do=actions.edit_template, kind=CourseTemplate, arguments=_ID | _TEMPLATE),
    "publish_template": Action(do=actions.publish_template, kind=CourseTemplate, arguments=_ID),
    "archive_template": Action(do=actions.archive_template, kind=CourseTemplate, arguments=_ID),
    "create_event": Action(
        do=actions.create_event,
        arguments=_EVENT
        | {
            "sessions": "list: objects of title, start, end (wall times), time_zone_name, location_id, code",
            "learning_mode": "text: classroom (default), blended, lms",
            "publish": "truth: the event and its sessions",
        },
    ),
    "edit_event": Action(do=actions.edit_event, kind=Event, arguments=_ID | _EVENT | {"is_sold_out": "truth"}),
    "publish_event": Action(do=actions.publish_event, kind=Event, arguments=_ID),
    "cancel_event": Action(do=actions.cancel_event, kind=Event, arguments=_ID),
    "delete_event": Action(do=actions.delete_event, kind=Event, arguments=_ID),
    "reserve_places": Action(do=actions.reserve_places, kind=Event, arguments=_ID | {"quantity": "number!: unnamed places held"}),
    "add_session": Action(do=actions.add_session, arguments={"event_id": "id!", "publish": "truth"} | actions.SESSION_ARGUMENTS),
    "move_session": Action(do=actions.move_session, kind=Session, arguments=_ID | actions.SESSION_ARGUMENTS),
    "cancel_session": Action(do=actions.cancel_session, kind=Session, arguments=_ID),
    "delete_session": Action(do=actions.delete_session, kind=Session, arguments=_ID),
    "add_instructor": Action(do=actions.add_instructor, arguments={"event_id": "id!", "contact_id": "id!"}),
    "register": Action(
        do=actions.register,
        arguments={
            "event_id": "id!",
            "contact_id": "id!",
            "notes": "text",
            "lifecycle_state": "text: active (default), reserved, interested",
        },
    ),
    "cancel_learner": Action(do=actions.cancel_learner, kind=Learner, arguments=_ID),
    "expire_learner": Action(do=actions.expire_learner, kind=Learner, arguments=_ID),
    "reactivate": Action(do=actions.reactivate, kind=Learner, arguments=_ID),
    "mark_attendance": Action(do=actions.mark_attendance, arguments={"learner_id": "id!", "session_id": "id!", "attended": "truth!"}),
    "record_result": Action(do=actions.record_result, arguments={"learner_id": "id!", "has_passed": "truth!"}),
    "press_manual_button": Action(do=actions.press_manual_button, arguments=_ID),
}
# Done by the core itself, as they touch no record.
ELSEWHERE: dict[str, dict[str, str]] = {"revoke_tokens": {}, "resend_webhook": {"id": "text!: of a delivery in the log"}}

# Which kind of record an id argument names, where legacy numbers are taken for ids.
_ID_KINDS: dict[str, type[Row]] = {
    "account_id": Account,
    "parent_account_id": Account,
    "from_account_id": Account,
    "to_account_id": Account,
    "contact_id": Contact,
    "course_template_id": CourseTemplate,
    "event_id": Event,
    "session_id": Session,
    "learner_id": Learner,
    "location_id": Location,
    "parent_category_id": LearningCategory,
}


def described() -> dict[str, dict[str, str]]:
    return {name: dict(action.arguments) for name, action in ACTIONS.items()} | {
        name: dict(arguments) for name, arguments in ELSEWHERE.items()
    }


def perform(call: Call, name: str, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """ValueError with a clear text when it cannot be done."""
    action = ACTIONS[name]
    try:
        actions.check(arguments, action.arguments, name)
        row = action.do(call, _with_global_ids(call, arguments, action.kind))
    except Refused as refused:
        value = "" if refused.value is None else f" ({refused.value})"
        raise ValueError(f"{refused.label}: {refused.message}{value}") from refused
    if row is None or row.id not in call.world.table_of(row):
        return {"ok": True, "id": arguments.get("id"), "row": None}
    return {"ok": True, "id": call.gid(row), "row": rows.row_of(call, row)}


def check_elsewhere(name: str, arguments: Mapping[str, Any]) -> None:
    try:
        actions.check(arguments, ELSEWHERE[name], name)
    except Refused as refused:
        raise ValueError(f"{refused.label}: {refused.message}") from refused


def _with_global_ids(call: Call, arguments: Mapping[str, Any], kind: type[Row] | None) -> dict[str, Any]:
    given = dict(arguments)
    for name, value in arguments.items():
        target = kind if name == "id" else _ID_KINDS.get(name)
        if target is not None and isinstance(value, int):
            given[name] = call.world.gid_of(target, value)
        elif name == "id" and isinstance(value, int):
            raise Refused("id", "give the global id", value)
    return given
