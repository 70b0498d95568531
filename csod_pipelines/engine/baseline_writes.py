"""The writes of an import, a batch at a time: claimed, created or paired, its ids stored; a few statements each, whatever its size.

A batch of people travels with the ids of the batch before it in one request, which halves the requests of a large import: those
links wait in ``Carried`` until then. A crash leaves them pending, and the next import stores their ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from sqlalchemy import Connection

from csod_pipelines.engine.baseline_faults import set_aside
from csod_pipelines.engine.context import Context, Later, Parked, id_on, key_on
from csod_pipelines.engine.create import claim_key, draft_for
from csod_pipelines.engine.operations import Intent, Operation, close_leftovers, operations
from csod_pipelines.model.keys import Flow, Kind, RecordKey, SystemName
from csod_pipelines.model.outcomes import OperationOutcome
from csod_pipelines.model.records import Record
from csod_pipelines.store import images, ledger, links, work
from csod_pipelines.store.images import ImageRow
from csod_pipelines.store.links import Link, Taken
from csod_pipelines.store.work import Mark
from csod_pipelines.sync.directions import flow_of
from csod_pipelines.sync.images import image_of
from csod_pipelines.sync.translate import Terms, to_peer
from csod_pipelines.systems.base import Draft, Refusal, Written, offers
from csod_pipelines.systems.errors import Refused

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
BATCH_RECORDS = 50
IdRows = Sequence[tuple[RecordKey, Mapping[str, str]]]


class TakesBoth(Protocol):
    """A system that takes new people and the ids of others in one request."""

    def create_and_remember(
        self, drafts: Sequence[Draft], rows: IdRows
    ) -> tuple[tuple[Written | Refusal, ...], tuple[Refusal | None, ...]]: ...


@dataclass(slots=True, kw_only=True)
class Row:
    source: Record
    link: Link
    draft: Draft
    matches: Sequence[str]  # Administrate ids

    @property
    def existing(self) -> str | None:
        return self.matches[0] if self.matches else None


@dataclass(slots=True)
class Carried:
    """Links whose Cornerstone ids are still to be stored. ``unsure``: an answer was lost, and earlier attempts are to be closed.
    ``apart``: a request with both was refused, so that they go one by one from then on."""

    links: list[Link] = field(default_factory=list)
    unsure: bool = False
    apart: bool = False


def claim_rows(
    ctx: Context, kind: Kind, records: Mapping[str, Record], refs: dict[RecordKey, str], known: Mapping[str, Sequence[str]]
) -> list[Row]:
    """The rows that are ours to write. ``known``: what Administrate already holds for each. A record that another one keeps from
    its place, or that has several candidates, is left to its own unit of work."""
    rows: list[Row] = []
    left: list[Mark] = []
    keys = {id: claim_key(ctx, record) for id, record in records.items()}
    with ctx.database.begin() as conn:
        claims = links.claim_links(conn, kind=kind, natural_keys=keys, system=C)
        for id, record in records.items():
            claimed, matches = claims[id], known[id]
            if isinstance(claimed, Taken) or len(matches) > 1:
                if not isinstance(claimed, Taken):
                    links.release_claim(conn, claimed.id)
                left.append(Mark(subject=str(record.key), flow=flow_of(kind), side=C.value))
                continue
            draft = draft_for(ctx, record, to_peer(record, Terms(refs=refs)))
            rows.append(Row(source=record, link=claimed, draft=draft, matches=matches))
        work.mark(conn, left)
    if left:
        ctx.totals.done["left to the live flow: several candidates"] += len(left)
    return rows


def link_existing(ctx: Context, kind: Kind, rows: Sequence[Row]) -> None:
    if not rows:
        return
    intents = [_intent(kind, row.source, "linked", row.existing) for row in rows]
    with operations(ctx, intents) as opened, ctx.database.begin() as conn:
        pairs = {row.link.id: row.existing for row in rows if row.existing is not None}
        links.bind_many(conn, pairs, system=A, state="pending")
        ledger.close_all(conn, [op.ending(OperationOutcome.SUCCESS, "already_on_both_sides") for op in opened])


def create(ctx: Context, kind: Kind, rows: Sequence[Row], carried: Carried) -> None:
    """One document for the batch. A row that is refused never fails its neighbours: its unit parks it with the reason."""
    target = ctx.systems[A]
    drafts = [row.draft for row in rows]
    creates = [_intent(kind, row.source, "created") for row in rows]
    if not (carried.links and kind is Kind.PERSON and not carried.apart and offers(target, TakesBoth)):
        with operations(ctx, creates) as opened:
            answers = target.create_many(drafts)
            with ctx.database.begin() as conn:
                _record_created(conn, ctx, rows, opened, answers)
        _park_refused(ctx, kind, rows, answers)
        return
    try:
        with operations(ctx, creates + _id_intents(ctx, kind, carried.links)) as opened:
            answers, stored = target.create_and_remember(drafts, _id_rows(ctx, kind, carried.links))
            with ctx.database.begin() as conn:
                _record_created(conn, ctx, rows, opened[: len(rows)], answers)
                _record_stored(conn, kind, carried.links, opened[len(rows) :], stored)
    except Refused as err:
        # Which half was refused, and whether the other one arrived, only a fresh look tells.
        carried.apart = carried.unsure = True
        raise Later("answer_lost", seconds=ctx.options.settle_seconds) from err
    _stored(ctx, carried)
    _park_refused(ctx, kind, rows, answers)


def _park_refused(ctx: Context, kind: Kind, rows: Sequence[Row], answers: Sequence[Written | Refusal]) -> None:
    refused = {
        row.source.key: Parked("refused_by_vendor", {"message": answer.message})
        for row, answer in zip(rows, answers, strict=True)
        if isinstance(answer, Refusal)
    }
    set_aside(ctx, kind, refused)


def finish(ctx: Context, kind: Kind, carried: Carried) -> None:
    """Store the Cornerstone ids of what is carried, in one document; then the links are live."""
    if not carried.links:
        return
    if kind is Kind.PROVIDER:  # a value of a field holds no ids
        with ctx.database.begin() as conn:
            _go_live(conn, kind, carried.links)
        carried.links = []
        return
    try:
        with operations(ctx, _id_intents(ctx, kind, carried.links)) as opened:
            answers = ctx.systems[A].remember_many(_id_rows(ctx, kind, carried.links))
            with ctx.database.begin() as conn:
                _record_stored(conn, kind, carried.links, opened, answers)
    except Refused as err:
        # The pairs are safe in our links, and each operation is closed as a failure: the daily reconciliation stores the ids again.
        ctx.totals.done[f"ids not stored: {err}"[:200]] += len(carried.links)
        with ctx.database.begin() as conn:
            _go_live(conn, kind, carried.links)
    _stored(ctx, carried)


def pending_of(ctx: Context, kind: Kind, rows: Sequence[Row]) -> list[Link]:
    """Those whose two halves are known and whose ids are not stored yet."""
    with ctx.database.read() as conn:
        found = links.by_records(conn, kind, C, [row.source.id for row in rows])
    return [link for link in found.values() if link.state == "pending" and id_on(link, A) is not None]


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


def _id_intents(ctx: Context, kind: Kind, pending: Sequence[Link]) -> list[Intent]:
    name = ctx.options.external_name(kind)
    return [
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


def _id_rows(ctx: Context, kind: Kind, pending: Sequence[Link]) -> IdRows:
    name = ctx.options.external_name(kind)
    return [(key_on(link, A), {name: link.cornerstone_id or ""}) for link in pending]


def _record_created(
    conn: Connection, ctx: Context, rows: Sequence[Row], opened: Sequence[Operation], answers: Sequence[Written | Refusal]
) -> None:
    made: dict[int, str] = {}
    seen: list[ImageRow] = []
    ends: list[ledger.Closing] = []
    for row, op, answer in zip(rows, opened, answers, strict=True):
        if isinstance(answer, Refusal):
            message = answer.message
            ends.append(op.ending(OperationOutcome.FAILURE, "refused_by_vendor", params={"message": message}, detail=message))
            continue
        made[row.link.id] = answer.id
        source = image_of(row.source)
        seen.append(ImageRow(row.link.id, C, seen=source, base=source))
        if answer.record is not None:
            image = image_of(answer.record)
            seen.append(ImageRow(row.link.id, A, seen=image, base=image))
        ends.append(op.ending(OperationOutcome.SUCCESS, "initial_import", administrate_id=answer.id))
    links.bind_many(conn, made, system=A, state="pending", facts={"created": A.value})
    images.save_many(conn, seen)
    ledger.close_all(conn, ends)
    ctx.totals.dispositions["applied"] += len(made)


def _record_stored(
    conn: Connection, kind: Kind, stored: Sequence[Link], opened: Sequence[Operation], answers: Sequence[Refusal | None]
) -> None:
    ends = [
        op.ending(OperationOutcome.SUCCESS, "id_stored")
        if answer is None
        else op.ending(OperationOutcome.FAILURE, "refused_by_vendor", params={"message": answer.message})
        for op, answer in zip(opened, answers, strict=True)
    ]
    ledger.close_all(conn, ends)
    _go_live(conn, kind, stored)


def _go_live(conn: Connection, kind: Kind, pending: Sequence[Link]) -> None:
    """Paired records are compared by their own unit; what we created is in step."""
    links.set_states(conn, [link.id for link in pending], "live")
    if kind is Kind.ORG_UNIT:
        links.free_keys(conn, [link.id for link in pending])  # it was known by its name while it was being created
    work.mark(conn, [Mark(subject=f"link:{link.id}", flow=flow_of(kind)) for link in pending if not link.facts.get("created")])


def _stored(ctx: Context, carried: Carried) -> None:
    if carried.unsure:
        close_leftovers(ctx, [f"link:{link.id}" for link in carried.links], applied=True)
    carried.links, carried.unsure = [], False
