"""An answer that is asked for often and found anew only now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class OnceInAWhile(Generic[T]):
    """Calls ``find`` at most once in so many seconds; who asks meanwhile gets the last answer. A failure is not kept."""

    def __init__(self, find: Callable[[], T], *, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._find, self._seconds, self._monotonic = find, seconds, monotonic
        self._lock = threading.Lock()
        self._found: tuple[float, T] | None = None

    def __call__(self) -> T:
        with self._lock:
            if self._found is None or self._monotonic() - self._found[0] >= self._seconds:
                self._found = None
                value = self._find()
                self._found = self._monotonic(), value
            return self._found[1]
