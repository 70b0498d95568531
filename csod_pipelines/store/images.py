"""What each side looked like: as last seen, and as it was when both sides last agreed (base).

Echoes die by comparing these: a side that equals its own base did not change, whatever its timestamps say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from sqlalchemy import Connection, text

from csod_pipelines.store.canonical import canonical, digest


@dataclass(frozen=True, slots=True)
class Image:
    """``refused`` maps a field to the digest of the inputs with which it was refused; it is not sent again until they change."""

    seen: dict[str, Any] | None = None
    base: dict[str, Any] | None = None
    refused: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ImageRow:
    """For ``save_many``; None leaves what is stored."""

    link_id: int
    system: str
    seen: Mapping[str, Any] | None = None
    base: Mapping[str, Any] | None = None
    refused: Mapping[str, str] | None = None


_LOAD = text("SELECT link_id, system, seen, base, refused FROM image WHERE link_id = ANY(CAST(:ids AS bigint[]))")


def load(conn: Connection, link_id: int) -> dict[str, Image]:
    """By system; a side that was never seen is missing."""
    return load_many(conn, [link_id]).get(link_id, {})


def load_many(conn: Connection, link_ids: Sequence[int]) -> dict[int, dict[str, Image]]:
    images: dict[int, dict[str, Image]] = {}
    for link_id, system, seen, base, refused in conn.execute(_LOAD, {"ids": list(link_ids)}):
        images.setdefault(link_id, {})[system] = Image(_parse(seen), _parse(base), refused or {})
    return images


# The parent rows are locked in order by the foreign key; rows in order keep two writers of the same links from a deadlock.
_SAVE = text("""
    INSERT INTO image AS i (link_id, system, seen, seen_digest, base, base_digest, refused)
    SELECT r.link_id, r.system, r.seen, decode(r.seen_digest, 'hex'), r.base, decode(r.base_digest, 'hex'), CAST(r.refused AS jsonb)
    FROM json_to_recordset(CAST(:rows AS json))
        AS r (link_id bigint, system text, seen text, seen_digest text, base text, base_digest text, refused text)
    ORDER BY r.link_id, r.system
    ON CONFLICT (link_id, system) DO UPDATE SET
        seen = coalesce(excluded.seen, i.seen), seen_digest = coalesce(excluded.seen_digest, i.seen_digest),
        base = coalesce(excluded.base, i.base), base_digest = coalesce(excluded.base_digest, i.base_digest),
        refused = coalesce(excluded.refused, i.refused), updated_at = app_now()""")


def save(
    conn: Connection,
    link_id: int,
    system: str,
    *,
    seen: Mapping[str, Any] | None = None,
    base: Mapping[str, Any] | None = None,
    refused: Mapping[str, str] | None = None,
) -> None:
    """Store what is given and leave the rest; ``refused={}`` forgets the refusals."""
    save_many(conn, [ImageRow(link_id, system, seen, base, refused)])


def save_many(conn: Connection, rows: Iterable[ImageRow]) -> None:
    """``save`` for a batch in one statement. A link and system may occur once."""
    batch = list(rows)
    if not batch:
        return
    conn.execute(_SAVE, {"rows": orjson.dumps([_row(r) for r in batch]).decode()})


def _row(row: ImageRow) -> dict[str, Any]:
    seen, base = _bytes(row.seen), _bytes(row.base)
    return {
        "link_id": row.link_id,
        "system": str(row.system),
        "seen": _text(seen),
        "seen_digest": _digest(seen),
        "base": _text(base),
        "base_digest": _digest(base),
        "refused": _text(_bytes(row.refused)),
    }


def _bytes(value: Mapping[str, Any] | None) -> bytes | None:
    return None if value is None else canonical(dict(value))


def _text(data: bytes | None) -> str | None:
    return None if data is None else data.decode()


def _digest(data: bytes | None) -> str | None:
    return None if data is None else digest(data).hex()


def _parse(stored: str | None) -> dict[str, Any] | None:
    return None if stored is None else orjson.loads(stored)
