"""Reading the arguments of an act, and answering one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from csod_pipelines.sandbox.cornerstone.portal import Portal
from csod_pipelines.sandbox.cornerstone.rows import Session, User


def done(id: Any, row: dict[str, Any]) -> dict[str, Any]:
    return {"ok": True, "id": id, "row": row}


def text(arguments: Mapping[str, Any], name: str) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} is required")
    return value


def number(arguments: Mapping[str, Any], name: str) -> int:
    value = arguments.get(name)
    if isinstance(value, str) and value.isdecimal() and len(value) < 19:
        return int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"{name} must be a whole number")
    return value


def given_user(portal: Portal, arguments: Mapping[str, Any], name: str = "user_id") -> User:
    """By internal id, or by User ID."""
    value = arguments.get(name)
    row = portal.store.users.get(value) if isinstance(value, int) else None
    if row is None and isinstance(value, str):
        row = (portal.store.users.get(int(value)) if value.isdecimal() and len(value) < 19 else None) or portal.store.users.by_ref(value)
    if row is None:
        raise ValueError(f"there is no user {value}")
    return row


def given_session(portal: Portal, arguments: Mapping[str, Any]) -> Session:
    """By GUID, locator or a SessionID that is unique."""
    value = str(arguments.get("session_id", "")).strip()
    store = portal.store
    by_ref = store.sessions_by_ref.get(value.casefold(), [])
    id = value.lower()
    if id not in store.sessions:
        id = (
            store.session_by_locator.get(int(value), "") if value.isdecimal() and len(value) < 12 else by_ref[0] if len(by_ref) == 1 else ""
        )
    if id not in store.sessions:
        raise ValueError(f"there is no session {value}")
    return store.sessions[id]
