"""Creating and changing records, alone and in batches, and the external ids stored on them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from csod_pipelines.model.keys import Kind, RecordKey
from csod_pipelines.model.records import Location, OrgUnit, Person, Provider, Subject, Value
from csod_pipelines.systems.administrate.client import Client, entity, refusal_of
from csod_pipelines.systems.administrate.custom_fields import CustomFields, Providers
from csod_pipelines.systems.administrate.nodes import LISTS, Nodes
from csod_pipelines.systems.administrate.parse import INACTIVE
from csod_pipelines.systems.base import Draft, Refusal, Written
from csod_pipelines.systems.errors import Indeterminate, Refused, Unsupported

#: Fields of a contact that stand in lists, or in one name, beside what is not ours.
IN_LISTS = frozenset({"first_name", "last_name", "email", "mobile"})
STATUS_DESCRIPTION = "Set by the synchronisation with Cornerstone: empty, or inactive."


class Writes:
    def __init__(self, client: Client, nodes: Nodes, fields: CustomFields, providers: Providers) -> None:
        self._client = client
        self._nodes = nodes
        self._fields = fields
        self._providers = providers

    # ---- creating

    def create(self, draft: Draft) -> Written:
        answer = self.create_many([draft])[0]
        if isinstance(answer, Refusal):
            raise Refused(answer.message, code=answer.code, fields=answer.fields)
        return answer

    def create_many(self, drafts: Sequence[Draft]) -> tuple[Written | Refusal, ...]:
        answers: list[Written | Refusal] = []
        size = self._client.options.batch_size
        start = 0
        while start < len(drafts):
            end = start
            while end < len(drafts) and end - start < size and drafts[end].kind is drafts[start].kind:
                end += 1
            answers += self._create_batch(drafts[start].kind, drafts[start:end])
            start = end
        return tuple(answers)

    def _create_batch(self, kind: Kind, drafts: Sequence[Draft]) -> list[Written | Refusal]:
        if kind is Kind.PERSON:
            homeless = Refusal(message="administrate takes no contact without an account", code="no_account", fields=("org_unit_id",))
            housed = [draft for draft in drafts if isinstance(draft.value, Person) and draft.value.org_unit_id]
            made = iter(self._create_contacts([self._contact_input(draft) for draft in housed]))
            return [next(made) if draft in housed else homeless for draft in drafts]
        if kind is Kind.ORG_UNIT:
            rows = self._client.run_batch("CreateAccounts", [{"input": self._account_input(draft)} for draft in drafts])
            return [self._created(kind, row, "account") for row in rows]
        return [self._create_single(draft) for draft in drafts]

    def create_and_remember(
        self, drafts: Sequence[Draft], rows: Sequence[tuple[RecordKey, Mapping[str, str]]]
    ) -> tuple[tuple[Written | Refusal, ...], tuple[Refusal | None, ...]]:
        """New contacts, and the external ids of records made before, in one request: half the requests of a large import.

        What does not fit one document goes the ordinary way, in two.
        """
        flat = self._pairs(rows)
        fits = 0 < len(drafts) <= self._client.options.batch_size and 0 < len(flat) <= self._client.options.batch_size
        homes = all(isinstance(draft.value, Person) and draft.value.org_unit_id for draft in drafts)
        if not (fits and homes):
            return self.create_many(drafts), self.remember_many(rows)
        sent = {"input": [self._contact_input(draft) for draft in drafts]}
        try:
            data, stored = self._client.run_both("CreateContacts", sent, "StoreExternalIds", [pair for _, pair in flat])
        except Refused:
            return self.create_many(drafts), self.remember_many(rows)
        return tuple(self._contacts_created(data, len(drafts))), self._remembered(len(rows), flat, stored)

    def _create_contacts(self, rows: Sequence[Mapping[str, Any]]) -> list[Written | Refusal]:
        if not rows:
            return []
        try:
            data = self._client.run("CreateContacts", {"input": rows}, timeout=self._client.options.batch_timeout_seconds)
        except Refused as err:
            if len(rows) == 1:
                return [Refusal(message=str(err), code=err.code, fields=err.fields)]
            half = len(rows) // 2  # nothing ran: one malformed row refuses its whole document
            return self._create_contacts(rows[:half]) + self._create_contacts(rows[half:])
        return self._contacts_created(data, len(rows))

    def _contacts_created(self, data: Mapping[str, Any], count: int) -> list[Written | Refusal]:
        answers = (data.get("contact") or {}).get("createBatch")
        if not isinstance(answers, list) or len(answers) != count:
            raise Indeterminate(
                f"administrate answered createBatch of {count} contacts with {len(answers or ())} rows; "
                "what became of them must be looked up"
            )
        return [self._created(Kind.PERSON, row, "contact") for row in answers]

    def _created(self, kind: Kind, row: Any, key: str) -> Written | Refusal:
        return self._answered(kind, row, key, operation=f"the new {key}")

    def _answered(self, kind: Kind, row: Any, key: str, *, operation: str) -> Written | Refusal:
        refusal = row if isinstance(row, Refusal) else refusal_of(row, operation=operation)
        if refusal is not None:
            return refusal
        record = self._nodes.record(kind, entity(row, key, operation=operation))
        return Written(id=record.id, record=record)

    def _create_single(self, draft: Draft) -> Written:
        match draft.value:
            case Location() as value:
                self._need("location_create", "locations")
                sent = {"name": value.name, "code": value.code, "timeZoneName": value.time_zone, "regionCode": self._client.options.region}
                return self._mutate(draft.kind, "CreateLocation", {"input": sent}, "location", "create")
            case Subject() as value:
                self._need("learning_category_create", "learning categories")
                sent = {"name": value.path[-1], "parentCategoryId": self._parent_category(value.path)}
                return self._mutate(draft.kind, "CreateLearningCategory", {"input": sent}, "learningCategory", "create")
            case Provider() as value:
                record = self._providers.create(value.name)
                return Written(id=record.id, record=record)
        raise Unsupported(f"administrate: a {draft.kind} is never created from here")

    def _account_input(self, draft: Draft) -> dict[str, Any]:
        value = draft.value
        assert isinstance(value, OrgUnit)
        sent: dict[str, Any] = {"name": value.name, **self._marker("Account", draft.marker)}
        if value.parent_id is not None:
            self._need("account_parent", "the parent of an account")
            sent["parentAccountId"] = value.parent_id
        return sent

    def _contact_input(self, draft: Draft) -> dict[str, Any]:
        value = draft.value
        assert isinstance(value, Person)
        sent: dict[str, Any] = {
            "accountId": value.org_unit_id,
            "personalName": {"firstName": value.first_name, "lastName": value.last_name},
            **self._marker("Contact", draft.marker),
        }
        if value.email:
            sent["emailAddresses"] = [{"usage": "primary", "address": value.email}]
        if value.mobile:
            sent["phoneNumbers"] = [{"usage": "mobile", "number": value.mobile}]
        return sent

    def _marker(self, record_type: str, marker: str) -> dict[str, Any]:
        key = self._fields.key(record_type, self._client.options.intent_field)
        return {"customFieldValues": [{"definitionKey": key, "value": marker}]} if key and marker else {}

    def _parent_category(self, path: tuple[str, ...]) -> str | None:
        if len(path) == 1:
            return None
        filters = [{"field": "name", "operation": "eq", "value": path[-2]}]
        for page in self._client.pages(LISTS[Kind.SUBJECT], {"filters": filters}):
            for node in page.nodes:
                row = self._nodes.record(Kind.SUBJECT, node)
                if isinstance(row.value, Subject) and row.value.path == path[:-1]:
                    return row.id
        raise Refused(f"administrate has no learning category {' / '.join(path[:-1])} to put the new one under", code="parent_missing")

    # ---- changing

    def update(self, kind: Kind, id: str, value: Value, fields: frozenset[str]) -> Written:
        match value:
            case OrgUnit():
                sent = {"accountId": id, **self._account_changes(value, fields)}
                return self._mutate(kind, "UpdateAccount", {"input": sent}, "account", "update")
            case Person():
                sent = {"contactId": id, **self._contact_changes(value, fields, held=lambda: self._contact(id))}
                return self._mutate(kind, "UpdateContact", {"input": sent}, "contact", "update")
            case Location():
                self._need("location_create", "locations")
                names = {"name": "name", "code": "code", "time_zone": "timeZoneName"}
                sent = {wire: getattr(value, name) for name, wire in names.items() if name in fields}
                return self._mutate(kind, "UpdateLocation", {"id": id, "input": sent}, "location", "update")
            case Subject():
                self._need("learning_category_create", "learning categories")
                sent = {"name": value.path[-1], "parentCategoryId": self._parent_category(value.path)}
                return self._mutate(kind, "UpdateLearningCategory", {"id": id, "input": sent}, "learningCategory", "update")
            case Provider():
                record = self._providers.rename(id, value.name) if "name" in fields else None
                return Written(id=record.id if record else id, record=record)
        raise Unsupported(f"administrate: a {kind} is never changed from here")

    def update_many(self, kind: Kind, rows: Sequence[tuple[str, Value, frozenset[str]]]) -> tuple[Written | Refusal, ...]:
        """``update`` of accounts or contacts, a batch in one document. A row that is refused costs only itself."""
        operation, key = ("UpdateAccounts", "account") if kind is Kind.ORG_UNIT else ("UpdateContacts", "contact")
        size = self._client.options.batch_size
        answers: list[Written | Refusal] = []
        for start in range(0, len(rows), size):
            sent = self._changes(rows[start : start + size])
            given = self._client.run_batch(operation, [{"input": row} for row in sent])
            answers += [self._answered(kind, row, key, operation=f"the change of the {key}") for row in given]
        return tuple(answers)

    def _changes(self, rows: Sequence[tuple[str, Value, frozenset[str]]]) -> list[dict[str, Any]]:
        held = self._contacts([id for id, value, fields in rows if isinstance(value, Person) and fields & IN_LISTS])
        sent: list[dict[str, Any]] = []
        for id, value, fields in rows:
            if isinstance(value, Person):
                contact = partial(self._held, held, id)
                sent.append({"contactId": id, **self._contact_changes(value, fields, held=contact)})
            else:
                assert isinstance(value, OrgUnit)
                sent.append({"accountId": id, **self._account_changes(value, fields)})
        return sent

    def _contacts(self, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        if not ids:
            return {}
        filters = [{"field": "id", "operation": "in", "values": list(ids)}]
        return {node["id"]: node for page in self._client.pages(LISTS[Kind.PERSON], {"filters": filters}) for node in page.nodes}

    def _held(self, held: Mapping[str, Mapping[str, Any]], id: str) -> Mapping[str, Any]:
        return held[id] if id in held else self._contact(id)

    def _account_changes(self, value: OrgUnit, fields: frozenset[str]) -> dict[str, Any]:
        sent: dict[str, Any] = {}
        if "name" in fields:
            sent["name"] = value.name
        if "parent_id" in fields:
            self._need("account_parent", "the parent of an account")
            sent["parentAccountId"] = value.parent_id
        if "active" in fields:
            sent["customFieldValues"] = [self._status("Account", active=value.active)]
        return sent

    def _contact_changes(self, value: Person, fields: frozenset[str], *, held: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
        sent: dict[str, Any] = {}
        if fields & IN_LISTS:
            sent |= self._name_and_addresses(held(), value, fields)
        if "org_unit_id" in fields:
            self._need("contact_account_move", "moving a contact to another account")
            sent["accountId"] = value.org_unit_id
        if "active" in fields:
            if self._client.contract.switch("contact_left_company"):
                sent["hasLeftCompany"] = not value.active
            else:
                sent["customFieldValues"] = [self._status("Contact", active=value.active)]
        return sent

    def _contact(self, id: str) -> Mapping[str, Any]:
        node = self._client.run("ReadContact", {"id": id}).get("node")
        if node is None:
            raise Refused(f"administrate has no contact {id} any more", code="not_found")
        return node

    def _name_and_addresses(self, node: Mapping[str, Any], value: Person, fields: frozenset[str]) -> dict[str, Any]:
        """Lists are replaced as a whole, so the entries that are not ours, and the middle name, are sent back as they are."""
        sent: dict[str, Any] = {}
        if fields & {"first_name", "last_name"}:
            middle = (node.get("personalName") or {}).get("middleName")
            sent["personalName"] = {"firstName": value.first_name, "middleName": middle, "lastName": value.last_name}
        if "email" in fields:
            others = [item for item in node.get("emailAddresses") or () if item.get("usage") != "primary"]
            mine = [{"usage": "primary", "address": value.email}] if value.email else []
            sent["emailAddresses"] = mine + others
        if "mobile" in fields:
            others = [item for item in node.get("phoneNumbers") or () if item.get("usage") != "mobile"]
            mine = [{"usage": "mobile", "number": value.mobile}] if value.mobile else []
            sent["phoneNumbers"] = mine + others
        return sent

    def _status(self, record_type: str, *, active: bool) -> dict[str, str]:
        """The vendor shows no way to archive; where it has no flag either, a custom field of ours says it."""
        key = self._fields.ensure(record_type, self._client.options.status_field, description=STATUS_DESCRIPTION)
        return {"definitionKey": key, "value": "" if active else INACTIVE}

    def _mutate(self, kind: Kind, operation: str, variables: Mapping[str, Any], key: str, field: str) -> Written:
        data = self._client.run(operation, variables)
        record = self._nodes.record(kind, entity((data.get(key) or {}).get(field), key, operation=operation))
        return Written(id=record.id, record=record)

    def _need(self, switch: str, what: str) -> None:
        if not self._client.contract.switch(switch):
            raise Unsupported(f"administrate: {what} cannot be written through the API of this instance (register: {switch})")

    # ---- external ids

    def remember_many(self, rows: Sequence[tuple[RecordKey, Mapping[str, str]]]) -> tuple[Refusal | None, ...]:
        """All pairs of a batch of records in one document. A record is refused when one of its pairs is."""
        refusals: list[Refusal | None] = []
        size = self._client.options.batch_size
        for start in range(0, len(rows), size):
            some = rows[start : start + size]
            flat = self._pairs(some)
            answers = self._client.run_batch("StoreExternalIds", [pair for _, pair in flat])
            refusals += self._remembered(len(some), flat, answers)
        return tuple(refusals)

    def _pairs(self, rows: Sequence[tuple[RecordKey, Mapping[str, str]]]) -> list[tuple[int, dict[str, str]]]:
        return [
            (number, {"node": key.id, "name": name, "value": value})
            for number, (key, ids) in enumerate(rows)
            if self._holds_ids(key.kind)
            for name, value in ids.items()
        ]

    def _remembered(
        self, count: int, flat: Sequence[tuple[int, Any]], answers: Sequence[Mapping[str, Any] | Refusal]
    ) -> tuple[Refusal | None, ...]:
        refused = {number: answer for (number, _), answer in zip(flat, answers, strict=True) if isinstance(answer, Refusal)}
        return tuple(refused.get(number) for number in range(count))

    def _holds_ids(self, kind: Kind) -> bool:
        if kind is Kind.SUBJECT:
            return self._client.contract.switch("learning_category_external_id")
        return kind not in (Kind.PROVIDER, Kind.OUTCOME)
