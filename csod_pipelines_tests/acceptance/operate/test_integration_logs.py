"""Design promise: every operation stands in Administrate's Integration Logs, in plain words, without personal data."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import requests

from csod_pipelines.engine.logs import LogCourier
from csod_pipelines.model.keys import Flow
from csod_pipelines.store import ledger
from csod_pipelines.store.provision import Urls
from csod_pipelines_tests.acceptance.operate.little import contacts_by_user, event, little, people
from csod_pipelines_tests.acceptance.world import World

INSTANCE = "T3JnYW5pc2F0aW9uOg=="


def operations(here: World) -> dict[str, dict[str, Any]]:
    """What has ended, would_apply aside, by operation id."""
    rows = here.engine.operations(limit=100_000)
    return {row["operation"]: row for row in rows if row["outcome"] not in ("open", "unknown", "would_apply")}


def lines(entry: dict[str, Any]) -> dict[str, str]:
    groups = json.loads(entry["payload"])["groups"]
    return dict(item["value"].split(": ", 1) for group in groups for item in group["details"])


def entries(here: World) -> list[tuple[dict[str, Any], dict[str, str]]]:
    return [(row, lines(row)) for row in here.administrate.rows("integration_logs")]


def delivered(here: World) -> Counter[str]:
    return Counter(said["Operation"] for _, said in entries(here))


@pytest.fixture
def here(database_urls: Urls, tmp_path: Path):
    with little(database_urls, tmp_path) as made:
        LogCourier(made.engine.context()).until_empty(60)
        yield made


def test_every_operation_of_an_import_and_of_the_flows_after_it_has_exactly_one_entry(here: World) -> None:
    assert delivered(here) == Counter(dict.fromkeys(operations(here), 1))
    contact = contacts_by_user(here)[people(here)[0]["id"]]
    row = event(here)
    here.administrate.act("register", event_id=row["id"], contact_id=contact["id"])
    here.settle()
    here.engine.drain(Flow.PEOPLE, owner="test", linger_seconds=0)
    done = operations(here)
    assert {"registered: Cornerstone learning assignment"} <= {op["what"] for op in done.values()}
    assert delivered(here) == Counter(dict.fromkeys(done, 1))


def test_an_entry_stands_on_its_record_and_says_what_was_done_where_and_how_it_was_answered(here: World) -> None:
    user = people(here)[0]
    contact = contacts_by_user(here)[user["id"]]
    here.cornerstone.act("edit_user", id=user["id"], first_name="Zenobia", mobile_phone="+33 600 000 001")
    here.settle()
    entry, said = next((row, s) for row, s in entries(here) if row["message"].startswith("Administrate contact updated"))
    assert entry["origin_identifier"] == "Cornerstone sync"
    assert (entry["node_id"], entry["status"]) == (contact["id"], "success")
    assert entry["message"] == "Administrate contact updated: Updated Administrate contact: first_name, mobile."
    assert (said["Administrate type"], said["Administrate id"]) == ("contact", contact["id"])
    assert (said["Cornerstone type"], said["Cornerstone id"]) == ("user", str(user["id"]))
    assert said["Request"].startswith("POST http")
    assert (said["Answer"], said["Outcome"]) == ("HTTP 200", "success")
    assert json.loads(said["Payload"]) == {"first_name": "[personal]", "mobile": "[personal]"}


def test_no_entry_holds_a_name_an_address_or_a_number_of_a_person(here: World) -> None:
    division = people(here)[0]["ous"]
    here.cornerstone.act(
        "hire",
        first_name="Canaria",
        last_name="Gelbvogel",
        primary_email="canaria@example.org",
        mobile_phone="+49 170 5550123",
        user_name="gelbvogel.login",
        ous=division,
    )
    contact = contacts_by_user(here)[people(here)[1]["id"]]
    here.administrate.act(
        "create_contact", account_id=contact["account_id"], first_name="Kolibria", last_name="Rotkehl", email_address="kolibria@example.org"
    )
    here.settle()
    here.engine.drain(Flow.PEOPLE, owner="test", linger_seconds=0)
    everything = json.dumps(here.administrate.rows("integration_logs"), ensure_ascii=False).lower()
    assert delivered(here) == Counter(dict.fromkeys(operations(here), 1))
    for secret in ("canaria", "gelbvogel", "5550123", "kolibria", "rotkehl", "@example.org", "sandbox-secret"):
        assert secret not in everything


def test_what_is_partly_done_is_sent_as_failed_and_says_so(here: World) -> None:
    row = event(here)
    here.settle()
    here.administrate.act("cancel_event", id=row["id"])
    here.settle()
    here.engine.drain(Flow.PEOPLE, owner="test", linger_seconds=0)
    entry, said = next((e, s) for e, s in entries(here) if said_partial(s))
    assert entry["status"] == "failed"
    assert entry["message"].startswith("Partly done: Cornerstone session seats closed: Seats of session ADM-")
    assert "Cancel the session on its screen in Cornerstone." in said["What to do"]


def said_partial(said: dict[str, str]) -> bool:
    return said["Outcome"] == "partial"


def test_a_log_that_cannot_be_written_stops_nothing_and_is_written_later(here: World) -> None:
    here.administrate.fault("status", times=3, match={"operation": "externalLog.*"}, status=503)
    user = people(here)[0]
    here.cornerstone.act("edit_user", id=user["id"], first_name="Later")
    here.settle()
    assert contacts_by_user(here)[user["id"]]["first_name"] == "Later"
    assert set(operations(here)) - set(delivered(here)), "the fault hit the log"
    here.administrate.clear_faults()
    with here.house.database.begin() as conn:
        conn.exec_driver_sql("UPDATE checkpoint SET next_due = now() - interval '1 s' WHERE name = 'integration-logs'")
    here.engine.observe()
    assert delivered(here) == Counter(dict.fromkeys(operations(here), 1))


@pytest.mark.full
def test_an_entry_whose_record_is_gone_goes_to_the_instances_own_list(here: World) -> None:
    user = people(here)[0]
    contact = contacts_by_user(here)[user["id"]]
    here.cornerstone.act("edit_user", id=user["id"], first_name="Vanishing")
    here.administrate.fault("status", times=50, match={"operation": "externalLog.*"}, status=503)
    here.settle()
    here.administrate.clear_faults()
    here.administrate.act("delete_contact", id=contact["id"])
    with here.house.database.begin() as conn:
        conn.exec_driver_sql("UPDATE checkpoint SET next_due = now() - interval '1 s' WHERE name = 'integration-logs'")
    LogCourier(here.engine.context()).until_empty(30)
    found = [(row, said) for row, said in entries(here) if said.get("Administrate id") == contact["id"] and "updated" in row["message"]]
    assert [(row["node_id"], row["status"]) for row, _ in found] == [(INSTANCE, "success")]


@pytest.mark.full
def test_entries_are_batched_and_are_no_writes(here: World) -> None:
    mark = here.administrate.last_request()
    division = people(here)[0]["ous"]
    for number in range(20):
        here.cornerstone.act("hire", first_name="N", last_name=f"Batch{number}", primary_email=f"b{number}@example.org", ous=division)
    here.settle()
    here.engine.drain(Flow.PEOPLE, owner="test", linger_seconds=0)
    answer = requests.get(f"{here.administrate.url}/_sandbox/requests", params={"since": mark}, timeout=30)
    calls = [row for row in answer.json() if row["effect"] == "log"]
    assert len(calls) <= 4, "forty operations at fifty an entry, and the ends of a few runs"
    assert delivered(here) == Counter(dict.fromkeys(operations(here), 1))


def test_an_outcome_that_commits_after_a_later_one_is_told_too(here: World) -> None:
    """Numbers are given before the commit: the reader may see seven while six is still on its way."""
    ids = [uuid4(), uuid4()]
    for id in ids:
        with here.house.database.begin() as conn:
            opened(conn, id)
    with here.house.database.engine.connect() as slow:
        closed(slow, ids[0])
        with here.house.database.begin() as quick:
            closed(quick, ids[1])
        LogCourier(here.engine.context()).until_empty(30)
        assert [delivered(here)[str(id)] for id in ids] == [0, 1]
        slow.commit()
    LogCourier(here.engine.context()).until_empty(30)
    assert [delivered(here)[str(id)] for id in ids] == [1, 1]


def opened(conn: Any, id: UUID) -> None:
    ledger.open_operation(
        conn,
        id=id,
        subject=f"person:cornerstone:{id}",
        kind="person",
        action="updated",
        flow="people_sync",
        system="administrate",
        run_id="test",
        cause={},
        administrate_type="contact",
    )


def closed(conn: Any, id: UUID) -> None:
    ledger.close_operation(conn, id, outcome="success", reason="updated", params={})
