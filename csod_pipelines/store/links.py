"""Which record here is which record there, for good.

claimed    one side's record looks for its other half; nobody else may look for the same
pending    the other half is being created or confirmed
live       both halves are known
tombstone  it ended; a late event finds this and not nothing
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from csod_pipelines.store.canonical import canonical, digest

PAIRING = "administrate-cornerstone"
_SIDES = ("administrate", "cornerstone")
_COLUMNS = "id, pairing, kind, administrate_id, cornerstone_id, state, generation, facts"


@dataclass(frozen=True, slots=True)
class Link:
    id: int
    pairing: str
    kind: str
    administrate_id: str | None
    cornerstone_id: str | None
    state: str
    generation: int
    facts: dict[str, Any] = field(default_factory=dict)

    def side(self, system: str) -> str | None:
        """The id at ``system``."""
        return self.administrate_id if system == "administrate" else self.cornerstone_id


@dataclass(frozen=True, slots=True)
class Taken:
    """Somebody else's link holds the record or the natural key."""

    link: Link


class AlreadyLinked(Exception):
    """The record to bind is the half of another link."""

    def __init__(self, link: Link) -> None:
        super().__init__(f"a record of {link.kind} is already part of link:{link.id} ({link.administrate_id} / {link.cornerstone_id})")
        self.link = link


_BY_ID = text(f"SELECT {_COLUMNS} FROM link WHERE id = :id")


def by_id(conn: Connection, id: int) -> Link | None:
    return _one(conn, _BY_ID, id=id)


def _by_record(side: str, id: str = ":id") -> str:
    return f"""
    SELECT * FROM (
        (SELECT {_COLUMNS} FROM link
         WHERE kind = :kind AND {side}_id = {id} AND pairing = :pairing AND state <> 'tombstone')
        UNION ALL
        (SELECT {_COLUMNS} FROM link
         WHERE kind = :kind AND {side}_id = {id} AND pairing = :pairing AND state = 'tombstone' ORDER BY id DESC LIMIT 1)
    ) AS found ORDER BY state = 'tombstone' LIMIT 1"""


_BY_RECORD = {side: text(_by_record(side)) for side in _SIDES}


def by_record(conn: Connection, kind: str, system: str, id: str, *, pairing: str = PAIRING) -> Link | None:
    """The link of a record: the one in force (claimed, pending or live), else the newest that ended."""
    return _one(conn, _BY_RECORD[system], kind=str(kind), id=id, pairing=pairing)


# One look-up an id: an array of ids would be planned as a scan of the whole kind while the table has no statistics yet.
_BY_RECORDS = {
    side: text(f"""
    SELECT link.* FROM unnest(CAST(:ids AS text[])) AS given (id) CROSS JOIN LATERAL ({_by_record(side, "given.id")}) AS link""")
    for side in _SIDES
}


def by_records(conn: Connection, kind: str, system: str, ids: Sequence[str], *, pairing: str = PAIRING) -> dict[str, Link]:
    """``by_record`` for many, by id; what has no link is missing."""
    rows = conn.execute(_BY_RECORDS[system], {"kind": str(kind), "ids": list(ids), "pairing": pairing})
    found = [Link(**row._asdict()) for row in rows]
    return {link.side(system) or "": link for link in found}


_HOLDER = text(f"""
    SELECT {_COLUMNS} FROM link WHERE pairing = :pairing AND kind = :kind AND natural_digest = :natural AND state <> 'tombstone'""")
_INSERT = {
    side: text(f"""
    INSERT INTO link (pairing, kind, {side}_id, state, natural_digest) VALUES (:pairing, :kind, :id, 'claimed', :natural)
    ON CONFLICT DO NOTHING RETURNING {_COLUMNS}""")
    for side in _SIDES
}
_REKEY = text("UPDATE link SET natural_digest = :natural, updated_at = app_now() WHERE id = :id")


def claim_link(conn: Connection, *, kind: str, natural_key: str, system: str, id: str, pairing: str = PAIRING) -> Link | Taken:
    """Before looking for a record's other half: keep everybody else from looking for the same.

    Returns this record's own link where it has one already (an attempt that was interrupted left ``claimed``), a new claimed
    one, or Taken when the natural key is held by a link of another record. Only a digest of the key is stored."""
    natural = digest(natural_key.encode())
    key = {"pairing": pairing, "kind": str(kind), "natural": natural}
    created = _one(conn, _INSERT[system], id=id, **key)
    if created:
        return created
    own = by_record(conn, kind, system, id, pairing=pairing)
    holder = _one(conn, _HOLDER, **key)
    if own is None or own.state == "tombstone":
        if holder is None:  # the holder went away between the two statements
            return claim_link(conn, kind=kind, natural_key=natural_key, system=system, id=id, pairing=pairing)
        return Taken(holder)
    if own.state == "claimed" and holder is None:  # its name or address changed since the first attempt
        conn.execute(_REKEY, {"natural": natural, "id": own.id})
    elif own.state == "claimed" and holder is not None and holder.id != own.id:
        return Taken(holder)
    return own


