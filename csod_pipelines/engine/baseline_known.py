"""What Administrate holds already, by the two ways to recognise it: staged in PostgreSQL, so that memory does not grow with it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from csod_pipelines.engine.brakes import refuse_empty_side
from csod_pipelines.engine.context import Context, id_on
from csod_pipelines.model.keys import Kind, RecordKey, SystemName
from csod_pipelines.model.readings import Present
from csod_pipelines.model.records import Location, OrgUnit, Record
from csod_pipelines.store import links, staging
from csod_pipelines.store.staging import StagedRow
from csod_pipelines.sync import normalise as n
from csod_pipelines.sync.translate import natural_key
from csod_pipelines.systems.base import System, offers
from csod_pipelines.systems.bookmarks import book

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
#: Kinds whose records carry a stamp of their last change; the others are few enough to be listed whole again.
TOLD_BY_FEED = (Kind.ORG_UNIT, Kind.PERSON)
SLACK = timedelta(seconds=30)
Refs = Mapping[RecordKey, str]


class TellsSince(System, Protocol):
    """A system whose feed of changes can begin at any moment of its clock."""

    def cursor_from(self, moment: datetime) -> str: ...


@dataclass(slots=True)
class Known:
    """Look-ups by external id and by natural key. ``taken``: Administrate id -> the Cornerstone id it was given to in this run."""

    kind: Kind
    run: str
    rows: int = 0
    taken: dict[str, str] = field(default_factory=dict)
    to_come: dict[RecordKey, bool] = field(default_factory=dict)  # org units without a pair: whether they may still get one
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def matches(self, ctx: Context, records: Sequence[Record], refs: Refs) -> dict[str, list[str]]:
        """Administrate ids that each record may be, by its Cornerstone id: one is a match, several are for a person to tell."""
        if not self.rows:
            return {record.id: [] for record in records}
        external = {record.id: _external(record.id) for record in records}
        natural = {record.id: match_key(record, refs) for record in records}
        with ctx.database.read() as conn:
            found = staging.look_up(conn, self.run, self.kind, A, [*external.values(), *natural.values()])
            alike = {id for key in natural.values() for id in found.get(key, ())}
            linked = links.by_records(conn, self.kind, A, sorted(alike)) if alike else {}
        known: dict[str, list[str]] = {}
        for record in records:
            marked = found.get(external[record.id])
            same = dict.fromkeys(found.get(natural[record.id], ()))
            free = [id for id in same if id not in linked or id_on(linked[id], C) in (None, record.id)]
            known[record.id] = marked[-1:] if marked else self._take(free, record.id)
        return known

    def _take(self, candidates: Sequence[str], for_id: str) -> list[str]:
        with self._lock:  # two hands may look at namesakes at once
            free = [id for id in candidates if self.taken.get(id, for_id) == for_id]
            if len(free) == 1:
                self.taken[free[0]] = for_id
        return free

    def stage(self, ctx: Context, records: Sequence[Record]) -> None:
        """Some may be there already; the same twice is no other candidate."""
        with ctx.database.begin() as conn:
            staging.stage_rows(conn, self.run, self.kind, A, _ways(ctx, self.kind, records))
        with self._lock:
            self.rows += len(records)

    def forget(self, ctx: Context) -> None:
        with ctx.database.begin() as conn:
            staging.clear(conn, self.run)


def list_known(ctx: Context, kind: Kind, told: Callable[[], None] = lambda: None) -> Known:
    """Everything that Administrate shows of a kind, staged anew. ``told`` is called after each page."""
    run = staging.passing(f"plan:{kind}", at=ctx.clock.utcnow(), id=ctx.ids()) if ctx.dry else f"import:known:{kind}"
    known = Known(kind, run=run)
    known.forget(ctx)  # what an import that was killed left there
    _list(ctx, known, told)
    refuse_empty_side(ctx, kind, A, known.rows)
    return known


def look_since(ctx: Context, known: Known, moment: datetime) -> None:
    """Stage what came into being in Administrate since this moment of our clock: an answer that was lost may have been about it."""
    system = ctx.systems[A]
    if not offers(system, TellsSince) or known.kind not in TOLD_BY_FEED:
        token = book.set(None)
        try:
            _list(ctx, known, lambda: None)
        finally:
            book.reset(token)
        return
    ahead = system.now() - ctx.clock.utcnow()
    cursor, more = system.cursor_from(moment + ahead - SLACK), True
    while more:
        page = system.changes(known.kind, cursor)
        found = system.read_many(known.kind, [hint.key.id for hint in page.hints])
        known.stage(ctx, [reading.record for reading in found.values() if isinstance(reading, Present)])
        cursor, more = page.cursor, page.more


def _list(ctx: Context, known: Known, told: Callable[[], None]) -> None:
    for page in ctx.systems[A].scan(known.kind):
        known.stage(ctx, page.records)
        told()


def _ways(ctx: Context, kind: Kind, records: Sequence[Record]) -> Iterator[StagedRow]:
    name = ctx.options.external_name(kind) if kind is not Kind.PROVIDER else ""
    for record in records:
        if (external := record.external_ids.get(name)) is not None:
            yield StagedRow(_external(external), {"id": record.id})
        elif kind is Kind.ORG_UNIT and record.facts.get("is_individual"):
            continue
        elif kind is not Kind.PERSON or ctx.options.match_by_name:
            yield StagedRow(match_key(record), {"id": record.id})


def _external(cornerstone_id: str) -> str:
    return f"id|{cornerstone_id}"


def match_key(record: Record, refs: Refs | None = None) -> str:
    """What an account or a location is recognised by, besides its external id, in Administrate's words: its name and its parent's
    account (``refs``: of a record of Cornerstone), its code. All other kinds have a natural key."""
    value = record.value
    if isinstance(value, OrgUnit):
        parent = value.parent_id
        if parent and refs is not None:
            parent = refs.get(RecordKey(Kind.ORG_UNIT, record.key.system, parent), "not there yet")
        return f"{record.key.kind}|{n.folded(value.name)}|{parent or ''}"
    if isinstance(value, Location):
        return f"{record.key.kind}|{n.folded(value.code or value.name)}"
    return natural_key(record)
