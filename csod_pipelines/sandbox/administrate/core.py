"""Administrate behind the shell: routes a request, runs it, hands its webhooks to the outbox."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson

from csod_pipelines.sandbox.administrate import action_table, graphql_http, hooks, rows, world_seed
from csod_pipelines.sandbox.administrate.call import Call
from csod_pipelines.sandbox.administrate.graphql_http import Ask, BadBody
from csod_pipelines.sandbox.administrate.hooks import Outbox
from csod_pipelines.sandbox.administrate.limits import RateLimit
from csod_pipelines.sandbox.administrate.oauth import OAuth
from csod_pipelines.sandbox.administrate.schema import Documents, schema_without
from csod_pipelines.sandbox.administrate.select import Selector
from csod_pipelines.sandbox.administrate.settings import Settings
from csod_pipelines.sandbox.administrate.world import World
from csod_pipelines.sandbox.kit import Delivery, Effect, Request, Response

JSON_HEADERS = graphql_http.JSON_HEADERS


class AdministrateCore:
    """kit.Core for Administrate. One thread at a time."""

    vendor = "administrate"

    def __init__(self) -> None:
        self.settings = Settings()
        self.oauth = OAuth(self.settings)
        self._limit = RateLimit(self.settings)
        self._options: dict[str, Any] = {"duplicate": 0.0, "drop": 0.0, "delay": 0.0, "shuffle": False}
        self._documents = Documents(schema_without(self.settings.off_guesses()))
        self.world = World(self.settings)
        self._select = Selector(self.world)
        self._outbox = self._new_outbox(seed=1)

    def _new_outbox(self, *, seed: int) -> Outbox:
        return Outbox(self.world, self.settings, seed=seed, run_query=self._run_hook_query, options=self._options)

    def reset(self, *, seed: int, size: Any, now: datetime) -> None:
        wanted = world_seed.checked_size(size)
        self.world = World(self.settings)
        self._select = Selector(self.world)
        self._limit = RateLimit(self.settings)
        self._options = {"duplicate": 0.0, "drop": 0.0, "delay": 0.0, "shuffle": False}
        self._outbox = self._new_outbox(seed=seed)
        world_seed.fill(self._call(now=now), seed=seed, size=wanted)

    def _call(self, *, now: datetime, refusing: str | None = None) -> Call:
        return Call(self.world, self.settings, stamp=int(now.timestamp()), select=self._select, refusing=refusing)

    # ---- requests

    def handle(self, request: Request, *, now: datetime) -> tuple[Response, tuple[Effect, ...]]:
        if request.path == "/graphql":
            return self._graphql(request, now=now)
        if request.path == "/oauth/token":
            return self.oauth.token(request, now=now), (Effect(operation="oauth.token"),)
        if request.path == "/oauth/authorize":
            return self.oauth.authorize(request, now=now), (Effect(operation="oauth.authorize"),)
        if request.path.startswith("/ui/"):
            return self._screen(request.path, now=now), (Effect(operation="ui"),)
        return _failure(404, "not_found"), (Effect(operation="unknown"),)

    def _graphql(self, request: Request, *, now: datetime) -> tuple[Response, tuple[Effect, ...]]:
        if request.method != "POST":
            return _failure(405, "method_not_allowed"), (Effect(operation="graphql"),)
        if not self._limit.take(now=now):
            wait = self.settings.values["retry_after_seconds"]
            extra = {} if wait is None else {"retry-after": str(wait)}
            return _failure(429, "too_many_requests", extra), (Effect(operation="graphql"),)
        if not self.oauth.accepts(request, now=now):
            return _failure(401, "invalid_token"), (Effect(operation="graphql"),)
        return self._answer(request, now=now)

    def _answer(self, request: Request, *, now: datetime, refusing: str | None = None) -> tuple[Response, tuple[Effect, ...]]:
        try:
            ask = graphql_http.read(request)
        except BadBody as wrong:
            return graphql_http.bad_body(wrong), (Effect(operation="graphql"),)
        call = self._call(now=now, refusing=refusing)
        result = graphql_http.run(self._documents, ask, call)
        self._fire(call, now=now)
        response = graphql_http.answer(result, empty_errors_key=self.settings.on("empty_errors_key"))
        named = ",".join(graphql_http.paths(self._documents, ask)) or ask.operation or "graphql"
        return response, tuple(call.effects) or (Effect(operation=named),)

    def operations(self, request: Request) -> tuple[str, ...]:
        """For faults and the log: the operation's own name, and fields such as `accounts` or `contact.create`."""
        if request.path != "/graphql":
            return (request.path.strip("/").replace("/", "."),)
        try:
            return graphql_http.names(self._documents, graphql_http.read(request))
        except BadBody:
            return ()

    def refuse(self, request: Request, *, reason: str) -> Response:
        """Nested errors inside a 200 for every mutation of the request; nothing is done."""
        moment = datetime.fromtimestamp(0).astimezone()
        return self._answer(request, now=moment, refusing=reason)[0]

    def _screen(self, path: str, *, now: datetime) -> Response:
        """Where links of the ledger lead: the record as the sandbox knows it, for a person to look at."""
        if not self.settings.on("ui_link"):
            return _failure(404, "not_found")
        kind, _, number = path.removeprefix("/ui/").partition("/")
        table = rows.KIND_OF_NAME.get(kind) or rows.KIND_OF_NAME.get(f"{kind}s")
        row = (
            self.world.table(table).get(int(number))
            if table is not None and number.isascii() and number.isdigit() and len(number) < 16
            else None
        )
        if row is None:
            return _failure(404, "not_found")
        shown = orjson.dumps(rows.row_of(self._call(now=now), row), option=orjson.OPT_INDENT_2)
        return Response(status=200, headers=JSON_HEADERS, body=shown)

    # ---- webhooks

    def _fire(self, call: Call, *, now: datetime) -> None:
        for slug, object_id in call.fired:
            self._outbox.trigger(slug, object_id, now=now)

    def _run_hook_query(self, text: str, object_id: str, now: datetime) -> Mapping[str, Any]:
        result = graphql_http.run(self._documents, Ask(text=text, variables={"objectid": object_id}, operation=None), self._call(now=now))
        return {"data": result.data}

    def due(self, *, now: datetime) -> list[Delivery]:
        return self._outbox.due(now=now)

    def next_due(self) -> datetime | None:
        return self._outbox.next_due()

    def delivered(self, delivery: Delivery, *, status: int | None, now: datetime) -> None:
        self._outbox.delivered(delivery, status=status, now=now)

    def deliveries(self) -> list[dict[str, Any]]:
        return self._outbox.rows()

    def webhook_options(self, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
        if changes is not None:
            self._options = self._outbox.options = hooks.check_options(self._options, changes)
        return dict(self._options)

    # ---- control

    def kinds(self) -> list[str]:
        return [*rows.KIND_OF_NAME, "webhook_deliveries", "mailbox", "fair_use"]

    def sizes(self) -> dict[str, str]:
        return dict(world_seed.SIZES)

    def state(self, kind: str, *, id: str | None, now: datetime, first: int = 0, most: int | None = None) -> list[dict[str, Any]]:
        part = slice(first, None if most is None else first + most)
        if kind == "webhook_deliveries":
            return [row for row in self._outbox.rows() if id is None or row["id"] == id][part]
        if kind == "mailbox":
            return self.world.mailbox[part]
        if kind == "fair_use":
            return [self._outbox.fair_use(now=now)][part]
        table = self.world.table(rows.KIND_OF_NAME[kind])
        call = self._call(now=now)
        if id is None:
            return [rows.row_of(call, row) for row in table.ordered[part]]
        row = self.world.find(rows.KIND_OF_NAME[kind], id) or (
            table.get(int(id)) if id.isascii() and id.isdigit() and len(id) < 16 else None
        )
        return [] if row is None else [rows.row_of(call, row)]

    def actions(self) -> dict[str, dict[str, str]]:
        return action_table.described()

    def act(self, action: str, arguments: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
        if action in action_table.ELSEWHERE:
            action_table.check_elsewhere(action, arguments)
        if action == "revoke_tokens":
            self.oauth.revoke()
            return {"ok": True, "id": None, "row": None}
        if action == "resend_webhook":
            return {"ok": True, "id": arguments.get("id"), "row": self._outbox.resend(str(arguments.get("id")), now=now)}
        call = self._call(now=now)
        call.operation = action
        answer = action_table.perform(call, action, arguments)
        self._fire(call, now=now)
        return answer

    def config(self) -> dict[str, Any]:
        return self.settings.shown()

    def configure(self, changes: Mapping[str, Any]) -> None:
        self.settings.change(changes)
        self._documents = Documents(schema_without(self.settings.off_guesses()))


def _failure(status: int, code: str, headers: Mapping[str, str] | None = None) -> Response:
    return Response(status=status, headers={**JSON_HEADERS, **(headers or {})}, body=orjson.dumps({"error": code}))