_CLAIM_MANY = {
    side: text(f"""
    INSERT INTO link (pairing, kind, {side}_id, state, natural_digest)
    SELECT :pairing, :kind, r.id, 'claimed', r.key FROM unnest(CAST(:ids AS text[]), CAST(:naturals AS bytea[])) AS r (id, key)
    ORDER BY r.id
    ON CONFLICT DO NOTHING RETURNING {_COLUMNS}""")
    for side in _SIDES
}


def claim_links(
    conn: Connection, *, kind: str, natural_keys: Mapping[str, str], system: str, pairing: str = PAIRING
) -> dict[str, Link | Taken]:
    """``claim_link`` for many, by the record's id: one statement for those that are new."""
    naturals = [digest(key.encode()) for key in natural_keys.values()]
    parameters = {"pairing": pairing, "kind": str(kind), "ids": list(natural_keys), "naturals": naturals}
    found: dict[str, Link | Taken] = {}
    for row in conn.execute(_CLAIM_MANY[system], parameters):
        link = Link(**row._asdict())
        found[link.side(system) or ""] = link
    for id, natural_key in natural_keys.items():
        if id not in found:
            found[id] = claim_link(conn, kind=kind, natural_key=natural_key, system=system, id=id, pairing=pairing)
    return found


def rekey(conn: Connection, link_id: int, natural_key: str) -> bool:
    """The record's name or address changed: free the old natural key for others. False when another link holds the new one."""
    try:
        with conn.begin_nested():
            conn.execute(_REKEY, {"natural": digest(natural_key.encode()), "id": link_id})
    except IntegrityError:
        return False
    return True


_FREE_KEYS = text("UPDATE link SET natural_digest = NULL, updated_at = app_now() WHERE id = ANY(CAST(:ids AS bigint[]))")


def free_keys(conn: Connection, link_ids: Sequence[int]) -> None:
    """These pairs are known by their ids alone from now on; another record may be called the same."""
    if link_ids:
        conn.execute(_FREE_KEYS, {"ids": list(link_ids)})


_BIND = {
    side: text(f"""
    UPDATE link SET {side}_id = :id, state = :state, facts = facts || CAST(:facts AS jsonb), updated_at = app_now()
    WHERE id = :link_id RETURNING {_COLUMNS}""")
    for side in _SIDES
}


def bind(conn: Connection, link_id: int, *, system: str, id: str, state: str = "live", facts: Mapping[str, Any] | None = None) -> Link:
    """The other half is known. Raises AlreadyLinked when it is the half of another link; the transaction stays usable."""
    try:
        with conn.begin_nested():
            bound = _one(conn, _BIND[system], link_id=link_id, id=id, state=state, facts=canonical(dict(facts or {})).decode())
    except IntegrityError as err:
        link = by_id(conn, link_id)
        other = by_record(conn, link.kind, system, id, pairing=link.pairing) if link else None
        if other is None or other.id == link_id:
            raise
        raise AlreadyLinked(other) from err
    return _must(bound, link_id)


_BIND_MANY = {
    side: text(f"""
    UPDATE link SET {side}_id = r.id, state = :state, facts = facts || CAST(:facts AS jsonb), updated_at = app_now()
    FROM unnest(CAST(:link_ids AS bigint[]), CAST(:ids AS text[])) AS r (link_id, id) WHERE link.id = r.link_id""")
    for side in _SIDES
}


def bind_many(conn: Connection, ids: Mapping[int, str], *, system: str, state: str, facts: Mapping[str, Any] | None = None) -> None:
    """``bind`` for many, by link: in one statement, unless one of them is refused. Raises AlreadyLinked as ``bind`` does."""
    parameters = {"link_ids": list(ids), "ids": list(ids.values()), "state": state, "facts": canonical(dict(facts or {})).decode()}
    try:
        with conn.begin_nested():
            conn.execute(_BIND_MANY[system], parameters)
    except IntegrityError:
        for link_id, id in ids.items():  # tells which, and of which link it is the half
            bind(conn, link_id, system=system, id=id, state=state, facts=facts)


_SET_STATES = text("UPDATE link SET state = :state, updated_at = app_now() WHERE id = ANY(CAST(:ids AS bigint[]))")


def set_states(conn: Connection, link_ids: Sequence[int], state: str) -> None:
    if link_ids:
        conn.execute(_SET_STATES, {"ids": list(link_ids), "state": state})


_SET_STATE = text(f"UPDATE link SET state = :state, updated_at = app_now() WHERE id = :id RETURNING {_COLUMNS}")


def set_state(conn: Connection, link_id: int, state: str) -> Link:
    return _must(_one(conn, _SET_STATE, id=link_id, state=state), link_id)


_REOPEN = text(f"""
    UPDATE link SET state = 'live', generation = generation + 1, natural_digest = NULL, updated_at = app_now()
    WHERE id = :id AND state = 'tombstone' RETURNING {_COLUMNS}""")


def reopen(conn: Connection, link_id: int) -> Link:
    """A record that had ended is active again (rehire, new registration): the next generation of the same link."""
    return _must(_one(conn, _REOPEN, id=link_id) or by_id(conn, link_id), link_id)


