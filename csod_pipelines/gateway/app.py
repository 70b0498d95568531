"""The gateway's four paths, put together: read, verify, unpack, understand, store, answer."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from csod_pipelines.gateway.bodies import read_body, unpack
from csod_pipelines.gateway.envelopes import administrate_deliveries, cornerstone_deliveries
from csod_pipelines.gateway.metrics import Metrics
from csod_pipelines.gateway.refusals import Reason, Rejected
from csod_pipelines.gateway.verify import Check, Envelope
from csod_pipelines.gateway.writer import GroupWriter, Store
from csod_pipelines.model.keys import SystemName
from csod_pipelines.store.inbox import Delivery

RETRY_AFTER_SECONDS = "30"
_NUMBERS = ("ready", "parked", "oldest_unsettled_seconds")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """What the gateway needs of the database, and how each vendor proves who it is (one check must pass)."""

    store: Store
    status: Callable[[], Mapping[str, Any]]
    checks: Mapping[SystemName, Sequence[Check]] = field(default_factory=dict)


class Gateway:
    def __init__(self, wiring: Wiring) -> None:
        self.metrics = Metrics()
        self._wiring = wiring
        self._writer = GroupWriter(wiring.store, observe=self.metrics.committed)

    def app(self) -> Starlette:
        return Starlette(
            lifespan=self._lifespan,
            routes=[
                Route("/webhooks/administrate/{type}", self._administrate, methods=["POST"]),
                Route("/webhooks/administrate/{token}/{type}", self._administrate, methods=["POST"]),
                Route("/webhooks/cornerstone", self._cornerstone, methods=["POST"]),
                Route("/healthz", self._healthz, methods=["GET"]),
                Route("/readyz", self._readyz, methods=["GET"]),
                Route("/metrics", self._metrics, methods=["GET"]),
            ],
        )

    @contextlib.asynccontextmanager
    async def _lifespan(self, app: Starlette) -> AsyncIterator[None]:
        self._writer.start()
        yield
        await run_in_threadpool(self._writer.stop)

    async def _administrate(self, request: Request) -> Response:
        def understand(body: bytes, headers: Mapping[str, str]) -> list[Delivery]:
            return administrate_deliveries(body, type=request.path_params["type"], headers=headers)

        return await self._receive(request, SystemName.ADMINISTRATE, understand)

    async def _cornerstone(self, request: Request) -> Response:
        return await self._receive(request, SystemName.CORNERSTONE, lambda body, headers: cornerstone_deliveries(body, headers=headers))

    async def _receive(
        self, request: Request, source: SystemName, understand: Callable[[bytes, Mapping[str, str]], list[Delivery]]
    ) -> Response:
        try:
            headers = dict(request.headers.items())
            body = await self._verified_body(request, source, headers)
            deliveries = understand(unpack(body, encoding=headers.get("content-encoding", "")), headers)
            if deliveries:
                await self._writer.write(deliveries)
        except Rejected as rejected:
            self.metrics.rejected.labels(source.value, rejected.reason.value).inc()
            return _turned_away(rejected)
        if not deliveries:
            self.metrics.heartbeats.inc()
        for delivery in deliveries:
            self.metrics.stored.labels(source.value, "yes" if delivery.subject else "no").inc()
        return Response(status_code=202)

    async def _verified_body(self, request: Request, source: SystemName, headers: Mapping[str, str]) -> bytes:
        """A sender that a header alone proves wrong is turned away before its body is read."""
        envelope = Envelope(headers=headers, token=request.path_params.get("token"))
        if not any(check.passes(envelope) for check in self._wiring.checks.get(source, ())):
            raise Rejected(Reason.UNAUTHORIZED)
        return await read_body(request)

    async def _healthz(self, request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def _readyz(self, request: Request) -> Response:
        """Ready is who can store. The ages beside it are for a watchdog outside."""
        try:
            status = await run_in_threadpool(self._wiring.status)
        except Rejected as rejected:
            return _turned_away(rejected)
        return JSONResponse({"status": "ok", **status})

    async def _metrics(self, request: Request) -> Response:
        self.metrics.waiting.set(self._writer.waiting)
        with contextlib.suppress(Rejected):  # the counters are worth reading while the database is away, too
            status = await run_in_threadpool(self._wiring.status)
            for name in _NUMBERS:
                self.metrics.work.labels(name).set(status.get(name) or 0)
        return Response(self.metrics.render(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _turned_away(rejected: Rejected) -> Response:
    headers = {"Retry-After": RETRY_AFTER_SECONDS} if rejected.status == 503 else {}
    if rejected.reason is Reason.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Basic realm="webhooks"'
    return JSONResponse({"error": rejected.reason.value}, status_code=rejected.status, headers=headers)
