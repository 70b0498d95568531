"""Names of units of work, as people give them and as people read them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection, text

from csod_pipelines.engine.context import words
from csod_pipelines.engine.tell import possible_ids
from csod_pipelines.model.keys import Kind, RecordKey, SystemName
from csod_pipelines.store import links

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE

_NAMES = text("SELECT name FROM subject_names(ARRAY[:subject]) AS name")


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a unit of work is about. ``words``: for people. ``roster``: everybody of one offering."""

    kind: Kind
    words: str
    ids: Mapping[SystemName, str] = field(default_factory=dict)
    roster: bool = False

    def meant_by(self, id: str) -> bool:
        """Whether a person who gives this id, number or pasted link means this unit."""
        given = set(possible_ids(self.kind, id))
        return bool(given & set(self.ids.values())) or bool({g.lower() for g in given} & set(self.ids.values()))


def names_of(conn: Connection, subject: str) -> set[str]:
    """Every name under which the unit may be known: its link, and the record keys of both ends."""
    return set(conn.execute(_NAMES, {"subject": subject}).scalars())


def describe(conn: Connection, subject: str) -> About:
    if subject.startswith("link:"):
        link = links.by_id(conn, int(subject.removeprefix("link:")))
        if link is None:
            return About(kind=Kind.PERSON, words=f"a pair that is no longer there ({subject})")
        return _pair(Kind(link.kind), link.administrate_id, link.cornerstone_id)
    kind_word, system, id = subject.split(":", 2)
    roster = kind_word == "roster"
    if kind_word == "part":
        return About(kind=Kind.OFFERING, words=f"{system.capitalize()} session {id}", ids={SystemName(system): id})
    key = RecordKey(Kind.OFFERING if roster else Kind(kind_word), SystemName(system), id)
    link = links.by_record(conn, key.kind, key.system, key.id)
    about = _pair(key.kind, link.administrate_id, link.cornerstone_id) if link is not None else None
    if about is None:
        about = About(kind=key.kind, words=f"{words(key.kind, key.system)} {id}", ids={key.system: id})
    return About(kind=about.kind, words=f"roster of {about.words}", ids=about.ids, roster=True) if roster else about


def _pair(kind: Kind, administrate_id: str | None, cornerstone_id: str | None) -> About:
    ids = {system: id for system, id in ((A, administrate_id), (C, cornerstone_id)) if id}
    said = " / ".join(f"{words(kind, system)} {id}" for system, id in ids.items())
    return About(kind=kind, words=said, ids=ids)
