"""What claiming is held against: the textbook's queue in one table, and pgqueuer as it is installed from the package index."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import psycopg
from pgqueuer.ports.repository import EntrypointExecutionParameter
from pgqueuer.queries import Queries
from pgqueuer.types import QueueEntrypoint, QueueManagerId
from sqlalchemy import text

from csod_pipelines.store.database import Database

Claim = Callable[[int], int]
"""Takes up to so many waiting units in one committed transaction; returns how many it got."""

WORDS = (
    "The plain queue is the textbook one: one row an event, taken by UPDATE over SELECT ... FOR UPDATE SKIP LOCKED. pgqueuer is its "
    "own dequeue, of as many at once; neither keeps units of one record together, leases in order of age by flow, or fences."
)
FLOW = "people_sync"
PLAIN = """
    CREATE TABLE plain_queue (id bigint PRIMARY KEY, flow text NOT NULL, payload jsonb NOT NULL, status text NOT NULL);
    CREATE INDEX ON plain_queue (flow, status, id);
    GRANT ALL ON plain_queue TO PUBLIC"""
FILL = (
    f"TRUNCATE plain_queue; INSERT INTO plain_queue SELECT n, '{FLOW}', jsonb_build_object('record', n), 'todo' "
    "FROM generate_series(1, {count}) AS n",
    f"TRUNCATE pgqueuer; INSERT INTO pgqueuer (priority, status, entrypoint, payload) "
    f"SELECT 0, 'queued', '{FLOW}', convert_to(jsonb_build_object('record', n)::text, 'UTF8') "
    "FROM generate_series(1, {count}) AS n",
)
TABLES = ("plain_queue", "pgqueuer")
_PLAIN_CLAIM = text("""
    UPDATE plain_queue SET status = 'doing' WHERE id IN (
        SELECT id FROM plain_queue WHERE flow = :flow AND status = 'todo' ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED)
    RETURNING id, flow, payload""")


def plain(database: Database) -> Claim:
    def claim(limit: int) -> int:
        with database.begin() as conn:
            return len(conn.execute(_PLAIN_CLAIM, {"flow": FLOW, "limit": limit}).all())

    return claim


@contextmanager
def pgqueuer(url: str) -> Iterator[Claim]:
    """Installed into the database of ``url``, whose role must be allowed to create tables."""
    with asyncio.Runner() as runner:
        connection = runner.run(psycopg.AsyncConnection.connect(url.replace("+psycopg", ""), autocommit=True))
        queries, manager = Queries.from_psycopg_connection(connection), QueueManagerId(uuid.uuid4())
        runner.run(queries.install())

        def claim(limit: int) -> int:
            jobs = queries.dequeue(
                batch_size=limit,
                entrypoints={QueueEntrypoint(FLOW): EntrypointExecutionParameter(concurrency_limit=0)},
                queue_manager_id=manager,
                global_concurrency_limit=None,
                heartbeat_timeout=timedelta(hours=1),
            )
            return len(runner.run(jobs))

        try:
            yield claim
        finally:
            runner.run(connection.close())
