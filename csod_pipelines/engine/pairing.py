"""Pairs of records as an operator sees and settles them: list, show, bind two records, end a pair that was a mistake."""

from __future__ import annotations

from typing import Any

import orjson
from sqlalchemy import Connection

from csod_pipelines.engine.context import Context, Later, key_on, words
from csod_pipelines.engine.operate import By, OperatorError
from csod_pipelines.engine.operations import Intent, operation
from csod_pipelines.engine.tell import find_link, possible_ids
from csod_pipelines.model.keys import VENDOR_WORDS, Kind, RecordKey, SystemName
from csod_pipelines.model.outcomes import Disposition, OperationOutcome
from csod_pipelines.model.readings import Present
from csod_pipelines.model.reasons import explain
from csod_pipelines.model.records import Record
from csod_pipelines.store import images, inbox, ledger, links, work
from csod_pipelines.store.links import Link, Taken
from csod_pipelines.store.work import Mark
from csod_pipelines.sync.directions import PAIR_KINDS, flow_of
from csod_pipelines.sync.translate import natural_key

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
LEASE_SECONDS = 30.0


def rows(ctx: Context, *, kind: Kind | None, state: str | None, limit: int) -> list[dict[str, Any]]:
    with ctx.database.read() as conn:
        return [row_of(link) for link in links.newest(conn, kind=kind.value if kind else None, state=state, limit=limit)]


def row_of(link: Link) -> dict[str, Any]:
    kind = Kind(link.kind)
    return {
        "link": link.id,
        "what": f"{VENDOR_WORDS[kind][A]} / {VENDOR_WORDS[kind][C]}",
        "administrate": link.administrate_id or "",
        "cornerstone": link.cornerstone_id or "",
        "state": link.state,
        "generation": link.generation,
        "kind": kind.value,
    }


def show(ctx: Context, kind: Kind, id: str) -> dict[str, Any]:
    """A pair, what is known of it, which fields differ from the last agreement or were refused. No values: they may be personal."""
    link = find_link(ctx.database, kind, possible_ids(kind, id))
    if link is None:
        raise OperatorError(f"{kind.value.replace('_', ' ')} {id} is not paired")
    with ctx.database.read() as conn:
        held = images.load(conn, link.id)
    facts = {name: value for name, value in link.facts.items() if value not in (None, "", [], {})}
    sides = {
        system.value: {
            "id": link.side(system.value) or "",
            "url": ctx.systems[system].link_to(key_on(link, system), {}) or "" if link.side(system.value) else "",
            "fields known": sorted(held[system.value].base or ()) if system.value in held else [],
            "fields refused": sorted(held[system.value].refused) if system.value in held else [],
        }
        for system in SystemName
    }
    return {**row_of(link), **sides, "facts": facts}


def bind(ctx: Context, kind: Kind, administrate_id: str, cornerstone_id: str, by: By) -> Link:
    """Pair two records by hand; the next look stores the ids and brings the two in step. Raises OperatorError."""
    _only_pairs(kind)
    found = {A: _present(ctx, kind, A, administrate_id), C: _present(ctx, kind, C, cornerstone_id)}
    with ctx.database.begin() as conn:
        return bind_found(conn, ctx, kind, found, by)


def bind_found(conn: Connection, ctx: Context, kind: Kind, found: dict[SystemName, Record], by: By) -> Link:
    """Pair two records that were just looked at. Raises OperatorError where one of them is paired otherwise."""
    held = {system: links.by_record(conn, kind, system, record.id) for system, record in found.items()}
    _refuse_other_pairs(kind, held, found)
    if _is_pair(held[A], found):
        link = held[A]
        assert link is not None
    else:
        # parked under its own name a record would stay aside: once bound, its name means the link
        for record in found.values():
            work.unpark(conn, str(record.key))
        link = _bound(conn, kind, held, found)
    _write_down(conn, ctx, link, "linked", "bound_by_hand", by)
    work.unpark(conn, f"link:{link.id}")
    work.mark(conn, [Mark(subject=f"link:{link.id}", flow=flow_of(kind)), *_marks(kind, found)])
    return link


def refuse_other_pairs(ctx: Context, kind: Kind, found: dict[SystemName, Record]) -> None:
    """Raises OperatorError where one of the two is paired with a third."""
    with ctx.database.read() as conn:
        _refuse_other_pairs(kind, {system: links.by_record(conn, kind, system, record.id) for system, record in found.items()}, found)


def _marks(kind: Kind, found: dict[SystemName, Record]) -> list[Mark]:
    return [Mark(subject=str(record.key), flow=flow_of(kind)) for record in found.values()]


def _only_pairs(kind: Kind) -> None:
    if kind not in PAIR_KINDS:
        raise OperatorError("learners follow their contact, user, event and session; bind those")


def _present(ctx: Context, kind: Kind, system: SystemName, id: str) -> Record:
    """The record as its system shows it now. A human number is tried as the global id it stands for."""
    candidates = possible_ids(kind, id)
    if system is A:
        candidates = candidates[::-1]
    for candidate in candidates:
        reading = ctx.systems[system].read(kind, candidate)
        if isinstance(reading, Present):
            return reading.record
    raise OperatorError(f"{words(kind, system)} {id} is not shown by {system.capitalize()}; nothing was paired")


def _is_pair(link: Link | None, found: dict[SystemName, Record]) -> bool:
    return (
        link is not None and link.state in ("live", "pending") and (link.administrate_id, link.cornerstone_id) == (found[A].id, found[C].id)
    )


