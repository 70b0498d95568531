"""What differs between both sides as they were staged and as they were at the last agreement: found by PostgreSQL, set-wise.

A pair is in step when each side's digest is that of its own base. Of a hundred thousand pairs all but a few end here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, text

from csod_pipelines.store.canonical import DIGEST_BYTES
from csod_pipelines.store.links import PAIRING, Link

_SIDES = ("administrate", "cornerstone")

# Each record by the index of its link and image: so many look-ups, whatever else the tables hold. The digests come as one string of
# bytes, since an array of bytes is written and read as text.
_APART = {
    side: text(f"""
    SELECT s.id, l.id IS NOT NULL AS linked
    FROM (SELECT id, substring(CAST(:digests AS bytea) FROM ({DIGEST_BYTES} * (number - 1) + 1)::int FOR {DIGEST_BYTES}) AS digest
          FROM unnest(CAST(:ids AS text[])) WITH ORDINALITY AS u (id, number)) s
    LEFT JOIN LATERAL (
        SELECT id FROM link
        WHERE kind = :kind AND {side}_id = s.id AND pairing = :pairing AND state = 'live' AND state <> 'tombstone' LIMIT 1) l ON true
    LEFT JOIN LATERAL (SELECT base_digest, refused FROM image WHERE link_id = l.id AND system = :system LIMIT 1) i ON true
    WHERE i.base_digest IS DISTINCT FROM s.digest OR i.refused <> '{{}}'""")
    for side in _SIDES
}


def apart(conn: Connection, kind: str, system: str, digests: Mapping[str, bytes]) -> dict[str, bool]:
    """Those of the records, given with the digests of their images, that are not as they were at the last agreement; whether each is
    half of a live pair at all."""
    parameters = {"ids": list(digests), "digests": b"".join(digests.values()), "kind": str(kind), "system": str(system), "pairing": PAIRING}
    return {row.id: row.linked for row in conn.execute(_APART[system], parameters)}


_LISTED = text("SELECT EXISTS (SELECT 1 FROM stage WHERE run = :run AND kind = :kind AND system = :system AND id = :id)")


def listed(conn: Connection, run: str, kind: str, system: str, id: str) -> bool:
    return conn.execute(_LISTED, {"run": run, "kind": str(kind), "system": str(system), "id": id}).scalar_one()


# What was just staged has no statistics: taken for a row or two, it would be read whole for each pair.
_HASHED = text("SET LOCAL enable_nestloop = off")
_JOINED = """
    FROM link l
    LEFT JOIN stage sa ON sa.run = :run AND sa.kind = :kind AND sa.system = 'administrate' AND sa.id = l.administrate_id
    LEFT JOIN stage sc ON sc.run = :run AND sc.kind = :kind AND sc.system = 'cornerstone' AND sc.id = l.cornerstone_id
    LEFT JOIN image ia ON ia.link_id = l.id AND ia.system = 'administrate'
    LEFT JOIN image ic ON ic.link_id = l.id AND ic.system = 'cornerstone'
    WHERE l.kind = :kind AND l.pairing = :pairing AND l.state = 'live'"""
_PAIRS_APART = text(f"""
    SELECT l.id, l.pairing, l.kind, l.administrate_id, l.cornerstone_id, l.state, l.generation, l.facts {_JOINED}
      AND (sa.digest IS NULL OR sc.digest IS NULL OR ia.base_digest IS DISTINCT FROM sa.digest OR ic.base_digest IS DISTINCT FROM sc.digest
           OR ia.refused <> '{{}}' OR ic.refused <> '{{}}')
    ORDER BY l.id""")


def pairs_apart(conn: Connection, run: str, kind: str) -> list[Link]:
    """Live pairs of which a side was not staged, differs from its base, or refused something."""
    conn.execute(_HASHED)
    rows = conn.execute(_PAIRS_APART, {"run": run, "kind": str(kind), "pairing": PAIRING})
    return [Link(**row._asdict()) for row in rows]


_SHOWN = text(f"SELECT count(*) AS pairs, count(sa.id) AS administrate, count(sc.id) AS cornerstone {_JOINED}")


def shown(conn: Connection, run: str, kind: str) -> dict[str, int]:
    """How many ``pairs`` live, and of how many of them each side was staged."""
    conn.execute(_HASHED)
    return dict(conn.execute(_SHOWN, {"run": run, "kind": str(kind), "pairing": PAIRING}).one()._asdict())


_DEPTHS = text("""
    WITH RECURSIVE up (id, above, steps) AS (
        SELECT s.id, s.parent_id, 0 FROM stage s
        WHERE s.run = :run AND s.kind = :kind AND s.system = :system AND s.id = ANY(CAST(:ids AS text[]))
        UNION ALL
        SELECT up.id, s.parent_id, up.steps + 1 FROM up
        JOIN stage s ON s.run = :run AND s.kind = :kind AND s.system = :system AND s.id = up.above
        WHERE up.steps < :most
    )
    SELECT id, max(steps) AS steps FROM up GROUP BY id""")
DEEPEST = 200


def depths(conn: Connection, run: str, kind: str, system: str, ids: Sequence[str]) -> dict[str, int]:
    """Steps from each staged record up to one without a staged parent; in a circle, ``DEEPEST``."""
    parameters = {"run": run, "kind": str(kind), "system": str(system), "ids": list(ids), "most": DEEPEST}
    conn.execute(_HASHED)
    return {row.id: row.steps for row in conn.execute(_DEPTHS, parameters)}
