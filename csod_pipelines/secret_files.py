"""A secret that is kept in a file, so that it can be replaced while the process runs.

The file is looked at whenever the secret is used, and read again when it was changed. One that cannot be read for a moment
(it is being replaced) leaves the last value in force.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import structlog

log = structlog.get_logger(__name__)

_Seen = tuple[int, int, int]


class SecretFile:
    """``value`` is the file's text without outer blanks; iterating gives its words between commas and lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._text, self._seen = self._read()

    def __repr__(self) -> str:
        return f"SecretFile({str(self._path)!r})"

    @property
    def value(self) -> str:
        try:
            if self._stamp() != self._seen:
                self._text, self._seen = self._read()
        except (OSError, ValueError) as err:
            log.warning("secret not read again, the last one stays in force", path=str(self._path), error=type(err).__name__)
        return self._text

    def __iter__(self) -> Iterator[str]:
        return iter(several(self.value))

    def _read(self) -> tuple[str, _Seen]:
        """Raises OSError, and ValueError where the file is empty."""
        stamp = self._stamp()
        text = self._path.read_text(encoding="utf-8").strip()
        if not text:
            raise ValueError(f"{self._path} is empty")
        return text, stamp

    def _stamp(self) -> _Seen:
        found = os.stat(self._path)
        return found.st_mtime_ns, found.st_ino, found.st_size


def several(text: str) -> tuple[str, ...]:
    return tuple(word for line in text.splitlines() for part in line.split(",") if (word := part.strip()))
