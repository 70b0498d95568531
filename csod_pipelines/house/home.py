"""The folder of one house, ``CSOD_PIPELINES_HOME``: what lies in it, and who owns it.

up.lock           held while a house runs; holds its process id
endpoints.json    addresses of a running house, for people and programs (0600: it holds a database password)
environment.json  the variables of a running house, for our own commands (0600)
processes.json    what it started, so that the next one can end what a kill -9 left behind
secrets.json      webhook secrets that were made up for the sandboxes (0600)
database.json     passwords of the database roles (0600)
postgres/  dagster/  logs/
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any


class HouseRunning(Exception):
    """A house runs on this home already."""


class HouseNotRunning(Exception):
    """A command needs a running house, and there is none on this home."""


@dataclass(frozen=True, slots=True)
class Home:
    path: Path

    @property
    def endpoints(self) -> Path:
        return self.path / "endpoints.json"

    @property
    def environment(self) -> Path:
        return self.path / "environment.json"

    @property
    def processes(self) -> Path:
        return self.path / "processes.json"

    @property
    def secrets(self) -> Path:
        return self.path / "secrets.json"

    @property
    def database_passwords(self) -> Path:
        return self.path / "database.json"

    @property
    def dagster(self) -> Path:
        return self.path / "dagster"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def create(self) -> None:
        for folder in (self.path, self.dagster, self.logs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def lock(self) -> IO[str]:
        """Held until it is closed, or the process ends however it ends. Raises HouseRunning."""
        self.create()
        file = (self.path / "up.lock").open("a+", encoding="ascii")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as err:
            file.close()
            raise HouseRunning(
                f"A house is already running on {self.path} (process {self.owner() or 'unknown'}). Its addresses: {self.endpoints}. "
                "Stop it with `csod-pipelines down`, or set CSOD_PIPELINES_HOME to another folder."
            ) from err
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        return file

    def put_old_logs_aside(self) -> None:
        """One generation is kept."""
        for log in self.logs.glob("*.log"):
            if not log.name.endswith(".previous.log"):
                log.replace(log.with_suffix(".previous.log"))

    def owner(self) -> int | None:
        """The process of the house that runs here, or None."""
        file = self.path / "up.lock"
        if not file.exists():
            return None
        with file.open("r+", encoding="ascii") as handle:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                text = handle.read().strip()
                return int(text) if text.isdigit() else None
            return None

    def running_endpoints(self) -> dict[str, str]:
        return self._of_running(self.endpoints)

    def running_environment(self) -> dict[str, str]:
        return self._of_running(self.environment)

    def _of_running(self, file: Path) -> dict[str, str]:
        if self.owner() is None or not file.exists():
            raise HouseNotRunning(f"No house is running on {self.path}. Start one with `csod-pipelines up`, or set CSOD_PIPELINES_HOME.")
        return read_json(file)

    def forget_running(self) -> None:
        for file in (self.endpoints, self.environment, self.processes):
            file.unlink(missing_ok=True)


def read_json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


def write_private(file: Path, value: Mapping[str, Any] | list[Any]) -> None:
    """Mode 0600 from its first byte, and never half a file."""
    fresh = file.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as handle:
        json.dump(value, handle, indent=2)
        handle.write("\n")
    fresh.replace(file)
