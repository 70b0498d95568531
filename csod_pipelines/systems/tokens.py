"""An OAuth access token, fetched once and used until shortly before it expires."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from csod_pipelines.systems.base import Clock

#: A token is given up this long before its end, so that it does not expire on the way.
EARLY_SECONDS = 30.0
#: A token is fetched on the way of another call, whose own attempts come on top.
FETCH_SECONDS = 10.0
FETCH_ATTEMPTS = 2


#: A function where the secret may be replaced while we run.
Secret = str | Callable[[], str]


def spoken(secret: Secret) -> str:
    return secret if isinstance(secret, str) else secret()


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    value: str
    lifetime_seconds: float


class TokenCache:
    """One token for all threads of a process; ``refused`` forgets it once, whoever notices first."""

    def __init__(self, fetch: Callable[[], Token], *, clock: Clock) -> None:
        self._fetch = fetch
        self._clock = clock
        self._lock = threading.Lock()
        self._token: str | None = None
        self._until = 0.0

    def get(self) -> str:
        with self._lock:
            if self._token is None or self._clock.monotonic() >= self._until:
                token = self._fetch()
                # A short-lived token must not be fetched anew for every call.
                margin = min(EARLY_SECONDS, token.lifetime_seconds / 2)
                self._token, self._until = token.value, self._clock.monotonic() + token.lifetime_seconds - margin
            return self._token

    def refused(self, token: str) -> None:
        with self._lock:
            if self._token == token:
                self._token = None
