"""One pair of records as a unit of work: an org unit, person, location, subject, provider, course or offering.

read the hinted side -> nothing changed? done. Otherwise read the peer -> plan -> intent -> write -> read back -> record.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from csod_pipelines.engine.change import bring_in_step, close_ended
from csod_pipelines.engine.context import Context, End, Later, Parked, id_on, key_on
from csod_pipelines.engine.create import create_peer
from csod_pipelines.engine.scope import left_scope, why_not_created
from csod_pipelines.engine.write_back import write_back
from csod_pipelines.model.keys import Kind, RecordKey, SystemName
from csod_pipelines.model.outcomes import Disposition
from csod_pipelines.model.readings import Gone, Present, Unknown
from csod_pipelines.model.records import Record
from csod_pipelines.store import images, ledger, links
from csod_pipelines.store.links import Link
from csod_pipelines.sync.directions import DIRECTIONS, LIVE_UPDATES
from csod_pipelines.sync.images import changed, image_of
from csod_pipelines.sync.plan import MAPPED
from csod_pipelines.sync.translate import Terms, to_peer


def ended(disposition: Disposition, reason: str, **params: Any) -> End:
    return End(disposition=disposition, reason=reason, params=params)


def handle_pair(ctx: Context, subject: str, sides: frozenset[str], *, restore: bool = False) -> End:
    """Handle one subject (``link:7`` or ``person:administrate:...``). ``restore``: reconciliation, which also undoes
    edits on the side without the right, and changes org units."""
    link, key = _resolve(ctx, subject)
    if link is None or link.state == "claimed":
        assert key is not None or link is not None
        return _unlinked(ctx, subject, key or _known_side(link), link)
    return _linked(ctx, subject, link, sides, restore=restore)


def _resolve(ctx: Context, subject: str) -> tuple[Link | None, RecordKey | None]:
    with ctx.database.read() as conn:
        if subject.startswith("link:"):
            link = links.by_id(conn, int(subject.removeprefix("link:")))
            if link is None:
                raise LookupError(f"{subject} names a link that does not exist")
            return link, None
        key = RecordKey.parse(subject)
        return ctx.link_of(conn, key), key


def _known_side(link: Link | None) -> RecordKey:
    assert link is not None
    side = SystemName.ADMINISTRATE if link.administrate_id else SystemName.CORNERSTONE
    return key_on(link, side)


def _unlinked(ctx: Context, subject: str, key: RecordKey, link: Link | None) -> End:
    reading = ctx.read(key, fresh=False)
    if isinstance(reading, Gone):
        return ended(Disposition.IGNORED, "record_gone", evidence=reading.evidence)
    if isinstance(reading, Unknown):
        return ended(Disposition.IGNORED, "cannot_be_read", why=reading.why)
    if key.system not in DIRECTIONS[key.kind].creates:
        return ended(Disposition.IGNORED, "not_created_from_this_side")
    reason = why_not_created(ctx, reading.record)
    if reason is not None and not _begun(ctx, subject):
        return ended(Disposition.IGNORED, reason)
    return create_peer(ctx, subject, reading.record, link, unless=reason)


def _linked(ctx: Context, subject: str, link: Link, sides: frozenset[str], *, restore: bool) -> End:
    kind = Kind(link.kind)
    direction = DIRECTIONS[kind]
    owner_side = direction.owner
    restore = restore or _begun(ctx, subject)
    with ctx.database.read() as conn:
        bases = images.load(conn, link.id)
    if kind is Kind.PERSON and link.state == "live" and (written := write_back(ctx, subject, link, bases, sides, restore=restore)):
        return written
    if not restore and sides and owner_side.value not in sides:
        return _peer_hinted(ctx, link, bases, key_on(link, owner_side.peer))
    reading = ctx.read(key_on(link, owner_side), fresh=False)
    if isinstance(reading, Unknown):
        return ended(Disposition.IGNORED, "cannot_be_read", why=reading.why)
    if isinstance(reading, Gone):
        return close_ended(ctx, subject, link, reading.evidence)
    owner = reading.record
    if (outside := left_scope(ctx, link, owner)) is not None:
        return ended(Disposition.IGNORED, outside)
    moved = changed(image_of(owner), _base(bases, owner_side)) & MAPPED[kind]
    if link.state == "tombstone":
        return _returned(ctx, subject, link, owner)
    if link.state == "live" and not restore:
        if not moved:
            return ended(Disposition.UNCHANGED, "already_in_step")
        if kind not in LIVE_UPDATES and _base(bases, owner_side) is not None:
            return ended(Disposition.IGNORED, "changed_by_daily_reconciliation", fields=sorted(moved))
    peer = _read_peer(ctx, link, owner)
    return bring_in_step(ctx, subject, link, owner=owner, peer=peer, bases=bases, restore=restore)


def _begun(ctx: Context, subject: str) -> bool:
    """A write of this unit was begun, and what became of it is not known: whoever began it, it is finished by its own rules. So is
    what a worker left that lost the unit, maybe between two writes."""
    claim = ctx.claims.get(subject)
    if claim is None:
        return False
    if claim.taken_over:
        return True
    with ctx.database.read() as conn:
        return bool(ledger.open_operations(conn, subject))


def _base(bases: Mapping[str, images.Image], system: SystemName) -> Mapping[str, Any] | None:
    image = bases.get(system.value)
    return image.base if image is not None else None


def _peer_hinted(ctx: Context, link: Link, bases: Mapping[str, images.Image], key: RecordKey) -> End:
    reading = ctx.read(key, fresh=False)
    if isinstance(reading, Gone):
        return ended(Disposition.IGNORED, "ended_on_side_without_right", evidence=reading.evidence)
    if isinstance(reading, Unknown):
        return ended(Disposition.IGNORED, "cannot_be_read", why=reading.why)
    moved = changed(image_of(reading.record), _base(bases, key.system)) & MAPPED[key.kind]
    if not moved:
        return ended(Disposition.UNCHANGED, "already_in_step")
    return ended(Disposition.IGNORED, "owned_by_the_other_side", fields=sorted(moved))


def _read_peer(ctx: Context, link: Link, owner: Record) -> Record:
    """Deleted or merged away on the side without the right to end it: a person pairs the owner's record anew, or ends the pair."""
    key = key_on(link, owner.key.system.peer)
    reading = ctx.read(key)
    if isinstance(reading, Present):
        return reading.record
    if isinstance(reading, Gone) and (renamed := _renamed(ctx, link, owner)) is not None:
        return renamed
    if isinstance(reading, Unknown):
        raise Later("peer_cannot_be_read")
    raise Parked("peer_gone", {"evidence": reading.evidence, "id": key.id})


