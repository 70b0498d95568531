"""Promise 9: a flow stops by itself before it deactivates, withdraws or moves more than is usual."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from csod_pipelines.engine.errors import BrakeOn
from csod_pipelines.model.keys import Flow, Kind
from csod_pipelines.store import work
from csod_pipelines.store.provision import Urls
from csod_pipelines_tests.acceptance.operate.little import contacts_by_user, event, little, people
from csod_pipelines_tests.acceptance.operate.shell import Shell
from csod_pipelines_tests.acceptance.world import World


def left(here: World) -> set[int]:
    return {id for id, row in contacts_by_user(here).items() if row["has_left_company"]}


def withdrawn(here: World) -> set[str]:
    return {row["id"] for row in here.cornerstone.rows("transcripts") if row["status"] == "Withdrawn"}


def drain(here: World, flow: Flow) -> str:
    here.engine.context().modes.look_again()
    return here.engine.drain(flow, owner="test", linger_seconds=0).stopped_reason


def test_a_live_flow_stops_before_the_sixth_deactivation_and_a_release_lets_exactly_the_plan_pass(
    database_urls: Urls, tmp_path: Path, shell_of: Callable[[World], Shell]
) -> None:
    with little(database_urls, tmp_path) as here:
        shell, before = shell_of(here), left(here)
        gone = people(here)[:8]
        for user in gone:
            here.cornerstone.act("terminate", id=user["id"])
        here.engine.observe(force=True)
        with pytest.raises(BrakeOn, match="1 contacts would be made inactive") as stopped:
            here.engine.drain(Flow.PEOPLE, owner="test", linger_seconds=0)
        assert len(left(here) - before) == 5, "40 people: 5 % are 2, and a brake never stops before 5"
        for words in ("after 5 in the last hour", "5 are allowed", "csod-pipelines plan person", "brake release people_sync --plan"):
            assert words in str(stopped.value)

        # held: no run works on, the unit is not lost, and everybody is told
        here.engine.context().modes.look_again()
        assert "held by the brake on deactivations" in (here.engine.held(Flow.PEOPLE) or "")
        assert drain(here, Flow.PEOPLE) == "braked"
        assert here.engine.waiting(Flow.PEOPLE).ready + (here.engine.waiting(Flow.PEOPLE).next_ready_at is not None)
        assert any("people_sync is held" in row["what"] for row in shell.ok("decisions", "--json").json)
        flows = shell.ok("status", "--json").json["flows"]
        assert "brake on deactivations" in flows["people_sync"]["held_by_brake"] and flows["enrollment_sync"]["held_by_brake"] is None
        with pytest.raises(BrakeOn):
            here.engine.reconcile(Kind.PERSON, mode="apply", owner="test")
        assert drain(here, Flow.ENROLLMENT) != "braked", "only its own flow"

        # the release names the plan that was shown
        shown = shell("plan", "person", "--json")
        assert shown.code == 2
        braked = shown.json["braked"]["people_sync"]
        assert braked["counts"] == {"deactivations of Administrate contacts": 3}
        wrong = shell("brake", "release", "people_sync", "--plan", "0123456789ab", "--why", "left on Friday")
        assert wrong.code == 1
        assert braked["digest"] in wrong.err
        assert len(left(here) - before) == 5
        shell.ok("brake", "release", "people_sync", "--plan", braked["digest"], "--why", "left on Friday", "--hours", "1")
        here.engine.context().modes.look_again()
        here.settle()
        assert left(here) - before == {user["id"] for user in gone}

        # what was not in that plan is counted as before
        here.cornerstone.act("terminate", id=people(here)[0]["id"])
        here.engine.observe(force=True)
        with pytest.raises(BrakeOn):
            here.engine.drain(Flow.PEOPLE, owner="test", linger_seconds=0)


def test_a_reconciliation_that_would_deactivate_too_many_deactivates_nobody(database_urls: Urls, tmp_path: Path) -> None:
    with little(database_urls, tmp_path) as here:
        before = left(here)
        for user in people(here)[:6]:
            here.cornerstone.act("terminate", id=user["id"])
        with pytest.raises(BrakeOn, match="6 contacts would be made inactive, after 0 in the last hour"):
            here.engine.reconcile(Kind.PERSON, mode="apply", owner="test")
        assert left(here) == before


@pytest.mark.full
def test_creations_are_never_braked(database_urls: Urls, tmp_path: Path) -> None:
    with little(database_urls, tmp_path) as here:
        division = people(here)[0]["ous"]
        for number in range(12):
            here.cornerstone.act(
                "hire", first_name="New", last_name=f"Hire{number}", primary_email=f"hire{number}@example.org", ous=division
            )
        here.settle()
        assert sum(row["last_name"].startswith("Hire") for row in here.administrate.rows("contacts")) == 12


@pytest.mark.full
def test_moves_of_accounts_are_braked_in_the_daily_reconciliation_alone(database_urls: Urls, tmp_path: Path) -> None:
    with little(database_urls, tmp_path, ous=26) as here:
        accounts = {row["external_ids"].get("csod:sandbox:ou") for row in here.administrate.rows("accounts")}
        units = [ou for ou in here.cornerstone.rows("ous", type_id=2, active=True) if str(ou["id"]) in accounts]
        assert len(units) >= 6, "the world is too small for this scenario"
        for ou in units[:6]:
            here.cornerstone.act("rename_ou", id=ou["id"], name=f"{ou['name']} (new)")
        mark = here.administrate.last_request()
        with pytest.raises(BrakeOn, match="daily_ou_reconciliation is held by the brake on moves: 6 accounts would be moved or renamed"):
            here.engine.reconcile(Kind.ORG_UNIT, mode="apply", owner="test")
        assert here.administrate.writes(mark) == []
        assert drain(here, Flow.PEOPLE) != "braked"


def test_withdrawals_are_braked_and_a_cancelled_event_counts_once(
    database_urls: Urls, tmp_path: Path, shell_of: Callable[[World], Shell]
) -> None:
    with little(database_urls, tmp_path) as here:
        some = people(here)[:7]
        contacts = contacts_by_user(here)
        events = [event(here), event(here)]
        learners = {
            (row["id"], user["id"]): here.administrate.act("register", event_id=row["id"], contact_id=contacts[user["id"]]["id"])["id"]
            for row in events
            for user in some
        }
        here.settle()
        before = withdrawn(here)
        # cancelling one event withdraws seven people, and counts once
        here.administrate.act("cancel_event", id=events[0]["id"])
        here.settle()
        assert len(withdrawn(here) - before) == 7
        # four more count one by one, and the fifth would be the sixth of the hour
        for user in some[:4]:
            here.administrate.act("cancel_learner", id=learners[events[1]["id"], user["id"]])
        here.settle()
        here.administrate.act("cancel_learner", id=learners[events[1]["id"], some[4]["id"]])
        here.engine.observe(force=True)
        with pytest.raises(BrakeOn, match="enrollment_sync is held by the brake on withdrawals: 1 learners would be withdrawn"):
            here.engine.drain(Flow.ENROLLMENT, owner="test", linger_seconds=0)
        assert len(withdrawn(here) - before) == 11
        shell = shell_of(here)
        digest = shell("plan", "enrollment", "--json").json["braked"]["enrollment_sync"]["digest"]
        shell.ok("brake", "release", "enrollment_sync", "--plan", digest, "--why", "asked for")
        here.engine.context().modes.look_again()
        here.settle()
        assert len(withdrawn(here) - before) == 12


@pytest.mark.full
def test_many_withdrawals_of_one_roster_are_refused_before_the_first(database_urls: Urls, tmp_path: Path) -> None:
    with little(database_urls, tmp_path) as here:
        some, contacts, row = people(here)[:6], contacts_by_user(here), event(here)
        learners = [here.administrate.act("register", event_id=row["id"], contact_id=contacts[user["id"]]["id"])["id"] for user in some]
        here.settle()
        before = withdrawn(here)
        for learner in learners:
            here.administrate.act("cancel_learner", id=learner)
        here.engine.observe(force=True)
        with pytest.raises(BrakeOn, match="6 learners would be withdrawn"):
            here.engine.drain(Flow.ENROLLMENT, owner="test", linger_seconds=0)
        assert withdrawn(here) == before
        with here.house.database.read() as conn:
            assert work.peek(conn, [Flow.ENROLLMENT]), "the roster still waits"


def test_a_plan_shows_everybody_of_a_roster_who_would_be_withdrawn_so_that_its_release_lets_all_of_them_pass(
    database_urls: Urls, tmp_path: Path, shell_of: Callable[[World], Shell]
) -> None:
    """Withdrawals go out one by one, and a plan used to end with the first of them: what was released was one, for ever."""
    with little(database_urls, tmp_path) as here:
        some, contacts, row = people(here)[:6], contacts_by_user(here), event(here)
        learners = [here.administrate.act("register", event_id=row["id"], contact_id=contacts[user["id"]]["id"])["id"] for user in some]
        here.settle()
        before = withdrawn(here)
        for learner in learners:
            here.administrate.act("cancel_learner", id=learner)
        here.engine.observe(force=True)
        with pytest.raises(BrakeOn):
            here.engine.drain(Flow.ENROLLMENT, owner="test", linger_seconds=0)
        shell = shell_of(here)
        braked = shell("plan", "enrollment", "--json").json["braked"]["enrollment_sync"]
        assert sum(braked["counts"].values()) == 6
        shell.ok("brake", "release", "enrollment_sync", "--plan", braked["digest"], "--why", "the course was moved")
        here.engine.context().modes.look_again()
        here.settle()
        assert len(withdrawn(here) - before) == 6


@pytest.mark.parametrize("batch", ["reconcile", "import"])
def test_a_side_that_shows_nothing_although_many_are_linked_stops_always(database_urls: Urls, tmp_path: Path, batch: str) -> None:
    with little(database_urls, tmp_path) as here:
        before = left(here)
        nothing = {"data": {"page": {"pageInfo": {"hasNextPage": False, "endCursor": None, "totalRecords": 0}, "edges": []}}}
        here.administrate.fault("status", times=5, match={"operation": "contacts"}, status=200, body=json.dumps(nothing))
        mark = here.administrate.last_request()
        with pytest.raises(BrakeOn, match="Administrate shows no contact at all, although"):
            if batch == "reconcile":
                here.engine.reconcile(Kind.PERSON, mode="apply", owner="test")
            else:
                here.engine.import_baseline(Kind.PERSON, mode="apply", owner="test")
        assert here.administrate.writes(mark) == []
        here.administrate.clear_faults()
        here.engine.reconcile(Kind.PERSON, mode="apply", owner="test")
        assert left(here) == before
