"""Fields of a person that the settings also let Administrate change (``person.write_back``).

The one place besides rosters where both sides may change the same thing. A field that changed in Administrate alone goes to
Cornerstone; one that changed in Cornerstone, or in both, is Cornerstone's as always.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from csod_pipelines.engine.change import read_back
from csod_pipelines.engine.context import Context, End, key_on
from csod_pipelines.engine.operations import Intent, operation, refused_end
from csod_pipelines.model.keys import Flow, Kind, SystemName
from csod_pipelines.model.outcomes import Disposition, OperationOutcome
from csod_pipelines.model.readings import Present
from csod_pipelines.model.records import Person, Record
from csod_pipelines.store import images
from csod_pipelines.store.links import Link
from csod_pipelines.sync.images import changed, image_of
from csod_pipelines.sync.plan import input_digest, same
from csod_pipelines.sync.translate import Terms, to_peer
from csod_pipelines.systems.errors import Refused

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE


def write_back(
    ctx: Context, subject: str, link: Link, bases: Mapping[str, images.Image], sides: frozenset[str], *, restore: bool
) -> End | None:
    """None: nothing was changed in Administrate that may travel, and the usual rules apply."""
    if not ctx.options.write_back or (sides and A.value not in sides and not restore):
        return None
    own, other = _base(bases, A), _base(bases, C)
    contact = _present(ctx, link, A)
    if contact is None or own is None or other is None:
        return None
    moved = changed(image_of(contact), own) & ctx.options.write_back
    user = _present(ctx, link, C) if moved else None
    if user is None or ctx.filters.why_outside(user) is not None:
        return None
    moved -= changed(image_of(user), other)
    desired = to_peer(replace(contact, value=_placeless(contact)), Terms(refs={}))
    refused = bases[C.value].refused
    fields = frozenset(f for f in moved if not same(f, desired, user.value) and refused.get(f) != input_digest(getattr(desired, f)))
    if not fields:
        return None
    return _write(ctx, subject, link, contact, user, desired, fields, bases)


def _placeless(contact: Record) -> Person:
    """The org unit does not travel this way, so it needs no counterpart."""
    assert isinstance(contact.value, Person)
    return replace(contact.value, org_unit_id=None)


def _base(bases: Mapping[str, images.Image], system: SystemName) -> Mapping[str, Any] | None:
    image = bases.get(system.value)
    return image.base if image is not None else None


def _present(ctx: Context, link: Link, system: SystemName) -> Record | None:
    reading = ctx.read(key_on(link, system))
    return reading.record if isinstance(reading, Present) else None


def _write(
    ctx: Context,
    subject: str,
    link: Link,
    contact: Record,
    user: Record,
    desired: Any,
    fields: frozenset[str],
    bases: Mapping[str, images.Image],
) -> End:
    value = replace(user.value, **{f: getattr(desired, f) for f in fields})  # pyright: ignore[reportCallIssue]
    intent = Intent(
        subject=subject,
        flow=ctx.flow or Flow.PEOPLE,
        kind=Kind.PERSON,
        action="updated",
        target=C,
        administrate_id=link.administrate_id,
        cornerstone_id=link.cornerstone_id,
        payload={f: getattr(desired, f) for f in sorted(fields)},
        fields=tuple(sorted(fields)),
        reason="written_back",
    )
    ids: tuple[Any, ...] = ()
    try:
        with operation(ctx, intent) as op:
            ids = (op.id,)
            ctx.systems[C].update(Kind.PERSON, user.id, value, fields)
            fresh = read_back(ctx, link, C)
            with ctx.database.begin() as conn:
                for record, system in ((contact, A), (fresh, C)):
                    image = image_of(record)
                    base = {**(_base(bases, system) or {}), **{f: image[f] for f in fields}}
                    images.save(conn, link.id, system, seen=image, base=base)
                op.close(conn, OperationOutcome.SUCCESS, "written_back", params={"fields": sorted(fields)})
    except Refused as err:
        with ctx.database.begin() as conn:
            again = {**bases[C.value].refused, **{f: input_digest(getattr(desired, f)) for f in fields}}
            images.save(conn, link.id, C, refused=again)
        return refused_end(err, ids)
    return End(disposition=Disposition.APPLIED, reason="written_back", params={"fields": sorted(fields)}, operations=ids)
