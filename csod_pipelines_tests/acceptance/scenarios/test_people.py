"""People: hired, renamed, moved, gone and back; created in Administrate; two who look like one."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from csod_pipelines.engine import pairing
from csod_pipelines.engine.operate import By
from csod_pipelines.engine.replay import replay
from csod_pipelines.model.keys import Kind
from csod_pipelines_tests.acceptance.scenarios.epilogue import quiet
from csod_pipelines_tests.acceptance.scenarios.stage import DIVISION, NAMESAKES, PORTAL, Stage


def divisions(stage: Stage) -> list[int]:
    return [ou["id"] for ou in stage.cornerstone.rows("ous", type_id=DIVISION) if ou["active"]]


def hire(stage: Stage, first: str, last: str, email: str, *, division: int | None = None, **more: Any) -> dict[str, Any]:
    ous = [{"id": division or divisions(stage)[0], "type_id": DIVISION}]
    return stage.cornerstone.act("hire", first_name=first, last_name=last, primary_email=email, ous=ous, **more)


def contacts_of(stage: Stage, user: dict[str, Any]) -> list[dict[str, Any]]:
    return [row for row in stage.administrate.rows("contacts") if row["external_ids"].get(f"{PORTAL}:user") == str(user["id"])]


def contact_of(stage: Stage, user: dict[str, Any]) -> dict[str, Any]:
    found = contacts_of(stage, user)
    assert len(found) == 1, f"{len(found)} contacts of user {user['id']}"
    return found[0]


def account_of(stage: Stage, ou: int) -> str:
    return next(row["id"] for row in stage.administrate.rows("accounts") if row["external_ids"].get(f"{PORTAL}:ou") == str(ou))


def create_contact(stage: Stage, first: str, last: str, email: str, **more: Any) -> dict[str, Any]:
    account = more.pop("account_id", None) or account_of(stage, divisions(stage)[0])
    return stage.administrate.act("create_contact", first_name=first, last_name=last, email_address=email, account_id=account, **more)


def user_of(stage: Stage, contact: dict[str, Any]) -> dict[str, Any]:
    return stage.cornerstone.row("users", external_id=f"ADM-{contact['legacy_id']}")


def test_a_hire_becomes_a_contact_in_the_account_of_the_division(stage: Stage) -> None:
    user = hire(stage, "Hanna", "Hire", "hanna@example.org", mobile_phone="+33 6 12 34 56 78")
    stage.settle()
    contact = contact_of(stage, user)
    assert contact["account_id"] == account_of(stage, divisions(stage)[0])
    assert (contact["email_address"], contact["mobile"]) == ("hanna@example.org", "+33 6 12 34 56 78")
    quiet(stage)


def test_a_contact_becomes_a_user_with_our_number_and_signs_in_by_mail(stage: Stage) -> None:
    contact = create_contact(stage, "Carla", "Contact", "carla@example.org", mobile="+49 151 1234567")
    stage.settle()
    user = user_of(stage, contact)
    assert user["user_name"] == user["primary_email"] == "carla@example.org"
    assert user["ous"] == [{"id": divisions(stage)[0], "type_id": DIVISION}]
    quiet(stage)


def test_one_person_entered_on_both_sides_in_the_same_second_is_one_pair(stage: Stage) -> None:
    contact = create_contact(stage, "Bo", "Both", "bo@example.org")
    user = hire(stage, "Bo", "Both", "bo@example.org")
    stage.settle()
    assert contact_of(stage, user)["id"] == contact["id"]
    assert len(stage.administrate.rows("contacts", email_address="bo@example.org")) == 1
    assert len(stage.cornerstone.rows("users", primary_email="bo@example.org")) == 1
    quiet(stage)


def test_what_cornerstone_changes_travels_whole(stage: Stage) -> None:
    person, elsewhere = stage.person(), divisions(stage)[-1]
    stage.cornerstone.act(
        "edit_user",
        id=person.user_id,
        first_name="Renamed",
        last_name="Entirely",
        primary_email="renamed@example.org",
        mobile_phone="+1 212 555 0100",
        ous=[{"id": elsewhere, "type_id": DIVISION}],
    )
    stage.settle()
    contact = person.contact
    assert (contact["first_name"], contact["last_name"], contact["email_address"]) == ("Renamed", "Entirely", "renamed@example.org")
    assert contact["account_id"] == account_of(stage, elsewhere)
    stage.cornerstone.act("edit_user", id=person.user_id, mobile_phone=None)
    stage.settle()
    assert not person.contact["mobile"]
    quiet(stage)


def test_an_edit_of_the_contact_is_undone_by_reconciliation_and_never_sent(stage: Stage) -> None:
    person = stage.person()
    before = person.user
    stage.administrate.act("edit_contact", id=person.contact_id, last_name="Somebody Else")
    stage.settle()
    assert person.contact["last_name"] == "Somebody Else", "nobody undoes it in real time"
    assert person.user["last_name"] == before["last_name"]
    stage.reconcile(Kind.PERSON)
    assert person.contact["last_name"].strip() == before["last_name"].strip()
    quiet(stage)


def test_a_change_there_and_another_here_in_the_same_second_end_with_cornerstones(stage: Stage) -> None:
    person = stage.person()
    stage.administrate.act("edit_contact", id=person.contact_id, first_name="Typed Here", email_address="here@example.org")
    stage.cornerstone.act("edit_user", id=person.user_id, first_name="Typed There")
    stage.settle()
    assert person.contact["first_name"] == "Typed There"
    stage.reconcile(Kind.PERSON)
    assert person.contact["email_address"] == person.user["primary_email"]
    quiet(stage)


def test_one_who_leaves_is_marked_so_and_one_who_is_hired_again_comes_back(stage: Stage) -> None:
    person = stage.person()
    stage.cornerstone.act("terminate", id=person.user_id)
    stage.settle()
    assert person.contact["has_left_company"]
    quiet(stage)
    stage.cornerstone.act("rehire", id=person.user_id)
    stage.settle()
    assert not person.contact["has_left_company"]
    assert len(contacts_of(stage, person.user)) == 1
    quiet(stage)


def test_terminated_there_while_edited_here(stage: Stage) -> None:
    """Ended on one side while it was edited on the other."""
    person = stage.person()
    stage.administrate.act("edit_contact", id=person.contact_id, first_name="Still Here")
    stage.cornerstone.act("terminate", id=person.user_id)
    stage.settle()
    assert person.contact["has_left_company"]
    assert not person.user["active"]
    stage.reconcile(Kind.PERSON)
    quiet(stage)


def test_a_contact_who_leaves_in_administrate_stays_a_user(stage: Stage) -> None:
    person = stage.person()
    stage.administrate.act("leave", id=person.contact_id)
    stage.settle()
    assert person.user["active"], "Administrate never deactivates a user"
    stage.reconcile(Kind.PERSON)
    assert not person.contact["has_left_company"]
    quiet(stage)


def test_a_contact_that_is_deleted_takes_nobody_along(stage: Stage) -> None:
    person = stage.person()
    stage.administrate.act("delete_contact", id=person.contact_id)
    stage.settle()
    assert person.user["active"]
    quiet(stage, differ=[f"user {person.user_id} "], parked=["The record on the other side is gone"])


def test_somebody_already_inactive_is_not_created_until_active(stage: Stage) -> None:
    user = hire(stage, "Ina", "Inactive", "ina@example.org", active=False)
    stage.settle()
    assert contacts_of(stage, user) == []
    stage.cornerstone.act("rehire", id=user["id"])
    stage.settle()
    assert contact_of(stage, user)["last_name"] == "Inactive"
    quiet(stage)


def test_two_users_who_look_like_one_are_parked_and_not_merged(stage: Stage) -> None:
    first = hire(stage, "Tim", "Twin", "twins@example.org")
    stage.settle()
    second = hire(stage, "Tom", "Twin", "twins@example.org")
    stage.settle()
    assert contact_of(stage, first)["first_name"] == "Tim"
    assert contacts_of(stage, second) == []
    quiet(stage, differ=[f"user {second['id']} "], parked=["same e-mail and family name"])
    stage.cornerstone.act("edit_user", id=second["id"], primary_email="tom.twin@example.org")
    stage.settle()
    assert contacts_of(stage, second) == [], "what a person is to decide waits for a person"
    replay(stage.house.engine.context(), str(second["id"]), kind=Kind.PERSON, by=By(who="hr", why="has an address now"))
    stage.settle()
    assert contact_of(stage, second)["first_name"] == "Tom"
    quiet(stage)


def test_two_contacts_with_one_address_are_parked_with_both_and_settled_by_binding_one(stage: Stage) -> None:
    one, other = stage.administrate.rows("contacts", email_address=NAMESAKES)  # there before anybody imported
    user = hire(stage, one["first_name"], one["last_name"], NAMESAKES)
    stage.settle()
    assert contacts_of(stage, user) == []
    reason = stage.house.engine.parked()[-1]["reason"]
    assert one["id"] in reason and other["id"] in reason
    quiet(stage, differ=[f"user {user['id']} "], parked=["may be this one"])
    pairing.bind(stage.house.engine.context(), Kind.PERSON, one["id"], str(user["id"]), By(who="hr", why="she is the one"))
    stage.settle()
    assert contact_of(stage, user)["id"] == one["id"]
    assert contact_of(stage, user)["account_id"] == account_of(stage, divisions(stage)[0])
    quiet(stage)


def test_an_address_handed_from_a_leaver_to_a_new_hire_belongs_to_the_new_hire(stage: Stage) -> None:
    leaver = hire(stage, "Lea", "Leaver", "office@example.org")
    stage.settle()
    stage.cornerstone.act("terminate", id=leaver["id"])
    joiner = hire(stage, "Joe", "Joiner", "office@example.org")
    stage.settle()
    assert contact_of(stage, leaver)["has_left_company"]
    assert contact_of(stage, joiner)["first_name"] == "Joe"
    assert contact_of(stage, joiner)["id"] != contact_of(stage, leaver)["id"]
    quiet(stage)


def test_an_address_handed_to_a_namesake_once_it_is_free(stage: Stage) -> None:
    leaver = hire(stage, "Anna", "Same", "desk@example.org")
    stage.settle()
    stage.cornerstone.act("terminate", id=leaver["id"])
    stage.cornerstone.act("edit_user", id=leaver["id"], primary_email="gone@example.org")
    stage.settle()
    joiner = hire(stage, "Bela", "Same", "desk@example.org")
    stage.settle()
    assert contact_of(stage, joiner)["first_name"] == "Bela"
    assert contact_of(stage, leaver)["email_address"] == "gone@example.org"
    quiet(stage)


def test_an_address_handed_on_in_administrate_gets_a_sign_in_of_its_own(stage: Stage) -> None:
    """The leaver's user keeps the address as its user name, which must differ from everybody's."""
    leaver = create_contact(stage, "Olga", "Old", "reception@example.org")
    stage.settle()
    stage.cornerstone.act("terminate", id=user_of(stage, leaver)["id"])
    stage.settle()
    joiner = create_contact(stage, "Nils", "New", "reception@example.org")
    stage.settle()
    assert user_of(stage, joiner)["primary_email"] == "reception@example.org"
    quiet(stage)


def test_a_vendor_that_trims_cuts_and_recases_is_not_written_twice(stage: Stage) -> None:
    user = hire(stage, "  Zoë\u0301  ", "van  der Berg ", "Mixed.Case@Example.ORG")
    contact = create_contact(stage, "X" * 240, "Long Name", "LOUD@EXAMPLE.ORG", mobile="+33 6 12 34 56 78 99 00 11 22 33 44 55")
    stage.settle()
    assert contact_of(stage, user)["last_name"] == "van der Berg"
    assert user_of(stage, contact)["first_name"] == "X" * 200
    writes = len(stage.administrate.writes()) + len(stage.cornerstone.writes())
    stage.settle()
    assert len(stage.administrate.writes()) + len(stage.cornerstone.writes()) == writes
    stage.reconcile(Kind.PERSON)
    assert contact_of(stage, user_of(stage, contact))["first_name"] == "X" * 240, "what the peer cut is not sent back"


def test_a_user_edited_while_the_answer_of_its_creation_is_on_its_way_is_edited_in_administrate_too(stage: Stage) -> None:
    stage.cornerstone.fault("slow", match={"operation": "employees.create"}, seconds=3)
    contact = create_contact(stage, "Swift", "Edit", "swift@example.org")
    worker = threading.Thread(target=stage.work)
    worker.start()
    while not (users := stage.cornerstone.rows("users", external_id=f"ADM-{contact['legacy_id']}")):
        worker.join(0.05)
    stage.cornerstone.act("edit_user", id=users[0]["id"], last_name="Edited", mobile_phone="+49 151 7654321")
    worker.join()
    stage.settle()
    contact = contact_of(stage, users[0])
    assert (contact["last_name"], contact["mobile"]) == ("Edited", "+49 151 7654321")
    quiet(stage)


@pytest.mark.parametrize("arrived", [True, False])
def test_somebody_who_left_before_the_answer_of_the_contacts_creation_was_found_out(stage: Stage, arrived: bool) -> None:
    """Nobody is to be created any more, and the attempt of unknown fate stood open for ever (simulation, seed 274)."""
    stage.administrate.fault("reset", match={"operation": "contact.createBatch"}, after_effect=arrived)
    user = hire(stage, "Gone", "Soon", f"gone{arrived}@example.org")
    stage.work()
    stage.cornerstone.act("terminate", id=user["id"])
    stage.settle()
    assert [row["has_left_company"] for row in contacts_of(stage, user)] == ([True] if arrived else [])
    quiet(stage)


def test_what_was_edited_since_both_sides_were_listed_is_written_as_it_is_now(stage: Stage) -> None:
    """Cornerstone's reports lag a quarter of an hour: what they show must not undo what was written since."""
    user = hire(stage, "Lena", "Listed", "lena@example.org")
    stage.settle()
    stage.cornerstone.act("edit_user", id=user["id"], last_name="Old")
    stage.cornerstone.clear_faults()
    stage.cornerstone.fault("slow", match={"path": "*/objects/users_core"}, seconds=4)
    comparison = threading.Thread(target=stage.reconcile, args=(Kind.PERSON,))
    comparison.start()
    while not stage.cornerstone.faults()[0]["used"]:
        comparison.join(0.05)
    stage.cornerstone.act("edit_user", id=user["id"], last_name="New")
    comparison.join()
    assert contact_of(stage, user)["last_name"] == "New"
    quiet(stage)


