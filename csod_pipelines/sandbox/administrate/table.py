"""One kind of record with what keeps a million of them quick to list: order of creation and order of change."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import Generic, TypeVar

from csod_pipelines.sandbox.administrate.records import Row

R = TypeVar("R", bound=Row)


class Table(Generic[R]):
    """Rows by id. `ordered` is ascending by id, which is also the order of creation; the change log holds every row once, at its last
    stamp, between stale entries that are skipped and now and then swept."""

    def __init__(self) -> None:
        self._rows: dict[int, R] = {}
        self.ordered: list[R] = []
        self._log: list[R] = []
        self._stamps = array("q")
        self.version = 0  # moves with every change

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, id: int | None) -> R | None:
        return None if id is None else self._rows.get(id)

    def __getitem__(self, id: int) -> R:
        return self._rows[id]

    def __contains__(self, id: int) -> bool:
        return id in self._rows

    def add(self, row: R, *, stamp: int) -> R:
        assert not self.ordered or self.ordered[-1].id < row.id, "ids come from one ascending counter"
        row.created = stamp
        self._rows[row.id] = row
        self.ordered.append(row)
        self.touch(row, stamp=stamp)
        return row

    def touch(self, row: R, *, stamp: int) -> None:
        self.version += 1
        row.updated = stamp
        row.position = len(self._log)
        self._log.append(row)
        self._stamps.append(stamp)
        if len(self._log) > 2 * len(self._rows) + 1000:
            self._sweep()

    def remove(self, row: R) -> None:
        self.version += 1
        del self._rows[row.id]
        del self.ordered[bisect_left(self.ordered, row.id, key=lambda other: other.id)]
        row.position = -1

    def changed_between(self, since: float, until: float) -> Iterator[R]:
        """Rows whose stamp lies from `since` to `until`, both included, oldest change first."""
        for index in range(bisect_left(self._stamps, since), bisect_right(self._stamps, until)):
            row = self._log[index]
            if row.position == index:
                yield row

    def created_between(self, since: float, until: float) -> Iterator[R]:
        first = bisect_left(self.ordered, since, key=lambda row: row.created)
        for index in range(first, bisect_right(self.ordered, until, key=lambda row: row.created)):
            yield self.ordered[index]

    def _sweep(self) -> None:
        live = [row for index, row in enumerate(self._log) if row.position == index]
        self._log = live
        self._stamps = array("q", (row.updated for row in live))
        for index, row in enumerate(live):
            row.position = index
