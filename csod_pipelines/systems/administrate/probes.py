"""What an Administrate instance shows about the register's rows: mostly its own schema, by introspection."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any

from csod_pipelines.systems.administrate.adapter import AdministrateSystem
from csod_pipelines.systems.contract import Row
from csod_pipelines.systems.errors import Refused
from csod_pipelines.systems.probing import Found, NothingToSee, Probe

#: Types of the schema behind the rows that list what is read of a record.
TYPES: Mapping[str, str] = {
    "account": "Account",
    "contact": "Contact",
    "location": "Location",
    "learning_category": "LearningCategory",
    "course_template": "CourseTemplate",
    "event": "Event",
    "session": "Session",
    "learner": "Learner",
}
#: Fields and arguments that a switch stands for: (type, member) that must all be there.
SWITCHES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "account_parent": (("Account", "parentAccount"),),
    "contact_account_move": (("ContactUpdateInput", "accountId"),),
    "contact_left_company": (("Contact", "hasLeftCompany"), ("ContactUpdateInput", "hasLeftCompany")),
    "location_create": (("Mutation", "location"),),
    "learning_category_create": (("Mutation", "learningCategory"),),
    "learning_category_external_id": (("SupportsExternalId", "LearningCategory"),),
}
#: Rules that say whether a namespace of mutations can create.
CREATES: Mapping[str, str] = {"course_template_create": "courseTemplate", "session_create": "session"}


class Schema:
    """Names of fields, arguments and values, from one introspection."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        raw = answer["__schema"]
        self.types: dict[str, Mapping[str, Any]] = {row["name"]: row for row in raw["types"] if row.get("name")}
        self.query, self.mutation = raw["queryType"]["name"], (raw.get("mutationType") or {}).get("name") or ""

    def members(self, name: str) -> dict[str, Mapping[str, Any]]:
        kind = self.types.get({"Query": self.query, "Mutation": self.mutation}.get(name, name)) or {}
        listed = (kind.get("fields") or []) + (kind.get("inputFields") or []) + (kind.get("enumValues") or [])
        return {row["name"]: row for row in listed}

    def arguments(self, path: str) -> list[str] | None:
        """Of ``query.accounts`` or ``mutation.account.create``; None when there is no such field."""
        root, *steps = path.split(".")
        kind = root.capitalize()
        row: Mapping[str, Any] | None = None
        for step in steps:
            row = self.members(kind).get(step)
            if row is None:
                return None
            kind = _named(row["type"])
        return [argument["name"] for argument in (row or {}).get("args") or ()]


def _named(type_: Mapping[str, Any]) -> str:
    """The type under its lists and non-nulls."""
    inner: Mapping[str, Any] | None = type_
    while inner is not None and not inner.get("name"):
        inner = inner.get("ofType")
    return str((inner or {}).get("name") or "")


