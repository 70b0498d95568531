"""Reading values out of request bodies and query strings without trusting their types."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from csod_pipelines.sandbox.cornerstone.envelopes import ApiError, Call

LONGEST_INTEGER = 18  # digits; ids of the portal are 64-bit


class Invalid(ValueError):
    """A value that cannot be read; the text is fit for the caller."""


def text(row: Mapping[str, Any], name: str, *, required: bool = False, most: int | None = None) -> str | None:
    value = row.get(name)
    if value is None or (required and isinstance(value, str) and not value.strip()):
        if required:
            raise Invalid(f"{name} is required")
        return None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        raise Invalid(f"{name} must be text")
    if most is not None and len(value) > most:
        raise Invalid(f"{name} must not be longer than {most} characters")
    return value


def whole(row: Mapping[str, Any], name: str, *, least: int | None = None, most: int | None = None) -> int | None:
    value = row.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, str) and value.strip().lstrip("-").isdecimal() and len(value.strip()) <= LONGEST_INTEGER:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Invalid(f"{name} must be a whole number")
    if (least is not None and value < least) or (most is not None and value > most):
        raise Invalid(f"{name} is out of range")
    return value


def flag(row: Mapping[str, Any], name: str) -> bool | None:
    value = row.get(name)
    if value is None or isinstance(value, bool):
        return value
    raise Invalid(f"{name} must be true or false")


def rows_of(row: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    value = row.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise Invalid(f"{name} must be a list of objects")
    return value


def wall_time(value: Any, name: str) -> datetime:
    """``YYYY-MM-DDTHH:MM:SS`` without zone (Cornerstone's own samples); an offset is refused, not guessed at."""
    if not isinstance(value, str):
        raise Invalid(f"{name} is required")
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError as err:
        raise Invalid(f"Invalid {name} {value}") from err
    if parsed.tzinfo is not None or "T" not in value or not 1970 <= parsed.year <= 9000:
        raise Invalid(f"Invalid {name} {value}")
    return parsed


def instant(value: str, name: str) -> datetime:
    """A UTC instant in one of the spellings the portal takes; a bare one is UTC."""
    try:
        parsed = datetime.fromisoformat(value.strip().replace(" ", "+") if "+" not in value else value.strip())
    except ValueError as err:
        raise Invalid(f"Invalid {name}") from err
    if not 1970 <= parsed.year <= 9000:
        raise Invalid(f"Invalid {name}")
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def day(value: str, name: str) -> date:
    try:
        return date.fromisoformat(value.strip()[:10])
    except ValueError as err:
        raise Invalid(f"{name} must be YYYY-MM-DD") from err


def query_whole(call: Call, name: str, *, least: int = 0, most: int = 10**LONGEST_INTEGER) -> int | None:
    value = call.query.get(name.lower())
    if value is None or value == "":
        return None
    try:
        return whole({name: value}, name, least=least, most=most)
    except Invalid as err:
        raise ApiError(400, str(err), fields=[(name, [str(err)])]) from err


def query_flag(call: Call, name: str) -> bool | None:
    value = call.query.get(name.lower())
    if value is None or value == "":
        return None
    if value.lower() not in ("true", "false", "1", "0"):
        raise ApiError(400, f"{name} must be true or false", fields=[(name, [f"{name} must be true or false"])])
    return value.lower() in ("true", "1")
