"""Webhooks as they come: both vendors post to a real gateway, which stores under its own database role."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import requests
import uvicorn

from csod_pipelines.gateway.__main__ import wiring_of
from csod_pipelines.gateway.app import Gateway
from csod_pipelines.house.hooks import USER, install_webhooks
from csod_pipelines.sandbox.shell import Shell
from csod_pipelines.settings import Settings
from csod_pipelines.store.database import Database, connect
from csod_pipelines.store.inbox import gateway_status

QUIET_SECONDS = 0.25
PATIENCE_SECONDS = 20.0


@dataclass(slots=True)
class Mail:
    url: str
    settings: Settings
    database: Database
    shells: Sequence[Shell]

    def arrive(self) -> None:
        """Wait until what is due at the vendors was delivered and stored."""
        deadline, before, since = time.monotonic() + PATIENCE_SECONDS, -1, time.monotonic()
        while time.monotonic() < deadline:
            stored = self._stored()
            if stored != before or self._due():
                before, since = stored, time.monotonic()
            elif time.monotonic() - since > QUIET_SECONDS:
                return
            time.sleep(0.03)
        raise AssertionError("the vendors' outboxes do not get empty")

    def _due(self) -> bool:
        for shell in self.shells:
            with shell.lock:
                due = shell.core.next_due()
                if due is not None and due <= shell.clock.now():
                    shell.courier.wake()
                    return True
        return False

    def _stored(self) -> int:
        with self.database.read() as conn:
            last: Any = gateway_status(conn)["last_event_at"]
        return hash(last)

    def post(self, vendor: str, body: Mapping[str, Any], *, type: str = "") -> requests.Response:
        """A delivery that we forge, with the right secret."""
        if vendor == "administrate":
            secret = next(iter(self.settings.administrate.webhook_secrets))
            return requests.post(f"{self.url}/webhooks/administrate/{type}", json=body, auth=(USER, secret), timeout=30)
        headers = {"x-api-key": next(iter(self.settings.cornerstone.webhook_api_keys))}
        return requests.post(f"{self.url}/webhooks/cornerstone", json=body, headers=headers, timeout=30)


@contextmanager
def delivering(settings: Settings, variables: Mapping[str, str], *, shells: Sequence[Shell], now: Callable[[], datetime]) -> Iterator[Mail]:
    """A gateway on a thread of this process, with both vendors told to deliver there."""
    database = connect(settings.gateway_database_url, clock_now=now, pool_size=2)
    config = uvicorn.Config(Gateway(wiring_of(settings, database=database)).app(), port=0, log_level="warning", access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        install_webhooks(variables, gateway=url, say=lambda text: None)
        yield Mail(url, settings, database, shells)
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        database.close()
