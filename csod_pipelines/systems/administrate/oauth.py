"""Tokens of the Core API: client credentials as form fields; the credential itself decides the instance."""

from __future__ import annotations

from urllib.parse import urlencode, urlsplit

from csod_pipelines.systems.administrate.options import AdministrateOptions
from csod_pipelines.systems.contract import Contract
from csod_pipelines.systems.errors import Malformed, Unauthorized
from csod_pipelines.systems.tokens import FETCH_ATTEMPTS, FETCH_SECONDS, Token, spoken
from csod_pipelines.systems.transport import Call, Transport
from csod_pipelines.systems.wire import excerpt


def with_path(url: str, path: str) -> str:
    """An address that already has a path is taken as it is; a bare host gets the usual one."""
    return url if urlsplit(url).path.strip("/") else f"{url.rstrip('/')}{path}"


def fetch(transport: Transport, *, options: AdministrateOptions, contract: Contract) -> Token:
    form = {"grant_type": "client_credentials", "client_id": options.client_id, "client_secret": spoken(options.client_secret)}
    answer = transport.send(
        Call(
            method="POST",
            url=with_path(options.auth_url, contract.path("oauth.token")),
            operation="oauth.token",
            bucket=None,
            writes=False,
            body=urlencode(form).encode(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            token=False,
            secret=True,
            timeout_seconds=FETCH_SECONDS,
            attempts=FETCH_ATTEMPTS,
        )
    )
    if not answer.ok:
        raise Unauthorized(
            f"administrate refused our credentials ({answer.status}): {excerpt(answer.body)}. Check the client id and secret.",
            status=answer.status,
            request_id=answer.request_id,
        )
    given = answer.data
    if not isinstance(given, dict) or not isinstance(given.get("access_token"), str):
        raise Malformed("administrate answered the token request without an access_token", request_id=answer.request_id)
    return Token(value=given["access_token"], lifetime_seconds=float(given.get("expires_in") or 300))
