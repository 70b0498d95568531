from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from csod_pipelines.cli import run
from csod_pipelines.house.children import ChildDied, Children, Restarts, end_left_behind, members
from csod_pipelines.house.database import HouseDatabase
from csod_pipelines.house.home import Home, HouseNotRunning, HouseRunning, write_private
from csod_pipelines.house.hooks import install_webhooks
from csod_pipelines.house.ports import HOST, choose_ports
from csod_pipelines.house.stopping import StopRequest
from csod_pipelines.house.variables import uses_sandboxes
from csod_pipelines.settings import NEED_ENGINE, NEED_NOTHING, SettingsError, load_settings, variable
from csod_pipelines_tests.house.running import ignore_interrupts


def test_a_home_belongs_to_one_house_and_is_free_when_that_ends(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    with home.lock():
        assert home.owner() == os.getpid()
        with pytest.raises(HouseRunning, match=f"process {os.getpid()}"):
            home.lock()
    assert home.owner() is None
    with pytest.raises(HouseNotRunning, match="Start one with"):
        home.running_environment()


def started(home: Path, *, sandboxes: bool) -> None:
    """What a house does to the folder of its database before the server starts, and what the server makes there."""
    HouseDatabase(load_settings({}, need=NEED_NOTHING), home=Home(home), say=lambda text: None)._put_old_world_aside(sandboxes=sandboxes)
    (home / "postgres").mkdir(exist_ok=True)


def test_the_database_of_a_live_portal_survives_any_number_of_starts_with_sandboxes(tmp_path: Path) -> None:
    """The first such start marked it as the sandboxes' own, the second moved it away, the third deleted it."""
    started(tmp_path, sandboxes=False)
    (tmp_path / "postgres" / "ledger").touch()
    for _ in range(3):
        started(tmp_path, sandboxes=True)
    started(tmp_path, sandboxes=False)
    assert (tmp_path / "postgres" / "ledger").exists()


def test_what_sandboxes_left_is_kept_once_and_serves_nobody(tmp_path: Path) -> None:
    started(tmp_path, sandboxes=True)
    (tmp_path / "postgres" / "ledger").touch()
    started(tmp_path, sandboxes=False)
    assert not (tmp_path / "postgres" / "ledger").exists()
    assert (tmp_path / "postgres.previous" / "ledger").exists()


def test_a_private_file_is_never_readable_by_others(tmp_path: Path) -> None:
    file = tmp_path / "secret.json"
    before = os.umask(0)
    try:
        write_private(file, {"a": 1})
        write_private(file, {"a": 2})
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_a_port_asked_for_and_taken_is_refused_and_a_default_one_replaced() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"CSOD_PIPELINES_GATEWAY_PORT: port {port} is taken"):
            choose_ports(load_settings({"CSOD_PIPELINES_GATEWAY_PORT": str(port)}, need=NEED_NOTHING))
        defaults = load_settings({}, need=NEED_NOTHING).model_copy(update={"gateway_port": port})
        defaults.model_fields_set.discard("gateway_port")
        chosen, notes = choose_ports(defaults)
    assert chosen["gateway"] != port
    assert any("gateway uses" in note for note in notes)
    assert len(set(chosen.values())) == 4


def test_one_live_vendor_is_never_tied_to_one_sandbox() -> None:
    with pytest.raises(SettingsError, match="Set both, or neither"):
        uses_sandboxes(load_settings({"CSOD_PIPELINES_CORNERSTONE_BASE_URL": "https://x.csod.com"}, need=NEED_NOTHING))
    assert uses_sandboxes(load_settings({}, need=NEED_NOTHING))


STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
PARENT = f"import subprocess, sys, time; subprocess.Popen([sys.executable, '-c', {STUBBORN!r}]); time.sleep(600)"


def start(children: Children, code: str, *, name: str = "child") -> int:
    return children.start(name, [sys.executable, "-c", code], environment=os.environ, folder=Path.cwd()).group


