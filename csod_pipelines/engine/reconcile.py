"""Comparing both sides whole, and mending what differs: the guarantee behind the real-time flows.

First a plan that writes nothing, from scans of both sides; then only the units that would change are leased, read again
and worked by the same code as in real time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from csod_pipelines.engine.brakes import refuse_empty_side
from csod_pipelines.engine.context import Context, End, Later, Parked, Step, WaitsFor, WouldApply, id_on
from csod_pipelines.engine.guard import LEASE_SECONDS
from csod_pipelines.engine.pair import handle_pair
from csod_pipelines.engine.roster import handle_roster
from csod_pipelines.engine.scope import why_not_created
from csod_pipelines.engine.to_dos import CANCEL, DONE
from csod_pipelines.engine.totals import Totals
from csod_pipelines.engine.units import with_prerequisites, work_one
from csod_pipelines.model.keys import Flow, Kind, RecordKey, SystemName, roster_subject
from csod_pipelines.model.outcomes import Disposition
from csod_pipelines.model.readings import Present
from csod_pipelines.model.records import Offering, OrgUnit, Record
from csod_pipelines.store import checkpoints, images, ledger, links, work
from csod_pipelines.store.work import Mark
from csod_pipelines.sync.directions import DIRECTIONS, flow_of
from csod_pipelines.sync.images import changed, image_of
from csod_pipelines.sync.plan import MAPPED

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
MOST_PARKED = 10_000
COMPARED = "compared"  # the checkpoint of each kind's last comparison

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
CREATES_FROM: dict[Kind, tuple[SystemName, ...]] = {
    Kind.ORG_UNIT: (C,),
    Kind.PERSON: (C,),
    Kind.LOCATION: (C,),
    Kind.SUBJECT: (C,),
    Kind.PROVIDER: (C,),
    Kind.COURSE: (A,),
    Kind.OFFERING: (A,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """One unit that would write, and what. No steps: it writes nothing, but is to be parked, or its to-do to be closed."""

    subject: str
    steps: tuple[Step, ...]


def differences(ctx: Context, kind: Kind) -> Iterator[Drift]:
    """Plan one kind over everything, writing nothing to either vendor and nothing to our tables."""
    flow = Flow.ORG_UNITS if kind is Kind.ORG_UNIT else flow_of(kind)
    dry = replace(ctx, dry=True, restore=True, steps=[], prefetched={}, flow=flow)
    subjects = _roster_subjects(dry) if kind in (Kind.ENROLLMENT, Kind.OUTCOME) else _pair_subjects(dry, kind)
    with ctx.database.read() as conn:
        aside = {parked.subject for parked in work.parked(conn, MOST_PARKED)}
    for subject in _parents_first(dry, subjects) if kind is Kind.ORG_UNIT else subjects:
        if subject in aside:
            continue  # waits for a person, who is told elsewhere
        dry.steps = []
        end = _plan_one(dry, subject)
        steps = tuple(step for step in dry.steps if kind not in (Kind.ENROLLMENT, Kind.OUTCOME) or step.kind is kind)
        if steps or (end is not None and (end.disposition is Disposition.PARKED or end.reason == DONE)):
            yield Drift(subject=subject, steps=steps)


def _parents_first(dry: Context, subjects: Iterable[str]) -> list[str]:
    """From the roots of Cornerstone's tree down: then a unit that moved below its own descendant finds that one moved already,
    and the other side is never asked for a circle."""
    found = list(subjects)
    above = {
        key.id: reading.record.value.parent_id
        for key, reading in dry.prefetched.items()
        if key.system is C and isinstance(reading, Present) and isinstance(reading.record.value, OrgUnit)
    }

    def depth(subject: str) -> int:
        id, seen = ids.get(subject), set[str]()
        while id is not None and id not in seen:
            seen.add(id)
            id = above.get(id)
        return len(seen)

    with dry.database.read() as conn:
        pairs = {s: links.by_id(conn, int(s.removeprefix("link:"))) for s in found if s.startswith("link:")}
    ids = {s: link.cornerstone_id if (link := pairs.get(s)) else RecordKey.parse(s).id for s in found}
    return sorted(found, key=depth)


def _plan_one(dry: Context, subject: str) -> End | None:
    try:
        if subject.startswith("roster:"):
            return handle_roster(dry, subject, subject.split(":", 2)[2]).overall
        return handle_pair(dry, subject, frozenset(), restore=True)
    except Parked as parked:
        return End(disposition=Disposition.PARKED, reason=parked.reason, params=parked.params)
    except (WouldApply, Later, WaitsFor):
        return None  # noted in the steps, or waiting for something: neither is a write of this plan


def _roster_subjects(ctx: Context) -> Iterator[str]:
    for batch in _links(ctx, Kind.OFFERING):
        yield from (roster_subject(link.administrate_id) for link in batch if link.administrate_id)


def _pair_subjects(ctx: Context, kind: Kind) -> Iterator[str]:
    records: dict[RecordKey, Record] = {}
    for system in SCANNED[kind]:
        before = len(records)
        for page in ctx.systems[system].scan(kind):
            ctx.totals.read += len(page.records)
            records |= {record.key: record for record in page.records}
        ctx.totals.counts[f"{kind}_{system}"] += len(records) - before
        refuse_empty_side(ctx, kind, system, len(records) - before)
    ctx.prefetched = {key: Present(record) for key, record in records.items()}
    linked: set[RecordKey] = set()
    for batch in _links(ctx, kind):
        linked |= {RecordKey(kind, s, id) for link in batch for s, id in ((A, link.administrate_id), (C, link.cornerstone_id)) if id}
        _count_links(ctx, kind, batch, records)
        with ctx.database.read() as conn:
            bases = images.load_many(conn, [link.id for link in batch])
        yield from (f"link:{link.id}" for link in batch if not _in_step(kind, link, records, bases.get(link.id, {})))
    yield from _refused_before(ctx, kind, records)
    yield from _ended_with_to_do(ctx, kind)
    for key, record in records.items():
        if key.system in CREATES_FROM[kind] and key not in linked and _worth_creating(ctx, record):
            ctx.totals.counts[f"{kind}_without_pair"] += 1
            yield str(key)


def _count_links(ctx: Context, kind: Kind, batch: Sequence[links.Link], records: Mapping[RecordKey, Record]) -> None:
    """Pairs, and those of which a side shows nothing any more."""
    ctx.totals.counts[f"{kind}_pairs"] += len(batch)
    for system in SCANNED[kind]:
        stale = sum(RecordKey(kind, system, id_on(link, system) or "") not in records for link in batch)
        ctx.totals.counts[f"{kind}_pairs_not_shown_by_{system}"] += stale


def _in_step(kind: Kind, link: links.Link, records: Mapping[RecordKey, Record], bases: Mapping[str, images.Image]) -> bool:
    """Both sides are what they were at the last agreement, and nothing was refused since: no plan would find anything to write.
    Of a hundred thousand pairs all but a few end here, without a question to the database."""
    for system, id in ((A, link.administrate_id), (C, link.cornerstone_id)):
        record, image = records.get(RecordKey(kind, system, id or "")), bases.get(system.value)
        if record is None or image is None or image.base is None or image.refused:
            return False
        if changed(image_of(record), image.base) & MAPPED[kind]:
            return False
    return True


def _links(ctx: Context, kind: Kind, state: str = "live") -> Iterator[list[links.Link]]:
    after = 0
    while True:
        with ctx.database.read() as conn:
            batch = links.scan(conn, kind, state, after_id=after)
        if not batch:
            return
        yield batch
        after = batch[-1].id


def _refused_before(ctx: Context, kind: Kind, records: Mapping[RecordKey, Record]) -> Iterator[str]:
    """New records that the other side refused: what they were refused for may have passed."""
    for batch in _links(ctx, kind, "claimed"):
        for link in batch:
            for key in (RecordKey(kind, s, id) for s in SystemName if (id := id_on(link, s)) and s not in CREATES_FROM[kind]):
                if link.facts.get("refused") and key in records:
                    yield str(key)


def _ended_with_to_do(ctx: Context, kind: Kind) -> Iterator[str]:
    """Events that were deleted, whose sessions somebody was to cancel."""
    with ctx.database.read() as conn:
        ended = links.by_records(conn, kind, A, ledger.with_to_do(conn, kind, CANCEL))
    yield from (f"link:{link.id}" for link in ended.values() if link.state == "tombstone")


def _worth_creating(ctx: Context, record: Record) -> bool:
    if record.key.system not in DIRECTIONS[record.key.kind].creates or why_not_created(ctx, record) is not None:
        return False
    if isinstance(record.value, Offering):
        ends = max((part.end for part in record.value.parts), default=None)
        return ends is not None and ends > ctx.systems[record.key.system].now()
    return True


def reconcile(ctx: Context, kind: Kind, *, progress: Callable[[Totals], None] | None = None) -> Totals:
    """Plan, then work exactly the units that differ. In a dry context only the plan is made."""
    ctx = with_prerequisites(ctx)
    ctx.restore = True
    ctx.flow = Flow.ORG_UNITS if kind is Kind.ORG_UNIT else flow_of(kind)
    drifts = list(differences(ctx, kind))
    with ctx.brakes.foreseen(step for drift in drifts for step in drift.steps):
        for drift in drifts:
            _mend(ctx, kind, drift)
            if progress is not None:
                progress(ctx.totals)
    if not ctx.dry and kind in SCANNED:
        with ctx.database.begin() as conn:
            now = links.count_by_kind(conn).get(kind.value, 0)
            checkpoints.put(conn, f"{COMPARED}:{kind}", {**ctx.totals.counts, "pairs_now": now, "at": ctx.clock.utcnow().isoformat()})
    ctx.totals.stopped_reason = "planned" if ctx.dry else "reconciled"
    return ctx.totals


def _mend(ctx: Context, kind: Kind, drift: Drift) -> None:
    for step in drift.steps:
        ctx.totals.add_row({"subject": drift.subject, **_as_row(step)})
    if ctx.dry:
        ctx.totals.operations["would_apply"] += len(drift.steps)
        return
    with ctx.database.begin() as conn:
        work.mark(conn, [Mark(subject=drift.subject, flow=flow_of(kind))])
        claim = work.claim_subject(conn, drift.subject, owner=ctx.guard.owner, lease_seconds=LEASE_SECONDS)
    if claim is not None:
        work_one(ctx, claim)


def _as_row(step: Step) -> dict[str, str]:
    return {
        "what": f"{step.action} {step.target.capitalize()} {step.kind}",
        "administrate": step.administrate_id or "",
        "cornerstone": step.cornerstone_id or "",
        "outcome": "would_apply",
        "reason": ", ".join(step.fields) or step.reason,
        "before": _shown(step, step.before),
        "after": _shown(step, step.after),
    }


def _shown(step: Step, values: Mapping[str, object]) -> str:
    """Values of what is no person; a run is read by everybody."""
    if step.kind is Kind.PERSON:
        return ""
    return "; ".join(f"{name}: {values[name]}" for name in step.fields if name in values)
