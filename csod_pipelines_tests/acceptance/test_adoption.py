"""Two systems that held the same people and catalogue before they were connected: paired, not doubled."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from csod_pipelines.engine import adopting, adoption
from csod_pipelines.engine.operate import By, OperatorError
from csod_pipelines.model.keys import Kind
from csod_pipelines.store.provision import Urls
from csod_pipelines_tests.acceptance.world import CONFIG, World, world

SIZE = {"users": 40, "ous": 10, "events": 3, "sessions_per_event": 1, "learners_per_session": 2}
EVERYTHING = (Kind.ORG_UNIT, Kind.PERSON, Kind.LOCATION, Kind.SUBJECT, Kind.PROVIDER)
BY = By(who="test", why="adopted")


@pytest.fixture
def twins(database_urls: Urls, tmp_path: Path) -> Iterator[World]:
    """Most of Cornerstone's people, units and courses stand in Administrate already, without any id of the other side."""
    config = yaml.safe_load(CONFIG.read_text())
    config["scope"]["live_from"] = "2199-01-01"
    file = tmp_path / "csod_pipelines.yaml"
    file.write_text(yaml.safe_dump(config))
    size = {"mirror": SIZE, "share": 0.8}
    with world(database_urls, tmp_path, administrate=size, cornerstone=SIZE, CONFIG=str(file)) as made:
        yield made


def proposed(here: World) -> list[dict[str, str]]:
    return list(adoption.proposals(here.engine.context(dry=True)))


def lines(rows: list[dict[str, str]]) -> list[str]:
    def escaped(value: str) -> str:
        return '"' + value.replace('"', '""') + '"'

    return [",".join(adoption.COLUMNS), *(",".join(escaped(row[name]) for name in adoption.COLUMNS) for row in rows)]


