"""What a reconciliation would write: both sides listed whole and staged, and PostgreSQL tells what is not as it was agreed upon.

Only those records stay in memory; the others end in the database without a plan of their own. Nothing is written to either
vendor, and to our tables nothing but what is staged, which is removed again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from csod_pipelines.engine.brakes import refuse_empty_side
from csod_pipelines.engine.bulk_changes import PlainChange, plain_changes
from csod_pipelines.engine.context import Context, End, Later, Parked, Step, WaitsFor, WouldApply, id_on
from csod_pipelines.engine.pair import handle_pair
from csod_pipelines.engine.roster import handle_roster
from csod_pipelines.engine.scope import why_not_created
from csod_pipelines.engine.to_dos import CANCEL, DONE
from csod_pipelines.model.keys import Flow, Kind, RecordKey, SystemName, roster_subject
from csod_pipelines.model.outcomes import Disposition
from csod_pipelines.model.readings import Present
from csod_pipelines.model.records import Offering, OrgUnit, Record
from csod_pipelines.store import comparing, images, ledger, links, staging, work
from csod_pipelines.store.links import Link
from csod_pipelines.store.staging import StagedRow
from csod_pipelines.sync.directions import DIRECTIONS, flow_of
from csod_pipelines.sync.images import changed, image_of
from csod_pipelines.sync.plan import MAPPED
from csod_pipelines.systems.base import Page
from csod_pipelines.systems.errors import Permanent, Unauthorized

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
MOST_PARKED = 10_000
CHUNK_RECORDS = 5_000  # staged and compared at once
PLANNED_TOGETHER = 500

#: Sides that can be listed whole, by kind. The other side of a course or an offering is read record by record.
SCANNED: dict[Kind, tuple[SystemName, ...]] = {
    Kind.ORG_UNIT: (A, C),
    Kind.PERSON: (A, C),
    Kind.LOCATION: (A, C),
    Kind.SUBJECT: (A, C),
    Kind.PROVIDER: (A, C),
    Kind.COURSE: (A,),
    Kind.OFFERING: (A,),
}
#: Unlinked records that a comparison may create. Contacts and accounts are provisioned when they are new, which events
#: and feeds tell; those that were there before the baseline are left to their owners.
CREATES_FROM: dict[Kind, SystemName] = {
    Kind.ORG_UNIT: C,
    Kind.PERSON: C,
    Kind.LOCATION: C,
    Kind.SUBJECT: C,
    Kind.PROVIDER: C,
    Kind.COURSE: A,
    Kind.OFFERING: A,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One unit that would write, and what. No steps: it writes nothing, but is to be parked, or something that stands open to be closed.

    ``plain``: all of it is one change in Administrate, which may go with others. ``level``: how far below its root a unit stands.
    ``unread``: why it could not be compared."""

    subject: str
    steps: tuple[Step, ...]
    plain: PlainChange | None = None
    level: int = 0
    unread: str = ""


def differences(ctx: Context, kind: Kind) -> Iterator[Drift]:
    """Plan one kind over everything."""
    flow = Flow.ORG_UNITS if kind is Kind.ORG_UNIT else flow_of(kind)
    dry = replace(ctx, dry=True, restore=True, steps=[], prefetched={}, flow=flow)
    with ctx.database.read() as conn:
        aside = {parked.subject for parked in work.parked(conn, MOST_PARKED)}  # these wait for a person, who is told elsewhere
    if kind in (Kind.ENROLLMENT, Kind.OUTCOME):
        planned = (_planned(dry, subject, kind) for subject in _roster_subjects(dry) if subject not in aside)
    else:
        planned = _pair_drifts(dry, kind, aside)
    yield from (drift for drift in planned if drift is not None)


def _planned(dry: Context, subject: str, kind: Kind, *, level: int = 0) -> Drift | None:
    dry.steps = []
    try:
        end = _plan_one(dry, subject)
    except Unauthorized:
        raise
    except Permanent as err:  # a session that is gone, an answer that makes no sense: one unit must not end the comparison of all
        dry.totals.done[f"could not be compared: {type(err).__name__}"] += 1
        return Drift(subject=subject, steps=(), level=level, unread=str(err))
    steps = tuple(step for step in dry.steps if kind not in (Kind.ENROLLMENT, Kind.OUTCOME) or step.kind is kind)
    if steps or (end is not None and (end.disposition is Disposition.PARKED or end.reason == DONE)):
        return Drift(subject=subject, steps=steps, level=level)
    return None


