"""Bringing a record to the other side for the first time: claim, look, then create or adopt what is already there.

The claim comes before the search, so that a record created on both sides in one moment ends as one pair. The search
also is the recovery: after a crash, or an answer that was lost, it finds what the first attempt made.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from csod_pipelines.engine.change import bring_in_step, complete, look_at_roster, read_present
from csod_pipelines.engine.context import Context, End, Later, Parked, id_on, words
from csod_pipelines.engine.operations import Intent, close_leftovers, operation, refuse_unless_live, refused_end
from csod_pipelines.engine.refs import terms_for
from csod_pipelines.model.keys import Kind, SystemName
from csod_pipelines.model.outcomes import Disposition, Mode, OperationOutcome
from csod_pipelines.model.readings import Present
from csod_pipelines.model.records import OrgUnit, Person, Record, Value
from csod_pipelines.store import images, ledger, links
from csod_pipelines.store.links import Link, Taken
from csod_pipelines.sync import normalise as n
from csod_pipelines.sync.directions import DIRECTIONS
from csod_pipelines.sync.images import image_of
from csod_pipelines.sync.plan import input_digest
from csod_pipelines.sync.translate import minted, natural_key, to_peer
from csod_pipelines.systems.base import Draft
from csod_pipelines.systems.errors import Refused

CLAIM_RACE_SECONDS = 1.0
NAMESAKE_SECONDS = 10.0
CLOSED = "closed_unit"  # fact of a link: a creation was refused while this unit was inactive
SHOWN_AFTER_SECONDS = 900.0  # Cornerstone's reporting lags a quarter of an hour


def draft_for(ctx: Context, source: Record, desired: Any) -> Draft:
    """What is created, with the marker by which it can be found again: our minted external id in Cornerstone, the
    Cornerstone id stored as an external id in Administrate."""
    from_administrate = source.key.system is SystemName.ADMINISTRATE
    marker = _own_id(ctx, source) if from_administrate else f"{ctx.options.external_name(source.key.kind)}={source.id}"
    facts: dict[str, Any] = {}
    if source.key.system is SystemName.ADMINISTRATE and source.key.kind in (Kind.PERSON, Kind.ORG_UNIT):
        facts["ref"] = facts["user_ref"] = marker
        if isinstance(desired, Person):
            facts["user_name"] = desired.email if desired.email and ctx.options.user_name_is_email else marker
    if source.key.system is SystemName.CORNERSTONE:
        facts["external_id"] = {"name": ctx.options.external_name(source.key.kind), "value": source.id}
    return Draft(kind=source.key.kind, value=desired, marker=marker, facts=facts)


def create_peer(ctx: Context, subject: str, source: Record, link: Link | None, *, unless: str | None = None) -> End:
    """Pair the record with its counterpart, which is created where there is none. ``unless``: why it is no longer to be created
    (somebody left meanwhile); then only what an attempt of unknown fate may have made is looked for."""
    target = source.key.system.peer
    terms = terms_for(ctx, source)
    desired = to_peer(source, terms)
    draft = draft_for(ctx, source, desired)
    intent = Intent(
        subject=subject,
        flow=ctx.flow or DIRECTIONS[source.key.kind].flow,
        kind=source.key.kind,
        action="created",
        target=target,
        payload={"value": image_of(Record(key=source.key, value=desired)), "facts": dict(draft.facts)},
        marker=draft.marker,
        reason="new_record",
        administrate_id=source.id if source.key.system is SystemName.ADMINISTRATE else None,
        cornerstone_id=source.id if source.key.system is SystemName.CORNERSTONE else None,
    )
    inputs = input_digest(intent.payload)
    refused = _still_refused(ctx, target, link, inputs)
    if refused and ctx.dry:
        return End(disposition=Disposition.FAILED, reason="refused_before")
    if unless is None and (ctx.dry or ctx.mode(intent.flow) is not Mode.LIVE):
        refuse_unless_live(ctx, intent)
    if link is None:
        link = _claim(ctx, subject, source, desired)
        if id_on(link, target) is not None:
            return adopt(ctx, subject, link, source, intent)
    candidates = look_up(ctx, source, draft)
    if len(candidates) > 1:
        _release(ctx, link)
        raise Parked("several_candidates", {"record": str(source.key), "candidates": [c.id for c in candidates]})
    if candidates:
        _refuse_namesakes(ctx, source, candidates[0], link)
        with ctx.database.begin() as conn:
            link = _joined(ctx, conn, link, source, candidates[0])
            ctx.linked(conn, subject, link)
        return adopt(ctx, subject, link, source, intent)
    if refused:
        return End(disposition=Disposition.FAILED, reason="refused_before")
    begun = _settle_unknown(ctx, subject)
    if unless is not None:
        _release(ctx, link)
        return End(disposition=Disposition.IGNORED, reason=unless)
    return _create(ctx, source, draft, link, intent, inputs, begun=begun)


def _still_refused(ctx: Context, target: SystemName, link: Link | None, inputs: str) -> bool:
    """What was refused is not sent again until it changes, or the unit returns in which it was to be created."""
    if link is None or link.facts.get("refused") != inputs:
        return False
    closed = link.facts.get(CLOSED)
    return not closed or _is_closed(ctx, target, closed)


def _is_closed(ctx: Context, target: SystemName, unit: str) -> bool:
    reading = ctx.systems[target].read(Kind.ORG_UNIT, unit)
    return not (isinstance(reading, Present) and isinstance(reading.record.value, OrgUnit) and reading.record.value.active)


def _joined(ctx: Context, conn: Connection, link: Link, source: Record, candidate: Record) -> Link:
    """Our claim with its other half. Where that half was made from this very record, or this one from it, and was then seen as a
    new record with a claim of its own, the two claims become one."""
    held = links.by_record(conn, source.key.kind, candidate.key.system, candidate.id)
    if held is not None and held.id != link.id and held.state == "claimed" and _is_marked(ctx, source, candidate):
        links.release_claim(conn, link.id)
        return links.bind(conn, held.id, system=source.key.system, id=source.id, state="pending")
    return links.bind(conn, link.id, system=candidate.key.system, id=candidate.id, state="pending")


def claim_key(ctx: Context, record: Record, desired: Value | None = None) -> str:
    """What keeps two workers from creating the same; people are the same by name only if the settings say so.

    Some records have no key that lasts: an org unit, a person without an address. While one of them is being created, and only
    then, it is known by what both sides call it in Cornerstone's words (``desired``, if the record is not Cornerstone's), so
    that a record whose creation's answer was lost is not taken for somebody's new one."""
    there = record.value if record.key.system is SystemName.CORNERSTONE else desired
    if isinstance(there, OrgUnit):
        return f"{record.key.kind}|{n.folded(there.name)}|{there.parent_id or ''}"
    if record.key.kind is Kind.PERSON and not ctx.options.match_by_name:
        return str(record.key)
    if isinstance(there, Person) and not there.email:
        return f"{record.key.kind}|{n.folded(there.first_name)}|{n.folded(there.last_name)}|{there.org_unit_id or ''}"
    return natural_key(record)


def lasts(record: Record) -> bool:
    """Whether the record keeps its key once it is paired."""
    return not isinstance(record.value, OrgUnit) and not (isinstance(record.value, Person) and not record.value.email)


def _free_key(ctx: Context, link: Link, source: Record) -> None:
    if not lasts(source):
        with ctx.database.begin() as conn:
            links.free_keys(conn, [link.id])


def _claim(ctx: Context, subject: str, source: Record, desired: Value) -> Link:
    natural = claim_key(ctx, source, desired)
    with ctx.database.begin() as conn:
        claimed = links.claim_link(conn, kind=source.key.kind, natural_key=natural, system=source.key.system, id=source.id)
        if not isinstance(claimed, Taken):
            return claimed
        other = claimed.link
        if id_on(other, source.key.system) is None:
            bound = links.bind(conn, other.id, system=source.key.system, id=source.id, state="pending")
            ctx.linked(conn, subject, bound)
            return bound
    if id_on(other, source.key.system) == source.id:
        raise Later("claimed_elsewhere", seconds=CLAIM_RACE_SECONDS)
    if not lasts(source) and other.state != "live":
        raise Later("claimed_elsewhere", seconds=NAMESAKE_SECONDS)  # a namesake is on its way; afterwards it is our turn
    raise Parked(
        "same_person_twice" if source.key.kind is Kind.PERSON else "same_key_twice",
        {"record": str(source.key), "other": id_on(other, source.key.system), "linked_to": id_on(other, source.key.system.peer)},
    )


def _refuse_namesakes(ctx: Context, source: Record, candidate: Record, link: Link) -> None:
    """Found by e-mail and family name, which several people on this side share: who comes first is no proof of who it is."""
    if source.key.kind is not Kind.PERSON or _is_marked(ctx, source, candidate):
        return
    alike = ctx.systems[source.key.system].find(source.key.kind, source.value)
    with ctx.database.read() as conn:
        taken = links.by_records(conn, source.key.kind, source.key.system, [record.id for record in alike])
    free = {r.id for r in alike if r.id not in taken or id_on(taken[r.id], source.key.system.peer) is None} | {source.id}
    if len(free) > 1:
        _release(ctx, link)
        raise Parked("several_namesakes", {"record": str(source.key), "other": candidate.id, "candidates": sorted(free)})


def _is_marked(ctx: Context, source: Record, candidate: Record) -> bool:
    """One of the two carries the other's id."""
    a, c = (source, candidate) if source.key.system is SystemName.ADMINISTRATE else (candidate, source)
    name = ctx.options.external_name(source.key.kind)
    return a.external_ids.get(name) == c.id or _own_id(ctx, a) in (c.facts.get("user_ref"), c.facts.get("ref"))