class Probes:
    def __init__(self, system: AdministrateSystem) -> None:
        self._system = system
        self._client = system.client

    @cached_property
    def _schema(self) -> Schema | None:
        try:
            return Schema(self._client.run("Introspect"))
        except Refused:
            return None  # switched off on this instance

    def by_row(self) -> dict[str, Probe]:
        probes: dict[str, Probe] = {
            "oauth.token": self._reachable("oauth.token"),
            "graphql": self._reachable("graphql"),
            "page_size": self._page_size,
            "list_by_id": self._list_by_id,
            "contacts_mail_case_sensitive": self._mail_case,
            "email_filter_any_address": self._second_address,
            "learner_id_prefix": self._prefix("ListLearners", "learner_id_prefix"),
        }
        for row in self._system.contract.rows.values():
            probe = self._of_schema(row) or self._of_hooks(row)
            if probe is not None:
                probes.setdefault(row.name, probe)
        return probes

    def _reachable(self, name: str) -> Probe:
        def probe() -> Found:
            self._system.ping()
            return Found(self._system.contract.row(name).value, "answered a query with our credentials")

        return probe

    # ---- schema

    def _of_schema(self, row: Row) -> Probe | None:
        looks: dict[bool, Callable[[Schema], Found]] = {
            row.name in TYPES: lambda schema: self._fields(schema, row),
            row.name in SWITCHES: lambda schema: self._members(schema, row.name),
            row.name == "custom_field_option_update": lambda schema: _has(schema, "mutation.customFields.updateGlobalCustomDefinition"),
            row.name in CREATES: lambda schema: _has(schema, f"mutation.{CREATES.get(row.name)}.create"),
            row.kind == "field" and row.name.startswith(("query.", "mutation.")): lambda schema: self._arguments(schema, row),
        }
        look = looks.get(True)
        if look is None:
            return None

        def probe() -> Found | NothingToSee:
            return look(self._schema) if self._schema is not None else NothingToSee("the instance does not show its schema")

        return probe

    def _fields(self, schema: Schema, row: Row) -> Found:
        there = schema.members(TYPES[row.name])
        known = [name for name in row.value if name in there]
        missing = [name for name in row.value if name not in there]
        said = f"the type {TYPES[row.name]} has them" if not missing else f"the type {TYPES[row.name]} lacks {', '.join(missing)}"
        return Found(known, said)

    def _members(self, schema: Schema, switch: str) -> Found:
        missing = [f"{type_}.{member}" for type_, member in SWITCHES[switch] if member not in schema.members(type_)]
        wanted = ", ".join(f"{type_}.{member}" for type_, member in SWITCHES[switch])
        return Found(not missing, f"the schema lacks {', '.join(missing)}" if missing else f"the schema has {wanted}")

    def _arguments(self, schema: Schema, row: Row) -> Found:
        there = schema.arguments(row.name)
        if there is None and row.switch is not None:
            return Found(row.value, "off on this instance, see its switch")
        if there is None:
            return Found(None, "the schema has no such field")
        missing = [name for name in row.value if name not in there]
        said = f"the schema takes no argument {', '.join(missing)}" if missing else "the schema has it, with these arguments"
        return Found([name for name in row.value if name in there], said)

    # ---- webhooks

    def _of_hooks(self, row: Row) -> Probe | None:
        if not (row.kind == "field" and row.name.startswith("webhook_") and isinstance(row.value, str)):
            return None

        def probe() -> Found:
            there = row.value in self._hook_names
            return Found(
                row.value if there else None, "the instance has the type" if there else "the instance lacks it; the feed covers it"
            )

        return probe

    @cached_property
    def _hook_names(self) -> set[str]:
        return {str(node.get("name")) for page in self._client.pages("ListWebhookTypes", {}) for node in page.nodes}

    # ---- records

    @cached_property
    def _contacts(self) -> list[Mapping[str, Any]]:
        return list(self._client.page("ListContacts", {"first": 100}).nodes)

    def _page_size(self) -> Found | NothingToSee:
        size = int(self._system.contract.rule("page_size"))
        page = self._client.page("ListContacts", {"first": size + 50})
        if (page.total or 0) <= size:
            return NothingToSee(f"the instance has no more than {size} contacts")
        return Found(len(page.nodes), f"{size + 50} were asked for, {len(page.nodes)} came")

    def _list_by_id(self) -> Found | NothingToSee:
        ids = [node["id"] for node in self._contacts[:2]]
        if len(ids) < 2:
            return NothingToSee("the instance has no two contacts")
        page = self._client.page("ListContacts", {"filters": [{"field": "id", "operation": "in", "values": ids}]})
        there = {node["id"] for node in page.nodes} == set(ids)
        expected = self._system.contract.rule("list_by_id")
        return Found(expected if there else "not by global ids", f"asked for two contacts by id, {len(page.nodes)} came")

    def _mail_case(self) -> Found | NothingToSee:
        for node in self._contacts:
            address = str(node.get("emailAddress") or "")
            if address and address != address.upper():
                return Found(not self._by_mail(node["id"], address.upper()), "one contact was looked for by its address in capitals")
        return NothingToSee("no contact has an address with letters")

    def _second_address(self) -> Found | NothingToSee:
        for node in self._contacts:
            others = [row["address"] for row in node.get("emailAddresses") or () if row and row.get("address") != node.get("emailAddress")]
            if others:
                return Found(self._by_mail(node["id"], others[0]), "one contact was looked for by its second address")
        return NothingToSee("none of the first hundred contacts has two addresses")

    def _by_mail(self, id: str, address: str) -> bool:
        page = self._client.page("ListContacts", {"filters": [{"field": "emailAddress", "operation": "eq", "value": address}]})
        return any(node["id"] == id for node in page.nodes)

    def _prefix(self, operation: str, name: str) -> Probe:
        def probe() -> Found | NothingToSee:
            nodes = self._client.page(operation, {"first": 1}).nodes
            if not nodes:
                return NothingToSee("the instance has no such record yet")
            try:
                plain = base64.b64decode(nodes[0]["id"], validate=True).decode("ascii")
            except (ValueError, UnicodeDecodeError):
                return Found(None, "its ids are no base64 of a word and a number")
            return Found(plain.partition(":")[0], "read from the id of one record")

        return probe


def _has(schema: Schema, path: str) -> Found:
    there = schema.arguments(path) is not None
    return Found(there, f"the schema {'has' if there else 'lacks'} {path}")
