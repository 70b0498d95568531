"""Keys of csod_pipelines.yaml, each with the effect that its comment promises."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from csod_pipelines.model.keys import Flow, Kind, SystemName
from csod_pipelines.runtime import bucket_specs
from csod_pipelines.store.provision import Urls
from csod_pipelines.systems import contract
from csod_pipelines_tests.acceptance.operate.little import BASELINE, contacts_by_user, event, little, people, publish, session_of, told
from csod_pipelines_tests.acceptance.world import World

GROUP, DIVISION = 128, 2


@pytest.fixture
def bare(database_urls: Urls, tmp_path: Path) -> Iterator[World]:
    """Both vendors, nothing imported."""
    with little(database_urls, tmp_path, imported=False, ous=26) as here:
        yield here


@pytest.fixture
def here(database_urls: Urls, tmp_path: Path) -> Iterator[World]:
    with little(database_urls, tmp_path) as made:
        yield made


def work(here: World) -> None:
    here.engine.observe(force=True)
    for flow in (Flow.PEOPLE, Flow.CATALOG, Flow.ENROLLMENT):
        here.engine.drain(flow, owner="test", linger_seconds=0)


def why(here: World) -> set[str]:
    """Reasons with which units ended so far."""
    with here.house.database.read() as conn:
        return set(conn.exec_driver_sql("SELECT DISTINCT reason FROM settlement").scalars())


def home(user: dict[str, Any]) -> int:
    return next(ou["id"] for ou in user["ous"] if ou["type_id"] == DIVISION)


def whole(here: World) -> list[dict[str, Any]]:
    rows = here.cornerstone.rows("users", active=True)
    return [user for user in rows if user["primary_email"] and user["ous"] and "svc" not in str(user["external_id"])]


# ---- scope


@pytest.mark.full
def test_a_pilot_group_keeps_everybody_else_out_of_import_changes_and_creation(bare: World) -> None:
    group = bare.cornerstone.act("create_ou", type_id=GROUP, name="Pilot", external_id="G-1")
    pilots, outsider = whole(bare)[:2], whole(bare)[2]
    for user in pilots:
        bare.cornerstone.act("edit_user", id=user["id"], ous=[*user["ous"], {"id": group["id"], "type_id": GROUP}])
    with told(bare, {"scope": {"people": {"pilot_group": str(group["id"])}}}) as here:
        here.baseline(*BASELINE)
        here.settle()
        assert set(contacts_by_user(here)) == {user["id"] for user in pilots}
        here.cornerstone.act("edit_user", id=outsider["id"], first_name="Outside")
        account = here.administrate.row("contacts", id=contacts_by_user(here)[pilots[0]["id"]]["id"])["account_id"]
        here.administrate.act(
            "create_contact", account_id=account, first_name="No", last_name="Pilot", email_address="no.pilot@example.org"
        )
        here.settle()
        assert set(contacts_by_user(here)) == {user["id"] for user in pilots}
        assert not here.cornerstone.rows("users", primary_email="no.pilot@example.org")

        # leaving the group stops the sync and deactivates nothing
        leaver = pilots[0]
        here.cornerstone.act("edit_user", id=leaver["id"], ous=[{"id": None, "type_id": GROUP}])
        here.cornerstone.act("terminate", id=leaver["id"])
        here.settle()
        here.engine.reconcile(Kind.PERSON, mode="apply", owner="test")
        assert not contacts_by_user(here)[leaver["id"]]["has_left_company"]
        here.cornerstone.act("terminate", id=pilots[1]["id"])
        here.settle()
        assert contacts_by_user(here)[pilots[1]["id"]]["has_left_company"]


@pytest.mark.full
def test_user_names_that_are_excluded_get_no_contact(bare: World) -> None:
    ous = [{"id": home(whole(bare)[0]), "type_id": DIVISION}]
    for number, name in enumerate(("svc-backup", "SVC-Import", "ordinary")):
        email = f"n{number}@example.org"
        bare.cornerstone.act("hire", first_name="A", last_name=f"Name{number}", user_name=name, primary_email=email, ous=ous)
    with told(bare, {"scope": {"people": {"exclude_user_names": ["svc-*"]}}}) as here:
        here.baseline(*BASELINE)
        here.settle()
        assert {row["last_name"] for row in contacts_by_user(here).values()} >= {"Name2"}
        assert not {row["last_name"] for row in contacts_by_user(here).values()} & {"Name0", "Name1"}


@pytest.mark.full
def test_only_what_lies_below_the_roots_is_kept_in_step(bare: World) -> None:
    units = {ou["id"]: ou for ou in bare.cornerstone.rows("ous", type_id=DIVISION, active=True)}
    parents = {ou["parent_id"] for ou in units.values()}
    root = next(ou for ou in units.values() if ou["id"] in parents)
    below = {root["id"]}
    for _ in range(10):
        below |= {ou["id"] for ou in units.values() if ou["parent_id"] in below}
    assert below < set(units), "some divisions must lie elsewhere"
    with told(bare, {"scope": {"ou_roots": [str(root["id"])]}}) as here:
        here.baseline(*BASELINE)
        here.settle()
        accounts = {row["external_ids"].get("csod:sandbox:ou") for row in here.administrate.rows("accounts")} - {None}
        assert accounts == {str(id) for id in below}
        users = {user["id"]: user for user in whole(here)}
        assert {home(users[id]) for id in contacts_by_user(here) if id in users} <= below
        inside, outside = (
            here.cornerstone.act("create_ou", type_id=DIVISION, name=name, external_id=f"X-{name}", parent_id=parent)
            for name, parent in (("In", root["id"]), ("Out", next(id for id in units if id not in below)))
        )
        elsewhere = here.administrate.act("create_account", name="Elsewhere", is_individual=False)
        here.settle()
        here.engine.reconcile(Kind.ORG_UNIT, mode="apply", owner="test")
        accounts = {row["external_ids"].get("csod:sandbox:ou") for row in here.administrate.rows("accounts")}
        assert str(inside["id"]) in accounts
        assert str(outside["id"]) not in accounts
        assert here.administrate.row("accounts", id=elsewhere["id"])["external_ids"] == {}
        assert here.engine.plan([Kind.ORG_UNIT, Kind.PERSON]) == []


def test_templates_and_events_that_are_left_out_never_reach_cornerstone(here: World) -> None:
    with told(here, {"scope": {"course_templates": {"codes": ["FIRE-*"]}, "events": {"exclude_codes": ["*-secret"]}}}) as limited:
        publish(limited, "FIRE-101")
        other = next(t["code"] for t in limited.administrate.rows("course_templates") if not t["code"].startswith("FIRE-"))
        publish(limited, other)
        wanted, secret = event(limited, code="EV-open"), event(limited, code="EV-secret")
        foreign = event(limited, template=other, code="EV-foreign")
        limited.settle()
        assert session_of(limited, wanted)
        for left_out in (secret, foreign):
            assert not limited.cornerstone.rows("sessions", session_id=f"ADM-{left_out['legacy_id']}")
        assert not limited.cornerstone.rows("events", event_number=other)
        assert limited.engine.plan([Kind.COURSE, Kind.OFFERING]) == []
        assert limited.engine.waiting(Flow.CATALOG).next_ready_at is None, "nobody waits for what is left out"

        # an event that leaves the scope later is left as it is
        contact = contacts_by_user(limited)[people(limited)[0]["id"]]
        limited.administrate.act("register", event_id=secret["id"], contact_id=contact["id"])
        limited.settle()
        with told(limited, {"scope": {"events": {"exclude_codes": ["EV-*"]}}}) as narrower:
            narrower.administrate.act("register", event_id=wanted["id"], contact_id=contact["id"])
            narrower.administrate.act("edit_event", id=wanted["id"], max_places=3)
            narrower.settle()
            assert session_of(narrower, wanted)["maximum_registration"] != 3
            assert not narrower.cornerstone.rows("transcripts", object_id=session_of(narrower, wanted)["id"])


@pytest.mark.full
def test_nothing_published_before_the_day_the_catalogue_goes_live_is_created(here: World) -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).date()
    with told(here, {"scope": {"live_from": tomorrow.isoformat()}}) as early:
        row = event(early, code="EV-old")
        early.settle()
        early.engine.reconcile(Kind.OFFERING, mode="apply", owner="test")
        assert not early.cornerstone.rows("sessions", session_id=f"ADM-{row['legacy_id']}")
        assert early.engine.plan([Kind.COURSE, Kind.OFFERING]) == []
        for vendor in (early.administrate, early.cornerstone):
            vendor.advance(86_400)
        # its template is old too, but it is needed
        early.administrate.act("edit_event", id=row["id"], max_places=9)
        early.settle()
        assert session_of(early, row)


# ---- person, new_user


def test_a_field_that_may_be_written_back_travels_to_cornerstone_and_no_other_does(here: World) -> None:
    user = people(here)[0]
    contact = contacts_by_user(here)[user["id"]]
    with told(here, {"person": {"write_back": ["mobile"]}}) as both_ways:
        both_ways.administrate.act("edit_contact", id=contact["id"], mobile="+33 611 111 111", first_name="Renamed")
        both_ways.settle()
        row = both_ways.cornerstone.row("users", id=user["id"])
        assert row["mobile_phone"] == "+33 611 111 111"
        assert row["first_name"] == user["first_name"]
        mark = both_ways.cornerstone.last_request()
        both_ways.settle()
        assert both_ways.cornerstone.writes(mark) == [], "its own echo writes nothing"

        # the reconciliation restores what is not Administrate's, and keeps what may be
        both_ways.administrate.act("edit_contact", id=contact["id"], mobile="+33 622 222 222")
        both_ways.engine.reconcile(Kind.PERSON, mode="apply", owner="test")
        both_ways.settle()
        both_ways.engine.reconcile(Kind.PERSON, mode="apply", owner="test")
        assert both_ways.cornerstone.row("users", id=user["id"])["mobile_phone"] == "+33 622 222 222"
        assert contacts_by_user(both_ways)[user["id"]]["first_name"] == user["first_name"].strip()

        # changed on both sides: Cornerstone's, as always
        both_ways.cornerstone.act("edit_user", id=user["id"], mobile_phone="+33 633 333 333")
        both_ways.administrate.act("edit_contact", id=contact["id"], mobile="+33 644 444 444")
        both_ways.settle()
        both_ways.engine.reconcile(Kind.PERSON, mode="apply", owner="test")
        assert contacts_by_user(both_ways)[user["id"]]["mobile"] == "+33 633 333 333"
        assert both_ways.cornerstone.row("users", id=user["id"])["mobile_phone"] == "+33 633 333 333"
        assert both_ways.engine.plan([Kind.PERSON]) == []


@pytest.mark.full
def test_without_the_setting_nothing_is_written_back(here: World) -> None:
    user = people(here)[0]
    here.administrate.act("edit_contact", id=contacts_by_user(here)[user["id"]]["id"], mobile="+33 611 111 111")
    here.settle()
    assert here.cornerstone.row("users", id=user["id"])["mobile_phone"] == user["mobile_phone"]


@pytest.mark.full
@pytest.mark.parametrize("given", [True, False])
def test_a_user_whose_account_has_no_unit_gets_the_one_of_the_settings(here: World, given: bool) -> None:
    division = home(people(here)[0])
    with told(here, {"new_user": {"org_unit": str(division) if given else None, "external_id_prefix": "TM-"}}) as world:
        account = world.administrate.act("create_account", name="Solo Artist", is_individual=True)
        contact = world.administrate.act(
            "create_contact", account_id=account["id"], first_name="Solo", last_name="Artist", email_address="solo@example.org"
        )
        world.settle()
        user = world.cornerstone.row("users", primary_email="solo@example.org")
        assert [ou["id"] for ou in user["ous"] if ou["type_id"] == DIVISION] == ([division] if given else [])
        assert user["external_id"] == f"TM-{contact['legacy_id']}"


@pytest.mark.full
@pytest.mark.parametrize("by_name", [True, False])
def test_people_are_recognised_by_name_only_if_the_settings_say_so(bare: World, by_name: bool) -> None:
    account = bare.administrate.act("create_account", name="Twins & Co", is_individual=False)
    twin = bare.administrate.act(
        "create_contact", account_id=account["id"], first_name="T", last_name="Same", email_address="t@example.org"
    )
    user = bare.cornerstone.act(
        "hire", first_name="T", last_name="Same", primary_email="t@example.org", ous=[{"id": home(whole(bare)[0]), "type_id": DIVISION}]
    )
    with told(bare, {"person": {"match_by_name": by_name}}) as here:
        here.engine.import_baseline(Kind.ORG_UNIT, mode="apply", owner="test")
        here.engine.import_baseline(Kind.PERSON, mode="apply", owner="test")
        assert (contacts_by_user(here)[user["id"]]["id"] == twin["id"]) is by_name


# ---- results


@pytest.mark.full
def test_a_roster_is_submitted_without_all_marks_only_after_the_time_that_the_settings_name(here: World) -> None:
    with told(here, {"results": {"submit_after_hours": 2}}) as world:
        user = people(world)[0]
        contact = contacts_by_user(world)[user["id"]]
        row = event(world, parts=2, days=1)
        learner = world.administrate.act("register", event_id=row["id"], contact_id=contact["id"])
        world.settle()
        sessions = sorted(world.administrate.rows("sessions", event_id=row["id"]), key=lambda s: s["start"])

        def pass_time(hours: float) -> None:
            for vendor in (world.administrate, world.cornerstone):
                vendor.advance(hours * 3600)
            world.engine.observe(force=True)
            for flow in (Flow.CATALOG, Flow.ENROLLMENT, Flow.RESULT):
                world.engine.drain(flow, owner="test", linger_seconds=0)

        def status() -> str:
            found = world.cornerstone.row("transcripts", user_id=user["id"], object_id=session_of(world, row)["id"])
            return found["status"]

        pass_time(2 * 24 + 1.5)  # the second day is over for an hour
        world.administrate.act("mark_attendance", learner_id=learner["id"], session_id=sessions[0]["id"], attended=True)
        world.administrate.act("record_result", learner_id=learner["id"], has_passed=True)
        pass_time(0)
        assert status() in ("Registered", "In Progress"), "one part is not marked yet"
        pass_time(1.5)
        assert status() not in ("Registered", "In Progress")


# ---- notifications, limits


@pytest.mark.parametrize("sender", ["none", "cornerstone"])
def test_only_the_side_that_is_named_writes_to_learners_and_a_reconciliation_never_does(here: World, sender: str) -> None:
    with told(here, {"notifications": {"sender": sender}}) as world:
        contacts, some = contacts_by_user(world), people(world)[:2]
        row = event(world)
        world.settle()
        mark = world.cornerstone.last_request()
        world.administrate.act("register", event_id=row["id"], contact_id=contacts[some[0]["id"]]["id"])
        work(world)
        assert bool(letters(world, mark)) is (sender == "cornerstone")
        world.settle()
        mark = world.cornerstone.last_request()
        world.administrate.act("register", event_id=row["id"], contact_id=contacts[some[1]["id"]]["id"])
        world.engine.reconcile(Kind.ENROLLMENT, mode="apply", owner="test")
        assert world.cornerstone.rows("transcripts", object_id=session_of(world, row)["id"], user_id=some[1]["id"])
        assert not letters(world, mark)


def letters(here: World, since: int) -> int:
    answer = requests.get(f"{here.cornerstone.url}/_sandbox/requests", params={"since": since}, timeout=30)
    return sum(row["messages"] for row in answer.json())


def test_the_limits_of_endpoints_are_the_published_ones_unless_the_settings_say_otherwise(here: World) -> None:
    limits = {"cornerstone_per_minute": 7, "cornerstone_endpoints": {"employees.list": 11}, "administrate_per_second": 3.0}
    with told(here, {"limits": limits}) as world:
        register = contract.load(SystemName.CORNERSTONE)
        specs = bucket_specs(world.house.settings, register)
        assert specs[register.bucket("employees.list")].limit == 11
        assert specs[register.bucket("employees.get")].limit == 150, "published"
        assert specs[register.bucket("lo.get")].limit == 7, "not published"
        other = contract.load(SystemName.ADMINISTRATE)
        assert specs_limit(world, other, "graphql") == 3.0


def specs_limit(world: World, register: contract.Contract, name: str) -> float:
    return bucket_specs(world.house.settings, register)[register.bucket(name)].limit
