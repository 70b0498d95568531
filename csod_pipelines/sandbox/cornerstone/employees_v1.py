"""Employee API v1: ``/services/api/x/users/v1/employees``, still served beside v2.

Envelopes, path keys and rules: Employee API starter guide (PDF, about 2018). ``status`` is "Success" on reads and 0 on writes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from csod_pipelines.sandbox.cornerstone import fields
from csod_pipelines.sandbox.cornerstone.envelopes import Answer, ApiError, Call, stamp_a
from csod_pipelines.sandbox.cornerstone.fields import Invalid
from csod_pipelines.sandbox.cornerstone.portal import Portal
from csod_pipelines.sandbox.cornerstone.rows import OU_TYPES, User
from csod_pipelines.sandbox.cornerstone.user_changes import UserCheck, change_user, create_user

PAGE_SIZE = 50
_SAME_NAMES = ("userName", "firstName", "middleName", "lastName", "primaryEmail", "personalEmail", "mobilePhone", "homePhone", "workPhone")
_TYPE_IDS = {name.lower(): id for id, name in OU_TYPES.items()}


def list_employees(portal: Portal, call: Call) -> Answer:
    """Active users only, unless includeInactive; ``groups`` and ``customFields`` are null in a list."""
    size = fields.query_whole(call, "pagesize", least=1, most=PAGE_SIZE) or PAGE_SIZE
    page = fields.query_whole(call, "pagenumber", least=1, most=10_000_000) or 1
    inactive = fields.query_flag(call, "includeInactive") is True
    query = call.query
    id = fields.query_whole(call, "id")
    if id is not None:
        candidates = [row for row in [portal.store.users.get(id)] if row]
    elif query.get("userid"):
        candidates = [row for row in [portal.store.users.by_ref(query["userid"])] if row]
    elif query.get("guid"):
        candidates = [row for row in [portal.store.users.by_guid(query["guid"])] if row]
    else:
        candidates = portal.store.users.after(0)
    last, first = query.get("lastname", "").casefold(), query.get("firstname", "").casefold()
    found = [
        row
        for row in candidates
        if (inactive or row.active) and (not last or row.last_name.casefold() == last) and (not first or row.first_name.casefold() == first)
    ]
    rows = [_shown(portal, row) | {"groups": None, "customFields": None} for row in found[(page - 1) * size : page * size]]
    data = {"employees": rows, "size": len(rows), "start": (page - 1) * size + 1, "total": len(found)}
    return Answer(body={"status": "Success", "timestamp": stamp_a(call.now), "data": data}, effects=call.effect())


def get_employee(portal: Portal, call: Call) -> Answer:
    body = {"status": "Success", "timestamp": stamp_a(call.now), "data": _shown(portal, _found(portal, call))}
    return Answer(body=body, effects=call.effect())


def create_employee(portal: Portal, call: Call) -> Answer:
    check = UserCheck(portal, user=None).read(_as_v2(portal, call.json_object()))
    _refuse(check)
    row = create_user(portal, check, now=call.now, actor_id=portal.service_user(call.client_id).id)
    return _written(call, row, "create", status=201)


def patch_employee(portal: Portal, call: Call) -> Answer:
    row = _found(portal, call)
    check = UserCheck(portal, user=row).read(_as_v2(portal, call.json_object()))
    _refuse(check)
    change_user(portal, row, check, now=call.now)
    return _written(call, row, "update", status=200)


def _written(call: Call, row: User, effect: str, *, status: int) -> Answer:
    data = {"id": row.id, "url": f"/services/api/x/employees/{row.id}"}
    body = {"status": 0, "pageInfo": None, "timestamp": stamp_a(call.now), "data": data}
    return Answer(status=status, body=body, effects=call.effect(effect, kind="users", id=row.id))


def _refuse(check: UserCheck) -> None:
    if check.errors:
        raise ApiError(400, "Validation failed", fields=list(check.errors.items()))


def _found(portal: Portal, call: Call) -> User:
    key = call.params["key"]
    users = portal.store.users
    if key.lower().startswith("userid-"):
        row = users.by_ref(key[7:])
    elif key.lower().startswith("guid-"):
        row = users.by_guid(key[5:])
    else:
        row = users.get(int(key)) if key.isdecimal() and len(key) <= fields.LONGEST_INTEGER else None
    if row is None:
        raise ApiError(404, "User not found")
    return row


def _as_v2(portal: Portal, body: Mapping[str, Any]) -> dict[str, Any]:
    """The v1 names of what v2 takes; ``userID`` is spelt in two ways in the guide."""
    result: dict[str, Any] = {name: body[name] for name in _SAME_NAMES if name in body}
    for name in ("userId", "userID"):
        if name in body:
            result["externalId"] = body[name]
    if "workerStatus" in body:
        result["workerStatus"] = body["workerStatus"]
    for name, wire in (("manager", "managerId"), ("approver", "approverId"), ("managerId", "managerId")):
        if name in body:
            result[wire] = _person(portal, body[name])
    if "ous" in body:
        try:
            result["ous"] = [_ou(portal, item) for item in fields.rows_of(body, "ous")]
        except Invalid as err:
            raise ApiError(400, "Validation failed", fields=[("ous", [str(err)])]) from err
    return result


def _person(portal: Portal, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value.get("id") is not None:
        return value["id"]
    row = portal.store.users.by_ref(str(value.get("userId", "")))
    return row.id if row else -1  # refused as a user that does not exist


def _ou(portal: Portal, item: Mapping[str, Any]) -> dict[str, Any]:
    """By id, ouId or name, with the type's name; an ambiguous name is an error."""
    type_id = _TYPE_IDS.get((fields.text(item, "type", required=True) or "").lower())
    if type_id is None:
        raise Invalid(f"Invalid OU type {item['type']}")
    if item.get("id") is not None:
        return {"id": item["id"], "typeId": type_id}
    ref, name = fields.text(item, "ouId"), fields.text(item, "name")
    found = (
        [portal.store.ous.by_ref(ref, type_id=type_id)]
        if ref
        else [ou for ou in portal.store.ous.by_name(name or "") if ou.type_id == type_id]
    )
    if len(found) != 1 or found[0] is None:
        raise Invalid(f"OU {ref or name} of type {item['type']} is {'ambiguous' if len(found) > 1 else 'not known'}")
    return {"id": found[0].id, "typeId": type_id}


def _shown(portal: Portal, row: User) -> dict[str, Any]:
    ous = [(type_id, portal.store.ous.get(id)) for type_id, id in sorted(row.ous.items())]
    manager = portal.store.users.get(row.manager_id) if row.manager_id is not None else None
    more = {name: row.more.get(name) for name in ("middleName", "personalEmail", "homePhone", "workPhone")}
    return {
        "id": row.id,
        "userId": row.external_id,
        "userName": row.user_name,
        "guid": row.guid,
        "firstName": row.first_name,
        "lastName": row.last_name,
        "primaryEmail": row.primary_email,
        "mobilePhone": row.mobile_phone,
        **more,
        "workerStatus": {"lastHireDate": f"{row.hired}T00:00:00" if row.hired else None, "active": row.active, "absent": row.absent},
        "settings": {"displayLanguage": row.language, "timeZone": row.time_zone},
        "manager": {"id": manager.id, "userId": manager.external_id} if manager else None,
        "ous": [{"id": ou.id, "ouId": ou.external_id, "name": ou.name, "type": OU_TYPES[type_id]} for type_id, ou in ous if ou],
        "customOus": [],
        "groups": [],
        "customFields": [{"id": id, "value": value} for id, value in sorted(row.custom_fields.items())],
    }
