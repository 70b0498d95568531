"""Custom fields: definitions by object type, values as texts. Fields left out of a write stay as they are."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from csod_pipelines.sandbox.administrate.call import Call, Refused
from csod_pipelines.sandbox.administrate.records import FieldDefinition

TYPES = ("string", "text", "number", "choice", "multichoice", "html", "checkbox", "email", "date", "datetime", "url")


def definitions(call: Call, object_type: str) -> list[FieldDefinition]:
    return [row for row in call.world.table(FieldDefinition).ordered if row.object_type == object_type]


def checked_values(call: Call, object_type: str, given: Iterable[Mapping[str, Any]] | None, *, creating: bool) -> dict[int, str | None]:
    """The values to merge (None clears), or a refusal. A required field without a value stops a create, not an update."""
    values: dict[int, str | None] = {}
    for item in given or ():
        definition = call.world.find(FieldDefinition, item["definitionKey"])
        if definition is None or definition.object_type != object_type:
            raise Refused("customFieldValues", f"no custom field with this key on {object_type}", item["definitionKey"])
        value = item.get("value")
        _check_value(definition, value)
        values[definition.id] = value or None
    for definition in definitions(call, object_type) if creating else ():
        if definition.required and not values.get(definition.id):
            raise Refused("customFieldValues", f"{definition.label} is required", call.gid(definition))
    return values


def merge(current: dict[int, str] | None, values: Mapping[int, str | None]) -> dict[int, str] | None:
    merged = {**(current or {}), **values}
    return {key: value for key, value in merged.items() if value is not None} or None


def _check_value(definition: FieldDefinition, value: str | None) -> None:
    if not value:
        return
    if definition.type == "choice" and value not in definition.options:
        raise Refused("customFieldValues", f"{definition.label} has no such option", value)
    if definition.type == "multichoice" and not set(value.split(",")) <= set(definition.options):
        raise Refused("customFieldValues", f"{definition.label} has no such option", value)
    if definition.type == "checkbox" and value not in {"true", "false"}:
        raise Refused("customFieldValues", f'{definition.label} takes "true" or "false"', value)
    if definition.type == "number" and not re.fullmatch(r"-?\d{1,18}(\.\d{1,18})?", value):
        raise Refused("customFieldValues", f"{definition.label} takes a number", value)


def define(call: Call, object_type: str, given: Mapping[str, Any]) -> FieldDefinition:
    label = given["label"].strip()
    if not label:
        raise Refused("label", "a custom field needs a label", given["label"])
    if given["type"] not in TYPES:
        raise Refused("type", f"one of {', '.join(TYPES)}", given["type"])
    row = FieldDefinition(
        id=call.world.next_id(FieldDefinition),
        object_type=object_type,
        label=label,
        locator=_free_locator(call, label),
        type=given["type"],
        description=given.get("description"),
        required=bool(given.get("isRequired")),
        options=_options(given.get("options")),
        roles=tuple(role for role in given.get("roles") or () if role is not None),
    )
    call.world.table(FieldDefinition).add(row, stamp=call.stamp)
    call.did("create", "custom_field_definitions", call.gid(row))
    return row


def redefine(call: Call, key: str, given: Mapping[str, Any]) -> FieldDefinition:
    row = call.world.find(FieldDefinition, key)
    if row is None:
        raise Refused("key", "no such custom field", key)
    if given["type"] != row.type:
        raise Refused("type", f"the type of a custom field is fixed; this one is {row.type}", given["type"])
    row.label = given["label"].strip() or row.label
    row.description = given.get("description", row.description)
    row.required = bool(given.get("isRequired", row.required))
    if given.get("options") is not None:
        row.options = _options(given["options"])
    call.touch(row)
    call.did("update", "custom_field_definitions", key)
    return row


def _options(given: Iterable[Mapping[str, Any] | None] | None) -> list[str]:
    return list(dict.fromkeys(option["value"] for option in given or () if option is not None))


def _free_locator(call: Call, label: str) -> str:
    base = re.sub(r"[^a-z0-9]+", "_", label.casefold()).strip("_") or "field"
    taken = {row.locator for row in call.world.table(FieldDefinition).ordered}
    number, locator = 1, base
    while locator in taken:
        number += 1
        locator = f"{base}_{number}"
    return locator
