"""Who sent it: checked before the body is parsed, in constant time, with several secrets alive during a rotation.

Cornerstone sends its endpoint's ``x-api-key`` (csod.dev, webhook security). Administrate recommends Basic credentials
in the address (developer pages, webhooks); where a portal cannot send them, the secret may stand in the path. Both
also sign, but neither documents the exact signed text, so ``Hmac`` takes it as a function and is off until given one.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

SIGNATURE_TOLERANCE_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """What a check may look at. ``headers`` in lower case; ``body`` as it came, still compressed."""

    method: str
    path: str
    headers: Mapping[str, str]
    token: str | None
    body: bytes | None


class Check(Protocol):
    """``needs_body``: to be asked once the body has been read."""

    @property
    def needs_body(self) -> bool: ...

    def passes(self, envelope: Envelope) -> bool: ...


@dataclass(frozen=True, slots=True)
class SharedSecret:
    """Administrate: the password of Basic credentials (any user name), or the token in the path."""

    secrets: Iterable[str] = field(repr=False)
    needs_body: bool = False

    def passes(self, envelope: Envelope) -> bool:
        if envelope.token is not None:
            return matches_any(envelope.token, self.secrets)
        password = basic_password(envelope.headers.get("authorization", ""))
        return password is not None and matches_any(password, self.secrets)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """Cornerstone: the key that its endpoint screen generated."""

    keys: Iterable[str] = field(repr=False)
    needs_body: bool = False

    def passes(self, envelope: Envelope) -> bool:
        return matches_any(envelope.headers.get("x-api-key", ""), self.keys)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hmac:
    """A keyed digest over ``signed_text``; hexadecimal or Base64 in ``signature``'s answer. Old time stamps are refused."""

    secrets: Sequence[bytes] = field(repr=False)
    digest: str
    signature: Callable[[Envelope], bytes | None]
    signed_text: Callable[[Envelope], bytes]
    timestamp: Callable[[Envelope], float | None]
    now: Callable[[], float] = time.time
    needs_body: bool = True

    def passes(self, envelope: Envelope) -> bool:
        given, sent_at = self.signature(envelope), self.timestamp(envelope)
        if given is None or sent_at is None or abs(self.now() - sent_at) > SIGNATURE_TOLERANCE_SECONDS:
            return False
        text = self.signed_text(envelope)
        found = False
        for secret in self.secrets:
            found |= hmac.compare_digest(hmac.digest(secret, text, self.digest), given)
        return found


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
