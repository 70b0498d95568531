"""Odd requests from a seed: distortions of good ones, at every height from the socket up to a leaf of the JSON."""

from __future__ import annotations

import gzip
import random
import socket
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests

TIMEOUT_SECONDS = 30
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "QUERY")
ODD: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 2**31, 10**18, "", " ", "x", "é中\u0000\u202e", "😀", "y" * 5_000, [], {}, [None], [[]]),
    *({"": None}, {"id": {}}, "2026-02-30T25:00:00", "9999-12-31T23:59:59Z", "0001-01-01", "'; drop table x --", "../..", "%00", "null"),
    *("Q291cnNlOjE=", "Q3Vyc29yOi0x", "00000000-0000-4000-8000-000000000000", "NaN", "-0", "1e999", {"a": {"b": {"c": []}}}),
)
RAW = (b"", b"{", b"null", b"[]", b"0", b'"', b"\xff\xfe", b"[" * 2_000, b'"\\ud800"', b"1e999", b"{}{}", b"a=b&c", b"\x1f\x8b\x08\x00")
PATHS = ("/", "//", "/x", "/%00", "/%ff%fe", "/%2e%2e/%2e%2e", "/é", "/" + "a" * 4_000, "/_sandbox", "/_sandbox/nothing", "/favicon.ico")
HEADERS: tuple[tuple[str, str], ...] = (
    *(("content-type", "text/plain"), ("content-type", "application/xml"), ("content-type", ";;;"), ("accept", "image/png")),
    *(("content-encoding", "gzip"), ("content-encoding", "br"), ("prefer", "odata.maxpagesize=x"), ("prefer", "\u00e9")),
    *(("authorization", "Bearer"), ("authorization", "Basic ?"), ("authorization", "Bearer " + "x" * 3_000), ("range", "bytes=0-1")),
    *(("x-api-key", ""), ("x-http-method-override", "DELETE"), ("expect", "nothing"), ("cookie", "a=b;" * 200)),
)
LINES = (
    b"\r\n\r\n",
    b"GET\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Good:
    """A request that must succeed however often it is sent."""

    method: str
    path: str
    json: Any = None
    form: dict[str, str] | None = None
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    packed: bool = False  # its body is sent compressed

    def raw(self) -> bytes:
        if self.form is not None:
            return "&".join(f"{name}={value}" for name, value in self.form.items()).encode()
        body = b"" if self.json is None else orjson.dumps(self.json)
        return gzip.compress(body, mtime=0) if self.packed else body


@dataclass(slots=True)
class Answer:
    status: int | None  # None: the connection was closed without a word
    text: str
    sent: str


class Fuzzer:
    def __init__(self, url: str, *, seed: int, good: list[Good], names: tuple[str, ...]) -> None:
        self.url, self.good, self.names = url, good, names
        self.dice = random.Random(seed)
        self.http = requests.Session()

    def send_good(self, number: int) -> Answer:
        each = self.good[number % len(self.good)]
        return self._send(each, each.raw())

    def send_odd(self) -> Answer:
        """One distorted request. Four in a hundred are broken below HTTP."""
        dice = self.dice
        choice = dice.random()
        if choice < 0.04:
            return self._raw(dice.choice(LINES))
        good = dice.choice(self.good)
        if choice < 0.12:
            return self._send(replace(good, path=dice.choice(PATHS), method=dice.choice(METHODS)), good.raw())
        if choice < 0.2:
            return self._send(replace(good, method=dice.choice([method for method in METHODS if method != good.method])), good.raw())
        if choice < 0.26:
            return self._send(replace(good, headers=good.headers | dict([dice.choice(HEADERS)])), good.raw())
        if choice < 0.4 or (good.json is None and good.form is None):
            return self._send(self._elsewhere(good), good.raw())
        return self._send(replace(good, query=good.query | (self._query(good) if choice < 0.5 else {})), self._body(good))

    # ---- distortions

    def value(self, value: Any) -> Any:
        """The value with some of its leaves replaced, dropped, doubled or renamed."""
        dice = self.dice
        if dice.random() < 0.2:
            return dice.choice(ODD)
        if isinstance(value, dict):
            changed = {name: self.value(item) for name, item in value.items() if dice.random() > 0.08}
            if dice.random() < 0.1:
                changed[dice.choice(self.names)] = dice.choice(ODD)
            return changed
        if isinstance(value, list):
            return [self.value(item) for item in value] * dice.choice((1, 1, 1, 2, 0))
        if isinstance(value, str) and dice.random() < 0.15:
            return self._text(value)
        return value

    def _text(self, text: str) -> str:
        """A character more, less, or another one."""
        place = self.dice.randrange(len(text) + 1)
        return (
            text[:place]
            + self.dice.choice(("", "{", "}", '"', "\\", "\u0000", "9", ":", "(", "é"))
            + text[place + self.dice.randrange(3) :]
        )

    def _body(self, good: Good) -> bytes:
        dice = self.dice
        choice = dice.random()
        if choice < 0.1:
            return dice.choice(RAW)
        if choice < 0.2:
            raw = good.raw()
            return raw[: dice.randrange(len(raw) + 1)]
        if good.form is not None:
            return replace(good, form={name: str(self.value(value)) for name, value in good.form.items()}).raw()
        try:
            changed = self.value(good.json)
            while changed == good.json:
                changed = self.value(good.json)
            return replace(good, json=changed).raw()
        except TypeError:  # a number that orjson does not write
            return b'{"id": 1000000000000000000000000000000}'

    def _elsewhere(self, good: Good) -> Good:
        """The same call with something wrong in its address."""
        if good.path.count("/") > 1 and self.dice.random() < 0.5:
            return replace(good, path=self._path(good.path))
        return replace(good, query=good.query | self._query(good))

    def _query(self, good: Good) -> dict[str, str]:
        """Odd values, most of them for parameters that the call takes."""
        names = [*good.query, *good.query, *good.query, self.dice.choice(self.names)]
        return {self.dice.choice(names): str(self.dice.choice(ODD)) for _ in range(self.dice.randrange(1, 4))}

    def _path(self, path: str) -> str:
        steps = path.split("/")
        place = self.dice.randrange(1, len(steps))
        steps[place] = self.dice.choice(("", "x", "0", "-1", "9" * 25, "%00", "%ff", "*", "$metadata", "é", ".."))
        return "/".join(steps)

    # ---- sending

    def _send(self, request: Good, body: bytes) -> Answer:
        kind = "application/x-www-form-urlencoded" if request.form is not None else "application/json"
        headers = {"content-type": kind, **request.headers}
        sent = f"{request.method} {request.path} {request.query} {headers} {body[:300]!r}"
        encoded = {name: value.encode("latin-1") for name, value in headers.items()}
        got = self.http.request(
            request.method,
            self.url + request.path,
            params=request.query,
            data=body or None,
            headers=encoded,
            timeout=TIMEOUT_SECONDS,
            allow_redirects=False,
        )
        return Answer(got.status_code, got.text, sent)

    def _raw(self, line: bytes) -> Answer:
        where = urlsplit(self.url)
        assert where.hostname is not None and where.port is not None
        with socket.create_connection((where.hostname, where.port), timeout=TIMEOUT_SECONDS) as connection:
            connection.sendall(line)
            connection.shutdown(socket.SHUT_WR)
            try:
                text = connection.recv(4_096).decode("latin-1")
            except ConnectionResetError:
                text = ""
        status = text.split(" ")[1] if text.startswith("HTTP/") else ""
        return Answer(int(status) if status.isdecimal() else None, text, repr(line[:80]))
