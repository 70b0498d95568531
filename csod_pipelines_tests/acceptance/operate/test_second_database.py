"""A portal is served by one database: a second one is told so before it writes anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from csod_pipelines.engine.errors import SecondDatabase
from csod_pipelines.house.hooks import Unreachable, install_webhooks, meet_vendors
from csod_pipelines.model.keys import Kind
from csod_pipelines.runtime import open_house
from csod_pipelines.settings import load_settings
from csod_pipelines.store.provision import Urls
from csod_pipelines_tests.acceptance.operate.little import little, variables_of
from csod_pipelines_tests.acceptance.operate.shell import Shell
from csod_pipelines_tests.acceptance.world import PREFIX, World
from csod_pipelines_tests.conftest import Postgres


@pytest.fixture
def here(database_urls: Urls, tmp_path: Path) -> Iterator[World]:
    with little(database_urls, tmp_path) as made:
        yield made


@pytest.fixture
def second(here: World, postgres: Postgres) -> Iterator[World]:
    """The same vendors, and a database that was used later."""
    with postgres.fresh() as urls, open_house(load_settings(variables_of(here) | {PREFIX + "DATABASE_URL": urls.engine})) as house:
        yield World(administrate=here.administrate, cornerstone=here.cornerstone, house=house)


def test_it_writes_nothing_and_names_both_databases_until_it_takes_over(
    here: World, second: World, shell_of: Callable[[World], Shell]
) -> None:
    marks = here.administrate.last_request(), here.cornerstone.last_request()
    for attempt in (
        lambda: second.engine.import_baseline(Kind.ORG_UNIT, mode="apply", owner="test"),
        lambda: second.engine.reconcile(Kind.PERSON, mode="apply", owner="test"),
        second.engine.claim,
        lambda: meet_vendors(variables_of(second), gateway="http://127.0.0.1:9", say=lambda text: None),
    ):
        with pytest.raises(SecondDatabase, match=r"first used at .* this one was first used at .*--take-over"):
            attempt()
    refused = shell_of(second)("go-live", "--portal", "sandbox", "--why", "a new server")
    assert refused.code == 1 and "served by another database" in refused.err
    assert here.administrate.writes(marks[0]) == [] == here.cornerstone.writes(marks[1])
    assert second.engine.plan([Kind.PERSON]) is not None, "looking is free"

    shell_of(second).ok("go-live", "--portal", "sandbox", "--take-over", "--why", "the old server burnt down")
    second.baseline(Kind.ORG_UNIT, Kind.PROVIDER, Kind.PERSON)
    done = [effect["effect"] for kind in ("accounts", "contacts") for effect in here.administrate.effects(kind, since=marks[0])]
    assert done and "create" not in done, "everybody was recognised"
    with pytest.raises(SecondDatabase):
        here.engine.reconcile(Kind.PERSON, mode="apply", owner="test")


def test_a_portal_is_marked_once_and_a_restart_finds_its_mark(here: World) -> None:
    marked = [row for row in here.administrate.rows("accounts") if "csod_pipelines_deployment" in str(row)]
    assert len(marked) == 1
    before = here.administrate.last_request()
    with open_house(load_settings(variables_of(here))) as house:
        house.engine.claim()
    assert here.administrate.writes(before) == []


def test_what_only_observes_may_look_from_a_second_database(here: World, postgres: Postgres) -> None:
    """The same vendors under a name that no sandbox has are a live portal, to which nothing is written before go-live."""
    live = {name: value.replace("127.0.0.1", "127.1") for name, value in variables_of(here).items()}
    before = here.administrate.last_request()
    with postgres.fresh() as urls, open_house(load_settings(live | {PREFIX + "DATABASE_URL": urls.engine})) as house:
        house.engine.claim()
        house.engine.reconcile(Kind.PERSON, mode="apply", owner="test")
    assert here.administrate.writes(before) == []


def test_the_webhooks_of_a_live_portal_are_never_directed_to_an_address_of_this_machine_by_a_start(here: World, postgres: Postgres) -> None:
    live = {name: value.replace("127.0.0.1", "127.1") for name, value in variables_of(here).items()}
    said: list[str] = []
    before = here.administrate.last_request()
    with postgres.fresh() as urls:
        variables = live | {PREFIX + "DATABASE_URL": urls.engine}
        meet_vendors(variables, gateway="http://127.0.0.1:9", say=said.append)
        for gateway in ("http://127.0.0.1:9", "https://localhost", "http://sync.example.org"):
            with pytest.raises(Unreachable, match="public address"):
                install_webhooks(variables, gateway=gateway, say=said.append)
    assert here.administrate.writes(before) == []
    assert len(said) == 1 and "webhooks install --gateway" in said[0]


def test_a_vendor_that_is_down_keeps_no_house_from_starting(here: World) -> None:
    said: list[str] = []
    here.administrate.fault("status", times=500, match={"path": "/graphql"}, status=503)
    meet_vendors(variables_of(here), gateway="http://127.0.0.1:9", say=said.append)
    here.administrate.clear_faults()
    assert len(said) == 1 and "starts all the same" in said[0]
