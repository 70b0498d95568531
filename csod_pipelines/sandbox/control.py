"""Everything of ours that a sandbox serves beside its vendor: `/_sandbox/...`. JSON in, JSON out, no authentication."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

import orjson

from csod_pipelines.sandbox.clock import VendorClock
from csod_pipelines.sandbox.faults import KINDS, Faults
from csod_pipelines.sandbox.journal import Journal
from csod_pipelines.sandbox.kit import Core, Request, Response

PREFIX = "/_sandbox"
CREDENTIALS = {"client_id": "sandbox", "client_secret": "sandbox-secret"}
CALLS = {
    "GET /_sandbox/": "this page",
    "POST /_sandbox/reset": '{"seed": 1, "size": "small" | "medium" | "large" | {...}, "now": ISO?}: a new world; '
    "faults, log and clock start afresh, config stays",
    "GET /_sandbox/state/{kind}": "rows as they are now; ?id= one of them; ?offset= and ?limit= a part",
    "GET /_sandbox/act": "what a person can do on the vendor's screens: action -> arguments",
    "POST /_sandbox/act": '{"action": "...", ...arguments}',
    "GET /_sandbox/faults": "the rules in force",
    "POST /_sandbox/faults": f'{{"match": {{"method", "path", "operation"}}, "fault": one of {", ".join(KINDS)}, "times", "probability", '
    '"status", "headers", "body", "seconds", "after_effect"}; path and operation take patterns',
    "DELETE /_sandbox/faults": "all rules; ?id= one of them",
    "GET /_sandbox/webhooks": "deliveries made, and how they are sent",
    "POST /_sandbox/webhooks": '{"duplicate": p, "drop": p, "delay": seconds, "shuffle": bool, "endpoint": {...}}',
    "GET /_sandbox/requests": "access log; ?since= seq",
    "GET /_sandbox/clock": "the vendor's clock",
    "POST /_sandbox/clock": '{"advance": seconds}',
    "GET /_sandbox/config": "switches of guesses, delays, limits",
    "PATCH /_sandbox/config": "the same keys, merged",
}


class Refused(Exception):
    """A control call that cannot be done; becomes a 4xx with the text."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Control:
    """Called with the shell's lock held: it may touch the core."""

    def __init__(
        self,
        core: Core,
        *,
        clock: VendorClock,
        faults: Faults,
        journal: Journal,
        seed: int,
        size: Any,
    ) -> None:
        self.core, self.clock, self.faults, self.journal = core, clock, faults, journal
        self.seed, self.size = seed, size
        self._routes: dict[str, dict[str, Callable[[Request, datetime], Any]]] = {
            "/": {"GET": self._describe},
            "/reset": {"POST": self._reset},
            "/act": {"GET": self._actions, "POST": self._act},
            "/faults": {
                "GET": self._list_faults,
                "POST": self._add_fault,
                "DELETE": self._clear_faults,
            },
            "/webhooks": {"GET": self._webhooks, "POST": self._set_webhooks},
            "/requests": {"GET": self._requests},
            "/clock": {"GET": self._clock, "POST": self._advance},
            "/config": {
                "GET": self._config,
                "PATCH": self._configure,
                "POST": self._configure,
            },
        }

    def handle(self, request: Request) -> Response:
        now = self.clock.now()
        path = request.path[len(PREFIX) :] or "/"
        try:
            return _json(200, self._route(request, path, now))
        except Refused as refused:
            return _json(refused.status, {"error": str(refused)})
        except ValueError as wrong:
            return _json(400, {"error": str(wrong)})

    def _route(self, request: Request, path: str, now: datetime) -> Any:
        if path.startswith("/state/"):
            if request.method != "GET":
                raise Refused(405, "state is read with GET")
            return self._state(request, path.removeprefix("/state/"), now)
        methods = self._routes.get(path if path == "/" else path.rstrip("/"))
        if methods is None:
            raise Refused(404, f"no such call; GET {PREFIX}/ lists them")
        if request.method not in methods:
            raise Refused(405, f"{PREFIX}{path} takes {', '.join(methods)}")
        return methods[request.method](request, now)

    def _describe(self, request: Request, now: datetime) -> Any:
        described = {
            "vendor": self.core.vendor,
            "now": _iso(now),
            "seed": self.seed,
            "size": self.size,
        }
        return described | {
            "credentials": CREDENTIALS,
            "calls": CALLS,
            "actions": sorted(self.core.actions()),
            "config": self.core.config(),
        }

    def _reset(self, request: Request, now: datetime) -> Any:
        body = _object(request)
        self.seed, self.size = (
            _number(body.get("seed", self.seed), "seed"),
            body.get("size", self.size),
        )
        start = body.get("now")
        moment = self.clock.restart(start=None if start is None else _moment(start))
        self.faults.restart(seed=self.seed)
        self.journal.clear()
        self.core.reset(seed=self.seed, size=self.size, now=moment)
        return {"ok": True, "seed": self.seed, "size": self.size, "now": _iso(moment)}

    def _state(self, request: Request, kind: str, now: datetime) -> Any:
        query = _query(request)
        try:
            rows = self.core.state(kind, id=query.get("id"), now=now)
        except KeyError as unknown:
            raise Refused(404, f"unknown kind {kind!r}: {unknown}") from unknown
        first = _number(query.get("offset", 0), "offset")
        limit = query.get("limit")
        return rows[first:] if limit is None else rows[first : first + _number(limit, "limit")]

    def _actions(self, request: Request, now: datetime) -> Any:
        return self.core.actions()

    def _act(self, request: Request, now: datetime) -> Any:
        arguments = _object(request)
        action = arguments.pop("action", None)
        if not isinstance(action, str) or action not in self.core.actions():
            raise Refused(400, f"unknown action {action!r}; GET {PREFIX}/act lists them")
        return self.core.act(action, arguments, now=now)

    def _list_faults(self, request: Request, now: datetime) -> Any:
        return self.faults.rows()

    def _add_fault(self, request: Request, now: datetime) -> Any:
        return {"ok": True, **self.faults.add(_object(request)).row()}

    def _clear_faults(self, request: Request, now: datetime) -> Any:
        wanted = _query(request).get("id")
        return {
            "ok": True,
            "removed": self.faults.clear(id=None if wanted is None else _number(wanted, "id")),
        }

    def _webhooks(self, request: Request, now: datetime) -> Any:
        return {
            "options": self.core.webhook_options(),
            "deliveries": self.core.deliveries(),
        }

    def _set_webhooks(self, request: Request, now: datetime) -> Any:
        return {"ok": True, "options": self.core.webhook_options(_object(request))}

    def _requests(self, request: Request, now: datetime) -> Any:
        return self.journal.since(_number(_query(request).get("since", 0), "since"))

    def _clock(self, request: Request, now: datetime) -> Any:
        return {"now": _iso(now)}

    def _advance(self, request: Request, now: datetime) -> Any:
        seconds = _object(request).get("advance")
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not seconds < 1e10:
            raise Refused(400, 'give {"advance": seconds}')
        return {"ok": True, "now": _iso(self.clock.advance(seconds))}

    def _config(self, request: Request, now: datetime) -> Any:
        return self.core.config()

    def _configure(self, request: Request, now: datetime) -> Any:
        self.core.configure(_object(request))
        return self.core.config()


def _json(status: int, value: Any) -> Response:
    return Response(
        status=status,
        headers={"content-type": "application/json"},
        body=orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS),
    )


def _object(request: Request) -> dict[str, Any]:
    try:
        value = orjson.loads(request.body or b"{}")
    except orjson.JSONDecodeError as wrong:
        raise Refused(400, f"the body is not JSON: {wrong}") from wrong
    if not isinstance(value, dict):
        raise Refused(400, "the body must be a JSON object")
    return value


def _query(request: Request) -> Mapping[str, str]:
    return {name: values[-1] for name, values in parse_qs(request.query).items()}


def _number(value: Any, name: str) -> int:
    try:
        if isinstance(value, bool):
            raise TypeError(name)
        number = int(value)
    except (TypeError, ValueError, OverflowError) as wrong:
        raise Refused(400, f"{name} must be a whole number, not {value!r}") from wrong
    if not 0 <= number < 2**53:
        raise Refused(400, f"{name} must be at least 0 and below 2^53")
    return number


def _moment(text: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError) as wrong:
        raise Refused(400, f"now must be an ISO date and time with an offset, not {text!r}") from wrong
    if moment.tzinfo is None:
        raise Refused(400, "now needs an offset, such as Z")
    return moment


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
