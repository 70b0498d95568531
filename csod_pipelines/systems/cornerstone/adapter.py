"""Cornerstone behind the protocol of systems/base.py. Every method is a short call into the module of its subject."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from csod_pipelines.model.keys import Kind, RecordKey, SystemName
from csod_pipelines.model.readings import Gone, Present, Reading, Roster, Unknown
from csod_pipelines.model.records import Course, Offering, OrgUnit, Person, Record, Value
from csod_pipelines.systems.base import ChangePage, Draft, OutcomeRow, Page, Refusal, Written
from csod_pipelines.systems.contract import Contract
from csod_pipelines.systems.cornerstone import calls, oauth
from csod_pipelines.systems.cornerstone.assignments import Assignment, Assignments
from csod_pipelines.systems.cornerstone.audience import Audiences
from csod_pipelines.systems.cornerstone.catalogue import Catalogue
from csod_pipelines.systems.cornerstone.exporter import Exporter
from csod_pipelines.systems.cornerstone.feeds import Feeds
from csod_pipelines.systems.cornerstone.legacy import Legacy
from csod_pipelines.systems.cornerstone.options import CornerstoneOptions
from csod_pipelines.systems.cornerstone.people import People
from csod_pipelines.systems.cornerstone.platform import Platform
from csod_pipelines.systems.cornerstone.refs import Refs
from csod_pipelines.systems.cornerstone.rosters import Rosters
from csod_pipelines.systems.cornerstone.scans import Scans
from csod_pipelines.systems.cornerstone.transcripts import Transcripts
from csod_pipelines.systems.errors import Forbidden, Refused, Unsupported
from csod_pipelines.systems.tokens import TokenCache
from csod_pipelines.systems.transport import House, Transport


class CornerstoneSystem:
    name = SystemName.CORNERSTONE

    def __init__(self, options: CornerstoneOptions, *, house: House, contract: Contract) -> None:
        self.options = options
        self.contract = contract
        self.transport = Transport(
            self.name, house=house, blocked_until=calls.blocked_until, refused=Forbidden, rate_headers=calls.RATE_HEADERS
        )
        self.transport.tokens = TokenCache(partial(oauth.fetch, self.transport, options=options, contract=contract), clock=house.clock)
        self.portal = calls.Portal(self.transport, options=options, contract=contract)
        self.platform = Platform(self.portal)
        self.exporter = Exporter(self.portal)
        legacy = Legacy(self.portal)
        refs = Refs(self.platform, options=options, monotonic=house.clock.monotonic)
        audiences = Audiences(self.platform, options=options)
        self._assignments = Assignments(self.portal)
        self._people = People(self.platform, self.exporter, refs, options=options, contract=contract)
        self._catalogue = Catalogue(legacy, self.exporter, refs, audiences, options=options, contract=contract)
        self._rosters = Rosters(self.portal, legacy=legacy, transcripts=Transcripts(self.portal), assignments=self._assignments, refs=refs)
        self._feeds = Feeds(self.portal, self.exporter)
        self._scans = Scans(self.portal, platform=self.platform, exporter=self.exporter, people=self._people, catalogue=self._catalogue)

    def now(self) -> datetime:
        return self.transport.clock.now()

    def ping(self) -> None:
        """The cheapest call that proves address and credentials."""
        calls.accepted(self.portal.get("ous.types"), "ous.types")

    # ---- reading

    def read(self, kind: Kind, id: str) -> Reading:
        if kind is Kind.PERSON:
            return self._people.read_person(id)
        if kind in (Kind.ORG_UNIT, Kind.LOCATION):
            return self._people.read_ou(kind, id)
        if kind in (Kind.COURSE, Kind.OFFERING):
            return self._catalogue.read(kind, id)
        if kind is Kind.ENROLLMENT:
            return self._rosters.read(id)
        if kind in (Kind.SUBJECT, Kind.PROVIDER):
            return self.read_many(kind, [id])[id]
        raise Unsupported(f"cornerstone has no record of its own for {kind}")

    def read_many(self, kind: Kind, ids: Sequence[str]) -> Mapping[str, Reading]:
        wanted = list(dict.fromkeys(ids))
        if kind in (Kind.SUBJECT, Kind.PROVIDER):
            pages = list(self.scan(kind))
            rows = {record.id: record for page in pages for record in page.records}
            complete = bool(rows) and pages[-1].complete  # an empty view is a lost permission sooner than the end of all
            missing = Gone("not in the complete reporting view") if complete else Unknown("the reporting view is not known to be complete")
            return {id: Present(rows[id]) if id in rows else missing for id in wanted}
        if kind is Kind.ENROLLMENT:
            return self._rosters.read_many(wanted)
        return {id: self.read(kind, id) for id in wanted}

    def find(self, kind: Kind, wanted: Value, *, marker: str | None = None, facts: Mapping[str, Any] | None = None) -> tuple[Record, ...]:
        given = facts or {}
        match wanted:
            case Person():
                return self._people.find_person(wanted, ref=given.get("user_ref") or marker)
            case Course():
                return self._catalogue.find_course(wanted)
            case Offering():
                return self._catalogue.find_offering(wanted.code or marker)
        if kind in (Kind.ORG_UNIT, Kind.LOCATION):
            return self._people.find_ou(kind, ref=given.get("ref") or marker or getattr(wanted, "code", None))
        if kind in (Kind.SUBJECT, Kind.PROVIDER):
            return tuple(record for page in self.scan(kind) for record in page.records if record.value == wanted)
        raise Unsupported(f"cornerstone: a {kind} cannot be looked for")

    def find_by_external_id(self, kind: Kind, name: str, value: str) -> Record | None:
        """Cornerstone holds one external id a record, and it is the record's own; ours stand in Administrate."""
        return None

    # ---- writing

    def create(self, draft: Draft) -> Written:
        match draft.value:
            case Person() as value:
                return self._people.create_person(draft, value)
            case OrgUnit() as value:
                return self._people.create_ou(draft, value)
            case Course() as value:
                return self._catalogue.create_course(value)
            case Offering() as value:
                return self._catalogue.create_offering(draft, value)
        raise Unsupported(f"cornerstone: a {draft.kind} is never created from here")

    def create_many(self, drafts: Sequence[Draft]) -> tuple[Written | Refusal, ...]:
        """One by one: the services for single records are the ones that answer at once."""
        answers: list[Written | Refusal] = []
        for draft in drafts:
            try:
                answers.append(self.create(draft))
            except Refused as err:
                answers.append(Refusal(message=str(err), code=err.code, fields=err.fields))
        return tuple(answers)

    def update(self, kind: Kind, id: str, value: Value, fields: frozenset[str]) -> Written:
        match value:
            case Person():
                return self._people.update_person(id, value, fields)
            case OrgUnit():
                return self._people.update_ou(id, value, fields)
            case Offering():
                return self._catalogue.update_offering(id, value, fields)
        raise Unsupported(f"cornerstone: a {kind} cannot be changed through the API")

    def remember(self, key: RecordKey, ids: Mapping[str, str]) -> None:
        return None

    def remember_many(self, rows: Sequence[tuple[RecordKey, Mapping[str, str]]]) -> tuple[Refusal | None, ...]:
        return (None,) * len(rows)

    # ---- feeds

    def scan(self, kind: Kind) -> Iterator[Page]:
        return self._scans.scan(kind)

    def changes(self, kind: Kind, cursor: str | None) -> ChangePage:
        return self._feeds.changes(kind, cursor)

    def enrollments_between(self, start: datetime, end: datetime) -> Iterator[Page]:
        return self._scans.enrollments_between(start, end)

    # ---- rosters

    def roster(self, offering_id: str) -> Roster:
        return self._rosters.roster(offering_id)

    def register(self, offering_id: str, people: Sequence[Record], *, title: str, notify: bool = False) -> Mapping[str, Written | Refusal]:
        return self._rosters.register(offering_id, people, title=title, notify=notify)

    def withdraw(self, offering_id: str, enrollment: Record, *, reason: str, notify: bool = False) -> Written:
        """``notify`` has no counterpart here: the portal's e-mail settings decide."""
        return self._rosters.withdraw(offering_id, enrollment, reason=reason)

    def reactivate(self, offering_id: str, enrollment: Record) -> Written:
        return self._rosters.reactivate(offering_id, enrollment)

    def record_outcomes(self, offering_id: str, rows: Sequence[OutcomeRow], *, submit: bool) -> Mapping[str, Written | Refusal]:
        return self._rosters.record_outcomes(offering_id, rows, submit=submit)

    def assignment(self, assignment_id: str) -> Assignment | None:
        return self._assignments.get(assignment_id)

    def assignment_state(self, assignment_id: str) -> str | None:
        found = self._assignments.get(assignment_id)
        return found.status if found else None

    def find_assignment(self, title: str) -> str | None:
        found = self._assignments.find(title)
        return found.id if found else None

    def offering_of(self, part_id: str) -> str | None:
        return None

    # ---- links

    def link_to(self, key: RecordKey, facts: Mapping[str, Any]) -> str | None:
        base = self.options.base_url.rstrip("/")
        if key.kind in (Kind.COURSE, Kind.OFFERING):
            return str(self.contract.rule("learning_link")).format(base=base, id=key.id)
        if key.kind is Kind.PERSON:
            return str(self.contract.rule("user_link")).format(base=base, id=key.id)
        if key.kind in (Kind.ENROLLMENT, Kind.OUTCOME) and key.id.count(":") == 2:
            return str(self.contract.rule("learning_link")).format(base=base, id=key.id.split(":")[1])
        return None
