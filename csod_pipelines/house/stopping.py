"""The request to stop: SIGINT, SIGTERM, SIGHUP, or the end of whoever started the house."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from types import FrameType

POLL_SECONDS = 0.1


class StopRequested(Exception):
    """Somebody asked to stop while the house was still starting."""


class StopRequest:
    """``install`` before anything is spawned: a shell's background jobs ignore SIGINT, and children would inherit that;
    a handler of ours is reset to the default in them."""

    def __init__(self, *, follow_stdin: bool = False) -> None:
        self.signals = 0
        self._follow_stdin = follow_stdin

    def install(self) -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        # Only a number is changed here: taking a lock in a handler can wait for the very code it interrupted.
        self.signals += 1

    @property
    def requested(self) -> bool:
        return self.signals > 0 or (self._follow_stdin and _at_end(sys.stdin.fileno()))

    @property
    def urgent(self) -> bool:
        """Asked again while stopping."""
        return self.signals > 1

    def check(self) -> None:
        if self.requested:
            raise StopRequested

    def wait(self, seconds: float) -> bool:
        """At most ``seconds``; True once requested."""
        deadline = time.monotonic() + seconds
        while not self.requested:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(POLL_SECONDS, left))
        return True


def _at_end(descriptor: int) -> bool:
    ready, _, _ = select.select([descriptor], [], [], 0)
    return bool(ready) and os.read(descriptor, 4_096) == b""
