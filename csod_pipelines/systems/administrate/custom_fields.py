"""Custom field definitions: their keys differ per instance, so they are looked up by label; and the vendor field's options.

A provider has no record in Administrate: it is one option of the vendor field of course templates, and its id is its text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from csod_pipelines.model.keys import Kind, RecordKey, SystemName
from csod_pipelines.model.records import Provider, Record
from csod_pipelines.systems.administrate.client import Client, entity
from csod_pipelines.systems.errors import Refused, Unsupported

#: Definitions are changed by people, seldom; a missing one is looked for again after this long.
KEEP_SECONDS = 300.0


class CustomFields:
    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, tuple[float, dict[str, Mapping[str, Any]]]] = {}

    def definitions(self, record_type: str, *, fresh: bool = False) -> dict[str, Mapping[str, Any]]:
        now = self._client.transport.house.clock.monotonic()
        known = self._known.get(record_type)
        if known is None or fresh or now - known[0] > KEEP_SECONDS:
            template = self._client.run("ReadCustomFields", {"type": record_type}).get("customFieldTemplate") or {}
            found = {item["label"]: item for item in template.get("customFieldDefinitions") or () if item.get("label")}
            known = self._known[record_type] = (now, found)
        return known[1]

    def key(self, record_type: str, label: str) -> str | None:
        found = self.definitions(record_type).get(label)
        return found["key"] if found else None

    def ensure(self, record_type: str, label: str, *, description: str) -> str:
        """The key of a text field, which is created where the instance does not have it yet."""
        found = self.key(record_type, label) or (self.definitions(record_type, fresh=True).get(label) or {}).get("key")
        if found:
            return found
        definition = {"label": label, "description": description, "isRequired": False, "type": "string", "roles": []}
        data = self._client.run("CreateCustomField", {"input": {"objectType": record_type, "definition": definition}})
        result = (data.get("customFields") or {}).get("createGlobalCustomDefinition")
        made = entity(result, "customFieldDefinition", operation="CreateCustomField")
        self._known.pop(record_type, None)
        return made["key"]

    def required(self, record_type: str) -> tuple[str, ...]:
        """Labels that a create must fill on this instance."""
        return tuple(label for label, item in self.definitions(record_type).items() if item.get("isRequired"))


class Providers:
    def __init__(self, client: Client, fields: CustomFields) -> None:
        self._client = client
        self._fields = fields

    def all(self) -> tuple[Record, ...]:
        return tuple(_record(name) for name in self._options(self._definition()))

    def create(self, name: str) -> Record:
        definition = self._definition()
        options = self._options(definition)
        if name not in options:
            self._write(definition, [*options, name])
        return _record(name)

    def rename(self, old: str, new: str) -> Record:
        definition = self._definition()
        options = self._options(definition)
        if old not in options:
            raise Refused(f"administrate: the vendor field has no option {old!r}", code="not_found")
        self._write(definition, [new if option == old else option for option in options])
        return _record(new)

    def _definition(self) -> Mapping[str, Any]:
        label = self._client.options.vendor_field
        found = self._fields.definitions("CourseTemplate", fresh=True).get(label)
        if found is None:
            raise Unsupported(f"administrate: course templates have no custom field {label!r}; create it, or name another vendor field")
        return found

    def _options(self, definition: Mapping[str, Any]) -> list[str]:
        return [option["value"] for option in definition.get("options") or () if option and option.get("value")]

    def _write(self, definition: Mapping[str, Any], options: list[str]) -> None:
        if not self._client.contract.switch("custom_field_option_update"):
            raise Unsupported("administrate: options of a custom field cannot be changed through the API; add them in its settings")
        sent = {
            "label": definition["label"],
            "description": definition.get("description"),
            "isRequired": bool(definition.get("isRequired")),
            "type": definition.get("type") or "choice",
            "options": [{"value": value} for value in options],
            "roles": definition.get("roles") or [],
        }
        data = self._client.run("UpdateCustomField", {"key": definition["key"], "definition": sent})
        entity((data.get("customFields") or {}).get("updateGlobalCustomDefinition"), "customFieldDefinition", operation="UpdateCustomField")


def _record(name: str) -> Record:
    return Record(key=RecordKey(Kind.PROVIDER, SystemName.ADMINISTRATE, name), value=Provider(name=name))
