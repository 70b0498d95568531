"""Events and sessions: read by their details, found by number, created and (sessions) changed through the LO service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from csod_pipelines.model.keys import Kind
from csod_pipelines.model.readings import Present, Reading, Unknown
from csod_pipelines.model.records import Course, CourseState, Offering, Part, Record
from csod_pipelines.systems.base import Draft, Written
from csod_pipelines.systems.contract import Contract
from csod_pipelines.systems.cornerstone import parse
from csod_pipelines.systems.cornerstone.audience import Audiences
from csod_pipelines.systems.cornerstone.exporter import Exporter
from csod_pipelines.systems.cornerstone.legacy import Legacy
from csod_pipelines.systems.cornerstone.options import CornerstoneOptions
from csod_pipelines.systems.cornerstone.refs import Refs
from csod_pipelines.systems.cornerstone.timezones import zone_of
from csod_pipelines.systems.errors import Forbidden, Indeterminate, Refused, Unsupported
from csod_pipelines.systems.walltime import to_wall

PART_NAME_CHARS = 50


class Catalogue:
    def __init__(
        self,
        legacy: Legacy,
        exporter: Exporter,
        refs: Refs,
        audiences: Audiences,
        *,
        options: CornerstoneOptions,
        contract: Contract,
    ) -> None:
        self._legacy = legacy
        self._exporter = exporter
        self._refs = refs
        self._audiences = audiences
        self._options = options
        self._contract = contract
        self._numbers: dict[str, str] = {}

    # ---- reading and finding

    def read(self, kind: Kind, id: str) -> Reading:
        item = self._legacy.details(id)
        if isinstance(item, str):
            return Unknown(f"cornerstone, of {id}: {item}")
        wanted = "Event" if kind is Kind.COURSE else "Session"
        if item.get("Type") != wanted:
            return Unknown(f"cornerstone: {id} is a {item.get('Type')}, not a {wanted}")
        return Present(parse.event(item) if kind is Kind.COURSE else parse.session(item, refs=self._refs))

    def find_course(self, wanted: Course) -> tuple[Record, ...]:
        """By event number through the exporter; where that is off, by title in the catalog, which the number then confirms."""
        if self._contract.switch("data_exporter"):
            query = f"lo_type eq 'Event' and lo_ref eq '{wanted.code.replace(chr(39), chr(39) * 2)}'"
            ids = [row["object_id"] for row in self._exporter.matching("export.training_core", query) if row.get("lo_ref") == wanted.code]
        else:
            query_by = {"Title": wanted.title, "TrainingType": "Event", "IncludeInactive": "true"}
            ids = [row["ObjectId"] for page in self._legacy.catalog(**query_by) for row in page]
        found = [self._shown(id) for id in dict.fromkeys(ids)]
        return tuple(row for row in found if isinstance(row.value, Course) and row.value.code == wanted.code)

    def _shown(self, id: str) -> Record:
        """An event that a list named. One that is then not shown may be the one that is looked for: nobody can say "not there"."""
        reading = self.read(Kind.COURSE, id)
        if isinstance(reading, Present):
            return reading.record
        raise Forbidden(f"cornerstone lists the event {id}, but does not show it to {self._options.actor}")

    def find_offering(self, code: str | None) -> tuple[Record, ...]:
        """By our session number; several sessions under one number are refused with code ``multiple``."""
        if not code:
            raise Unsupported("cornerstone: a session without a number cannot be looked for")
        roster = self._legacy.roster(sessionNumber=code)
        if roster is None:
            return ()
        reading = self.read(Kind.OFFERING, parse.guid(roster["SessionLOID"]))
        if isinstance(reading, Present):
            return (reading.record,)
        raise Forbidden(f"cornerstone has a session {code}, but does not show it to {self._options.actor}")

    # ---- events

    def create_course(self, value: Course) -> Written:
        item: dict[str, Any] = {
            "EventName": value.title,
            "EventNumber": value.code,
            "Description": value.description,
            "OptionsActive": value.state is CourseState.PUBLISHED,
            "AbilityToSelectSessions": "All",
            "CopyAvailabilityToNewSessions": True,
        }
        if provider := value.provider or self._options.provider:
            item["PrimaryProviderName"] = provider
        record = self._record("Event", EventItem=item)
        record["SubjectTitles"] = [{"Title": title} for title in value.subjects]
        row = self._legacy.create(record)
        id = _created_id(row, "event")
        self._numbers[id] = value.code
        return Written(id=id, facts={"code": value.code})

    # ---- sessions

    def create_offering(self, draft: Draft, value: Offering) -> Written:
        item: dict[str, Any] = {
            "EventID": draft.facts.get("event_number") or self._number(value.course_id),
            "SessionID": value.code or draft.marker,
            **_places(value, frozenset({"min_places", "max_places"})),
            "Parts": self._parts(value),
        }
        row = self._legacy.create(self._record("Session", SessionItem=item))
        return Written(id=_created_id(row, "session"), facts={"locator": row.get("Locator"), "code": item["SessionID"]})

    def update_offering(self, id: str, value: Offering, fields: frozenset[str]) -> Written:
        if fields & {"course_id", "title", "state"}:
            raise Unsupported("cornerstone: the event, the title and the state of a session cannot be changed through the API")
        item: dict[str, Any] = {"LoID": id, **_places(value, fields)}
        if "code" in fields and value.code:
            item["SessionID"] = value.code
        if fields & {"parts", "location_id"}:
            item["Parts"] = self._parts(value)
        row = self._legacy.update({"ActorID": self._options.actor, "Type": "Session", "SessionItem": item})
        return Written(id=id, facts={"locator": row.get("Locator")})

    def _number(self, course_id: str | None) -> str:
        if course_id is None:
            raise Refused("cornerstone: a session needs the event that it belongs to", code="course", fields=("course_id",))
        if course_id not in self._numbers:
            reading = self.read(Kind.COURSE, course_id)
            if not isinstance(reading, Present) or not isinstance(reading.record.value, Course):
                raise Refused(
                    f"cornerstone does not show the event {course_id} to {self._options.actor}", code="hidden", fields=("course_id",)
                )
            self._numbers[course_id] = reading.record.value.code
        return self._numbers[course_id]

    def _record(self, kind: str, **item: Mapping[str, Any]) -> dict[str, Any]:
        return {
            "ActorID": self._options.actor,
            "Type": kind,
            "Availabilities": self._audiences.availabilities(),
            "AvailableLanguages": self._audiences.languages(),
            **item,
        }

    def _parts(self, value: Offering) -> list[dict[str, Any]]:
        """The whole list, for parts that are left out are removed. Names must differ within a session."""
        names: set[str] = set()
        return [self._part(part, part.location_id or value.location_id, names) for part in value.parts]

    def _part(self, part: Part, place: str | None, names: set[str]) -> dict[str, Any]:
        ref = self._refs.place_ref(place)
        zone = self._zone(ref)
        sent: dict[str, Any] = {
            "PartName": _name(part.title, names),
            "PartStartDateTime": _wall(part.start, zone),
            "PartEndDateTime": _wall(part.end, zone),
            "PartOccurrence": "ONCE",
            "IsPartLocationConfirmationRequired": False,
        }
        if ref:
            sent["PartLocation"] = ref
        if part.id and part.id.isdigit():
            sent["PartId"] = int(part.id)
        if part.instructor_ids:
            sent["PartInstructors"] = [{"UserId": self._refs.user_ref(id)} for id in part.instructor_ids]
        return sent

    def _zone(self, place_ref: str | None) -> ZoneInfo:
        """In which zone Cornerstone reads a part's bare times: of the place, of the account, or UTC."""
        rule = self._contract.rule("part_time_zone_rule")
        if rule == "utc":
            return ZoneInfo("Etc/UTC")
        label = self._refs.place_label(place_ref) if rule == "location" else None
        return zone_of(label or self._options.account_time_zone)