def test_a_contact_of_a_new_account_brings_its_organizational_unit_first(stage: Stage) -> None:
    account = stage.administrate.act("create_account", name="Brand new", parent_account_id=account_of(stage, divisions(stage)[0]))
    contact = create_contact(stage, "Eva", "Early", "eva@example.org", account_id=account["id"])
    stage.settle()
    ou = stage.cornerstone.row("ous", external_id=f"ADM-{account['legacy_id']}")
    assert ou["parent_id"] == divisions(stage)[0]
    assert user_of(stage, contact)["ous"] == [{"id": ou["id"], "type_id": DIVISION}]
    quiet(stage)


def test_a_contact_refused_because_its_unit_is_closed_becomes_a_user_once_the_unit_is_open_again(stage: Stage) -> None:
    unit = stage.cornerstone.act("create_ou", name="Closing down", type_id=DIVISION)["id"]
    stage.settle()
    stage.reconcile(Kind.ORG_UNIT)
    home = next(row for row in stage.administrate.rows("accounts") if row["external_ids"].get(f"{PORTAL}:ou") == str(unit))
    stage.cornerstone.act("deactivate_ou", id=unit)
    stage.administrate.act(
        "create_contact", first_name="Ina", last_name="Doors", email_address="doors.closed@example.org", account_id=home["id"]
    )
    stage.settle()
    assert not stage.cornerstone.rows("users", primary_email="doors.closed@example.org")
    stage.reconcile(Kind.ORG_UNIT)
    quiet(stage)
    stage.cornerstone.act("reactivate_ou", id=unit)
    stage.settle()
    stage.reconcile(Kind.ORG_UNIT, Kind.PERSON)
    assert stage.cornerstone.row("users", primary_email="doors.closed@example.org")["ous"] == [{"id": unit, "type_id": DIVISION}]
    quiet(stage)


def test_somebody_without_a_division_waits_for_one(stage: Stage) -> None:
    user = stage.cornerstone.act("hire", first_name="Nobody", last_name="Nowhere", primary_email="nowhere@example.org")
    stage.settle()
    assert contacts_of(stage, user) == []
    stage.cornerstone.act("edit_user", id=user["id"], ous=[{"id": divisions(stage)[1], "type_id": DIVISION}])
    stage.settle()
    assert contact_of(stage, user)["account_id"] == account_of(stage, divisions(stage)[1])
    quiet(stage)


def test_managers_and_other_units_are_left_as_they_are(stage: Stage) -> None:
    person, elsewhere = stage.person(), divisions(stage)[2]
    before = person.user
    stage.cornerstone.act("edit_user", id=person.user_id, ous=[{"id": elsewhere, "type_id": DIVISION}])
    stage.settle()
    after = person.user
    assert [ou for ou in after["ous"] if ou["type_id"] != DIVISION] == [ou for ou in before["ous"] if ou["type_id"] != DIVISION]
    assert after["manager_id"] == before["manager_id"]
    quiet(stage)
