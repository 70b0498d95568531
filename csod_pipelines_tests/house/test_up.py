"""One house is started for the first half of these tests; each of the others ends one in its own way."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import requests

from csod_pipelines_tests.house.running import RunningHouse, ignore_interrupts, processes_of, serving

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="csod-up-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


@pytest.fixture(scope="module")
def house(folder: Path) -> Iterator[RunningHouse]:
    with serving(folder / "house") as running:
        yield running


def test_it_writes_its_addresses_for_its_owner_alone(house: RunningHouse) -> None:
    assert set(house.endpoints) == {"dagster", "gateway", "administrate", "cornerstone", "database"}
    for name in ("endpoints.json", "environment.json", "secrets.json", "database.json"):
        assert stat.S_IMODE((house.home / name).stat().st_mode) == 0o600, name


def test_every_address_answers(house: RunningHouse) -> None:
    endpoints = house.endpoints
    assert requests.get(f"{endpoints['dagster']}/server_info", timeout=30).ok
    assert requests.get(f"{endpoints['gateway']}/readyz", timeout=30).json()["status"] == "ok"
    for vendor in ("administrate", "cornerstone"):
        assert requests.get(f"{endpoints[vendor]}/_sandbox/", timeout=30).json()["vendor"] == vendor
    with psycopg.connect(endpoints["database"]) as conn:
        assert conn.execute("SELECT count(*) FROM work").fetchone() is not None
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("DELETE FROM work")


def test_a_second_one_on_the_same_home_says_that_one_is_running(house: RunningHouse) -> None:
    second = house.command("up")
    assert second.returncode == 1
    assert f"A house is already running on {house.home} (process {house.process.pid})" in second.stderr
    assert "Traceback" not in second.stderr
    assert house.process.poll() is None


def test_exec_runs_a_command_with_the_variables_of_the_house(house: RunningHouse) -> None:
    done = house.command("exec", "--", "sh", "-c", "echo $DAGSTER_HOME $CSOD_PIPELINES_ADMINISTRATE_API_URL; exit 7")
    assert done.returncode == 7
    assert done.stdout.split() == [str(house.home / "dagster"), f"{house.endpoints['administrate']}/graphql"]
    assert house.command("exec", "--", "no-such-command").returncode == 1
    assert house.command("exec").returncode == 64


def test_status_and_trace_read_the_running_house(house: RunningHouse) -> None:
    status = house.command("status", "--json")
    assert status.returncode == 0
    assert '"people_sync"' in status.stdout
    unknown = house.command("trace", "spaceship", "1")
    assert unknown.returncode == 64
    assert "is no kind of record" in unknown.stderr
    assert "not paired" in house.command("trace", "learner", "987654").stdout


def test_webhooks_can_be_installed_again(house: RunningHouse) -> None:
    def hooks() -> list[str]:
        rows = requests.get(f"{house.endpoints['administrate']}/_sandbox/state/webhooks", timeout=30).json()
        return sorted(row["name"] for row in rows)

    before = hooks()
    assert house.command("webhooks", "install").returncode == 0
    assert hooks() == before
    assert "csod_pipelines learner_created" in before


def test_no_secret_of_the_house_stands_in_its_logs(house: RunningHouse) -> None:
    secrets = (house.home / "secrets.json").read_text() + (house.home / "database.json").read_text()
    words = [word.strip(' ",') for word in secrets.split(":") for word in word.split("\n") if len(word.strip(' ",')) > 30]
    assert words
    for log in (house.home / "logs").glob("*.log"):
        text = log.read_text(errors="replace")
        assert not [word for word in words if word in text], log.name


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_and_everything_it_started_also_where_interrupts_were_ignored(folder: Path, number: signal.Signals) -> None:
    home = folder / f"ends-{number.name}"
    with serving(home, before=ignore_interrupts) as running:
        assert processes_of(home)
        running.process.send_signal(number)
        assert running.process.wait(timeout=60) == 0
    assert not processes_of(home)
    assert not (home / "endpoints.json").exists()


def test_what_a_killed_house_left_behind_is_ended_by_the_next(folder: Path) -> None:
    home = folder / "killed"
    with serving(home) as first:
        groups = first.groups()
        first.process.kill()
        first.process.wait()
        assert all(os.path.exists(f"/proc/{group}") for group in groups)
        (home / "endpoints.json").unlink()
        with serving(home) as second:
            assert not set(groups) & set(second.groups())
            assert not [group for group in groups if os.path.exists(f"/proc/{group}")]
    assert not processes_of(home)
