"""Scans of whole kinds, and the change feed: windows of the change stamp by the vendor's clock.

A window is halved until its rows fit one page. Paging through it instead would skip rows, because a row that is changed
meanwhile moves to the end and shifts the others. The cursor is a JSON text: ``since``, the instant up to which all is told.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from csod_pipelines.model.keys import Kind, RecordKey, SystemName
from csod_pipelines.model.records import Record
from csod_pipelines.systems.administrate import parse
from csod_pipelines.systems.administrate.client import Client, Connection
from csod_pipelines.systems.administrate.custom_fields import Providers
from csod_pipelines.systems.administrate.listing import Listing
from csod_pipelines.systems.administrate.nodes import LISTS, Nodes
from csod_pipelines.systems.base import ChangePage, Hint, Page
from csod_pipelines.systems.errors import Malformed, Unavailable, Unsupported
from csod_pipelines.systems.reading import Tolerant

#: The operation and the stamp of each kind that has one; the stamp is not named alike everywhere.
FEEDS: Mapping[Kind, tuple[str, str]] = {
    Kind.ORG_UNIT: ("ChangedAccounts", "lastUpdatedAt"),
    Kind.PERSON: ("ChangedContacts", "lastUpdatedAt"),
    Kind.COURSE: ("ChangedCourseTemplates", "updatedAt"),
    Kind.OFFERING: ("ChangedEvents", "updatedAt"),
    Kind.ENROLLMENT: ("ChangedLearners", "lastUpdatedAt"),
}
#: Lists of these kinds cannot be ordered.
UNORDERED = (Kind.LOCATION, Kind.SUBJECT)
WINDOWS_PER_CALL = 20
SECOND = timedelta(seconds=1)
#: Stamps have whole seconds: only a stamp older than this can gain no further change.
SETTLED = timedelta(seconds=2)
MAX_REMEMBERED = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """``told`` maps ids near the end of the last window to the stamps already told, so that the overlap repeats nothing."""

    since: datetime
    resumed: bool = False
    told: Mapping[str, str]

    def text(self) -> str:
        return json.dumps({"since": stamp(self.since), "resumed": self.resumed, "told": dict(self.told)}, sort_keys=True)

    @classmethod
    def parse(cls, text: str) -> Cursor:
        try:
            raw = json.loads(text)
            since = datetime.fromisoformat(raw["since"])
        except (ValueError, KeyError, TypeError) as err:
            raise Malformed(f"administrate: {text[:80]!r} is no cursor of a change feed") from err
        return cls(since=since, resumed=bool(raw.get("resumed")), told=raw.get("told") or {})


class Feeds:
    def __init__(self, client: Client, nodes: Nodes, providers: Providers) -> None:
        self._client = client
        self._nodes = nodes
        self._providers = providers

    # ---- everything

    def scan(self, kind: Kind) -> Iterator[Page]:
        if kind is Kind.PROVIDER:
            yield Page(records=self._providers.all(), complete=True)
            return
        if kind is Kind.SUBJECT:
            yield self._categories()
            return
        order = {} if kind in UNORDERED else {"order": {"field": "id", "direction": "asc"}}
        listing: Listing | None = None
        tolerant = Tolerant(f"administrate {kind}")
        for page in self._client.pages(LISTS[kind], order, kept=True):
            if listing is None:
                listing = Listing(page)
                fresh = listing.nodes
            else:
                before = len(listing.nodes)
                listing.add(page)
                fresh = listing.nodes[before:]
            records = tolerant.records(fresh, partial(self._nodes.record, kind))
            listing.forget()
            yield Page(records=tuple(records), complete=listing.complete and not tolerant.skipped)

    def _categories(self) -> Page:
        """Paths need the whole tree, which is small."""
        pages = list(self._client.pages(LISTS[Kind.SUBJECT], {}))
        listing = Listing(pages[0])
        for page in pages[1:]:
            listing.add(page)
        tree = {node["id"]: node for node in listing.nodes}
        return Page(records=tuple(self._category(node, tree) for node in listing.nodes), complete=listing.complete)

    def _category(self, node: Mapping[str, Any], tree: Mapping[str, Mapping[str, Any]]) -> Record:
        path, above = [node.get("name") or ""], node.get("parentCategory")
        while above and len(path) <= len(tree):
            path.insert(0, above.get("name") or "")
            above = (tree.get(above["id"]) or {}).get("parentCategory")
        return parse.category(node, path=tuple(path))

    # ---- what changed

    def changes(self, kind: Kind, cursor: str | None) -> ChangePage:
        if kind not in FEEDS:
            raise Unsupported(f"administrate: a {kind} carries no change stamp; compare complete scans")
        if not self._client.transport.clock.heard:
            self._client.run("Hello")  # windows go by the vendor's clock, which only an answer tells
        until = self._client.transport.clock.now().replace(microsecond=0) + SECOND
        if cursor is None:
            return ChangePage(hints=(), cursor=Cursor(since=until - SECOND, told={}).text())
        start = Cursor.parse(cursor)
        since = start.since if start.resumed else start.since - timedelta(seconds=self._client.options.feed_overlap_seconds)
        return self._windows(kind, start, since=since, until=max(until, since + SECOND))

    def cursor_from(self, moment: datetime) -> str:
        """Where ``changes`` goes on from, for all that came after this moment of the vendor's clock."""
        return Cursor(since=moment.replace(microsecond=0), told={}).text()

    def _windows(self, kind: Kind, start: Cursor, *, since: datetime, until: datetime) -> ChangePage:
        hints: dict[str, Hint] = {}
        told = dict(start.told)
        waiting = [(since, until)]
        reached = since
        windows = 0
        while waiting and windows < WINDOWS_PER_CALL:
            low, high = waiting.pop()
            page = self._window(kind, low, high)
            if page.has_next and high - low > SECOND:
                middle = low + timedelta(seconds=(high - low) // SECOND // 2)
                waiting += [(middle, high), (low, middle)]
                continue
            for node in self._rest(kind, page, low, high):
                changed = str(node.get("stamp") or "")
                if not changed or told.get(node["id"]) != changed:
                    hints[node["id"]] = _hint(kind, node)
                if changed:
                    told[node["id"]] = changed
            reached, windows = high, windows + 1
        more = bool(waiting)
        # The running second is not over yet: the next window must begin with it.
        following = Cursor(since=reached if more else until - SECOND, resumed=more, told=self._near(told, until))
        return ChangePage(hints=tuple(hints.values()), cursor=following.text(), more=more)

    def _window(self, kind: Kind, low: datetime, high: datetime) -> Connection:
        operation, field = FEEDS[kind]
        return self._client.page(operation, self._variables(field, low, high))

    def _variables(self, field: str, low: datetime, high: datetime) -> dict[str, Any]:
        filters = [
            {"field": field, "operation": "ge", "value": stamp(low)},
            {"field": field, "operation": "lt", "value": stamp(high)},
        ]
        return {"filters": filters, "order": {"field": "id", "direction": "asc"}}

    def _rest(self, kind: Kind, first: Connection, low: datetime, high: datetime) -> list[Mapping[str, Any]]:
        """More rows than a page within one second (an import did that) must be paged; a list that moved is asked again later."""
        operation, field = FEEDS[kind]
        listing = Listing(first)
        while listing.has_next:
            listing.add(self._client.page(operation, self._variables(field, low, high), after=listing.end_cursor))
        if not listing.complete:
            raise Unavailable(f"administrate {operation}: the rows of {stamp(low)} moved while they were read; they are read again")
        return listing.nodes

    def _near(self, told: Mapping[str, str], until: datetime) -> dict[str, str]:
        oldest = until - timedelta(seconds=self._client.options.feed_overlap_seconds + 5)
        kept = {id: changed for id, changed in told.items() if oldest <= (parse.instant(changed) or oldest - SECOND) < until - SETTLED}
        return kept if len(kept) <= MAX_REMEMBERED else {}


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _hint(kind: Kind, node: Mapping[str, Any]) -> Hint:
    event = node.get("event") or {}
    return Hint(key=RecordKey(kind, SystemName.ADMINISTRATE, node["id"]), offering_id=event.get("id") if kind is Kind.ENROLLMENT else None)
