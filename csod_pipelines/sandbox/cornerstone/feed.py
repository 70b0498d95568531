"""What a list that can be read in bulk consists of: its fields, its key, and where its rows come from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from csod_pipelines.sandbox.cornerstone.feed_rows import Row
from csod_pipelines.sandbox.cornerstone.portal import Portal

Walk = Callable[[Portal, int], Iterator[tuple[int, Row]]]
STAMP = {"_last_touched_dt_utc": "instant"}  # every core object carries it (Data Exporter objects, v19.02)


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    name: str
    fields: dict[str, str]  # name -> int, number, text, guid, bool, instant
    key: tuple[str, ...]
    walk: Walk
    one: Callable[[Portal, tuple], Row | None] | None = None  # by key
    narrow: Callable[[Portal, dict[str, Any]], list[Row] | None] | None = None  # by equalities of a filter
    indexed: frozenset[str] | None = None  # None: every field may be filtered
    tracked: bool = True
    source: str | None = None  # the change log's name of these rows, where it is another
