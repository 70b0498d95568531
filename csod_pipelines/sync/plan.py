"""Which fields of a linked pair must be written, and where.

Only the owner's changes travel. A field is a candidate when the owner's image differs from the owner's own base, or,
when restoring (reconciliation), when the peer's image differs from the peer's own base. A candidate is written only
if what the peer should hold differs from what it holds. So an echo, and a pair that differs by normalisation alone,
write nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import orjson

from csod_pipelines.model.keys import Kind
from csod_pipelines.model.records import (
    Offering,
    OfferingState,
    OrgUnit,
    Part,
    Person,
    Record,
    Value,
)
from csod_pipelines.sync import normalise as n
from csod_pipelines.sync.images import Image, changed, image_of

#: Fields that travel, by kind. A course travels at its creation only: Cornerstone has no call to change an event.
MAPPED: Mapping[Kind, frozenset[str]] = {
    Kind.ORG_UNIT: frozenset({"name", "parent_id", "active"}),
    Kind.PERSON: frozenset({"first_name", "last_name", "email", "mobile", "org_unit_id", "active"}),
    Kind.LOCATION: frozenset({"name", "time_zone"}),
    Kind.SUBJECT: frozenset({"path"}),
    Kind.PROVIDER: frozenset({"name"}),
    Kind.COURSE: frozenset({"title", "description", "subjects", "provider"}),
    Kind.OFFERING: frozenset({"min_places", "max_places", "parts", "state"}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """``fields`` to write on the peer; ``refused`` are candidates that the vendor refused with the same inputs before.

    ``left``: the peer was edited there without the right to, and this is no reconciliation. Its base must stay, or nobody
    would ever see the edit again."""

    fields: frozenset[str]
    refused: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()
    digests: Mapping[str, str]

    @property
    def open(self) -> frozenset[str]:
        """Fields that are not in step after this change, so that their old bases must be kept."""
        return self.refused | self.left


def plan_change(
    *,
    owner: Record,
    owner_base: Image | None,
    peer: Record,
    peer_base: Image | None,
    desired: Value,
    restore: bool,
    refused: Mapping[str, str],
) -> Change:
    mapped = MAPPED[owner.key.kind]
    candidates = changed(image_of(owner), owner_base) & mapped
    edited = changed(image_of(peer), peer_base) & mapped
    if "max_places" in candidates:
        candidates |= {"min_places"} & mapped  # it went down with the seats while they were fewer than it
    if restore:
        candidates |= edited | (frozenset(refused) & mapped)
    differing = frozenset(f for f in candidates | edited if not same(f, desired, peer.value))
    digests = {f: input_digest(getattr(desired, f)) for f in differing & candidates}
    again = frozenset(f for f in digests if refused.get(f) == digests[f])
    return Change(fields=(differing & candidates) - again, refused=again, left=differing - candidates, digests=digests)


def input_digest(value: Any) -> str:
    return hashlib.sha256(orjson.dumps(value, default=str, option=orjson.OPT_SORT_KEYS)).hexdigest()


def same(field: str, desired: Value, held: Value) -> bool:
    """Whether the peer already holds what it should, by the field's own rule of comparison."""
    rule = _RULES.get((type(desired), field))
    if rule is not None:
        return rule(desired, held)
    wanted, there = getattr(desired, field), getattr(held, field)
    if isinstance(wanted, str) or isinstance(there, str):
        return n.text(wanted) == n.text(there)
    return wanted == there


def edited_since(sent: Value, held: Value) -> frozenset[str]:
    """Fields of a person or org unit just created that hold something else than what was sent, and than what a vendor makes of
    it when it trims, cuts or re-cases: somebody edited them at once. Other kinds come back with more fields than were sent."""
    if not isinstance(sent, Person | OrgUnit):
        return frozenset()
    return frozenset(f.name for f in fields(sent) if not _stored_as(getattr(sent, f.name), getattr(held, f.name)))


def _stored_as(sent: Any, held: Any) -> bool:
    if isinstance(held, str):
        return bool(held) and n.folded(sent).startswith(n.folded(held))
    return bool(sent == held)


def _same_parts(desired: Value, held: Value) -> bool:
    assert isinstance(desired, Offering) and isinstance(held, Offering)

    def shape(parts: tuple[Part, ...]) -> list[tuple[Any, ...]]:
        return sorted((p.start, p.end, p.title.casefold(), p.location_id or "") for p in parts)

    if shape(desired.parts) != shape(held.parts):
        return False
    teaching = {(p.start, p.title.casefold()): set(p.instructor_ids) for p in held.parts}
    return all(set(p.instructor_ids) <= teaching[p.start, p.title.casefold()] for p in desired.parts)


def _same_state(desired: Value, held: Value) -> bool:
    """A session has no state of its own: one that takes nobody any more is what a cancelled event looks like there."""
    assert isinstance(desired, Offering) and isinstance(held, Offering)
    return desired.state is not OfferingState.CANCELLED or held.max_places == 0


def _same_places(desired: Value, held: Value) -> bool:
    assert isinstance(desired, Offering) and isinstance(held, Offering)
    if desired.state is OfferingState.CANCELLED or desired.max_places is None:
        return True
    return desired.max_places == held.max_places


def _same_minimum(desired: Value, held: Value) -> bool:
    assert isinstance(desired, Offering) and isinstance(held, Offering)
    if desired.state is OfferingState.CANCELLED:
        return True  # its minimum went down with its seats
    if desired.min_places is None or desired.max_places is None:
        return desired.min_places in (None, held.min_places)
    return min(desired.min_places, desired.max_places) == held.min_places


def _same_email(desired: Value, held: Value) -> bool:
    assert isinstance(desired, Person) and isinstance(held, Person)
    return n.email(desired.email) == n.email(held.email)


_RULES: Mapping[tuple[type, str], Callable[[Value, Value], bool]] = {
    (Offering, "parts"): _same_parts,
    (Offering, "state"): _same_state,
    (Offering, "max_places"): _same_places,
    (Offering, "min_places"): _same_minimum,
    (Person, "email"): _same_email,
}


def part_pairs(own: tuple[Part, ...], peer: tuple[Part, ...], known: Mapping[str, str]) -> dict[str, str]:
    """Own part id -> peer part id: known pairs that still exist, then by start and title, then by start alone."""
    alive = {p.id for p in peer}
    pairs = {a: c for a, c in known.items() if c in alive and any(p.id == a for p in own)}
    taken = set(pairs.values())
    names = n.part_names([p.title for p in own])
    for exact in (True, False):
        for part, name in zip(own, names, strict=True):
            if part.id is None or part.id in pairs:
                continue
            for other in peer:
                fits = other.start == part.start and (not exact or other.title.casefold() == name.casefold())
                if other.id and other.id not in taken and fits:
                    pairs[part.id] = other.id
                    taken.add(other.id)
                    break
    return pairs
