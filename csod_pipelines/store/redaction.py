"""What never reaches the ledger, and what reaches only its deletable part.

Secrets are cut out of bodies before they are stored. An address keeps what names a call (path, ids, dates, sizes) and loses
what may name a person (an e-mail address in a search, a filter).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import orjson

REMOVED = "[removed]"

#: Compared without case, ``-`` and ``_``. ``configuration`` of a webhook holds the credentials of our own gateway.
SECRET_FIELDS = frozenset(
    {
        "authorization", "proxyauthorization", "clientsecret", "accesstoken", "refreshtoken", "idtoken", "password", "passwd", "secret",
        "apikey", "xapikey", "token", "configuration", "cookie", "setcookie", "assertion", "clientassertion", "privatekey", "signature",
    }
)  # fmt: skip

_TELLING = re.compile(
    r"""(?ix) ^(?: \d{1,20} | [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}
        | \d{4}-\d\d-\d\d (?:[T ][\d:.,]+ (?:Z|[+-]\d\d:?\d\d)? )? | true | false | asc | desc | active | inactive )$"""
)
# An address of a webhook holds the credentials under which the vendor delivers to us.
_USER_INFO = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{1,15}:\\?/\\?/)[^\s\"'/\\@]{1,500}@")
_NEVER_STORED = re.compile(r"(?i)/oauth2?/|/token\b")
# GraphQL: the document may hold literals, such as query { login(password: "...") }
_INLINE = re.compile(r"(?i)\b([a-z_]*(?:password|secret|token|apikey|configuration))(\s*:\s*)\"(?:[^\"\\]|\\.)*\"")

# the same in broken JSON, where the name stands in quotes too
_INLINE_JSON = re.compile(
    r"(?i)\b([a-z_-]*(?:password|secret|token|api-?key|configuration|authorization)\"?)(\s*[:=]\s*)(?:(?:bearer|basic)\s+)?\"?(?:[^\"\\\s,}<&]|\\.)+\"?"
)


def redact(body: bytes) -> bytes:
    """The body without secrets. JSON, told by its first byte, and forms are understood; of text only what looks like
    ``secret: "..."`` is cut."""
    stripped = body.lstrip()
    if stripped[:1] in (b"{", b"["):
        try:
            return orjson.dumps(_clean(orjson.loads(stripped)))
        except (orjson.JSONDecodeError, orjson.JSONEncodeError, RecursionError):
            pass  # truncated, malformed or nested beyond reason: kept as text, for it is the evidence
    text = body.decode("utf-8", "replace")
    if re.fullmatch(r"[^\s=&]+=[^\s&]*(?:&[^\s=&]+=[^\s&]*)*", text):
        return urlencode([(k, REMOVED if _secret(k) else _cut_inline(v)) for k, v in parse_qsl(text, keep_blank_values=True)]).encode()
    return _cut_inline(text, everything=True).encode()


def redact_url(url: str) -> str:
    """The address without user, fragment, and the values of query parameters that may name a person."""
    parts = urlsplit(url)
    host = parts.netloc.rsplit("@", 1)[-1]
    query = "&".join(f"{k}={v if _TELLING.match(v) and not _secret(k) else '~'}" for k, v in parse_qsl(parts.query, keep_blank_values=True))
    return urlunsplit((parts.scheme, host, parts.path, query, ""))


def never_stored(url: str) -> bool:
    """Calls of which no body is kept, however redacted: they exist to exchange secrets."""
    return bool(_NEVER_STORED.search(urlsplit(url).path))


def _clean(value: Any) -> Any:
    if type(value) is str:
        return _cut_inline(value)
    if isinstance(value, dict):
        return {k: REMOVED if _secret(k) else _clean(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_clean(v) for v in value]
    return value


def _cut_inline(text: str, *, everything: bool = False) -> str:
    if "@" in text:
        text = _USER_INFO.sub(rf"\1{REMOVED}@", text)
    if not everything and '"' not in text:
        return text  # nearly every value of a body; the pattern needs a quote
    pattern = _INLINE_JSON if everything else _INLINE
    return pattern.sub(rf'\1\2"{REMOVED}"', text)


@lru_cache(maxsize=4_096)
def _secret(name: str) -> bool:
    return name.lower().replace("-", "").replace("_", "") in SECRET_FIELDS
