"""A vendor that answers whatever a test wants, as an adversary in its place could."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from csod_pipelines.model.keys import SystemName
from csod_pipelines.systems import cornerstone
from csod_pipelines.systems.base import Recorder
from csod_pipelines.systems.contract import Contract, load
from csod_pipelines.systems.cornerstone import CornerstoneOptions, CornerstoneSystem

SECRET = "planted-client-secret"
TOKEN = "planted-access-token"


@dataclass
class Hostile:
    """``status``, ``headers`` and ``body`` answer every call but the one for a token; ``seen`` tells who asked for what."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    token_redirect: str = ""
    url: str = ""
    seen: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)

    def system(self, *, recorder: Recorder | None = None, **more: Any) -> CornerstoneSystem:
        options = CornerstoneOptions(base_url=self.url, client_id="i", client_secret=more.pop("secret", SECRET), actor="a")
        return cornerstone.open(options, contract=_register(), **({"recorder": recorder} if recorder else {}), **more)


@cache
def _register() -> Contract:
    return load(SystemName.CORNERSTONE)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    hostile: Hostile


class _Handler(BaseHTTPRequestHandler):
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride]

    def _answer(self) -> None:
        hostile = self.server.hostile
        sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        hostile.seen.append((self.command, self.path, dict(self.headers.items()) | {"body": sent.decode("utf-8", "replace")}))
        if "/oauth2/" not in self.path:
            return self._send(hostile.status, hostile.headers, hostile.body)
        if hostile.token_redirect:
            return self._send(307, {"Location": hostile.token_redirect}, b"")
        return self._send(200, {}, b'{"access_token": "%s", "expires_in": 600}' % TOKEN.encode())

    do_GET = do_POST = do_PATCH = do_PUT = _answer

    def _send(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(body)
        except (BrokenPipeError, ConnectionResetError):
            return  # the client has seen enough

    def log_message(self, format: str, *args: Any) -> None:
        return


@contextmanager
def hostile(**given: Any) -> Iterator[Hostile]:
    server = _Server(("127.0.0.1", 0), _Handler)
    server.hostile = Hostile(**given, url=f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.hostile
    finally:
        server.shutdown()
        server.server_close()