_RELEASE = text("DELETE FROM link WHERE id = :id AND state = 'claimed'")


def release_claim(conn: Connection, link_id: int) -> None:
    """Nothing was found or created: give the natural key back."""
    conn.execute(_RELEASE, {"id": link_id})


_SCAN = text(f"""
    SELECT {_COLUMNS} FROM link WHERE kind = :kind AND state = :state AND id > :after_id AND pairing = :pairing ORDER BY id LIMIT :limit""")


def scan(conn: Connection, kind: str, state: str = "live", after_id: int = 0, limit: int = 1000, *, pairing: str = PAIRING) -> list[Link]:
    """One page of a kind, by id."""
    parameters = {"kind": str(kind), "state": state, "after_id": after_id, "limit": limit, "pairing": pairing}
    return [Link(**row._asdict()) for row in conn.execute(_SCAN, parameters)]


_OLDEST_UNHEARD = text("""
    SELECT min(o.at) FROM link l
    CROSS JOIN LATERAL (
        SELECT id, at FROM operation WHERE subject = l.kind || ':cornerstone:' || l.cornerstone_id AND action = 'created'
        ORDER BY number DESC LIMIT 1) o
    LEFT JOIN LATERAL (SELECT outcome FROM operation_outcome WHERE operation_id = o.id ORDER BY number DESC LIMIT 1) last ON true
    WHERE l.kind = :kind AND l.state = 'claimed' AND l.pairing = :pairing AND coalesce(last.outcome, 'unknown') = 'unknown'""")


def oldest_unheard(conn: Connection, kind: str, *, pairing: str = PAIRING) -> datetime | None:
    """Since when the other half of a claimed link may be there without our knowing."""
    return conn.execute(_OLDEST_UNHEARD, {"kind": str(kind), "pairing": pairing}).scalar_one()


_COUNT = text("SELECT kind, count(*) FROM link WHERE state = :state AND pairing = :pairing GROUP BY kind")


def count_by_kind(conn: Connection, state: str = "live", *, pairing: str = PAIRING) -> dict[str, int]:
    return {row[0]: row[1] for row in conn.execute(_COUNT, {"state": state, "pairing": pairing})}


_SET_FACTS = text("UPDATE link SET facts = facts || CAST(:facts AS jsonb), updated_at = app_now() WHERE id = :id")


def set_facts(conn: Connection, link_id: int, facts: Mapping[str, Any]) -> None:
    """Add to or replace among the link's facts; what is not named stays."""
    conn.execute(_SET_FACTS, {"id": link_id, "facts": canonical(dict(facts)).decode()})


def _one(conn: Connection, statement: Any, **parameters: Any) -> Link | None:
    row = conn.execute(statement, parameters).one_or_none()
    return Link(**row._asdict()) if row else None


def _must(link: Link | None, link_id: int) -> Link:
    if link is None:
        raise LookupError(f"there is no link:{link_id}")
    return link


_DELETE = text("DELETE FROM link WHERE id = :id")


def forget(conn: Connection, link_id: int) -> None:
    """A person ended the pair as a mistake: the two records never belonged together. Its images go with it."""
    conn.execute(_DELETE, {"id": link_id})


_ABANDON = text("""
    DELETE FROM work WHERE subject = :subject AND (owner IS NULL OR lease_until <= app_now()) RETURNING up_to_event""")
_IN_WORK = text("SELECT up_to_event FROM work WHERE subject = :subject FOR UPDATE")


def abandon_work(conn: Connection, link_id: int) -> int | None:
    """Drop the link's unit of work; the number up to which deliveries were about it, 0 without any. None: a worker holds it now."""
    subject = f"link:{link_id}"
    if conn.execute(_IN_WORK, {"subject": subject}).one_or_none() is None:
        return 0
    return conn.execute(_ABANDON, {"subject": subject}).scalar_one_or_none()


_LIST = text(f"""
    SELECT {_COLUMNS} FROM link WHERE (CAST(:kind AS text) IS NULL OR kind = :kind) AND (CAST(:state AS text) IS NULL OR state = :state)
      AND pairing = :pairing ORDER BY id DESC LIMIT :limit""")


def newest(conn: Connection, *, kind: str | None, state: str | None, limit: int = 100, pairing: str = PAIRING) -> list[Link]:
    """For people: the newest links of a kind in a state, either left open."""
    rows = conn.execute(_LIST, {"kind": kind, "state": state, "limit": limit, "pairing": pairing})
    return [Link(**row._asdict()) for row in rows]


_SET_ASIDE = text(f"""
    SELECT {_COLUMNS} FROM link WHERE facts ->> 'set_aside' IS NOT NULL ORDER BY updated_at, id LIMIT :limit""")


def with_fact_set_aside(conn: Connection, limit: int) -> list[Link]:
    """Places on rosters that wait for a person, the longest first."""
    return [Link(**row._asdict()) for row in conn.execute(_SET_ASIDE, {"limit": limit})]
