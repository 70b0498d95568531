"""A record's comparable image: its mapped fields as plain JSON values, in the record's own system's words.

The image of a side is only ever compared with that side's own base, so differences of normalisation between the
two vendors never look like a change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from enum import Enum
from functools import cache
from typing import Any

from csod_pipelines.model.records import Part, Record, Value

Image = Mapping[str, Any]

#: Fields that are an identity within the system, not something to compare.
_NOT_COMPARED = frozenset({"person_id", "offering_id"})


_PLAIN_TYPES = frozenset({str, int, float, bool, type(None)})


def _plain(value: Any) -> Any:
    if type(value) in _PLAIN_TYPES:  # nearly every field
        return value
    if isinstance(value, Part):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, tuple | list):
        return [_plain(v) for v in value]
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in sorted(value.items())}
    return value


def image_of(record: Record) -> dict[str, Any]:
    value = record.value
    return {name: _plain(getattr(value, name)) for name in _compared(type(value))}


@cache
def _compared(kind: type[Value]) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind) if f.name not in _NOT_COMPARED)


def changed(image: Image, base: Image | None) -> frozenset[str]:
    """Names of the fields that differ from the base; all of them where there is no base yet."""
    if base is None:
        return frozenset(image)
    return frozenset(name for name in image if image[name] != base.get(name))
