"""What may be said of an organizational unit, and writing it down.

Name, description and reference rules are those an integrator's code observes; the reference is unique within its type.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from csod_pipelines.sandbox.cornerstone import fields
from csod_pipelines.sandbox.cornerstone.fields import Invalid
from csod_pipelines.sandbox.cornerstone.portal import Portal
from csod_pipelines.sandbox.cornerstone.rows import LOCATION, OU_TYPES, Ou

_BLANK: dict[str, Any] = {
    "active": True,
    "externalId": None,
    "ownerId": None,
    "approverId": None,
    "description": "",
    "parentId": None,
    "reconcilable": True,
    "customFields": [],
    "facilityType": None,
    "timeZone": None,
    "address": None,
}


class OuCheck:
    """``replace`` (PUT) reads every field, so that one left out is lost; PATCH reads those that are there."""

    def __init__(self, portal: Portal, *, ou: Ou | None) -> None:
        self.portal, self.ou = portal, ou
        self.values: dict[str, Any] = {}
        self.errors: dict[str, list[str]] = {}

    def read(self, body: Mapping[str, Any], *, replace: bool = False) -> OuCheck:
        if replace or self.ou is None:
            body = _BLANK | dict(body)
        self._try("typeId", lambda: self._type(body))
        for name, reader in (
            ("name", self._name),
            ("externalId", self._ref),
            ("description", self._description),
            ("parentId", self._parent),
            ("ownerId", lambda b: self._owner(b, "ownerId", "owner_id")),
            ("approverId", lambda b: self._owner(b, "approverId", "approver_id")),
            ("active", lambda b: self._flag(b, "active")),
            ("reconcilable", lambda b: self._flag(b, "reconcilable")),
            ("customFields", lambda b: self.values.__setitem__("custom_fields", fields.rows_of(b, "customFields"))),
        ):
            if name in body or (name == "name" and (replace or self.ou is None)):
                self._try(name, lambda r=reader: r(body))
        if self.type_id == LOCATION:
            self._try("timeZone", lambda: self._location(body))
        return self

    @property
    def type_id(self) -> int:
        return self.ou.type_id if self.ou else self.values.get("type_id", 0)

    def _try(self, name: str, work) -> None:
        try:
            work()
        except Invalid as err:
            self.errors.setdefault(name, []).append(str(err))

    def _type(self, body: Mapping[str, Any]) -> None:
        if self.ou is None or "typeId" in body:
            type_id = fields.whole(body, "typeId")
            if type_id not in OU_TYPES or (self.ou is None and type_id == 1):
                raise Invalid(f"Invalid typeId {type_id}")
            if self.ou is not None and type_id != self.ou.type_id:
                raise Invalid("The type of an OU cannot be changed")
            self.values["type_id"] = type_id

    def _name(self, body: Mapping[str, Any]) -> None:
        name = fields.text(body, "name", required=True, most=1000) or ""
        if "<" in name or ">" in name:
            raise Invalid("name must not contain < or >")
        self.values["name"] = name

    def _ref(self, body: Mapping[str, Any]) -> None:
        ref = fields.text(body, "externalId", most=128)
        if ref is not None and ref.strip():
            taken = self.portal.store.ous.by_ref(ref, type_id=self.type_id)
            if taken is not None and taken is not self.ou:
                raise Invalid(f"OU ID {ref.strip()} already exists")
        self.values["external_id"] = ref or None

    def _description(self, body: Mapping[str, Any]) -> None:
        self.values["description"] = fields.text(body, "description", most=4000) or ""

    def _parent(self, body: Mapping[str, Any]) -> None:
        id = fields.whole(body, "parentId")
        if id is not None:
            parent = self.portal.store.ous.get(id)
            if parent is None or parent.type_id != self.type_id:
                raise Invalid(f"Invalid parentId {id}")
            if self.ou is not None and self.portal.store.ous.is_within(id, self.ou.id):
                raise Invalid("An OU cannot be placed below itself")
        self.values["parent_id"] = id

    def _owner(self, body: Mapping[str, Any], name: str, column: str) -> None:
        id = fields.whole(body, name)
        if id is not None and self.portal.store.users.get(id) is None:
            raise Invalid(f"Invalid {name} {id}")
        self.values[column] = id

    def _flag(self, body: Mapping[str, Any], name: str) -> None:
        value = fields.flag(body, name)
        if value is not None:
            self.values[name] = value

    def _location(self, body: Mapping[str, Any]) -> None:
        if "facilityType" in body:
            self.values["facility_type"] = fields.text(body, "facilityType", most=100)
        if "timeZone" in body:
            label = fields.text(body, "timeZone", most=400)
            if label is not None and not label.startswith("(UTC"):
                raise Invalid(f"Invalid timeZone {label}")
            self.values["time_zone"] = label
        if "address" in body:
            if body["address"] is not None and not isinstance(body["address"], dict):
                raise Invalid("address must be an object")
            self.values["address"] = body["address"]


def create_ou(portal: Portal, check: OuCheck, *, now: datetime) -> Ou:
    row = Ou(id=portal.store.ous.next_id, created=now, modified=now, **check.values)
    portal.store.ous.add(row)
    portal.store.touch_ou(row, now, new=True)
    return row


def change_ou(portal: Portal, row: Ou, check: OuCheck, *, now: datetime) -> None:
    old_ref, old_name = row.external_id, row.name
    for column, value in check.values.items():
        setattr(row, column, value)
    portal.store.ous.reindex(row, old_ref=old_ref, old_name=old_name)
    portal.store.touch_ou(row, now)
