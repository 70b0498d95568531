"""Which fields of a pair are written: the owner's changes, and nothing that is only an echo or another spelling."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from csod_pipelines.model.keys import Kind
from csod_pipelines.model.records import Course, Location, Offering, OfferingState, OrgUnit, Person, Provider, Subject
from csod_pipelines.sync.images import image_of
from csod_pipelines.sync.plan import MAPPED, Change, edited_since, input_digest, part_pairs, plan_change, same
from csod_pipelines_tests.unit.sync.records import A, C, offering, part, record

ADA = Person(first_name="Ada", last_name="Byron", email="ada@example.org", mobile="1", org_unit_id="acc-1")


def planned(
    *, owner: Person = ADA, peer: Person = ADA, restore: bool = False, refused: Mapping[str, str] | None = None, based: bool = True
) -> Change:
    """Both sides agreed on ADA; now they show ``owner`` and ``peer``."""
    base = image_of(record(Kind.PERSON, C, ADA)) if based else None
    return plan_change(
        owner=record(Kind.PERSON, C, owner),
        owner_base=base,
        peer=record(Kind.PERSON, A, peer),
        peer_base=base,
        desired=owner,
        restore=restore,
        refused=refused or {},
    )


def test_these_fields_travel() -> None:
    assert dict(MAPPED) == {
        Kind.ORG_UNIT: {"name", "parent_id", "active"},
        Kind.PERSON: {"first_name", "last_name", "email", "mobile", "org_unit_id", "active"},
        Kind.LOCATION: {"name", "time_zone"},
        Kind.SUBJECT: {"path"},
        Kind.PROVIDER: {"name"},
        Kind.COURSE: {"title", "description", "subjects", "provider"},
        Kind.OFFERING: {"min_places", "max_places", "parts", "state"},
    }


@pytest.mark.parametrize("restore", [False, True])
def test_nothing_is_written_where_nobody_changed_anything(restore: bool) -> None:
    change = planned(restore=restore)
    assert (change.fields, change.open, change.digests) == (frozenset(), frozenset(), {})


def test_the_owners_change_is_written_and_nothing_beside_it() -> None:
    change = planned(owner=replace(ADA, mobile="2"))
    assert change.fields == {"mobile"}
    assert change.digests == {"mobile": input_digest("2")}
    assert change.open == frozenset()


def test_a_change_that_the_peer_already_shows_is_not_written() -> None:
    moved = replace(ADA, mobile="2")
    assert planned(owner=moved, peer=moved).fields == frozenset()


def test_without_a_base_only_what_differs_is_written() -> None:
    assert planned(owner=replace(ADA, last_name="King"), based=False).fields == {"last_name"}


def test_an_edit_on_the_peer_stays_until_the_reconciliation_and_its_base_is_kept() -> None:
    edited = replace(ADA, first_name="Augusta")
    change = planned(peer=edited)
    assert (change.fields, change.left, change.open, change.digests) == (frozenset(), {"first_name"}, {"first_name"}, {})
    restored = planned(peer=edited, restore=True)
    assert (restored.fields, restored.left) == ({"first_name"}, frozenset())


def test_an_edit_on_the_peer_that_says_the_same_is_nothing_left_open() -> None:
    assert planned(peer=replace(ADA, email="ADA@example.org")).open == frozenset()


def test_fields_that_do_not_travel_are_never_planned() -> None:
    here = Location(name="Hall", code="H1", time_zone="UTC")
    change = plan_change(
        owner=record(Kind.LOCATION, C, here),
        owner_base=None,
        peer=record(Kind.LOCATION, A, Location(name="Hall", code="other", time_zone="CET", active=False)),
        peer_base=None,
        desired=here,
        restore=True,
        refused={"code": "x"},
    )
    assert change.fields == {"time_zone"}
    assert change.left == frozenset()


def test_a_refused_value_is_not_sent_again_until_it_changes() -> None:
    moved = replace(ADA, mobile="2", first_name="A.")
    change = planned(owner=moved, refused={"mobile": input_digest("2"), "first_name": input_digest("B.")})
    assert (change.fields, change.refused, change.open) == ({"first_name"}, {"mobile"}, {"mobile"})
    assert set(change.digests) == {"mobile", "first_name"}


def test_a_refused_field_is_looked_at_again_by_the_reconciliation_alone() -> None:
    """Its base was kept, so the owner's side shows no change since; the peer never took the value."""
    behind = replace(ADA, mobile="0")
    base = image_of(record(Kind.PERSON, A, behind))
    given: dict[str, Any] = {
        "owner": record(Kind.PERSON, C, ADA),
        "owner_base": image_of(record(Kind.PERSON, C, ADA)),
        "peer": record(Kind.PERSON, A, behind),
        "peer_base": base,
        "desired": ADA,
        "refused": {"mobile": "an older value"},
    }
    assert plan_change(**given, restore=True).fields == {"mobile"}
    assert plan_change(**given, restore=False).fields == frozenset()


