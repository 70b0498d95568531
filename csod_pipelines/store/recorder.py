"""The ledger's side of an HTTP call: a row is committed before it is sent, and its answer is added after.

Of writes both bodies are kept, of reads only size and digest, unless the answer is an error. Tokens are fetched without a trace
of what was sent.
"""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

import orjson
from sqlalchemy import Connection, text

from csod_pipelines.store.canonical import digest
from csod_pipelines.store.database import Database
from csod_pipelines.store.ledger_operations import current_operation
from csod_pipelines.store.redaction import never_stored, redact, redact_url

#: An answer beyond this is cut; its digest is of the whole.
MAX_BODY_BYTES = 1_000_000


class Clock(Protocol):
    def utcnow(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class _Sent:
    salt: bytes
    body: bytes | None  # of a read, kept in memory until the answer tells whether it is worth keeping
    write: bool
    secret: bool


_MUTATION = re.compile(r"(?:^|})\s*mutation\b")

_BEGIN = text("""
    INSERT INTO exchange (id, system, method, url, operation, bytes, digest)
    VALUES (:id, :system, :method, :url, :operation, :bytes, :digest)""")
_SERVES = text("""
    INSERT INTO exchange_operation (operation_id, exchange_id) SELECT unnest(CAST(:operations AS uuid[])), :id ON CONFLICT DO NOTHING""")
_BODY = text("INSERT INTO exchange_body (exchange_id, part, at, salt, body) VALUES (:id, :part, app_now(), :salt, :body)")
_NO_FLUSH = text("SET LOCAL synchronous_commit = off")
_END = text("""
    INSERT INTO exchange_outcome (exchange_id, status, seconds, error, bytes, digest)
    VALUES (:id, :status, :seconds, :error, :bytes, :digest) ON CONFLICT DO NOTHING""")


def begin_exchange(
    conn: Connection,
    *,
    id: UUID,
    system: str,
    method: str,
    url: str,
    operation: str,
    body: bytes | None,
    salt: bytes,
    keep: bool,
    operations: tuple[UUID, ...] = (),
) -> UUID:
    """The call is about to be sent. ``keep`` stores its body, redacted."""
    stored = body or b""
    row = {"id": id, "system": str(system), "method": method, "url": redact_url(url), "operation": operation, "bytes": len(stored)}
    conn.execute(_BEGIN, row | {"digest": digest(salt + stored)})
    if operations:
        conn.execute(_SERVES, {"id": id, "operations": list(operations)})
    if keep and stored:
        store_body(conn, id, part="request", salt=salt, body=stored)
    return id


def end_exchange(
    conn: Connection,
    id: UUID,
    *,
    status: int | None,
    seconds: float,
    error: str | None,
    body: bytes | None,
    salt: bytes,
    keep: bool,
) -> None:
    """The call was answered, or failed with ``error``."""
    stored = body or b""
    row = {"id": id, "status": status, "seconds": seconds, "error": error, "bytes": len(stored), "digest": digest(salt + stored)}
    conn.execute(_END, row)
    if keep and stored:
        store_body(conn, id, part="answer", salt=salt, body=stored)


def store_body(conn: Connection, id: UUID, *, part: str, salt: bytes, body: bytes) -> None:
    conn.execute(_BODY, {"id": id, "part": part, "salt": salt, "body": redact(body)[:MAX_BODY_BYTES]})


class LedgerRecorder:
    """Satisfies systems.base.Recorder. Each row is its own short transaction, apart from whatever the caller has open."""

    def __init__(self, database: Database, clock: Clock | None = None, *, new_id: Callable[[], UUID] = uuid.uuid4) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._sent: dict[str, _Sent] = {}
        self._lock = threading.Lock()

    def sending(self, *, system: str, method: str, url: str, operation: str, body: bytes | None) -> str:
        """Commit the row of a call; returns its id, to be sent as X-Request-Id."""
        id, salt = self._new_id(), self._new_id().bytes
        secret = never_stored(url)
        write = not secret and _is_write(method, body)
        with self._database.begin() as conn:
            begin_exchange(
                conn,
                id=id,
                system=system,
                method=method,
                url=url,
                operation=operation,
                body=None if secret else body,
                salt=salt,
                keep=write,
                operations=current_operation.get(),
            )
        with self._lock:
            self._sent[str(id)] = _Sent(salt=salt, body=None if write or secret else body, write=write, secret=secret)
        return str(id)

    def answered(self, request_id: str, *, status: int | None, body: bytes | None, seconds: float, error: str | None) -> None:
        """Add what came back."""
        with self._lock:
            sent = self._sent.pop(request_id)
        failed = error is not None or status is None or status >= 400
        keep = not sent.secret and (sent.write or failed)
        id = UUID(request_id)
        with self._database.begin() as conn:
            # Not worth a flush of its own: should the server die in the next moment, this call's end is unknown, as after any crash.
            conn.execute(_NO_FLUSH)
            if keep and not sent.write and sent.body:
                store_body(conn, id, part="request", salt=sent.salt, body=sent.body)
            answer = None if sent.secret else body
            end_exchange(conn, id, status=status, seconds=seconds, error=error, body=answer, salt=sent.salt, keep=keep)


def _is_write(method: str, body: bytes | None) -> bool:
    """GraphQL posts its reads too; there the document says which it is."""
    if method.upper() in ("GET", "HEAD", "OPTIONS"):
        return False
    document = _graphql_document(body)
    return document is None or bool(_MUTATION.search(document))


def _graphql_document(body: bytes | None) -> str | None:
    if not body or not body.lstrip().startswith(b"{"):
        return None
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    document = content.get("query") if isinstance(content, dict) else None
    return document if isinstance(document, str) else None
