"""Reading, finding, creating, changing and remembering records of Administrate, over HTTP."""

from __future__ import annotations

from csod_pipelines.model.keys import Kind, RecordKey, SystemName
from csod_pipelines.model.readings import Gone, Present
from csod_pipelines.model.records import Course, CourseState, Location, OrgUnit, Person, Provider, Subject
from csod_pipelines.systems.administrate import AdministrateSystem
from csod_pipelines.systems.base import Draft, Refusal, Written
from csod_pipelines_tests.systems.vendor import Vendor

A = SystemName.ADMINISTRATE


def account(system: AdministrateSystem, name: str, parent: str | None = None) -> str:
    return system.create(Draft(kind=Kind.ORG_UNIT, value=OrgUnit(name=name, parent_id=parent), marker=name)).id


def person(number: int, account_id: str | None) -> Draft:
    value = Person(first_name="Ada", last_name=f"Byron {number}", email=f"ada{number}@example.org", mobile="+44 1", org_unit_id=account_id)
    return Draft(kind=Kind.PERSON, value=value, marker=f"m{number}")


def present(system: AdministrateSystem, kind: Kind, id: str):
    reading = system.read(kind, id)
    assert isinstance(reading, Present), reading
    return reading.record


def test_an_account_is_created_under_its_parent_and_read_back(a_system: AdministrateSystem, a_vendor: Vendor) -> None:
    root = account(a_system, "Root")
    child = a_system.create(Draft(kind=Kind.ORG_UNIT, value=OrgUnit(name="Child", parent_id=root), marker="m"))
    assert child.record is not None
    assert child.record.value == OrgUnit(name="Child", parent_id=root)
    assert present(a_system, Kind.ORG_UNIT, child.id) == child.record
    assert a_vendor.row("accounts", child.id)["parent_account_id"] == root
    assert isinstance(child.record.facts["legacy_id"], int)


def test_an_account_is_found_by_name_under_the_wanted_parent_only(a_system: AdministrateSystem) -> None:
    north, south = account(a_system, "North"), account(a_system, "South")
    mine = account(a_system, "Sales", north)
    account(a_system, "Sales", south)
    found = a_system.find(Kind.ORG_UNIT, OrgUnit(name="sales ", parent_id=north))
    assert [row.id for row in found] in ([mine], [])  # eq is the vendor's; what comes back is compared without case
    assert [row.id for row in a_system.find(Kind.ORG_UNIT, OrgUnit(name="Sales", parent_id=north))] == [mine]


def test_a_renamed_and_moved_account_reads_as_written(a_system: AdministrateSystem) -> None:
    north, south = account(a_system, "North"), account(a_system, "South")
    mine = account(a_system, "Sales", north)
    written = a_system.update(Kind.ORG_UNIT, mine, OrgUnit(name="Selling", parent_id=south), frozenset({"name", "parent_id"}))
    assert written.record is not None and written.record.value == OrgUnit(name="Selling", parent_id=south)


def test_an_inactive_org_unit_is_told_by_a_field_that_is_made_when_needed(a_system: AdministrateSystem) -> None:
    mine = account(a_system, "Sales")
    written = a_system.update(Kind.ORG_UNIT, mine, OrgUnit(name="Sales", active=False), frozenset({"active"}))
    assert written.record is not None and written.record.value == OrgUnit(name="Sales", active=False)
    again = a_system.update(Kind.ORG_UNIT, mine, OrgUnit(name="Sales", active=True), frozenset({"active"}))
    assert again.record is not None and again.record.value == OrgUnit(name="Sales", active=True)


def test_contacts_are_created_in_batches_in_the_order_given(a_system: AdministrateSystem, a_vendor: Vendor) -> None:
    home = account(a_system, "Home")
    drafts = [person(number, home) for number in range(120)]
    before = a_vendor.last_request()
    answers = a_system.create_many(drafts)
    assert all(isinstance(answer, Written) and answer.record is not None for answer in answers)
    assert [a.record.value for a in answers if isinstance(a, Written) and a.record] == [draft.value for draft in drafts]
    assert sum(1 for row in a_vendor.requests(before) if "createBatch" in row["operation"]) == 3


def test_one_refused_contact_of_a_batch_costs_only_itself(a_system: AdministrateSystem) -> None:
    home = account(a_system, "Home")
    drafts = [person(1, home), person(2, "T3JnYW5pc2F0aW9uOjk5OTk5"), person(3, None), person(4, home)]
    answers = a_system.create_many(drafts)
    assert [type(answer) for answer in answers] == [Written, Refusal, Refusal, Written]
    assert isinstance(answers[2], Refusal) and answers[2].code == "no_account"


def test_a_contact_is_found_by_mail_and_family_name_never_by_mail_alone(a_system: AdministrateSystem) -> None:
    home = account(a_system, "Home")
    made = a_system.create(person(1, home))
    wanted = person(1, home).value
    assert isinstance(wanted, Person)
    assert [row.id for row in a_system.find(Kind.PERSON, wanted)] == [made.id]
    stranger = Person(first_name="Ada", last_name="Lovelace", email="ada1@example.org")
    assert a_system.find(Kind.PERSON, stranger) == ()