def _places(value: Offering, fields: frozenset[str]) -> dict[str, int]:
    """The minimum goes down with a maximum that falls below it: a session whose seats are closed keeps none."""
    if "max_places" in fields and (value.min_places or 0) > (value.max_places if value.max_places is not None else 10**9):
        value, fields = replace(value, min_places=value.max_places), fields | {"min_places"}
    names = {"min_places": "MinimumRegistration", "max_places": "MaximumRegistration"}
    return {wire: getattr(value, name) for name, wire in names.items() if name in fields and getattr(value, name) is not None}


def _wall(moment: datetime, zone: ZoneInfo) -> str:
    return to_wall(moment, zone).strftime("%Y-%m-%dT%H:%M:%S")


def _name(title: str, taken: set[str]) -> str:
    name = " ".join(title.split())[:PART_NAME_CHARS] or "Part"
    number = 2
    while name.casefold() in taken:
        ending = f" ({number})"
        name = f"{(' '.join(title.split()) or 'Part')[: PART_NAME_CHARS - len(ending)]}{ending}"
        number += 1
    taken.add(name.casefold())
    return name


def _created_id(row: Mapping[str, Any], what: str) -> str:
    if not row.get("LOID"):
        raise Indeterminate(f"cornerstone created a {what} without telling its id; it must be looked up")
    return parse.guid(row["LOID"])
