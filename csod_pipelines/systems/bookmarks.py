"""How far a long listing has come, so that a run that was killed goes on there instead of asking for every page again.

Only an import keeps such a book; everywhere else there is none, and listings begin at their first page.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any, Protocol


class Book(Protocol):
    """Pages of a listing in their order: what is to be remembered of each, and where the next one is (None: it was the last)."""

    def kept(self, listing: str) -> Iterator[tuple[Any, str | None]]: ...

    def keep(self, listing: str, content: Any, following: str | None) -> None: ...

    def forget(self, listing: str) -> None: ...


book: ContextVar[Book | None] = ContextVar("book", default=None)
