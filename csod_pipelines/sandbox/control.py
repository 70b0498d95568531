"""Everything of ours that a sandbox serves beside its vendor: `/_sandbox/...`. JSON in, JSON out, no authentication."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import orjson

from csod_pipelines.sandbox.clock import VendorClock
from csod_pipelines.sandbox.faults import KINDS, Faults
from csod_pipelines.sandbox.journal import Journal
from csod_pipelines.sandbox.kit import Core, Request, Response

PREFIX = "/_sandbox"
MOST_ROWS = 100_000  # of state in one answer: a million users would be most of a gigabyte
FIRST_YEAR, LAST_YEAR = 1980, 2500  # a world has two years behind it, and its clock only goes on
CREDENTIALS = {"client_id": "sandbox", "client_secret": "sandbox-secret"}
CALLS = {
    "GET /_sandbox/": "this page",
    "POST /_sandbox/reset": '{"seed": 1, "size": a name of `sizes` or an object of counts, "now": ISO?}: a new world; '
    "faults, log and clock start afresh, config stays",
    "GET /_sandbox/state/{kind}": "rows of one of `kinds` as they are now; ?id= one of them; ?offset= and ?limit= a part, which more "
    "than 100,000 rows ask for",
    "GET /_sandbox/act": "what a person can do on the vendor's screens: action -> arguments",
    "POST /_sandbox/act": '{"action": "...", ...arguments}',
    "GET /_sandbox/faults": "the rules in force",
    "POST /_sandbox/faults": f'{{"match": {{"method", "path", "operation"}}, "fault": one of {", ".join(KINDS)}, "times", "probability", '
    '"status", "headers", "body", "seconds", "after_effect"}; path and operation take patterns',
    "DELETE /_sandbox/faults": "all rules; ?id= one of them",
    "GET /_sandbox/webhooks": "deliveries made, and how they are sent",
    "POST /_sandbox/webhooks": '{"duplicate": p, "drop": p, "delay": seconds, "shuffle": bool}; on Cornerstone also '
    '{"endpoint": {"url", "api_key", "basic"} | null}, the screen on which a portal is told where to send',
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
            "sizes": self.core.sizes(),
            "kinds": self.core.kinds(),
            "actions": self.core.actions(),
            "faults": list(KINDS),
            "webhooks": self.core.webhook_options(),
            "config": self.core.config(),
        }

    def _reset(self, request: Request, now: datetime) -> Any:
        body = _object(request)
        if unknown := sorted(set(body) - {"seed", "size", "now"}):
            raise Refused(400, f"reset takes seed, size and now, not {', '.join(unknown)}")
        seed, size = _number(body.get("seed", self.seed), "seed"), body.get("size", self.size)
        moment = datetime.now(UTC) if body.get("now") is None else _moment(body["now"])
        self.core.reset(seed=seed, size=size, now=moment)
        self.seed, self.size = seed, size
        self.clock.restart(start=moment)
        self.faults.restart(seed=seed)
        self.journal.clear()
        return {"ok": True, "seed": seed, "size": size, "now": _iso(moment)}

    def _state(self, request: Request, kind: str, now: datetime) -> Any:
        query = _query(request)
        if kind not in self.core.kinds():
            raise Refused(404, f"unknown kind {kind!r}; known: {', '.join(self.core.kinds())}")
        first = _number(query.get("offset", 0), "offset")
        most = _number(query["limit"], "limit") if "limit" in query else None
        rows = self.core.state(kind, id=query.get("id"), now=now, first=first, most=MOST_ROWS + 1 if most is None else most)
        if most is None and len(rows) > MOST_ROWS:
            raise Refused(400, f"more than {MOST_ROWS:,} rows of {kind}; ask for a part with ?offset= and ?limit=")
        return rows

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
        if seconds > (datetime(LAST_YEAR, 12, 31, tzinfo=UTC) - now).total_seconds():
            raise Refused(400, f"the clock goes to the end of {LAST_YEAR}")
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
        if isinstance(value, bool | float):
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
    if not FIRST_YEAR <= moment.year <= LAST_YEAR:
        raise Refused(400, f"now lies between the years {FIRST_YEAR} and {LAST_YEAR}")
    return moment


def _iso(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")
