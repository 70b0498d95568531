"""A pair of person records, as a pure model of owner, peer and our memory around ``plan_change``.

Correlated states: one record, perturbed on both sides. The peer keeps values in a form of its own (cut, lower case, other
blanks), may refuse a field until its value changes, and a pass may crash before or after its write.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from csod_pipelines.model.keys import Kind, RecordKey, SystemName
from csod_pipelines.model.records import Person, Record
from csod_pipelines.sync.images import image_of
from csod_pipelines.sync.plan import MAPPED, plan_change, same
from csod_pipelines.sync.translate import Terms, to_peer

OWNER, PEER = SystemName.CORNERSTONE, SystemName.ADMINISTRATE
FIELDS = MAPPED[Kind.PERSON]
UNITS = ("1", "2", "3")
REFS = {RecordKey(Kind.ORG_UNIT, OWNER, id): f"acc-{id}" for id in UNITS}
VALUES: Mapping[str, tuple[Any, ...]] = {
    "first_name": ("Ada", " Ada  B ", "José", "Jose\u0301", "A" * 250, "Ω\u0007mega"),
    "last_name": ("Byron", "byron", "Müller ", "Ng", "O'Neill"),
    "email": ("a@example.org", "A@Example.org ", "b@example.org", None, "x" * 140 + "@example.org"),
    "mobile": (None, "+49 1", "0" * 40, "+49  1"),
    "org_unit_id": UNITS,
    "active": (True, False),
}
#: Forms in which a vendor may keep what it was sent.
FORMS: tuple[Callable[[str], str], ...] = (lambda s: s, str.strip, str.lower, lambda s: s[:20], lambda s: s + " ")
WAYS = ("event", "reconciliation", "crash before the effect", "crash after the effect")


def person(side: SystemName, **values: Any) -> Record:
    return Record(key=RecordKey(Kind.PERSON, side, "1"), value=Person(**values))


def drawn(dice: random.Random) -> dict[str, Any]:
    return {name: dice.choice(choices) for name, choices in VALUES.items()}


@dataclass(slots=True)
class Pair:
    owner: Record
    peer: Record
    form: Callable[[str], str]
    unloved: frozenset[tuple[str, Any]] = frozenset()  # fields with values that the peer refuses
    owner_base: dict[str, Any] | None = None
    peer_base: dict[str, Any] | None = None
    refused: dict[str, str] = field(default_factory=dict)
    sent: list[frozenset[str]] = field(default_factory=list)
    story: list[str] = field(default_factory=list)

    @property
    def desired(self) -> Person:
        value = to_peer(self.owner, Terms(refs=REFS))
        assert isinstance(value, Person)
        return value

    def plan(self, *, restore: bool):
        return plan_change(
            owner=self.owner,
            owner_base=self.owner_base,
            peer=self.peer,
            peer_base=self.peer_base,
            desired=self.desired,
            restore=restore,
            refused=self.refused,
        )

    def sync(self, way: str) -> bool:
        """One pass; True when something was sent."""
        change = self.plan(restore=way == "reconciliation")
        self.story.append(f"{way}: {sorted(change.fields)}")
        if not change.fields:
            self._agree(keep=change.open)
            return False
        if way == "crash before the effect":
            return False
        self.sent.append(change.fields)
        bad = {name for name in change.fields if (name, getattr(self.desired, name)) in self.unloved}
        good = change.fields - bad
        self.peer = self.peer.with_value(**{name: self._kept(getattr(self.desired, name)) for name in good})
        if way == "crash after the effect":
            return True
        self.refused |= {name: change.digests[name] for name in bad}
        self._agree(keep=frozenset(bad) | change.open)
        return True

    def _kept(self, value: Any) -> Any:
        return self.form(value) if isinstance(value, str) and not value.startswith("acc-") else value

    def _agree(self, *, keep: frozenset[str]) -> None:
        """As engine/change.py records it: both images become the bases, but for the fields in ``keep``."""
        bases = []
        for record, old in ((self.owner, self.owner_base), (self.peer, self.peer_base)):
            base: dict[str, Any] = dict(image_of(record))
            base.update({name: (old or {}).get(name) for name in keep})
            bases.append(base)
        self.owner_base, self.peer_base = bases
        self.refused = {name: digest for name, digest in self.refused.items() if name in keep}

    def edit(self, side: SystemName, name: str, value: Any) -> None:
        self.story.append(f"{side} {name}={value!r:.20}")
        if side is OWNER:
            self.owner = self.owner.with_value(**{name: value})
        else:
            self.peer = self.peer.with_value(**{name: f"acc-{value}" if name == "org_unit_id" else value})


def check(dice: random.Random) -> Pair:
    """One random history. AssertionError tells the story."""
    values = drawn(dice)
    owner = person(OWNER, **values)
    pair = Pair(owner=owner, peer=person(PEER, **values), form=dice.choice(FORMS))
    pair.peer = replace(owner, key=RecordKey(Kind.PERSON, PEER, "1"), value=pair.desired)
    if dice.random() < 0.3:
        name = dice.choice(sorted(FIELDS - {"active", "org_unit_id"}))
        refused = replace(pair.owner, value=replace(pair.owner.value, **{name: dice.choice(VALUES[name])}))  # pyright: ignore[reportCallIssue]
        pair.unloved = frozenset({(name, getattr(to_peer(refused, Terms(refs=REFS)), name))})
    pair._agree(keep=frozenset())
    _echo_is_silent(pair)
    for _ in range(dice.randrange(1, 7)):
        if dice.random() < 0.5:
            name = dice.choice(sorted(FIELDS))
            pair.edit(dice.choice((OWNER, PEER)), name, dice.choice(VALUES[name]))
        else:
            pair.sync(dice.choice(WAYS))
    _settle(pair)
    return pair


def _echo_is_silent(pair: Pair) -> None:
    for restore in (False, True):
        assert not pair.plan(restore=restore).fields, f"nobody edited, and something is sent: {pair.story}"


def _settle(pair: Pair) -> None:
    before, peer_touched_alone = pair.owner, pair.peer
    rounds = 0
    while pair.sync("reconciliation"):
        rounds += 1
        assert rounds <= 3, f"still sending after {rounds} quiet rounds: {pair.story}"
    assert pair.owner == before, f"the owner's side was written: {pair.story}"
    assert pair.peer.key == peer_touched_alone.key
    for name in FIELDS - set(pair.refused):
        held = replace(pair.peer.value)
        kept = replace(pair.desired, **{name: pair._kept(getattr(pair.desired, name))})
        assert same(name, pair.desired, held) or same(name, kept, held), f"{name} does not say what its owner says: {pair.story}"
    for name in pair.refused:
        assert (name, getattr(pair.desired, name)) in pair.unloved, f"{name} is held back although nothing refused it: {pair.story}"
    sent = len(pair.sent)
    for way in ("reconciliation", "event"):
        pair.sync(way)
    assert len(pair.sent) == sent, f"applying twice writes again: {pair.story}"
