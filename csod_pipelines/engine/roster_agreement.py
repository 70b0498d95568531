"""Both sides of a place say the same: that is recorded as the new common state, and the ids are stored on the learner."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from csod_pipelines.engine.context import Context, End, WouldApply
from csod_pipelines.engine.operations import operations
from csod_pipelines.engine.places import OfferingFacts, Seat
from csod_pipelines.engine.roster_links import DONE, Ends, claimed_link, close_pending, intent_for, pair_of, resume
from csod_pipelines.model.keys import Kind, RecordKey, SystemName
from csod_pipelines.model.outcomes import Disposition, OperationOutcome
from csod_pipelines.store import images, links
from csod_pipelines.store.links import Link
from csod_pipelines.sync.images import image_of
from csod_pipelines.systems.errors import Refused

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE


@dataclass(frozen=True, slots=True)
class Agreed:
    """A place on which both sides say the same, our link of it, and the ids that its learner lacks."""

    seat: Seat
    link: Link
    present: bool
    ids: dict[str, str]


def agree(ctx: Context, subject: str, offering: OfferingFacts, entries: Sequence[Seat]) -> Ends:
    """Store the ids on active learners, then record the agreement as the new base and close what was pending. In this order:
    after a crash between the two the place is looked at again."""
    ends: Ends = {}
    agreed: list[Agreed] = []
    for entry in entries:
        present = entry.learner is not None and getattr(entry.learner.value, "state", "") == "active"
        link = entry.link
        if present and (link is None or link.state == "tombstone"):
            assert entry.learner is not None
            link = claimed_link(ctx, offering, entry, A, entry.learner.id)
        if link is None:
            continue
        if not present and not entry.pending and entry.asked is C and (found := resume(ctx, offering, entry)) is not None:
            ends[pair_of(entry)] = found  # a registration whose answer was lost is still being carried out
            continue
        ids = _external_ids(ctx, link, entry) if present and entry.row is not None else {}
        agreed.append(Agreed(entry, link, present, ids))
    _store_ids(ctx, subject, [place for place in agreed if place.ids])
    for place in agreed:
        closed = _record_agreement(ctx, offering, place)
        ends[pair_of(place.seat)] = End(
            disposition=Disposition.APPLIED if closed else Disposition.UNCHANGED,
            reason="confirmed" if closed else "both_sides_agree",
            operations=closed,
        )
    return ends


def _external_ids(ctx: Context, link: Link, entry: Seat) -> dict[str, str]:
    assert entry.row is not None and entry.learner is not None
    ids = {ctx.options.external_name(Kind.ENROLLMENT): entry.row.id}
    if pending := link.facts.get("pending"):
        ids[f"csod:{ctx.options.portal}:assignment"] = f"{pending['assignment']}:{entry.user_id}"
    held = entry.learner.external_ids
    return {name: value for name, value in ids.items() if held.get(name) != value}


def _record_agreement(ctx: Context, offering: OfferingFacts, place: Agreed) -> tuple[UUID, ...]:
    entry, link = place.seat, place.link
    with ctx.database.begin() as conn:
        for record in (entry.learner, entry.row):
            if record is not None:
                links.bind(conn, link.id, system=record.key.system, id=record.id, state="pending")
                images.save(conn, link.id, record.key.system, seen=image_of(record), base=image_of(record))
        closed = close_pending(conn, ctx, entry, link)
        links.set_facts(conn, link.id, {**DONE, "present": place.present, "event": offering.event_id})
        links.set_state(conn, link.id, "live" if place.present else "tombstone")
    return closed


def _store_ids(ctx: Context, subject: str, places: Sequence[Agreed]) -> None:
    if not places:
        return
    intents = [intent_for(ctx, subject, place.seat, "id stored", A, "id_stored", **place.ids) for place in places]
    rows = [(RecordKey(Kind.ENROLLMENT, A, p.seat.learner.id), p.ids) for p in places if p.seat.learner is not None]
    try:
        with operations(ctx, intents) as opened:
            answers = ctx.systems[A].remember_many(rows)
            with ctx.database.begin() as conn:
                for op, answer in zip(opened, answers, strict=True):
                    if answer is None:
                        op.close(conn, OperationOutcome.SUCCESS, "id_stored")
                    else:
                        message = {"message": answer.message}
                        op.close(conn, OperationOutcome.FAILURE, "refused_by_vendor", params=message, detail=answer.message)
    except WouldApply:
        return  # noted; the agreement itself is recorded, for it writes to nobody
    except Refused as err:
        # Each row's operation is closed as a failure already; the pairs stand in our links, and reconciliation stores the ids again.
        ctx.totals.done[f"ids not stored: {err}"[:200]] += len(places)
