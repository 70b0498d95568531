"""One side's record as the other side should hold it."""

from __future__ import annotations

import pytest

from csod_pipelines.model.keys import Kind, RecordKey
from csod_pipelines.model.records import (
    Course,
    Enrollment,
    EnrollmentState,
    Location,
    OfferingState,
    OrgUnit,
    Part,
    Person,
    Provider,
    Subject,
)
from csod_pipelines.sync.translate import Reference, Terms, minted, natural_key, references, session_number, to_peer
from csod_pipelines_tests.unit.sync.records import A, C, offering, part, record

OU_7 = RecordKey(Kind.ORG_UNIT, C, "7")
NONE = Terms(refs={})


def test_an_org_unit_needs_its_parent_and_takes_it_along() -> None:
    unit = record(Kind.ORG_UNIT, C, OrgUnit(name=" Fire <dept> ", parent_id="7", active=False))
    assert references(unit) == (Reference(OU_7, True),)
    assert to_peer(unit, Terms(refs={OU_7: "acc-7"})) == OrgUnit(name="Fire dept", parent_id="acc-7", active=False)
    with pytest.raises(KeyError):
        to_peer(unit, NONE)


def test_a_top_org_unit_stands_alone() -> None:
    top = record(Kind.ORG_UNIT, C, OrgUnit(name="Top"))
    assert references(top) == ()
    assert to_peer(top, NONE) == OrgUnit(name="Top")


def test_a_parent_that_is_the_other_sides_root_is_no_parent_there() -> None:
    unit = record(Kind.ORG_UNIT, C, OrgUnit(name="Fire", parent_id="7"))
    assert to_peer(unit, Terms(refs={OU_7: ""})) == OrgUnit(name="Fire", parent_id=None)


def person(**given: object) -> Person:
    return Person(**{"first_name": "Ada", "last_name": "Byron", **given})  # pyright: ignore[reportArgumentType]


def test_a_person_is_cut_to_what_both_vendors_take_and_placed() -> None:
    long = person(first_name=" A" + "a" * 300, last_name="b" * 300, email="e" * 200, mobile="1" * 40, org_unit_id="7", active=False)
    found = to_peer(record(Kind.PERSON, C, long), Terms(refs={OU_7: "acc-7"}, default_org_unit="somewhere"))
    assert found == Person(
        first_name="A" + "a" * 199, last_name="b" * 200, email="e" * 128, mobile="1" * 30, org_unit_id="acc-7", active=False
    )
    assert references(record(Kind.PERSON, C, long)) == (Reference(OU_7, True),)


def test_a_person_without_unit_goes_to_the_default_one() -> None:
    terms = Terms(refs={OU_7: ""}, default_org_unit="somewhere")
    assert to_peer(record(Kind.PERSON, C, person()), terms) == person(org_unit_id="somewhere")
    assert to_peer(record(Kind.PERSON, C, person(org_unit_id="7")), terms) == person(org_unit_id="somewhere")
    assert references(record(Kind.PERSON, C, person())) == ()
    assert to_peer(record(Kind.PERSON, C, person(email=" ", mobile="")), NONE) == person()


def test_places_subjects_and_vendors_carry_their_names() -> None:
    hall = Location(name=" Hall" + "l" * 300, code=" H1 ", time_zone="UTC", active=False)
    assert to_peer(record(Kind.LOCATION, C, hall), NONE) == Location(name="Hall" + "l" * 196, code="H1", time_zone="UTC", active=False)
    assert to_peer(record(Kind.LOCATION, C, Location(name="Hall", code=" ")), NONE) == Location(name="Hall")
    assert to_peer(record(Kind.SUBJECT, C, Subject(path=(" Safety ", "Fire"))), NONE) == Subject(path=("Safety", "Fire"))
    assert to_peer(record(Kind.PROVIDER, C, Provider(name=" Acme ", active=False)), NONE) == Provider(name="Acme", active=False)
    for kind, value in ((Kind.LOCATION, hall), (Kind.SUBJECT, Subject(path=("a",))), (Kind.PROVIDER, Provider(name="a"))):
        assert references(record(kind, C, value)) == ()


def test_a_course_keeps_its_vendor_or_takes_the_configured_one() -> None:
    course = Course(code=" F1 ", title=" Fire ", description="d", subjects=("Safety",))
    assert to_peer(record(Kind.COURSE, A, course), Terms(refs={}, provider="House")) == Course(
        code="F1", title="Fire", description="d", subjects=("Safety",), provider="House"
    )
    own = Course(code="F1", title="Fire", provider="Acme")
    assert to_peer(record(Kind.COURSE, A, own), Terms(refs={}, provider="House")) == own
    assert to_peer(record(Kind.COURSE, A, course), NONE).provider is None  # pyright: ignore[reportAttributeAccessIssue]


