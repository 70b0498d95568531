"""`doctor`: the registers' guesses, settled by reading the portals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from csod_pipelines.model.keys import SystemName
from csod_pipelines.store.provision import Urls
from csod_pipelines.systems import contract
from csod_pipelines_tests.acceptance.operate.little import little
from csod_pipelines_tests.acceptance.operate.shell import Shell
from csod_pipelines_tests.acceptance.world import World


@pytest.fixture(scope="module")
def here(module_database_urls: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with little(module_database_urls, tmp_path_factory.mktemp("house"), imported=False) as made:
        yield made


@pytest.fixture
def shell(here: World, shell_of: Callable[[World], Shell]) -> Shell:
    return shell_of(here)


def outcomes(answer: Any) -> dict[tuple[str, str], str]:
    return {(row["system"], row["row"]): row["outcome"] for row in answer.json["rows"]}


def test_what_the_registers_say_of_the_sandboxes_is_confirmed_and_nothing_is_written(here: World, shell: Shell) -> None:
    marks = here.administrate.last_request(), here.cornerstone.last_request()
    answer = shell("doctor", "--json")
    differing = [row for row in answer.json["rows"] if row["outcome"] == "differs"]
    assert (answer.code, differing) == (0, [])
    told = outcomes(answer)
    for row in ("account_parent", "contact_left_company", "event", "mutation.learner.cancel", "webhook_learner_created", "list_by_id"):
        assert told["administrate", row] == "settled"
    for row in ("next_page_parameter", "transcript_statuses", "employee_list_includes_inactive", "session_detail_keys", "delta_link"):
        assert told["cornerstone", row] == "settled"
    assert told["cornerstone", "lo_update_verb"] == "not tried", "it would take a write"
    assert here.administrate.writes(marks[0]) == [] == here.cornerstone.writes(marks[1])
    shown = shell("doctor")
    assert "0 differs" in shown.out
    assert "not tried" in shell("doctor", "--all").out


def test_a_guess_that_an_instance_belies_is_named_and_an_override_is_proposed(here: World, shell: Shell, tmp_path: Path) -> None:
    here.administrate.configure(switches={"account_parent": False})
    here.cornerstone.configure(next_page_parameter="pageToken", employee_list_includes_inactive=False)
    try:
        file = tmp_path / "contract.yaml"
        answer = shell("doctor", "--json", "--override", str(file))
    finally:
        here.administrate.configure(switches={"account_parent": True})
        here.cornerstone.configure(next_page_parameter="both", employee_list_includes_inactive=True)
    assert answer.code == 1
    assert answer.json["override"]["administrate"]["account_parent"] is False
    assert answer.json["override"]["cornerstone"]["next_page_parameter"] == "pageToken"
    assert answer.json["override"]["cornerstone"]["employee_list_includes_inactive"] is False
    # what was written is what the house can be told
    assert contract.load(SystemName.ADMINISTRATE, override=file).switch("account_parent") is False
    assert contract.load(SystemName.CORNERSTONE, override=file).rule("next_page_parameter") == "pageToken"


def test_a_missing_permission_settles_nothing_and_wrong_credentials_are_said_at_once(here: World, shell: Shell, monkeypatch: Any) -> None:
    here.cornerstone.fault("status", times=40, match={"path": "*/dataexporter/*"}, status=401)
    answer = shell("doctor", "--json")
    here.cornerstone.clear_faults()
    row = next(r for r in answer.json["rows"] if r["row"] == "export.users_core")
    assert row["outcome"] == "not tried"
    assert "permission" in row["said"]

    here.administrate.fault("status", times=5, match={"path": "/oauth/token"}, status=401, body='{"error": "invalid_client"}')
    refused = shell("doctor")
    here.administrate.clear_faults()
    assert refused.code == 1
    assert "credentials" in refused.err or "client" in refused.err


@pytest.mark.full
def test_a_vendor_that_cannot_be_reached_is_said_in_a_sentence(here: World, shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    here.cornerstone.fault("status", times=300, match={"path": "*"}, status=503)
    answer = shell("doctor", "--json")
    here.cornerstone.clear_faults()
    assert {r["outcome"] for r in answer.json["rows"] if r["system"] == "cornerstone"} == {"not tried"}
    assert answer.code == 0, "nothing was seen to differ"
