"""Child processes, each in a session of its own with a log of its own, and how they are ended together."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

KILLED_SECONDS = 5.0
GRACE_SECONDS = 10.0
POLL_SECONDS = 0.05
LOG_TAIL_BYTES = 2_000


class ChildDied(Exception):
    """A process that the house needs has ended; the message holds the end of its log."""


@dataclass(slots=True)
class Child:
    """``group`` is the process group: a run started by Dagster's code server belongs to that server's group."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def group(self) -> int:
        return self.process.pid

    def tail(self) -> str:
        return self.log.read_bytes()[-LOG_TAIL_BYTES:].decode(errors="replace").strip()

    def check(self) -> None:
        status = self.process.poll()
        if status is not None:
            raise ChildDied(f"{self.name} ended with status {status}. Its log, {self.log}, ends:\n{self.tail()}")


class Restarts:
    """At most so many in a window: what dies again and again is for a person to look at, what dies once a month is not."""

    def __init__(self, *, most: int, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._most, self._seconds, self._monotonic = most, seconds, monotonic
        self._at: deque[float] = deque()

    def allowed(self) -> bool:
        """Whether one more may be made now; it is counted."""
        now = self._monotonic()
        while self._at and now - self._at[0] > self._seconds:
            self._at.popleft()
        if len(self._at) >= self._most:
            return False
        self._at.append(now)
        return True


class Children:
    """Told to stop in the reverse order of their start."""

    def __init__(self, *, logs: Path, on_change: Callable[[list[dict[str, Any]]], None] = lambda rows: None) -> None:
        self._logs = logs
        self._on_change = on_change
        self._children: list[Child] = []

    def start(self, name: str, argv: Sequence[str], *, environment: Mapping[str, str], folder: Path) -> Child:
        path = self._logs / f"{name}.log"
        with path.open("ab") as log:
            process = subprocess.Popen(
                argv,
                env=dict(environment),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        child = Child(name, process, path)
        self._children.append(child)
        self._on_change([{"name": c.name, "group": c.group, "started": _start_time(c.group)} for c in self._children])
        return child

    def check(self) -> None:
        """Raises ChildDied for the first that has ended."""
        for child in self._children:
            child.check()

    def dead(self) -> list[Child]:
        return [child for child in self._children if child.process.poll() is not None]

    def forget(self, child: Child) -> None:
        self._children.remove(child)

    def stop_one(self, name: str, *, urgent: Callable[[], bool] = lambda: False) -> None:
        """End one before the others."""
        for child in [child for child in self._children if child.name == name]:
            end_groups([child.group], urgent=urgent, reap=[child.process])
            self._children.remove(child)

    def stop(self, *, urgent: Callable[[], bool] = lambda: False) -> None:
        """TERM, ten seconds, KILL."""
        groups = [child.group for child in reversed(self._children)]
        end_groups(groups, urgent=urgent, reap=[child.process for child in self._children])
        self._children.clear()


def end_groups(groups: Sequence[int], *, urgent: Callable[[], bool] = lambda: False, reap: Iterable[subprocess.Popen[bytes]] = ()) -> None:
    processes = list(reap)
    _signal(groups, signal.SIGTERM)
    if _gone(groups, processes, seconds=GRACE_SECONDS, urgent=urgent):
        return
    _signal(groups, signal.SIGKILL)
    for process in processes:
        process.wait()
    _gone(groups, processes, seconds=KILLED_SECONDS)


def _gone(
    groups: Sequence[int], processes: Iterable[subprocess.Popen[bytes]], *, seconds: float, urgent: Callable[[], bool] = lambda: False
) -> bool:
    """Wait until nobody of these groups is left. On a busy machine a killed process takes its time to die."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline and not urgent():
        for process in processes:
            process.poll()
        if not any(members(group) for group in groups):
            return True
        time.sleep(POLL_SECONDS)
    return False


def end_left_behind(rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """End what an earlier house started and could not stop itself; a number that is somebody else's by now is left alone."""
    left = [row for row in rows if row["started"] is not None and _start_time(int(row["group"])) == row["started"]]
    end_groups([int(row["group"]) for row in left])
    return [str(row["name"]) for row in left]


def members(group: int) -> list[int]:
    """Living processes of a group. A zombie that nobody reaps, as in a container without init, is none."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = _stat(int(entry.name))
            if fields and fields[2] == str(group) and fields[0] != "Z":
                found.append(int(entry.name))
    return found


def _signal(groups: Sequence[int], number: signal.Signals) -> None:
    for group in groups:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, number)


def _start_time(pid: int) -> str | None:
    """In clock ticks since boot: with the number it names a process for good."""
    fields = _stat(pid)
    return fields[19] if fields else None


def _stat(pid: int) -> list[str]:
    """Fields of /proc/PID/stat from the third on (state, parent, group ...); empty when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return []
    return text.rpartition(")")[2].split()
