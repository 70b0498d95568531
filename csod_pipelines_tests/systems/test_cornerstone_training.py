"""Events, sessions and rosters of Cornerstone, over HTTP."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import pytest

from csod_pipelines.model.keys import Kind
from csod_pipelines.model.readings import Gone, Present, Unknown
from csod_pipelines.model.records import Course, Enrollment, EnrollmentState, Offering, Part, Record
from csod_pipelines.systems import cornerstone
from csod_pipelines.systems.base import Draft, OutcomeRow, Refusal, Written
from csod_pipelines.systems.cornerstone import CornerstoneOptions, CornerstoneSystem
from csod_pipelines.systems.errors import Forbidden, Refused, Unsupported
from csod_pipelines_tests.systems.vendor import Vendor

COURSE = Course(code="FIRE-1", title="Fire safety", description="Out.", subjects=("Fire safety",), provider="Red Cross")


def place(system: CornerstoneSystem, ref: str = "LOC-PARIS") -> str:
    rows = (record for page in system.scan(Kind.LOCATION) for record in page.records)
    return next(row.id for row in rows if row.facts["ref"] == ref)


def course(system: CornerstoneSystem) -> str:
    return system.create(Draft(kind=Kind.COURSE, value=COURSE, marker="FIRE-1")).id


def offering(course_id: str, place_id: str | None, *, start: datetime, days: int = 2, places: int = 12) -> Offering:
    parts = tuple(
        Part(title=f"Day {day + 1}", start=start + timedelta(days=day), end=start + timedelta(days=day, hours=8)) for day in range(days)
    )
    return Offering(
        course_id=course_id, code="ADM-55", title="Fire safety", min_places=2, max_places=places, location_id=place_id, parts=parts
    )


def present(system: CornerstoneSystem, kind: Kind, id: str) -> Record:
    reading = system.read(kind, id)
    assert isinstance(reading, Present), reading
    return reading.record


def session(system: CornerstoneSystem, *, start: datetime | None = None, **more: int) -> str:
    start = start or (system.now() + timedelta(days=30)).replace(hour=7, minute=0, second=0, microsecond=0)
    value = offering(course(system), place(system), start=start, **more)
    return system.create(Draft(kind=Kind.OFFERING, value=value, marker="ADM-55")).id


def users(system: CornerstoneSystem, count: int) -> list[Record]:
    found = [record for page in system.scan(Kind.PERSON) for record in page.records]
    return [row for row in found if row.value.active and row.facts["user_ref"].startswith("E")][:count]  # type: ignore[union-attr]


def registered(system: CornerstoneSystem, id: str, people: list[Record]) -> dict[str, Record]:
    system.register(id, people, title="intent-1")
    for _ in range(50):
        rows = {row.value.person_id: row for row in system.roster(id).rows}  # type: ignore[union-attr]
        if {person.id for person in people} <= set(rows):
            return rows
        time.sleep(0.1)
    raise AssertionError("the assignment was never worked off")


def test_an_event_is_created_found_by_its_number_and_read_back(c_system: CornerstoneSystem) -> None:
    id = course(c_system)
    assert present(c_system, Kind.COURSE, id).value == COURSE
    assert [row.id for row in c_system.find(Kind.COURSE, COURSE)] == [id]
    with pytest.raises(Refused, match="Event number already exists"):
        c_system.create(Draft(kind=Kind.COURSE, value=COURSE, marker="FIRE-1"))
    with pytest.raises(Unsupported):
        c_system.update(Kind.COURSE, id, COURSE, frozenset({"title"}))


def test_an_event_that_is_listed_and_not_shown_may_be_the_one_and_is_not_said_to_be_missing(
    c_system: CornerstoneSystem, c_vendor: Vendor
) -> None:
    course(c_system)
    unseen = '{"data": [{"Result": "Failed", "Reason": "Object is not available to the user"}]}'
    c_vendor.fault("status", operation="lo.details", status=200, body=unseen)
    with pytest.raises(Forbidden, match="does not show it"):
        c_system.find(Kind.COURSE, COURSE)


def test_an_event_is_found_through_the_catalog_where_the_exporter_is_off(c_options: CornerstoneOptions) -> None:
    system = cornerstone.open(c_options)
    system = cornerstone.open(c_options, contract=system.contract.with_values({"data_exporter": False}))
    id = course(system)
    assert [row.id for row in system.find(Kind.COURSE, COURSE)] == [id]


def test_a_session_reads_back_as_the_instants_that_were_written(c_system: CornerstoneSystem) -> None:
    start = datetime(2027, 3, 27, 8, 0, tzinfo=UTC)  # the clocks of Paris go forward between its two days
    course_id, place_id = course(c_system), place(c_system)
    wanted = offering(course_id, place_id, start=start)
    written = c_system.create(Draft(kind=Kind.OFFERING, value=wanted, marker="ADM-55"))
    record = present(c_system, Kind.OFFERING, written.id)
    value = record.value
    assert isinstance(value, Offering)
    assert (value.course_id, value.code, value.min_places, value.max_places, value.location_id) == (course_id, "ADM-55", 2, 12, place_id)
    assert [(part.title, part.start, part.end) for part in value.parts] == [(part.title, part.start, part.end) for part in wanted.parts]
    assert record.facts["min_parts"] == 2 and record.facts["taken"] == 0
    assert [row.id for row in c_system.find(Kind.OFFERING, wanted)] == [written.id]


@pytest.mark.parametrize("rule", ["account", "utc"])
def test_a_session_reads_back_right_under_every_zone_rule(c_options: CornerstoneOptions, c_vendor: Vendor, rule: str) -> None:
    account = "(UTC-08:00) Pacific Time (US & Canada)"
    c_vendor.config(part_time_zone_rule=rule, account_time_zone=account)
    try:
        from dataclasses import replace

        system = cornerstone.open(replace(c_options, account_time_zone=account))
        system = cornerstone.open(
            replace(c_options, account_time_zone=account), contract=system.contract.with_values({"part_time_zone_rule": rule})
        )
        start = datetime(2027, 7, 5, 7, 0, tzinfo=UTC)
        id = session(system, start=start)
        value = present(system, Kind.OFFERING, id).value
        assert isinstance(value, Offering) and value.parts[0].start == start
    finally:
        c_vendor.config(part_time_zone_rule="location", account_time_zone="(UTC) Coordinated Universal Time")


def test_an_hour_that_exists_twice_is_not_written(c_system: CornerstoneSystem) -> None:
    with pytest.raises(Refused) as refused:
        session(c_system, start=datetime(2027, 10, 31, 0, 30, tzinfo=UTC))  # 02:30 in Paris, once more an hour later
    assert refused.value.code == "wall_time"


def test_two_sessions_under_one_number_are_refused_as_multiple(c_system: CornerstoneSystem) -> None:
    course_id, place_id = course(c_system), place(c_system)
    value = offering(course_id, place_id, start=datetime(2027, 5, 3, 7, tzinfo=UTC))
    assert c_system.find(Kind.OFFERING, value) == ()
    for _ in range(2):
        c_system.create(Draft(kind=Kind.OFFERING, value=value, marker="ADM-55"))
    with pytest.raises(Refused) as refused:
        c_system.find(Kind.OFFERING, value)
    assert refused.value.code == "multiple"


def test_a_session_is_moved_enlarged_and_loses_a_part(c_system: CornerstoneSystem) -> None:
    id = session(c_system, days=3)
    value = present(c_system, Kind.OFFERING, id).value
    assert isinstance(value, Offering)
    from dataclasses import replace

    first, second, _ = value.parts
    moved = replace(first, start=first.start + timedelta(hours=1), end=first.end + timedelta(hours=1), title="Day one")
    wanted = replace(value, parts=(moved, second), max_places=20)
    c_system.update(Kind.OFFERING, id, wanted, frozenset({"parts", "max_places"}))
    assert present(c_system, Kind.OFFERING, id).value == wanted


def test_an_object_that_is_hidden_or_never_was_proves_nothing(c_system: CornerstoneSystem) -> None:
    assert isinstance(c_system.read(Kind.OFFERING, "00000000-0000-4000-8000-000000000000"), Unknown)
    assert isinstance(c_system.read(Kind.COURSE, "not a guid"), Unknown)


def test_users_are_registered_in_one_assignment_and_found_on_the_roster(c_system: CornerstoneSystem, c_vendor: Vendor) -> None:
    id = session(c_system)
    people = users(c_system, 3)
    before = c_vendor.last_request()
    rows = registered(c_system, id, people)
    assert len(c_vendor.writes_since(before)) == 1
    row = rows[people[0].id]
    assert row.id == f"{people[0].id}:{id}:1"
    assert isinstance(row.value, Enrollment) and row.value.state is EnrollmentState.ACTIVE and row.value.result is None
    assignment = c_system.find_assignment("intent-1")
    assert assignment is not None and c_system.assignment_state(assignment) == "Completed"
    assert c_system.find_assignment("intent-2") is None
    roster = c_system.roster(id)
    assert roster.facts["places"] == 12 and roster.facts["min_parts"] == 2 and roster.facts["ended_at"] > roster.facts["now"]
    assert sum(each["messages"] for each in c_vendor.requests(before)) == 0


def test_a_user_is_withdrawn_and_comes_back_under_a_new_number(c_system: CornerstoneSystem) -> None:
    id = session(c_system)
    (person,) = users(c_system, 1)
    row = registered(c_system, id, [person])[person.id]
    c_system.withdraw(id, row, reason="cancelled in Administrate")
    reading = c_system.read(Kind.ENROLLMENT, row.id)
    assert isinstance(reading, Present) and isinstance(reading.record.value, Enrollment)
    assert reading.record.value.state is EnrollmentState.CANCELLED
    again = c_system.reactivate(id, row)
    assert again.id == f"{person.id}:{id}:2"
    assert isinstance(c_system.read(Kind.ENROLLMENT, row.id), Gone)


def test_the_transcript_route_registers_one_by_one(c_options: CornerstoneOptions) -> None:
    from dataclasses import replace

    system = cornerstone.open(replace(c_options, enrollment_route="transcript"))
    id = session(system)
    (person,) = users(system, 1)
    answers = system.register(id, [person], title="x")
    answer = answers[person.id]
    assert isinstance(answer, Written) and answer.id == f"{person.id}:{id}:1"


def test_marks_and_results_complete_the_listed_users_after_the_end(c_system: CornerstoneSystem, c_vendor: Vendor) -> None:
    id = session(c_system)
    people = users(c_system, 3)
    rows = registered(c_system, id, people)
    parts = [part.id or "" for part in present(c_system, Kind.OFFERING, id).value.parts]  # type: ignore[union-attr]
    passed = OutcomeRow(enrollment=rows[people[0].id], person=people[0], attendance=dict.fromkeys(parts, True), result=True)
    absent = OutcomeRow(enrollment=rows[people[1].id], person=people[1], attendance=dict.fromkeys(parts, False), result=None)
    early = c_system.record_outcomes(id, [passed], submit=False)
    assert isinstance(early[rows[people[0].id].id], Refusal)
    c_vendor.advance(40 * 86_400)
    assert all(isinstance(answer, Written) for answer in c_system.record_outcomes(id, [passed, absent], submit=True).values())
    after = {row.value.person_id: row for row in c_system.roster(id).rows}  # type: ignore[union-attr]
    assert after[people[0].id].facts["status"] == "Completed" and after[people[0].id].facts["locked"] is True
    assert after[people[0].id].value.result is True and after[people[0].id].value.attendance == dict.fromkeys(parts, True)  # type: ignore[union-attr]
    assert after[people[1].id].facts["status"] == "No Show"
    assert after[people[1].id].value.state is EnrollmentState.NO_STATEMENT and after[people[1].id].value.result is None  # type: ignore[union-attr]
    assert after[people[2].id].value.state is EnrollmentState.ACTIVE  # type: ignore[union-attr]


def test_one_user_who_is_not_registered_costs_only_himself(c_system: CornerstoneSystem, c_vendor: Vendor) -> None:
    id = session(c_system)
    one, other = users(c_system, 2)
    row = registered(c_system, id, [one])[one.id]
    stranger = Record(key=row.key, value=row.value, facts={**row.facts, "user_ref": other.facts["user_ref"]})
    stranger = Record(key=type(row.key)(row.key.kind, row.key.system, f"{other.id}:{id}:1"), value=row.value, facts=stranger.facts)
    c_vendor.advance(40 * 86_400)
    parts = [part.id or "" for part in present(c_system, Kind.OFFERING, id).value.parts]  # type: ignore[union-attr]
    marks = dict.fromkeys(parts, True)
    answers = c_system.record_outcomes(
        id,
        [
            OutcomeRow(enrollment=stranger, person=other, attendance=marks, result=True),
            OutcomeRow(enrollment=row, person=one, attendance=marks, result=True),
        ],
        submit=True,
    )
    assert isinstance(answers[stranger.id], Refusal) and isinstance(answers[row.id], Written)
