"""The initial import of one kind: every Cornerstone record that is in scope gets its Administrate record.

Match, then create: what Administrate already holds under the same external id or natural key is paired, not doubled,
so a second import, or one after a crash, creates nothing twice. Parents first, in the vendor's largest batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from csod_pipelines.engine.baseline_writes import Carried, Row, claim_rows, create, finish, link_existing, pending_of
from csod_pipelines.engine.brakes import refuse_empty_side
from csod_pipelines.engine.context import Context, Later, words
from csod_pipelines.engine.errors import FlowStopped
from csod_pipelines.engine.operations import close_leftovers
from csod_pipelines.engine.refs import peers_of
from csod_pipelines.engine.scope import why_not_created
from csod_pipelines.engine.totals import Totals
from csod_pipelines.model.keys import Flow, Kind, RecordKey, SystemName
from csod_pipelines.model.outcomes import Mode
from csod_pipelines.model.records import Location, OrgUnit, Record, Subject
from csod_pipelines.store import links, work
from csod_pipelines.store.work import Mark
from csod_pipelines.sync import normalise as n
from csod_pipelines.sync.directions import flow_of
from csod_pipelines.sync.translate import natural_key, references

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
BATCH_RECORDS = 50
MAX_PAUSES = 30
PAUSE_SECONDS = 5.0
PAUSE_STEP_SECONDS = 2.0


@dataclass(slots=True)
class Known:
    """What Administrate holds already, by the two ways to recognise it."""

    by_external_id: dict[str, Record] = field(default_factory=dict)
    by_natural_key: dict[str, list[Record]] = field(default_factory=dict)
    taken: dict[str, str] = field(default_factory=dict)  # Administrate id -> the Cornerstone id it was given to

    def matches(self, record: Record, refs: Mapping[RecordKey, str]) -> list[Record]:
        found = self.by_external_id.get(record.id)
        if found is not None:
            return [found]
        alike = self.by_natural_key.get(match_key(record, refs), [])
        free = [other for other in alike if self.taken.get(other.id, record.id) == record.id]
        if len(free) == 1:
            self.taken[free[0].id] = record.id
        return free


def match_key(record: Record, refs: Mapping[RecordKey, str] | None = None) -> str:
    """What an account or a location is recognised by, besides its external id, in Administrate's words: its name and its parent's
    account (``refs``: of a record of Cornerstone), its code. All other kinds have a natural key."""
    value = record.value
    if isinstance(value, OrgUnit):
        parent = value.parent_id
        if parent and refs is not None:
            parent = refs.get(RecordKey(Kind.ORG_UNIT, record.key.system, parent), "not there yet")
        return f"{record.key.kind}|{n.folded(value.name)}|{parent or ''}"
    if isinstance(value, Location):
        return f"{record.key.kind}|{n.folded(value.code or value.name)}"
    return natural_key(record)


def import_kind(ctx: Context, kind: Kind, *, progress: Callable[[Totals], None] | None = None) -> Totals:
    """Import one kind. ``ctx.dry``: counts what would be created, matched or left out, and writes nothing."""
    ctx.flow = Flow.IMPORT
    known, carried = _known(ctx, kind), Carried()
    for wave in _waves(ctx, kind):
        for batch in _batches(wave):
            known = _patiently(ctx, kind, lambda known, batch=batch: _import_batch(ctx, kind, batch, known, carried), known, carried)
            if progress is not None:
                progress(ctx.totals)
    _patiently(ctx, kind, lambda _: finish(ctx, kind, carried), known, carried)
    ctx.totals.stopped_reason = "imported" if not ctx.dry else "planned"
    return ctx.totals


def _patiently(ctx: Context, kind: Kind, attempt: Callable[[Known], None], known: Known, carried: Carried) -> Known:
    """One batch, with pauses for limits and outages. After an answer that was lost the target is listed anew first, so that
    what did arrive is found and not created again."""
    for _ in range(MAX_PAUSES):
        try:
            attempt(known)
        except Later as later:
            ctx.totals.done[f"paused: {later.reason}"] += 1
            _pause(ctx, later)
            if later.reason == "answer_lost":
                carried.unsure = True
                known = _known(ctx, kind)
        else:
            return known
    raise FlowStopped(
        f"the import of {kind} paused {MAX_PAUSES} times for one batch without getting on; start it again, it goes on where it was"
    )


def _pause(ctx: Context, later: Later) -> None:
    seconds = later.seconds if later.seconds is not None else PAUSE_SECONDS
    if later.until is not None:
        seconds = max((later.until - ctx.clock.utcnow()).total_seconds(), 0.0)
    while seconds > 0:
        ctx.clock.sleep(min(seconds, PAUSE_STEP_SECONDS))
        ctx.guard.ensure(0.0)
        seconds -= PAUSE_STEP_SECONDS


def _known(ctx: Context, kind: Kind) -> Known:
    known, name, rows = Known(), ctx.options.external_name(kind) if kind is not Kind.PROVIDER else "", 0
    for page in ctx.systems[A].scan(kind):
        rows += len(page.records)
        for record in page.records:
            if (external := record.external_ids.get(name)) is not None:
                known.by_external_id[external] = record
            elif kind is Kind.ORG_UNIT and record.facts.get("is_individual"):
                continue
            elif kind is not Kind.PERSON or ctx.options.match_by_name:
                known.by_natural_key.setdefault(match_key(record), []).append(record)
    refuse_empty_side(ctx, kind, A, rows)
    return known


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


def _import_batch(ctx: Context, kind: Kind, batch: Sequence[Record], known: Known, carried: Carried) -> None:
    with ctx.database.read() as conn:
        linked = links.by_records(conn, kind, C, [record.id for record in batch])
        refs = peers_of(conn, [ref.key for record in batch for ref in references(record)])
    todo = [record for record in batch if record.id not in linked or linked[record.id].state in ("claimed", "pending")]
    ctx.totals.dispositions["unchanged"] += len(batch) - len(todo)
    if ctx.dry or ctx.mode(Flow.IMPORT) is not Mode.LIVE:
        _count(ctx, todo, known, refs)
        return
    placed = {record.id: record for record in todo if _placed(ctx, record, refs)}
    rows = claim_rows(ctx, kind, placed, refs, {id: known.matches(record, refs) for id, record in placed.items()})
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


def _count(ctx: Context, todo: Sequence[Record], known: Known, refs: Mapping[RecordKey, str]) -> None:
    for record in todo:
        ctx.totals.operations["would_apply"] += 1
        paired = known.matches(record, refs)
        ctx.totals.done["would be paired" if paired else "would be created"] += 1
        ctx.totals.add_row(
            {
                "what": f"{'pair' if paired else 'create'} {words(record.key.kind, A)}",
                "administrate": paired[0].id if len(paired) == 1 else "",
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
