from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from csod_pipelines.store import work
from csod_pipelines.store.database import connect
from csod_pipelines.store.embedded import AlreadyRunning, EmbeddedServer, RootRefused
from csod_pipelines.store.provision import ProvisioningRefused, provision

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture
def home() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="csod-home-", dir="/tmp"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def answers(server: EmbeddedServer) -> bool:
    database = connect(server.admin_url)
    with database.read() as conn:
        one = conn.execute(text("SELECT 1")).scalar_one()
    database.close()
    return one == 1


def processes_in(home: Path) -> list[str]:
    """Programs whose working directory lies under home: a postmaster and its children work in their data folder."""
    return [str(p) for p in Path("/proc").glob("[0-9]*/cwd") if os.access(p, os.R_OK) and p.resolve().is_relative_to(home)]


def test_a_server_starts_serves_and_leaves_no_process_behind(home: Path) -> None:
    with EmbeddedServer(home) as server:
        assert server.running()
        assert answers(server)
        assert processes_in(home)
    assert not server.running()
    assert not processes_in(home)


def test_nobody_else_can_enter(home: Path) -> None:
    with EmbeddedServer(home, fsync=False) as server:
        folder = make_url(server.admin_url).query["host"]
        assert stat.S_IMODE(Path(str(folder)).stat().st_mode) == 0o700
        assert stat.S_IMODE((home / "postgres" / "password").stat().st_mode) == 0o600
        database = connect(server.admin_url)
        with database.read() as conn:
            settings = {row.name: row.setting for row in conn.execute(text("SELECT name, setting FROM pg_settings"))}
        database.close()
        assert (settings["listen_addresses"], settings["scram_iterations"], settings["max_connections"]) == ("", "1", "200")
        wrong = make_url(server.admin_url).set(password="guess")
        stranger = connect(wrong.render_as_string(hide_password=False))
        with pytest.raises(Exception, match="password authentication failed"), stranger.read():
            pass
        stranger.close()


def test_a_second_start_on_the_same_home_says_that_one_is_running(home: Path) -> None:
    with EmbeddedServer(home, fsync=False) as server:
        with pytest.raises(AlreadyRunning, match=f"already running, started by process {os.getpid()}"):
            EmbeddedServer(home).start()
        assert answers(server), "the refused start has not touched the running one"


def test_what_was_committed_survives_a_kill_of_the_server(home: Path) -> None:
    server = EmbeddedServer(home)
    server.start()
    urls = provision(server.admin_url, secrets=home / "database.json")
    database = connect(urls.engine)
    with database.begin() as conn:
        work.mark(conn, [work.Mark(f"person:administrate:{n}", "people_sync") for n in range(100)])
    doomed = database.engine.connect()
    work.mark(doomed, [work.Mark("person:administrate:uncommitted", "people_sync")])
    assert server.pid
    os.kill(server.pid, signal.SIGKILL)
    server.stop()

    with EmbeddedServer(home) as again:
        assert provision(again.admin_url, secrets=home / "database.json") == urls, "passwords and addresses stay"
        doomed.invalidate()
        with database.read() as conn:
            assert work.waiting(conn, ["people_sync"]).ready == 100
        database.close()


