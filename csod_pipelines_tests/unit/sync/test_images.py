"""An image is what is compared of a record, as plain values."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from csod_pipelines.model.keys import Kind
from csod_pipelines.model.records import Course, CourseState, Enrollment, EnrollmentState, Subject
from csod_pipelines.sync.images import changed, image_of
from csod_pipelines_tests.unit.sync.records import A, C, offering, part, record


def test_an_offering_becomes_plain_values_with_instants_in_utc() -> None:
    east = timezone(timedelta(hours=2))
    block = part(start=datetime(2026, 10, 5, 11, tzinfo=east), end=datetime(2026, 10, 5, 13, tzinfo=east), id="p1", instructor_ids=("7",))
    image = image_of(record(Kind.OFFERING, A, offering(block, title="Fire safety", min_places=1)))
    assert image == {
        "course_id": "c",
        "code": None,
        "title": "Fire safety",
        "state": "published",
        "min_places": 1,
        "max_places": None,
        "location_id": None,
        "parts": [
            {
                "id": "p1",
                "title": "Day",
                "start": "2026-10-05T09:00:00+00:00",
                "end": "2026-10-05T11:00:00+00:00",
                "location_id": None,
                "instructor_ids": ["7"],
            }
        ],
    }
    assert type(image["state"]) is str


def test_who_and_where_an_enrollment_is_are_its_identity_and_not_compared() -> None:
    value = Enrollment(person_id="p", offering_id="o", state=EnrollmentState.ACTIVE, attendance={"2": False, "1": True}, result=True)
    image = image_of(record(Kind.ENROLLMENT, C, value))
    assert image == {"state": "active", "attendance": {"1": True, "2": False}, "result": True}
    assert list(image["attendance"]) == ["1", "2"]


def test_a_tuple_and_a_list_look_the_same_after_a_round_through_the_database() -> None:
    assert image_of(record(Kind.SUBJECT, C, Subject(path=("Safety", "Fire")))) == {"path": ["Safety", "Fire"]}
    course = Course(code="F1", title="Fire", state=CourseState.ARCHIVED)
    assert image_of(record(Kind.COURSE, A, course))["state"] == "archived"


def test_numbered_part_ids_are_keys_of_text() -> None:
    value = Enrollment(person_id="p", offering_id="o", state=EnrollmentState.ACTIVE, attendance={3: True})  # pyright: ignore[reportArgumentType]
    assert image_of(record(Kind.ENROLLMENT, C, value))["attendance"] == {"3": True}


def test_an_instant_outside_every_part_is_written_in_utc_too() -> None:
    value = Course(code="F1", title=datetime(2026, 1, 1, tzinfo=UTC))  # pyright: ignore[reportArgumentType]
    assert image_of(record(Kind.COURSE, A, value))["title"] == "2026-01-01T00:00:00+00:00"


def test_what_has_no_plain_form_is_left_for_the_database_to_refuse() -> None:
    odd = object()
    assert image_of(record(Kind.COURSE, A, Course(code="F1", title=odd)))["title"] is odd  # pyright: ignore[reportArgumentType]


def test_everything_is_changed_where_nothing_was_agreed_and_only_differences_afterwards() -> None:
    image = {"name": "Fire", "active": True}
    assert changed(image, None) == {"name", "active"}
    assert changed(image, {}) == {"name", "active"}
    assert changed(image, {"name": "Fire", "active": False}) == {"active"}
    assert changed(image, dict(image)) == frozenset()
    assert changed(image, image | {"gone": 1}) == frozenset()
