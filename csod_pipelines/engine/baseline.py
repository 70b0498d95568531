"""The initial import of one kind: every Cornerstone record that is in scope gets its Administrate record.

Match, then create: what Administrate already holds under the same external id or natural key is paired, not doubled,
so a second import, or one after a crash, creates nothing twice. Parents first, in the vendor's largest batches.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial

from csod_pipelines.engine.baseline_book import bookmarked, half_done, look_for_unheard
from csod_pipelines.engine.baseline_crew import Hand, crew
from csod_pipelines.engine.baseline_faults import faulty, look_again, set_aside, tree_faults
from csod_pipelines.engine.baseline_hooks import Hooks, resting_hooks
from csod_pipelines.engine.baseline_known import Known, list_known, look_since
from csod_pipelines.engine.baseline_plan import CREATE, DONE, LEAVE, PAIR, PARK, ImportPlan, Planned
from csod_pipelines.engine.baseline_writes import BATCH_RECORDS, Carried, Row, claim_rows, create, finish, link_existing, pending_of
from csod_pipelines.engine.context import Context, Later, Parked, words
from csod_pipelines.engine.errors import FlowStopped
from csod_pipelines.engine.operations import close_leftovers
from csod_pipelines.engine.refs import peers_of
from csod_pipelines.engine.scope import why_not_created
from csod_pipelines.engine.totals import Totals
from csod_pipelines.model.keys import Flow, Kind, RecordKey, SystemName
from csod_pipelines.model.outcomes import Mode
from csod_pipelines.model.readings import Present
from csod_pipelines.model.records import OrgUnit, Record, Subject
from csod_pipelines.store import links, work
from csod_pipelines.store.work import Mark
from csod_pipelines.sync.directions import flow_of
from csod_pipelines.sync.translate import references

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
MAX_PAUSES = 30
PAUSE_SECONDS = 5.0
PAUSE_STEP_SECONDS = 2.0


#: Kinds whose records depend on nothing of the same batch or wave. The others are few, and written one after the other.
SIDE_BY_SIDE = (Kind.ORG_UNIT, Kind.PERSON)
_claiming = threading.Lock()  # two transactions that claim the same names in different orders would wait for each other


def import_kind(ctx: Context, kind: Kind, *, progress: Callable[[Totals], None] | None = None, plan: ImportPlan | None = None) -> Totals:
    """Import one kind. ``ctx.dry``: counts what would be created, matched, parked or left out, tells ``plan`` of each record, and
    writes nothing."""
    ctx.flow = Flow.IMPORT

    def told() -> None:
        if progress is not None:
            progress(ctx.totals)

    with bookmarked(ctx, kind) as resumed:
        known = list_known(ctx, kind, told)
        try:
            if resumed:
                _take_up(ctx, kind, known)
            elif not ctx.dry:
                look_again(ctx, kind)
            size = ctx.options.import_hands if kind in SIDE_BY_SIDE and not ctx.dry else 1
            with resting_hooks(ctx, kind) as hooks, crew(ctx, size) as hands:
                for wave in _waves(ctx, kind, plan):
                    for batch in _batches(wave):
                        hands.give(partial(_patiently, kind=kind, batch=batch, known=known, hooks=hooks, plan=plan))
                        told()
                    told()
                    hands.gather()  # parents are complete before their children; a page before the next one is asked for
                hands.each(lambda hand: _finish(hand, kind))
        finally:
            known.forget(ctx)
    ctx.totals.stopped_reason = "imported" if not ctx.dry else "planned"
    return ctx.totals


def _patiently(hand: Hand, *, kind: Kind, batch: Sequence[Record], known: Known, hooks: Hooks, plan: ImportPlan | None) -> None:
    """One batch, with pauses for limits and outages. After an answer that was lost the target is asked first what came into being
    since, so that what did arrive is found and not created again."""
    begun = hand.ctx.clock.utcnow()
    lost = False
    for _ in range(MAX_PAUSES):
        try:
            if lost:
                look_since(hand.ctx, known, begun)
                lost = False
            return _import_batch(hand, kind, batch, known, hooks, plan)
        except Later as later:
            hand.ctx.totals.done[f"paused: {later.reason}"] += 1
            _pause(hand.ctx, later)
            if later.reason == "answer_lost":
                hand.carried.unsure = lost = True
    raise FlowStopped(
        f"the import of {kind} paused {MAX_PAUSES} times for one batch without getting on; start it again, it goes on where it was"
    )


def _take_up(ctx: Context, kind: Kind, known: Known) -> None:
    for pending in half_done(ctx, kind):
        _finish(Hand(ctx, Carried(links=pending, unsure=True)), kind)
    look_for_unheard(ctx, kind, known)


def _finish(hand: Hand, kind: Kind) -> None:
    for _ in range(MAX_PAUSES):
        try:
            return finish(hand.ctx, kind, hand.carried)
        except Later as later:
            _pause(hand.ctx, later)
            hand.carried.unsure |= later.reason == "answer_lost"
    raise FlowStopped(f"the last ids of the import of {kind} could not be stored; start it again, it goes on where it was")


def _pause(ctx: Context, later: Later) -> None:
    seconds = later.seconds if later.seconds is not None else PAUSE_SECONDS
    if later.until is not None:
        seconds = max((later.until - ctx.clock.utcnow()).total_seconds(), 0.0)
    while seconds > 0:
        ctx.clock.sleep(min(seconds, PAUSE_STEP_SECONDS))
        ctx.guard.ensure(0.0)
        seconds -= PAUSE_STEP_SECONDS


def _waves(ctx: Context, kind: Kind, plan: ImportPlan | None) -> Iterator[list[Record]]:
    """Parents before children. Org units and subjects are few enough to be held; people stream through in pages."""
    if kind not in (Kind.ORG_UNIT, Kind.SUBJECT):
        for page in ctx.systems[C].scan(kind):
            ctx.totals.read += len(page.records)
            yield [record for record in page.records if _in_scope(ctx, record, plan)]
        return
    records = [record for page in ctx.systems[C].scan(kind) for record in page.records]
    ctx.totals.read += len(records)
    eligible = {record.id: record for record in records if _in_scope(ctx, record, plan)}
    depth = {id: _depth(record, eligible) for id, record in eligible.items()}
    whole = _without_faults(ctx, eligible, plan) if kind is Kind.ORG_UNIT else eligible
    for level in sorted(set(depth.values())):
        yield [record for id, record in whole.items() if depth[id] == level]


def _without_faults(ctx: Context, units: dict[str, Record], plan: ImportPlan | None) -> dict[str, Record]:
    """Those of which no picture of the whole tree says that they cannot be placed. What is paired already is no concern of an import."""
    faults = tree_faults(units)
    with ctx.database.read() as conn:
        paired = {id for id, link in links.by_records(conn, Kind.ORG_UNIT, C, list(faults)).items() if link.state == "live"}
    _set_aside(ctx, Kind.ORG_UNIT, {units[id].key: why for id, why in faults.items() if id not in paired}, units.values(), plan)
    return {id: record for id, record in units.items() if id in paired or id not in faults}


def _set_aside(ctx: Context, kind: Kind, parked: Mapping[RecordKey, Parked], records: Iterable[Record], plan: ImportPlan | None) -> None:
    set_aside(ctx, kind, parked)
    for record in records:
        if plan is not None and (why := parked.get(record.key)) is not None:
            plan.note(Planned(record=record, action=PARK, reason=why.reason, params=why.params))


def _depth(record: Record, records: dict[str, Record]) -> int:
    """Steps up to a root, to a parent outside the scope, or round a cycle (which then is parked by its own unit)."""
    if isinstance(record.value, Subject):
        return len(record.value.path)
    level, seen, current = 0, {record.id}, record
    while isinstance(current.value, OrgUnit) and (parent := records.get(current.value.parent_id or "")) is not None:
        if parent.id in seen:
            break
        seen.add(parent.id)
        level, current = level + 1, parent
    return level


def _in_scope(ctx: Context, record: Record, plan: ImportPlan | None) -> bool:
    reason = why_not_created(ctx, record)
    if reason is not None:
        ctx.totals.dispositions["ignored"] += 1
        ctx.totals.done[f"left out: {reason}"] += 1
        if plan is not None:
            plan.note(Planned(record=record, action=LEAVE, reason=reason))
    return reason is None


def _batches(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    for start in range(0, len(records), BATCH_RECORDS):
        yield records[start : start + BATCH_RECORDS]


def _import_batch(hand: Hand, kind: Kind, batch: Sequence[Record], known: Known, hooks: Hooks, plan: ImportPlan | None) -> None:
    ctx, carried = hand.ctx, hand.carried
    with ctx.database.read() as conn:
        linked = links.by_records(conn, kind, C, [record.id for record in batch])
        refs = peers_of(conn, [ref.key for record in batch for ref in references(record)])
    todo = [record for record in batch if record.id not in linked or linked[record.id].state in ("claimed", "pending")]
    ctx.totals.dispositions["unchanged"] += len(batch) - len(todo)
    if ctx.dry or ctx.mode(Flow.IMPORT) is not Mode.LIVE:
        _count(ctx, kind, batch, todo, known.matches(ctx, todo, refs), refs, plan)
        return
    placed = _placed(ctx, kind, todo, refs, known)
    matches = known.matches(ctx, list(placed.values()), refs)
    with _claiming:
        rows = claim_rows(ctx, kind, placed, refs, matches)
    _settle_leftovers(ctx, rows, retried={id for id, link in linked.items() if link.state == "claimed"})
    fresh = [row for row in rows if row.link.state == "claimed"]
    link_existing(ctx, kind, [row for row in fresh if row.existing is not None])
    if missing := [row for row in fresh if row.existing is None]:
        hooks.rest()
        create(ctx, kind, missing, carried)
    if rows:
        finish(ctx, kind, carried)  # nothing, where the ids before have travelled with this batch
        carried.links = pending_of(ctx, kind, rows)
        carried.unsure |= any(link.state == "pending" for link in linked.values())
    if kind is not Kind.PERSON:
        finish(ctx, kind, carried)  # parents are complete before their children


def _settle_leftovers(ctx: Context, rows: Sequence[Row], *, retried: set[str]) -> None:
    """A record that an earlier attempt claimed may have an operation of unknown fate: the fresh list told what became of it."""
    for row in rows:
        if row.source.id in retried:
            close_leftovers(ctx, [str(row.source.key)], applied=row.existing is not None)


def _count(
    ctx: Context,
    kind: Kind,
    batch: Sequence[Record],
    todo: Sequence[Record],
    matches: Mapping[str, Sequence[str]],
    refs: Mapping[RecordKey, str],
    plan: ImportPlan | None,
) -> None:
    expected = set(refs) | (plan.expected if plan is not None else {ref.key for record in todo for ref in references(record)})
    parked = faulty(todo, expected) | {
        record.key: Parked("several_candidates", {"candidates": list(matches[record.id])}) for record in todo if len(matches[record.id]) > 1
    }
    _set_aside(ctx, kind, parked, todo, plan)
    open_ones = {record.id for record in todo}
    for record in batch:
        if record.key in parked:
            continue
        paired = matches[record.id][0] if record.id in open_ones and matches[record.id] else ""
        action = DONE if record.id not in open_ones else PAIR if paired else CREATE
        if action != DONE:
            _count_one(ctx, record, action, paired)
        if plan is not None:
            plan.note(Planned(record=record, action=action, administrate_id=paired))


def _count_one(ctx: Context, record: Record, action: str, administrate_id: str) -> None:
    ctx.totals.operations["would_apply"] += 1
    ctx.totals.done["would be paired" if action == PAIR else "would be created"] += 1
    ctx.totals.add_row(
        {
            "what": f"{action} {words(record.key.kind, A)}",
            "administrate": administrate_id,
            "cornerstone": record.id,
            "outcome": "would_apply",
            "reason": "initial_import",
        }
    )


def _placed(ctx: Context, kind: Kind, todo: Sequence[Record], refs: Mapping[RecordKey, str], known: Known) -> dict[str, Record]:
    """What can be written as it is. A record whose org unit came after the units were imported is left to the live flow."""
    parked, later = faulty(todo, refs), set[RecordKey]()
    for record in todo:
        if record.key in parked and parked[record.key].reason == "org_unit_not_imported" and _to_come(ctx, record, refs, known):
            later.add(record.key)
    set_aside(ctx, kind, {key: why for key, why in parked.items() if key not in later})
    if later:
        with ctx.database.begin() as conn:
            work.mark(conn, [Mark(subject=str(key), flow=flow_of(kind), side=C.value) for key in later])
        ctx.totals.done["left to the live flow: org unit not imported"] += len(later)
    return {record.id: record for record in todo if record.key not in parked}


def _to_come(ctx: Context, record: Record, refs: Mapping[RecordKey, str], known: Known) -> bool:
    """Whether every org unit that it needs is there in Cornerstone and may be imported; one that was itself set aside may not."""
    for ref in references(record):
        if ref.required and ref.key not in refs:
            if ref.key not in known.to_come:
                known.to_come[ref.key] = _may_come(ctx, ref.key)
            if not known.to_come[ref.key]:
                return False
    return True


def _may_come(ctx: Context, key: RecordKey) -> bool:
    with ctx.database.read() as conn:
        if work.parked_among(conn, [str(key)]):
            return False
    reading = ctx.systems[key.system].read(key.kind, key.id)
    return isinstance(reading, Present) and why_not_created(ctx, reading.record) is None
