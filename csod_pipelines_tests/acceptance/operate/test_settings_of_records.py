"""Keys of csod_pipelines.yaml that shape what is created at either vendor, each with the effect that its comment promises."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from csod_pipelines.engine.errors import FlowStopped
from csod_pipelines.model.keys import Flow, Kind
from csod_pipelines.store.provision import Urls
from csod_pipelines_tests.acceptance.operate.little import BASELINE, contacts_by_user, event, little, people, publish, session_of, told
from csod_pipelines_tests.acceptance.world import World

pytestmark = pytest.mark.full

DIVISION, COST_CENTER, LOCATION = 2, 16, 32
TIME_ZONE = "(UTC+01:00) Brussels, Copenhagen, Madrid, Paris"


@pytest.fixture
def here(database_urls: Urls, tmp_path: Path) -> Iterator[World]:
    with little(database_urls, tmp_path, ous=26) as made:
        yield made


@pytest.fixture
def bare(database_urls: Urls, tmp_path: Path) -> Iterator[World]:
    with little(database_urls, tmp_path, imported=False, ous=26) as made:
        yield made


def called(here: World, operation: str, *, since: int = 0) -> int:
    found: list[dict[str, Any]] = []
    for vendor in (here.administrate, here.cornerstone):
        found += requests.get(f"{vendor.url}/_sandbox/requests", params={"since": since}, timeout=30).json()
    return sum(operation in str(row["operation"]) for row in found)


def test_the_unit_types_become_accounts_and_one_of_them_decides_a_contacts_account(bare: World) -> None:
    centre = bare.cornerstone.act("create_ou", type_id=COST_CENTER, name="Centre", external_id="CC-1")
    division = bare.cornerstone.rows("ous", type_id=DIVISION, active=True)[0]
    ous = [{"id": division["id"], "type_id": DIVISION}, {"id": centre["id"], "type_id": COST_CENTER}]
    user = bare.cornerstone.act("hire", first_name="A", last_name="Centred", primary_email="centred@example.org", ous=ous)
    with told(bare, {"scope": {"ou_types": [DIVISION, COST_CENTER], "contact_account_from": COST_CENTER}}) as here:
        here.baseline(*BASELINE)
        here.settle()
        accounts = {row["external_ids"].get("csod:sandbox:ou"): row["id"] for row in here.administrate.rows("accounts")}
        assert {str(division["id"]), str(centre["id"])} <= accounts.keys()
        assert contacts_by_user(here)[user["id"]]["account_id"] == accounts[str(centre["id"])]


def test_the_batch_size_is_how_many_records_one_mutation_holds(bare: World) -> None:
    with told(bare, {"limits": {"administrate_batch": 5}}) as here:
        here.baseline(*BASELINE)
        documents = called(here, "contact.createBatch")
        assert documents >= len(contacts_by_user(here)) / 5 > 2


def test_the_vendor_field_is_where_the_vendors_names_go(bare: World) -> None:
    bare.administrate.act("define_custom_field", object_type="CourseTemplate", label="teacher", type="choice", options=[])
    with told(bare, {"administrate": {"vendor_field": "teacher"}}) as here:
        here.engine.import_baseline(Kind.PROVIDER, mode="apply", owner="test")
        field = here.administrate.row("custom_field_definitions", label="teacher")
        assert set(field["options"]) == {row["name"] for row in here.cornerstone.rows("providers") if row["active"]}


def test_new_locations_are_made_in_the_region_of_the_settings(bare: World) -> None:
    with told(bare, {"administrate": {"region": "NOWHERE"}}) as here, pytest.raises(FlowStopped, match="no such region"):
        here.engine.import_baseline(Kind.LOCATION, mode="apply", owner="test")


def test_events_get_the_audience_languages_and_vendor_of_the_settings(here: World) -> None:
    division = here.cornerstone.rows("ous", type_id=DIVISION, active=True)[0]
    catalogue = {"audience": [str(division["id"])], "languages": ["fr-FR"], "provider": "Red Cross"}
    with told(here, {"catalogue": catalogue}) as world:
        made = world.administrate.act("create_template", code="SET-1", title="Set", introduction="x")
        world.administrate.act("publish_template", id=made["id"])
        world.settle()
        row = world.cornerstone.row("events", event_number="SET-1")
        assert (row["languages"], row["provider"]) == (["fr-FR"], "Red Cross")
        assert str(division["external_id"]) in str(row["availabilities"]) or str(division["id"]) in str(row["availabilities"])


def test_parts_without_a_place_are_held_at_the_virtual_location(here: World) -> None:
    place = here.cornerstone.rows("ous", type_id=LOCATION, active=True)[0]
    with told(here, {"catalogue": {"virtual_location": str(place["id"])}}) as world:
        row = event(world)
        world.settle()
        assert {part["location_ref"] for part in session_of(world, row)["parts"]} == {place["external_id"]}


def test_new_users_sign_in_speak_and_live_as_the_settings_say(here: World) -> None:
    new_user = {"user_name_from": "external_id", "display_language": "fr-FR", "time_zone": TIME_ZONE}
    account = contacts_by_user(here)[people(here)[0]["id"]]["account_id"]
    with told(here, {"new_user": new_user}) as world:
        contact = world.administrate.act(
            "create_contact", account_id=account, first_name="Nina", last_name="New", email_address="nina@example.org"
        )
        world.settle()
        user = world.cornerstone.row("users", primary_email="nina@example.org")
        assert user["user_name"] == f"ADM-{contact['legacy_id']}"
        assert (user["language"], user["time_zone"]) == ("fr-FR", TIME_ZONE)


@pytest.mark.parametrize("route", ["assignment", "transcript"])
def test_people_are_registered_by_the_route_of_the_settings(here: World, route: str) -> None:
    with told(here, {"enrollment": {"route": route}}) as world:
        user = people(world)[0]
        row = event(world)
        world.settle()
        mark = world.cornerstone.last_request()
        world.administrate.act("register", event_id=row["id"], contact_id=contacts_by_user(world)[user["id"]]["id"])
        world.settle()
        assert world.cornerstone.row("transcripts", user_id=user["id"], object_id=session_of(world, row)["id"])["status"] == "Registered"
        assert bool(called(world, "learning_assignments.create", since=mark)) is (route == "assignment")


def test_nothing_is_gathered_when_the_settings_say_so(here: World) -> None:
    with told(here, {"enrollment": {"gather_seconds": 0}}) as world:
        contacts, some = contacts_by_user(world), people(world)[:2]
        row = event(world)
        world.settle()
        for user in some:
            world.administrate.act("register", event_id=row["id"], contact_id=contacts[user["id"]]["id"])
            world.engine.observe(force=True)
            world.engine.drain(Flow.ENROLLMENT, owner="test", linger_seconds=0)
        rows = world.cornerstone.rows("transcripts", object_id=session_of(world, row)["id"])
        assert {r["user_id"] for r in rows} == {user["id"] for user in some}


@pytest.mark.parametrize("fill", [True, False])
def test_a_completion_fills_unmarked_parts_only_if_the_settings_say_so(here: World, fill: bool) -> None:
    with told(here, {"results": {"fill_attendance": fill}}) as world:
        user = people(world)[0]
        row = event(world, days=1)
        publish(world)
        world.administrate.act("register", event_id=row["id"], contact_id=contacts_by_user(world)[user["id"]]["id"])
        world.settle()
        world.cornerstone.act("complete", user_id=user["id"], session_id=session_of(world, row)["id"])
        for vendor in (world.administrate, world.cornerstone):
            vendor.advance(86_400 + 3600)
        world.settle()
        learner = world.administrate.row("learners", event_id=row["id"])
        assert learner["has_passed"] is True
        assert ("Present" in learner["attendance"].values()) is fill
