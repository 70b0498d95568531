"""A sender of webhooks: so many connections, each with one request under way at a time, as fast as the server answers."""

from __future__ import annotations

import asyncio
import base64
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import orjson

from csod_pipelines_tests.gateway.running import SECRET

PATH = "/webhooks/administrate/contact_created"


@dataclass(slots=True)
class Load:
    """``keys``: the records whose delivery was acknowledged. ``seconds``: how long each answer took."""

    seconds: list[float] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    refused: int = 0
    took: float = 0.0

    @property
    def per_second(self) -> float:
        return len(self.seconds) / self.took if self.took else 0.0


class _Sender(asyncio.Protocol):
    """One connection. The next request leaves in the moment the answer of the last one is there."""

    def __init__(self, load: Load, numbers: Iterator[int], ends: float, done: asyncio.Future[None]) -> None:
        self._load, self._numbers, self._ends, self._done = load, numbers, ends, done
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._key = ""
        self._started = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            self._done.set_result(None)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found or len(body) < _length(head):
            return
        now = time.perf_counter()
        self._buffer = b""
        if head.startswith(b"HTTP/1.1 202"):
            self._load.seconds.append(now - self._started)
            self._load.keys.append(self._key)
        else:
            self._load.refused += 1
        if now < self._ends:
            self._send()
        elif self._transport is not None:
            self._transport.close()

    def _send(self) -> None:
        number = next(self._numbers)
        self._key, request = _request(number)
        self._started = time.perf_counter()
        assert self._transport is not None
        self._transport.write(request)


_AUTHORIZATION = base64.b64encode(f"csod-pipelines:{SECRET}".encode()).decode()


def _request(number: int) -> tuple[str, bytes]:
    record = base64.b64encode(f"Contact:{number}".encode()).decode()
    body = orjson.dumps(
        {
            "metadata": {"webhook_id": "V2ViaG9vazox", "triggered_at": f"2026-01-01T00:00:00+00:00/{number}"},
            "payload": {"node": {"id": record, "__typename": "Contact"}},
        }
    )
    head = (
        f"POST {PATH} HTTP/1.1\r\nHost: gateway\r\nContent-Type: application/json\r\n"
        f"Authorization: Basic {_AUTHORIZATION}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return record, head.encode() + body


def _length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        if line[:15].lower() == b"content-length:":
            return int(line[15:])
    return 0


_numbers = itertools.count(1)


def send(url: str, *, connections: int, seconds: float) -> Load:
    """Returns when every connection has its last answer, or was closed by the server."""
    return asyncio.run(_send(url, connections=connections, seconds=seconds))


async def _send(url: str, *, connections: int, seconds: float) -> Load:
    where, loop, load = urlsplit(url), asyncio.get_running_loop(), Load()
    host, port = where.hostname or "127.0.0.1", where.port or 80
    started = time.perf_counter()
    ends = started + seconds
    waiting: list[asyncio.Future[None]] = []
    for _ in range(connections):
        done: asyncio.Future[None] = loop.create_future()
        try:
            await loop.create_connection(lambda done=done: _Sender(load, _numbers, ends, done), host, port)
        except OSError:
            continue  # the server was killed meanwhile
        waiting.append(done)
    async with asyncio.timeout(seconds + 30):
        await asyncio.gather(*waiting)
    load.took = time.perf_counter() - started
    return load