def _own_id(ctx: Context, source: Record) -> str:
    """External id of the user or OU that is created for an Administrate record; a session has a number of its own making."""
    if source.key.kind in (Kind.PERSON, Kind.ORG_UNIT):
        return f"{ctx.options.external_id_prefix}{source.facts['legacy_id']}"
    return minted(source)


def _release(ctx: Context, link: Link) -> None:
    with ctx.database.begin() as conn:
        links.release_claim(conn, link.id)


def look_up(ctx: Context, source: Record, draft: Draft) -> tuple[Record, ...]:
    """Records on the target side that may be this one, less those that are already linked to another."""
    target = ctx.systems[source.key.system.peer]
    if (external := draft.facts.get("external_id")) is not None:
        known = target.find_by_external_id(draft.kind, external["name"], external["value"])
        if known is not None:
            return (known,)
    found = target.find(draft.kind, draft.value, marker=draft.marker, facts=draft.facts)
    if draft.kind is Kind.PERSON and not ctx.options.match_by_name:
        found = tuple(record for record in found if _is_marked(ctx, source, record))
    if not found:
        return ()
    with ctx.database.read() as conn:
        taken = links.by_records(conn, draft.kind, target.name, [record.id for record in found])
    return tuple(r for r in found if r.id not in taken or id_on(taken[r.id], source.key.system) in (None, source.id))