def _refuse_other_pairs(kind: Kind, held: dict[SystemName, Link | None], found: dict[SystemName, Record]) -> None:
    for system, link in held.items():
        if link is None or link.state not in ("live", "pending") or _is_pair(link, found):
            continue
        raise OperatorError(
            f"{words(kind, system)} {found[system].id} is paired with {words(kind, system.peer)} {link.side(system.peer.value)}; "
            f"if that is wrong, end it first: csod-pipelines links unbind {kind} {found[system].id}"
        )


def _bound(conn: Connection, kind: Kind, held: dict[SystemName, Link | None], found: dict[SystemName, Record]) -> Link:
    """Claims of either record become the pair; a claim that would be left over gives its natural key back."""
    claims = {system: link for system, link in held.items() if link is not None and link.state == "claimed"}
    if A in claims and C in claims and claims[A].id != claims[C].id:
        links.release_claim(conn, claims[C].id)
        del claims[C]
    if claims:
        (system, link), *_ = claims.items()
        return links.bind(conn, link.id, system=system.peer, id=found[system.peer].id, state="pending")
    claimed = links.claim_link(conn, kind=kind, natural_key=natural_key(found[C]), system=C, id=found[C].id)
    if isinstance(claimed, Taken):  # a namesake has the natural key already; the pair needs none
        claimed = links.claim_link(conn, kind=kind, natural_key=f"bound|{found[C].key}", system=C, id=found[C].id)
    link = claimed.link if isinstance(claimed, Taken) else claimed
    return links.bind(conn, link.id, system=A, id=found[A].id, state="pending")


def unbind(ctx: Context, kind: Kind, id: str, by: By) -> Link:
    """End a pair that was a mistake. Both records are set aside until they are bound anew or replayed. Raises OperatorError."""
    _only_pairs(kind)
    link = find_link(ctx.database, kind, possible_ids(kind, id))
    if link is None or link.state == "tombstone":
        raise OperatorError(f"{kind.value.replace('_', ' ')} {id} is not paired")
    try:
        _take_back_id(ctx, kind, link, by)
    except Later as later:
        raise OperatorError(f"nothing was changed: {explain(later.reason)} Try again then.") from later
    with ctx.database.begin() as conn:
        up_to = links.abandon_work(conn, link.id)
        if up_to is None:
            raise OperatorError("the pair is being worked on just now; try again in a moment")
        _write_down(conn, ctx, link, "unlinked", "unbound_by_hand", by)
        keys = [RecordKey(kind, system, side) for system in SystemName if (side := link.side(system.value))]
        inbox.settle(
            conn,
            subjects=[f"link:{link.id}"],
            up_to_event=up_to,
            disposition=Disposition.PARKED.value,
            reason="unbound_by_hand",
            params={"other": f"link:{link.id}"},
        )
        links.forget(conn, link.id)
        for key in keys:
            _set_aside(conn, key, other=next((str(k) for k in keys if k != key), "-"), owner=f"operator:{ctx.ids()}")
        return link


def _take_back_id(ctx: Context, kind: Kind, link: Link, by: By) -> None:
    """The Cornerstone id on the Administrate record would pair the two again, and there is no call that removes one: it gets a
    value that names no record. Not on a portal where nothing is written; there none was stored."""
    name = ctx.options.external_name(kind)
    if link.administrate_id is None or kind is Kind.PROVIDER or not ctx.live(flow_of(kind)):
        return
    reading = ctx.systems[A].read(kind, link.administrate_id)
    if not isinstance(reading, Present) or reading.record.external_ids.get(name) != link.cornerstone_id:
        return
    value = f"unpaired-{link.cornerstone_id}-{str(ctx.ids())[:8]}"
    intent = Intent(
        subject=f"link:{link.id}",
        flow=flow_of(kind),
        kind=kind,
        action="id taken back",
        target=A,
        administrate_id=link.administrate_id,
        cornerstone_id=link.cornerstone_id,
        payload={name: value},
        cause={"who": by.who, "why": by.why},
    )
    with operation(ctx, intent) as op:
        ctx.systems[A].remember(key_on(link, A), {name: value})
        with ctx.database.begin() as conn:
            op.close(conn, OperationOutcome.SUCCESS, "id_taken_back")


def _set_aside(conn: Connection, key: RecordKey, *, other: str, owner: str) -> None:
    work.mark(conn, [Mark(subject=str(key), flow=flow_of(key.kind))])
    claim = work.claim_subject(conn, str(key), owner=owner, lease_seconds=LEASE_SECONDS)
    if claim is not None:
        work.park(conn, claim, reason="unbound_by_hand", params={"other": other})


def _write_down(conn: Connection, ctx: Context, link: Link, action: str, reason: str, by: By) -> None:
    """An operation like any other, so that the record's story tells it. Its cause names the person and the reason."""
    kind, id = Kind(link.kind), ctx.ids()
    ledger.open_operation(
        conn,
        id=id,
        subject=f"link:{link.id}",
        kind=kind.value,
        action=action,
        flow=flow_of(kind).value,
        system=A.value,
        run_id=ctx.run_id,
        cause={"who": by.who, "why": by.why},
        administrate_type=VENDOR_WORDS[kind][A],
        administrate_id=link.administrate_id,
        cornerstone_type=VENDOR_WORDS[kind][C],
        cornerstone_id=link.cornerstone_id,
        intent=orjson.dumps({}),
    )
    params = {"other": f"{VENDOR_WORDS[kind][C]} {link.cornerstone_id}"}
    ledger.close_operation(conn, id, outcome=OperationOutcome.SUCCESS.value, reason=reason, params=params)
