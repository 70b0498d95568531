"""Records that cannot be brought over as they are: each ends parked with its reason, and none keeps its neighbours from being imported."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from csod_pipelines.engine.replay import parked_rows
from csod_pipelines.model.keys import Kind
from csod_pipelines.store.provision import Urls
from csod_pipelines_tests.acceptance.operate.shell import Shell
from csod_pipelines_tests.acceptance.world import World, world

DIVISION, LOCATION = 2, 32
EVERYTHING = (Kind.ORG_UNIT, Kind.PERSON, Kind.LOCATION, Kind.SUBJECT, Kind.PROVIDER)
SIZE = {"users": 120, "ous": 60, "events": 0, "sessions_per_event": 0, "learners_per_session": 0}


class Spoilt:
    """A portal whose older data no screen would take today: written straight into its tables."""

    def __init__(self, here: World) -> None:
        self.here = here
        self.portal: Any = here.portal
        units = [unit for unit in here.cornerstone.rows("ous", type_id=DIVISION) if unit["active"]]
        parents = {unit["parent_id"] for unit in units}
        self.leaves = [self.portal.ous.get(unit["id"]) for unit in units if unit["id"] not in parents and unit["parent_id"]]
        people = [row for row in here.cornerstone.rows("users", active=True) if row["ous"] and "svc" not in str(row["external_id"])]
        self.people = [self.portal.users.get(row["id"]) for row in people]

    def everything(self) -> dict[str, str]:
        """Reason by the parked record's name."""
        orphan, first, second, original, double, *_ = self.leaves
        orphan.parent_id = 999_999
        first.parent_id, second.parent_id = second.id, first.id
        original.external_id, double.external_id = "SAME", "same "
        nameless, addressless, homeless, boss, report, long, *_ = [
            person for person in self.people if person.ous.get(DIVISION) not in (orphan.id, first.id, second.id, double.id)
        ]
        nameless.first_name = nameless.last_name = " "
        addressless.primary_email = "nowhere at all"
        homeless.ous[DIVISION] = 888_888
        boss.manager_id, report.manager_id = report.id, boss.id  # managers are none of our concern
        long.last_name = "L" * 400
        site = next(row for row in self.portal.ous.after(0) if row.type_id == LOCATION and row.active)
        site.time_zone = None
        later = max(original, double, key=lambda unit: unit.id)
        return {
            f"org_unit:cornerstone:{orphan.id}": "org_unit_not_imported",
            f"org_unit:cornerstone:{first.id}": "org_unit_cycle",
            f"org_unit:cornerstone:{second.id}": "org_unit_cycle",
            f"org_unit:cornerstone:{later.id}": "same_external_id",
            f"person:cornerstone:{nameless.id}": "person_without_name",
            f"person:cornerstone:{addressless.id}": "invalid_email",
            f"person:cornerstone:{homeless.id}": "org_unit_not_imported",
            f"location:cornerstone:{site.id}": "location_without_time_zone",
        }


@pytest.fixture
def here(database_urls: Urls, tmp_path: Path) -> Iterator[World]:
    with world(database_urls, tmp_path, cornerstone=SIZE) as made:
        yield made


@pytest.fixture
def shell_of(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[World], Shell]:
    return lambda world: Shell(world, monkeypatch, capsys)


def parked(here: World) -> dict[str, str]:
    return {row["subject"]: row["code"] for row in parked_rows(here.engine.context(dry=True))}


def without_a_home(here: World, expected: dict[str, str]) -> dict[str, str]:
    """Users of units that were set aside are set aside with them."""
    gone = {int(name.rpartition(":")[2]) for name in expected if name.startswith("org_unit")}
    return {
        f"person:cornerstone:{row['id']}": "org_unit_not_imported"
        for row in here.cornerstone.rows("users", active=True)
        if any(unit["type_id"] == DIVISION and unit["id"] in gone for unit in row["ous"])
    }


def test_every_record_that_cannot_be_imported_is_parked_with_its_reason_and_the_others_are_imported(
    here: World, shell_of: Callable[[World], Shell], tmp_path: Path
) -> None:
    expected = Spoilt(here).everything()
    expected = without_a_home(here, expected) | expected
    file = tmp_path / "plan.csv"
    planned = shell_of(here).ok("import", "--plan", "--json", "--csv", str(file)).json
    assert here.administrate.writes() == []
    assert sum(row["park"] for row in planned["kinds"]) == len(expected)
    assert planned["messages"] == 0
    assert file.stat().st_mode & 0o077 == 0
    assert sum(row["records"] for row in planned["kinds"]) == len(file.read_text().splitlines()) - 1
    here.baseline(*EVERYTHING)
    assert parked(here) == expected
    assert all(row["what_to_do"] for row in parked_rows(here.engine.context(dry=True)))
    created = {row["what"].split(" -> ")[0]: row["create"] for row in planned["kinds"]}
    held = Counter(
        kind
        for kind in ("accounts", "contacts")
        for row in here.administrate.rows(kind)
        if any(":" in name for name in row["external_ids"])
    )
    assert (held["accounts"], held["contacts"]) == (created["organizational unit"], created["user"])


def test_what_a_person_mended_is_imported_by_the_next_import_and_parked_no_more(here: World) -> None:
    spoilt = Spoilt(here)
    person = spoilt.people[0]
    address, person.primary_email = person.primary_email, "nowhere at all"
    here.baseline()
    assert parked(here) == {f"person:cornerstone:{person.id}": "invalid_email"}
    here.cornerstone.act("edit_user", id=person.id, primary_email=address or "somebody@example.org")
    here.baseline()
    here.settle()
    assert parked(here) == {}
    contacts = [row for row in here.administrate.rows("contacts") if row["external_ids"].get("csod:sandbox:user") == str(person.id)]
    assert len(contacts) == 1


def test_applying_asks_for_the_portal_and_a_second_apply_writes_nothing(here: World, shell_of: Callable[[World], Shell]) -> None:
    shell = shell_of(here)
    refused = shell("import", "--apply", "--portal", "acme")
    assert (refused.code, here.administrate.writes()) == (1, [])
    assert "sandbox" in refused.err
    first = json.loads(shell.ok("import", "--apply", "--portal", "sandbox", "--json").out)
    assert first["person"]["changes_applied"] > 50
    mark = here.administrate.last_request()
    shell.ok("import", "--apply", "--portal", "sandbox")
    assert here.administrate.writes(since=mark) == []