def test_changing_a_contact_keeps_its_other_addresses_and_middle_name(a_system: AdministrateSystem, a_vendor: Vendor) -> None:
    home = account(a_system, "Home")
    made = a_vendor.act(
        "create_contact", account_id=home, first_name="Ada", middle_name="King", last_name="Byron", email_address="old@example.org"
    )
    value = Person(first_name="Ada", last_name="Lovelace", email="new@example.org", org_unit_id=home)
    written = a_system.update(Kind.PERSON, made["id"], value, frozenset({"last_name", "email"}))
    assert written.record is not None and written.record.value == value
    row = a_vendor.row("contacts", made["id"])
    assert row["middle_name"] == "King" and row["last_name"] == "Lovelace"


def test_a_contact_moves_and_leaves(a_system: AdministrateSystem) -> None:
    home, other = account(a_system, "Home"), account(a_system, "Other")
    made = a_system.create(person(1, home))
    assert made.record is not None and isinstance(made.record.value, Person)
    gone = made.record.with_value(org_unit_id=other, active=False).value
    written = a_system.update(Kind.PERSON, made.id, gone, frozenset({"org_unit_id", "active"}))
    assert written.record is not None and written.record.value == gone


def test_external_ids_are_stored_in_bulk_and_looked_up(a_system: AdministrateSystem, a_vendor: Vendor) -> None:
    ids = [account(a_system, f"Account {number}") for number in range(3)]
    keys = [RecordKey(Kind.ORG_UNIT, A, id) for id in ids]
    before = a_vendor.last_request()
    rows = [(key, {"csod:portal:ou": str(number), "csod:portal:run": f"r{number}"}) for number, key in enumerate(keys)]
    assert a_system.remember_many(rows) == (None, None, None)
    assert len(a_vendor.requests(before)) == 1
    found = a_system.find_by_external_id(Kind.ORG_UNIT, "csod:portal:ou", "1")
    assert found is not None and found.id == ids[1]
    assert found.external_ids["csod:portal:ou"] == "1"
    assert a_system.find_by_external_id(Kind.ORG_UNIT, "csod:portal:ou", "7") is None


def test_a_batch_of_records_stores_two_ids_each_in_one_request(a_system: AdministrateSystem, a_vendor: Vendor) -> None:
    home = account(a_system, "Home")
    made = a_system.create_many([person(number, home) for number in range(51)])
    keys = [RecordKey(Kind.PERSON, A, answer.id) for answer in made if isinstance(answer, Written)]
    before = a_vendor.last_request()
    rows = [(key, {"csod:portal:user": str(number), "csod:portal:run": f"r{number}"}) for number, key in enumerate(keys)]
    assert a_system.remember_many(rows) == (None,) * 51
    assert len(a_vendor.requests(before)) == 2, "fifty records, and the one that is left"
    last = a_system.find_by_external_id(Kind.PERSON, "csod:portal:run", "r50")
    assert last is not None and last.id == keys[50].id


def test_contacts_are_created_and_the_last_ones_remembered_in_one_request(a_system: AdministrateSystem, a_vendor: Vendor) -> None:
    home = account(a_system, "Home")
    first = a_system.create_many([person(number, home) for number in range(50)])
    keys = [RecordKey(Kind.PERSON, A, answer.id) for answer in first if isinstance(answer, Written)]
    rows = [(key, {"csod:portal:user": str(number)}) for number, key in enumerate(keys)]
    before = a_vendor.last_request()
    created, stored = a_system.create_and_remember([person(number, home) for number in range(50, 100)], rows)
    assert len(a_vendor.requests(before)) == 1
    assert all(isinstance(answer, Written) for answer in created) and set(stored) == {None}
    found = a_system.find_by_external_id(Kind.PERSON, "csod:portal:user", "7")
    assert found is not None and found.id == keys[7].id


def test_a_bad_row_or_a_taken_id_costs_only_itself_in_the_joint_request(a_system: AdministrateSystem) -> None:
    home = account(a_system, "Home")
    one, two = (a_system.create(person(number, home)).id for number in (1, 2))
    a_system.remember(RecordKey(Kind.PERSON, A, one), {"csod:portal:user": "1"})
    rows = [(RecordKey(Kind.PERSON, A, two), {"csod:portal:user": "1"}), (RecordKey(Kind.PERSON, A, one), {"csod:portal:x": "2"})]
    created, stored = a_system.create_and_remember([person(3, home), person(4, "T3JnYW5pc2F0aW9uOjk5OTk5"), person(5, None)], rows)
    assert [type(answer) for answer in created] == [Written, Refusal, Refusal]
    assert isinstance(stored[0], Refusal) and stored[1] is None
    created, stored = a_system.create_and_remember([person(6, home), person(7, "T3JnYW5pc2F0aW9uOjk5OTk5")], rows)
    assert [type(answer) for answer in created] == [Written, Refusal] and isinstance(stored[0], Refusal) and stored[1] is None


