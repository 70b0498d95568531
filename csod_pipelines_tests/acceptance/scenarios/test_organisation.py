"""Organizational units and what else is master data: changed by the daily reconciliation, and only in Cornerstone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from csod_pipelines.model.keys import Kind
from csod_pipelines_tests.acceptance.scenarios.epilogue import quiet, requests_of
from csod_pipelines_tests.acceptance.scenarios.stage import DIVISION, PORTAL, Stage

SOON_SECONDS = 60.0  # who waits for what only people can mend asks again later than that
REPORTING_LAG_SECONDS = 1_000.0  # the views of subjects and vendors are up to 15 minutes behind


def make(stage: Stage, name: str, parent: int | None = None) -> int:
    """A unit of one's own, with its account."""
    ou = stage.cornerstone.act("create_ou", name=name, parent_id=parent, type_id=DIVISION)
    stage.settle()
    stage.reconcile(Kind.ORG_UNIT)
    return ou["id"]


def account(stage: Stage, ou: int) -> dict[str, Any]:
    found = [row for row in stage.administrate.rows("accounts") if row["external_ids"].get(f"{PORTAL}:ou") == str(ou)]
    assert len(found) == 1, f"{len(found)} accounts of OU {ou}"
    return found[0]


def inactive(stage: Stage, ou: int) -> bool:
    return "inactive" in account(stage, ou)["custom_fields"].values()


def test_new_units_become_accounts_parents_first(stage: Stage) -> None:
    top = stage.cornerstone.act("create_ou", name="New top", type_id=DIVISION)["id"]
    below = stage.cornerstone.act("create_ou", name="Below", parent_id=top, type_id=DIVISION)["id"]
    stage.settle()
    stage.reconcile(Kind.ORG_UNIT)
    assert account(stage, below)["parent_account_id"] == account(stage, top)["id"]
    quiet(stage)


def test_renaming_moving_and_closing_wait_for_the_daily_reconciliation(stage: Stage) -> None:
    home, other = make(stage, "Home"), make(stage, "Other home")
    unit = make(stage, "Wanderer", home)
    stage.cornerstone.act("rename_ou", id=unit, name="Wanderer & Sons")
    stage.cornerstone.act("move_ou", id=unit, parent_id=other)
    stage.settle()
    assert account(stage, unit)["name"] == "Wanderer", "not in real time"
    stage.reconcile(Kind.ORG_UNIT)
    assert account(stage, unit)["name"] == "Wanderer & Sons"
    assert account(stage, unit)["parent_account_id"] == account(stage, other)["id"]
    stage.cornerstone.act("deactivate_ou", id=unit)
    stage.settle()
    stage.reconcile(Kind.ORG_UNIT)
    assert inactive(stage, unit)
    stage.cornerstone.act("reactivate_ou", id=unit)
    stage.settle()
    stage.reconcile(Kind.ORG_UNIT)
    assert not inactive(stage, unit)
    quiet(stage)


def test_a_unit_moved_under_its_own_descendant(stage: Stage) -> None:
    """No tree allows it in one step: the descendant moves up first. The accounts must follow in that order too."""
    top = make(stage, "Ancestor")
    middle = make(stage, "Descendant", top)
    stage.cornerstone.act("move_ou", id=middle, parent_id=None)
    stage.cornerstone.act("move_ou", id=top, parent_id=middle)
    stage.settle()
    stage.reconcile(Kind.ORG_UNIT)
    assert account(stage, top)["parent_account_id"] == account(stage, middle)["id"]
    assert account(stage, middle)["parent_account_id"] is None
    quiet(stage)


def test_a_unit_moved_under_a_unit_of_the_same_day(stage: Stage) -> None:
    unit = make(stage, "Follower")
    fresh = stage.cornerstone.act("create_ou", name="Fresh roof", type_id=DIVISION)["id"]
    stage.cornerstone.act("move_ou", id=unit, parent_id=fresh)
    stage.settle()
    stage.reconcile(Kind.ORG_UNIT)
    assert account(stage, unit)["parent_account_id"] == account(stage, fresh)["id"]
    quiet(stage)


