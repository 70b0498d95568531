"""A listener on the wire between the house and a vendor: forwards everything, and keeps what passed."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import requests

_NOT_FORWARDED = frozenset({"host", "content-length", "transfer-encoding", "connection", "accept-encoding"})
_BEARER = re.compile(r"Bearer ([A-Za-z0-9._~+/=-]{8,})")


@dataclass
class Wiretap:
    """``heard``: headers and bodies, both ways, without what tests say to the sandbox's controls."""

    vendor: str
    url: str = ""
    heard: list[str] = field(default_factory=list)

    def everything(self) -> str:
        return "\n".join(self.heard)

    def tokens(self) -> set[str]:
        return set(_BEARER.findall(self.everything()))

    def state(self, kind: str) -> list[dict[str, Any]]:
        found = requests.get(f"{self.vendor}/_sandbox/state/{kind}", timeout=60).json()
        return found if isinstance(found, list) else [found]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    tap: Wiretap
    http: requests.Session


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def _forward(self) -> None:
        tap = self.server.tap
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _NOT_FORWARDED}
        answer = requests.request(self.command, tap.vendor + self.path, data=body, headers=headers, timeout=60, allow_redirects=False)
        if not self.path.startswith("/_sandbox"):
            tap.heard += [f"{self.headers}", readable(body), readable(answer.content)]
        self.send_response(answer.status_code)
        for name, value in answer.headers.items():
            if name.lower() not in (*_NOT_FORWARDED, "content-encoding", "server", "date"):
                self.send_header(name, value)
        if "Date" in answer.headers:
            self.send_header("Date", answer.headers["Date"])
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _forward

    def send_response(self, code: int, message: str | None = None) -> None:
        self.send_response_only(code, message)  # the vendor's own Date must stay the only one

    def log_message(self, format: str, *args: Any) -> None:
        return


def readable(body: bytes) -> str:
    """Letters as letters, whether they were sent as themselves or escaped."""
    try:
        return json.dumps(json.loads(body), ensure_ascii=False)
    except ValueError:
        return body.decode("utf-8", "replace")


@contextmanager
def listening(vendor: str) -> Iterator[Wiretap]:
    server = _Server(("127.0.0.1", 0), _Handler)
    server.tap = Wiretap(vendor, url=f"http://127.0.0.1:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.tap
    finally:
        server.shutdown()
        server.server_close()
