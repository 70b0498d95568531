"""Promise 15: the first touch of a live portal writes nothing, until somebody says so with a name and a reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from csod_pipelines.model.keys import Flow, Kind
from csod_pipelines.model.outcomes import Mode
from csod_pipelines.portal import WrongEnds
from csod_pipelines.runtime import open_house
from csod_pipelines.settings import load_settings
from csod_pipelines.store import controls
from csod_pipelines.store.provision import Urls
from csod_pipelines_tests.acceptance.operate.little import BASELINE, event, little, people, told, variables_of
from csod_pipelines_tests.acceptance.operate.shell import Shell
from csod_pipelines_tests.acceptance.world import PREFIX, World
from csod_pipelines_tests.conftest import Postgres

#: The same machine under a name that no sandbox has.
PORTAL = "127"
HOST = "127.1"


@pytest.fixture
def live(postgres: Postgres, database_urls: Urls, tmp_path: Path) -> Iterator[World]:
    """The sandboxes as a portal that the house must take for a real one."""
    with little(database_urls, tmp_path, imported=False) as here, postgres.fresh() as urls:
        variables = {name: value.replace("127.0.0.1", HOST) for name, value in variables_of(here).items()}
        with open_house(load_settings(variables | {PREFIX + "DATABASE_URL": urls.engine}), run_id="test") as house:
            yield World(administrate=here.administrate, cornerstone=here.cornerstone, house=house)


def test_until_go_live_every_flow_only_observes_and_nothing_is_written_not_even_a_log(
    live: World, shell_of: Callable[[World], Shell]
) -> None:
    shell = shell_of(live)
    assert {live.engine.mode(flow) for flow in Flow} == {Mode.OBSERVE}
    live.baseline(*BASELINE)
    hired = people_like(live)
    row = event(live)
    live.engine.observe(force=True)
    for flow in (Flow.PEOPLE, Flow.CATALOG, Flow.ENROLLMENT, Flow.RESULT):
        live.engine.drain(flow, owner="test", linger_seconds=0)
    live.engine.reconcile(Kind.PERSON, mode="apply", owner="test")
    mine = [r for vendor in (live.administrate, live.cornerstone) for r in vendor.writes() if (r["user_agent"] or "").startswith("csod")]
    assert mine == []
    assert live.administrate.rows("integration_logs") == []
    done = {op["outcome"] for op in live.engine.operations(limit=1000)}
    assert done == {"would_apply"}

    assert shell("go-live", "--portal", "acme", "--why", "ready").code == 1
    shell.ok("go-live", "--portal", PORTAL, "--why", "the plan was right")
    with live.house.database.read() as conn:
        told = controls.get_control(conn, "go-live")
    assert told is not None
    assert (told.value, told.why) == ({"portal": PORTAL}, "the plan was right")
    assert told.who
    live.engine.context().modes.look_again()
    assert {live.engine.mode(flow) for flow in Flow} == {Mode.LIVE}
    live.baseline(*BASELINE)
    live.settle()
    assert live.administrate.rows("contacts", email_address=hired)
    assert live.cornerstone.rows("sessions", session_id=f"ADM-{row['legacy_id']}")
    assert live.administrate.rows("integration_logs")


def people_like(live: World) -> str:
    unit = next(ou for ou in live.cornerstone.rows("ous", type_id=2, active=True))
    email = "first.touch@example.org"
    live.cornerstone.act("hire", first_name="F", last_name="Touch", primary_email=email, ous=[{"id": unit["id"], "type_id": 2}])
    return email


def test_a_database_serves_one_pair_of_portal_and_instance(database_urls: Urls, tmp_path: Path, shell_of: Callable[[World], Shell]) -> None:
    with little(database_urls, tmp_path, imported=False) as here:
        assert people(here) == []
        other = {name: value.replace("127.0.0.1", HOST) for name, value in variables_of(here).items()}
        other[PREFIX + "DATABASE_URL"] = variables_of(here)[PREFIX + "DATABASE_URL"]
        with pytest.raises(WrongEnds, match="belongs to portal sandbox"):
            open_house(load_settings(other))


def test_a_change_of_the_settings_is_kept_with_its_time_and_named_by_its_sections(database_urls: Urls, tmp_path: Path) -> None:
    """The digest was computed and reached no ledger: nobody could tell under which settings an operation came about."""
    with little(database_urls, tmp_path, imported=False) as here:
        first = here.engine.status()["configuration"]
        with told(here, {}) as again:
            assert again.engine.status()["configuration"] == first
        with told(here, {"brakes": {"minimum": 7}, "flow": {"linger_seconds": 61}}) as edited:
            now = edited.engine.status()["configuration"]
        with here.house.database.read() as conn:
            kept = [row.why for row in controls.history(conn, controls.CONFIGURATION)]
    assert kept == ["changed: brakes, flow", "first use"]
    assert now["change"] == kept[0] and now["digest"] != first["digest"]
