"""One row of a bulk load: its schema, and loading it by the same rules as the single APIs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from csod_pipelines.sandbox.cornerstone.ou_changes import OuCheck, change_ou, create_ou
from csod_pipelines.sandbox.cornerstone.portal import Portal
from csod_pipelines.sandbox.cornerstone.rows import COST_CENTER, DIVISION, GRADE, GROUP, LOCATION, POSITION
from csod_pipelines.sandbox.cornerstone.user_changes import UserCheck, change_user, create_user

_OU_TYPES = {
    "ou.division": DIVISION,
    "ou.position": POSITION,
    "ou.grade": GRADE,
    "ou.costcenter": COST_CENTER,
    "ou.location": LOCATION,
    "ou.group": GROUP,
}
_USER_COLUMNS = {
    "UserId": ("externalId", 100),
    "UserName": ("userName", 128),
    "FirstName": ("firstName", 200),
    "LastName": ("lastName", 200),
    "PrimaryEmail": ("primaryEmail", 128),
    "MobilePhone": ("mobilePhone", 30),
}
_USER_OUS = {"DivisionRefId": DIVISION, "LocationRefId": LOCATION, "CostCenterRefId": COST_CENTER, "PositionRefId": POSITION}
_REQUIRED = ("UserId", "UserName", "FirstName", "LastName")
_OU_COLUMNS = {"ouRefId": 100, "ouName": 1000, "parentRefId": 100, "description": 4000}


def types() -> tuple[str, ...]:
    return ("chr.employee", *_OU_TYPES)


def schema_of(kind: str) -> dict[str, Any]:
    if kind == "chr.employee":
        lengths = {name: most for name, (_, most) in _USER_COLUMNS.items()} | dict.fromkeys((*_USER_OUS, "ManagerRefId"), 100)
        required: tuple[str, ...] = _REQUIRED
    else:
        lengths, required = _OU_COLUMNS, ("ouRefId", "ouName")
    properties: dict[str, Any] = {name: {"type": "string", "maxLength": most} for name, most in lengths.items()}
    properties["Active"] = {"type": "string", "enum": ["true", "false"]}
    return {"type": "object", "title": kind, "properties": properties, "required": list(required)}


def load_row(portal: Portal, kind: str, row: Mapping[str, Any], *, now: datetime) -> str | None:
    """None when the row was taken, else what is wrong with it."""
    return _load_user(portal, row, now=now) if kind == "chr.employee" else _load_ou(portal, _OU_TYPES[kind], row, now=now)


def _load_user(portal: Portal, row: Mapping[str, Any], *, now: datetime) -> str | None:
    user = portal.store.users.by_ref(str(row.get("UserId") or ""))
    body: dict[str, Any] = {wire: row[name] for name, (wire, _) in _USER_COLUMNS.items() if row.get(name) not in (None, "")}
    active = _flag(row.get("Active"))
    if active is not None:
        body["workerStatus"] = {"active": active}
    ous = []
    for name, type_id in _USER_OUS.items():
        if row.get(name):
            ou = portal.store.ous.by_ref(str(row[name]), type_id=type_id)
            if ou is None:
                return f"{name}: {row[name]} does not exist"
            ous.append({"id": ou.id, "typeId": type_id})
    if ous:
        body["ous"] = ous
    if row.get("ManagerRefId"):
        manager = portal.store.users.by_ref(str(row["ManagerRefId"]))
        if manager is None:
            return f"ManagerRefId: {row['ManagerRefId']} does not exist"
        body["managerId"] = manager.id
    check = UserCheck(portal, user=user).read(body)
    if check.errors:
        return _text(check.errors)
    if user is None:
        create_user(portal, check, now=now, actor_id=None)
    else:
        change_user(portal, user, check, now=now)
    return None


def _load_ou(portal: Portal, type_id: int, row: Mapping[str, Any], *, now: datetime) -> str | None:
    ref = str(row.get("ouRefId") or "").strip()
    if not ref or len(ref) > _OU_COLUMNS["ouRefId"]:
        return "ouRefId: required, at most 100 characters"
    ou = portal.store.ous.by_ref(ref, type_id=type_id)
    body: dict[str, Any] = {"typeId": type_id, "externalId": ref, "name": row.get("ouName")}
    active = _flag(row.get("Active"))
    if active is not None:
        body["active"] = active
    if row.get("parentRefId"):
        parent = portal.store.ous.by_ref(str(row["parentRefId"]), type_id=type_id)
        if parent is None:
            return f"parentRefId: {row['parentRefId']} does not exist"
        body["parentId"] = parent.id
    if row.get("description"):
        body["description"] = row["description"]
    check = OuCheck(portal, ou=ou).read(body)
    if check.errors:
        return _text(check.errors)
    if ou is None:
        create_ou(portal, check, now=now)
    else:
        change_ou(portal, ou, check, now=now)
    return None


def _flag(value: Any) -> bool | None:
    if isinstance(value, bool):
        return value
    return {"true": True, "1": True, "false": False, "0": False}.get(str(value).strip().lower())


def _text(errors: Mapping[str, list[str]]) -> str:
    return "; ".join(f"{name}: {' '.join(messages)}" for name, messages in errors.items())
