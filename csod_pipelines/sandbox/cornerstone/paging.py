"""Opaque page tokens that live five minutes, counted from the answer that carried them (csod.dev pagination page)."""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import Any

import orjson

from csod_pipelines.sandbox.cornerstone.envelopes import ApiError, Call

PAGE_TOKEN_SECONDS = 300


def make_token(kind: str, value: dict[str, Any]) -> str:
    body = orjson.dumps({"k": kind, **value})
    return base64.urlsafe_b64encode(zlib.crc32(body).to_bytes(4) + body).decode().rstrip("=")


def open_token(kind: str, token: str) -> dict[str, Any] | None:
    try:
        raw = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(raw) < 5 or zlib.crc32(raw[4:]).to_bytes(4) != raw[:4]:
        return None
    value = orjson.loads(raw[4:])
    return value if value.pop("k", None) == kind else None


def next_page_token(call: Call, *, kind: str, question: dict[str, str], after: int, page: int) -> str:
    return make_token(kind, {"a": after, "n": page, "q": _digest(question), "e": int(call.now.timestamp()) + PAGE_TOKEN_SECONDS})


def token_names(parameter: str) -> tuple[str, ...]:
    """Which query parameter brings the token back is not documented."""
    return ("nextpagetoken", "pagetoken") if parameter == "both" else (parameter.lower(),)


def page_of(call: Call, *, kind: str, question: dict[str, str], names: tuple[str, ...]) -> tuple[int, int]:
    """Position behind which the asked page starts, and its number."""
    token = next((call.query[name] for name in names if call.query.get(name)), None)
    if not token:
        return 0, 1
    value = open_token(kind, token)
    if value is None or value["q"] != _digest(question):
        raise _bad_token("The nextPageToken is not valid for this request")
    if value["e"] < call.now.timestamp():
        raise _bad_token("The nextPageToken has expired")
    return value["a"], value["n"]


def _bad_token(message: str) -> ApiError:
    return ApiError(400, message, fields=[("nextPageToken", [message])])


def _digest(question: dict[str, str]) -> int:
    return zlib.crc32(orjson.dumps(sorted(question.items())))
