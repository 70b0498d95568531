"""The baseline import against both sandboxes: complete, once, and never twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

import pytest

from csod_pipelines.engine.observe import feed_names
from csod_pipelines.engine.totals import Totals
from csod_pipelines.model.keys import Kind, SystemName
from csod_pipelines.store import checkpoints
from csod_pipelines.store.provision import Urls
from csod_pipelines.systems.administrate import AdministrateSystem, webhooks
from csod_pipelines_tests.acceptance.world import World, world

DIVISION = 2


@pytest.fixture(scope="module")
def imported(module_database_urls: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One import, looked at by many."""
    with world(module_database_urls, tmp_path_factory.mktemp("house")) as made:
        made.baseline()
        yield made


def active_divisions(both: World) -> list[dict]:
    return [ou for ou in both.cornerstone.rows("ous", type_id=DIVISION) if ou["active"]]


def by_external_id(rows: list[dict], word: str) -> dict[str, dict]:
    return {row["external_ids"][f"csod:sandbox:{word}"]: row for row in rows if f"csod:sandbox:{word}" in row["external_ids"]}


def test_every_division_becomes_an_account_under_its_own_parent(imported: World) -> None:
    accounts = by_external_id(imported.administrate.rows("accounts"), "ou")
    divisions = active_divisions(imported)
    assert set(accounts) == {str(ou["id"]) for ou in divisions}
    for ou in divisions:
        parent = accounts.get(str(ou["parent_id"]))
        assert accounts[str(ou["id"])]["parent_account_id"] == (parent["id"] if parent else None)


def test_every_active_user_becomes_a_contact_in_the_account_of_the_division(imported: World) -> None:
    accounts = by_external_id(imported.administrate.rows("accounts"), "ou")
    contacts = by_external_id(imported.administrate.rows("contacts"), "user")
    users = [user for user in imported.cornerstone.rows("users") if user["active"] and user["ous"]]
    assert {str(user["id"]) for user in users} <= set(contacts)
    for user in users:
        division = next(ou["id"] for ou in user["ous"] if ou["type_id"] == DIVISION)
        contact = contacts[str(user["id"])]
        assert contact["account_id"] == accounts[str(division)]["id"]
        assert contact["last_name"] == user["last_name"].strip()


def test_a_second_import_writes_nothing(imported: World) -> None:
    mark = imported.administrate.last_request()
    imported.baseline()
    assert imported.administrate.writes(since=mark) == []


def test_a_plan_writes_nothing_and_counts_what_an_import_would_create(both: World) -> None:
    totals = both.engine.import_baseline(Kind.ORG_UNIT, mode="plan", owner="test")
    assert totals.operations["would_apply"] == len(active_divisions(both))
    assert both.administrate.writes() == []


def test_a_batch_whose_answer_was_lost_is_found_and_not_created_again(both: World) -> None:
    both.baseline(Kind.ORG_UNIT)
    both.administrate.fault("timeout_after_effect", match={"operation": "contact.createBatch"}, times=2, seconds=0.1)
    both.engine.import_baseline(Kind.PERSON, mode="apply", owner="test")
    contacts = both.administrate.rows("contacts")
    held = [row["external_ids"]["csod:sandbox:user"] for row in contacts if row["external_ids"]]
    assert len(held) == len(set(held))
    emails = [(row["email_address"], row["last_name"]) for row in contacts if row["email_address"]]
    assert len(emails) == len(set(emails)), "a contact was created twice"


def test_an_import_messages_nobody(imported: World) -> None:
    assert sum(row["messages"] for row in imported.administrate.writes() + imported.cornerstone.writes()) == 0


def test_contacts_that_are_there_already_are_paired_not_doubled(both: World) -> None:
    both.baseline(Kind.ORG_UNIT)
    user = next(u for u in both.cornerstone.rows("users") if u["active"] and u["primary_email"])
    account = by_external_id(both.administrate.rows("accounts"), "ou")[str(user["ous"][0]["id"])]
    both.administrate.act(
        "create_contact",
        first_name=user["first_name"],
        last_name=user["last_name"],
        email_address=user["primary_email"],
        account_id=account["id"],
    )
    both.engine.import_baseline(Kind.PERSON, mode="apply", owner="test")
    both.settle()
    namesakes = [r for r in both.administrate.rows("contacts", email_address=user["primary_email"]) if r["last_name"] == user["last_name"]]
    assert len(namesakes) == 1
    assert namesakes[0]["external_ids"]["csod:sandbox:user"] == str(user["id"])


def test_webhooks_of_what_is_written_rest_during_an_import_and_the_others_do_not(both: World) -> None:
    administrate = cast(AdministrateSystem, both.house.systems[SystemName.ADMINISTRATE])
    webhooks.install(administrate.client, "http://127.0.0.1:9", None)

    def active() -> set[str]:
        return {hook.slug for hook in webhooks.installed(administrate.client) if hook.state == "active"}

    before, seen = active(), list[set[str]]()
    both.engine.import_baseline(Kind.ORG_UNIT, mode="apply", owner="test")
    assert active() == before

    def look(totals: Totals) -> None:
        if totals.dispositions["applied"] and not seen:
            seen.append(active())

    both.engine.import_baseline(Kind.PERSON, mode="apply", owner="test", progress=look)
    assert before - seen[0] == {"contact_created", "contact_updated"} & before
    assert active() == before


def test_after_an_import_every_feed_is_due_at_once_from_where_it_was(both: World) -> None:
    both.engine.observe(force=True)
    names = feed_names()
    with both.house.database.begin() as conn:
        begun = {name: found.value for name in names if (found := checkpoints.get(conn, name)) is not None}
        for name, value in begun.items():
            checkpoints.put(conn, name, value, 3_600)
        assert not set(begun) & set(checkpoints.due(conn, names))
    both.engine.import_baseline(Kind.ORG_UNIT, mode="apply", owner="test")
    with both.house.database.read() as conn:
        assert checkpoints.due(conn, names) == names
        assert {name: checkpoints.get(conn, name).value for name in begun} == begun  # pyright: ignore[reportOptionalMemberAccess]
