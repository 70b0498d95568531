"""Who sent it: checked before the body is parsed, in constant time, with several secrets alive during a rotation.

Cornerstone sends its endpoint's ``x-api-key`` (csod.dev, webhook security). Administrate recommends Basic credentials
in the address (developer pages, webhooks); where a portal cannot send them, the secret may stand in the path. Both
also sign, but neither documents the exact signed text, so a signature counts for nothing.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What a check may look at. ``headers`` in lower case; ``token`` from the path, where it has one."""

    headers: Mapping[str, str]
    token: str | None


class Check(Protocol):
    def passes(self, envelope: Envelope) -> bool: ...


@dataclass(frozen=True, slots=True)
class SharedSecret:
    """Administrate: the password of Basic credentials (any user name), or the token in the path."""

    secrets: Iterable[str] = field(repr=False)

    def passes(self, envelope: Envelope) -> bool:
        if envelope.token is not None:
            return matches_any(envelope.token, self.secrets)
        password = basic_password(envelope.headers.get("authorization", ""))
        return password is not None and matches_any(password, self.secrets)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Cornerstone: the key that its endpoint screen generated."""

    keys: Iterable[str] = field(repr=False)

    def passes(self, envelope: Envelope) -> bool:
        return matches_any(envelope.headers.get("x-api-key", ""), self.keys)


def matches_any(given: str, secrets: Iterable[str]) -> bool:
    """Looks at every secret whatever the first ones say, so that the time tells nothing."""
    found = False
    for secret in secrets:
        found |= hmac.compare_digest(given.encode(), secret.encode())
    return found and bool(given)


def basic_password(header: str) -> str | None:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    return text.partition(":")[2]
