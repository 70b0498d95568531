"""The id of each Cornerstone part stands on its Administrate session, as the ids of all other records do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from csod_pipelines.engine.context import Context
from csod_pipelines.engine.operations import Intent, operation
from csod_pipelines.model.keys import Kind, RecordKey, SystemName
from csod_pipelines.model.outcomes import OperationOutcome
from csod_pipelines.model.records import Offering, Record
from csod_pipelines.store import links
from csod_pipelines.store.links import Link
from csod_pipelines.sync.directions import DIRECTIONS
from csod_pipelines.systems.errors import Refused

A = SystemName.ADMINISTRATE


def missing_part_ids(own: Record, facts: Mapping[str, Any], *, portal: str) -> dict[str, dict[str, str]]:
    """What is still to be stored, by session. ``facts`` of the link: its ``parts``, Administrate session -> Cornerstone part, and those
    of them whose storing was ``part_ids_refused``."""
    name = f"csod:{portal}:part"
    held: Mapping[str, Mapping[str, str]] = own.facts.get("part_external_ids") or {}
    parts, refused = facts.get("parts") or {}, facts.get("part_ids_refused") or {}
    return {id: {name: part} for id, part in parts.items() if id in held and part not in (held[id].get(name), refused.get(id))}


def store_part_ids(ctx: Context, subject: str, link_id: int, own: Record) -> tuple[UUID, ...]:
    """The pairs themselves are safe in our links. What is refused is not asked again: a session that was cancelled keeps its id, and
    another one that takes its part cannot have it."""
    if not isinstance(own.value, Offering):
        return ()
    with ctx.database.read() as conn:
        link = links.by_id(conn, link_id)
    assert link is not None
    missing = missing_part_ids(own, link.facts, portal=ctx.options.portal)
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
            refused = {session: answer for session, answer in zip(missing, answers, strict=True) if answer is not None}
            if refused:
                _remember(ctx, link, list(refused))
                first = next(iter(refused.values()))
                raise Refused(first.message, code=first.code, fields=first.fields)
            with ctx.database.begin() as conn:
                op.close(conn, OperationOutcome.SUCCESS, "id_stored")
    except Refused:
        return ()
    return (op.id,)


def _remember(ctx: Context, link: Link, sessions: Sequence[str]) -> None:
    known = link.facts.get("part_ids_refused") or {}
    with ctx.database.begin() as conn:
        links.set_facts(conn, link.id, {"part_ids_refused": known | {id: link.facts["parts"][id] for id in sessions}})
