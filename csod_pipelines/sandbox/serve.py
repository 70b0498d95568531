"""Run a sandbox: in the foreground as a process of its own, or on a thread of a test."""

from __future__ import annotations

import contextlib
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import uvicorn

from csod_pipelines.sandbox.control import CREDENTIALS
from csod_pipelines.sandbox.kit import Core
from csod_pipelines.sandbox.shell import Shell

HOST = "127.0.0.1"
VENDORS = ("administrate", "cornerstone")
START_SECONDS = 120.0  # a large world is built before the first answer


def make_core(vendor: str) -> Core:
    """The core of one vendor; the other one is not imported."""
    if vendor == "administrate":
        from csod_pipelines.sandbox.administrate.core import AdministrateCore

        return AdministrateCore()
    if vendor == "cornerstone":
        from csod_pipelines.sandbox.cornerstone.core import CornerstoneCore

        return CornerstoneCore()
    raise ValueError(f"unknown vendor {vendor!r}; known: {', '.join(VENDORS)}")


def serve(vendor: str, *, port: int = 0, seed: int = 1, size: Any = "small") -> int:
    """Serve until SIGINT or SIGTERM; writes nothing to disk. Prints the address once it answers. Returns the exit code."""
    listener = _listen(port)
    # uvicorn stops on both signals and raises them again at the end; doing nothing then makes a clean exit of it.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    try:
        shell = Shell(make_core(vendor), seed=seed, size=size)
    except ValueError as wrong:
        listener.close()
        raise SystemExit(f"no such world: {wrong}") from wrong
    server = _server(shell)
    address = f"http://{HOST}:{listener.getsockname()[1]}"
    threading.Thread(target=_announce, args=(server, vendor, address), daemon=True).start()
    server.run(sockets=[listener])
    return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A sandbox on a thread of this process."""

    vendor: str
    url: str
    shell: Shell


@contextlib.contextmanager
def running(vendor: str, *, port: int = 0, seed: int = 1, size: Any = "small") -> Iterator[Running]:
    """A sandbox served over real HTTP while the block lasts."""
    listener = _listen(port)
    shell = Shell(make_core(vendor), seed=seed, size=size)
    server = _server(shell)
    thread = threading.Thread(
        target=server.run,
        kwargs={"sockets": [listener]},
        name=f"sandbox-{vendor}",
        daemon=True,
    )
    thread.start()
    try:
        if not _wait_for_start(server):
            raise RuntimeError(f"the {vendor} sandbox did not start within {START_SECONDS:.0f} s")
        yield Running(vendor=vendor, url=f"http://{HOST}:{listener.getsockname()[1]}", shell=shell)
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listener.close()


def _listen(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as taken:
        listener.close()
        raise SystemExit(f"cannot listen on {HOST}:{port}: {taken.strerror}; choose another port, or 0 for a free one") from taken
    return listener


def _server(shell: Shell) -> uvicorn.Server:
    # The vendor's clock writes the Date header, not the machine's; open connections get a second to finish.
    return uvicorn.Server(
        uvicorn.Config(
            shell,
            log_level="warning",
            access_log=False,
            date_header=False,
            server_header=False,
            lifespan="on",
            timeout_keep_alive=120,
            timeout_graceful_shutdown=1,
            backlog=256,
        )
    )


def _wait_for_start(server: uvicorn.Server) -> bool:
    deadline = time.monotonic() + START_SECONDS
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    return server.started


def _announce(server: uvicorn.Server, vendor: str, address: str) -> None:
    if _wait_for_start(server):
        lines = (
            f"{vendor} sandbox at {address}",
            f"credentials: client id {CREDENTIALS['client_id']}, client secret {CREDENTIALS['client_secret']}",
            f"controls: {address}/_sandbox/",
        )
        sys.stdout.write("\n".join(lines) + "\n")
        sys.stdout.flush()
