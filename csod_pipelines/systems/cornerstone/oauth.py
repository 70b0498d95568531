"""Tokens of the portal: client credentials as JSON with camelCase names, as Cornerstone's own samples send them."""

from __future__ import annotations

import json

from csod_pipelines.systems.contract import Contract
from csod_pipelines.systems.cornerstone.options import CornerstoneOptions
from csod_pipelines.systems.errors import Malformed, Unauthorized
from csod_pipelines.systems.tokens import FETCH_ATTEMPTS, FETCH_SECONDS, Token, spoken
from csod_pipelines.systems.transport import Call, Transport
from csod_pipelines.systems.wire import excerpt


def fetch(transport: Transport, *, options: CornerstoneOptions, contract: Contract) -> Token:
    body = {
        "clientId": options.client_id,
        "clientSecret": spoken(options.client_secret),
        "grantType": "client_credentials",
        "scope": options.scope,
    }
    answer = transport.send(
        Call(
            method="POST",
            url=options.base_url.rstrip("/") + contract.path("oauth.token"),
            operation="oauth.token",
            bucket=None,
            writes=False,
            body=json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Cache-Control": "no-cache"},
            token=False,
            secret=True,
            timeout_seconds=FETCH_SECONDS,
            attempts=FETCH_ATTEMPTS,
        )
    )
    if not answer.ok:
        raise Unauthorized(
            f"cornerstone refused our credentials ({answer.status}): {excerpt(answer.body)}. "
            "Check the client id and secret, and that the user behind the application is active.",
            status=answer.status,
            request_id=answer.request_id,
        )
    given = answer.data
    if not isinstance(given, dict) or not isinstance(given.get("access_token"), str):
        raise Malformed("cornerstone answered the token request without an access_token", request_id=answer.request_id)
    return Token(value=given["access_token"], lifetime_seconds=float(given.get("expires_in") or 300))
