"""Events, their sessions and learners, over HTTP."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from csod_pipelines.model.keys import Kind, RecordKey, SystemName
from csod_pipelines.model.readings import Present
from csod_pipelines.model.records import Enrollment, EnrollmentState, Offering, OfferingState, OrgUnit, Person, Record
from csod_pipelines.systems.administrate import AdministrateSystem
from csod_pipelines.systems.administrate.logs import LogEntry
from csod_pipelines.systems.base import Draft, OutcomeRow, Refusal, Written
from csod_pipelines_tests.systems.vendor import Vendor


def event(vendor: Vendor, *, places: int | None = None, publish: bool = True, sessions: int = 2) -> str:
    template = vendor.act("create_template", code=f"T{vendor.last_request()}", title="Fire safety")
    vendor.act("publish_template", id=template["id"])
    days = [
        {"title": f"Day {day + 1}", "start": f"2026-07-{6 + day:02}T09:00:00", "end": f"2026-07-{6 + day:02}T17:00:00"}
        for day in range(sessions)
    ]
    made = vendor.act(
        "create_event",
        course_template_id=template["id"],
        title="Fire safety in July",
        time_zone_name="Europe/Paris",
        max_places=places,
        sessions=days,
        publish=publish,
    )
    return made["id"]


@pytest.fixture
def people(a_system: AdministrateSystem) -> list[Record]:
    home = a_system.create(Draft(kind=Kind.ORG_UNIT, value=OrgUnit(name="Home"), marker="h")).id
    drafts = [
        Draft(
            kind=Kind.PERSON,
            value=Person(first_name="P", last_name=f"N{number}", email=f"p{number}@example.org", org_unit_id=home),
            marker=f"p{number}",
        )
        for number in range(3)
    ]
    return [answer.record for answer in a_system.create_many(drafts) if isinstance(answer, Written) and answer.record]


def test_an_event_is_read_with_its_parts_as_utc_instants(a_system: AdministrateSystem, a_vendor: Vendor) -> None:
    id = event(a_vendor, places=12)
    reading = a_system.read(Kind.OFFERING, id)
    assert isinstance(reading, Present)
    value = reading.record.value
    assert isinstance(value, Offering)
    assert value.state is OfferingState.PUBLISHED and value.max_places == 12
    assert [part.title for part in value.parts] == ["Day 1", "Day 2"]
    assert value.parts[0].start == datetime(2026, 7, 6, 7, tzinfo=UTC)
    assert reading.record.facts["time_zone"] == "Europe/Paris" and reading.record.facts["taken"] == 0
    assert a_system.offering_of(value.parts[0].id or "") == id


def test_a_cancelled_session_is_no_part(a_system: AdministrateSystem, a_vendor: Vendor) -> None:
    id = event(a_vendor)
    first = a_vendor.state("sessions")[-1]
    a_vendor.act("cancel_session", id=first["id"])
    reading = a_system.read(Kind.OFFERING, id)
    assert isinstance(reading, Present) and isinstance(reading.record.value, Offering)
    assert first["id"] not in [part.id for part in reading.record.value.parts]


def test_learners_are_registered_listed_cancelled_and_reactivated(
    a_system: AdministrateSystem, a_vendor: Vendor, people: list[Record]
) -> None:
    id = event(a_vendor, places=10)
    answers = a_system.register(id, people, title="from Cornerstone")
    assert set(answers) == {row.id for row in people}
    roster = a_system.roster(id)
    assert roster.complete and roster.facts["places"] == 10 and roster.facts["held_elsewhere"] == 0
    assert {row.value.person_id for row in roster.rows if isinstance(row.value, Enrollment)} == {row.id for row in people}
    first = roster.rows[0]
    cancelled = a_system.withdraw(id, first, reason="left")
    assert cancelled.record is not None and isinstance(cancelled.record.value, Enrollment)
    assert cancelled.record.value.state is EnrollmentState.CANCELLED
    back = a_system.reactivate(id, first)
    assert back.record is not None and isinstance(back.record.value, Enrollment)
    assert back.record.value.state is EnrollmentState.ACTIVE
    reading = a_system.read(Kind.ENROLLMENT, first.id)
    assert isinstance(reading, Present) and reading.record == back.record


def test_a_full_event_refuses_only_those_who_find_no_place(a_system: AdministrateSystem, a_vendor: Vendor, people: list[Record]) -> None:
    id = event(a_vendor, places=2)
    answers = a_system.register(id, people, title="t")
    assert sorted(type(answer).__name__ for answer in answers.values()) == ["Refusal", "Written", "Written"]
    roster = a_system.roster(id)
    assert len(roster.rows) == 2


def test_an_event_that_is_not_published_refuses_everybody(a_system: AdministrateSystem, a_vendor: Vendor, people: list[Record]) -> None:
    answers = a_system.register(event(a_vendor, publish=False), people, title="t")
    assert all(isinstance(answer, Refusal) for answer in answers.values())


def test_marks_and_results_are_written_together_and_unmarked_stays_unmarked(
    a_system: AdministrateSystem, a_vendor: Vendor, people: list[Record]
) -> None:
    id = event(a_vendor)
    a_system.register(id, people, title="t")
    reading = a_system.read(Kind.OFFERING, id)
    assert isinstance(reading, Present) and isinstance(reading.record.value, Offering)
    first, second = (part.id or "" for part in reading.record.value.parts)
    by_person = {row.value.person_id: row for row in a_system.roster(id).rows if isinstance(row.value, Enrollment)}
    rows = [
        OutcomeRow(enrollment=by_person[people[0].id], person=people[0], attendance={first: True, second: True}, result=True),
        OutcomeRow(enrollment=by_person[people[1].id], person=people[1], attendance={first: False}, result=None),
    ]
    before = a_vendor.last_request()
    answers = a_system.record_outcomes(id, rows, submit=False)
    assert all(isinstance(answer, Written) for answer in answers.values())
    assert len(a_vendor.requests(before)) == 2
    values = {row.value.person_id: row.value for row in a_system.roster(id).rows if isinstance(row.value, Enrollment)}
    assert values[people[0].id].attendance == {first: True, second: True} and values[people[0].id].result is True
    assert values[people[1].id].attendance == {first: False} and values[people[1].id].result is None
    assert values[people[2].id].attendance == {}


def test_log_entries_are_written_in_one_request(a_system: AdministrateSystem, a_vendor: Vendor) -> None:
    id = event(a_vendor)
    a_system.ping()
    before = a_vendor.last_request()
    entries = [
        LogEntry(origin="Cornerstone", node_id=id, message="Session created", failed=False, details={"session": "ADM-1"}),
        LogEntry(origin="Cornerstone", message="Run ended", failed=True),
    ]
    assert a_system.write_logs(entries) == (None, None)
    assert len(a_vendor.requests(before)) == 1
    assert [row["message"] for row in a_vendor.state("integration_logs")][-2:] == ["Session created", "Run ended"]


def test_reserved_places_are_counted_as_held_elsewhere(a_system: AdministrateSystem, a_vendor: Vendor, people: list[Record]) -> None:
    id = event(a_vendor, places=10)
    a_vendor.act("reserve_places", id=id, quantity=3)
    a_system.register(id, people[:1], title="t")
    assert a_system.roster(id).facts["held_elsewhere"] == 3


def test_the_id_of_a_session_can_carry_external_ids(a_system: AdministrateSystem, a_vendor: Vendor) -> None:
    id = event(a_vendor)
    session = a_vendor.state("sessions")[-1]["id"]
    a_system.remember(RecordKey(Kind.OFFERING, SystemName.ADMINISTRATE, session), {"csod:portal:part": "50001"})
    reading = a_system.read(Kind.OFFERING, id)
    assert isinstance(reading, Present)
    assert reading.record.facts["part_external_ids"][session] == {"csod:portal:part": "50001"}
