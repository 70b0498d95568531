"""Reading and finding records: by id, by external id, by marker, by natural key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from csod_pipelines.model.keys import Kind
from csod_pipelines.model.readings import Gone, Present, Reading, Unknown
from csod_pipelines.model.records import Course, Location, Offering, OrgUnit, Person, Provider, Record, Subject, Value
from csod_pipelines.systems.administrate.client import Client
from csod_pipelines.systems.administrate.custom_fields import Providers
from csod_pipelines.systems.administrate.nodes import LISTS, Nodes, type_of
from csod_pipelines.systems.errors import Unsupported


class Lookups:
    def __init__(self, client: Client, nodes: Nodes, providers: Providers) -> None:
        self._client = client
        self._nodes = nodes
        self._providers = providers

    def read(self, kind: Kind, id: str) -> Reading:
        if kind is Kind.PROVIDER:
            return next((Present(row) for row in self._providers.all() if row.id == id), Gone("the vendor field has no such option"))
        name = type_of(kind)
        node = self._client.run(f"Read{name}", {"id": id}).get("node")
        if node is None and not self._client.contract.rule("node_null_means_gone"):
            return Unknown(f"administrate: node {id} answers null, which is not known to prove anything")
        if node is None:
            return Gone(f"administrate: node {id} answers null, and drafts, cancelled and archived records are answered")
        if node.get("__typename") != name:
            return Gone(f"administrate: node {id} is a {node.get('__typename')}, not a {name}")
        return Present(self._nodes.record(kind, node))

    def read_many(self, kind: Kind, ids: Sequence[str]) -> Mapping[str, Reading]:
        wanted = list(dict.fromkeys(ids))
        if kind is Kind.PROVIDER or len(wanted) < 2:
            return {id: self.read(kind, id) for id in wanted}
        found: dict[str, Reading] = {}
        size = self._client.options.page_size
        for start in range(0, len(wanted), size):
            filters = [{"field": "id", "operation": "in", "values": wanted[start : start + size]}]
            for page in self._client.pages(LISTS[kind], {"filters": filters}):
                found.update({node["id"]: Present(self._nodes.record(kind, node)) for node in page.nodes})
        # A list may hide what a look at the record itself still shows, so a missing row proves nothing yet.
        return {id: found[id] if id in found else self.read(kind, id) for id in wanted}

    def find_by_external_id(self, kind: Kind, name: str, value: str) -> Record | None:
        if kind is Kind.PROVIDER or (kind is Kind.SUBJECT and not self._client.contract.switch("learning_category_external_id")):
            return None
        vendor_type = type_of(kind)
        node = self._client.run(f"Find{vendor_type}", {"name": name, "value": value}).get("nodeByExternalId")
        return self._nodes.record(kind, node) if node else None

    def find(self, kind: Kind, wanted: Value, *, marker: str | None, facts: Mapping[str, Any] | None) -> tuple[Record, ...]:
        for name, value in ((facts or {}).get("external_ids") or {}).items():
            if (record := self.find_by_external_id(kind, name, value)) is not None:
                return (record,)
        rows = tuple(self._candidates(kind, wanted))
        marked = tuple(row for row in rows if marker and row.facts.get("marker") == marker)
        return marked or rows

    def _candidates(self, kind: Kind, wanted: Value) -> Iterable[Record]:
        match wanted:
            case OrgUnit():
                return self._accounts(wanted)
            case Person():
                return self._contacts(wanted)
            case Location():
                rows = self._list(kind, "code", wanted.code) if wanted.code else []
                return rows or [row for row in self._list(kind, "name", wanted.name) if _same(row.value.name, wanted.name)]
            case Subject():
                return [row for row in self._list(kind, "name", wanted.path[-1]) if row.value.path == wanted.path]
            case Provider():
                return [row for row in self._providers.all() if _same(row.id, wanted.name)]
            case Course():
                return [row for row in self._list(kind, "code", wanted.code) if row.value.code == wanted.code]
            case Offering() if wanted.code:
                return [row for row in self._list(kind, "code", wanted.code) if row.value.code == wanted.code]
        raise Unsupported(f"administrate: a {kind} without its natural key cannot be looked for")

    def _accounts(self, wanted: OrgUnit) -> list[Record]:
        rows = [row for row in self._list(Kind.ORG_UNIT, "name", wanted.name) if _same(row.value.name, wanted.name)]
        if self._client.contract.switch("account_parent"):
            rows = [row for row in rows if row.value.parent_id == wanted.parent_id]
        return [row for row in rows if not row.facts.get("is_individual")]

    def _contacts(self, wanted: Person) -> list[Record]:
        """E-mail and family name. The filter may match any address of a contact, so the rows are compared again."""
        if wanted.email:
            rows = self._list(Kind.PERSON, "emailAddress", wanted.email)
            rows = [row for row in rows if any(_same(address, wanted.email) for address in row.facts.get("emails", ()))]
        else:
            rows = self._list(Kind.PERSON, "lastName", wanted.last_name)
            rows = [row for row in rows if _same(row.value.first_name, wanted.first_name) and not row.value.email]
        return [row for row in rows if _same(row.value.last_name, wanted.last_name)]

    def _list(self, kind: Kind, field: str, value: str) -> list[Any]:
        filters = [{"field": field, "operation": "eq", "value": value}]
        pages = self._client.pages(LISTS[kind], {"filters": filters})
        return [self._nodes.record(kind, node) for page in pages for node in page.nodes]


def _same(left: str, right: str) -> bool:
    return left.strip().casefold() == right.strip().casefold()
