"""The Cornerstone core: routes a request, lets it in or not, and answers in the envelope of its generation.

State + request + clock -> response; nothing here reads a clock, opens a socket or starts a thread.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

import orjson

from csod_pipelines.sandbox.cornerstone import acts, assignments, bulk, screens, state_rows
from csod_pipelines.sandbox.cornerstone.envelopes import Answer, ApiError, Call, Family, error_body, stamp_a
from csod_pipelines.sandbox.cornerstone.limits import Throttled
from csod_pipelines.sandbox.cornerstone.oauth import Token
from csod_pipelines.sandbox.cornerstone.portal import Portal
from csod_pipelines.sandbox.cornerstone.routes import TOKEN_PATH, Route, family_of, find
from csod_pipelines.sandbox.cornerstone.screens import as_xml
from csod_pipelines.sandbox.cornerstone.world import described_sizes
from csod_pipelines.sandbox.kit import Delivery, Effect, Request, Response

log = logging.getLogger(__name__)

MOST_HEADERS = 100  # csod.dev error codes: more give a 404 at the gateway
MOST_BODY_BYTES = 20_000_000


class CornerstoneCore:
    vendor = "cornerstone"

    def __init__(self) -> None:
        self.portal = Portal()
        self._now = datetime(2000, 1, 1, tzinfo=UTC)

    def reset(self, *, seed: int, size: Any, now: datetime) -> None:
        self._now = now
        self.portal.reset(seed=seed, size=size, now=now)

    def operations(self, request: Request) -> tuple[str, ...]:
        """What a request would do, for faults that are matched by operation."""
        if request.path.rstrip("/") == TOKEN_PATH:
            return ("oauth2.token",)
        route, params, _ = find(request.method, request.path, update_verb=self.portal.settings["lo_update_verb"])
        return () if route is None else (route.operation.format(**params),)

    def refuse(self, request: Request, *, reason: str) -> Response:
        """``Result: Failed`` inside a 200, nothing done."""
        row = {"Result": "Failed", "Reason": reason, "LOID": None, "Locator": None}
        body = {"status": "200", "timestamp": stamp_a(self._now), "totalRecords": 1, "createdRecords": 0, "data": [row]}
        return _response(Answer(body=body), {})

    def handle(self, request: Request, *, now: datetime) -> tuple[Response, tuple[Effect, ...]]:
        self._turn(now)
        screen = screens.page(self.portal, request)
        if screen is not None:
            return screen, (Effect(operation="screen"),)
        family = Family.OAUTH if request.path.rstrip("/") == TOKEN_PATH else family_of(request.path)
        operation = f"{request.method} {request.path}"
        headers: dict[str, str] = {}
        try:
            route, params = None, {}
            if family is not Family.OAUTH:
                route, params = self._route(request)
            if route is None:
                operation = "oauth2.token"
                answer = self._token(request, now=now)
            else:
                operation = route.operation.format(**params)
                headers, answer = self._allowed(route, params, request, now=now, operation=operation)
        except Throttled as err:
            answer, headers = Answer(status=429, body=error_body(err, family=family, now=now)), err.headers
        except ApiError as err:
            answer = Answer(status=err.status, body=error_body(err, family=family, now=now))
        except (TypeError, ValueError, KeyError, AttributeError, IndexError, ArithmeticError, RecursionError) as err:
            # no documented answer to a body this odd; a 400 in the family's envelope, and a line for whoever tends the sandbox
            log.error("cornerstone sandbox: %s could not be read: %r", operation, err)
            answer = Answer(status=400, body=error_body(ApiError(400, "The request could not be read"), family=family, now=now))
        if family is Family.LEGACY and isinstance(answer.body, dict) and self._wants_xml(request):
            xml = "<?xml version='1.0' encoding='utf-8'?>" + as_xml(answer.body)
            answer = replace(answer, body=xml.encode(), headers={**answer.headers, "content-type": "application/xml; charset=utf-8"})
        return _response(answer, headers), answer.effects or (Effect(operation=operation),)

    def kinds(self) -> list[str]:
        return state_rows.kinds()

    def sizes(self) -> dict[str, str]:
        return described_sizes()

    def state(self, kind: str, *, id: str | None, now: datetime, first: int = 0, most: int | None = None) -> list[dict[str, Any]]:
        self._turn(now)
        return state_rows.rows(self.portal, kind, id=id, first=first, most=most)

    def actions(self) -> dict[str, dict[str, str]]:
        return acts.described()

    def act(self, action: str, arguments: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
        self._turn(now)
        return acts.perform(self.portal, action, arguments, now=now)

    def config(self) -> dict[str, Any]:
        return self.portal.settings.show()

    def configure(self, changes: Mapping[str, Any]) -> None:
        self.portal.settings.change(changes)

    def due(self, *, now: datetime) -> list[Delivery]:
        self._turn(now)
        return self.portal.hooks.due(now=now)

    def next_due(self) -> datetime | None:
        moments = (self.portal.hooks.next_due(), assignments.next_ready(self.portal))
        return min((moment for moment in moments if moment is not None), default=None)

    def delivered(self, delivery: Delivery, *, status: int | None, now: datetime) -> None:
        self.portal.hooks.delivered(delivery, status=status, now=now)

    def deliveries(self) -> list[dict[str, Any]]:
        return self.portal.hooks.deliveries()

    def webhook_options(self, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
        return self.portal.hooks.options(changes, now=self._now)

    # ---- inside ----

    def _turn(self, now: datetime) -> None:
        """Let the portal's own queue catch up before anybody looks."""
        self._now = now
        assignments.work_off(self.portal, now=now)
        bulk.work_off(self.portal, now=now)

    def _wants_xml(self, request: Request) -> bool:
        accept, query = request.headers.get("accept", ""), request.query.lower()
        if "format=json" in query or not self.portal.settings["legacy_xml_default"]:
            return "xml" in accept and "json" not in accept and "html" not in accept
        return "json" not in accept

    def _route(self, request: Request) -> tuple[Route, dict[str, str]]:
        if len(request.headers) > MOST_HEADERS:
            raise ApiError(404, "Not found")
        route, params, known = find(request.method, request.path, update_verb=self.portal.settings["lo_update_verb"])
        if route is None:
            raise ApiError(405, "Method not allowed") if known else ApiError(404, "Not found")
        if len(request.body) > MOST_BODY_BYTES:
            raise ApiError(413, "The request is too large")
        return route, params

    def _token(self, request: Request, *, now: datetime) -> Answer:
        if request.method != "POST":
            raise ApiError(405, "Method not allowed")
        return self.portal.tokens.issue(request, now=now)

    def _allowed(
        self, route: Route, params: dict[str, str], request: Request, *, now: datetime, operation: str
    ) -> tuple[dict[str, str], Answer]:
        """Token, limit, scope, in this order; a missing scope is 401, not 403 (csod.dev error codes)."""
        token = self.portal.tokens.check(request, now=now)
        headers = self.portal.throttle.take(route.shared_bucket or operation, now=now)
        try:
            _check_scope(token, route.scope.format(**params).lower())
            self.portal.service_user(token.client_id)
            query = {
                name.lower(): value
                for name, value in parse_qsl(request.query, keep_blank_values=True, errors="replace", max_num_fields=1000)
            }
            call = Call(request=request, now=now, operation=operation, params=params, query=query, client_id=token.client_id)
            return headers, route.handler(self.portal, call)
        except ApiError as err:
            return headers, Answer(
                status=err.status, body=error_body(err, family=route.family, now=now), effects=(Effect(operation=operation),)
            )


def _check_scope(token: Token, scope: str) -> None:
    if "all" not in token.scopes and scope not in token.scopes:
        raise ApiError(401, "Unauthorized", details=f"The token lacks the scope {scope}")


def _response(answer: Answer, headers: dict[str, str]) -> Response:
    if answer.body is None:
        return Response(status=answer.status, headers={**headers, **answer.headers})
    body = answer.body if isinstance(answer.body, bytes) else orjson.dumps(answer.body)
    return Response(
        status=answer.status, headers={"content-type": "application/json; charset=utf-8", **headers, **answer.headers}, body=body
    )
