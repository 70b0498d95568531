"""One embedded server without fsync for a process of the simulation, and databases that are copies of one another."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy.engine import make_url

from csod_pipelines.store.embedded import EmbeddedServer
from csod_pipelines.store.provision import DATABASE, Urls, provision


@dataclass(frozen=True, slots=True)
class Databases:
    admin_url: str
    urls: Urls

    def copy(self, source: str, name: str) -> None:
        """Nobody may be connected to the source."""
        self._run(f"CREATE DATABASE {name} TEMPLATE {source} OWNER {DATABASE}_owner")

    def drop(self, name: str) -> None:
        self._run(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")

    def engine_url(self, name: str) -> str:
        return make_url(self.urls.engine).set(database=name).render_as_string(hide_password=False)

    def gateway_url(self, name: str) -> str:
        return make_url(self.urls.gateway).set(database=name).render_as_string(hide_password=False)

    def _run(self, statement: str) -> None:
        plain = make_url(self.admin_url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain, autocommit=True) as conn:
            statement_: Any = statement
            conn.execute(statement_)


@contextmanager
def running() -> Iterator[Databases]:
    home = Path(tempfile.mkdtemp(prefix="csod-sim-", dir="/tmp"))
    try:
        with EmbeddedServer(home, fsync=False) as server:
            yield Databases(server.admin_url, provision(server.admin_url, secrets=home / "database.json"))
    finally:
        shutil.rmtree(home, ignore_errors=True)
