"""A sandbox as a process of its own, and its control surface."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests


@dataclass(frozen=True)
class Vendor:
    url: str

    def reset(self, **counts: Any) -> None:
        self._call("POST", "reset", {"seed": 1, "size": "small", **counts})

    def state(self, kind: str, id: str | None = None) -> list[dict[str, Any]]:
        return self._call("GET", f"state/{kind}" + (f"?id={id}" if id else ""))

    def row(self, kind: str, id: str) -> dict[str, Any]:
        return next(row for row in self.state(kind) if str(row["id"]) == str(id))

    def act(self, action: str, **arguments: Any) -> dict[str, Any]:
        return self._call("POST", "act", {"action": action, **arguments})

    def config(self, **changes: Any) -> dict[str, Any]:
        return self._call("PATCH", "config", changes)

    def fault(self, fault: str, *, operation: str | None = None, path: str | None = None, times: int = 1, **more: Any) -> None:
        match = {name: value for name, value in {"operation": operation, "path": path}.items() if value}
        self._call("POST", "faults", {"match": match, "fault": fault, "times": times, **more})

    def no_faults(self) -> None:
        self._call("DELETE", "faults")

    def advance(self, seconds: float) -> None:
        self._call("POST", "clock", {"advance": seconds})

    def requests(self, since: int = 0) -> list[dict[str, Any]]:
        return self._call("GET", f"requests?since={since}")

    def last_request(self) -> int:
        return max((row["seq"] for row in self.requests()), default=0)

    def writes_since(self, seq: int) -> list[dict[str, Any]]:
        return [row for row in self.requests(seq) if row["effect"] not in ("none", "log")]

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        answer = requests.request(method, f"{self.url}/_sandbox/{path}", json=body, timeout=30)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None


@contextmanager
def running(vendor: str) -> Iterator[Vendor]:
    command = [sys.executable, "-m", "csod_pipelines.sandbox", "--vendor", vendor, "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:\d+", line):
                yield Vendor(found.group(0))
                return
        raise AssertionError(f"the {vendor} sandbox said no address and ended with {process.wait()}")
    finally:
        process.terminate()
        process.wait(timeout=10)
