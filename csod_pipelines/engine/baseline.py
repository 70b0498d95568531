"""The initial import of one kind: every Cornerstone record that is in scope gets its Administrate record.

Match, then create: what Administrate already holds under the same external id or natural key is paired, not doubled,
so a second import, or one after a crash, creates nothing twice. Parents first, in the vendor's largest batches.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from csod_pipelines.engine.baseline_crew import Hand, crew
from csod_pipelines.engine.baseline_known import Known, list_known
from csod_pipelines.engine.baseline_writes import Row, claim_rows, create, finish, link_existing, pending_of
from csod_pipelines.engine.context import Context, Later, words
from csod_pipelines.engine.errors import FlowStopped
from csod_pipelines.engine.operations import close_leftovers
from csod_pipelines.engine.refs import peers_of
from csod_pipelines.engine.scope import why_not_created
from csod_pipelines.engine.totals import Totals
from csod_pipelines.model.keys import Flow, Kind, RecordKey, SystemName
from csod_pipelines.model.outcomes import Mode
from csod_pipelines.model.records import OrgUnit, Record, Subject
from csod_pipelines.store import links, work
from csod_pipelines.store.work import Mark
from csod_pipelines.sync.directions import flow_of
from csod_pipelines.sync.translate import references

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
BATCH_RECORDS = 50
MAX_PAUSES = 30
PAUSE_SECONDS = 5.0
PAUSE_STEP_SECONDS = 2.0


#: Kinds whose records depend on nothing of the same batch or wave. The others are few, and written one after the other.
SIDE_BY_SIDE = (Kind.ORG_UNIT, Kind.PERSON)
_claiming = threading.Lock()  # two transactions that claim the same names in different orders would wait for each other


def import_kind(ctx: Context, kind: Kind, *, progress: Callable[[Totals], None] | None = None) -> Totals:
    """Import one kind. ``ctx.dry``: counts what would be created, matched or left out, and writes nothing."""
    ctx.flow = Flow.IMPORT
    known = list_known(ctx, kind)
    try:
        with crew(ctx, ctx.options.import_hands if kind in SIDE_BY_SIDE else 1) as hands:
            for wave in _waves(ctx, kind):
                for batch in _batches(wave):
                    hands.give(partial(_patiently, kind=kind, batch=batch, known=known))
                    if progress is not None:
                        progress(ctx.totals)
                if kind is not Kind.PERSON:
                    hands.gather()  # parents are complete before their children
            hands.each(lambda hand: _finish(hand, kind))
    finally:
        known.forget(ctx)
    ctx.totals.stopped_reason = "imported" if not ctx.dry else "planned"
    return ctx.totals


def _patiently(hand: Hand, *, kind: Kind, batch: Sequence[Record], known: Known) -> None:
    """One batch, with pauses for limits and outages. After an answer that was lost the target is listed anew first, so that
    what did arrive is found and not created again."""
    listed = known
    try:
        for _ in range(MAX_PAUSES):
            try:
                return _import_batch(hand, kind, batch, listed)
            except Later as later:
                hand.ctx.totals.done[f"paused: {later.reason}"] += 1
                _pause(hand.ctx, later)
                if later.reason == "answer_lost":
                    hand.carried.unsure = True
                    _forget(listed, known, hand)
                    listed = list_known(hand.ctx, kind)
    finally:
        _forget(listed, known, hand)
    raise FlowStopped(
        f"the import of {kind} paused {MAX_PAUSES} times for one batch without getting on; start it again, it goes on where it was"
    )


def _forget(listed: Known, known: Known, hand: Hand) -> None:
    if listed is not known:
        listed.forget(hand.ctx)


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


def _waves(ctx: Context, kind: Kind) -> Iterator[list[Record]]:
    """Parents before children. Org units and subjects are few enough to be held; people stream through in pages."""
    if kind not in (Kind.ORG_UNIT, Kind.SUBJECT):
        for page in ctx.systems[C].scan(kind):
            ctx.totals.read += len(page.records)
            yield [record for record in page.records if _in_scope(ctx, record)]
        return
    records = [record for page in ctx.systems[C].scan(kind) for record in page.records]
    ctx.totals.read += len(records)
    eligible = {record.id: record for record in records if _in_scope(ctx, record)}
    depth = {id: _depth(record, eligible) for id, record in eligible.items()}
    for level in sorted(set(depth.values())):
        yield [record for id, record in eligible.items() if depth[id] == level]


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


def _in_scope(ctx: Context, record: Record) -> bool:
    reason = why_not_created(ctx, record)
    if reason is not None:
        ctx.totals.dispositions["ignored"] += 1
        ctx.totals.done[f"left out: {reason}"] += 1
    return reason is None


def _batches(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    for start in range(0, len(records), BATCH_RECORDS):
        yield records[start : start + BATCH_RECORDS]


def _import_batch(hand: Hand, kind: Kind, batch: Sequence[Record], known: Known) -> None:
    ctx, carried = hand.ctx, hand.carried
    with ctx.database.read() as conn:
        linked = links.by_records(conn, kind, C, [record.id for record in batch])
        refs = peers_of(conn, [ref.key for record in batch for ref in references(record)])
    todo = [record for record in batch if record.id not in linked or linked[record.id].state in ("claimed", "pending")]
    ctx.totals.dispositions["unchanged"] += len(batch) - len(todo)
    if ctx.dry or ctx.mode(Flow.IMPORT) is not Mode.LIVE:
        _count(ctx, todo, known.matches(ctx, todo, refs))
        return
    placed = {record.id: record for record in todo if _placed(ctx, record, refs)}
    matches = known.matches(ctx, list(placed.values()), refs)
    with _claiming:
        rows = claim_rows(ctx, kind, placed, refs, matches)
    _settle_leftovers(ctx, rows, retried={id for id, link in linked.items() if link.state == "claimed"})
    fresh = [row for row in rows if row.link.state == "claimed"]
    link_existing(ctx, kind, [row for row in fresh if row.existing is not None])
    if missing := [row for row in fresh if row.existing is None]:
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


def _count(ctx: Context, todo: Sequence[Record], matches: Mapping[str, Sequence[str]]) -> None:
    for record in todo:
        ctx.totals.operations["would_apply"] += 1
        paired = matches[record.id]
        ctx.totals.done["would be paired" if paired else "would be created"] += 1
        ctx.totals.add_row(
            {
                "what": f"{'pair' if paired else 'create'} {words(record.key.kind, A)}",
                "administrate": paired[0] if len(paired) == 1 else "",
                "cornerstone": record.id,
                "outcome": "would_apply",
                "reason": "initial_import",
            }
        )


def _placed(ctx: Context, record: Record, refs: dict[RecordKey, str]) -> bool:
    """Without its parent or org unit a record cannot be placed: its own unit of work then waits for it, or parks."""
    missing = [ref.key for ref in references(record) if ref.required and ref.key not in refs]
    if missing:
        with ctx.database.begin() as conn:
            work.mark(conn, [Mark(subject=str(record.key), flow=flow_of(record.key.kind), side=C.value)])
        ctx.totals.done["left to the live flow: parent not imported"] += 1
    return not missing
