"""Users, OUs and places: reading, finding, creating, changing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from csod_pipelines.model.keys import Kind
from csod_pipelines.model.readings import Present, Reading, Unknown
from csod_pipelines.model.records import OrgUnit, Person, Record
from csod_pipelines.systems.base import Draft, Written
from csod_pipelines.systems.contract import Contract
from csod_pipelines.systems.cornerstone import parse
from csod_pipelines.systems.cornerstone.exporter import Exporter
from csod_pipelines.systems.cornerstone.options import LOCATION, CornerstoneOptions
from csod_pipelines.systems.cornerstone.platform import Platform
from csod_pipelines.systems.cornerstone.refs import Refs
from csod_pipelines.systems.errors import Forbidden, Refused, Unsupported

#: More namesakes than this are no match but a reason to ask a person.
MAX_CANDIDATES = 20


class People:
    def __init__(self, platform: Platform, exporter: Exporter, refs: Refs, *, options: CornerstoneOptions, contract: Contract) -> None:
        self._platform = platform
        self._exporter = exporter
        self._refs = refs
        self._options = options
        self._contract = contract

    # ---- reading

    def read_person(self, id: str) -> Reading:
        row = self._platform.employee(id)
        if row is None:
            return Unknown(f"cornerstone shows no user {id} to the service account; users are made inactive, never deleted")
        record = parse.employee(row, person_ou_type=self._options.person_ou_type, pilot_group=self._options.pilot_group)
        self._refs.learn(record.id, record.facts["user_ref"])
        return Present(record)

    def read_ou(self, kind: Kind, id: str) -> Reading:
        row = self._platform.ou(id)
        if row is None:
            return Unknown(f"cornerstone shows no OU {id} to the service account; OUs are made inactive, never deleted")
        if (row.get("typeId") == LOCATION) != (kind is Kind.LOCATION):
            return Unknown(f"cornerstone: OU {id} is of type {row.get('typeId')}")
        return Present(self.ou(row))

    def ou(self, row: Mapping[str, Any]) -> Record:
        return parse.location(row) if row.get("typeId") == LOCATION else parse.org_unit(row, options=self._options)

    # ---- finding

    def find_person(self, wanted: Person, *, ref: str | None) -> tuple[Record, ...]:
        if ref and (found := self._whole(self._platform.employees(externalId=ref), lambda row: _same(row.get("externalId"), ref))):
            return found
        found: tuple[Record, ...] = ()
        if wanted.last_name:
            found = self._whole(self._platform.employees(lastName=wanted.last_name), lambda row: _matches(row, wanted))
        if not found and not self._contract.switch("employee_list_includes_inactive"):
            found = self._inactive(wanted, ref)
        return found

    def _whole(self, pages: Iterable[list[Any]], wanted: Any) -> tuple[Record, ...]:
        """List rows leave the OUs out, so each match is read by itself."""
        ids = [str(row["id"]) for page in pages for row in page if wanted(row)]
        if len(ids) > MAX_CANDIDATES:
            raise Refused(f"cornerstone has {len(ids)} users that may be meant", code="multiple")
        return self._shown(ids)

    def _shown(self, ids: Iterable[str]) -> tuple[Record, ...]:
        """Users that a list named. One that is then not shown may be the one that is looked for: nobody can say "not there"."""
        found: list[Record] = []
        for id in dict.fromkeys(ids):
            reading = self.read_person(id)
            if not isinstance(reading, Present):
                raise Forbidden(f"cornerstone lists user {id}, but does not show it to the service account")
            found.append(reading.record)
        return tuple(found)

    def _inactive(self, wanted: Person, ref: str | None) -> tuple[Record, ...]:
        """A list that hides inactive users proves no absence; the exporter shows them."""
        if not self._contract.switch("data_exporter"):
            raise Unsupported("cornerstone: inactive users cannot be seen, so nobody can be said to be missing (register: data_exporter)")
        query = f"user_ref eq '{_quoted(ref)}'" if ref else f"user_name_last eq '{_quoted(wanted.last_name)}'"
        rows = self._exporter.matching("export.users_core", query)
        return self._shown(str(row["user_id"]) for row in rows if ref or _same(row.get("user_email"), wanted.email))

    def find_ou(self, kind: Kind, *, ref: str | None) -> tuple[Record, ...]:
        if not ref:
            raise Unsupported(f"cornerstone: a {kind} without an external id cannot be looked for")
        rows = [row for page in self._platform.ous(externalId=ref) for row in page if _same(row.get("externalId"), ref)]
        return tuple(self.ou(row) for row in rows if (row.get("typeId") == LOCATION) == (kind is Kind.LOCATION))

    # ---- writing

    def create_person(self, draft: Draft, value: Person) -> Written:
        ref = draft.facts.get("user_ref") or draft.marker
        body: dict[str, Any] = {
            "externalId": ref,
            "userName": draft.facts.get("user_name") or value.email or ref,
            "firstName": value.first_name,
            "lastName": value.last_name,
            "workerStatus": {"active": value.active},
        }
        optional = {"primaryEmail": value.email, "mobilePhone": value.mobile, "managerId": _number(draft.facts.get("manager_id"))}
        body |= {name: given for name, given in optional.items() if given is not None}
        if value.org_unit_id:
            body["ous"] = [{"id": _number(value.org_unit_id), "typeId": self._options.person_ou_type}]
        settings = {"displayLanguage": self._options.display_language, "timeZone": self._options.time_zone}
        if told := {name: setting for name, setting in settings.items() if setting}:
            body["settings"] = told
        id = self._created(body, ref)
        self._refs.learn(id, ref)
        return Written(id=id, facts={"user_ref": ref})

    def _created(self, body: Mapping[str, Any], ref: str) -> str:
        """A user name must differ from everybody's, leavers' too. Where the address is one already, our number signs in instead."""
        try:
            return self._platform.create_employee(body)
        except Refused as err:
            if err.fields != ("userName",) or body["userName"] == ref:
                raise
            return self._platform.create_employee({**body, "userName": ref})

    def update_person(self, id: str, value: Person, fields: frozenset[str]) -> Written:
        names = {"first_name": "firstName", "last_name": "lastName", "email": "primaryEmail", "mobile": "mobilePhone"}
        body: dict[str, Any] = {wire: getattr(value, name) for name, wire in names.items() if name in fields}
        if "active" in fields:
            body["workerStatus"] = {"active": value.active}
        if "org_unit_id" in fields:
            body["ous"] = self._ous_with(id, value.org_unit_id)
        self._platform.update_employee(id, body)
        return Written(id=id)

    def _ous_with(self, id: str, org_unit_id: str | None) -> list[dict[str, Any]]:
        """Whether a PATCH replaces the list or one entry of it is not documented; the whole list is right either way."""
        row = self._platform.employee(id)
        if row is None:
            raise Refused(f"cornerstone shows no user {id}", code="not_found")
        others = [ou for ou in row.get("ous") or () if ou.get("typeId") != self._options.person_ou_type]
        kept = [{"id": ou["id"], "typeId": ou["typeId"]} for ou in others]
        return kept + ([{"id": _number(org_unit_id), "typeId": self._options.person_ou_type}] if org_unit_id else [])

    def create_ou(self, draft: Draft, value: OrgUnit) -> Written:
        ref = draft.facts.get("ref") or draft.marker
        body = {
            "typeId": draft.facts.get("type_id") or self._options.org_unit_types[0],
            "active": value.active,
            "name": value.name,
            "externalId": ref,
            "parentId": _number(value.parent_id),
        }
        return Written(id=self._platform.create_ou(body), facts={"ref": ref})

    def update_ou(self, id: str, value: OrgUnit, fields: frozenset[str]) -> Written:
        names = {"name": "name", "active": "active"}
        body: dict[str, Any] = {wire: getattr(value, name) for name, wire in names.items() if name in fields}
        if "parent_id" in fields:
            body["parentId"] = _number(value.parent_id)
        self._platform.update_ou(id, body)
        return Written(id=id)


def _matches(row: Mapping[str, Any], wanted: Person) -> bool:
    if not _same(row.get("lastName"), wanted.last_name):
        return False
    if wanted.email:
        return _same(row.get("primaryEmail"), wanted.email)
    return _same(row.get("firstName"), wanted.first_name) and not row.get("primaryEmail")


def _same(left: str | None, right: str | None) -> bool:
    return (left or "").strip().casefold() == (right or "").strip().casefold()


def _number(id: Any) -> Any:
    return int(id) if isinstance(id, str) and id.isdigit() else id


def _quoted(text: str) -> str:
    return text.replace("'", "''")
