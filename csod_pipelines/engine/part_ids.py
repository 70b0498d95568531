"""The id of each Cornerstone part stands on its Administrate session, as the ids of all other records do."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from csod_pipelines.engine.context import Context
from csod_pipelines.engine.operations import Intent, operation
from csod_pipelines.model.keys import Kind, RecordKey, SystemName
from csod_pipelines.model.outcomes import OperationOutcome
from csod_pipelines.model.records import Offering, Record
from csod_pipelines.store import links
from csod_pipelines.sync.directions import DIRECTIONS
from csod_pipelines.systems.errors import Refused

A = SystemName.ADMINISTRATE


def missing_part_ids(own: Record, parts: Mapping[str, str], *, portal: str) -> dict[str, dict[str, str]]:
    """What is still to be stored, by session. ``parts``: Administrate session -> Cornerstone part."""
    name = f"csod:{portal}:part"
    held: Mapping[str, Mapping[str, str]] = own.facts.get("part_external_ids") or {}
    return {id: {name: parts[id]} for id in held if id in parts and held[id].get(name) != parts[id]}


def store_part_ids(ctx: Context, subject: str, link_id: int, own: Record) -> tuple[UUID, ...]:
    """The pairs themselves are safe in our links; what is refused here is stored by a later comparison."""
    if not isinstance(own.value, Offering):
        return ()
    with ctx.database.read() as conn:
        link = links.by_id(conn, link_id)
    assert link is not None
    missing = missing_part_ids(own, link.facts.get("parts") or {}, portal=ctx.options.portal)
    if not missing:
        return ()
    intent = Intent(
        subject=subject,
        flow=ctx.flow or DIRECTIONS[Kind.OFFERING].flow,
        kind=Kind.OFFERING,
        action="id stored",
        target=A,
        administrate_id=link.administrate_id,
        cornerstone_id=link.cornerstone_id,
        payload=missing,
    )
    try:
        with operation(ctx, intent) as op:
            answers = ctx.systems[A].remember_many([(RecordKey(Kind.OFFERING, A, session), ids) for session, ids in missing.items()])
            if refusal := next(filter(None, answers), None):
                raise Refused(refusal.message, code=refusal.code, fields=refusal.fields)
            with ctx.database.begin() as conn:
                op.close(conn, OperationOutcome.SUCCESS, "id_stored")
    except Refused:
        return ()
    return (op.id,)
