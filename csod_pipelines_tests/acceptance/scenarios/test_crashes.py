"""Workers that die at any statement, a database that goes away, two hosts at once: everything once, and nothing lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url
from sqlalchemy.exc import DBAPIError

from csod_pipelines.engine.guard import LEASE_SECONDS
from csod_pipelines.runtime import open_house
from csod_pipelines.store.provision import Urls
from csod_pipelines_tests.acceptance.scenarios.epilogue import quiet
from csod_pipelines_tests.acceptance.scenarios.mishaps import Axe, Killed, Places, Storm
from csod_pipelines_tests.acceptance.scenarios.stage import DIVISION, Event, Person, Stage, staged
from csod_pipelines_tests.acceptance.world import FLOWS
from csod_pipelines_tests.conftest import Postgres

#: Between two rounds: longer than a lease, a settle time and the breaker's ten minutes.
APART_SECONDS = 700.0
MOST_PLACES = 400
SKIPPED = 25  # a round of the feeds passes many places that are alike
#: Hundreds of deaths, each of them mended, take minutes where the machine is busy.
pytestmark = pytest.mark.timeout(1500)


@pytest.fixture(scope="module")
def stage(module_database_urls: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    size = {"users": 24, "ous": 22, "events": 0}
    with staged(module_database_urls, tmp_path_factory.mktemp("house"), size=size) as made:
        yield made


@pytest.fixture(scope="module")
def place(stage: Stage) -> tuple[Event, Person]:
    made = stage.event(days=60), stage.person()
    stage.settle()
    return made


def come_to_grief(stage: Stage, seams: Places) -> bool:
    """One worker on what waits, of which nothing is left but what it committed. False: it came through."""
    owner = f"victim-{id(seams)}"
    try:
        with open_house(stage.settings, run_id=owner, seams=seams, clock=stage.clock) as house:
            for flow in FLOWS:
                house.engine.drain(flow, owner=owner, linger_seconds=0, max_seconds=3600)
    except (Killed, DBAPIError):
        stage.killed += 1
        stage.clock.travel(LEASE_SECONDS + 1)
        return True
    return False


def at_every_place(
    stage: Stage, act: Callable[[int], None], check: Callable[[int], None], seams: Callable[[int], Places], *, step: int = 1
) -> int:
    """Do something; a worker comes to grief at the next place (or at each ``step``-th); another finishes. Returns the rounds."""
    for number in range(1, MOST_PLACES):
        act(number)
        stage.house.engine.observe(force=True)
        mishap = seams(1 + step * (number - 1))
        come_to_grief(stage, mishap)
        stage.feeds = False  # what the worker left is in our own tables, or it is lost
        stage.settle()
        stage.feeds = True
        check(number)
        if len(mishap.seen) <= step * (number - 1):
            return number - 1
        stage.clock.travel(APART_SECONDS)
    raise AssertionError(f"a worker passes more than {step * MOST_PLACES} places for one change")


def hiring(stage: Stage, name: str) -> tuple[Callable[[int], None], Callable[[int], None]]:
    home = next(ou["id"] for ou in stage.cornerstone.rows("ous", type_id=DIVISION) if ou["active"])
    ous = [{"id": home, "type_id": DIVISION}]

    def act(number: int) -> None:
        mail = f"{name.lower()}{number}@example.org"
        stage.cornerstone.act("hire", first_name="Vic", last_name=f"{name} {number}", primary_email=mail, ous=ous)

    def check(number: int) -> None:
        stage.administrate.row("contacts", email_address=f"{name.lower()}{number}@example.org")

    return act, check


def coming_and_going(stage: Stage, event: Event, person: Person) -> tuple[Callable[[int], None], Callable[[int], None]]:
    """In turn: registered and cancelled in Administrate, registered and withdrawn in Cornerstone."""

    def act(number: int) -> None:
        learners = event.learners(person)
        if number % 4 == 1 and not learners:
            event.register(person)
        elif number % 4 == 1:
            stage.administrate.act("reactivate", id=learners[0]["id"])
        elif number % 4 == 2:
            stage.administrate.act("cancel_learner", id=learners[0]["id"])
        elif number % 4 == 3:
            event.on_cornerstone("self_register", person)
        else:
            event.on_cornerstone("withdraw", person)

    def check(number: int) -> None:
        wanted = ("active", "Registered") if number % 2 else ("cancelled", "Withdrawn")
        assert (event.learner(person)["lifecycle_state"], event.status(person)) == wanted
        registered = [row for row in event.transcripts(person) if row["status"] == "Registered"]
        assert len(registered) == number % 2

    return act, check


def test_a_worker_killed_at_any_statement_of_a_new_person(stage: Stage) -> None:
    kills = at_every_place(stage, *hiring(stage, "Killed"), Axe)
    assert kills > 20
    quiet(stage)


def test_a_worker_killed_at_any_statement_of_a_registration_or_a_cancellation(stage: Stage, place: tuple[Event, Person]) -> None:
    kills = at_every_place(stage, *coming_and_going(stage, *place), Axe, step=3)
    assert kills > 10
    quiet(stage)


def test_a_worker_killed_at_any_statement_of_a_new_event(stage: Stage) -> None:
    made: list[Event] = []
    kills = at_every_place(stage, lambda _: made.append(stage.event(days=30)), lambda _: _same(made[-1]), Axe, step=5)
    assert kills > 10
    quiet(stage)


def _same(event: Event) -> None:
    assert len(event.session["parts"]) == 1
    assert event.row["external_ids"]["csod:sandbox:session_lo"] == event.session["id"]


def test_a_worker_killed_at_any_statement_of_a_feed_loses_nothing(stage: Stage) -> None:
    act, check = hiring(stage, "Unseen")
    for number in range(1, MOST_PLACES):
        act(number)
        axe = Axe(SKIPPED * number)
        try:
            with open_house(stage.settings, run_id="observer", seams=axe, clock=stage.clock) as house:
                house.engine.observe(force=True)
        except Killed:
            stage.killed += 1
        stage.settle()
        check(number)
        if len(axe.seen) < SKIPPED * number:
            break
    quiet(stage)


def test_the_database_server_itself_is_restarted_in_the_middle_of_work(stage: Stage, postgres: Postgres) -> None:
    act, check = hiring(stage, "Restarted")

    def restart() -> None:
        postgres.server.stop()
        postgres.server.start()
        stage.house.database.engine.dispose()  # the stage's own house is nobody's victim

    for number, at in enumerate((5, 15, 25), start=1):
        act(number)
        stage.house.engine.observe(force=True)
        come_to_grief(stage, Storm(at, restart))
        stage.settle()
        check(number)
    quiet(stage)


def cut(stage: Stage, postgres: Postgres) -> None:
    """As an administrator of the database does (AdminShutdown): every connection ends, whatever statement it is at."""
    url = make_url(postgres.server.admin_url).set(drivername="postgresql")
    with psycopg.connect(url.render_as_string(hide_password=False), autocommit=True) as conn:
        ends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()"
        conn.execute(ends, [make_url(stage.urls.engine).database])
    stage.house.database.engine.dispose()  # the stage's own house is nobody's victim


def test_connections_to_the_database_are_cut_between_any_two_statements(stage: Stage, postgres: Postgres) -> None:
    rounds = at_every_place(stage, *hiring(stage, "Cut"), lambda number: Storm(number, lambda: cut(stage, postgres)), step=6)
    assert rounds > 4
    quiet(stage)


def test_connections_to_the_database_are_cut_in_the_middle_of_statements(stage: Stage, postgres: Postgres) -> None:
    act, check = hiring(stage, "Midst")
    for number in range(1, 13):
        act(number)
    stage.house.engine.observe(force=True)
    over, griefs = threading.Event(), 0

    def cutting() -> None:
        for _ in range(40):
            if over.wait(0.05):
                return
            cut(stage, postgres)

    cutter = threading.Thread(target=cutting)
    cutter.start()
    try:
        while come_to_grief(stage, Places()):
            griefs += 1
            assert griefs < 100
    finally:
        over.set()
        cutter.join(timeout=60)
    assert griefs, "nobody was hit"
    stage.settle()
    for number in range(1, 13):
        check(number)
    quiet(stage)


def test_workers_of_two_hosts_share_one_database(stage: Stage) -> None:
    act, check = hiring(stage, "Shared")
    event, people = stage.event(days=40, places=20), [stage.person() for _ in range(6)]
    for number in range(1, 9):
        act(number)
    for person in people:
        event.register(person)
    stage.house.engine.observe(force=True)
    failures: list[BaseException] = []

    def host(name: str) -> None:
        try:
            with open_house(stage.settings, run_id=name, clock=stage.clock) as house:
                for _ in range(6):
                    house.engine.observe(force=True)
                    for flow in FLOWS:
                        house.engine.drain(flow, owner=name, linger_seconds=0, max_seconds=60)
        except BaseException as err:  # noqa: BLE001 - told below, in the thread that can report it
            failures.append(err)

    hosts = [threading.Thread(target=host, args=(f"host-{n}",)) for n in range(2)]
    for each in hosts:
        each.start()
    for each in hosts:
        each.join(timeout=120)
    assert not failures
    stage.settle()
    for number in range(1, 9):
        check(number)
    assert {event.status(person) for person in people} == {"Registered"}
    quiet(stage)


@pytest.mark.parametrize("vendor", ["administrate", "cornerstone"])
def test_a_token_revoked_in_the_middle_of_a_run_is_got_anew(stage: Stage, vendor: str) -> None:
    act, check = hiring(stage, f"Revoked{vendor}")
    act(1)
    act(2)
    stage.house.engine.observe(force=True)
    storm = Storm(4, lambda: revoke(stage, vendor), places="call.send")
    assert not come_to_grief(stage, storm)
    assert storm.struck
    stage.settle()
    check(1)
    check(2)
    quiet(stage)


def revoke(stage: Stage, vendor: str) -> None:
    """As somebody does who renews the secret: every token is void at once."""
    shell = stage.shells[vendor].shell
    core: Any = shell.core
    with shell.lock:
        core.oauth.revoke() if vendor == "administrate" else core.portal.tokens.revoke_all()
