"""Both sandboxes' cores in this process, each with its own clock, faults and access log, behind an adapter of requests."""

from __future__ import annotations

import io
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from csod_pipelines.sandbox.clock import http_date
from csod_pipelines.sandbox.faults import Fault, Faults, NamesOperations, RefusesInOwnWords, answer
from csod_pipelines.sandbox.journal import Journal
from csod_pipelines.sandbox.kit import Core, Effect, Request, Response
from csod_pipelines_tests.simulation.baton import Timeline, Worker

LATENCY_SECONDS = (0.005, 0.25)
DROPPED = {"timeout_before_effect", "timeout_after_effect", "reset"}
#: A request may arrive although its sender has given up; not later than this after the give-up.
STRAGGLER_SECONDS = 3.0


@dataclass(slots=True)
class Vendor:
    """One side. ``skew``: its clock minus ours. ``down``: nobody answers at its address."""

    name: str
    core: Core
    timeline: Timeline
    skew: float = 0.0
    faults: Faults = field(default_factory=Faults)
    journal: Journal = field(default_factory=Journal)
    down: bool = False
    struck: Counter[str] = field(default_factory=Counter)
    after: Callable[[Vendor], None] = lambda vendor: None  # told after everything that may have put a webhook into the outbox

    @property
    def now(self) -> datetime:
        return self.timeline.instant(skew=self.skew)

    def act(self, action: str, **arguments: Any) -> dict[str, Any]:
        """What a person does there. ValueError where the screens would not let them."""
        done = self.core.act(action, arguments, now=self.now)
        self.after(self)
        return done

    def rows(self, kind: str) -> list[dict[str, Any]]:
        return self.core.state(kind, id=None, now=self.now)

    def decide(self, request: Request) -> tuple[Fault | None, tuple[str, ...]]:
        if not self.faults:
            return None, ()
        operations = self.core.operations(request) if isinstance(self.core, NamesOperations) else ()
        return self.faults.decide(request, operations=operations), operations

    def carry_out(self, request: Request, fault: Fault | None, operations: tuple[str, ...]) -> Response | None:
        """As sandbox/shell.py does it, and written into the access log. None: the caller gets nothing."""
        effects: tuple[Effect, ...] = ()
        response: Response | None = None
        if fault is None or fault.carried_out:
            response, effects = self.core.handle(request, now=self.now)
        elif fault.kind == "result_failed_in_200":
            response = self._refuse(request)
        if fault is not None:
            hidden = fault.kind == "status" and fault.status == 404
            self.struck["hidden" if hidden else fault.kind + ("_after_effect" if fault.after_effect else "")] += 1
            response = answer(fault, response)
        status = None if response is None else response.status
        kind = None if fault is None else fault.kind
        self.journal.add(request, effects, at=self.now, status=status, operations=operations, fault=kind)
        self.after(self)
        return response

    def _refuse(self, request: Request) -> Response:
        if isinstance(self.core, RefusesInOwnWords):
            return self.core.refuse(request, reason="Refused by an injected fault")
        body = b'{"status":"200","data":[{"Result":"Failed","Reason":"Refused by an injected fault"}]}'
        return Response(status=200, headers={"content-type": "application/json"}, body=body)


class Wire(BaseAdapter):
    """What requests calls instead of opening a socket, for one worker."""

    def __init__(
        self, worker: Worker, vendors: dict[int, Vendor], *, dice: random.Random, before: Callable[[str], None] = lambda call: None
    ) -> None:
        super().__init__()
        self._worker, self._vendors, self._dice, self._before = worker, vendors, dice, before

    def close(self) -> None:
        pass

    def send(
        self, request: requests.PreparedRequest, stream=False, timeout=None, verify=True, cert=None, proxies=None
    ) -> requests.Response:
        parts = urlsplit(request.url or "")
        vendor = self._vendors[parts.port or 0]
        if self._worker.open_transactions:
            raise AssertionError(f"a transaction is open across a call of {vendor.name}")
        self._before(f"{request.method} {parts.path}")
        asked = Request(
            method=request.method or "GET",
            path=unquote(parts.path),
            query=parts.query,
            headers={"host": parts.netloc} | {name.lower(): str(value) for name, value in request.headers.items()},
            body=_bytes(request.body),
        )
        self._worker.pause(self._latency())
        if vendor.down:
            vendor.struck["down"] += 1
            reason = NewConnectionError(None, "connection refused")  # pyright: ignore[reportArgumentType]
            raise requests.ConnectionError(MaxRetryError(None, request.url or "", reason), request=request)  # pyright: ignore[reportArgumentType]
        fault, operations = vendor.decide(asked)
        patience = float((timeout[1] if isinstance(timeout, tuple) else timeout) or 30.0)
        if fault is not None and fault.kind in DROPPED:
            self._lose(vendor, asked, fault, operations, patience=patience, request=request)
        response = vendor.carry_out(asked, fault, operations)
        slow = fault.seconds if fault is not None and fault.kind == "slow" else 0.0
        if slow >= patience:
            self._worker.pause(patience)
            raise requests.ReadTimeout("the answer came too late", request=request)
        self._worker.pause(self._latency() + slow)
        assert response is not None
        return _answered(request, response, date=http_date(vendor.now))

    def _lose(
        self,
        vendor: Vendor,
        asked: Request,
        fault: Fault,
        operations: tuple[str, ...],
        *,
        patience: float,
        request: requests.PreparedRequest,
    ) -> None:
        """No answer comes. Of what times out after its effect, every second is a straggler: it takes effect after the give-up."""
        if fault.kind == "reset":
            vendor.carry_out(asked, fault, operations)
            raise requests.ConnectionError(ProtocolError("Connection aborted", ConnectionResetError()), request=request)
        straggles = fault.kind == "timeout_after_effect" and self._dice.random() < 0.5
        if straggles:
            vendor.struck["straggler"] += 1
            when = self._worker.timeline.now + patience + self._dice.random() * STRAGGLER_SECONDS
            self._worker.timeline.at(when, lambda: _arrive(vendor, asked, fault, operations))
        else:
            vendor.carry_out(asked, fault, operations)
        self._worker.pause(patience)
        raise requests.ReadTimeout("no answer", request=request)

    def _latency(self) -> float:
        low, high = LATENCY_SECONDS
        return low + self._dice.random() ** 3 * (high - low)


def _arrive(vendor: Vendor, asked: Request, fault: Fault, operations: tuple[str, ...]) -> None:
    vendor.carry_out(asked, fault, operations)


def _bytes(body: object) -> bytes:
    if body is None:
        return b""
    return body if isinstance(body, bytes) else str(body).encode()


def _answered(request: requests.PreparedRequest, response: Response, *, date: str) -> requests.Response:
    headers = {"Date": date, "Content-Length": str(len(response.body)), **response.headers}
    answered = requests.Response()
    answered.status_code = response.status
    answered.headers.update(headers)
    answered.request = request
    answered.url = request.url or ""
    answered.raw = HTTPResponse(body=io.BytesIO(response.body), headers=headers, status=response.status, preload_content=False)
    return answered
