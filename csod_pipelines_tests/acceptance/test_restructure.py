"""A night in which the whole organization is rearranged: the daily reconciliation makes exactly the writes that follow from it.

What follows is worked out here anew, from nothing but the two trees as the vendors' own state shows them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from csod_pipelines.model.keys import Kind
from csod_pipelines.store.provision import Urls
from csod_pipelines_tests.acceptance.world import CONFIG, World, world
from csod_pipelines_tests.bench.importing import without_limits

DIVISION = 2
HELD_OUT_SEED = 4711
SIZE = {"users": 60, "ous": 90, "events": 0, "sessions_per_event": 0, "learners_per_session": 0}
MANY = {"count": 10_000, "percent": 100}


@pytest.fixture
def here(database_urls: Urls, tmp_path: Path) -> Iterator[World]:
    config = yaml.safe_load(CONFIG.read_text())
    config["brakes"] |= {"moves": MANY, "deactivations": MANY}
    file = tmp_path / "csod_pipelines.yaml"
    file.write_text(yaml.safe_dump(config))
    with world(database_urls, tmp_path, cornerstone=SIZE, CONFIG=str(file)) as made:
        body = {"seed": HELD_OUT_SEED, "size": SIZE}
        requests.post(f"{made.cornerstone.url}/_sandbox/reset", json=body, timeout=30).raise_for_status()
        made.baseline()
        made.settle()
        yield made


def units(here: World) -> dict[int, dict[str, Any]]:
    return {row["id"]: row for row in here.cornerstone.rows("ous", type_id=DIVISION)}


def accounts(here: World) -> dict[int, dict[str, Any]]:
    name = "csod:sandbox:ou"
    return {int(row["external_ids"][name]): row for row in here.administrate.rows("accounts") if name in row["external_ids"]}


def below(tree: dict[int, dict[str, Any]], id: int) -> list[int]:
    return [other for other, row in tree.items() if row["parent_id"] == id]


def rearrange(here: World) -> None:
    """Moves with all that is below, swaps, a parent under its own child, renames, equal names, closures, new units."""
    tree = {id: row for id, row in units(here).items() if row["active"]}
    inner = [id for id in tree if below(tree, id) and tree[id]["parent_id"] in tree]
    leaves = [id for id in tree if not below(tree, id) and tree[id]["parent_id"] in tree]
    act = here.cornerstone.act
    top, other = inner[0], next(id for id in inner[1:] if tree[id]["parent_id"] != tree[inner[0]]["parent_id"])
    act("move_ou", id=top, parent_id=tree[other]["parent_id"])  # two subtrees change places
    act("move_ou", id=other, parent_id=tree[top]["parent_id"])
    parent = next(id for id in inner if id not in (top, other))
    child = below(tree, parent)[0]
    act("move_ou", id=child, parent_id=tree[parent]["parent_id"])  # a child above its parent
    act("move_ou", id=parent, parent_id=child)
    free = [id for id in leaves if id not in (child, *below(tree, parent))]
    first, second, third, fourth, fifth, sixth, *_ = free
    act("rename_ou", id=first, name=tree[second]["name"])  # two names change places
    act("rename_ou", id=second, name=tree[first]["name"])
    act("rename_ou", id=third, name="Same name")
    act("rename_ou", id=fourth, name="Same name")
    act("move_ou", id=fourth, parent_id=tree[third]["parent_id"])
    act("deactivate_ou", id=fifth)
    act("rename_ou", id=sixth, name="Renamed")
    act("move_ou", id=sixth, parent_id=None)
    fresh = act("create_ou", name="Fresh", type_id=DIVISION, parent_id=first)["id"]
    act("create_ou", name="Fresh below", type_id=DIVISION, parent_id=fresh)


def expected_writes(before: dict[int, dict[str, Any]], after: dict[int, dict[str, Any]]) -> tuple[set[int], set[int]]:
    """OUs whose account must change, and those that need one. A unit is moved when its own parent is another: what is below it
    comes along by itself."""
    told = ("name", "parent_id", "active")
    changed = {id for id, row in after.items() if id in before and any(row[name] != before[id][name] for name in told)}
    return changed, {id for id, row in after.items() if id not in before and row["active"]}


def test_a_rearranged_tree_makes_exactly_the_writes_that_an_own_calculation_expects(here: World) -> None:
    own = here.administrate.act("create_account", name="Made by hand in Administrate")
    here.settle()
    before, paired = units(here), accounts(here)
    rearrange(here)
    here.settle()
    changed, fresh = expected_writes(before, units(here))
    created_live = set(accounts(here)) - set(paired)  # new units may be created at once; all else waits for the night
    mark = here.administrate.last_request()
    night = here.engine.reconcile(Kind.ORG_UNIT, mode="apply", owner="test")
    assert any("name: Renamed" in row.get("after", "") and "name: " in row["before"] for row in night.sample)
    counted = here.engine.compared(Kind.ORG_UNIT)
    assert counted["pairs_now"] == counted["org_unit_pairs"] + counted.get("org_unit_without_pair", 0)
    assert not counted["org_unit_pairs_not_shown_by_administrate"] and not counted["org_unit_pairs_not_shown_by_cornerstone"]
    writes = here.administrate.effects("accounts", since=mark)
    now = accounts(here)
    updated = Counter(row["id"] for row in writes if row["effect"] == "update")
    new_ids = {now[id]["id"] for id in fresh}
    assert {id: number for id, number in updated.items() if id not in new_ids} == {paired[id]["id"]: 1 for id in changed if id in paired}
    assert len([row for row in writes if row["effect"] == "create"]) == len(fresh - created_live)
    assert _tree(here) == []
    assert here.administrate.row("accounts", id=own["id"])["name"] == "Made by hand in Administrate"
    mark = here.administrate.last_request()
    here.engine.reconcile(Kind.ORG_UNIT, mode="apply", owner="test")
    assert here.administrate.writes(since=mark) == []


def _tree(here: World) -> list[str]:
    """Where the accounts differ from the units."""
    now, wrong = accounts(here), []
    for id, unit in units(here).items():
        if not unit["active"] and id not in now:
            continue
        account = now[id]
        parent = now[unit["parent_id"]]["id"] if unit["parent_id"] in now else None
        if unit["active"] and (account["name"], account["parent_account_id"]) != (" ".join(unit["name"].split()), parent):
            wrong.append(f"OU {id}: {account['name']} under {account['parent_account_id']}, not {unit['name']} under {parent}")
        if unit["active"] == ("inactive" in account["custom_fields"].values()):
            wrong.append(f"OU {id} is {'active' if unit['active'] else 'inactive'} there")
    return wrong


def test_people_who_change_their_division_move_their_contacts_and_nothing_else_is_written(here: World) -> None:
    homes = accounts(here)
    people = [u for u in here.cornerstone.rows("users", active=True) if u["ous"] and "svc" not in str(u["external_id"])][:20]
    target = next(id for id in homes if all(unit["id"] != id for user in people for unit in user["ous"]))
    for user in people:
        here.cornerstone.act("edit_user", id=user["id"], ous=[{"id": target, "type_id": DIVISION}])
    mark = here.administrate.last_request()
    here.engine.reconcile(Kind.PERSON, mode="apply", owner="test")
    writes = here.administrate.effects("contacts", since=mark)
    moved = {row["external_ids"]["csod:sandbox:user"]: row for row in here.administrate.rows("contacts") if row["external_ids"]}
    assert all(moved[str(user["id"])]["account_id"] == homes[target]["id"] for user in people)
    assert Counter(row["id"] for row in writes) == Counter(moved[str(user["id"])]["id"] for user in people)


@pytest.mark.full
@pytest.mark.timeout(1_200)
def test_five_thousand_people_who_change_their_division_move_their_contacts_fifty_to_a_request(database_urls: Urls, tmp_path: Path) -> None:
    size = {**SIZE, "users": 5_400}
    with world(database_urls, tmp_path, cornerstone=size, CONFIG=str(without_limits(tmp_path))) as made:
        made.administrate.configure(rate_limit_requests=None)
        made.cornerstone.configure(limits="off")
        made.baseline()
        made.settle()
        homes = accounts(made)
        first, second = list(homes)[:2]
        people = [user for user in made.cornerstone.rows("users", active=True) if user["ous"] and "svc" not in str(user["external_id"])]
        moved = {}
        for user in people[:5_000]:
            target = second if any(ou["id"] == first for ou in user["ous"]) else first
            made.cornerstone.act("edit_user", id=user["id"], ous=[{"id": target, "type_id": DIVISION}])
            moved[str(user["id"])] = homes[target]["id"]
        mark = made.administrate.last_request()
        made.engine.reconcile(Kind.PERSON, mode="apply", owner="test")
        writes = [row for row in made.administrate.writes(since=mark) if "update contacts" in row["counts"]]
        assert sum(row["counts"]["update contacts"] for row in writes) == len(moved) == 5_000
        assert len(writes) == 100
        contacts = {row["external_ids"].get("csod:sandbox:user"): row["account_id"] for row in made.administrate.rows("contacts")}
        assert {id: contacts[id] for id in moved} == moved
