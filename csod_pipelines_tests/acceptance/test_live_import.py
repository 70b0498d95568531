"""An import while people go on working on both sides and calls fail: in the end both sides agree, and nobody is there twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from csod_pipelines.engine.errors import FlowStopped
from csod_pipelines.engine.totals import Totals
from csod_pipelines.model.keys import Kind
from csod_pipelines.store.provision import Urls
from csod_pipelines_tests.acceptance.mapping_checker import disagreements
from csod_pipelines_tests.acceptance.world import World, world

DIVISION = 2
SIZE = {"users": 600, "ous": 90, "events": 0, "sessions_per_event": 0, "learners_per_session": 0}
STARTS = 8
REST = (Kind.LOCATION, Kind.SUBJECT, Kind.PROVIDER)


@pytest.fixture
def here(database_urls: Urls, tmp_path: Path) -> Iterator[World]:
    with world(database_urls, tmp_path, cornerstone=SIZE) as made:
        made.administrate.configure(rate_limit_requests=None)
        made.cornerstone.configure(limits="off")
        yield made


def edits(here: World) -> Iterator[Callable[[], object]]:
    """One for each time that the import tells of its progress."""
    people = [user for user in here.cornerstone.rows("users", active=True) if user["ous"] and "svc" not in str(user["external_id"])]
    units = [unit for unit in here.cornerstone.rows("ous", type_id=DIVISION) if unit["active"]]
    accounts = [row for row in here.administrate.rows("accounts") if "csod:sandbox:ou" in row["external_ids"]]
    act, there = here.cornerstone.act, here.administrate.act
    for number in range(8):
        renamed, moved, gone = people[number], people[-1 - number], people[300 + number]
        home = next(unit["id"] for unit in units if all(unit["id"] != ou["id"] for ou in moved["ous"]))
        yield lambda user=renamed, n=number: act("edit_user", id=user["id"], last_name=f"Renamed{n}")
        yield lambda user=moved, home=home: act("edit_user", id=user["id"], ous=[{"id": home, "type_id": DIVISION}])
        yield lambda user=gone: act("terminate", id=user["id"])
        fresh = {"first_name": "New", "last_name": f"Colleague{number}", "primary_email": f"new{number}@example.org"}
        yield lambda fresh=fresh: act("hire", **fresh, ous=[{"id": units[0]["id"], "type_id": DIVISION}])
        made = {"first_name": "Made", "last_name": f"There{number}", "email_address": f"made{number}@example.org"}
        yield lambda made=made, n=number: there("create_contact", **made, account_id=accounts[n]["id"])


def import_patiently(here: World, progress: Callable[[Totals], None]) -> None:
    """As an operator does: an import that says "start it again" is started again."""
    for _ in range(STARTS):
        try:
            here.engine.import_baseline(Kind.PERSON, mode="apply", owner="test", progress=progress)
        except FlowStopped as stopped:
            assert "tart it again" in str(stopped)
        else:
            return
    raise AssertionError(f"the import did not end after {STARTS} starts")


@pytest.mark.full
def test_an_import_with_live_edits_and_faults_on_both_sides_ends_converged(here: World) -> None:
    here.baseline(Kind.ORG_UNIT)
    waiting = edits(here)

    def somebody_works(totals: Totals) -> None:
        next(waiting, lambda: None)()

    here.administrate.fault("timeout_after_effect", match={"operation": "contact.createBatch"}, times=2, seconds=0.1)
    here.administrate.fault("reset", match={"operation": "contact.createBatch"}, times=2)
    here.administrate.fault("status", match={"path": "/graphql"}, times=3, status=503)
    here.cornerstone.fault("status", match={"path": "*/dataexporter/*"}, times=2, status=503)
    here.cornerstone.fault("truncated_200", match={"path": "*/dataexporter/*"}, times=1)
    import_patiently(here, somebody_works)
    for edit in waiting:
        edit()
    here.administrate.clear_faults()
    here.cornerstone.clear_faults()
    here.baseline(*REST)
    here.settle()
    for kind in (Kind.ORG_UNIT, Kind.PERSON):
        here.engine.reconcile(kind, mode="apply", owner="test")
    here.settle()
    now = datetime.now(UTC).isoformat()
    assert disagreements(administrate=here.administrate.rows, cornerstone=here.cornerstone.rows, portal="sandbox", now=now) == []
    contacts = Counter((row["email_address"], row["last_name"]) for row in here.administrate.rows("contacts") if row["email_address"])
    assert [twin for twin, number in contacts.items() if number > 1] == []
