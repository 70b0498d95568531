"""Bringing a linked pair in step: the owner's changed fields are written on the peer, read back and recorded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from types import MappingProxyType
from uuid import UUID

from sqlalchemy import Connection

from csod_pipelines.engine.context import Context, End, Later, id_on, key_on, words
from csod_pipelines.engine.operations import Intent, close_leftovers, operation, refused_end
from csod_pipelines.engine.part_ids import store_part_ids
from csod_pipelines.engine.refs import terms_for
from csod_pipelines.engine.to_dos import DONE, cancelled_by_hand, close_to_dos, done_by_hand
from csod_pipelines.model.keys import Kind, SystemName, roster_subject
from csod_pipelines.model.outcomes import Disposition, OperationOutcome
from csod_pipelines.model.readings import Present
from csod_pipelines.model.records import Offering, OfferingState, Person, Record, Value
from csod_pipelines.store import images, ledger, links, work
from csod_pipelines.store.links import Link
from csod_pipelines.sync.directions import DIRECTIONS
from csod_pipelines.sync.images import changed, image_of
from csod_pipelines.sync.plan import Change, edited_since, part_pairs, plan_change
from csod_pipelines.sync.translate import natural_key, to_peer
from csod_pipelines.systems.errors import Indeterminate, Refused, Transient


def read_present(ctx: Context, link: Link, system: SystemName) -> Record:
    """Read a record that must be there; otherwise the unit is tried again later."""
    reading = ctx.read(key_on(link, system))
    if not isinstance(reading, Present):
        raise Later("peer_cannot_be_read", seconds=30)
    return reading.record


def read_back(ctx: Context, link: Link, system: SystemName) -> Record:
    """What was just written, as it is kept. That it cannot be read does not mean that nothing was written."""
    try:
        return read_present(ctx, link, system)
    except Transient as err:
        raise Indeterminate(f"it was written, and then could not be read: {err}", request_id=err.request_id) from err


def bring_in_step(
    ctx: Context,
    subject: str,
    link: Link,
    *,
    owner: Record,
    peer: Record,
    bases: Mapping[str, images.Image],
    restore: bool,
) -> End:
    """Plan and apply one pair. The link is live afterwards, unless the vendor refused everything."""
    if link.state == "pending" and not ctx.dry:
        complete(ctx, subject, link, source=None, peer=peer if link.facts.get("created") == peer.key.system.value else None)
        with ctx.database.read() as conn:
            bases = images.load(conn, link.id)
    terms = terms_for(ctx, owner, part_ids=link.facts.get("parts"))
    desired = to_peer(owner, terms)
    owner_image, peer_image = bases.get(owner.key.system.value), bases.get(peer.key.system.value)
    change = plan_change(
        owner=owner,
        owner_base=owner_image.base if owner_image else None,
        peer=peer,
        peer_base=peer_image.base if peer_image else None,
        desired=desired,
        restore=restore,
        refused=peer_image.refused if peer_image else {},
    )
    if not change.fields:
        return _nothing_to_write(ctx, subject, link, owner, peer, change, refused_before=bool(peer_image and peer_image.refused))
    if not DIRECTIONS[owner.key.kind].updates:
        return _to_do(ctx, subject, link, owner, peer, change)
    return _write(ctx, subject, link, owner, peer, desired, change)


def _nothing_to_write(ctx: Context, subject: str, link: Link, owner: Record, peer: Record, change: Change, *, refused_before: bool) -> End:
    healed = refused_before and not change.refused
    done = done_by_hand(ctx, subject, owner, peer, refused=healed)
    if not ctx.dry and isinstance(owner.value, Offering) and isinstance(peer.value, Offering):
        with ctx.database.begin() as conn:  # a session that was found, and not made just now, has told us of no parts yet
            _note_parts(conn, link, owner.value, peer.value, link.facts.get("parts") or {})
    stored = store_part_ids(ctx, subject, link.id, owner)
    settled: tuple[UUID, ...] = ()
    if not ctx.dry:
        with ctx.database.begin() as conn:
            _agree(conn, link, owner, peer, keep=change.open)
        settled = close_leftovers(ctx, [subject], applied=True)
        close_to_dos(ctx, done)
    if settled or stored:
        reason = "found_after_unknown" if settled else "id_stored"
        return End(disposition=Disposition.APPLIED, reason=reason, operations=(*settled, *stored))
    if change.refused:
        return End(disposition=Disposition.FAILED, reason="refused_before", params={"fields": sorted(change.refused)})
    return End(disposition=Disposition.UNCHANGED, reason=DONE if done or healed else "already_in_step")


def intent_of(
    ctx: Context,
    subject: str,
    link: Link,
    owner: Record,
    action: str,
    desired: Value | None,
    sent: frozenset[str],
    *,
    before: Value | None = None,
) -> Intent:
    image = {f: getattr(desired, f) for f in sorted(sent)} if desired is not None else {}
    return Intent(
        subject=subject,
        flow=ctx.flow or DIRECTIONS[owner.key.kind].flow,
        kind=owner.key.kind,
        action=action,
        target=owner.key.system.peer,
        administrate_id=link.administrate_id,
        cornerstone_id=link.cornerstone_id,
        payload=image,
        fields=tuple(sorted(sent)),
        reason="owner_changed",
        before={f: getattr(before, f) for f in sorted(sent)} if before is not None else {},
    )


def _write(
    ctx: Context,
    subject: str,
    link: Link,
    owner: Record,
    peer: Record,
    desired: Value,
    change: Change,
    *,
    refused: frozenset[str] = frozenset(),
) -> End:
    sent = change.fields - refused
    cancelling = isinstance(desired, Offering) and desired.state is OfferingState.CANCELLED
    if cancelling:
        assert isinstance(desired, Offering)
        sent, desired = frozenset({"max_places"}), replace(desired, max_places=0)
    value = value_over(peer.value, desired, sent)
    opened: list[UUID] = []
    try:
        with operation(
            ctx, intent_of(ctx, subject, link, owner, "seats closed" if cancelling else "updated", desired, sent, before=peer.value)
        ) as op:
            opened.append(op.id)
            close_leftovers_but(ctx, subject, op.id)
            written = ctx.systems[peer.key.system].update(peer.key.kind, peer.id, value, sent)
            fresh = written.record or read_back(ctx, link, peer.key.system)
            meanwhile = changed(image_of(fresh), image_of(peer)) - sent  # edited there since we read: for the reconciliation to see
            with ctx.database.begin() as conn:
                if fresh.id != peer.id:  # a value of a field is known by its text alone
                    links.bind(conn, link.id, system=fresh.key.system, id=fresh.id, state=link.state)
                _agree(conn, link, owner, fresh, keep=refused | change.open | meanwhile, refused={f: change.digests[f] for f in refused})
                if cancelling or (isinstance(owner.value, Offering) and "max_places" in sent):
                    # everybody is withdrawn; or a place was added, for which somebody may have been waiting
                    work.mark(conn, [work.Mark(subject=roster_subject(owner.id), flow="enrollment_sync")])
                if cancelling:
                    op.close(
                        conn, OperationOutcome.PARTIAL, "cancel_session_by_hand", params={"session": peer.facts.get("code") or peer.id}
                    )
                elif refused:
                    op.close(conn, OperationOutcome.PARTIAL, "some_fields_refused", params={"fields": sorted(refused)})
                else:
                    op.close(conn, OperationOutcome.SUCCESS, "updated", params={"fields": sorted(sent)})
    except Refused as err:
        return _refused(ctx, subject, link, owner, peer, desired, change, refused=refused, err=err, opened=tuple(opened))
    opened += store_part_ids(ctx, subject, link.id, owner)
    failed = cancelling or bool(refused)
    return End(
        disposition=Disposition.FAILED if failed else Disposition.APPLIED,
        reason="cancel_session_by_hand" if cancelling else "some_fields_refused" if refused else "updated",
        params={"what": words(peer.key.kind, peer.key.system), "fields": sorted(sent)},
        operations=tuple(opened),
    )


def close_leftovers_but(ctx: Context, subject: str, current: UUID) -> None:
    """A fresh look showed that the change is still to be made: earlier attempts of unknown fate did not arrive."""
    with ctx.database.begin() as conn:
        for left in ledger.open_operations(conn, subject):
            if left.id != current:
                ledger.close_operation(
                    conn, left.id, outcome="failure", reason="not_found_after_unknown", params={}, detail="settled by looking at the vendor"
                )


def _refused(
    ctx: Context,
    subject: str,
    link: Link,
    owner: Record,
    peer: Record,
    desired: Value,
    change: Change,
    *,
    refused: frozenset[str],
    err: Refused,
    opened: tuple[UUID, ...],
) -> End:
    """Remember what was refused by the digest of its inputs; what was not refused is sent once more without it."""
    blamed = frozenset(err.fields) & (change.fields - refused)
    rest = change.fields - refused - blamed
    if blamed and rest:
        end = _write(ctx, subject, link, owner, peer, desired, change, refused=refused | blamed)
        return replace(end, operations=(*opened, *end.operations))
    with ctx.database.begin() as conn:
        images.save(conn, link.id, peer.key.system, refused={f: change.digests[f] for f in change.fields | change.refused})
    return refused_end(err, opened)


def value_over(held: Value, desired: Value, sent: frozenset[str]) -> Value:
    """``desired`` where a field is sent, what the peer holds elsewhere."""
    return replace(held, **{f.name: getattr(desired, f.name) for f in fields(held) if f.name in sent})


def _agree(
    conn: Connection,
    link: Link,
    owner: Record,
    peer: Record,
    *,
    keep: frozenset[str] = frozenset(),
    refused: Mapping[str, str] = MappingProxyType({}),
) -> None:
    """Both sides' images become their bases, but for the fields in ``keep``, whose old bases stay. ``refused``: digests of what the
    peer refused just now, beside what it refused before."""
    before = images.load(conn, link.id) if keep else {}
    for record in (owner, peer):
        image = image_of(record)
        base = dict(image)
        old = before.get(record.key.system.value)
        for name in keep:
            base[name] = old.base.get(name) if old is not None and old.base is not None else None
        left = {f: d for f, d in (old.refused if old else {}).items() if f in keep} | (dict(refused) if record is peer else {})
        images.save(conn, link.id, record.key.system, seen=image, base=base, refused=left)
    if isinstance(owner.value, Offering) and isinstance(peer.value, Offering):
        _note_parts(conn, link, owner.value, peer.value, link.facts.get("parts") or {})
    if isinstance(owner.value, Person):
        links.rekey(conn, link.id, natural_key(owner))  # an address that was given up may be another's tomorrow


def _note_parts(conn: Connection, link: Link, own: Offering, peer: Offering, known: Mapping[str, str]) -> None:
    """Which session is which part, and when the last one ends: rosters and results are read by it."""
    ends = max((part.end for part in own.parts), default=None)
    facts = {"parts": part_pairs(own.parts, peer.parts, known), "ends_at": ends.isoformat() if ends else None}
    links.set_facts(conn, link.id, facts)


def _to_do(ctx: Context, subject: str, link: Link, owner: Record, peer: Record, change: Change) -> End:
    """No API changes this: name the exact change an administrator must make. It closes itself when a later read agrees."""
    desired = {f: getattr(owner.value, f) for f in sorted(change.fields)}
    with operation(ctx, intent_of(ctx, subject, link, owner, "to do", owner.value, change.fields)) as op, ctx.database.begin() as conn:
        op.close(conn, OperationOutcome.PARTIAL, "change_by_hand", params={"fields": {k: str(v) for k, v in desired.items()}})
        _agree(conn, link, owner, peer, keep=change.fields | change.open)
        images.save(conn, link.id, peer.key.system, refused=dict(change.digests))
    return End(
        disposition=Disposition.FAILED,
        reason="change_by_hand",
        params={"what": words(peer.key.kind, peer.key.system), "id": peer.id, "fields": {k: str(v) for k, v in desired.items()}},
        operations=(op.id,),
    )


def complete(
    ctx: Context, subject: str, link: Link, *, source: Record | None, peer: Record | None, sent: Value | None = None
) -> tuple[UUID, ...]:
    """Finish a pending link: the Cornerstone id is stored on the Administrate record, then the link is live.

    With ``source`` (just created from it, as ``sent``) the peer's own image, as it came back, becomes its base, so that
    normalisation by the vendor is not taken for a change; where somebody edited it meanwhile, what was sent.
    """
    kind = Kind(link.kind)
    created_on = link.facts.get("created")
    fresh = peer
    if fresh is None and source is not None:  # read at once: what is edited from now on must differ from this base
        fresh = read_present(ctx, link, source.key.system.peer)
    stored = _store_ids(ctx, subject, link, kind)
    with ctx.database.begin() as conn:
        if fresh is not None and created_on == fresh.key.system.value:
            image, wrote = image_of(fresh), image_of(replace(fresh, value=sent or fresh.value))
            edited = edited_since(sent or fresh.value, fresh.value)
            images.save(conn, link.id, fresh.key.system, seen=image, base=image | {name: wrote[name] for name in edited})
            if edited:
                work.mark(conn, [work.Mark(subject=subject, flow=DIRECTIONS[kind].flow, side=fresh.key.system.value)])
        links.set_state(conn, link.id, "live")
        if created_on is not None:
            look_at_roster(conn, link)
        if source is not None and isinstance(source.value, Offering) and fresh is not None and isinstance(fresh.value, Offering):
            _note_parts(conn, link, source.value, fresh.value, {})
    return stored if source is None else (*stored, *store_part_ids(ctx, subject, link.id, source))


def look_at_roster(conn: Connection, link: Link) -> None:
    """Whoever came while the session was being created was told that its event is not kept in step. A pair that was bound by hand
    is left to the backfill: it may be of the past."""
    if link.kind == Kind.OFFERING.value and link.administrate_id is not None:
        work.mark(conn, [work.Mark(subject=roster_subject(link.administrate_id), flow="enrollment_sync")])


def _store_ids(ctx: Context, subject: str, link: Link, kind: Kind) -> tuple[UUID, ...]:
    if kind in (Kind.PROVIDER,) or link.administrate_id is None or link.cornerstone_id is None:
        return ()
    name = ctx.options.external_name(kind)
    intent = Intent(
        subject=subject,
        flow=ctx.flow or DIRECTIONS[kind].flow,
        kind=kind,
        action="id stored",
        target=SystemName.ADMINISTRATE,
        administrate_id=link.administrate_id,
        cornerstone_id=link.cornerstone_id,
        payload={name: link.cornerstone_id},
    )
    try:
        with operation(ctx, intent) as op:
            ctx.systems[SystemName.ADMINISTRATE].remember(key_on(link, SystemName.ADMINISTRATE), {name: link.cornerstone_id})
            with ctx.database.begin() as conn:
                op.close(conn, OperationOutcome.SUCCESS, "id_stored")
    except Refused:
        # The pair itself is safe in our links table; the failure stands in the ledger and the next reconciliation stores it again.
        return ()
    return (op.id,)


def close_ended(ctx: Context, subject: str, link: Link, evidence: str) -> End:
    """The owner's record is gone for certain: an offering is closed like a cancelled one, anything else only stops."""
    kind = Kind(link.kind)
    if link.state == "tombstone" and (done := cancelled_by_hand(ctx, subject, link)):
        if not ctx.dry:
            close_to_dos(ctx, done)
        return End(disposition=Disposition.UNCHANGED, reason=DONE)
    open_seats = kind is Kind.OFFERING and link.state != "tombstone" and id_on(link, SystemName.CORNERSTONE) is not None
    if ctx.dry and not open_seats:
        return End(disposition=Disposition.IGNORED, reason="record_gone", params={"evidence": evidence})
    operations: tuple[UUID, ...] = ()
    if open_seats:
        peer = read_present(ctx, link, SystemName.CORNERSTONE)
        assert isinstance(peer.value, Offering)
        intent = intent_of(ctx, subject, link, replace(peer, key=key_on(link, SystemName.ADMINISTRATE)), "seats closed", None, frozenset())
        with operation(ctx, intent) as op:
            ctx.systems[SystemName.CORNERSTONE].update(kind, peer.id, replace(peer.value, max_places=0), frozenset({"max_places"}))
            with ctx.database.begin() as conn:
                work.mark(conn, [work.Mark(subject=roster_subject(link.administrate_id or ""), flow="enrollment_sync")])
                op.close(conn, OperationOutcome.PARTIAL, "cancel_session_by_hand", params={"session": peer.facts.get("code") or peer.id})
        operations = (op.id,)
    with ctx.database.begin() as conn:
        links.set_state(conn, link.id, "tombstone")
    return End(
        disposition=Disposition.FAILED if operations else Disposition.IGNORED,
        reason="cancel_session_by_hand" if operations else "record_gone",
        params={"evidence": evidence},
        operations=operations,
    )
