"""The token end point and the tokens it has handed out.

Only client credentials; JSON with camelCase names as Cornerstone's samples send it, and form-encoded RFC names as integrators do.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

import orjson

from csod_pipelines.sandbox.cornerstone.envelopes import Answer, ApiError
from csod_pipelines.sandbox.cornerstone.settings import Settings
from csod_pipelines.sandbox.kit import Effect, Request

_RFC_NAMES = {"client_id": "clientId", "client_secret": "clientSecret", "grant_type": "grantType"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    client_id: str
    scopes: frozenset[str]
    expires: datetime


def scopes_of(value: str) -> frozenset[str]:
    """Space separated; ``training: write`` is printed with a space behind the colon on the authentication page."""
    return frozenset(re.sub(r":\s+", ":", value.lower()).replace(",", " ").split())


class Tokens:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._tokens: dict[str, Token] = {}
        self._count = 0

    def issue(self, request: Request, *, now: datetime) -> Answer:
        form = _credentials(request)
        if form.get("grantType") != "client_credentials":
            raise ApiError(400, "unsupported_grant_type", details="Only client_credentials is supported")
        client_id = form.get("clientId")
        application = self._settings["applications"].get(client_id) if isinstance(client_id, str) else None
        if application is None or application["secret"] != form.get("clientSecret"):
            raise ApiError(401, "invalid_client", details="The client id or the client secret is wrong")
        scope = form.get("scope") or "all"
        if not isinstance(scope, str):
            raise ApiError(400, "invalid_scope", details="scope must be text")
        owned, wanted = scopes_of(application["scopes"]), scopes_of(scope)
        if "all" not in owned and wanted != {"all"} and not wanted <= owned:
            raise ApiError(400, "invalid_scope", details=f"The application does not own {' '.join(sorted(wanted - owned))}")
        granted = owned if wanted == {"all"} else wanted
        lifetime = application["lifetime_seconds"]
        self._count += 1
        token = "edge:" + hashlib.sha256(f"{client_id} {self._count} {now.isoformat()}".encode()).hexdigest()
        if len(self._tokens) > 10_000:
            self._tokens = {k: t for k, t in self._tokens.items() if t.expires > now}
        self._tokens[token] = Token(client_id=str(client_id), scopes=granted, expires=now + timedelta(seconds=lifetime))
        body = {"access_token": token, "token_type": "Bearer", "expires_in": lifetime, "scope": " ".join(sorted(granted))}
        return Answer(body=body, headers={"cache-control": "no-store"}, effects=(Effect(operation="oauth2.token"),))

    def check(self, request: Request, *, now: datetime) -> Token:
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        token = self._tokens.get(value.strip()) if scheme.lower() == "bearer" else None
        if token is None or token.expires <= now or token.client_id not in self._settings["applications"]:
            raise ApiError(401, "Unauthorized", details="The token is missing, invalid or expired")
        return token

    def revoke_all(self) -> None:
        self._tokens.clear()


def _credentials(request: Request) -> dict[str, Any]:
    kind = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if kind == "application/x-www-form-urlencoded":
        pairs = parse_qsl(request.body.decode("utf-8", errors="replace"), keep_blank_values=True)
        return {_RFC_NAMES.get(name, name): value for name, value in pairs}
    try:
        value = orjson.loads(request.body)
    except orjson.JSONDecodeError as err:
        raise ApiError(400, "invalid_request", details="The body is neither JSON nor a form") from err
    if not isinstance(value, dict):
        raise ApiError(400, "invalid_request", details="The body must be a JSON object")
    return {_RFC_NAMES.get(str(name), str(name)): item for name, item in value.items()}