def test_an_account_created_in_administrate_becomes_a_unit_at_once(stage: Stage) -> None:
    parent = make(stage, "Parent of an account")
    made = stage.administrate.act("create_account", name="From Administrate", parent_account_id=account(stage, parent)["id"])
    stage.settle()
    ou = stage.cornerstone.row("ous", external_id=f"ADM-{made['legacy_id']}")
    assert (ou["name"], ou["parent_id"], ou["type_id"]) == ("From Administrate", parent, DIVISION)
    quiet(stage)


def test_a_contact_of_an_account_that_was_refused_asks_ever_less_often_and_follows_once_the_account_is_mended(stage: Stage) -> None:
    """It asked each minute for ever, for itself and for whoever waits with it."""
    parent = make(stage, "Roof of a refused one")
    stage.cornerstone.fault("status", match={"operation": "ous.create"}, status=400, times=2)
    refused = stage.administrate.act("create_account", name="Refused", parent_account_id=account(stage, parent)["id"])
    for name in ("Wanda", "Walt"):
        email = f"{name}@example.org".lower()
        stage.administrate.act("create_contact", first_name=name, last_name="Waiting", email_address=email, account_id=refused["id"])
    stage.settle(horizon=30)
    mark, end = stage.administrate.last_request(), stage.clock.utcnow() + timedelta(hours=2)
    while (due := stage.next_due()) is not None and due < end:
        stage.clock.travel((due - stage.clock.utcnow()).total_seconds() + 0.05)
        stage.work()
    asked = [row for row in requests_of(stage) if row["seq"] > mark and row["operation"] == "node"]
    assert 4 <= len(asked) <= 2 * 2 * 16, f"two contacts and their account were looked at {len(asked)} times in two hours"
    stage.administrate.act("edit_account", id=refused["id"], name="Accepted")
    stage.settle(horizon=30)
    unit = stage.cornerstone.row("ous", external_id=f"ADM-{refused['legacy_id']}")
    people = stage.cornerstone.rows("users", last_name="Waiting")
    assert [user["ous"] for user in people] == [[{"id": unit["id"], "type_id": DIVISION}]] * 2
    quiet(stage)


def test_an_edit_of_the_account_is_undone_by_the_daily_reconciliation(stage: Stage) -> None:
    unit, elsewhere = make(stage, "Steady"), make(stage, "Elsewhere")
    stage.administrate.act("edit_account", id=account(stage, unit)["id"], name="Renamed here")
    stage.administrate.act("move_account", id=account(stage, unit)["id"], parent_account_id=account(stage, elsewhere)["id"])
    stage.settle()
    stage.reconcile(Kind.ORG_UNIT)
    assert (account(stage, unit)["name"], account(stage, unit)["parent_account_id"]) == ("Steady", None)
    assert stage.cornerstone.row("ous", id=unit)["name"] == "Steady"
    quiet(stage)


def hired_into(stage: Stage, name: str, ou: int) -> dict[str, Any]:
    ous = [{"id": ou, "type_id": DIVISION}]
    return stage.cornerstone.act("hire", first_name=name, last_name="Hired", primary_email=f"{name}@example.org".lower(), ous=ous)


def test_two_accounts_that_were_merged_close_no_unit(stage: Stage) -> None:
    kept, merged = make(stage, "Survivor"), make(stage, "Merged away")
    user = hired_into(stage, "Mia", merged)
    stage.settle()
    stage.administrate.act("merge_accounts", from_account_id=account(stage, merged)["id"], to_account_id=account(stage, kept)["id"])
    stage.settle()
    stage.reconcile(Kind.ORG_UNIT, Kind.PERSON)
    assert stage.cornerstone.row("ous", id=merged)["active"]
    assert stage.cornerstone.row("users", id=user["id"])["ous"] == [{"id": merged, "type_id": DIVISION}]
    differ = [f"OU {merged} 'Merged away' has no account", f"user {user['id']}: the contact's account is"]
    quiet(stage, differ=differ, parked=["The record on the other side is gone"])


