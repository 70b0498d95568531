"""The thin HTTP shell around a vendor core: one ASGI application, one lock, the access log, and the faults.

The core is single-threaded. Requests are handled on the event loop under the lock; the courier thread takes the same lock to fetch
deliveries and to report their answers, never while it posts.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote

from csod_pipelines.sandbox.clock import VendorClock, http_date
from csod_pipelines.sandbox.control import PREFIX, Control
from csod_pipelines.sandbox.courier import Courier
from csod_pipelines.sandbox.faults import (
    Fault,
    Faults,
    NamesOperations,
    RefusesInOwnWords,
    answer,
)
from csod_pipelines.sandbox.journal import Journal
from csod_pipelines.sandbox.kit import Core, Effect, Request, Response

MAX_BODY_BYTES = 16 * 1024 * 1024
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class Shell:
    """ASGI application of one sandbox. Start and stop of the courier follow the server's lifespan."""

    def __init__(self, core: Core, *, seed: int, size: Any, clock: VendorClock | None = None) -> None:
        self.core = core
        self.clock = clock or VendorClock()
        self.faults = Faults(seed=seed)
        self.journal = Journal()
        self.lock = threading.Lock()
        self.control = Control(
            core,
            clock=self.clock,
            faults=self.faults,
            journal=self.journal,
            seed=seed,
            size=size,
        )
        self.courier = Courier(core, clock=self.clock, lock=self.lock)
        core.reset(seed=seed, size=size, now=self.clock.now())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                self.courier.start()
                await send({"type": "lifespan.startup.complete"})
            else:
                await asyncio.to_thread(self.courier.stop)
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await _body(receive)
        if body is None:
            too_large = b'{"error": "the request is larger than this sandbox takes"}'
            await self._send(
                send,
                Response(
                    status=413,
                    headers={"content-type": "application/json"},
                    body=too_large,
                ),
            )
            return
        request = Request(
            method=scope["method"],
            path=unquote(scope["path"]) if "%" in scope["path"] else scope["path"],
            query=scope["query_string"].decode("latin-1"),
            headers={name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]},
            body=body,
        )
        if request.path == PREFIX or request.path.startswith(PREFIX + "/"):
            # In a thread: a large reset takes a minute, and the server must still answer SIGTERM.
            await self._send(send, await asyncio.to_thread(self._control, request))
            return
        await self._vendor(request, receive, send)

    def _control(self, request: Request) -> Response:
        with self.lock:
            response = self.control.handle(request)
        self.courier.wake()
        return response

    async def _vendor(self, request: Request, receive: Receive, send: Send) -> None:
        response, fault = self._handle(request)
        if fault is not None and fault.kind in {
            "slow",
            "timeout_before_effect",
            "timeout_after_effect",
        }:
            await _wait(receive, fault.seconds)
        if response is None:
            _drop(send, reset=fault is not None and fault.kind == "reset")
        else:
            await self._send(send, response)

    def _handle(self, request: Request) -> tuple[Response | None, Fault | None]:
        """Answer one request of the vendor's own and write it into the access log; no response: the caller gets nothing."""
        with self.lock:
            now = self.clock.now()
            operations: tuple[str, ...] = ()
            fault: Fault | None = None
            if self.faults:
                operations = self.core.operations(request) if isinstance(self.core, NamesOperations) else ()
                fault = self.faults.decide(request, operations=operations)
            effects: tuple[Effect, ...] = ()
            response: Response | None = None
            if fault is None or fault.carried_out:
                response, effects = self.core.handle(request, now=now)
            elif fault.kind == "result_failed_in_200":
                response = self._refuse(request)
            if fault is not None:
                response = answer(fault, response)
            self.journal.add(
                request,
                effects,
                at=now,
                status=None if response is None else response.status,
                operations=operations,
                fault=None if fault is None else fault.kind,
            )
            due = self.core.next_due()
        self.courier.wake(before=due)
        return response, fault

    def _refuse(self, request: Request) -> Response:
        reason = "Refused by an injected fault"
        if isinstance(self.core, RefusesInOwnWords):
            return self.core.refuse(request, reason=reason)
        # Cornerstone's legacy envelope: the answer is 200 and the row says that it failed.
        body = (
            f'{{"status":"200","timeStamp":"{self.clock.now():%Y-%m-%dT%H:%M:%S+0000}","data":[{{"Result":"Failed","Reason":"{reason}"}}]}}'
        )
        return Response(status=200, headers={"content-type": "application/json"}, body=body.encode())

    async def _send(self, send: Send, response: Response) -> None:
        headers = [
            (b"date", http_date(self.clock.now()).encode()),
            (b"content-length", str(len(response.body)).encode()),
        ]
        headers += [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()]
        if response.status == 204 or response.status < 200:
            headers = [header for header in headers if header[0] != b"content-length"]
        await send(
            {
                "type": "http.response.start",
                "status": response.status,
                "headers": headers,
            }
        )
        await send({"type": "http.response.body", "body": response.body})


async def _body(receive: Receive) -> bytes | None:
    """The whole body; None when it is larger than MAX_BODY_BYTES (the rest is read and thrown away)."""
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b"".join(chunks)
        chunk = message.get("body", b"")
        size += len(chunk)
        if size <= MAX_BODY_BYTES:
            chunks.append(chunk)
        if not message.get("more_body"):
            return b"".join(chunks) if size <= MAX_BODY_BYTES else None


async def _wait(receive: Receive, seconds: float) -> None:
    """Until the time is up or the caller gives up, whichever is first."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                continue


def _drop(send: Send, *, reset: bool) -> None:
    """Close the connection without an answer. ASGI has no word for it, so the server's own transport is used."""
    cycle = getattr(send, "__self__", None)
    transport = getattr(cycle, "transport", None)
    if cycle is None or transport is None:
        raise RuntimeError("this server offers no transport to drop; run the sandbox under uvicorn")
    # Without this uvicorn logs that the application forgot to answer.
    cycle.response_complete = cycle.disconnected = True
    if reset:
        connection = transport.get_extra_info("socket")
        # Linger of zero seconds makes the close a TCP reset instead of an orderly end.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