def test_digests_of_equal_inputs_are_equal_whatever_their_order_and_known_to_older_databases() -> None:
    assert input_digest({"a": 1, "b": 2}) == input_digest({"b": 2, "a": 1}) != input_digest({"a": 1, "b": 3})
    assert input_digest("x") == hashlib.sha256(b'"x"').hexdigest()
    assert input_digest(object) == input_digest(object)


@pytest.mark.parametrize(
    ("field", "wanted", "held", "equal"),
    [
        ("name", OrgUnit(name="a  b"), OrgUnit(name=" a b "), True),
        ("name", OrgUnit(name="a"), OrgUnit(name="A"), False),
        ("parent_id", OrgUnit(name="a", parent_id="1"), OrgUnit(name="a"), False),
        ("parent_id", OrgUnit(name="a"), OrgUnit(name="a", parent_id="1"), False),
        ("parent_id", OrgUnit(name="a", parent_id=""), OrgUnit(name="a"), True),
        ("parent_id", OrgUnit(name="a"), OrgUnit(name="a", parent_id=" "), True),
        ("active", OrgUnit(name="a"), OrgUnit(name="a"), True),
        ("active", OrgUnit(name="a", active=False), OrgUnit(name="a"), False),
        ("path", Subject(path=("a",)), Subject(path=("b",)), False),
        ("path", Subject(path=("a",)), Subject(path=("a",)), True),
        ("name", Provider(name="a"), Provider(name="b"), False),
        ("subjects", Course(code="1", title="t", subjects=("a",)), Course(code="1", title="t"), False),
        ("email", Person(first_name="a", last_name="b", email="A@b.c"), Person(first_name="a", last_name="b", email="a@B.c "), True),
        ("email", Person(first_name="a", last_name="b", email="a@b.c"), Person(first_name="a", last_name="b"), False),
        ("first_name", Person(first_name="a", last_name="b"), Person(first_name="A", last_name="b"), False),
    ],
)
def test_values_are_compared_by_their_fields_own_rule(field: str, wanted: Any, held: Any, equal: bool) -> None:
    assert same(field, wanted, held) is equal


CANCELLED = OfferingState.CANCELLED


@pytest.mark.parametrize(
    ("field", "wanted", "held", "equal"),
    [
        ("max_places", offering(max_places=10), offering(max_places=10), True),
        ("max_places", offering(max_places=10), offering(max_places=9), False),
        ("max_places", offering(), offering(max_places=9), True),
        ("max_places", offering(max_places=10, state=CANCELLED), offering(max_places=9), True),
        ("min_places", offering(min_places=2), offering(min_places=2), True),
        ("min_places", offering(min_places=2), offering(min_places=1), False),
        ("min_places", offering(), offering(min_places=1), True),
        ("min_places", offering(min_places=2, state=CANCELLED), offering(min_places=1), True),
        ("min_places", offering(min_places=2, max_places=3), offering(min_places=2, max_places=3), True),
        ("min_places", offering(min_places=5, max_places=3), offering(min_places=3, max_places=3), True),
        ("min_places", offering(min_places=5, max_places=3), offering(min_places=5, max_places=3), False),
        ("min_places", offering(max_places=3), offering(min_places=1, max_places=3), True),
        ("state", offering(), offering(max_places=0), True),
        ("state", offering(), offering(max_places=5), True),
        ("state", offering(state=CANCELLED), offering(max_places=0), True),
        ("state", offering(state=CANCELLED), offering(max_places=1), False),
        ("state", offering(state=CANCELLED), offering(), False),
    ],
)
def test_seats_and_cancellation_are_compared_as_cornerstone_can_say_them(field: str, wanted: Offering, held: Offering, equal: bool) -> None:
    assert same(field, wanted, held) is equal


def seats_planned(*, before: Offering, now: Offering, there: Offering) -> frozenset[str]:
    """Cornerstone shows what it showed at the last agreement, when the event was as ``before``."""
    return plan_change(
        owner=record(Kind.OFFERING, A, now),
        owner_base=image_of(record(Kind.OFFERING, A, before)),
        peer=record(Kind.OFFERING, C, there),
        peer_base=image_of(record(Kind.OFFERING, C, there)),
        desired=now,
        restore=False,
        refused={},
    ).fields


def test_a_minimum_that_went_down_with_the_seats_goes_up_with_them() -> None:
    few, many, there = offering(min_places=5, max_places=3), offering(min_places=5, max_places=8), offering(min_places=3, max_places=3)
    assert seats_planned(before=few, now=many, there=there) == {"max_places", "min_places"}


def test_other_changes_of_an_event_leave_its_seats_alone_and_seats_its_parts() -> None:
    before, moved = offering(min_places=5, max_places=8), offering(part("Day"), min_places=5, max_places=8)
    assert seats_planned(before=before, now=moved, there=offering(min_places=4, max_places=8)) == {"parts"}
    there = offering(part("Other"), min_places=5, max_places=7)
    assert seats_planned(before=offering(min_places=5, max_places=7), now=before, there=there) == {"max_places"}


