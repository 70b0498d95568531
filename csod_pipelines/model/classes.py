"""What may be shown of a field outside the ledger's own bodies: ids and states as they are, personal data as a token.

A field that is not listed counts as personal: what is forgotten here is hidden, never shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

TOKEN = "[personal]"
ADDRESS_TOKEN = "[e-mail]"

#: Names of fields in images and intents whose values say what a record is or which state it is in.
SHOWN = frozenset(
    {
        "active", "attendance", "code", "contact", "course_id", "description", "end", "event", "external_id", "facts", "id",
        "instructor_ids", "location_id", "max_places", "min_places", "offering", "org_unit_id", "parent_id", "parts", "path", "provider",
        "ref", "result", "session", "start", "state", "subjects", "submitted", "time_zone", "title", "type_id", "user", "user_ref", "value",
    }
)  # fmt: skip
#: Shown where the record is no person: the name of an org unit, a place or a vendor.
NAMES = frozenset({"name"})

_ADDRESS = re.compile(r"[^\s@<>\"'(),;:]+@[^\s@<>\"'(),;:]+")
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|“[^”]*”")
_MEANINGFUL = 2  # shorter pieces of a name would cut into every other word


def shown(payload: Any, *, person: bool) -> Any:
    """The payload with tokens in place of personal data. Keys stay: that a value was sent is no secret, only the value."""
    if isinstance(payload, Mapping):
        return {str(name): _field(str(name), value, person=person) for name, value in payload.items()}
    if isinstance(payload, list | tuple):
        return [shown(value, person=person) for value in payload]
    return without_addresses(payload) if isinstance(payload, str) else payload


def _field(name: str, value: Any, *, person: bool) -> Any:
    if name in SHOWN or name.startswith("csod:") or (name in NAMES and not person):
        return shown(value, person=person)
    if _under_external_id(name, value):
        return value
    return value if value is None or isinstance(value, bool) else TOKEN


def _under_external_id(name: str, value: Any) -> bool:
    """The name of an external id, such as csod:acme:user."""
    return name == "name" and isinstance(value, str) and value.startswith("csod:")


def personal_values(payload: Any) -> Iterator[str]:
    """Every text of the payload that ``shown`` would hide."""
    if isinstance(payload, Mapping):
        for name, value in payload.items():
            if str(name) in SHOWN:
                yield from personal_values(value)
            elif isinstance(value, str) and len(value.strip()) >= _MEANINGFUL and not value.startswith("csod:"):
                yield value.strip()
    elif isinstance(payload, list | tuple):
        for value in payload:
            yield from personal_values(value)


def without_addresses(text: str) -> str:
    return _ADDRESS.sub(ADDRESS_TOKEN, text)


def scrubbed(text: str, payload: Any, *, person: bool) -> str:
    """A sentence that may quote the vendor: without addresses, without what the payload says of a person and, about people,
    without anything in quotation marks."""
    said = without_addresses(text)
    if person:
        said = _QUOTED.sub(TOKEN, said)
        for value in sorted(set(personal_values(payload)), key=len, reverse=True):
            said = re.sub(re.escape(value), TOKEN, said, flags=re.IGNORECASE)
    return said
