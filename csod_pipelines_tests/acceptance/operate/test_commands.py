"""The commands of an operator, against both sandboxes and a real database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from csod_pipelines.model.keys import Flow, Kind, SystemName
from csod_pipelines.runtime import SHORT_WAIT_SECONDS, bucket_specs
from csod_pipelines.store import controls
from csod_pipelines.store.limits import SharedBudget
from csod_pipelines.store.provision import Urls
from csod_pipelines.systems import contract
from csod_pipelines.systems.defaults import SystemClock
from csod_pipelines_tests.acceptance.operate.shell import Shell
from csod_pipelines_tests.acceptance.world import World, world

SMALL = {"users": 40, "ous": 10, "events": 3, "sessions_per_event": 1, "learners_per_session": 2}


@pytest.fixture(scope="module")
def imported(module_database_urls: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Org units and people are in step; the tests leave it so."""
    with world(module_database_urls, tmp_path_factory.mktemp("house"), cornerstone=SMALL) as made:
        made.baseline()
        made.settle()
        yield made


@pytest.fixture
def shell(imported: World, shell_of: Callable[[World], Shell]) -> Shell:
    return shell_of(imported)


def some_user(here: World) -> dict:
    """A user whose contact exists."""
    contacts = {row["external_ids"].get("csod:sandbox:user"): row for row in here.administrate.rows("contacts")}
    return next(user for user in here.cornerstone.rows("users", active=True) if str(user["id"]) in contacts and user["primary_email"])


def test_a_plan_of_what_is_in_step_ends_with_zero_and_writes_nothing(imported: World, shell: Shell) -> None:
    marks = imported.administrate.last_request(), imported.cornerstone.last_request()
    answer = shell("plan", "person", "--json")
    assert (answer.code, answer.json["would_write"]) == (0, []), answer
    assert imported.administrate.writes(marks[0]) == [] == imported.cornerstone.writes(marks[1])


def test_a_plan_waits_a_limit_out_instead_of_failing_at_it(imported: World, shell: Shell) -> None:
    clock = SystemClock()
    until = clock.utcnow() + timedelta(seconds=SHORT_WAIT_SECONDS + 1)
    specs = bucket_specs(imported.house.settings, contract.load(SystemName.CORNERSTONE))
    budget = SharedBudget(imported.house.database, clock, specs, lane=lambda: "live")
    for bucket in specs:
        budget.blocked(bucket, until=until, vendor_now=clock.utcnow())
    answer = shell("plan", "person", "--json")
    assert (answer.code, answer.json["would_write"]) == (0, []), answer
    assert clock.utcnow() >= until


def test_a_plan_ends_with_two_and_names_what_would_be_written_in_the_vendors_words(imported: World, shell: Shell) -> None:
    user = some_user(imported)
    imported.cornerstone.act("edit_user", id=user["id"], first_name="Renate")
    marks = imported.administrate.last_request(), imported.cornerstone.last_request()
    answer = shell("plan", "contact", "--json")
    assert answer.code == 2
    assert [(row["what"], row["cornerstone"], row["fields"]) for row in answer.json["would_write"]] == [
        ("updated: Administrate contact", str(user["id"]), "first_name")
    ]
    assert imported.administrate.writes(marks[0]) == [] == imported.cornerstone.writes(marks[1])
    assert "Would write: 1" in shell("plan", "contact").out
    imported.settle()
    assert shell("plan", "person").code == 0


