"""The gateway as it runs: its own process, its own database role, real HTTP."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
import requests

from csod_pipelines.settings import environment
from csod_pipelines.store.provision import Urls

SECRET = "current-secret"
OLD_SECRET = "former-secret"
API_KEY = "0123456789abcdef"


@dataclass(frozen=True)
class RunningGateway:
    url: str
    process: subprocess.Popen[bytes]
    urls: Urls

    def post(self, path: str, body: bytes, **options: Any) -> requests.Response:
        return requests.post(f"{self.url}{path}", data=body, timeout=30, **options)

    def rows(self) -> int:
        return self.query("SELECT count(*) FROM inbox_event")[0][0]

    def query(self, statement: str) -> list[Any]:
        with psycopg.connect(self.urls.owner.replace("+psycopg", "")) as conn:
            sql: Any = statement
            return conn.execute(sql).fetchall()

    def metric(self, line: str) -> float:
        """The value behind a name and its labels, as Prometheus sees it."""
        text = requests.get(f"{self.url}/metrics", timeout=30).text
        return next(float(row.removeprefix(line)) for row in text.splitlines() if row.startswith(line + " "))


@contextmanager
def serving(urls: Urls, **extra: str) -> Iterator[RunningGateway]:
    variables = environment() | {
        "CSOD_PIPELINES_GATEWAY_DATABASE_URL": urls.gateway,
        "CSOD_PIPELINES_ADMINISTRATE_WEBHOOK_SECRET": f"{SECRET},{OLD_SECRET}",
        "CSOD_PIPELINES_CORNERSTONE_WEBHOOK_API_KEY": API_KEY,
        **extra,
    }
    command = [sys.executable, "-m", "csod_pipelines.gateway", "--port", "0"]
    process = subprocess.Popen(command, env=variables, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        yield RunningGateway(process.stdout.readline().decode().split()[-1], process, urls)
    finally:
        process.terminate()
        process.wait(timeout=20)
