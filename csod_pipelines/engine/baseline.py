"""The initial import of one kind: every Cornerstone record that is in scope gets its Administrate record.

Match, then create: what Administrate already holds under the same external id or natural key is paired, not doubled,
so a second import, or one after a crash, creates nothing twice. Parents first, in the vendor's largest batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from csod_pipelines.engine.brakes import refuse_empty_side
from csod_pipelines.engine.context import Context, Later, id_on, key_on, words
from csod_pipelines.engine.create import draft_for
from csod_pipelines.engine.errors import FlowStopped
from csod_pipelines.engine.operations import Intent, Operation, close_leftovers, operations
from csod_pipelines.engine.refs import peers_of
from csod_pipelines.engine.scope import why_not
from csod_pipelines.engine.totals import Totals
from csod_pipelines.model.keys import Flow, Kind, RecordKey, SystemName
from csod_pipelines.model.outcomes import Mode, OperationOutcome
from csod_pipelines.model.records import OrgUnit, Record, Subject
from csod_pipelines.store import images, links, work
from csod_pipelines.store.images import ImageRow
from csod_pipelines.store.links import Link, Taken
from csod_pipelines.store.work import Mark
from csod_pipelines.sync.directions import flow_of
from csod_pipelines.sync.images import image_of
from csod_pipelines.sync.translate import Terms, natural_key, references, to_peer
from csod_pipelines.systems.base import Draft, Refusal, Written
from csod_pipelines.systems.errors import Refused

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

    def matches(self, record: Record) -> list[Record]:
        found = self.by_external_id.get(record.id)
        return [found] if found is not None else self.by_natural_key.get(natural_key(record), [])


def import_kind(ctx: Context, kind: Kind, *, progress: Callable[[Totals], None] | None = None) -> Totals:
    """Import one kind. ``ctx.dry``: counts what would be created, matched or left out, and writes nothing."""
    ctx.flow = Flow.IMPORT
    known = _known(ctx, kind)
    for wave in _waves(ctx, kind):
        for batch in _batches(wave):
            known = _patiently(ctx, kind, batch, known)
            if progress is not None:
                progress(ctx.totals)
    ctx.totals.stopped_reason = "imported" if not ctx.dry else "planned"
    return ctx.totals


def _patiently(ctx: Context, kind: Kind, batch: Sequence[Record], known: Known) -> Known:
    """One batch, with pauses for limits and outages. After an answer that was lost the target is listed anew first, so that
    what did arrive is found and not created again."""
    for _ in range(MAX_PAUSES):
        try:
            _import_batch(ctx, kind, batch, known)
        except Later as later:
            ctx.totals.done[f"paused: {later.reason}"] += 1
            _pause(ctx, later)
            if later.reason == "answer_lost":
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
            else:
                known.by_natural_key.setdefault(natural_key(record), []).append(record)
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
    reason = why_not(ctx.options, record)
    if reason is not None:
        ctx.totals.dispositions["ignored"] += 1
        ctx.totals.done[f"left out: {reason}"] += 1
    return reason is None


def _batches(records: Sequence[Record]) -> Iterator[Sequence[Record]]:
    for start in range(0, len(records), BATCH_RECORDS):
        yield records[start : start + BATCH_RECORDS]


@dataclass(slots=True, kw_only=True)
class Row:
    source: Record
    link: Link
    draft: Draft
    existing: Record | None


def _import_batch(ctx: Context, kind: Kind, batch: Sequence[Record], known: Known) -> None:
    with ctx.database.read() as conn:
        linked = links.by_records(conn, kind, C, [record.id for record in batch])
        refs = peers_of(conn, [ref.key for record in batch for ref in references(record)])
    todo = [record for record in batch if record.id not in linked or linked[record.id].state in ("claimed", "pending")]
    ctx.totals.dispositions["unchanged"] += len(batch) - len(todo)
    if ctx.dry or ctx.mode(Flow.IMPORT) is not Mode.LIVE:
        _count(ctx, todo, known)
        return
    rows = _claim(ctx, [record for record in todo if _placed(ctx, record, refs)], refs, known)
    _settle_leftovers(ctx, rows, retried={id for id, link in linked.items() if link.state == "claimed"})
    create = [row for row in rows if row.existing is None and row.link.state == "claimed"]
    _link_existing(ctx, [row for row in rows if row.existing is not None and row.link.state == "claimed"])
    if create:
        _create(ctx, kind, create)
    _finish(ctx, kind, [row.source for row in rows])


def _settle_leftovers(ctx: Context, rows: Sequence[Row], *, retried: set[str]) -> None:
    """A record that an earlier attempt claimed may have an operation of unknown fate: the fresh list told what became of it."""
    for row in rows:
        if row.source.id in retried:
            close_leftovers(ctx, [str(row.source.key)], applied=row.existing is not None)


def _count(ctx: Context, todo: Sequence[Record], known: Known) -> None:
    for record in todo:
        ctx.totals.operations["would_apply"] += 1
        paired = known.matches(record)
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


def _claim(ctx: Context, records: Sequence[Record], refs: dict[RecordKey, str], known: Known) -> list[Row]:
    rows: list[Row] = []
    with ctx.database.begin() as conn:
        for record in records:
            claimed = links.claim_link(conn, kind=record.key.kind, natural_key=natural_key(record), system=C, id=record.id)
            matches = known.matches(record)
            if isinstance(claimed, Taken) or len(matches) > 1:
                if not isinstance(claimed, Taken):
                    links.release_claim(conn, claimed.id)
                work.mark(conn, [Mark(subject=str(record.key), flow=flow_of(record.key.kind), side=C.value)])
                ctx.totals.done["left to the live flow: several candidates"] += 1
                continue
            draft = draft_for(ctx, record, to_peer(record, Terms(refs=refs)))
            rows.append(Row(source=record, link=claimed, draft=draft, existing=matches[0] if matches else None))
    return rows


def _intent(kind: Kind, record: Record, action: str, administrate_id: str | None = None) -> Intent:
    return Intent(
        subject=str(record.key),
        flow=Flow.IMPORT,
        kind=kind,
        action=action,
        target=A,
        administrate_id=administrate_id,
        cornerstone_id=record.id,
        reason="initial_import",
    )


def _link_existing(ctx: Context, rows: Sequence[Row]) -> None:
    if not rows:
        return
    intents = [_intent(row.source.key.kind, row.source, "linked", row.existing.id if row.existing else None) for row in rows]
    with operations(ctx, intents) as opened, ctx.database.begin() as conn:
        for row, op in zip(rows, opened, strict=True):
            assert row.existing is not None
            links.bind(conn, row.link.id, system=A, id=row.existing.id, state="pending")
            op.close(conn, OperationOutcome.SUCCESS, "already_on_both_sides")


def _create(ctx: Context, kind: Kind, rows: Sequence[Row]) -> None:
    """One document for the batch. A row that is refused never fails its neighbours: its unit parks it with the reason."""
    with operations(ctx, [_intent(kind, row.source, "created") for row in rows]) as opened:
        answers = ctx.systems[A].create_many([row.draft for row in rows])
        with ctx.database.begin() as conn:
            for row, op, answer in zip(rows, opened, answers, strict=True):
                _record_created(conn, ctx, row, op, answer)


def _record_created(conn, ctx: Context, row: Row, op: Operation, answer: Written | Refusal) -> None:
    if isinstance(answer, Refusal):
        op.close(conn, OperationOutcome.FAILURE, "refused_by_vendor", params={"message": answer.message}, detail=answer.message)
        ctx.totals.dispositions["failed"] += 1
        return
    links.bind(conn, row.link.id, system=A, id=answer.id, state="pending", facts={"created": A.value})
    image = image_of(answer.record) if answer.record is not None else None
    rows = [ImageRow(row.link.id, C, seen=image_of(row.source), base=image_of(row.source))]
    if image is not None:
        rows.append(ImageRow(row.link.id, A, seen=image, base=image))
    images.save_many(conn, rows)
    op.close(conn, OperationOutcome.SUCCESS, "initial_import", administrate_id=answer.id)
    ctx.totals.dispositions["applied"] += 1


def _finish(ctx: Context, kind: Kind, sources: Sequence[Record]) -> None:
    """Store the Cornerstone ids of the batch in one document; then the links are live. Paired records are compared by their own unit."""
    with ctx.database.read() as conn:
        found = links.by_records(conn, kind, C, [record.id for record in sources])
    pending = [link for link in found.values() if link.state == "pending" and id_on(link, A) is not None]
    if not pending:
        return
    if kind is not Kind.PROVIDER:
        _store_ids(ctx, kind, pending)
    with ctx.database.begin() as conn:
        for link in pending:
            links.set_state(conn, link.id, "live")
        compare = [Mark(subject=f"link:{link.id}", flow=flow_of(kind)) for link in pending if not link.facts.get("created")]
        work.mark(conn, compare)


def _store_ids(ctx: Context, kind: Kind, pending: Sequence[Link]) -> None:
    name = ctx.options.external_name(kind)
    rows = [(key_on(link, A), {name: link.cornerstone_id or ""}) for link in pending]
    intents = [
        Intent(
            subject=f"link:{link.id}",
            flow=Flow.IMPORT,
            kind=kind,
            action="id stored",
            target=A,
            administrate_id=link.administrate_id,
            cornerstone_id=link.cornerstone_id,
            payload={name: link.cornerstone_id},
        )
        for link in pending
    ]
    try:
        with operations(ctx, intents) as opened:
            answers = ctx.systems[A].remember_many(rows)
            with ctx.database.begin() as conn:
                for op, answer in zip(opened, answers, strict=True):
                    if answer is None:
                        op.close(conn, OperationOutcome.SUCCESS, "id_stored")
                    else:
                        op.close(conn, OperationOutcome.FAILURE, "refused_by_vendor", params={"message": answer.message})
    except Refused as err:
        # The pairs are safe in our links, and each operation is closed as a failure: the daily reconciliation stores the ids again.
        ctx.totals.done[f"ids not stored: {err}"[:200]] += len(rows)