def _renamed(ctx: Context, link: Link, owner: Record) -> Record | None:
    """A value of a field is known by its text alone. Where the answer of our renaming was lost, it is there under its new text."""
    if owner.key.kind is not Kind.PROVIDER:
        return None
    found = ctx.systems[owner.key.system.peer].find(owner.key.kind, to_peer(owner, Terms(refs={})))
    if len(found) != 1:
        return None
    if not ctx.dry:
        with ctx.database.begin() as conn:
            links.bind(conn, link.id, system=found[0].key.system, id=found[0].id, state=link.state)
    return found[0]


def _returned(ctx: Context, subject: str, link: Link, owner: Record) -> End:
    """A tombstone answers late events; a positive read of an active record opens a new generation of the link."""
    if why_not_created(ctx, owner) is not None:
        return ended(Disposition.IGNORED, "ended_before")
    if ctx.dry:
        reopened = replace(link, state="live", generation=link.generation + 1)
    else:
        with ctx.database.begin() as conn:
            reopened = links.reopen(conn, link.id)
    peer_id = id_on(reopened, owner.key.system.peer)
    if peer_id is None:
        return create_peer(ctx, subject, owner, reopened)
    peer = _read_peer(ctx, reopened, owner)
    return bring_in_step(ctx, subject, reopened, owner=owner, peer=peer, bases={}, restore=True)