def _plan_one(dry: Context, subject: str) -> End | None:
    try:
        if subject.startswith("roster:"):
            end = handle_roster(dry, subject, subject.split(":", 2)[2])
            return End(disposition=Disposition.UNCHANGED, reason=DONE) if end.to_close else end.overall
        return handle_pair(dry, subject, frozenset(), restore=True)
    except Parked as parked:
        return End(disposition=Disposition.PARKED, reason=parked.reason, params=parked.params)
    except (WouldApply, Later, WaitsFor):
        return None  # noted in the steps, or waiting for something: neither is a write of this plan


def _roster_subjects(ctx: Context) -> Iterator[str]:
    yield from (roster_subject(link.administrate_id) for link in _links(ctx, Kind.OFFERING) if link.administrate_id)


def _links(ctx: Context, kind: Kind, state: str = "live") -> Iterator[Link]:
    after = 0
    while True:
        with ctx.database.read() as conn:
            batch = links.scan(conn, kind, state, after_id=after)
        if not batch:
            return
        yield from batch
        after = batch[-1].id


def _pair_drifts(dry: Context, kind: Kind, aside: set[str]) -> Iterator[Drift | None]:
    run = staging.passing(f"compare:{kind}", at=dry.clock.utcnow(), id=dry.ids())
    try:
        fresh = [key for system in SCANNED[kind] for key in _staged(dry, kind, system, run)]
        with dry.database.read() as conn:
            pairs = [pair for pair in comparing.pairs_apart(conn, run, kind) if f"link:{pair.id}" not in aside]
            _count_pairs(dry, kind, comparing.shown(conn, run, kind))
            levels = _levels(dry, kind, run, pairs, fresh)
        pairs.sort(key=lambda pair: levels.get(pair.cornerstone_id or "", 0))
        for start in range(0, len(pairs), PLANNED_TOGETHER):
            yield from _of_pairs(dry, kind, pairs[start : start + PLANNED_TOGETHER], levels)
        for subject in [*_refused_before(dry, kind, run), *_ended_with_to_do(dry, kind)]:
            if subject not in aside:
                yield _planned(dry, subject, kind)
        for key in sorted(fresh, key=lambda key: levels.get(key.id, 0)):
            if str(key) not in aside:
                yield _planned(dry, str(key), kind, level=levels.get(key.id, 0))
    finally:
        with dry.database.begin() as conn:
            staging.clear(conn, run)


def _staged(dry: Context, kind: Kind, system: SystemName, run: str) -> list[RecordKey]:
    """List one side. What is not as it was agreed upon stays at hand; returned are those without a pair that may be created."""
    fresh: list[RecordKey] = []
    alone = len(SCANNED[kind]) == 1  # the other side is read for each pair, so each is planned
    count = 0
    for records in _chunks(dry.systems[system].scan(kind)):
        count += len(records)
        rows = (StagedRow(record.id, image_of(record), parent_id=_parent(record)) for record in records)
        with dry.database.begin() as conn:
            digests = staging.stage_rows(conn, run, kind, system, rows, payloads=False)
            apart = comparing.apart(conn, kind, system, dict(zip((record.id for record in records), digests, strict=True)))
        for record in records:
            linked = apart.get(record.id, True)
            if not linked and system is CREATES_FROM[kind] and _worth_creating(dry, record):
                fresh.append(record.key)
            elif not linked or not (alone or record.id in apart):
                continue
            dry.prefetched[record.key] = Present(record)
    dry.totals.read += count
    dry.totals.counts[f"{kind}_{system}"] += count
    dry.totals.counts[f"{kind}_without_pair"] += len(fresh)
    refuse_empty_side(dry, kind, system, count)
    return fresh


def _chunks(pages: Iterable[Page]) -> Iterator[list[Record]]:
    waiting: list[Record] = []
    for page in pages:
        waiting += page.records
        if len(waiting) >= CHUNK_RECORDS:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def _parent(record: Record) -> str | None:
    return record.value.parent_id if isinstance(record.value, OrgUnit) else None


