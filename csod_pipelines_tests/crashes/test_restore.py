"""A backup of yesterday is restored while both vendors have moved on: what was done since is found, not done again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from csod_pipelines.runtime import open_house
from csod_pipelines_tests.acceptance.mapping_checker import disagreements
from csod_pipelines_tests.acceptance.scenarios.stage import Stage, staged
from csod_pipelines_tests.conftest import Postgres

pytestmark = [pytest.mark.full, pytest.mark.slow, pytest.mark.timeout(900)]
DAY_SECONDS = 86_400.0


@pytest.fixture
def stage(postgres: Postgres, tmp_path: Path) -> Iterator[Stage]:
    with postgres.fresh() as urls, staged(urls, tmp_path) as made:
        yield made


def differences(stage: Stage) -> list[str]:
    now = stage.shells["cornerstone"].shell.clock.now().isoformat()
    return disagreements(administrate=stage.administrate.rows, cornerstone=stage.cornerstone.rows, portal="sandbox", now=now)


def test_a_backup_of_yesterday_makes_nothing_twice(stage: Stage, postgres: Postgres) -> None:
    event = stage.event()
    early, late, leaver = stage.person(), stage.person(), stage.person()
    event.register(early)
    leaver_learner = event.register(leaver)
    stage.settle()
    standing = differences(stage)

    with backup(stage, postgres) as yesterday:
        stage.clock.travel(DAY_SECONDS)
        event.register(late)  # done by the house whose memory will be lost
        stage.administrate.act("cancel_learner", id=leaver_learner)
        another = stage.event()
        another.register(early)
        mail = "lost.memory@example.org"
        ous = [{"id": ou["id"], "type_id": ou["type_id"]} for ou in early.user["ous"]]
        stage.cornerstone.act("hire", external_id="H-1", user_name=mail, first_name="Mem", last_name="Ory", primary_email=mail, ous=ous)
        stage.settle()
        stage.house.close()
        written = stage.administrate.last_request(), stage.cornerstone.last_request()

        settings = stage.settings.model_copy(update={"database_url": yesterday})
        with open_house(settings, run_id="restored", clock=stage.clock) as house:
            stage.settings, stage.house = settings, house
            event.register(stage.person())  # life goes on
            stage.settle()
            stage.reconcile()
            stage.settle()
            assert [sentence for sentence in differences(stage) if sentence not in standing] == []
            made = [row["kind"] for row in stage.administrate.writes(since=written[0]) if row["effect"] == "create"]
            made_there = [row["kind"] for row in stage.cornerstone.writes(since=written[1]) if row["effect"] == "create"]
            assert not {"accounts", "contacts", "learners", "events"} & set(made), made
            assert not {"users", "ous", "sessions", "events"} & set(made_there), made_there
            assert len(stage.administrate.rows("contacts", email_address=mail)) == 1
            assert len(event.transcripts(late)) == 1 and len(another.transcripts(early)) == 1


@contextmanager
def backup(stage: Stage, postgres: Postgres) -> Iterator[str]:
    """The database as it is now, beside it; everybody is asked to let go of it first, as copying one demands."""
    stage.house.database.close()
    url = make_url(stage.urls.engine)
    name = f"{url.database}_backup"
    postgres.run(f"CREATE DATABASE {name} TEMPLATE {url.database}")
    try:
        yield url.set(database=name).render_as_string(hide_password=False)
    finally:
        postgres.run(f"DROP DATABASE {name} WITH (FORCE)")
