"""Scans of whole kinds, by the bulk services where the portal has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from csod_pipelines.model.keys import Kind
from csod_pipelines.model.readings import Present, Reading
from csod_pipelines.model.records import Record, Subject
from csod_pipelines.systems.base import Page
from csod_pipelines.systems.cornerstone import parse
from csod_pipelines.systems.cornerstone.calls import Portal
from csod_pipelines.systems.cornerstone.catalogue import Catalogue
from csod_pipelines.systems.cornerstone.compact import Homes, SeenIds
from csod_pipelines.systems.cornerstone.exporter import Exporter, removed
from csod_pipelines.systems.cornerstone.options import LOCATION
from csod_pipelines.systems.cornerstone.people import People
from csod_pipelines.systems.cornerstone.platform import Platform
from csod_pipelines.systems.errors import Unsupported
from csod_pipelines.systems.reading import Tolerant

DETAILS_PER_PAGE = 50


class Scans:
    def __init__(self, portal: Portal, *, platform: Platform, exporter: Exporter, people: People, catalogue: Catalogue) -> None:
        self._portal = portal
        self._platform = platform
        self._exporter = exporter
        self._people = people
        self._catalogue = catalogue
        self._titles: dict[int, str] = {}

    def scan(self, kind: Kind) -> Iterator[Page]:
        readers = {
            Kind.PERSON: self._users,
            Kind.ORG_UNIT: self._org_units,
            Kind.LOCATION: self._locations,
            Kind.SUBJECT: self._subjects,
            Kind.PROVIDER: self._providers,
            Kind.COURSE: partial(self._trainings, Kind.COURSE, "Event"),
            Kind.OFFERING: partial(self._trainings, Kind.OFFERING, "Session"),
            Kind.ENROLLMENT: self._transcripts,
        }
        if kind not in readers:
            raise Unsupported(f"cornerstone has no list of {kind}")
        tolerant = Tolerant(f"cornerstone {kind}")
        return _pages(readers[kind](tolerant), tolerant)

    def _users(self, tolerant: Tolerant) -> Iterator[Sequence[Record]]:
        if not self._exports():
            for page in self._platform.employees_to_work():
                yield from self._details(page, lambda row: self._people.read_person(str(row["id"])), tolerant)
            return
        mine, pilot = self._portal.options.person_ou_type, self._portal.options.pilot_group
        homes, pilots = Homes(), None if pilot is None else set[Any]()

        def told(page: Sequence[parse.Row]) -> list[Any]:
            """Of 10,000 memberships the few that count: whose home, or whose pilot group, it is."""
            rows = [row for row in page if not removed(row)]
            at_home = [[row["user_id"], row["ou_id"]] for row in rows if row.get("ou_type_id") == mine]
            return [at_home, [row["user_id"] for row in rows if pilot is not None and str(row["ou_id"]) == pilot]]

        for at_home, in_pilot in self._exporter.kept_pages("export.user_ou_core", told):
            for user_id, ou_id in at_home:
                homes.put(user_id, ou_id)
            if pilots is not None:
                pilots.update(in_pilot)
            yield ()  # whoever follows the scan may tell how it goes on
        for page in self._exporter.pages_to_work("export.users_core"):
            rows = (row for row in page if not removed(row))
            yield tolerant.records(rows, partial(_user, homes=homes, pilots=pilots))

    def _org_units(self, tolerant: Tolerant) -> Iterator[Sequence[Record]]:
        options = self._portal.options
        if self._exports():
            types = options.org_unit_types
            for rows in self._exporter.kept_pages(
                "export.ou_core", lambda page: [row for row in page if not removed(row) and row.get("type_id") in types]
            ):
                yield tolerant.records(rows, partial(parse.exported_ou, options=options))
            return
        for type_id in options.org_unit_types:
            for page in self._platform.ous(typeId=type_id):
                yield tolerant.records(page, partial(parse.org_unit, options=options))

    def _locations(self, tolerant: Tolerant) -> Iterator[Sequence[Record]]:
        """By the OU service, for only its rows show the time zone."""
        for page in self._platform.ous(typeId=LOCATION):
            yield tolerant.records(page, parse.location)

    def _subjects(self, tolerant: Tolerant) -> Iterator[Sequence[Record]]:
        self._need("reporting_subject_view", "subjects")
        rows = [row for page in self._exporter.pages("views.vw_rpt_training_subject") for row in page]
        paths = {row["subject_id"]: path for row, path in parse.subject_paths(rows)}
        yield tolerant.records(rows, lambda row: parse.record(Kind.SUBJECT, row["subject_id"], Subject(path=paths[row["subject_id"]])))

    def _providers(self, tolerant: Tolerant) -> Iterator[Sequence[Record]]:
        self._need("reporting_provider_view", "providers")
        for page in self._exporter.pages("views.vw_rpt_training_provider"):
            yield tolerant.records(page, parse.provider)

    def _trainings(self, kind: Kind, word: str, tolerant: Tolerant) -> Iterator[Sequence[Record]]:
        """The export names them, their details are read one by one: what the actor may not see is left out."""
        self._need("data_exporter", f"all {word} learning objects")
        for page in self._exporter.pages("export.training_core", filter=f"lo_type eq '{word}'"):
            rows = [row for row in page if not removed(row)]
            yield from self._details(rows, lambda row: self._catalogue.read(kind, parse.guid(row["object_id"])), tolerant)

    def _details(self, rows: Sequence[parse.Row], read: Callable[[parse.Row], Reading], tolerant: Tolerant) -> Iterator[Sequence[Record]]:
        """The records of a list's rows, each asked for by itself."""
        for start in range(0, len(rows), DETAILS_PER_PAGE):
            some = rows[start : start + DETAILS_PER_PAGE]
            shown = [reading.record for reading in map(read, some) if isinstance(reading, Present)]
            tolerant.skipped += len(some) - len(shown)
            yield shown

    def _transcripts(self, tolerant: Tolerant) -> Iterator[Sequence[Record]]:
        name = "export.transcript_core" if self._exports() else "views.vw_rpt_transcript"
        titles = self.status_titles()
        for page in self._exporter.pages(name):
            yield tolerant.records((row for row in page if not removed(row)), partial(parse.transcript_row, titles=titles))

    def enrollments_between(self, start: datetime, end: datetime) -> Iterator[Page]:
        """By registration date. It is not known to be indexed, so the filter is ours: the export is read whole."""

        def within(record: Record) -> bool:
            registered = record.facts.get("registered_at")
            return registered is not None and start <= registered < end

        tolerant = Tolerant("cornerstone transcripts")
        return _pages(([row for row in batch if within(row)] for batch in self._transcripts(tolerant)), tolerant)

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


def _user(row: parse.Row, *, homes: Homes, pilots: set[Any] | None) -> Record:
    id = row.get("user_id")
    return parse.exported_user(row, org_unit_id=homes.get(id), in_pilot=None if pilots is None else id in pilots)


def _pages(batches: Iterable[Sequence[Record]], tolerant: Tolerant) -> Iterator[Page]:
    """Rows may come again across pages and are told once. The last page, which may be empty, says whether every row was seen."""
    seen = SeenIds()
    for batch in batches:
        yield Page(records=tuple(record for record in batch if seen.add(record.id)))
    yield Page(records=(), complete=not tolerant.skipped)
