"""What is staged is removed again, also where the run that staged it was killed."""

from __future__ import annotations

from sqlalchemy import Connection, text

from csod_pipelines.store import staging
from csod_pipelines.store.database import Database
from csod_pipelines.store.staging import StagedRow
from csod_pipelines_tests.store.conftest import StillClock


def rows_of(conn: Connection, run: str) -> int:
    return conn.execute(text("SELECT count(*) FROM stage WHERE run = :run"), {"run": run}).scalar_one()


def test_what_a_killed_comparison_staged_is_forgotten_after_a_day_and_an_imports_book_is_kept(timed: Database, clock: StillClock) -> None:
    run = staging.passing("compare:person", at=clock.utcnow(), id=7)
    rows = [StagedRow("1", {"name": "Ada"})]
    with timed.begin() as conn:
        for name in (run, "import:book:person"):
            staging.stage_rows(conn, name, "person", "administrate", rows)
    for days, left in ((0, 1), (1, 1), (1, 0)):
        clock.advance(days * 86_400)
        with timed.begin() as conn:
            assert staging.clear_forgotten(conn) == 1 - left
            assert rows_of(conn, run) == left
    with timed.read() as conn:
        assert rows_of(conn, "import:book:person") == 1
