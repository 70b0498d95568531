"""OAuth 2: authorise, token with three grants, revocation. The client's id and secret travel in the form body, as the help centre says."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import orjson

from csod_pipelines.sandbox.administrate.settings import Settings
from csod_pipelines.sandbox.kit import Request, Response

CLIENT_ID, CLIENT_SECRET = "sandbox", "sandbox-secret"
CODE_SECONDS = 600


@dataclass(slots=True, kw_only=True)
class _Code:
    redirect_uri: str
    until: float


class OAuth:
    """Tokens are numbered digests, so that the same seed gives the same tokens. They outlive a reset of the records."""

    def __init__(self, settings: Settings, *, seed: int = 1) -> None:
        self._settings = settings
        self._seed = seed
        self._count = 0
        self._tokens: dict[str, float] = {}
        self._refresh: set[str] = set()
        self._codes: dict[str, _Code] = {}

    # ---- checked on every call of the API

    def accepts(self, request: Request, *, now: datetime) -> bool:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and self._tokens.get(token.strip(), 0.0) > now.timestamp()

    def revoke(self) -> None:
        """The user withdraws the application: access and refresh tokens stop working."""
        self._tokens.clear()
        self._refresh.clear()
        self._codes.clear()

    # ---- authorise

    def authorize(self, request: Request, *, now: datetime) -> Response:
        if request.method != "GET":
            return _error(405, "invalid_request", "use GET")
        query = _single(request.query)
        target = query.get("redirect_uri", "")
        if query.get("client_id") != CLIENT_ID:
            return _error(400, "invalid_client", "unknown client_id")
        if query.get("response_type") != "code":
            return _error(400, "unsupported_response_type", "response_type must be code")
        if _host(target) is None:
            return _error(400, "invalid_request", "redirect_uri is needed and must be an address")
        code = self._new("code")
        self._codes[code] = _Code(redirect_uri=target, until=now.timestamp() + CODE_SECONDS)
        answer = {"code": code} | ({"state": query["state"]} if "state" in query else {})
        target = quote(target, safe=":/?&=#%+,;@~[]")  # nothing that would break the header
        joint = "&" if "?" in target else "?"
        return Response(status=302, headers={"location": f"{target}{joint}{urlencode(answer)}"})

    # ---- token

    def token(self, request: Request, *, now: datetime) -> Response:
        if request.method != "POST":
            return _error(405, "invalid_request", "use POST")
        try:
            form = _single(request.body.decode())
        except UnicodeDecodeError:
            return _error(400, "invalid_request", "the form is not UTF-8")
        if form.get("client_id") != CLIENT_ID or form.get("client_secret") != CLIENT_SECRET:
            return _error(401, "invalid_client", "client_id or client_secret is wrong")
        grant = form.get("grant_type")
        if grant == "client_credentials":
            return self._issue(now=now, refresh=None)
        if grant == "refresh_token":
            held = form.get("refresh_token", "")
            # It does not expire and may be used again (help centre).
            return self._issue(now=now, refresh=held) if held in self._refresh else _error(400, "invalid_grant", "unknown refresh_token")
        if grant == "authorization_code":
            return self._exchange(form, now=now)
        return _error(400, "unsupported_grant_type", "authorization_code, refresh_token or client_credentials")

    def _exchange(self, form: dict[str, str], *, now: datetime) -> Response:
        code = self._codes.pop(form.get("code", ""), None)  # can be used once
        if code is None or code.until <= now.timestamp():
            return _error(400, "invalid_grant", "unknown, used or expired code")
        if form.get("redirect_uri") != code.redirect_uri:
            return _error(400, "invalid_grant", "redirect_uri differs from the one the code was asked with")
        refresh = self._new("refresh")
        self._refresh.add(refresh)
        return self._issue(now=now, refresh=refresh)

    def _issue(self, *, now: datetime, refresh: str | None) -> Response:
        lifetime = self._settings.values["token_seconds"]
        self._tokens = {token: until for token, until in self._tokens.items() if until > now.timestamp()}
        token = self._new("access")
        self._tokens[token] = now.timestamp() + lifetime
        body = {"access_token": token, "expires_in": lifetime, "token_type": "Bearer", "scope": "instance"}
        if refresh is not None:
            body["refresh_token"] = refresh
        return Response(status=200, headers={"content-type": "application/json", "cache-control": "no-store"}, body=orjson.dumps(body))

    def _new(self, kind: str) -> str:
        self._count += 1
        return hashlib.sha256(f"{self._seed}:{kind}:{self._count}".encode()).hexdigest()


def _host(text: str) -> str | None:
    """The host of an address; None when it is none."""
    try:
        parts = urlsplit(text)
        return parts.hostname if parts.scheme in {"http", "https"} else None
    except ValueError:
        return None


def _single(query: str) -> dict[str, str]:
    try:
        return {name: values[-1] for name, values in parse_qs(query, max_num_fields=50).items()}
    except ValueError:
        return {}


def _error(status: int, code: str, description: str) -> Response:
    body = orjson.dumps({"error": code, "error_description": description})
    return Response(status=status, headers={"content-type": "application/json"}, body=body)
