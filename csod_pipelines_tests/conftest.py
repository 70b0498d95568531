"""A real PostgreSQL for every test that wants one.

One embedded server a test process (a worker of pytest-xdist is a process), started at the first wish. The schema is made
once, in a template; a test's database is a copy of it, which takes some 30 ms.
"""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy.engine import make_url

from csod_pipelines.store.database import Database, connect
from csod_pipelines.store.embedded import EmbeddedServer
from csod_pipelines.store.provision import DATABASE, Urls, provision


@dataclass(frozen=True)
class Postgres:
    """A running server and the addresses of its template database; ``fresh`` makes copies."""

    server: EmbeddedServer
    template: Urls
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @contextmanager
    def fresh(self) -> Iterator[Urls]:
        """The addresses of a database nobody has touched; dropped afterwards."""
        name = f"test_{next(self._numbers)}"
        self.run(f"CREATE DATABASE {name} TEMPLATE {DATABASE} OWNER {DATABASE}_owner")
        try:
            yield self._urls(name)
        finally:
            self.run(f"DROP DATABASE {name} WITH (FORCE)")

    def run(self, statement: str) -> None:
        """One statement as superuser, outside a transaction."""
        plain = make_url(self.server.admin_url).set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain, autocommit=True) as conn:
            statement_: Any = statement
            conn.execute(statement_)

    def _urls(self, name: str) -> Urls:
        def on(url: str) -> str:
            return make_url(url).set(database=name).render_as_string(hide_password=False)

        t = self.template
        return replace(t, owner=on(t.owner), engine=on(t.engine), gateway=on(t.gateway), auditor=on(t.auditor))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """The server of this test process."""
    home = Path(tempfile.mkdtemp(prefix="csod-test-", dir="/tmp"))
    try:
        with EmbeddedServer(home, fsync=False) as server:
            urls = provision(server.admin_url, secrets=home / "database.json")
            yield Postgres(server, urls)
    finally:
        shutil.rmtree(home, ignore_errors=True)


@pytest.fixture
def database_urls(postgres: Postgres) -> Iterator[Urls]:
    """A fresh database for this test, one address a role. ``dagster`` is shared by all tests of the process."""
    with postgres.fresh() as urls:
        yield urls


@pytest.fixture(scope="module")
def module_database_urls(postgres: Postgres) -> Iterator[Urls]:
    """A fresh database for the tests of one module."""
    with postgres.fresh() as urls:
        yield urls


@pytest.fixture
def database(database_urls: Urls) -> Iterator[Database]:
    """A fresh database, as the engine sees it."""
    database = connect(database_urls.engine)
    try:
        yield database
    finally:
        database.close()
