"""A house as an operator runs it: `csod-pipelines up` in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from csod_pipelines.settings import environment

CLI = (sys.executable, "-m", "csod_pipelines.cli")
PORTS = {f"CSOD_PIPELINES_{name}_PORT": "0" for name in ("DAGSTER", "GATEWAY", "ADMINISTRATE", "CORNERSTONE")}
UP_SECONDS = 150.0  # 60 are promised; the tests share two cores


@dataclass(frozen=True)
class RunningHouse:
    home: Path
    process: subprocess.Popen[str]
    variables: dict[str, str]

    @property
    def endpoints(self) -> dict[str, str]:
        found: dict[str, str] = json.loads((self.home / "endpoints.json").read_text())
        return found

    def command(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*CLI, *arguments], env=self.variables, capture_output=True, text=True, timeout=120, check=False, **options)

    def groups(self) -> list[int]:
        rows = json.loads((self.home / "processes.json").read_text())
        return [row["group"] for row in rows]


@contextmanager
def serving(home: Path, *, before: Callable[[], None] | None = None, **extra: str) -> Iterator[RunningHouse]:
    variables = environment() | PORTS | {"CSOD_PIPELINES_HOME": str(home)} | extra
    log = home.with_suffix(".out")
    with log.open("w") as out:
        process = subprocess.Popen([*CLI, "up"], env=variables, stdout=out, stderr=out, text=True, preexec_fn=before)
    try:
        deadline = time.monotonic() + UP_SECONDS
        while not (home / "endpoints.json").exists():
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.2)
        yield RunningHouse(home, process, variables)
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=60)


def ignore_interrupts() -> None:
    """As a shell does for a command that it runs in the background."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def processes_of(home: Path) -> list[str]:
    """Command lines that mention the home, and what is in a process group that the house started."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                text = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
            except OSError:
                continue
            if str(home).encode() in text:
                found.append((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return found