def wait_for(condition: object, *, seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    assert callable(condition)
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_child_that_ignores_the_request_is_killed_with_its_own_children(tmp_path: Path) -> None:
    children = Children(logs=tmp_path)
    group = start(children, PARENT)
    wait_for(lambda: len(members(group)) == 2)
    wait_for(lambda: "up" in (tmp_path / "child.log").read_text())
    started = time.monotonic()
    children.stop(urgent=lambda: time.monotonic() - started > 0.5)
    assert not members(group)


def test_a_child_that_died_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    children = Children(logs=tmp_path)
    start(children, "print('the reason'); raise SystemExit(3)", name="gateway")
    wait_for(children.dead)
    with pytest.raises(ChildDied, match=r"gateway ended with status 3(.|\n)*the reason"):
        children.check()


def test_only_what_we_started_is_ended_even_if_a_number_was_given_again(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = []
    children = Children(logs=tmp_path, on_change=lambda changed: rows.extend(changed))
    group = start(children, "import time; time.sleep(600)")
    assert end_left_behind([{**rows[0], "started": "1"}]) == []
    assert members(group)
    assert end_left_behind(rows) == ["child"]
    assert not members(group)


def test_handlers_of_ours_are_not_inherited_as_ignored_signals() -> None:
    """A background job of a shell ignores SIGINT. What it starts after installing a handler must not."""
    code = (
        "import signal, subprocess, sys\n"
        "from csod_pipelines.house.stopping import StopRequest\n"
        "stop = StopRequest(); stop.install()\n"
        "ask = 'import signal; print(signal.getsignal(signal.SIGINT) is not signal.SIG_IGN)'\n"
        "print(subprocess.run([sys.executable, '-c', ask], capture_output=True, text=True).stdout.strip())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True, preexec_fn=ignore_interrupts
    )
    assert done.stdout.strip() == "True"


def test_a_request_ends_the_wait_at_once() -> None:
    stop = StopRequest()
    assert stop.wait(0.05) is False
    stop.signals = 1
    started = time.monotonic()
    assert stop.wait(10) is True
    assert time.monotonic() - started < 1
    assert not stop.urgent


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["no-such-command"], 64),
        (["trace"], 64),
        (["up", "--no-such-option"], 64),
        (["sandbox", "serve", "--vendor", "third"], 64),
        (["--help"], 0),
    ],
)
def test_wrong_usage_has_its_own_exit_code(arguments: list[str], status: int) -> None:
    assert run(arguments) == status


def test_a_command_without_house_or_settings_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CSOD_PIPELINES_HOME", str(tmp_path / "nothing"))
    assert run(["status"]) == 64
    assert "CSOD_PIPELINES_DATABASE_URL is not set" in capsys.readouterr().err
    assert run(["exec", "--", "true"]) == 1
    assert "No house is running" in capsys.readouterr().err


def test_webhooks_are_not_installed_without_the_secret_that_their_deliveries_carry_and_the_missing_variable_is_named() -> None:
    """Without a running house and without the secret, the command ended with a trace."""
    names = {variable(name): "https://acme.example.org" if "url" in name else "word" for name in NEED_ENGINE if name != "database_url"}
    given = names | {"CSOD_PIPELINES_DATABASE_URL": "postgresql://nobody@127.0.0.1:9/nothing"}
    with pytest.raises(SettingsError, match="CSOD_PIPELINES_ADMINISTRATE_WEBHOOK_SECRET is not set") as caught:
        install_webhooks(given, gateway="https://sync.example.org", say=lambda text: None)
    assert "CSOD_PIPELINES_CORNERSTONE_WEBHOOK_API_KEY is not set" in str(caught.value)


def test_a_house_may_lose_a_process_now_and_then_for_ever_and_often_only_for_a_minute() -> None:
    """Restarts were counted over the whole life of a house, and the sixth death ended it."""
    now = [0.0]
    restarts = Restarts(most=5, seconds=60, monotonic=lambda: now[0])
    for _ in range(20):
        assert restarts.allowed()
        now[0] += 13
    now[0] += 100
    assert [restarts.allowed() for _ in range(6)] == [True] * 5 + [False]
