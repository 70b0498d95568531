"""Users, OUs and places of Cornerstone, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import pytest

from csod_pipelines.model.keys import Kind
from csod_pipelines.model.readings import Present, Unknown
from csod_pipelines.model.records import Course, Location, OrgUnit, Person, Provider, Record, Subject
from csod_pipelines.systems import cornerstone
from csod_pipelines.systems.base import Draft
from csod_pipelines.systems.bookmarks import book
from csod_pipelines.systems.cornerstone import CornerstoneOptions, CornerstoneSystem
from csod_pipelines.systems.cornerstone.platform import Platform
from csod_pipelines.systems.errors import Forbidden, Malformed, Refused, Unsupported
from csod_pipelines.systems.insisting import Insisting
from csod_pipelines_tests.systems.vendor import Vendor

DIVISION = 2


def division(vendor: Vendor, name: str = "Sales South", **more: object) -> str:
    return str(vendor.act("create_ou", type_id=DIVISION, name=name, external_id=f"D-{name}", **more)["id"])


def draft(number: int, ou: str) -> Draft:
    value = Person(first_name="Ada", last_name=f"Byron {number}", email=f"ada{number}@example.org", mobile="1", org_unit_id=ou)
    return Draft(kind=Kind.PERSON, value=value, marker=f"ADM-{number}", facts={"user_ref": f"ADM-{number}", "user_name": value.email})


def present(system: CornerstoneSystem, kind: Kind, id: str) -> Record:
    reading = system.read(kind, id)
    assert isinstance(reading, Present), reading
    return reading.record


def test_a_user_is_created_and_read_back_whole(c_system: CornerstoneSystem, c_vendor: Vendor) -> None:
    ou = division(c_vendor)
    written = c_system.create(draft(7, ou))
    record = present(c_system, Kind.PERSON, written.id)
    assert record.value == draft(7, ou).value
    assert record.facts["user_ref"] == "ADM-7" and record.facts["user_name"] == "ada7@example.org"


def test_a_user_is_found_by_external_id_else_by_mail_and_family_name(c_system: CornerstoneSystem, c_vendor: Vendor) -> None:
    ou = division(c_vendor)
    id = c_system.create(draft(7, ou)).id
    nobody = Person(first_name="X", last_name="Y", email="z@example.org")
    assert [row.id for row in c_system.find(Kind.PERSON, nobody, marker="ADM-7")] == [id]
    shouting = Person(first_name="A", last_name="Byron 7", email="ADA7@EXAMPLE.ORG")
    assert [row.id for row in c_system.find(Kind.PERSON, shouting)] == [id]
    assert c_system.find(Kind.PERSON, replace(shouting, last_name="Lovelace")) == ()


@pytest.mark.parametrize(
    "look",
    [
        lambda system: system.find(Kind.PERSON, draft(7, "1").value, marker="ADM-7"),
        lambda system: system.find(Kind.ORG_UNIT, OrgUnit(name="Sales South"), marker="D-7"),
        lambda system: list(system.scan(Kind.ORG_UNIT)),
        lambda system: list(system.scan(Kind.PERSON)),
        lambda system: system.find(Kind.COURSE, Course(code="X-1", title="X")),
        lambda system: system.read(Kind.ORG_UNIT, "1"),
        lambda system: Platform(system.portal).ou_types(),
    ],
)
def test_a_read_that_says_failed_within_a_200_shows_nothing_and_proves_nothing(
    c_system: CornerstoneSystem, c_vendor: Vendor, look: Callable[[CornerstoneSystem], object]
) -> None:
    """Taken for a list without the one that was looked for, it would have been created again; a missing `id` ended the unit with a
    fault of our own (simulation, seed 118 with a planted fault)."""
    c_system.ping()  # so that it has a token
    c_vendor.fault("result_failed_in_200", times=9)
    with pytest.raises(Malformed, match="Refused by an injected fault"):
        look(c_system)


def test_a_user_that_is_listed_and_not_shown_may_be_the_one_and_is_not_said_to_be_missing(
    c_system: CornerstoneSystem, c_vendor: Vendor
) -> None:
    """Taken for missing, the same person was created a second time (simulation, seed 160)."""
    wanted = draft(7, division(c_vendor))
    c_system.create(wanted)
    assert isinstance(wanted.value, Person)
    for marker in ("ADM-7", None):
        c_vendor.fault("status", operation="employees.get", status=404)
        with pytest.raises(Forbidden, match="does not show it"):
            c_system.find(Kind.PERSON, wanted.value, marker=marker)


def test_a_user_is_moved_renamed_and_deactivated_without_losing_other_ous(c_system: CornerstoneSystem, c_vendor: Vendor) -> None:
    south, north = division(c_vendor), division(c_vendor, "Sales North")
    centre = c_vendor.act("create_ou", type_id=16, name="CC", external_id="CC-1")["id"]
    ous = [{"id": int(south), "type_id": 2}, {"id": centre, "type_id": 16}]
    hired = c_vendor.act("hire", external_id="E-1", user_name="e1", first_name="Bo", last_name="Ek", ous=ous)
    id = str(hired["id"])
    value = Person(first_name="Bo", last_name="Ekman", org_unit_id=north, active=False)
    c_system.update(Kind.PERSON, id, value, frozenset({"last_name", "org_unit_id", "active"}))
    record = present(c_system, Kind.PERSON, id)
    assert record.value == value
    assert (16, str(centre)) in record.facts["ous"]


def test_an_inactive_user_is_present_and_an_unknown_one_proves_nothing(c_system: CornerstoneSystem, c_vendor: Vendor) -> None:
    id = c_system.create(draft(7, division(c_vendor))).id
    c_vendor.act("terminate", id=int(id))
    value = present(c_system, Kind.PERSON, id).value
    assert isinstance(value, Person) and value.active is False
    assert isinstance(c_system.read(Kind.PERSON, "999999"), Unknown)


def test_a_failed_inside_a_200_is_a_refusal_also_where_only_the_older_services_are_known_to_answer_so(
    c_system: CornerstoneSystem, c_vendor: Vendor
) -> None:
    id = c_system.create(draft(7, division(c_vendor))).id
    value = Person(first_name="Ada", last_name="Lovelace")
    c_vendor.fault("result_failed_in_200", operation="employees.update", times=1)
    with pytest.raises(Refused, match="Refused by an injected fault"):
        c_system.update(Kind.PERSON, id, value, frozenset({"last_name"}))


def test_a_refusal_is_believed_when_it_comes_twice(c_system: CornerstoneSystem, c_vendor: Vendor) -> None:
    id = c_system.create(draft(7, division(c_vendor))).id
    insisting, value = Insisting(c_system), Person(first_name="Ada", last_name="Lovelace")
    c_vendor.fault("result_failed_in_200", operation="employees.update", times=1)
    insisting.update(Kind.PERSON, id, value, frozenset({"last_name"}))
    assert c_vendor.row("users", id)["last_name"] == "Lovelace"
    c_vendor.fault("result_failed_in_200", operation="employees.update", times=2)
    with pytest.raises(Refused):
        insisting.update(Kind.PERSON, id, replace(value, last_name="King"), frozenset({"last_name"}))


def test_a_refused_user_names_the_fields(c_system: CornerstoneSystem, c_vendor: Vendor) -> None:
    ou = division(c_vendor)
    c_system.create(draft(7, ou))
    with pytest.raises(Refused) as refused:
        c_system.create(draft(7, ou))
    assert "externalId" in refused.value.fields
    with pytest.raises(Refused) as refused:
        c_system.update(Kind.PERSON, c_system.create(draft(8, ou)).id, Person(first_name="", last_name="x"), frozenset({"first_name"}))
    assert refused.value.fields == ("first_name",)


def test_an_inactive_user_is_found_where_the_list_hides_them(c_options: CornerstoneOptions, c_vendor: Vendor) -> None:
    system = cornerstone.open(c_options)
    system = cornerstone.open(c_options, contract=system.contract.with_values({"employee_list_includes_inactive": False}))
    id = system.create(draft(7, division(c_vendor))).id
    c_vendor.act("terminate", id=int(id))
    c_vendor.config(employee_list_includes_inactive=False)
    try:
        found = system.find(Kind.PERSON, draft(7, "1").value, marker="ADM-7")
    finally:
        c_vendor.config(employee_list_includes_inactive=True)
    assert [row.id for row in found] == [id]


def test_an_ou_is_created_changed_and_found_by_its_external_id(c_system: CornerstoneSystem, c_vendor: Vendor) -> None:
    top = division(c_vendor, "Top")
    made = c_system.create(Draft(kind=Kind.ORG_UNIT, value=OrgUnit(name="Below", parent_id=top), marker="ADM-12", facts={"ref": "ADM-12"}))
    assert present(c_system, Kind.ORG_UNIT, made.id).value == OrgUnit(name="Below", parent_id=top)
    assert [row.id for row in c_system.find(Kind.ORG_UNIT, OrgUnit(name="?"), marker="ADM-12")] == [made.id]
    changed = OrgUnit(name="Beneath", parent_id=None, active=False)
    c_system.update(Kind.ORG_UNIT, made.id, changed, frozenset({"name", "parent_id", "active"}))
    record = present(c_system, Kind.ORG_UNIT, made.id)
    assert record.value == changed and record.facts["ref"] == "ADM-12"
    with pytest.raises(Unsupported):
        c_system.find(Kind.ORG_UNIT, OrgUnit(name="Beneath"))


def test_an_ou_of_another_type_says_that_it_is_out_of_scope(c_system: CornerstoneSystem, c_vendor: Vendor) -> None:
    centre = str(c_vendor.act("create_ou", type_id=16, name="CC", external_id="CC-1")["id"])
    assert present(c_system, Kind.ORG_UNIT, centre).facts["out_of_scope"] is True


def test_scans_agree_with_the_portal(c_system: CornerstoneSystem, c_vendor: Vendor) -> None:
    users = [record for page in c_system.scan(Kind.PERSON) for record in page.records]
    rows = {str(row["id"]): row for row in c_vendor.state("users")}
    assert {record.id for record in users} == set(rows)
    some = next(record for record in users if record.value.org_unit_id)  # type: ignore[union-attr]
    assert present(c_system, Kind.PERSON, some.id).value == some.value
    ous = {record.id for page in c_system.scan(Kind.ORG_UNIT) for record in page.records}
    assert ous == {str(row["id"]) for row in c_vendor.state("ous") if row["type_id"] == DIVISION}
    *_, last = c_system.scan(Kind.ORG_UNIT)
    assert last.complete


def test_scans_agree_with_the_portal_where_the_exporter_is_off(c_options: CornerstoneOptions, c_vendor: Vendor) -> None:
    system = cornerstone.open(c_options)
    system = cornerstone.open(c_options, contract=system.contract.with_values({"data_exporter": False}))
    ous = {record.id for page in system.scan(Kind.ORG_UNIT) for record in page.records}
    assert ous == {str(row["id"]) for row in c_vendor.state("ous") if row["type_id"] == DIVISION}


class Notes:
    """A book that outlives a run, in memory."""

    def __init__(self) -> None:
        self.pages: dict[str, list[tuple[Any, str | None]]] = {}

    def kept(self, listing: str) -> Iterator[tuple[Any, str | None]]:
        return iter(list(self.pages.get(listing, [])))

    def keep(self, listing: str, content: Any, following: str | None) -> None:
        self.pages.setdefault(listing, []).append((content, following))

    def forget(self, listing: str) -> None:
        self.pages.pop(listing, None)


@pytest.fixture
def notes(c_vendor: Vendor) -> Iterator[Notes]:
    made = Notes()
    c_vendor.config(limits="off")  # a call a user
    token = book.set(made)
    yield made
    book.reset(token)


TOKEN_SECONDS = 300  # as documented


def people_without_the_exporter(options: CornerstoneOptions) -> Iterator[str]:
    """Ids in the order in which they come; whoever stops was killed while working on what came last."""
    system = cornerstone.open(replace(options, list_page_size=20))
    system = cornerstone.open(replace(options, list_page_size=20), contract=system.contract.with_values({"data_exporter": False}))
    for page in system.scan(Kind.PERSON):
        yield from (record.id for record in page.records)


def details(vendor: Vendor, since: int) -> int:
    return sum(row["operation"] == "employees.get" for row in vendor.requests(since))


@pytest.mark.parametrize("asleep", [0, TOKEN_SECONDS + 1], ids=["at once", "when its page token is dead"])
def test_a_listing_by_the_employee_service_that_was_killed_reads_one_page_of_people_again(
    c_options: CornerstoneOptions, c_vendor: Vendor, notes: Notes, asleep: int
) -> None:
    everybody = {str(row["id"]) for row in c_vendor.state("users")}
    assert len(everybody) > 60
    before = list(islice(people_without_the_exporter(c_options), 50))
    c_vendor.advance(asleep)
    since = c_vendor.last_request()
    after = list(people_without_the_exporter(c_options))
    assert set(before) | set(after) == everybody
    assert len(set(before) & set(after)) <= 20, "the page that was being worked"
    assert details(c_vendor, since) == len(after)
    assert list(people_without_the_exporter(c_options)) == [], "all of it was worked"


def test_a_page_token_that_dies_while_a_page_is_worked_ends_no_listing_and_nobody_comes_twice(
    c_options: CornerstoneOptions, c_vendor: Vendor, notes: Notes
) -> None:
    ids: list[str] = []
    for id in people_without_the_exporter(c_options):
        ids.append(id)
        if len(ids) == 25:
            c_vendor.advance(TOKEN_SECONDS + 1)
    assert sorted(ids) == sorted(str(row["id"]) for row in c_vendor.state("users"))


def test_places_carry_an_iana_zone_and_subjects_their_path(c_system: CornerstoneSystem) -> None:
    places = {record.value for page in c_system.scan(Kind.LOCATION) for record in page.records}
    assert Location(name="Paris", code="LOC-PARIS", time_zone="Europe/Paris") in places
    subjects = {record.value for page in c_system.scan(Kind.SUBJECT) for record in page.records}
    assert Subject(path=("Safety", "Fire safety")) in subjects
    providers = {record.value for page in c_system.scan(Kind.PROVIDER) for record in page.records}
    assert Provider(name="Closed Down Ltd", active=False) in providers