def _worth_creating(ctx: Context, record: Record) -> bool:
    if record.key.system not in DIRECTIONS[record.key.kind].creates or why_not_created(ctx, record) is not None:
        return False
    if isinstance(record.value, Offering):
        ends = max((part.end for part in record.value.parts), default=None)
        return ends is not None and ends > ctx.systems[record.key.system].now()
    return True


def _refused_before(dry: Context, kind: Kind, run: str) -> Iterator[str]:
    """New records that the other side refused: what they were refused for may have passed."""
    for link in _links(dry, kind, "claimed"):
        for key in (RecordKey(kind, s, id) for s in SystemName if (id := id_on(link, s)) and s is not CREATES_FROM[kind]):
            if link.facts.get("refused"):
                with dry.database.read() as conn:
                    shown = comparing.listed(conn, run, kind, key.system, key.id)
                if shown:
                    yield str(key)


def _ended_with_to_do(dry: Context, kind: Kind) -> Iterator[str]:
    """Events that were deleted, whose sessions somebody was to cancel."""
    with dry.database.read() as conn:
        ended = links.by_records(conn, kind, A, ledger.with_to_do(conn, kind, CANCEL))
    yield from (f"link:{link.id}" for link in ended.values() if link.state == "tombstone")


def _count_pairs(ctx: Context, kind: Kind, shown: Mapping[str, int]) -> None:
    """Pairs, and those of which a side shows nothing any more."""
    ctx.totals.counts[f"{kind}_pairs"] += shown["pairs"]
    for system in SCANNED[kind]:
        ctx.totals.counts[f"{kind}_pairs_not_shown_by_{system}"] += shown["pairs"] - shown[system.value]


def _levels(dry: Context, kind: Kind, run: str, pairs: Sequence[Link], fresh: Sequence[RecordKey]) -> dict[str, int]:
    """From the roots of Cornerstone's tree down: then a unit that moved below its own descendant finds that one moved already,
    and the other side is never asked for a circle."""
    if kind is not Kind.ORG_UNIT:
        return {}
    ids = [pair.cornerstone_id for pair in pairs if pair.cornerstone_id] + [key.id for key in fresh]
    with dry.database.read() as conn:
        return comparing.depths(conn, run, kind, C, ids)


def _of_pairs(dry: Context, kind: Kind, pairs: Sequence[Link], levels: Mapping[str, int]) -> Iterator[Drift | None]:
    _complete(dry, kind, pairs)
    with dry.database.read() as conn:
        bases = images.load_many(conn, [pair.id for pair in pairs])
    open_ones = [pair for pair in pairs if not _in_step(dry, kind, pair, bases.get(pair.id, {}))]
    plain = plain_changes(dry, kind, open_ones, dry.prefetched, bases)
    for pair in open_ones:
        level = levels.get(pair.cornerstone_id or "", 0)
        if (change := plain.get(pair.id)) is not None:
            yield Drift(subject=change.subject, steps=(change.step(dry),), plain=change, level=level)
        else:
            yield _planned(dry, f"link:{pair.id}", kind, level=level)
    for pair in pairs:
        for system in SCANNED[kind]:
            dry.prefetched.pop(RecordKey(kind, system, id_on(pair, system) or ""), None)


def _complete(dry: Context, kind: Kind, pairs: Sequence[Link]) -> None:
    """Of a pair that is apart, one half may be as it was: that one was not kept, and is read again."""
    for system in SCANNED[kind]:
        keys = [RecordKey(kind, system, id) for pair in pairs if (id := id_on(pair, system))]
        missing = [key.id for key in keys if key not in dry.prefetched]
        if missing:
            found = dry.systems[system].read_many(kind, missing)
            dry.prefetched.update({RecordKey(kind, system, id): reading for id, reading in found.items()})


def _in_step(dry: Context, kind: Kind, pair: Link, bases: Mapping[str, images.Image]) -> bool:
    """By the fields that travel, and nothing was refused since: no plan would find anything to write."""
    for system in (A, C):
        reading, image = dry.prefetched.get(RecordKey(kind, system, id_on(pair, system) or "")), bases.get(system.value)
        if not isinstance(reading, Present) or image is None or image.base is None or image.refused:
            return False
        if changed(image_of(reading.record), image.base) & MAPPED[kind]:
            return False
    return True
