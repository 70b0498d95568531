"""Records that an import cannot bring over as they are: found before anything is sent, each with a reason that a person can act upon.

Such a record is parked under its own name and counted; its neighbours are imported. Every import looks at it anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from csod_pipelines.engine.context import Context, Parked
from csod_pipelines.engine.guard import LEASE_SECONDS
from csod_pipelines.model.keys import Kind, RecordKey
from csod_pipelines.model.records import Location, OrgUnit, Person, Record
from csod_pipelines.store import work
from csod_pipelines.store.work import Mark
from csod_pipelines.sync import normalise as n
from csod_pipelines.sync.directions import flow_of
from csod_pipelines.sync.translate import references

#: Whatever has one @ and a dotted host; the vendor may still refuse it, and then says so itself.
_ADDRESS = re.compile(r"[^@\s]+@[^@\s.]+(\.[^@\s.]+)+")
REASONS = (
    "org_unit_cycle",
    "same_external_id",
    "org_unit_not_imported",
    "person_without_name",
    "invalid_email",
    "location_without_time_zone",
    "refused_by_vendor",
)


def tree_faults(records: Mapping[str, Record]) -> dict[str, Parked]:
    """Org units that stand above themselves, and those whose external id another one has already, by id."""
    found: dict[str, Parked] = {}
    owners: dict[str, str] = {}
    for id, record in sorted(records.items(), key=lambda item: _order(item[0])):
        reference = n.folded(str(record.facts.get("ref") or ""))
        if reference and owners.setdefault(reference, id) != id:
            found[id] = Parked("same_external_id", {"other": owners[reference]})
        if _above(record, records) == id:
            found[id] = Parked("org_unit_cycle", {"parent": _parent(record)})
    return found


def _order(id: str) -> tuple[int, str]:
    return (int(id), "") if id.isdigit() else (0, id)


def _parent(record: Record | None) -> str | None:
    return record.value.parent_id if record is not None and isinstance(record.value, OrgUnit) else None


def _above(record: Record, records: Mapping[str, Record]) -> str | None:
    """The last unit on the way up: its own id in a circle, and none at a root."""
    seen = set[str]()
    above = _parent(record)
    while above is not None and above != record.id and above not in seen:
        seen.add(above)
        above = _parent(records.get(above))
    return above


def fault(record: Record, refs: Iterable[RecordKey]) -> Parked | None:
    """Why this record cannot be imported. ``refs``: what its references may point to, because it is paired or about to be."""
    value = record.value
    known = set(refs)
    missing = [ref.key for ref in references(record) if ref.required and ref.key not in known]
    if missing:
        return Parked("org_unit_not_imported", {"org_unit": missing[0].id})
    if isinstance(value, Person):
        if not (n.text(value.first_name) or n.text(value.last_name)):
            return Parked("person_without_name")
        if value.email and not _ADDRESS.fullmatch(n.email(value.email) or ""):
            return Parked("invalid_email")
    if isinstance(value, Location) and not value.time_zone:
        return Parked("location_without_time_zone")
    return None


def set_aside(ctx: Context, kind: Kind, parked: Mapping[RecordKey, Parked]) -> None:
    """Park them, each under its own name, and count them."""
    if not parked:
        return
    ctx.totals.dispositions["parked"] += len(parked)
    for why in parked.values():
        ctx.totals.done[f"parked: {why.reason}"] += 1
    if ctx.dry:
        return
    with ctx.database.begin() as conn:
        work.mark(conn, [Mark(subject=str(key), flow=flow_of(kind)) for key in parked])
        for key, why in parked.items():
            claim = work.claim_subject(conn, str(key), owner=f"{ctx.guard.owner}:parks", lease_seconds=LEASE_SECONDS)
            if claim is not None:
                work.park(conn, claim, reason=why.reason, params=why.params)


def look_again(ctx: Context, kind: Kind) -> None:
    """What earlier imports set aside is judged anew: whatever a person mended meanwhile is imported, the rest is parked again."""
    with ctx.database.begin() as conn:
        work.unpark_all(conn, prefix=f"{kind}:cornerstone:", reasons=REASONS)


def faulty(batch: Sequence[Record], refs: Iterable[RecordKey]) -> dict[RecordKey, Parked]:
    known = set(refs)
    return {record.key: why for record in batch if (why := fault(record, known)) is not None}
