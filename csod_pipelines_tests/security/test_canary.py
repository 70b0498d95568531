"""Secrets, names and addresses that really went over the wire are looked for everywhere they must not be."""

from __future__ import annotations

import json
import re
import shutil
import stat
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests
from psycopg import sql

import csod_pipelines
from csod_pipelines.house.story import catalogue, people, places
from csod_pipelines.house.story.stage import Stage
from csod_pipelines.model.keys import SystemName
from csod_pipelines.store.embedded import EmbeddedServer
from csod_pipelines_tests.house.running import RunningHouse, processes_of, serving
from csod_pipelines_tests.security.wiretap import Wiretap, listening
from csod_pipelines_tests.systems.vendor import running

pytestmark = [pytest.mark.full, pytest.mark.slow, pytest.mark.timeout(1500)]

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
CLIENT_SECRET, WEBHOOK_SECRET, API_KEY = "sandbox-secret", "planted-webhook-secret", "planted-api-key-0123"
STEPS = (
    people.initial_import,
    places.catalogue_is_imported,
    catalogue.template_is_published,
    catalogue.event_is_created,
)
PATIENCE_SECONDS = 400.0
#: Of our own tables, those that hold what was read or sent: erasable, and shown to nobody unmasked.
BODIES = ("image", "exchange_body", "inbox_event", "operation_intent", "stage")
#: Files that hold secrets so that processes can have them.
PRIVATE = {"environment.json", "endpoints.json", "secrets.json", "database.json", "up.lock", "processes.json"}


@dataclass(frozen=True)
class Played:
    house: RunningHouse
    taps: dict[str, Wiretap]
    secrets: frozenset[str]
    people: frozenset[str]

    def found_in(self, text: str) -> set[str]:
        """Which of them the text holds; names as whole words."""
        plain = {value for value in self.secrets if value in text}
        return plain | {value for value in self.people if value in text and re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text)}


