"""The links that a record's references need, and what to do about those that are missing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from sqlalchemy import Connection

from csod_pipelines.engine.context import Context, End, WaitsFor, id_on
from csod_pipelines.model.keys import Kind, RecordKey, SystemName
from csod_pipelines.model.outcomes import Disposition
from csod_pipelines.model.records import Record
from csod_pipelines.store import links, work
from csod_pipelines.sync.translate import Terms, references


def peers_of(conn: Connection, keys: Iterable[RecordKey]) -> dict[RecordKey, str]:
    """Peer ids of those keys that are linked and live."""
    wanted: dict[tuple[Kind, SystemName], list[str]] = defaultdict(list)
    for key in dict.fromkeys(keys):
        wanted[key.kind, key.system].append(key.id)
    found: dict[RecordKey, str] = {}
    for (kind, system), ids in wanted.items():
        for id, link in links.by_records(conn, kind, system, ids).items():
            peer = id_on(link, system.peer)
            if peer is not None and link.state in ("live", "pending") and not (kind is Kind.PERSON and link.facts.get("outside")):
                found[RecordKey(kind, system, id)] = peer
    return found


def terms_for(ctx: Context, record: Record, *, part_ids: Mapping[str, str] | None = None) -> Terms:
    """Translation terms with every required reference resolved: what is missing is handled first, under its own lease.

    Raises WaitsFor when a prerequisite is being worked elsewhere, or ended without a counterpart (refused, out of scope).
    """
    wanted = references(record)
    with ctx.database.read() as conn:
        refs = peers_of(conn, [ref.key for ref in wanted])
    missing = [ref.key for ref in wanted if ref.required and ref.key not in refs]
    if missing and not ctx.dry:
        ends = {key: ctx.first(str(key)) for key in missing}
        with ctx.database.read() as conn:
            refs |= peers_of(conn, missing)
        still = [key for key in missing if key not in refs and not _does_without(ends[key])]
        if still:
            raise WaitsFor((str(key) for key in still), looked_at=all(ends[key] is not None for key in still))
    if missing and ctx.dry:
        with ctx.database.read() as conn:
            stuck = _stuck(conn, missing)
        if stuck:
            raise WaitsFor((str(key) for key in stuck), looked_at=True)
    refs |= {key: "" for key in missing if key not in refs}  # of a plan: what it would create first
    home = ctx.options.new_user_org_unit if record.key.system is SystemName.ADMINISTRATE else None
    return Terms(refs=refs, part_ids=part_ids, provider=ctx.options.provider, default_org_unit=home)


def _stuck(conn: Connection, keys: Iterable[RecordKey]) -> list[RecordKey]:
    """Those that no plan creates: the vendor refused them, or they are set aside."""
    keys = list(keys)
    parked = work.parked_among(conn, [str(key) for key in keys])
    found = ((key, links.by_record(conn, key.kind, key.system, key.id)) for key in keys)
    return [key for key, link in found if str(key) in parked or (link is not None and link.facts.get("refused"))]


def _does_without(end: End | None) -> bool:
    """An individual's account is nobody's org unit: its person goes without one."""
    return end is not None and end.disposition is Disposition.IGNORED and end.reason == "individual_account"
