"""A connection pool and the one way to open a transaction.

    database = connect(urls.engine)
    with database.begin() as conn:
        claims = work.claim(conn, flows=["people_sync"], owner="run-7")

``begin`` passes three named places, at which a simulation may switch workers or crash: ``store.begin``, ``store.commit``
(the last moment at which nothing has happened) and ``store.committed``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DisconnectionError

POOL_SIZE = 5
CONNECT_TIMEOUT_SECONDS = 10
IDLE_SECONDS = 1.0
#: psycopg prepares what it sends often. A plan kept from when a table was empty would scan it whole once an import has filled
#: it, until the next ANALYZE; planning anew takes some 0.1 ms.
SESSION_OPTIONS = "-c timezone=UTC -c plan_cache_mode=force_custom_plan"

_SET_NOW = text("SELECT set_config('csod.now', :now, true)")


class Seams(Protocol):
    def at(self, place: str) -> None: ...


class _NoSeams:
    def at(self, place: str) -> None:
        pass


class Database:
    """Made by ``connect``."""

    def __init__(self, engine: Engine, *, seams: Seams, clock_now: Callable[[], datetime] | None) -> None:
        self.engine = engine
        self._seams = seams
        self._clock_now = clock_now

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        self._seams.at("store.begin")
        with self.engine.connect() as conn:
            self._set_clock(conn)
            yield conn
            self._seams.at("store.commit")
            conn.commit()
        self._seams.at("store.committed")

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One read-only transaction, for looking."""
        with self.engine.connect().execution_options(postgresql_readonly=True) as conn:
            self._set_clock(conn)
            yield conn

    def close(self) -> None:
        self.engine.dispose()

    def _set_clock(self, conn: Connection) -> None:
        if self._clock_now is not None:
            conn.execute(_SET_NOW, {"now": self._clock_now().isoformat()})


def connect(
    url: str, *, seams: Seams | None = None, clock_now: Callable[[], datetime] | None = None, pool_size: int = POOL_SIZE
) -> Database:
    """Nothing is opened until the first transaction. ``clock_now`` replaces the server's clock in SQL ``app_now()``."""
    engine = create_engine(
        url,
        hide_parameters=True,  # an error's text reaches logs and Dagster's pages, and the parameters hold people
        pool_size=pool_size,
        max_overflow=pool_size,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_SECONDS, "options": SESSION_OPTIONS},
    )
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "checkout", partial(_ask_if_idle, engine))
    return Database(engine, seams=seams or _NoSeams(), clock_now=clock_now)


def _note_use(connection: Any, record: Any) -> None:
    record.info["used"] = time.monotonic()


def _ask_if_idle(engine: Engine, connection: Any, record: Any, proxy: Any) -> None:
    """The server may have been restarted since; asking before every transaction would cost a round trip each."""
    used = record.info.get("used")
    if used is None or time.monotonic() - used < IDLE_SECONDS:
        return
    try:
        engine.dialect.do_ping(connection)
    except engine.dialect.dbapi.Error as err:  # pyright: ignore[reportOptionalMemberAccess]
        raise DisconnectionError(str(err)) from err  # the pool then opens another one
