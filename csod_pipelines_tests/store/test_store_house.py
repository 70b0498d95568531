from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from csod_pipelines.store import checkpoints, controls, leases, staging
from csod_pipelines.store.database import Database, connect
from csod_pipelines.store.provision import Urls
from csod_pipelines.store.staging import StagedRow


def test_a_lease_has_one_holder_until_it_runs_out(timed: Database, clock: Any) -> None:
    with timed.begin() as conn:
        assert leases.holder(conn, "people_sync") is None
        assert leases.acquire(conn, "people_sync", "run:1", 30)
        assert leases.acquire(conn, "people_sync", "run:1", 30), "its holder may ask again"
        assert not leases.acquire(conn, "people_sync", "run:2", 30)
        assert leases.acquire(conn, "catalog_publish", "run:2", 30)
    clock.advance(29)
    with timed.begin() as conn:
        assert leases.holder(conn, "people_sync") == "run:1"
        assert leases.renew(conn, "people_sync", "run:1", 30)
    clock.advance(31)
    with timed.begin() as conn:
        assert leases.holder(conn, "people_sync") is None
        assert leases.acquire(conn, "people_sync", "run:2", 30)
        assert not leases.renew(conn, "people_sync", "run:1", 30)
        leases.release(conn, "people_sync", "run:1")
        assert leases.holder(conn, "people_sync") == "run:2"
        leases.release(conn, "people_sync", "run:2")
        assert leases.acquire(conn, "people_sync", "run:3", 30)


def test_a_checkpoint_is_due_when_its_time_has_come_or_was_never_set(timed: Database, clock: Any) -> None:
    with timed.begin() as conn:
        assert checkpoints.get(conn, "feed:contacts") is None
        checkpoints.put(conn, "feed:contacts", {"cursor": "a"}, next_due_seconds=300)
        checkpoints.put(conn, "import:page", {"page": 7})
        assert checkpoints.due(conn, ["new", "feed:contacts", "import:page"]) == ["new", "import:page"]
        checkpoints.put(conn, "feed:contacts", {"cursor": "b"})
        assert checkpoints.get(conn, "feed:contacts") == checkpoints.Checkpoint({"cursor": "b"}, clock.now + timedelta(seconds=300))
    clock.advance(300)
    with timed.read() as conn:
        assert checkpoints.due(conn, ["feed:contacts"]) == ["feed:contacts"]


def test_the_newest_decision_that_has_not_expired_counts(timed: Database, clock: Any) -> None:
    with timed.begin() as conn:
        assert controls.get_control(conn, "mode:people_sync") is None
        controls.set_control(conn, "mode:people_sync", {"mode": "observe"}, "ada", "first touch")
        controls.set_control(conn, "mode:people_sync", {"mode": "off"}, "ada", "maintenance", clock.now + timedelta(hours=1))
        controls.set_control(conn, "pause:cornerstone", {"paused": True}, "bob", "their upgrade")
        assert {name: c.value for name, c in controls.controls(conn).items()} == {
            "mode:people_sync": {"mode": "off"},
            "pause:cornerstone": {"paused": True},
        }
    clock.advance(3601)
    with timed.begin() as conn:
        current = controls.get_control(conn, "mode:people_sync")
        assert current
        assert (current.value, current.who, current.why) == ({"mode": "observe"}, "ada", "first touch")
        assert [c.why for c in controls.history(conn, "mode:people_sync")] == ["maintenance", "first touch"]


def test_rows_are_staged_counted_compared_and_cleared(database: Database) -> None:
    def rows(side: str) -> Any:
        return (StagedRow(str(n), {"name": side if n == 3 else "same", "n": n}) for n in range(1000))

    with database.begin() as conn:
        assert len(staging.stage_rows(conn, "run:1", "org_unit", "administrate", rows("a"))) == 1000
        assert len(staging.stage_rows(conn, "run:1", "org_unit", "cornerstone", rows("c"))) == 1000
        staging.stage_rows(conn, "run:2", "org_unit", "cornerstone", [StagedRow("tab\there", {"x": "line\nbreak \\ é"}, parent_id="0")])
        different = conn.execute(
            text("""
            SELECT a.id FROM stage a JOIN stage c USING (run, kind, id)
            WHERE a.run = 'run:1' AND a.system = 'administrate' AND c.system = 'cornerstone' AND a.digest <> c.digest""")
        )
        assert list(different.scalars()) == ["3"]
        assert conn.execute(text("SELECT payload->>'x' FROM stage WHERE run = 'run:2'")).scalar_one() == "line\nbreak \\ é"
        staging.clear(conn, "run:1")
        assert list(conn.execute(text("SELECT DISTINCT run FROM stage")).scalars()) == ["run:2"]


def test_rows_staged_by_the_first_statement_of_a_transaction_are_committed_and_found_by_key(database: Database) -> None:
    with database.begin() as conn:
        staging.stage_rows(conn, "run:1", "person", "administrate", [StagedRow("key", {"id": "1"}), StagedRow("key", {"id": "2"})])
    with database.read() as conn:
        found = staging.look_up(conn, "run:1", "person", "administrate", ["key", "another"])
    assert {key: sorted(ids) for key, ids in found.items()} == {"key": ["1", "2"]}


class Seams:
    def __init__(self) -> None:
        self.places: list[str] = []
        self.crash_at = ""

    def at(self, place: str) -> None:
        self.places.append(place)
        if place == self.crash_at:
            raise KeyboardInterrupt(place)


@pytest.mark.parametrize(("place", "kept"), [("store.begin", False), ("store.commit", False), ("store.committed", True)])
def test_a_crash_at_a_named_place_leaves_all_or_nothing(database_urls: Urls, place: str, kept: bool) -> None:
    seams = Seams()
    database = connect(database_urls.engine, seams=seams)
    with database.begin() as conn:
        assert seams.places == ["store.begin"]
        leases.acquire(conn, "first", "x", 30)
    assert seams.places == ["store.begin", "store.commit", "store.committed"]
    seams.crash_at = place
    with pytest.raises(KeyboardInterrupt), database.begin() as conn:
        leases.acquire(conn, "second", "x", 30)
    seams.places.clear()
    with database.read() as conn:
        assert (leases.holder(conn, "second") is not None) is kept
    assert seams.places == []
    database.close()


def test_looking_cannot_write(database: Database) -> None:
    with pytest.raises(Exception, match="read-only transaction"), database.read() as conn:
        leases.acquire(conn, "x", "y", 30)
    with database.begin() as conn:
        assert leases.acquire(conn, "x", "y", 30), "the connection is not read-only for the next"


def test_the_engines_time_is_the_given_clocks_and_else_the_servers(timed: Database, database: Database, clock: Any) -> None:
    with timed.read() as conn:
        assert conn.execute(text("SELECT app_now()")).scalar_one() == clock.now
    with database.read() as conn:
        assert conn.execute(text("SELECT abs(extract(epoch FROM app_now() - clock_timestamp())) < 5")).scalar_one()
