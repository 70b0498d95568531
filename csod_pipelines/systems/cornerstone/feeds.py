"""Scans of whole kinds, and what changed: delta links of the data exporter, or windows over the same rows.

The cursor is a JSON text with one position a feed: ``delta`` (a link), ``next`` (in the middle of a full read, with
``tell``: whether its rows are told as hints), or ``since`` (a stamp, where the portal tracks no changes).
A delta token that the portal no longer knows turns into a full read whose rows are all told: nothing may be missed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from csod_pipelines.model.keys import Kind, RecordKey, SystemName
from csod_pipelines.model.readings import Present
from csod_pipelines.model.records import Provider, Record, Subject
from csod_pipelines.systems.base import ChangePage, Hint, Page
from csod_pipelines.systems.cornerstone import parse
from csod_pipelines.systems.cornerstone.calls import Portal
from csod_pipelines.systems.cornerstone.catalogue import Catalogue
from csod_pipelines.systems.cornerstone.exporter import Batch, DeltaLost, Exporter, removed
from csod_pipelines.systems.cornerstone.options import LOCATION
from csod_pipelines.systems.cornerstone.people import People
from csod_pipelines.systems.cornerstone.platform import Platform
from csod_pipelines.systems.errors import Malformed, Refused, Unsupported

#: The objects that tell of each kind, and the views with the same columns where the exporter is off.
FEEDS: Mapping[Kind, tuple[str, ...]] = {
    Kind.PERSON: ("export.users_core", "export.user_ou_core"),
    Kind.ORG_UNIT: ("export.ou_core",),
    Kind.LOCATION: ("export.ou_core",),
    Kind.ENROLLMENT: ("export.transcript_core",),
}
VIEWS: Mapping[Kind, tuple[str, ...]] = {
    Kind.PERSON: ("views.vw_rpt_user",),
    Kind.ORG_UNIT: ("views.vw_rpt_ou",),
    Kind.LOCATION: ("views.vw_rpt_ou",),
    Kind.ENROLLMENT: ("views.vw_rpt_transcript",),
}
STAMP = "_last_touched_dt_utc"
#: Objects without that stamp: where changes are not tracked, nothing tells of them between two scans.
UNSTAMPED = frozenset({"export.user_ou_core"})
#: Reporting lags up to 15 minutes behind (csod.dev, request resiliency); a window reaches further back than that.
OVERLAP = timedelta(minutes=20)
DETAILS_PER_PAGE = 50


class Feeds:
    def __init__(self, portal: Portal, *, platform: Platform, exporter: Exporter, people: People, catalogue: Catalogue) -> None:
        self._portal = portal
        self._platform = platform
        self._exporter = exporter
        self._people = people
        self._catalogue = catalogue
        self._titles: dict[int, str] = {}

    # ---- everything

    def scan(self, kind: Kind) -> Iterator[Page]:
        readers = {
            Kind.PERSON: self._users,
            Kind.ORG_UNIT: self._org_units,
            Kind.LOCATION: self._locations,
            Kind.SUBJECT: self._subjects,
            Kind.PROVIDER: self._providers,
            Kind.COURSE: lambda: self._trainings(Kind.COURSE, "Event"),
            Kind.OFFERING: lambda: self._trainings(Kind.OFFERING, "Session"),
            Kind.ENROLLMENT: self._transcripts,
        }
        if kind not in readers:
            raise Unsupported(f"cornerstone has no list of {kind}")
        return _pages(readers[kind]())

    def _users(self) -> Iterator[Sequence[Record]]:
        if not self._exports():
            for page in self._platform.employees():
                readings = (self._people.read_person(str(row["id"])) for row in page)
                yield [reading.record for reading in readings if isinstance(reading, Present)]
            return
        mine = self._portal.options.person_ou_type
        homes = {
            row["user_id"]: str(row["ou_id"])
            for page in self._exporter.pages("export.user_ou_core")
            for row in page
            if row.get("ou_type_id") == mine
        }
        for page in self._exporter.pages("export.users_core"):
            yield [parse.exported_user(row, org_unit_id=homes.get(row["user_id"])) for row in page if not removed(row)]

    def _org_units(self) -> Iterator[Sequence[Record]]:
        options = self._portal.options
        if self._exports():
            for page in self._exporter.pages("export.ou_core"):
                rows = (row for row in page if not removed(row) and row.get("type_id") in options.org_unit_types)
                yield [parse.exported_ou(row, options=options) for row in rows]
            return
        for type_id in options.org_unit_types:
            for page in self._platform.ous(typeId=type_id):
                yield [parse.org_unit(row, options=options) for row in page]

    def _locations(self) -> Iterator[Sequence[Record]]:
        """By the OU service, for only its rows show the time zone."""
        for page in self._platform.ous(typeId=LOCATION):
            yield [parse.location(row) for row in page]

    def _subjects(self) -> Iterator[Sequence[Record]]:
        self._need("reporting_subject_view", "subjects")
        rows = [row for page in self._exporter.pages("views.vw_rpt_training_subject") for row in page]
        yield [parse.record(Kind.SUBJECT, row["subject_id"], Subject(path=path)) for row, path in parse.subject_paths(rows)]

    def _providers(self) -> Iterator[Sequence[Record]]:
        self._need("reporting_provider_view", "providers")
        for page in self._exporter.pages("views.vw_rpt_training_provider"):
            values = ((row["provider_id"], Provider(name=row.get("name") or "", active=bool(row.get("active", True)))) for row in page)
            yield [parse.record(Kind.PROVIDER, id, value) for id, value in values]

    def _trainings(self, kind: Kind, word: str) -> Iterator[Sequence[Record]]:
        """The export names them, their details are read one by one: what the actor may not see is left out."""
        self._need("data_exporter", f"all {word} learning objects")
        for page in self._exporter.pages("export.training_core", filter=f"lo_type eq '{word}'"):
            ids = [parse.guid(row["object_id"]) for row in page if not removed(row)]
            for start in range(0, len(ids), DETAILS_PER_PAGE):
                readings = (self._catalogue.read(kind, id) for id in ids[start : start + DETAILS_PER_PAGE])
                yield [reading.record for reading in readings if isinstance(reading, Present)]

    def _transcripts(self) -> Iterator[Sequence[Record]]:
        name = "export.transcript_core" if self._exports() else "views.vw_rpt_transcript"
        titles = self.status_titles()
        for page in self._exporter.pages(name):
            yield [parse.transcript_row(row, titles=titles) for row in page if not removed(row)]

    def enrollments_between(self, start: datetime, end: datetime) -> Iterator[Page]:
        """By registration date. It is not known to be indexed, so the filter is ours: the export is read whole."""

        def within(record: Record) -> bool:
            registered = record.facts.get("registered_at")
            return registered is not None and start <= registered < end

        return _pages([row for row in batch if within(row)] for batch in self._transcripts())

    def status_titles(self) -> Mapping[int, str]:
        """Numeric ids of statuses differ per portal, so they are always looked up."""
        if not self._titles:
            pages = self._exporter.pages("views.vw_rpt_transcript_status")
            self._titles = {row["status_id"]: row["title"] for page in pages for row in page}
        return self._titles

    def _exports(self) -> bool:
        return self._portal.contract.switch("data_exporter")

    def _need(self, switch: str, what: str) -> None:
        if not self._portal.contract.switch(switch):
            raise Unsupported(f"cornerstone: {what} cannot be listed on this portal (register: {switch})")

    # ---- what changed

    def changes(self, kind: Kind, cursor: str | None) -> ChangePage:
        names = (FEEDS if self._exports() else VIEWS).get(kind)
        if names is None:
            raise Unsupported(f"cornerstone has no change feed of {kind}")
        at = _positions(cursor)
        hints: dict[RecordKey, Hint] = {}
        for name in names:
            position, rows = self._advance(name, at.get(name))
            at[name] = position
            for hint in self._hints(kind, name, rows):
                hints[hint.key] = hint
        more = any("next" in at[name] for name in names)
        return ChangePage(hints=tuple(hints.values()), cursor=json.dumps(at, sort_keys=True), more=more)

    def _advance(self, name: str, position: Mapping[str, Any] | None) -> tuple[dict[str, Any], Sequence[parse.Row]]:
        """One request of one feed: its new position, and the rows to be told."""
        if position is None:
            return self._begin(name, tell=False)
        if "since" in position:
            return ({**position}, ()) if name in UNSTAMPED else self._window(name, position)
        link = str(position.get("next") or position.get("delta"))
        try:
            batch = self._exporter.follow(name, link, delta="delta" in position)
        except DeltaLost:
            return self._begin(name, tell=True)
        tell = bool(position.get("tell", True))
        return _position(batch, tell=tell, name=name), batch.rows if tell else ()

    def _begin(self, name: str, *, tell: bool) -> tuple[dict[str, Any], Sequence[parse.Row]]:
        """A delta link stands at the end of a full read; the rows of the first one are not told, for scans do that."""
        if self._exports() and self._portal.contract.switch("data_exporter_delta"):
            try:
                batch = self._exporter.first(name, track=True)
                return _position(batch, tell=tell, name=name), batch.rows if tell else ()
            except Refused as err:
                if err.code != "untracked":
                    raise
        if not self._portal.transport.clock.heard:
            self._exporter.first(name, query={"top": "1"})
        return {"since": _stamp(self._portal.transport.clock.now())}, ()

    def _window(self, name: str, position: Mapping[str, Any]) -> tuple[dict[str, Any], Sequence[parse.Row]]:
        if link := position.get("next"):
            batch, until = self._exporter.follow(name, str(link)), str(position["until"])
        else:
            since = datetime.fromisoformat(str(position["since"])) - OVERLAP
            batch, until = (
                self._exporter.first(name, query={"filter": f"{STAMP} ge {_stamp(since)}"}),
                _stamp(self._portal.transport.clock.now()),
            )
        if batch.next_link:
            return {"since": position["since"], "until": until, "next": batch.next_link}, batch.rows
        return {"since": until}, batch.rows

    def _hints(self, kind: Kind, name: str, rows: Iterable[parse.Row]) -> Iterator[Hint]:
        options = self._portal.options
        for row in rows:
            gone = removed(row)
            if kind is Kind.PERSON:
                # A row of user_ou_core that went away is a move, not a departure.
                yield _hint(kind, row["user_id"], deleted=gone and name == "export.users_core")
            elif kind is Kind.ENROLLMENT:
                object_id = parse.guid(row["transc_object_id"])
                id = f"{row['transc_user_id']}:{object_id}:{row.get('reg_num') or 1}"
                yield _hint(kind, id, deleted=gone, offering_id=object_id)
            elif gone or (row.get("type_id") == LOCATION if kind is Kind.LOCATION else row.get("type_id") in options.org_unit_types):
                yield _hint(kind, row["ou_id"], deleted=gone)


def _pages(batches: Iterable[Sequence[Record]]) -> Iterator[Page]:
    """Rows may come again across pages and are told once. The last page says that every row was seen."""
    seen: set[str] = set()
    waiting: tuple[Record, ...] | None = None
    for batch in batches:
        if waiting is not None:
            yield Page(records=waiting)
        fresh = {record.id: record for record in batch if record.id not in seen}
        seen.update(fresh)
        waiting = tuple(fresh.values())
    yield Page(records=waiting or (), complete=True)


def _hint(kind: Kind, id: object, *, deleted: bool, offering_id: str | None = None) -> Hint:
    return Hint(key=RecordKey(kind, SystemName.CORNERSTONE, str(id)), deleted=deleted, offering_id=offering_id)


def _position(batch: Batch, *, tell: bool, name: str) -> dict[str, Any]:
    if batch.next_link:
        return {"next": batch.next_link, "tell": tell}
    if batch.delta_link:
        return {"delta": batch.delta_link}
    raise Malformed(f"cornerstone {name}: the last page of a tracked read carries no delta link")


def _positions(cursor: str | None) -> dict[str, Any]:
    if cursor is None:
        return {}
    try:
        at = json.loads(cursor)
    except ValueError as err:
        raise Malformed(f"cornerstone: {cursor[:80]!r} is no cursor of a change feed") from err
    if not isinstance(at, dict):
        raise Malformed(f"cornerstone: {cursor[:80]!r} is no cursor of a change feed")
    return at


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