def test_below_a_merged_account_what_can_be_written_is_and_the_rest_is_refused_once(stage: Stage) -> None:
    """The refused field of a change whose other fields were taken was sent again by every comparison."""
    kept, merged = make(stage, "Above that stays"), make(stage, "Above that goes")
    child = make(stage, "Child", merged)
    user = hired_into(stage, "Una", child)
    stage.settle()
    gone = account(stage, merged)["id"]
    stage.administrate.act("merge_accounts", from_account_id=gone, to_account_id=account(stage, kept)["id"])
    stage.cornerstone.act("rename_ou", id=child, name="Child renamed")
    below = stage.cornerstone.act("create_ou", name="New below", type_id=DIVISION, parent_id=merged)["id"]
    stage.cornerstone.act("edit_user", id=user["id"], ous=[{"id": below, "type_id": DIVISION}])
    stage.settle(horizon=SOON_SECONDS)
    stage.reconcile(Kind.ORG_UNIT, Kind.PERSON)
    assert account(stage, child)["name"] == "Child renamed"
    differ = [
        f"OU {merged} 'Above that goes' has no account",
        f"OU {below} 'New below' has no account",
        f"OU {child}",
        f"user {user['id']}: the contact's account is",
    ]
    quiet(stage, differ=differ, parked=[f"node {gone} answers null"], settle=False)
    for unit in (child, below):
        stage.cornerstone.act("move_ou", id=unit, parent_id=kept)
    stage.reconcile(Kind.ORG_UNIT)
    stage.settle()
    assert {account(stage, unit)["parent_account_id"] for unit in (child, below)} == {account(stage, kept)["id"]}
    quiet(stage)


def test_units_of_other_types_and_inactive_ones_are_left_alone(stage: Stage) -> None:
    stage.cornerstone.act("create_ou", name="Cost centre 7", type_id=16)
    stage.cornerstone.act("create_ou", name="Closed before we came", type_id=DIVISION, active=False)
    stage.settle()
    stage.reconcile(Kind.ORG_UNIT)
    names = {row["name"] for row in stage.administrate.rows("accounts")}
    assert not names & {"Cost centre 7", "Closed before we came"}
    quiet(stage)


def test_locations_subjects_and_vendors_follow_daily(stage: Stage) -> None:
    site = stage.cornerstone.act(
        "create_ou", name="Reykjavík", type_id=32, external_id="LOC-RVK", time_zone="(UTC) Coordinated Universal Time"
    )
    subject = stage.cornerstone.act("create_subject", title="Welding", parent_id=stage.cornerstone.row("subjects", title="IT")["id"])
    vendor = stage.cornerstone.act("create_provider", name="Acme Academy")
    stage.clock.travel(REPORTING_LAG_SECONDS)
    stage.settle()
    stage.reconcile(Kind.LOCATION, Kind.SUBJECT, Kind.PROVIDER)
    quiet(stage)
    stage.cornerstone.act("rename_ou", id=site["id"], name="Reykjavík harbour")
    stage.cornerstone.act("edit_subject", id=subject["id"], title="Arc welding")
    stage.cornerstone.act("edit_provider", id=vendor["id"], name="Acme Academy Ltd")
    stage.clock.travel(REPORTING_LAG_SECONDS)
    stage.settle()
    stage.reconcile(Kind.LOCATION, Kind.SUBJECT, Kind.PROVIDER)
    quiet(stage)


def test_a_vendor_whose_renaming_was_not_answered_is_found_under_its_new_name(stage: Stage) -> None:
    """A value of a field is known by its text alone, so it seemed to be gone (simulation, seed 266)."""
    vendor = stage.cornerstone.act("create_provider", name="Silent Academy")
    stage.clock.travel(REPORTING_LAG_SECONDS)
    stage.reconcile(Kind.PROVIDER)
    stage.cornerstone.act("edit_provider", id=vendor["id"], name="Silent Academy Ltd")
    stage.clock.travel(REPORTING_LAG_SECONDS)
    stage.administrate.fault("reset", match={"operation": "customFields.updateGlobalCustomDefinition"}, after_effect=True)
    stage.reconcile(Kind.PROVIDER)
    assert stage.administrate.faults()[0]["used"]
    stage.settle()
    assert stage.operations(outcome="unknown") == []
    quiet(stage)
