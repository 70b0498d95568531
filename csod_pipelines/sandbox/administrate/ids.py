"""Global ids: base64 of a word and the legacy id. The word is not always the type's name: an Event's is Course (vendor's samples)."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode

PREFIXES = {
    "Account": "Organisation",
    "Contact": "Person",
    "Event": "Course",
    "FieldDefinition": "CustomFieldDefinition",
    "Webhook": "OutboundHook",
}
INSTANCE = b64encode(b"Organisation:").decode()  # the whole instance, for integration logs


def encode(word: str, id: int | str) -> str:
    return b64encode(f"{word}:{id}".encode()).decode()


def decode(text: str) -> tuple[str, str] | None:
    """Word and the rest; None when the text is no global id."""
    try:
        word, colon, rest = b64decode(text, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return None
    return (word, rest) if colon else None


def decode_number(text: str) -> tuple[str, int] | None:
    parts = decode(text)
    if parts is None or not parts[1].isascii() or not parts[1].isdigit() or len(parts[1]) > 15:
        return None
    return parts[0], int(parts[1])