@pytest.fixture(scope="module")
def played() -> Iterator[Played]:
    """A house between two wiretaps has imported, published, registered, hired."""
    folder = Path(tempfile.mkdtemp(prefix="csod-canary-"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        taps = {name: stack.enter_context(listening(stack.enter_context(running(name)).url)) for name in ("administrate", "cornerstone")}
        a, c = taps["administrate"].url, taps["cornerstone"].url
        for name in taps:
            requests.post(f"{taps[name].vendor}/_sandbox/reset", json={"seed": 1, "size": "small"}, timeout=60).raise_for_status()
        variables = {
            "ADMINISTRATE_AUTH_URL": f"{a}/oauth/token",
            "ADMINISTRATE_API_URL": f"{a}/graphql",
            "ADMINISTRATE_CLIENT_ID": "sandbox",
            "ADMINISTRATE_CLIENT_SECRET": CLIENT_SECRET,
            "ADMINISTRATE_WEBHOOK_SECRET": WEBHOOK_SECRET,
            "CORNERSTONE_BASE_URL": c,
            "CORNERSTONE_CLIENT_ID": "sandbox",
            "CORNERSTONE_CLIENT_SECRET": CLIENT_SECRET,
            "CORNERSTONE_WEBHOOK_API_KEY": API_KEY,
            "CORNERSTONE_ACTOR": "svc.integration",
            "FEED_SECONDS": "5",
        }
        extra: dict[str, Any] = {f"CSOD_PIPELINES_{name}": value for name, value in variables.items()}
        house = stack.enter_context(serving(folder / "house", **extra))
        endpoints = house.endpoints | {"administrate": a, "cornerstone": c}
        environment = json.loads((house.home / "environment.json").read_text())
        stage = Stage(endpoints, house.variables | environment)
        for step in STEPS:
            step(stage)
        people_come_and_register(stage)
        stage.until("the operations are told to Administrate", lambda: taps["administrate"].state("integration_logs"))
        yield Played(house, taps, frozenset(secrets(house, taps)), frozenset(persons(taps)))


def people_come_and_register(stage: Stage) -> None:
    """A user is hired, a contact is made, and one of the old ones registers; each shows on the other side."""
    old = next(row for row in stage.cornerstone("users") if row["ous"] and row["active"])
    ous = [{"id": ou["id"], "type_id": ou["type_id"]} for ou in old["ous"]]
    mail = "nadia.canary@example.org"
    stage.act(C, "hire", external_id="N-1", user_name=mail, first_name="Nadia", last_name="Canarova", primary_email=mail, ous=ous)
    account = next(row["id"] for row in stage.administrate("accounts") if row["external_ids"])
    stage.act(
        A, "create_contact", first_name="Otto", last_name="Kanarienvogel", email_address="otto.canary@example.org", account_id=account
    )
    event = next(row for row in stage.administrate("events") if "csod:sandbox:session_lo" in row["external_ids"])
    contact = next(row for row in stage.administrate("contacts") if "csod:sandbox:user" in row["external_ids"])
    stage.act(A, "register", event_id=event["id"], contact_id=contact["id"])
    user, session = int(contact["external_ids"]["csod:sandbox:user"]), event["external_ids"]["csod:sandbox:session_lo"]
    for what, look in (
        ("the hired user is a contact", lambda: stage.administrate("contacts", email_address=mail)),
        ("the new contact is a user", lambda: stage.cornerstone("users", primary_email="otto.canary@example.org")),
        ("the learner is registered", lambda: stage.cornerstone("transcripts", user_id=user, object_id=session)),
    ):
        stage.until(what, look, seconds=PATIENCE_SECONDS)


def secrets(house: RunningHouse, taps: dict[str, Wiretap]) -> set[str]:
    given = {CLIENT_SECRET, WEBHOOK_SECRET, API_KEY}
    tokens = {token for tap in taps.values() for token in tap.tokens()}
    assert len(tokens) >= 2, "no token was seen on the wire"
    passwords = {word for known in json.loads((house.home / "database.json").read_text()).values() for word in known.values()}
    assert len(passwords) >= 4
    return given | tokens | passwords


def persons(taps: dict[str, Wiretap]) -> set[str]:
    """Names, addresses and numbers of people that were seen on the wire, but for those that are ordinary words of ours."""
    ours = own_words() | words_of_things(taps)
    wire = "\n".join(tap.everything() for tap in taps.values())
    found: set[str] = set()
    for tap, kind, fields in (
        ("administrate", "contacts", ("first_name", "last_name", "email_address", "mobile")),
        ("cornerstone", "users", ("first_name", "last_name", "primary_email", "mobile_phone")),
    ):
        for row in taps[tap].state(kind):
            values = {str(row[name]).strip() for name in fields if row.get(name)}
            found |= {value for value in values if len(value) >= 4 and value not in ours and value in wire}
    assert sum("@" in value for value in found) > 20, "hardly an address was seen on the wire"
    return found


def words_of_things(taps: dict[str, Wiretap]) -> set[str]:
    """Müller & Söhne is a vendor: its name is no secret, and somebody is called so."""
    kinds = {
        "administrate": ("accounts", "course_templates", "events", "locations", "learning_categories", "custom_field_definitions"),
        "cornerstone": ("ous", "events", "sessions", "subjects", "providers"),
    }
    texts = [json.dumps(taps[vendor].state(kind), ensure_ascii=False) for vendor, several in kinds.items() for kind in several]
    return {word for text in texts for word in re.findall(r"\w+", text)}


def own_words() -> set[str]:
    """Words of our own sources and of Dagster's: a user called Grace or Sensor cannot be looked for."""
    package = Path(csod_pipelines.__file__).parent
    texts = [file.read_text(encoding="utf-8") for file in package.rglob("*.py") if "sandbox" not in file.parts]
    return {word for text in texts for word in re.findall(r"\w+", text)}


def test_no_log_and_no_file_of_the_house_holds_them(played: Played) -> None:
    files = [
        file for file in played.house.home.rglob("*") if file.is_file() and "postgres" not in file.relative_to(played.house.home).parts
    ]
    assert any(file.suffix == ".log" for file in files)
    leaks = {
        str(file): found
        for file in [*files, played.house.home.with_suffix(".out")]
        if file.name not in PRIVATE and (found := played.found_in(file.read_bytes().decode("utf-8", "replace")))
    }
    assert leaks == {}


def test_no_table_of_dagster_holds_them(played: Played) -> None:
    leaks, looked = leaks_of(played, "dagster", skip=())
    assert looked > 100
    assert leaks == {}


def test_no_table_of_ours_holds_them_but_those_that_hold_bodies(played: Played) -> None:
    leaks, looked = leaks_of(played, "csod_pipelines", skip=BODIES)
    assert looked > 100
    assert leaks == {}


def test_bodies_hold_people_and_no_secret(played: Played) -> None:
    leaks, _ = leaks_of(played, "csod_pipelines", skip=(), only=BODIES)
    seen = set().union(*leaks.values()) if leaks else set()
    assert seen & played.people, "nothing was recorded of what was sent: the other tests prove nothing"
    assert seen & played.secrets == set()


def test_no_metric_and_no_health_page_holds_them(played: Played) -> None:
    for path in ("metrics", "readyz", "healthz"):
        text = requests.get(f"{played.house.endpoints['gateway']}/{path}", timeout=30).text
        assert played.found_in(text) == set(), path


def test_no_integration_log_holds_them(played: Played) -> None:
    entries = played.taps["administrate"].state("integration_logs")
    assert len(entries) > 50
    assert played.found_in(json.dumps(entries, ensure_ascii=False)) == set()


def test_no_command_line_and_no_command_tells_them(played: Played) -> None:
    assert played.found_in("\n".join(processes_of(played.house.home))) == set()
    for command in (("status",), ("status", "--json"), ("parked",), ("operations",), ("deliveries",), ("decisions",), ("links", "list")):
        done = played.house.command(*command)
        assert played.found_in(done.stdout + done.stderr) == set(), command


def test_what_holds_secrets_is_readable_by_its_owner_alone(played: Played) -> None:
    home = played.house.home
    loose = [
        str(file)
        for file in (home, *(home / name for name in sorted(PRIVATE)), home / "logs", home / "dagster", home / "postgres")
        if file.exists() and stat.S_IMODE(file.stat().st_mode) & (0o077 if file.is_dir() or file.name not in ("up.lock",) else 0o022)
    ]
    assert loose == []


def leaks_of(played: Played, name: str, *, skip: tuple[str, ...], only: tuple[str, ...] = ()) -> tuple[dict[str, set[str]], int]:
    """Table -> what was found in it, over every column of every row; and how many rows were looked at."""
    admin = EmbeddedServer(played.house.home).admin_url.replace("postgresql+psycopg://", "postgresql://")
    leaks: dict[str, set[str]] = {}
    looked = 0
    with psycopg.connect(admin) as first:
        database = next(row[0] for row in first.execute("SELECT datname FROM pg_database") if is_database(row[0], name))
    with psycopg.connect(admin, dbname=database) as conn:
        tables = [row[0] for row in conn.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")]
        for table in tables:
            body = any(table.startswith(word) for word in BODIES)
            if (skip and body) or (only and not body):
                continue
            for row in conn.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(table))):
                looked += 1
                found = played.found_in("\n".join(readable(value) for value in row))
                if found:
                    leaks.setdefault(table, set()).update(found)
    return leaks, looked


def is_database(name: str, wanted: str) -> bool:
    return name.endswith("_dagster") if wanted == "dagster" else name == wanted


def readable(value: Any) -> str:
    if isinstance(value, bytes | memoryview):
        raw = bytes(value)
        try:
            raw = zlib.decompress(raw)
        except zlib.error:
            return raw.decode("utf-8", "replace")
        return raw.decode("utf-8", "replace")
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False, default=str)
    text = str(value)
    return text.encode().decode("unicode_escape", "replace") + text if "\\u" in text else text
