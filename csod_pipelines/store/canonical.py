"""One way to write a value as bytes, so that equal values have equal digests."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import orjson

_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS | orjson.OPT_UTC_Z


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no spaces; instants in RFC 3339 with Z."""
    return orjson.dumps(value, default=_plain, option=_OPTIONS)


DIGEST_BYTES = 32


def digest(data: bytes) -> bytes:
    return sha256(data).digest()


def _plain(value: Any) -> Any:
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if hasattr(value, "items"):  # a mapping proxy
        return dict(value)
    raise TypeError(f"{type(value).__name__} has no canonical form")
