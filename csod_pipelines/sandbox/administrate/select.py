"""Connections: which rows a filtered, ordered, paged list shows.

Default page 50, asking for more than 100 silently gives 100 (vendor's paging page). A cursor is base64 of `Cursor:<row index>`, so a page
shifts when rows come or go before it. Without an order the oldest record comes first.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from itertools import islice
from typing import Any

from graphql import GraphQLError

from csod_pipelines.sandbox.administrate import filterable, ids, times
from csod_pipelines.sandbox.administrate.filters import Field, Test, compile_filter
from csod_pipelines.sandbox.administrate.records import Account, Contact, Event, Learner, Row
from csod_pipelines.sandbox.administrate.world import World

DEFAULT_PAGE, LARGEST_PAGE = 50, 100
RESULTS_KEPT = 8  # sorted results of lists that are being paged through


class Page:
    """One page of a connection. The total is counted only if somebody asks."""

    def __init__(
        self,
        rows: Iterable[Any],
        *,
        first: int | None,
        offset: int | None,
        after: str | None,
        total: int | None = None,
        counted: Callable[[int], None] | None = None,
    ) -> None:
        self.start = _start(offset, after)
        size = _size(first)
        if isinstance(rows, Sequence):
            total = len(rows)
            shown = list(rows[self.start : self.start + size])
            self._rest: Iterator[Any] = iter(())
            self.has_next = self.start + size < total
        else:
            self._rest = iter(rows)
            skipped = sum(1 for _ in islice(self._rest, self.start))
            shown = list(islice(self._rest, size))
            extra = next(self._rest, None)
            self.has_next = extra is not None
            self._seen = skipped + len(shown) + (1 if self.has_next else 0)
        self.rows = shown
        self._total = total
        self._counted = counted

    def total(self) -> int:
        if self._total is None:
            self._total = self._seen + sum(1 for _ in self._rest)
            if self._counted is not None:
                self._counted(self._total)
        return self._total


def cursor(index: int) -> str:
    return ids.encode("Cursor", index)


def _start(offset: int | None, after: str | None) -> int:
    if offset is not None and offset < 0:
        raise GraphQLError("'offset' must not be negative")
    start = offset or 0
    if after:
        parts = ids.decode_number(after)
        if parts is None or parts[0] != "Cursor":
            raise GraphQLError(f"Invalid cursor {after!r}")
        start += parts[1] + 1
    return min(start, 10**12)


def _size(first: int | None) -> int:
    if first is None:
        return DEFAULT_PAGE
    if first < 0:
        raise GraphQLError("'first' must not be negative")
    return min(first, LARGEST_PAGE)


class Selector:
    """Answers lists over one world. Built anew with every reset."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._fields = filterable.tables(world)
        self._totals: dict[tuple[Any, ...], tuple[int, int]] = {}
        self._results: OrderedDict[tuple[Any, ...], tuple[int, list[Any]]] = OrderedDict()

    def top(self, kind: type[Row], arguments: Mapping[str, Any]) -> Page:
        """A connection of the root query."""
        return self._page(kind, None, arguments)

    def nested(self, kind: type[Row], rows: Sequence[Any], arguments: Mapping[str, Any]) -> Page:
        """A connection below a record, over the rows that belong to it."""
        return self._page(kind, rows, arguments)

    def _page(self, kind: type[Row], rows: Sequence[Any] | None, arguments: Mapping[str, Any]) -> Page:
        page = partial(Page, first=arguments.get("first"), offset=arguments.get("offset"), after=arguments.get("after"))
        filters = [given for given in arguments.get("filters") or () if given is not None]
        orders = _orders(arguments)
        fields = self._fields[kind]
        tests = [compile_filter(self._field(fields, given["field"]), given) for given in filters]
        if rows is not None:
            return page(_sorted([row for row in rows if _passes(row, tests)], orders, fields, self._field))
        if not filters and _comes_sorted(orders, None):
            return page(self._world.table(kind).ordered)
        candidates, stamp_order = self._candidates(kind, filters)
        matching = (row for row in candidates if _passes(row, tests))
        if _comes_sorted(orders, stamp_order):
            return self._lazy_page(page, (kind, repr(filters)), matching)
        key = (kind, repr(filters), repr(orders))
        return page(self._remembered(key, matching, orders, fields))

    def _lazy_page(self, page: Callable[..., Page], key: tuple[Any, ...], matching: Iterator[Any]) -> Page:
        """A page of what needs no sorting. The total is counted once while nothing changes: feeds ask for it on every page."""
        version = self._world.version()
        held = self._totals.get(key)

        def counted(total: int) -> None:
            if len(self._totals) >= RESULTS_KEPT:
                self._totals.clear()
            self._totals[key] = (version, total)

        return page(matching, total=held[1] if held is not None and held[0] == version else None, counted=counted)

    def _remembered(
        self, key: tuple[Any, ...], matching: Iterator[Any], orders: list[tuple[str, bool]], fields: Mapping[str, Field]
    ) -> list[Any]:
        """A sorted result, kept while nothing changes, so that paging through a large one sorts once."""
        version = self._world.version()
        held = self._results.get(key)
        if held is not None and held[0] == version:
            self._results.move_to_end(key)
            return held[1]
        result = _sorted(list(matching), orders, fields, self._field)
        self._results[key] = (version, result)
        while len(self._results) > RESULTS_KEPT:
            self._results.popitem(last=False)
        return result

    def _field(self, fields: Mapping[str, Field], name: str) -> Field:
        return fields.get(name) or Field("text", lambda row: None)

    def _candidates(self, kind: type[Row], filters: Sequence[Mapping[str, Any]]) -> tuple[Iterable[Any], str | None]:
        """The smallest index that a filter opens, and the stamp field the rows then come ordered by (else they come by id)."""
        table = self._world.table(kind)
        for given in filters:
            name, operation = given["field"], given["operation"]
            values = given.get("values") if operation == "in" else [given.get("value")] if operation == "eq" else None
            if values is None or any(value is None for value in values):
                continue
            found = self._by_value(kind, name, [str(value) for value in values])
            if found is not None:
                return found, None
        for name in ("lastUpdatedAt", "updatedAt", "createdAt"):
            window = _window(name, filters)
            if window is not None:
                return (table.created_between(*window), None) if name == "createdAt" else (table.changed_between(*window), name)
        return table.ordered, None

    def _by_value(self, kind: type[Row], name: str, values: Sequence[str]) -> list[Any] | None:
        world = self._world
        found: dict[int, Any] = {}
        if name == "id":
            rows = (world.find(kind, value) for value in values)
        elif kind is Contact and name == "emailAddress":
            rows = (row for value in values for row in world.contacts_by_mail(value))
        elif kind is Contact and name == "accountId":
            homes = (world.find(Account, value) for value in values)
            rows = (world.table(Contact)[id] for home in homes if home is not None for id in world.contacts_of_account.get(home.id, ()))
        elif kind is Learner and name == "eventId":
            rows = (row for value in values if (event := world.find(Event, value)) is not None for row in world.learners(event))
        elif kind is Learner and name == "contactId":
            people = (world.find(Contact, value) for value in values)
            rows = (row for person in people if person is not None for row in world.learners_by_contact(person))
        else:
            return None
        found = {row.id: row for row in rows if row is not None}
        return [found[id] for id in sorted(found)]