@pytest.mark.parametrize(
    ("wanted", "held", "equal"),
    [
        ([part("Day")], [part("day", id="p1")], True),
        ([part("Day"), part("Eve", hours=3)], [part("Eve", hours=3), part("Day")], True),
        ([part("Day")], [], False),
        ([part("Day")], [part("Night")], False),
        ([part("Day")], [part("Day", hours=1)], False),
        ([part("Day")], [part("Day", end=part().end + timedelta(hours=1))], False),
        ([part("Day", hours=1, end=part().end)], [part("Day")], False),
        ([part("Day", location_id="l")], [part("Day")], False),
        ([part("Day", location_id="l"), part("Day")], [part("Day"), part("Day", location_id="l")], True),
        ([part("Day", location_id="")], [part("Day")], True),
        ([part("Day", instructor_ids=("1",))], [part("Day", instructor_ids=("2", "1"))], True),
        ([part("Day", instructor_ids=("1", "3"))], [part("Day", instructor_ids=("1",))], False),
        ([part("Day", instructor_ids=("1",))], [part("Day")], False),
        (
            [part("Day", instructor_ids=("1",)), part("Eve", instructor_ids=("2",))],
            [part("Day", instructor_ids=("1",)), part("Eve")],
            False,
        ),
    ],
)
def test_parts_agree_by_time_title_place_and_at_least_our_instructors(wanted: list[Any], held: list[Any], equal: bool) -> None:
    assert same("parts", offering(*wanted), offering(*held)) is equal


def test_known_parts_stay_paired_while_both_are_there() -> None:
    own = (part("Day", id="a1"), part("Eve", id="a2", hours=3))
    peer = (part("Day", id="c1"), part("Eve", id="c2", hours=3))
    assert part_pairs(own, peer, {"a1": "c2", "a2": "c1"}) == {"a1": "c2", "a2": "c1"}
    assert part_pairs(own, peer, {"a1": "gone", "left": "c2"}) == {"a1": "c1", "a2": "c2"}
    assert part_pairs(own, peer, {"a2": "c1"}) == {"a2": "c1"}, "a part at another time is nobody's pair"


def test_new_parts_are_paired_by_start_and_title_before_start_alone() -> None:
    own = (part("First", id="a1"), part("Second", id="a2"))
    assert part_pairs(own, (part("Renamed", id="c1"), part("second", id="c2")), {}) == {"a1": "c1", "a2": "c2"}
    assert part_pairs(own, (part("SECOND", id="c2"), part("First", id="c1")), {}) == {"a1": "c1", "a2": "c2"}


def test_a_part_is_paired_once_and_with_the_first_that_fits() -> None:
    own = (part("Day", id="a1"), part("Day", id="a2"))
    peer = (part("x", id="c1"), part("y", id="c2"), part("z", id="c3"))
    assert part_pairs(own, peer, {}) == {"a1": "c1", "a2": "c2"}
    assert part_pairs(own[:1], peer, {}) == {"a1": "c1"}


def test_two_parts_of_one_name_find_the_numbered_one_at_cornerstone() -> None:
    own = (part("Day", id="a1"), part("Day", id="a2"))
    assert part_pairs(own, (part("Day (2)", id="c2"), part("Day", id="c1")), {}) == {"a1": "c1", "a2": "c2"}


def test_parts_without_an_id_or_at_another_time_are_not_paired() -> None:
    assert part_pairs((part("Day"),), (part("Day", id="c1"),), {}) == {}
    assert part_pairs((part("Day", id="a1"),), (part("Day"), part("Day", id="c1", hours=1)), {}) == {}
    assert part_pairs((part("Day"), part("Day", id="a2")), (part("Day (2)", id="c1"),), {}) == {"a2": "c1"}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("Ada Byron", "ada byron"), ("x" * 200, "x" * 50), ("  Ada ", "Ada"), ("Zo\u00eb", "Zoe\u0308"), (None, None)],
)
def test_what_a_vendor_trims_cuts_or_recases_is_not_taken_for_an_edit(sent: str | None, kept: str | None) -> None:
    assert edited_since(replace(ADA, mobile=sent), replace(ADA, mobile=kept)) == frozenset()


@pytest.mark.parametrize(("sent", "kept"), [("Ada", "Eva"), ("Ada", ""), ("Ada", None), (None, "1"), ("Ada", "Ada B")])
def test_what_a_vendor_would_not_have_made_of_what_was_sent_is_an_edit(sent: str | None, kept: str | None) -> None:
    assert edited_since(replace(ADA, mobile=sent), replace(ADA, mobile=kept)) == {"mobile"}


def test_an_offering_comes_back_with_more_than_was_sent_and_is_not_taken_for_edited() -> None:
    assert edited_since(offering(max_places=3), offering(max_places=4)) == frozenset()