def _settle_unknown(ctx: Context, subject: str) -> bool:
    """An earlier attempt with unknown fate: only after its settle time does "not there" count. Whether there was one."""
    with ctx.database.read() as conn:
        left = [op for op in ledger.open_operations(conn, subject) if op.action == "created"]
    now = ctx.clock.utcnow()
    for op in left:
        if op.settle_after is not None and op.settle_after > now:
            raise Later("answer_lost", until=op.settle_after, count_attempt=False)
    if left:
        close_leftovers(ctx, [subject], applied=False)
    return bool(left)


def _create(ctx: Context, source: Record, draft: Draft, link: Link, intent: Intent, inputs: str, *, begun: bool) -> End:
    """``begun``: an earlier attempt may have arrived after all. A refusal then may mean that it did, in a list that shows it late."""
    target = source.key.system.peer
    opened: list[Any] = []
    try:
        with operation(ctx, intent) as op:
            opened.append(op)
            written = ctx.systems[target].create(draft)
            with ctx.database.begin() as conn:
                link = links.bind(conn, link.id, system=target, id=written.id, state="pending", facts={"created": target.value})
                ctx.linked(conn, intent.subject, link)
                images.save(conn, link.id, source.key.system, seen=image_of(source), base=image_of(source))
                op.close(
                    conn, OperationOutcome.SUCCESS, "created", administrate_id=link.administrate_id, cornerstone_id=link.cornerstone_id
                )
    except Refused as err:
        home = getattr(draft.value, "org_unit_id", None) or getattr(draft.value, "parent_id", None)
        closed = home if home and _is_closed(ctx, target, home) else None
        with ctx.database.begin() as conn:
            links.set_facts(conn, link.id, {"refused": inputs, CLOSED: closed})
        if begun:
            raise Later("answer_lost", seconds=SHOWN_AFTER_SECONDS) from err
        return refused_end(err, tuple(op.id for op in opened))
    stored = complete(ctx, intent.subject, link, source=source, peer=written.record, sent=draft.value)
    _free_key(ctx, link, source)
    return End(
        disposition=Disposition.APPLIED,
        reason="created",
        params={"what": words(draft.kind, target), "id": written.id},
        operations=(opened[0].id, *stored),
    )


def adopt(ctx: Context, subject: str, link: Link, source: Record, intent: Intent) -> End:
    """The other side already holds this record: pair the two, then let the owner's values win."""
    matched = Intent(
        subject=subject,
        flow=intent.flow,
        kind=intent.kind,
        action="linked",
        target=intent.target,
        administrate_id=link.administrate_id,
        cornerstone_id=link.cornerstone_id,
        reason="already_on_both_sides",
    )
    close_leftovers(ctx, [subject], applied=True)
    with operation(ctx, matched) as op, ctx.database.begin() as conn:
        link = links.bind(conn, link.id, system=source.key.system, id=source.id, state="pending")
        look_at_roster(conn, link)
        op.close(conn, OperationOutcome.SUCCESS, "already_on_both_sides")
    complete(ctx, subject, link, source=None, peer=None)
    _free_key(ctx, link, source)
    owner_side = DIRECTIONS[source.key.kind].owner
    owner, peer = (source, read_present(ctx, link, source.key.system.peer))
    if owner.key.system is not owner_side:
        owner, peer = peer, owner
    end = bring_in_step(ctx, subject, link, owner=owner, peer=peer, bases={}, restore=True)
    return End(
        disposition=Disposition.APPLIED if end.disposition is Disposition.UNCHANGED else end.disposition,
        reason="already_on_both_sides" if end.disposition is Disposition.UNCHANGED else end.reason,
        params=end.params,
        operations=(op.id, *end.operations),
    )
