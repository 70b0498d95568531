"""Changes of many pairs in one request each fifty: what the daily comparison finds is mostly a name, an account, a parent.

Such a change is *plain*: the pair lives, and one update in Administrate brings it in step. The lists only say which pairs to look
at: they may be a quarter of an hour old, and what was written meanwhile would be undone. So both records are read again under the
unit's lease. Whatever is less plain, or does not go as it should, is worked by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

from csod_pipelines.engine.change import intent_of, value_over
from csod_pipelines.engine.context import Context, Later, Parked, Step, WouldApply
from csod_pipelines.engine.errors import BrakeOn, FlowStopped
from csod_pipelines.engine.guard import LEASE_SECONDS
from csod_pipelines.engine.operations import Intent, Operation, operations, step_of
from csod_pipelines.engine.refs import peers_of
from csod_pipelines.engine.units import give_back, work_one
from csod_pipelines.model.keys import Kind, RecordKey, SystemName
from csod_pipelines.model.outcomes import OperationOutcome
from csod_pipelines.model.readings import Present, Reading
from csod_pipelines.model.records import Person, Record, Value
from csod_pipelines.store import images, ledger, links, work
from csod_pipelines.store.images import Image, ImageRow
from csod_pipelines.store.links import Link
from csod_pipelines.store.work import Claim, Fenced, Mark
from csod_pipelines.sync.directions import flow_of
from csod_pipelines.sync.images import changed, image_of
from csod_pipelines.sync.plan import plan_change
from csod_pipelines.sync.translate import Terms, natural_key, references, to_peer
from csod_pipelines.systems.base import Refusal, Written, offers
from csod_pipelines.systems.errors import LeaseLost, Refused, Transient, VendorError

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
KINDS = (Kind.ORG_UNIT, Kind.PERSON)
BATCH_RECORDS = 50

Bases = Mapping[str, Image]
ChangeRow = tuple[str, Value, frozenset[str]]


class TakesChanges(Protocol):
    """A system that changes many records of a kind in one request."""

    def update_many(self, kind: Kind, rows: Sequence[ChangeRow]) -> tuple[Written | Refusal, ...]:
        """As ``update``, a row each; one answer a row, in order."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainChange:
    link: Link
    owner: Record
    peer: Record
    desired: Value
    fields: frozenset[str]
    bases: Bases

    @property
    def subject(self) -> str:
        return f"link:{self.link.id}"

    def intent(self, ctx: Context) -> Intent:
        return intent_of(ctx, self.subject, self.link, self.owner, "updated", self.desired, self.fields, before=self.peer.value)

    def step(self, ctx: Context) -> Step:
        return step_of(self.intent(ctx))


def plain_changes(
    ctx: Context, kind: Kind, pairs: Sequence[Link], shown: Mapping[RecordKey, Reading], bases: Mapping[int, Bases]
) -> dict[int, PlainChange]:
    """Those of the pairs that one update in Administrate brings in step, by link."""
    if kind not in KINDS or not offers(ctx.systems[A], TakesChanges) or (kind is Kind.PERSON and ctx.options.write_back):
        return {}
    both = {link.id: (_record(shown, kind, C, link), _record(shown, kind, A, link)) for link in pairs}
    with ctx.database.read() as conn:
        refs = peers_of(conn, [ref.key for owner, _ in both.values() if owner is not None for ref in references(owner)])
    found: dict[int, PlainChange] = {}
    for link in pairs:
        owner, peer = both[link.id]
        if owner is not None and peer is not None and (change := _plain(ctx, link, owner, peer, refs, bases.get(link.id, {}))) is not None:
            found[link.id] = change
    return found


def _record(shown: Mapping[RecordKey, Reading], kind: Kind, system: SystemName, link: Link) -> Record | None:
    reading = shown.get(RecordKey(kind, system, link.side(system) or ""))
    return reading.record if isinstance(reading, Present) else None


def _plain(ctx: Context, link: Link, owner: Record, peer: Record, refs: Mapping[RecordKey, str], bases: Bases) -> PlainChange | None:
    if link.facts.get("outside") or ctx.filters.why_outside(owner) is not None:
        return None
    if any(ref.required and ref.key not in refs for ref in references(owner)):
        return None
    own, other = bases.get(C.value), bases.get(A.value)
    if own is None or other is None or own.base is None or other.base is None or own.refused or other.refused:
        return None
    desired = to_peer(owner, Terms(refs=refs, provider=ctx.options.provider))
    change = plan_change(owner=owner, owner_base=own.base, peer=peer, peer_base=other.base, desired=desired, restore=True, refused={})
    if not change.fields or change.open:
        return None
    return PlainChange(link=link, owner=owner, peer=peer, desired=desired, fields=change.fields, bases=bases)


def make_changes(ctx: Context, kind: Kind, changes: Sequence[PlainChange]) -> None:
    """Write them, fifty to a request."""
    for start in range(0, len(changes), BATCH_RECORDS):
        _make_batch(ctx, kind, changes[start : start + BATCH_RECORDS])


