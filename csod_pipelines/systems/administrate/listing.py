"""Pages of one connection put together, and whether they are known to hold every row.

A cursor is a row number in disguise: rows that vanish while we page shift the rest, and one is skipped. The vendor's own
count, unchanged from the first page to the last and equal to the distinct rows seen, is the proof that none was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from csod_pipelines.systems.administrate.client import Connection


class Listing:
    def __init__(self, first: Connection) -> None:
        self.nodes: list[Mapping[str, Any]] = []
        self._seen: set[str] = set()
        self._total = first.total
        self._steady = True
        self.add(first)

    def add(self, page: Connection) -> None:
        fresh = [node for node in page.nodes if node["id"] not in self._seen]
        self._seen.update(node["id"] for node in fresh)
        self.nodes += fresh
        self._steady = self._steady and page.total == self._total
        self.has_next, self.end_cursor = page.has_next, page.end_cursor

    def forget(self) -> None:
        """Let go of the rows, not of their ids: a scan of a large kind keeps its memory flat."""
        self.nodes.clear()

    @property
    def complete(self) -> bool:
        counted = self._total is None or self._total == len(self._seen)
        return self._steady and counted and not self.has_next