def test_a_server_whose_owner_was_killed_is_replaced(home: Path) -> None:
    program = f"""
import os, signal
from pathlib import Path
from csod_pipelines.store.embedded import EmbeddedServer
EmbeddedServer(Path({str(home)!r}), fsync=False).start()
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -signal.SIGKILL
    orphan = EmbeddedServer(home).pid
    assert orphan is not None
    with EmbeddedServer(home, fsync=False) as server:
        assert server.pid not in (None, orphan)
        assert answers(server)


def test_the_number_of_a_dead_server_may_belong_to_another_program_now(home: Path) -> None:
    """After a restart of a container, process numbers repeat; and a killed server that nobody reaps keeps its own."""
    with EmbeddedServer(home, fsync=False) as server:
        recorded = (home / "postgres" / "data" / "postmaster.pid").read_text().splitlines()
        lock = next(server._socket_dir().glob(".s.PGSQL.*.lock"))
        locked = lock.read_text().splitlines()
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        (home / "postgres" / "data" / "postmaster.pid").write_text("\n".join([str(stranger.pid), *recorded[1:]]) + "\n")
        lock.parent.mkdir(mode=0o700, exist_ok=True)
        lock.write_text("\n".join([str(stranger.pid), *locked[1:]]) + "\n")
        assert not server.running()
        with server:
            assert answers(server)
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_an_interrupted_creation_is_begun_anew(home: Path) -> None:
    (home / "postgres" / "data.new" / "base").mkdir(parents=True)
    with EmbeddedServer(home, fsync=False) as server:
        assert answers(server)


@pytest.mark.parametrize("name", ["d" * 90, "a b, c's"])
def test_a_home_with_a_long_or_odd_path_gets_a_plain_socket(home: Path, name: str) -> None:
    deep = home / name
    with EmbeddedServer(deep, fsync=False) as server:
        folder = str(make_url(server.admin_url).query["host"])
        assert len(folder) <= 80
        assert answers(server)
    assert not Path(folder).exists()
    with EmbeddedServer(deep, fsync=False) as server:
        assert answers(server)


def test_where_root_may_not_make_a_namespace_the_message_names_two_ways_out(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tools = home / "bin"
    tools.mkdir()
    (tools / "unshare").write_text("#!/bin/sh\necho 'unshare: unshare failed: Operation not permitted' >&2\nexit 1\n")
    (tools / "unshare").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(RootRefused, match=r"Operation not permitted.*as an ordinary user, or set CSOD_PIPELINES_DATABASE_URL"):
        EmbeddedServer(home / "h").start()


@needs_root
def test_an_ordinary_user_starts_it_too() -> None:
    home = Path(tempfile.mkdtemp(prefix="csod-user-", dir="/tmp"))
    os.chown(home, 65534, 65534)
    program = f"""
from pathlib import Path
from csod_pipelines.store.embedded import EmbeddedServer
from csod_pipelines.store.provision import provision
home = Path({str(home)!r})
with EmbeddedServer(home, fsync=False) as server:
    provision(server.admin_url, secrets=home / "database.json")
    print("served")
"""
    as_nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", f"HOME={home}", sys.executable]
    try:
        if subprocess.run([*as_nobody, "-c", "import csod_pipelines"], capture_output=True, check=False, cwd=home).returncode:
            pytest.skip("an ordinary user cannot read this checkout")
        done = subprocess.run([*as_nobody, "-c", program], capture_output=True, text=True, check=False, cwd=home)
        assert done.stdout.strip() == "served", done.stderr
    finally:
        shutil.rmtree(home, ignore_errors=True)


def test_two_processes_may_provision_at_once(home: Path) -> None:
    with EmbeddedServer(home, fsync=False) as server:
        program = f"from csod_pipelines.store.provision import provision; provision({server.admin_url!r}, secrets=None)"
        both = [subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE) for _ in range(2)]
        errors = [process.communicate()[1].decode() for process in both]
        assert [process.returncode for process in both] == [0, 0], errors


def test_a_role_that_may_not_create_is_told_what_to_run_by_hand(home: Path) -> None:
    with EmbeddedServer(home, fsync=False) as server:
        admin = connect(server.admin_url)
        with admin.begin() as conn:
            conn.execute(text("CREATE ROLE modest LOGIN PASSWORD 'x'"))
        admin.close()
        modest = make_url(server.admin_url).set(username="modest", password="x").render_as_string(hide_password=False)
        with pytest.raises(ProvisioningRefused, match="CREATE DATABASE csod_pipelines OWNER csod_pipelines_owner"):
            provision(modest, secrets=None)


def test_an_administrator_that_is_no_superuser_can_provision(home: Path) -> None:
    with EmbeddedServer(home, fsync=False) as server:
        admin = connect(server.admin_url)
        with admin.begin() as conn:
            conn.execute(text("CREATE ROLE managed LOGIN CREATEROLE CREATEDB PASSWORD 'x'"))
        admin.close()
        managed = make_url(server.admin_url).set(username="managed", password="x").render_as_string(hide_password=False)
        urls = provision(managed, secrets=home / "database.json", database="training")
        assert provision(managed, secrets=home / "database.json", database="training") == urls
        engine = connect(urls.engine)
        with engine.begin() as conn:
            assert work.mark(conn, [work.Mark("person:administrate:1", "people_sync")]) == 1
        engine.close()


def test_starting_takes_no_longer_than_needed(home: Path) -> None:
    with EmbeddedServer(home, fsync=False):
        pass
    began = time.monotonic()
    with EmbeddedServer(home, fsync=False):
        assert time.monotonic() - began < 10
