"""What people decided: modes, pauses, released brakes, going live, the fingerprint of both ends. Nothing is overwritten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text

from csod_pipelines.store.canonical import canonical

CONFIGURATION = "configuration"  # digests of the settings in force, and of each section; written when they differ from those before
FINGERPRINT = "fingerprint"  # what the first use of a database writes: which portal and instance it serves; its time is the database's name


@dataclass(frozen=True, slots=True)
class Control:
    name: str
    value: dict[str, Any]
    who: str
    why: str
    at: datetime
    expires: datetime | None


_COLUMNS = "name, value, who, why, at, expires"
_SET = text("""
    INSERT INTO control (name, value, who, why, expires)
    VALUES (:name, CAST(:value AS jsonb), :who, :why, CAST(:expires AS timestamptz))""")
_GET = text(f"""
    SELECT {_COLUMNS} FROM control WHERE name = :name AND (expires IS NULL OR expires > app_now()) ORDER BY number DESC LIMIT 1""")
_ALL = text(f"""
    SELECT DISTINCT ON (name) {_COLUMNS} FROM control WHERE expires IS NULL OR expires > app_now() ORDER BY name, number DESC""")
_HISTORY = text(f"SELECT {_COLUMNS} FROM control WHERE name = :name ORDER BY number DESC LIMIT :limit")


def set_control(conn: Connection, name: str, value: Mapping[str, Any], who: str, why: str, expires: datetime | None = None) -> None:
    """Decide something. It counts from now until a newer decision of that name or until it expires, when the one before counts."""
    conn.execute(_SET, {"name": name, "value": canonical(dict(value)).decode(), "who": who, "why": why, "expires": expires})


def get_control(conn: Connection, name: str) -> Control | None:
    row = conn.execute(_GET, {"name": name}).one_or_none()
    return Control(**row._asdict()) if row else None


def controls(conn: Connection) -> dict[str, Control]:
    """Everything that counts now, by name."""
    return {row.name: Control(**row._asdict()) for row in conn.execute(_ALL)}


def history(conn: Connection, name: str, limit: int = 50) -> list[Control]:
    """Who decided what, the newest first, expired ones included."""
    return [Control(**row._asdict()) for row in conn.execute(_HISTORY, {"name": name, "limit": limit})]
