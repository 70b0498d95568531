"""What both systems hold already and nobody paired yet: proposals for a person to look through. Reads only.

Accounts by the path of their names, people by external id or by e-mail and family name, courses by code, offerings by session id or
by course, start and place, learners by person and session. One row a candidate: where several share a record, a person chooses.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from csod_pipelines.engine.baseline import BATCH_RECORDS
from csod_pipelines.engine.baseline_known import list_known, match_key
from csod_pipelines.engine.context import Context
from csod_pipelines.engine.refs import peers_of
from csod_pipelines.engine.scope import why_not_created
from csod_pipelines.model.keys import Kind, RecordKey, SystemName
from csod_pipelines.model.readings import Roster
from csod_pipelines.model.records import Course, Enrollment, Offering, OrgUnit, Person, Record
from csod_pipelines.store import links
from csod_pipelines.sync import normalise as n
from csod_pipelines.sync.translate import natural_key, session_number

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
COLUMNS: tuple[str, ...] = ("kind", "administrate", "cornerstone", "name", "reason", "administrate_link", "cornerstone_link")
BY_ID, BY_MAIL, BY_PATH = "the Cornerstone id stands on it", "same e-mail address and family name", "same path of names"
BY_CODE, BY_NUMBER, BY_START = "same code", "same session id", "same course, start and place"
BY_SEAT = "same person and session"

Found = dict[str, list[tuple[Record, str]]]  # by Cornerstone id: what it may be in Administrate, and why


@dataclass(slots=True)
class _Pairs:
    """Peer of each Administrate record, of those paired and of those proposed without an alternative."""

    by_key: dict[tuple[Kind, str], str] = field(default_factory=dict)

    def learn(self, kind: Kind, found: Found) -> None:
        takers: dict[str, list[str]] = defaultdict(list)
        for id, candidates in found.items():
            for record, _ in candidates:
                takers[record.id].append(id)
        for id, candidates in found.items():
            if len(candidates) == 1 and len(takers[candidates[0][0].id]) == 1:
                self.by_key[kind, candidates[0][0].id] = id

    def peer(self, ctx: Context, kind: Kind, id: str | None) -> str | None:
        if id is None:
            return None
        if (kind, id) in self.by_key:
            return self.by_key[kind, id]
        key = RecordKey(kind, A, id)
        with ctx.database.read() as conn:
            return peers_of(conn, [key]).get(key)


def proposals(ctx: Context) -> Iterator[dict[str, str]]:
    """Rows of ``COLUMNS``, what others refer to first."""
    pairs = _Pairs()
    for kind, find in ((Kind.ORG_UNIT, _org_units), (Kind.PERSON, _people), (Kind.COURSE, _courses), (Kind.OFFERING, _offerings)):
        for found, there in find(ctx, pairs):
            pairs.learn(kind, found)
            for id, candidates in found.items():
                yield from (_row(ctx, record, there[id], why) for record, why in candidates)
    yield from _learners(ctx, pairs)


def _row(ctx: Context, here: Record, there: Record, why: str) -> dict[str, str]:
    return {
        "kind": here.key.kind.value,
        "administrate": here.id,
        "cornerstone": there.id,
        "name": _name(here),
        "reason": why,
        "administrate_link": ctx.systems[A].link_to(here.key, here.facts) or "",
        "cornerstone_link": ctx.systems[C].link_to(there.key, there.facts) or "",
    }


def _name(record: Record) -> str:
    value = record.value
    if isinstance(value, Person):
        return f"{value.first_name} {value.last_name}"
    if isinstance(value, OrgUnit):
        return value.name
    if isinstance(value, Course):
        return f"{value.code} {value.title}"
    return f"{value.code or ''} {value.title}".strip() if isinstance(value, Offering) else ""


def _unpaired(ctx: Context, kind: Kind, system: SystemName) -> Iterator[dict[str, Record]]:
    """Page by page, by id, without what is paired. Of Cornerstone only what is kept in step."""
    for page in ctx.systems[system].scan(kind):
        ctx.totals.read += len(page.records)
        with ctx.database.read() as conn:
            held = links.by_records(conn, kind, system, [record.id for record in page.records])
        free = {r.id: r for r in page.records if r.id not in held or held[r.id].state == "claimed"}
        yield {id: r for id, r in free.items() if system is A or kind in (Kind.COURSE, Kind.OFFERING) or not why_not_created(ctx, r)}


def _everything(pages: Iterable[dict[str, Record]]) -> dict[str, Record]:
    return {id: record for page in pages for id, record in page.items()}


Batch = tuple[Found, dict[str, Record]]


def _org_units(ctx: Context, pairs: _Pairs) -> Iterator[Batch]:
    """Where Administrate has an account of the whole company on top, paths are compared from below it, too."""
    every = {r.id: r for page in ctx.systems[A].scan(Kind.ORG_UNIT) for r in page.records if not r.facts.get("is_individual")}
    here, there = _everything(_unpaired(ctx, Kind.ORG_UNIT, A)), _everything(_unpaired(ctx, Kind.ORG_UNIT, C))
    units = {r.id: r for page in ctx.systems[C].scan(Kind.ORG_UNIT) for r in page.records}
    known: dict[tuple[str, ...], list[Record]] = defaultdict(list)
    for record in here.values():
        if record.id in every:
            path = _path(record, every)
            known[path].append(record)
            if len(path) > 1:
                known[path[1:]].append(record)
    found: Found = {}
    for id, record in there.items():
        path = _path(record, units)
        exact = [other for other in known.get(path, ()) if _path(other, every) == path]
        candidates = exact or known.get(path, [])
        if candidates:
            found[id] = [(other, BY_PATH) for other in candidates]
    yield found, there


def _path(record: Record, records: dict[str, Record]) -> tuple[str, ...]:
    path: list[str] = []
    seen = set[str]()
    current: Record | None = record
    while current is not None and isinstance(current.value, OrgUnit) and current.id not in seen:
        seen.add(current.id)
        path.insert(0, n.folded(current.value.name))
        current = records.get(current.value.parent_id or "")
    return tuple(path)


def _people(ctx: Context, pairs: _Pairs) -> Iterator[Batch]:
    """Staged in PostgreSQL, page by page: a million people fit."""
    known = list_known(ctx, Kind.PERSON)
    try:
        for page in _unpaired(ctx, Kind.PERSON, C):
            users = list(page.values())
            for start in range(0, len(users), BATCH_RECORDS):
                batch = users[start : start + BATCH_RECORDS]
                matches = known.matches(ctx, batch, {})
                here = {id: record for found in matches.values() for id in found if (record := _record(ctx, Kind.PERSON, id))}
                yield {user.id: [(here[id], _why(ctx, here[id], user)) for id in matches[user.id] if id in here] for user in batch}, page
    finally:
        known.forget(ctx)


def _why(ctx: Context, contact: Record, user: Record) -> str:
    return BY_ID if contact.external_ids.get(ctx.options.external_name(Kind.PERSON)) == user.id else BY_MAIL


def _record(ctx: Context, kind: Kind, id: str) -> Record | None:
    return getattr(ctx.systems[A].read(kind, id), "record", None)


def _courses(ctx: Context, pairs: _Pairs) -> Iterator[Batch]:
    known: dict[str, list[Record]] = defaultdict(list)
    for page in _unpaired(ctx, Kind.COURSE, A):
        for record in page.values():
            known[natural_key(record)].append(record)
    there = _everything(_unpaired(ctx, Kind.COURSE, C))
    yield {id: [(other, BY_CODE) for other in known[key]] for id, r in there.items() if (key := natural_key(r)) in known}, there


def _offerings(ctx: Context, pairs: _Pairs) -> Iterator[Batch]:
    numbers: dict[str, list[Record]] = defaultdict(list)
    starts: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for page in _unpaired(ctx, Kind.OFFERING, A):
        for record in page.values():
            value = record.value
            assert isinstance(value, Offering)
            for number in {n.folded(session_number(record)), n.folded(value.code or "")} - {""}:
                numbers[number].append(record)
            if (course := pairs.peer(ctx, Kind.COURSE, value.course_id)) and value.parts:
                starts[course, _start(value)].append(record)
    there = _everything(_unpaired(ctx, Kind.OFFERING, C))
    places = _places(ctx)
    found: Found = {}
    for id, record in there.items():
        value = record.value
        assert isinstance(value, Offering)
        if value.code and n.folded(value.code) in numbers:
            found[id] = [(other, BY_NUMBER) for other in numbers[n.folded(value.code)]]
        elif value.parts and (alike := starts.get((value.course_id or "", _start(value)))):
            found[id] = [(other, BY_START) for other in alike if _same_place(other, record, places)]
    yield found, there


def _start(value: Offering) -> str:
    return min(part.start for part in value.parts).isoformat()


def _places(ctx: Context) -> dict[RecordKey, str]:
    """What both sides call a location, by key."""
    return {r.key: match_key(r) for system in (A, C) for page in ctx.systems[system].scan(Kind.LOCATION) for r in page.records}


def _same_place(here: Record, there: Record, places: dict[RecordKey, str]) -> bool:
    """Where one of the two names no place, start and course must do."""
    assert isinstance(here.value, Offering) and isinstance(there.value, Offering)
    told = [_named(here.value, A, places), _named(there.value, C, places)]
    return not (told[0] and told[1]) or bool(told[0] & told[1])


def _named(offering: Offering, system: SystemName, places: dict[RecordKey, str]) -> set[str]:
    keys = {RecordKey(Kind.LOCATION, system, id) for id in (offering.location_id, *(part.location_id for part in offering.parts)) if id}
    return {places[key] for key in keys if key in places}


def _learners(ctx: Context, pairs: _Pairs) -> Iterator[dict[str, str]]:
    """Of the offerings just proposed. Learners of paired offerings are paired by their flow, without anybody's doing."""
    for (kind, event), session in list(pairs.by_key.items()):
        if kind is not Kind.OFFERING:
            continue
        rows = _by_person(ctx.systems[C].roster(session))
        for person, record in _by_person(ctx.systems[A].roster(event)).items():
            peer = pairs.peer(ctx, Kind.PERSON, person)
            if peer is not None and peer in rows:
                yield _row(ctx, record, rows[peer], BY_SEAT)


def _by_person(roster: Roster) -> dict[str, Record]:
    return {row.value.person_id: row for row in roster.rows if isinstance(row.value, Enrollment)}