@pytest.mark.parametrize(
    "words",
    [
        ("plan",),
        ("plan", "person", "--all"),
        ("plan", "spaceship"),
        ("replay",),
        ("replay", "a", "b", "c"),
        ("pause", "somebody", "--why", "x"),
        ("pause", "people_sync"),
        ("links", "list", "--state", "married"),
        ("links", "show", "planet", "1"),
        ("deliveries", "contact"),
        ("nothing_of_the_kind",),
    ],
)
def test_wrong_usage_ends_with_sixty_four_and_says_what_is_wrong(shell: Shell, words: tuple[str, ...]) -> None:
    answer = shell(*words)
    assert answer.code == 64
    assert answer.err.strip()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("replay", "contact", "123456789"), "nothing that is parked"),
        (("links", "show", "contact", "987654321"), "not paired"),
        (("links", "unbind", "contact", "987654321", "--why", "x"), "not paired"),
        (("links", "bind", "learner", "1", "2", "--why", "x"), "learners follow"),
        (("links", "bind", "contact", "987654321", "1", "--why", "x"), "not shown"),
        (("go-live", "--portal", "acme", "--why", "x"), "the settings name portal 'sandbox'"),
        (("pause", "people_sync", "--why", " "), "reason"),
        (("brake", "release", "people_sync", "--plan", "abc", "--why", "x"), "nothing that a brake counts"),
        (("brake", "release", "people_sync", "--plan", "abc", "--why", "x", "--hours", "0"), "--hours"),
    ],
)
def test_what_cannot_be_done_ends_with_one_and_says_why(shell: Shell, words: tuple[str, ...], said: str) -> None:
    answer = shell(*words)
    assert answer.code == 1, answer
    assert said in answer.err


def test_a_paused_flow_writes_nothing_until_it_is_resumed_and_both_decisions_have_a_name_and_a_reason(
    imported: World, shell: Shell
) -> None:
    shell.ok("pause", "people_sync", "--why", "payroll loads")
    user = some_user(imported)
    imported.cornerstone.act("edit_user", id=user["id"], first_name="Pausia")
    mark = imported.administrate.last_request()
    imported.engine.observe(force=True)
    assert imported.engine.drain(Flow.PEOPLE, owner="test", linger_seconds=0).stopped_reason == "paused"
    assert imported.engine.reconcile(Kind.PERSON, mode="apply", owner="test").stopped_reason == "paused"
    assert imported.administrate.writes(mark) == []
    assert shell.ok("decisions", "--json").json[0]["why"] == "payroll loads"
    shell.ok("resume", "people_sync")
    imported.engine.context().modes.look_again()  # another process learns it within a second
    imported.settle()
    assert [row["effect"] for row in imported.administrate.writes(mark)] == ["update"]
    with imported.house.database.read() as conn:
        told = controls.history(conn, "pause:people_sync")
    assert [(row.value["paused"], row.why) for row in told] == [(False, "resumed"), (True, "payroll loads")]
    assert all(row.who for row in told)


def test_a_paused_system_is_not_called_by_the_feeds_either(imported: World, shell: Shell) -> None:
    shell.ok("pause", "cornerstone", "--why", "maintenance")
    imported.engine.context().modes.look_again()
    mark = imported.cornerstone.last_request()
    imported.engine.observe(force=True)
    assert imported.engine.drain(Flow.ENROLLMENT, owner="test", linger_seconds=0).stopped_reason == "paused"
    assert imported.cornerstone.last_request() == mark
    shell.ok("resume", "cornerstone", "--why", "over")
    imported.engine.context().modes.look_again()


def test_deliveries_and_operations_are_told_in_the_vendors_words(imported: World, shell: Shell) -> None:
    assert shell.ok("deliveries", "--json").json == []
    user = some_user(imported)
    rows = shell.ok("operations", "user", str(user["id"]), "--json").json
    assert {"created: Administrate contact", "id stored: Administrate contact"} <= {row["what"] for row in rows}
    assert shell.ok("operations", "--outcome", "failure", "--json").json == []
    assert "created: Administrate contact" in shell.ok("operations", "user", str(user["id"])).out


def test_a_pair_is_found_by_a_pasted_link_a_human_number_and_an_id(imported: World, shell: Shell) -> None:
    user = some_user(imported)
    contact = imported.administrate.row("contacts", external_ids={"csod:sandbox:user": str(user["id"])})
    found = {
        shell.ok("links", "show", word, id, "--json").json["link"]
        for word, id in (
            ("user", str(user["id"])),
            ("contact", contact["id"]),
            ("contact", str(contact["legacy_id"])),
            ("user", f"https://acme.csod.com/phnx/driver.aspx?routename=Social/UniversalProfile/Bio&TargetUser={user['id']}"),
            ("contact", f"https://acme.example/ui/contact/{contact['legacy_id']}"),
        )
    }
    assert len(found) == 1
    rows = shell.ok("links", "list", "contact", "--json").json
    assert found <= {row["link"] for row in rows}