def _make_batch(ctx: Context, kind: Kind, changes: Sequence[PlainChange]) -> None:
    before = ctx.clock.monotonic()
    with ctx.database.begin() as conn:
        work.mark(conn, [Mark(subject=change.subject, flow=flow_of(kind)) for change in changes])
        units = [change.subject for change in changes]
        claims = {c.subject: c for c in work.claim_units(conn, units, owner=ctx.guard.owner, lease_seconds=LEASE_SECONDS)}
        now = images.load_many(conn, [change.link.id for change in changes])
    for subject in claims:
        ctx.guard.keep(subject, since=before)
    left = dict(claims)
    try:
        pairs = [change.link for change in changes if change.subject in claims and _is_new(claims[change.subject])]
        plain = list(plain_changes(ctx, kind, pairs, _read_again(ctx, kind, pairs), now).values())
        for subject in _written(ctx, kind, plain, claims) if plain else ():
            del left[subject]
            ctx.guard.drop(subject)
        while left:
            work_one(ctx, left.pop(next(iter(left))))
    except (BrakeOn, FlowStopped) as err:
        for claim in left.values():
            give_back(ctx, claim, err)
        raise
    finally:
        for subject in claims:
            ctx.guard.drop(subject)


def _is_new(claim: Claim) -> bool:
    """Nothing was waiting for this unit, and nobody began to work it."""
    return claim.version == 1 and not claim.taken_over and not claim.attempts


def _read_again(ctx: Context, kind: Kind, pairs: Sequence[Link]) -> dict[RecordKey, Reading]:
    found: dict[RecordKey, Reading] = {}
    try:
        for system in (C, A):
            ids = [id for pair in pairs if (id := pair.side(system.value))]
            found |= {RecordKey(kind, system, id): reading for id, reading in ctx.systems[system].read_many(kind, ids).items()}
    except VendorError:
        return {}  # each is read by itself, and told what became of it
    return found


def _written(ctx: Context, kind: Kind, plain: Sequence[PlainChange], claims: Mapping[str, Claim]) -> set[str]:
    """The subjects that are done with. What was refused, or lost on the way, is not among them."""
    target = ctx.systems[A]
    assert offers(target, TakesChanges)
    subjects = [change.subject for change in plain]
    rows = [(change.peer.id, value_over(change.peer.value, change.desired, change.fields), change.fields) for change in plain]
    try:
        for subject in subjects:
            ctx.guard.hold(subject)
        with operations(ctx, [change.intent(ctx) for change in plain]) as opened:
            answers = target.update_many(kind, rows)
            with ctx.database.begin() as conn:
                done = _recorded(conn, plain, opened, answers)
        with ctx.database.begin() as conn:
            work.finish_many(conn, [claims[subject] for subject in done])
    except WouldApply as would:
        with ctx.database.begin() as conn:
            work.finish_many(conn, [claims[subject] for subject in subjects])
        ctx.totals.dispositions[would.end.disposition] += len(plain)
        return set(subjects)
    except (Later, Parked, Refused, Transient, LeaseLost, Fenced):
        return set()  # each is looked at by itself, and told what became of it
    ctx.totals.dispositions["applied"] += len(done)
    return done


def _recorded(
    conn: Connection, plain: Sequence[PlainChange], opened: Sequence[Operation], answers: Sequence[Written | Refusal]
) -> set[str]:
    done: set[str] = set()
    rows: list[ImageRow] = []
    ends: list[ledger.Closing] = []
    for change, op, answer in zip(plain, opened, answers, strict=True):
        if isinstance(answer, Refusal):
            message = answer.message
            ends.append(op.ending(OperationOutcome.FAILURE, "refused_by_vendor", params={"message": message}, detail=message))
            continue
        assert answer.record is not None, "a change in a batch is answered with the record"
        rows += _agreed(change, answer.record)
        ends.append(op.ending(OperationOutcome.SUCCESS, "updated", params={"fields": sorted(change.fields)}))
        done.add(change.subject)
        if isinstance(change.owner.value, Person) and change.fields & {"first_name", "last_name", "email"}:
            links.rekey(conn, change.link.id, natural_key(change.owner))  # an address that was given up may be another's tomorrow
    images.save_many(conn, rows)
    ledger.close_all(conn, ends)
    return done


def _agreed(change: PlainChange, fresh: Record) -> list[ImageRow]:
    """Both images are bases from now on, but for what somebody edited in Administrate since it was listed: the next comparison
    shall see it."""
    own, image = image_of(change.owner), image_of(fresh)
    meanwhile = changed(image, image_of(change.peer)) - change.fields
    before = change.bases[A.value].base or {}
    base = {**image, **{name: before.get(name) for name in meanwhile}}
    return [
        ImageRow(change.link.id, C, seen=own, base=own, refused={}),
        ImageRow(change.link.id, A, seen=image, base=base, refused={}),
    ]
