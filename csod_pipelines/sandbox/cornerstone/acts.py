"""What people do on the portal's screens, for ``/_sandbox/act``. Stamps move and webhooks fire as for anybody's doing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from csod_pipelines.sandbox.cornerstone import acts_learning, state_rows
from csod_pipelines.sandbox.cornerstone.acts_kit import done, given_user, number, text
from csod_pipelines.sandbox.cornerstone.ou_changes import OuCheck, change_ou, create_ou
from csod_pipelines.sandbox.cornerstone.portal import Portal
from csod_pipelines.sandbox.cornerstone.rows import Ou, Provider, Subject
from csod_pipelines.sandbox.cornerstone.user_changes import UserCheck, change_user, create_user

Arguments = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    arguments: dict[str, str]
    work: Callable[[Portal, Arguments, datetime], dict[str, Any]]


def described() -> dict[str, dict[str, str]]:
    return {name: act.arguments for name, act in sorted(_ACTS.items())}


def perform(portal: Portal, action: str, arguments: Arguments, *, now: datetime) -> dict[str, Any]:
    if action not in _ACTS:
        raise ValueError(f"unknown action {action!r}; known: {', '.join(sorted(_ACTS))}")
    unknown = set(arguments) - set(_ACTS[action].arguments) - {"action"}
    if unknown:
        raise ValueError(f"{action} does not take {', '.join(sorted(unknown))}; it takes {', '.join(_ACTS[action].arguments)}")
    try:
        return _ACTS[action].work(portal, arguments, now)
    except (TypeError, KeyError, AttributeError) as err:
        raise ValueError(f"{action} could not be done with these arguments: {err!r}") from err


# ---- people ----

_USER_NAMES = {
    "external_id": "externalId",
    "user_name": "userName",
    "first_name": "firstName",
    "last_name": "lastName",
    "primary_email": "primaryEmail",
    "mobile_phone": "mobilePhone",
    "manager_id": "managerId",
}


def _body(arguments: Arguments) -> dict[str, Any]:
    body: dict[str, Any] = {wire: arguments[name] for name, wire in _USER_NAMES.items() if name in arguments}
    if "ous" in arguments:
        body["ous"] = [{"id": row.get("id"), "typeId": row.get("type_id", row.get("typeId"))} for row in arguments["ous"]]
    if "active" in arguments:
        body["workerStatus"] = {"active": arguments["active"]}
    if "time_zone" in arguments:
        body["settings"] = {"timeZone": arguments["time_zone"]}
    return body


def _refuse(errors: Mapping[str, list[str]]) -> None:
    if errors:
        raise ValueError("; ".join(f"{name}: {' '.join(messages)}" for name, messages in errors.items()))


def _hire(portal: Portal, arguments: Arguments, now: datetime) -> dict[str, Any]:
    body = _body(arguments)
    next_id = portal.store.users.next_id
    body.setdefault("externalId", f"E{next_id + 9000}")
    body.setdefault("userName", f"user.{next_id + 9000}")
    check = UserCheck(portal, user=None).read(body)
    _refuse(check.errors)
    row = create_user(portal, check, now=now, actor_id=None)
    return done(row.id, state_rows.user(portal, row))


def _edit_user(portal: Portal, arguments: Arguments, now: datetime) -> dict[str, Any]:
    row = given_user(portal, arguments, "id")
    check = UserCheck(portal, user=row).read(_body(arguments))
    _refuse(check.errors)
    change_user(portal, row, check, now=now)
    return _user_done(portal, row.id)


def _set_active(active: bool) -> Callable[[Portal, Arguments, datetime], dict[str, Any]]:
    def work(portal: Portal, arguments: Arguments, now: datetime) -> dict[str, Any]:
        row = given_user(portal, arguments, "id")
        change_user(portal, row, UserCheck(portal, user=row).read({"workerStatus": {"active": active}}), now=now)
        return _user_done(portal, row.id)

    return work


def _user_done(portal: Portal, id: int) -> dict[str, Any]:
    row = portal.store.users.get(id)
    assert row is not None
    return done(id, state_rows.user(portal, row))


# ---- organisation ----

_OU_NAMES = {
    "type_id": "typeId",
    "name": "name",
    "external_id": "externalId",
    "parent_id": "parentId",
    "description": "description",
    "time_zone": "timeZone",
    "address": "address",
    "facility_type": "facilityType",
    "active": "active",
}


def _create_ou(portal: Portal, arguments: Arguments, now: datetime) -> dict[str, Any]:
    body = {wire: arguments[name] for name, wire in _OU_NAMES.items() if name in arguments}
    body.setdefault("typeId", 2)
    check = OuCheck(portal, ou=None).read(body)
    _refuse(check.errors)
    row = create_ou(portal, check, now=now)
    return done(row.id, state_rows.ou(portal, row))


def _change_ou(portal: Portal, arguments: Arguments, now: datetime, body: dict[str, Any]) -> dict[str, Any]:
    row = _given_ou(portal, arguments)
    check = OuCheck(portal, ou=row).read(body)
    _refuse(check.errors)
    change_ou(portal, row, check, now=now)
    return done(row.id, state_rows.ou(portal, row))


def _given_ou(portal: Portal, arguments: Arguments) -> Ou:
    row = portal.store.ous.get(number(arguments, "id"))
    if row is None:
        raise ValueError(f"there is no OU {arguments['id']}")
    return row


def _edit_ou(portal: Portal, arguments: Arguments, now: datetime) -> dict[str, Any]:
    return _change_ou(portal, arguments, now, {wire: arguments[name] for name, wire in _OU_NAMES.items() if name in arguments})


# ---- catalogue tables that no API writes ----


def _create_subject(portal: Portal, arguments: Arguments, now: datetime) -> dict[str, Any]:
    parent = arguments.get("parent_id")
    if parent is not None and number(arguments, "parent_id") not in portal.store.subjects:
        raise ValueError(f"there is no subject {parent}")
    id = max(portal.store.subjects, default=500) + 1
    row = Subject(id=id, title=text(arguments, "title"), parent_id=None if parent is None else number(arguments, "parent_id"), modified=now)
    portal.store.subjects[id] = row
    portal.store.log.created("subjects", (id,), now)
    return done(id, state_rows.subject(portal, row))


def _create_provider(portal: Portal, arguments: Arguments, now: datetime) -> dict[str, Any]:
    name = text(arguments, "name")
    if any(row.name.casefold() == name.casefold() for row in portal.store.providers.values()):
        raise ValueError(f"there is a provider {name} already")
    id = max(portal.store.providers, default=300) + 1
    row = Provider(id=id, name=name, active=True, modified=now)
    portal.store.providers[id] = row
    portal.store.log.created("providers", (id,), now)
    return done(id, state_rows.provider(portal, row))


def _edit_provider(portal: Portal, arguments: Arguments, now: datetime) -> dict[str, Any]:
    row = portal.store.providers.get(number(arguments, "id"))
    if row is None:
        raise ValueError(f"there is no provider {arguments['id']}")
    if "name" in arguments:
        old, row.name = row.name, text(arguments, "name")
        for training in portal.store.trainings.values():
            if training.provider == old:
                training.provider = row.name
    row.active = bool(arguments.get("active", row.active))
    row.modified = now
    return done(row.id, state_rows.provider(portal, row))


def _edit_subject(portal: Portal, arguments: Arguments, now: datetime) -> dict[str, Any]:
    row = portal.store.subjects.get(number(arguments, "id"))
    if row is None:
        raise ValueError(f"there is no subject {arguments['id']}")
    old = row.title
    if "title" in arguments:
        row.title = text(arguments, "title")
    if "parent_id" in arguments:
        parent = None if arguments["parent_id"] is None else number(arguments, "parent_id")
        if parent == row.id or (parent is not None and parent not in portal.store.subjects):
            raise ValueError(f"{parent} cannot be the parent")
        row.parent_id = parent
    if not any(other.title == old for other in portal.store.subjects.values()):
        for training in portal.store.trainings.values():
            training.subjects = [row.title if title == old else title for title in training.subjects]
    row.modified = now
    return done(row.id, state_rows.subject(portal, row))


_USER_ARGUMENTS = {
    "external_id": "User ID",
    "user_name": "login",
    "first_name": "text",
    "last_name": "text",
    "primary_email": "text",
    "mobile_phone": "text",
    "ous": "[{id, type_id}]; types that are named are replaced",
    "manager_id": "user id",
    "active": "true or false",
    "time_zone": "label such as (UTC+01:00) Brussels, Copenhagen, Madrid, Paris",
}
_OU_ARGUMENTS = {
    "type_id": "2 Division (default), 16 Cost Center, 32 Location ...",
    "name": "text",
    "external_id": "reference",
    "parent_id": "OU id or null",
    "description": "text",
    "time_zone": "label, locations only",
    "address": "{line1, city, country}, locations only",
    "facility_type": "text, locations only",
    "active": "true or false",
}
_ID = {"id": "OU id"}

_ACTS: dict[str, Act] = {
    "hire": Act(arguments=_USER_ARGUMENTS, work=_hire),
    "edit_user": Act(arguments={"id": "user id or User ID"} | _USER_ARGUMENTS, work=_edit_user),
    "terminate": Act(arguments={"id": "user id or User ID"}, work=_set_active(False)),
    "rehire": Act(arguments={"id": "user id or User ID"}, work=_set_active(True)),
    "create_ou": Act(arguments=_OU_ARGUMENTS, work=_create_ou),
    "edit_ou": Act(arguments=_ID | {k: v for k, v in _OU_ARGUMENTS.items() if k != "type_id"}, work=_edit_ou),
    "rename_ou": Act(arguments=_ID | {"name": "text"}, work=lambda p, a, now: _change_ou(p, a, now, {"name": a["name"]})),
    "move_ou": Act(
        arguments=_ID | {"parent_id": "OU id or null"}, work=lambda p, a, now: _change_ou(p, a, now, {"parentId": a["parent_id"]})
    ),
    "deactivate_ou": Act(arguments=_ID, work=lambda p, a, now: _change_ou(p, a, now, {"active": False})),
    "reactivate_ou": Act(arguments=_ID, work=lambda p, a, now: _change_ou(p, a, now, {"active": True})),
    "create_subject": Act(arguments={"title": "text", "parent_id": "subject id or null"}, work=_create_subject),
    "edit_subject": Act(arguments={"id": "subject id", "title": "text", "parent_id": "subject id or null"}, work=_edit_subject),
    "create_provider": Act(arguments={"name": "text"}, work=_create_provider),
    "edit_provider": Act(arguments={"id": "provider id", "name": "text", "active": "true or false"}, work=_edit_provider),
    **{name: Act(arguments=arguments, work=work) for name, (arguments, work) in acts_learning.ACTS.items()},
}
