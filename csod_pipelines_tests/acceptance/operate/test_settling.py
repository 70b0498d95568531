"""What waits for a person: several candidates, wrong pairs, records that two systems play ping-pong with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from csod_pipelines.model.keys import Flow, Kind
from csod_pipelines.store.provision import Urls
from csod_pipelines_tests.acceptance.operate.little import BASELINE, contacts_by_user, event, little, people, session_of
from csod_pipelines_tests.acceptance.operate.shell import Shell
from csod_pipelines_tests.acceptance.world import World

ShellOf = Callable[[World], Shell]


def edit(here: World, user_id: int, first_name: str) -> None:
    here.cornerstone.act("edit_user", id=user_id, first_name=first_name)
    here.engine.observe(force=True)
    here.engine.drain(Flow.PEOPLE, owner="test", linger_seconds=0)


def test_several_contacts_with_one_address_are_parked_with_all_of_them_and_settled_by_binding_one(
    database_urls: Urls, tmp_path: Path, shell_of: ShellOf
) -> None:
    with little(database_urls, tmp_path, imported=False) as here:
        shell = shell_of(here)
        account = here.administrate.act("create_account", name="Twins & Co", is_individual=False)
        twins = [
            here.administrate.act(
                "create_contact", account_id=account["id"], first_name=name, last_name="Zwilling", email_address="team@example.org"
            )
            for name in ("Ann", "Anna")
        ]
        division = here.cornerstone.rows("ous", type_id=2, active=True)[0]
        ous = [{"id": division["id"], "type_id": 2}]
        user = here.cornerstone.act("hire", first_name="Ann", last_name="Zwilling", primary_email="team@example.org", ous=ous)
        here.baseline(*BASELINE)
        here.settle()
        rows = shell.ok("parked", "--json").json
        assert {row["code"] for row in rows} == {"several_candidates", "several_namesakes"}
        (row,) = [row for row in rows if row["cornerstone"] == str(user["id"])]
        assert set(row["params"]["candidates"]) == {twin["id"] for twin in twins}
        assert all("links bind" in row["what_to_do"] for row in rows)
        assert {row["subject"] for row in shell("plan", "person", "--json").json["parked"]} == {row["subject"] for row in rows}

        # trying again changes nothing as long as nobody chose
        shell.ok("replay", "user", str(user["id"]))
        here.settle()
        assert len(shell.ok("parked", "--json").json) == len(rows)

        shell.ok("links", "bind", "contact", str(twins[1]["legacy_id"]), str(user["id"]), "--why", "same desk")
        here.settle()
        assert {row["administrate"] for row in shell.ok("parked", "--json").json} == {twins[0]["id"]}, "the other twin is still nobody's"
        chosen = here.administrate.row("contacts", id=twins[1]["id"])
        assert chosen["external_ids"]["csod:sandbox:user"] == str(user["id"])
        assert chosen["first_name"] == "Ann", "the owner's values win"
        assert here.administrate.row("contacts", id=twins[0]["id"])["external_ids"] == {}
        told = shell.ok("trace", "user", str(user["id"])).out
        assert "A person paired the two records." in told
        assert shell("plan", "person").code == 0


@pytest.mark.full
def test_a_pair_that_was_a_mistake_is_ended_and_stays_ended_until_it_is_settled_anew(
    database_urls: Urls, tmp_path: Path, shell_of: ShellOf
) -> None:
    with little(database_urls, tmp_path) as here:
        shell = shell_of(here)
        first, second = people(here)[:2]
        contacts = contacts_by_user(here)
        taken = shell("links", "bind", "contact", contacts[first["id"]]["id"], str(second["id"]), "--why", "mixed up")
        assert (taken.code, "links unbind" in taken.err) == (1, True)
        shell.ok("links", "unbind", "user", str(first["id"]), "--why", "mixed up")
        shell.ok("links", "unbind", "user", str(second["id"]), "--why", "mixed up")
        assert {row["code"] for row in shell.ok("parked", "--json").json} == {"unbound_by_hand"}

        mark = here.administrate.last_request()
        edit(here, first["id"], "Nobody")
        here.engine.reconcile(BASELINE[-1], mode="apply", owner="test")
        assert here.administrate.writes(mark) == []
        assert shell("plan", "person").code == 0

        shell.ok("links", "bind", "contact", contacts[first["id"]]["id"], str(second["id"]), "--why", "so it is right")
        shell.ok("links", "bind", "contact", contacts[second["id"]]["id"], str(first["id"]), "--why", "so it is right")
        here.settle()
        now = contacts_by_user(here)
        assert now[second["id"]]["id"] == contacts[first["id"]]["id"]
        assert now[first["id"]]["id"] == contacts[second["id"]]["id"]
        assert now[first["id"]]["first_name"] == "Nobody"
        assert shell.ok("parked", "--json").json == []
        assert shell("plan", "person").code == 0


@pytest.mark.full
def test_an_ended_pair_that_was_right_finds_itself_again_when_it_is_replayed(
    database_urls: Urls, tmp_path: Path, shell_of: ShellOf
) -> None:
    with little(database_urls, tmp_path) as here:
        shell, user = shell_of(here), people(here)[0]
        before = contacts_by_user(here)[user["id"]]["id"]
        shell.ok("links", "unbind", "user", str(user["id"]), "--why", "a mistake of mine")
        assert len(shell.ok("replay", "--all", "--json").json) == 2
        here.settle()
        assert shell.ok("links", "show", "user", str(user["id"]), "--json").json["administrate"]["id"] == before
        assert len([row for row in here.administrate.rows("contacts") if row["last_name"] == user["last_name"].strip()]) >= 1
        assert shell.ok("parked", "--json").json == []


def test_a_record_written_to_and_fro_more_than_five_times_in_ten_minutes_is_parked_and_no_other_is(
    database_urls: Urls, tmp_path: Path, shell_of: ShellOf
) -> None:
    with little(database_urls, tmp_path) as here:
        shell, (restless, calm) = shell_of(here), people(here)[:2]
        for number in range(6):
            edit(here, calm["id"], f"Draft{number}")
        assert contacts_by_user(here)[calm["id"]]["first_name"] == "Draft5", "a clerk at work writes something new each time"
        for number in range(7):
            edit(here, restless["id"], ("To", "Fro")[number % 2])
        assert contacts_by_user(here)[restless["id"]]["first_name"] == "To", "five writes and no more"
        (row,) = shell.ok("parked", "--json").json
        assert row["code"] == "written_too_often"
        assert "5 times within ten minutes" in row["reason"]
        edit(here, restless["id"], "Fro")

        # a person looked: it counts from there on anew, and the newest state is what is written
        shell.ok("replay", "user", str(restless["id"]), "--why", "a clerk who could not decide")
        here.settle()
        assert contacts_by_user(here)[restless["id"]]["first_name"] == "Fro"
        assert shell.ok("parked", "--json").json == []


@pytest.mark.full
def test_the_breakers_limit_is_a_setting(database_urls: Urls, tmp_path: Path) -> None:
    with little(database_urls, tmp_path, settings={"brakes": {"writes_in_ten_minutes": 2}}) as here:
        user = people(here)[0]
        for number in range(4):
            edit(here, user["id"], ("To", "Fro")[number % 2])
        assert contacts_by_user(here)[user["id"]]["first_name"] == "Fro"
        assert [row["reason"] for row in here.engine.parked()] == [
            row["reason"] for row in here.engine.parked() if "2 times within ten minutes" in row["reason"]
        ]
        assert here.engine.parked()


def test_one_person_of_a_roster_is_set_aside_and_everybody_else_of_it_goes_on(
    database_urls: Urls, tmp_path: Path, shell_of: ShellOf
) -> None:
    with little(database_urls, tmp_path, settings={"brakes": {"writes_in_ten_minutes": 2, "minimum": 100}}) as here:
        shell, row = shell_of(here), event(here)
        (restless, calm), contacts = people(here)[:2], contacts_by_user(here)
        learner = here.administrate.act("register", event_id=row["id"], contact_id=contacts[restless["id"]]["id"])["id"]
        here.settle()  # the first write
        here.administrate.act("cancel_learner", id=learner)
        here.settle()  # the second
        here.administrate.act("reactivate", id=learner)
        here.administrate.act("register", event_id=row["id"], contact_id=contacts[calm["id"]]["id"])
        here.settle()
        session = session_of(here, row)

        def status(user: dict) -> str | None:
            found = here.cornerstone.rows("transcripts", object_id=session["id"], user_id=user["id"])
            return max(found, key=lambda each: each["registration_number"])["status"] if found else None

        assert status(calm) == "Registered"
        assert status(restless) == "Withdrawn", "the third write is one too many"
        (parked,) = shell.ok("parked", "--json").json
        assert (parked["code"], parked["administrate"]) == ("written_too_often", learner)
        assert parked["kind"] == "enrollment"
        shown = shell("plan", "enrollment", "--json")
        assert (shown.code, len(shown.json["parked"])) == (0, 1)
        assert any("written 2 times" in one["reason"] for one in here.engine.parked())

        shell.ok("replay", "learner", learner, "--why", "the clerk has decided")
        here.settle()
        assert status(restless) == "Registered"
        assert shell.ok("parked", "--json").json == []

        # set aside again, and both sides say the same again by themselves: nothing is left to look at
        for action in ("cancel_learner", "reactivate"):
            here.administrate.act(action, id=learner)
            here.settle()
        assert len(shell.ok("parked", "--json").json) == 1
        here.administrate.act("cancel_learner", id=learner)
        here.settle()
        assert shell.ok("parked", "--json").json == []
        assert shell("plan", "enrollment").code == 0


def test_a_plan_lists_refusals_and_to_dos_apart_and_ends_with_zero(database_urls: Urls, tmp_path: Path, shell_of: ShellOf) -> None:
    with little(database_urls, tmp_path) as here:
        shell, user, row = shell_of(here), people(here)[0], event(here)
        here.baseline(Kind.LOCATION, Kind.SUBJECT)
        here.settle()
        here.administrate.act("cancel_event", id=row["id"])
        here.administrate.fault("result_failed_in_200", times=2, match={"operation": "contact.update"})
        edit(here, user["id"], "Refused")
        here.settle()
        answer = shell("plan", "--all", "--json")
        assert (answer.code, answer.json["would_write"]) == (0, []), answer
        (to_do,) = answer.json["to_do"]
        assert "Cancel the session on its screen" in to_do["what_to_do"]
        (refused,) = answer.json["refused"]
        assert (refused["outcome"], refused["cornerstone"]) == ("failure", f"user {user['id']}")
        shown = shell("plan", "--all")
        assert shown.code == 0
        for words in ("Would write: 0", "Refused or failed", "To do on a screen of Cornerstone"):
            assert words in shown.out

        edit(here, user["id"], "Accepted")
        assert shell("plan", "person", "--json").json["refused"] == [], "another value was taken"
