"""What may be said of a user, and writing it down: the rules shared by the employee API, bulk loads and the screens.

Lengths, uniqueness and message texts: Employee API starter guide (PDF, about 2018), which v2 is taken to follow.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from csod_pipelines.sandbox.cornerstone import fields
from csod_pipelines.sandbox.cornerstone.fields import Invalid
from csod_pipelines.sandbox.cornerstone.portal import Portal
from csod_pipelines.sandbox.cornerstone.rows import User

_TEXTS = {  # body name -> (row name, longest)
    "externalId": ("external_id", 100),
    "userName": ("user_name", 128),
    "firstName": ("first_name", 200),
    "lastName": ("last_name", 200),
    "primaryEmail": ("primary_email", 128),
    "mobilePhone": ("mobile_phone", 30),
}
_MORE_TEXTS = {"middleName": 200, "prefix": 10, "suffix": 10, "personalEmail": 128, "homePhone": 30, "workPhone": 30, "fax": 100}
_ADDRESS = {"country": 100, "line1": 110, "line2": 55, "city": 35, "state": 30, "zipCode": 20}
_REQUIRED = ("externalId", "userName", "firstName", "lastName")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")

ID_TAKEN = "User ID already exists in the system. Use a different User ID."
NAME_TAKEN = "User name already exists in application. Try with different user name."
EMAIL_TAKEN = "Email ID is already assigned to another user. Try with different Email ID."
EMAIL_MALFORMED = "Email ID is not in a valid format. Verify email address is in the right format."


class UserCheck:
    """Reads a body into row values, gathering every objection before anything is written."""

    def __init__(self, portal: Portal, *, user: User | None) -> None:
        self.portal, self.user = portal, user
        self.values: dict[str, Any] = {}
        self.more: dict[str, Any] = {}
        self.errors: dict[str, list[str]] = {}

    def read(self, body: Mapping[str, Any]) -> UserCheck:
        for name, (column, most) in _TEXTS.items():
            if name in body or (self.user is None and name in _REQUIRED):
                self._try(name, lambda n=name, c=column, m=most: self._text(body, n, c, m))
        for name, most in _MORE_TEXTS.items():
            if name in body:
                self._try(name, lambda n=name, m=most: self.more.__setitem__(n, fields.text(body, n, most=m)))
        for name, reader in (
            ("address", self._address),
            ("workerStatus", self._worker_status),
            ("settings", self._settings),
            ("ous", self._ous),
            ("customFields", self._custom_fields),
        ):
            if name in body:
                self._try(name, lambda n=name, r=reader: r(body[n]))
        for name, column in (("managerId", "manager_id"), ("approverId", "approver_id")):
            if name in body:
                self._try(name, lambda n=name, c=column: self._person(body, n, c))
        self._unique()
        return self

    def _try(self, name: str, work) -> None:
        try:
            work()
        except Invalid as err:
            self.errors.setdefault(name, []).append(str(err))

    def _text(self, body: Mapping[str, Any], name: str, column: str, most: int) -> None:
        value = fields.text(body, name, required=name in _REQUIRED, most=most)
        if name == "primaryEmail" and value is not None and value != "" and not _EMAIL.fullmatch(value.strip()):
            raise Invalid(EMAIL_MALFORMED)
        self.values[column] = value

    def _address(self, value: Any) -> None:
        if value is not None and not isinstance(value, dict):
            raise Invalid("address must be an object")
        current = dict((self.user.more.get("address") if self.user else None) or {})
        value = value or {}
        for name, most in _ADDRESS.items():
            if name in value:
                current[name] = fields.text(value, name, most=most)
        self.more["address"] = current

    def _worker_status(self, value: Any) -> None:
        if not isinstance(value, dict):
            raise Invalid("workerStatus must be an object")
        for name in ("active", "absent"):
            wanted = fields.flag(value, name)
            if wanted is not None:
                self.values[name] = wanted
        for name in ("lastHireDate", "originalHireDate"):
            if value.get(name) is not None:
                if not isinstance(value[name], str):
                    raise Invalid(f"{name} must be YYYY-MM-DD")
                hired = fields.day(value[name], name).isoformat()
                if name == "lastHireDate":
                    self.values["hired"] = hired
                else:
                    self.more[name] = hired

    def _settings(self, value: Any) -> None:
        if not isinstance(value, dict):
            raise Invalid("settings must be an object")
        if value.get("displayLanguage") is not None:
            self.values["language"] = fields.text(value, "displayLanguage", most=200)
        if value.get("timeZone") is not None:
            label = fields.text(value, "timeZone", most=400) or ""
            if not label.startswith("(UTC"):
                raise Invalid(f"Invalid value for timeZone: {label}")
            self.values["time_zone"] = label
        if value.get("trainingApprovals") is not None:
            self.more["trainingApprovals"] = fields.whole(value, "trainingApprovals", least=0)

    def _ous(self, value: Any) -> None:
        """Types that are named are replaced, the others stay (or go, by the switch); an id of null leaves the type empty."""
        merges = self.user is not None and self.portal.settings["employee_patch_ous"] == "merge"
        chosen = dict(self.user.ous) if self.user is not None and merges else {}
        for item in fields.rows_of({"ous": value}, "ous"):
            type_id = fields.whole(item, "typeId")
            if type_id is None:
                raise Invalid("typeId is required for each OU")
            id = fields.whole(item, "id")
            if id is None:
                chosen.pop(type_id, None)
                continue
            ou = self.portal.store.ous.get(id)
            if ou is None or ou.type_id != type_id or not ou.active:
                raise Invalid(f"Invalid OU {id} of type {type_id}")
            chosen[type_id] = id
        self.values["ous"] = chosen

    def _custom_fields(self, value: Any) -> None:
        chosen = dict(self.user.custom_fields) if self.user else {}
        for item in fields.rows_of({"customFields": value}, "customFields"):
            id = fields.whole(item, "id")
            if id is None:
                raise Invalid("id is required for each custom field")
            chosen[id] = item.get("value")
        self.values["custom_fields"] = chosen

    def _person(self, body: Mapping[str, Any], name: str, column: str) -> None:
        id = fields.whole(body, name)
        if id is not None and self.portal.store.users.get(id) is None:
            raise Invalid(f"Invalid value for {name}: user {id} does not exist")
        self.values[column] = id

    def _unique(self) -> None:
        """A User ID must differ from every User ID and every user name of others, and the other way round."""
        users, own = self.portal.store.users, self.user.id if self.user else None
        for column, name, message in (("external_id", "externalId", ID_TAKEN), ("user_name", "userName", NAME_TAKEN)):
            value = self.values.get(column)
            if value is None:
                continue
            taken = [row for row in (users.by_ref(value), users.by_login(value)) if row is not None and row.id != own]
            if taken:
                self.errors.setdefault(name, []).append(message)
        email = self.values.get("primary_email")
        unique = self.portal.settings["employee_primary_email_unique"]
        if email and unique and any(row.id != own for row in users.by_email(email)):
            self.errors.setdefault("primaryEmail", []).append(EMAIL_TAKEN)


def create_user(portal: Portal, check: UserCheck, *, now: datetime, actor_id: int | None) -> User:
    values = {"primary_email": None, "mobile_phone": None, "active": True, "ous": {}, "manager_id": None, "hired": None} | check.values
    values.setdefault("language", "en-US")
    values.setdefault("time_zone", portal.settings["account_time_zone"])
    row = User(id=portal.store.users.next_id, guid=portal.guid(), created=now, modified=now, more=check.more, **values)
    portal.store.users.add(row)
    portal.store.touch_user(row, now, new=True)
    for ou_id in row.ous.values():
        portal.store.log.add("user_ou_core", (row.id, ou_id), now)
    changes = [{"typeId": t, "employeeId": row.id, "organizationalUnitId": ou} for t, ou in row.ous.items()]
    data = {
        "employeeId": row.id,
        "employeeRef": row.external_id,
        "employeeGuid": row.guid,
        "userName": row.user_name,
        "createEmployeeOus": {"changes": changes},
    }
    if portal.settings["employee_created_hook"]:
        portal.hooks.emit("hcm", "EmployeeCreated", data, actor_id=actor_id, now=now)
    return row


def change_user(portal: Portal, row: User, check: UserCheck, *, now: datetime) -> None:
    row = portal.store.users.own(row.id)
    old_ref, old_login, old_ous = row.external_id, row.user_name, dict(row.ous)
    for column, value in check.values.items():
        setattr(row, column, value)
    row.more |= check.more
    portal.store.users.reindex(row, old_ref=old_ref, old_login=old_login)
    portal.store.touch_user(row, now)
    for type_id in old_ous.keys() | row.ous.keys():
        if old_ous.get(type_id) != row.ous.get(type_id):
            for ou_id in (old_ous.get(type_id), row.ous.get(type_id)):
                if ou_id is not None:
                    portal.store.log.add("user_ou_core", (row.id, ou_id), now)