def clear_ones(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """As a person leaves the file who deletes whatever is not clear: each record once."""
    here = Counter((row["kind"], row["administrate"]) for row in rows)
    there = Counter((row["kind"], row["cornerstone"]) for row in rows)
    return [row for row in rows if here[row["kind"], row["administrate"]] == there[row["kind"], row["cornerstone"]] == 1]


def counted(here: World) -> dict[str, int]:
    return {kind: len(here.cornerstone.rows(kind)) for kind in ("users", "ous", "events", "sessions")}


def event_like(here: World, session: dict[str, Any]) -> dict[str, Any]:
    """The event that somebody entered in Administrate for this session, at the same place."""
    place = twin_place(here, session)
    number = here.cornerstone.row("events", id=session["event_id"])["event_number"]
    return here.administrate.act(
        "create_event",
        course_template_id=here.administrate.row("course_templates", code=number)["id"],
        title=session["title"],
        time_zone_name="UTC",
        location_id=place["id"] if place else None,
        min_places=1,
        max_places=30,
        sessions=[{"title": part["name"], "start": _utc(part["start"]), "end": _utc(part["end"])} for part in session["parts"]],
        publish=True,
    )


def twin_place(here: World, session: dict[str, Any]) -> dict[str, Any] | None:
    codes = {row["code"]: row for row in here.administrate.rows("locations")}
    return codes.get(session["parts"][0]["location_ref"])


def _utc(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone(UTC).replace(tzinfo=None).isoformat()


def test_an_event_and_its_learner_are_proposed_by_start_and_by_person_and_no_second_session_is_made(twins: World) -> None:
    templates = {row["code"] for row in twins.administrate.rows("course_templates")}
    numbers = {row["id"]: row["event_number"] for row in twins.cornerstone.rows("events")}
    session = next(row for row in twins.cornerstone.rows("sessions") if numbers[row["event_id"]] in templates and twin_place(twins, row))
    event = event_like(twins, session)
    contacts = {row["email_address"]: row for row in twins.administrate.rows("contacts") if row["email_address"]}
    users = {row["id"]: row for row in twins.cornerstone.rows("users")}
    roster = twins.cornerstone.row("rosters", id=session["id"])["users"]
    mails = [users[row["user_id"]]["primary_email"] for row in roster]
    seated = next((contacts[mail] for mail in mails if mail in contacts), None)
    if seated is not None:
        twins.administrate.act("register", event_id=event["id"], contact_id=seated["id"])
    rows = clear_ones(proposed(twins))
    found = [(row["administrate"], row["reason"]) for row in rows if row["cornerstone"] == session["id"]]
    assert found == [(event["id"], adoption.BY_START)]
    assert len([row for row in rows if row["kind"] == "enrollment"]) == (seated is not None)
    before = counted(twins)
    bound = adopting.bind_file(twins.engine.context(dry=True), lines(rows), BY)
    assert bound["offering"] == 1
    twins.settle()
    assert counted(twins) == before
    assert twins.engine.plan([Kind.OFFERING]) == []


def test_a_world_that_stood_on_both_sides_ends_without_a_twin(twins: World) -> None:
    before = counted(twins)
    rows = proposed(twins)
    kinds = Counter(row["kind"] for row in rows)
    assert kinds["org_unit"] and kinds["person"] and kinds["course"], kinds
    assert all(row["reason"] and row["cornerstone"] for row in rows)
    adopting.bind_file(twins.engine.context(dry=True), lines(clear_ones(rows)), BY)
    twins.settle()
    twins.baseline(*EVERYTHING)
    twins.settle()
    assert counted(twins) == before, "a twin was made in Cornerstone"
    _no_twin_accounts(twins)
    held = [
        row["external_ids"]["csod:sandbox:user"]
        for row in twins.administrate.rows("contacts")
        if "csod:sandbox:user" in row["external_ids"]
    ]
    assert len(held) == len(set(held)) > 20
    mails = Counter(
        str(row["email_address"]).lower() for row in twins.administrate.rows("contacts") if row["external_ids"] and row["email_address"]
    )
    users = Counter(str(row["primary_email"]).lower() for row in twins.cornerstone.rows("users"))
    assert all(number <= users[mail] for mail, number in mails.items()), "a contact was made for somebody who had one"


def _no_twin_accounts(here: World) -> None:
    accounts = [row for row in here.administrate.rows("accounts") if not row.get("is_individual")]
    names = Counter((row["name"], row["parent_account_id"]) for row in accounts)
    assert max(names.values()) == 1, names.most_common(2)
    held = [row["external_ids"]["csod:sandbox:ou"] for row in accounts if "csod:sandbox:ou" in row["external_ids"]]
    assert len(held) == len(set(held)) == len([ou for ou in here.cornerstone.rows("ous", type_id=2) if ou["active"]])


def test_a_file_with_one_wrong_line_binds_nothing_and_names_the_line(twins: World, tmp_path: Path) -> None:
    rows = clear_ones(proposed(twins))
    people = [row for row in rows if row["kind"] == "person"]
    bad = [
        *rows,
        people[0] | {"administrate": "nobody"},
        people[0] | {"kind": "dog"},
        people[1] | {"administrate": people[0]["administrate"]},
    ]
    with pytest.raises(OperatorError) as refused:
        adopting.bind_file(twins.engine.context(dry=True), lines(bad), BY)
    said = str(refused.value)
    first = len(rows) + 2
    assert f"line {first}: Administrate contact nobody is not shown" in said
    assert f"line {first + 1}: 'dog' is none of" in said
    assert f"line {first + 2}: " in said
    with twins.house.database.read() as conn:
        from sqlalchemy import text

        assert conn.execute(text("SELECT count(*) FROM link")).scalar_one() == 0


def test_a_file_without_the_needed_columns_is_refused(twins: World) -> None:
    with pytest.raises(OperatorError, match="must name the columns"):
        adopting.bind_file(twins.engine.context(dry=True), ["a,b", "1,2"], BY)


def test_the_file_of_proposals_is_readable_as_csv(twins: World) -> None:
    rows = proposed(twins)
    assert [dict(row) for row in csv.DictReader(lines(rows))] == rows