def _comes_sorted(orders: Sequence[tuple[str, bool]], stamp_order: str | None) -> bool:
    """Whether candidates already stand in the order asked for: of change from the change log, else of creation."""
    if stamp_order is not None:
        return list(orders) == [(stamp_order, False)]
    return list(orders) in ([], [("id", False)], [("createdAt", False)])


def _window(name: str, filters: Sequence[Mapping[str, Any]]) -> tuple[float, float] | None:
    """The stretch of time that filters on one stamp leave open; None when there is no such filter."""
    low, high = -math.inf, math.inf
    for given in filters:
        if given["field"] != name or given["operation"] not in {"ge", "gt", "le", "lt", "eq"}:
            continue
        moment = times.parse_moment(given["value"]).timestamp()
        if given["operation"] in {"ge", "gt", "eq"}:
            low = max(low, moment)
        if given["operation"] in {"le", "lt", "eq"}:
            high = min(high, moment)
    return None if low == -math.inf and high == math.inf else (low, high)


def _passes(row: Any, tests: Sequence[Test]) -> bool:
    return all(test(row) for test in tests)


def _orders(arguments: Mapping[str, Any]) -> list[tuple[str, bool]]:
    """Field and whether it descends; `order` takes one, `orderBy` a list, and `order` comes first where both are given."""
    given = [arguments["order"]] if arguments.get("order") else []
    given += [order for order in arguments.get("orderBy") or () if order is not None]
    return [(order["field"], order["direction"] == "desc") for order in given]


def _sorted(rows: list[Any], orders: Sequence[tuple[str, bool]], fields: Mapping[str, Field], field_of: Any) -> list[Any]:
    if not orders:
        return sorted(rows, key=lambda row: row.id)
    for name, descending in reversed(orders):
        key = field_of(fields, name).key
        # Records without a value come last, whichever the direction.
        empty = [row for row in rows if key(row) is None]
        rows = sorted((row for row in rows if key(row) is not None), key=key, reverse=descending) + empty
    return rows