def test_an_external_id_that_another_record_holds_refuses_that_record_only(a_system: AdministrateSystem) -> None:
    first, second, third = (RecordKey(Kind.ORG_UNIT, A, account(a_system, name)) for name in ("A", "B", "C"))
    a_system.remember(first, {"csod:portal:ou": "1"})
    answers = a_system.remember_many([(second, {"csod:portal:ou": "1"}), (third, {"csod:portal:ou": "3"})])
    assert isinstance(answers[0], Refusal) and answers[1] is None
    found = a_system.find_by_external_id(Kind.ORG_UNIT, "csod:portal:ou", "3")
    assert found is not None and found.id == third.id


def test_many_records_are_read_in_one_call_and_a_missing_one_is_gone(a_system: AdministrateSystem, a_vendor: Vendor) -> None:
    ids = [account(a_system, f"Account {number}") for number in range(5)]
    before = a_vendor.last_request()
    readings = a_system.read_many(Kind.ORG_UNIT, ids)
    assert len(a_vendor.requests(before)) == 1
    assert all(isinstance(readings[id], Present) for id in ids)
    absent = "T3JnYW5pc2F0aW9uOjk5OTk5"
    assert isinstance(a_system.read_many(Kind.ORG_UNIT, [*ids, absent])[absent], Gone)


def test_a_template_is_read_and_found_with_its_categories_and_vendor(a_system: AdministrateSystem, a_vendor: Vendor) -> None:
    safety = a_system.create(Draft(kind=Kind.SUBJECT, value=Subject(path=("Safety",)), marker="")).id
    fire = a_system.create(Draft(kind=Kind.SUBJECT, value=Subject(path=("Safety", "Fire")), marker=""))
    assert fire.record is not None and fire.record.value == Subject(path=("Safety", "Fire"))
    a_system.create(Draft(kind=Kind.PROVIDER, value=Provider(name="Red Cross"), marker=""))
    made = a_vendor.act(
        "create_template",
        code="FIRE-1",
        title="Fire safety",
        introduction="<p>Out.</p>",
        learning_category_ids=[fire.id, safety],
        custom_fields={"training_provider": "Red Cross"},
    )
    a_vendor.act("publish_template", id=made["id"])
    record = present(a_system, Kind.COURSE, made["id"])
    assert record.value == Course(
        code="FIRE-1",
        title="Fire safety",
        description="<p>Out.</p>",
        subjects=("Fire", "Safety"),
        provider="Red Cross",
        state=CourseState.PUBLISHED,
    )
    assert [row.id for row in a_system.find(Kind.COURSE, record.value)] == [made["id"]]


def test_locations_subjects_and_providers_are_listed_found_and_renamed(a_system: AdministrateSystem) -> None:
    place = a_system.create(Draft(kind=Kind.LOCATION, value=Location(name="Paris", code="LOC-PARIS", time_zone="Europe/Paris"), marker=""))
    assert place.record is not None and place.record.value == Location(name="Paris", code="LOC-PARIS", time_zone="Europe/Paris")
    assert [row.id for row in a_system.find(Kind.LOCATION, Location(name="Paris (old)", code="LOC-PARIS"))] == [place.id]
    renamed = a_system.update(Kind.LOCATION, place.id, Location(name="Paris 2", code="LOC-PARIS"), frozenset({"name"}))
    assert renamed.record is not None and renamed.record.value.name == "Paris 2"  # type: ignore[union-attr]
    provider = a_system.create(Draft(kind=Kind.PROVIDER, value=Provider(name="Red Cross"), marker=""))
    assert provider.id == "Red Cross"
    a_system.update(Kind.PROVIDER, "Red Cross", Provider(name="Croix-Rouge"), frozenset({"name"}))
    names = [row.id for page in a_system.scan(Kind.PROVIDER) for row in page.records]
    assert "Croix-Rouge" in names and "Red Cross" not in names
    a_system.create(Draft(kind=Kind.SUBJECT, value=Subject(path=("A",)), marker=""))
    a_system.create(Draft(kind=Kind.SUBJECT, value=Subject(path=("A", "B")), marker=""))
    (page,) = a_system.scan(Kind.SUBJECT)
    assert page.complete and Subject(path=("A", "B")) in [row.value for row in page.records]


def test_links_open_the_record_by_the_number_people_know(a_system: AdministrateSystem, a_vendor: Vendor) -> None:
    mine = account(a_system, "Sales")
    legacy = a_vendor.row("accounts", mine)["legacy_id"]
    assert a_system.link_to(RecordKey(Kind.ORG_UNIT, A, mine), {}) == f"{a_vendor.url}/ui/account/{legacy}"