def key(kind: Kind, id: str) -> RecordKey:
    return RecordKey(kind, A, id)


def test_an_offering_needs_its_course_and_can_do_without_places_and_instructors() -> None:
    value = offering(
        part("Day", location_id="l2", instructor_ids=("7", "8")), part("Eve", location_id="l1", instructor_ids=("8",)), location_id="l1"
    )
    assert references(record(Kind.OFFERING, A, value)) == (
        Reference(key(Kind.COURSE, "c"), True),
        Reference(key(Kind.LOCATION, "l1"), False),
        Reference(key(Kind.LOCATION, "l2"), False),
        Reference(key(Kind.PERSON, "7"), False),
        Reference(key(Kind.PERSON, "8"), False),
    )
    assert references(record(Kind.OFFERING, A, offering(course_id=None))) == ()


def test_an_offering_is_told_in_the_peers_ids_with_names_that_are_unique() -> None:
    value = offering(
        part("Day", id="a1", location_id="l2", instructor_ids=("8", "7", "9")),
        part("Day", id="a2", hours=3),
        part("Eve", hours=6, location_id="unknown"),
        location_id="l1",
        title=" Fire ",
        state=OfferingState.CANCELLED,
        min_places=1,
        max_places=9,
        code="EV-1",
    )
    refs = {
        key(Kind.COURSE, "c"): "LO",
        key(Kind.LOCATION, "l1"): "loc-1",
        key(Kind.LOCATION, "l2"): "loc-2",
        key(Kind.PERSON, "8"): "user-1",
        key(Kind.PERSON, "7"): "user-2",
    }
    found = to_peer(record(Kind.OFFERING, A, value, legacy_id=12), Terms(refs=refs, part_ids={"a1": "c1", "": "never"}))
    first, second, third = value.parts
    assert found == offering(
        Part(id="c1", title="Day", start=first.start, end=first.end, location_id="loc-2", instructor_ids=("user-1", "user-2")),
        Part(id=None, title="Day (2)", start=second.start, end=second.end, location_id="loc-1"),
        Part(id="never", title="Eve", start=third.start, end=third.end, location_id="loc-1"),
        course_id="LO",
        location_id="loc-1",
        title="Fire",
        state=OfferingState.CANCELLED,
        min_places=1,
        max_places=9,
        code="ADM-12",
    )


def test_an_offering_without_course_is_told_without_one_and_an_unknown_course_is_waited_for() -> None:
    bare = to_peer(record(Kind.OFFERING, A, offering(part(id="a1"), course_id=None), legacy_id=1), NONE)
    assert (bare.course_id, bare.location_id, bare.parts[0].id) == (None, None, None)  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(KeyError):
        to_peer(record(Kind.OFFERING, A, offering(), legacy_id=1), NONE)


def test_numbers_of_ours_are_minted_from_ids_that_never_change() -> None:
    event = record(Kind.OFFERING, A, offering(), legacy_id=12)
    assert (minted(event), session_number(event)) == ("ADM-12", "ADM-12")
    assert minted(record(Kind.PERSON, C, person(), id="9")) == "CSOD-9"


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (Kind.PERSON, person(email="Ada@Example.org", last_name="BYRON"), "person|ada@example.org|byron"),
        (Kind.PERSON, person(), "person:cornerstone:1"),
        (Kind.PERSON, person(email="a@b.c", last_name=""), "person:cornerstone:1"),
        (Kind.COURSE, Course(code="F-1", title="Fire"), "course|f-1"),
        (Kind.COURSE, Course(code="", title="Fire"), "course:cornerstone:1"),
        (Kind.SUBJECT, Subject(path=("Safety", "Fire")), "subject|safety/fire"),
        (Kind.PROVIDER, Provider(name="ACME"), "provider|acme"),
        (Kind.ORG_UNIT, OrgUnit(name="Fire"), "org_unit:cornerstone:1"),
        (Kind.ENROLLMENT, Enrollment(person_id="p", offering_id="o", state=EnrollmentState.ACTIVE), "enrollment:cornerstone:1"),
    ],
)
def test_records_of_one_thing_share_a_natural_key_and_never_an_address_alone(kind: Kind, value, expected: str) -> None:
    assert natural_key(record(kind, C, value)) == expected
