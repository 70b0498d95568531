"""Answering OData queries over a feed: options, pages with next links, delta links, and the ways in which the portal lags.

Paging, 10,000 rows a page, streams that break off: csod.dev reporting pages. Change tracking, deletes, 501: help.csod.com on
delta capabilities of the Data Exporter.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice
from typing import Any
from urllib.parse import quote

import orjson

from csod_pipelines.sandbox.cornerstone.envelopes import Answer, ApiError, Call
from csod_pipelines.sandbox.cornerstone.feed import Feed
from csod_pipelines.sandbox.cornerstone.feed_rows import Row
from csod_pipelines.sandbox.cornerstone.odata import Filter, bad
from csod_pipelines.sandbox.cornerstone.paging import make_token, open_token
from csod_pipelines.sandbox.cornerstone.portal import Portal

PAGE_SIZE = 1_000
GREATEST_PAGE_SIZE = 10_000
_OPTIONS = ("$filter", "$select", "$top", "$skip", "$count", "$orderby", "$format")
_MAX_PAGE = re.compile(r"(?:odata\.)?maxpagesize\s*=\s*(\d{1,9})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What was asked for, as it travels inside next and delta links."""

    filter: str | None = None
    select: tuple[str, ...] = ()
    top: int | None = None
    skip: int = 0  # rows left out before the first page
    order: str | None = None
    descending: bool = False
    size: int = PAGE_SIZE
    track: bool = False
    after: int = 0  # position behind which the next page starts
    given: int = 0  # rows already handed out
    start: int | None = None  # delta: stretch of the log
    end: int = 0
    world: int = 0
    issued: int = 0  # when the delta link was made, in seconds

    def token(self) -> str:
        return make_token("feed", {name: getattr(self, name) for name in self.__slots__})

    def moved(self, **changes: Any) -> Query:
        return Query(**({name: getattr(self, name) for name in self.__slots__} | changes))


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One of the two read services: where its links point, and what it can do."""

    path: str
    lag_seconds: float
    tracks: bool
    repeated_rows: int = 0


def serve(portal: Portal, call: Call, feed: Feed, service: Service) -> Answer:
    query = _asked(portal, call, feed, service)
    chosen = Filter(query.filter, fields=feed.fields, filterable=feed.indexed or frozenset(feed.fields)) if query.filter else None
    body: dict[str, Any] = {"@odata.context": f"{call.base}{service.path}/$metadata#{feed.name}"}
    if query.start is not None:
        body["@odata.context"] += "/$delta"
        body |= _delta(portal, call, feed, service, query, chosen)
    else:
        body |= _page(portal, call, feed, service, query, chosen)
    headers = {"content-type": "application/json;odata.metadata=minimal", "odata-version": "4.0"}
    if query.track:
        headers["preference-applied"] = "odata.track-changes"
    return Answer(body=orjson.dumps(body, option=orjson.OPT_UTC_Z), headers=headers, effects=call.effect())


def _page(portal: Portal, call: Call, feed: Feed, service: Service, query: Query, chosen: Filter | None) -> dict[str, Any]:
    body: dict[str, Any] = {}
    if call.query.get("$count", "").lower() == "true":
        body["@odata.count"] = sum(1 for _ in _rows(portal, call, feed, service, 0, chosen))
    left = query.size if query.top is None else min(query.size, query.top - query.given)
    rows: list[Row] = []
    positions: list[int] = []
    more = False
    if left > 0:
        for position, row in islice(_ordered(portal, call, feed, service, query, chosen), query.skip, None):
            if len(rows) == left:
                more = query.top is None or query.given + len(rows) < query.top
                break
            rows.append(row)
            positions.append(position)
    body["value"] = [{name: row[name] for name in query.select} for row in rows] if query.select else rows
    if more:
        again = min(service.repeated_rows, len(rows) - 1)  # the next page begins with the last rows of this one
        moved = query.moved(after=positions[-1 - again], given=query.given + len(rows), skip=0)
        body["@odata.nextLink"] = _link(call, service, feed, "$skiptoken", moved)
    elif query.track:
        body["@odata.deltaLink"] = _delta_link(portal, call, service, feed, query)
    return body


def _ordered(portal: Portal, call: Call, feed: Feed, service: Service, query: Query, chosen: Filter | None) -> Iterator[tuple[int, Row]]:
    """Behind ``after`` in the feed's own order, or in the asked one, for which everything is read each time, as on a portal."""
    name = query.order
    if name is None:
        return _rows(portal, call, feed, service, query.after, chosen)
    rows = [row for _, row in _rows(portal, call, feed, service, 0, chosen)]
    filled = sorted((row for row in rows if row[name] is not None), key=lambda row: row[name], reverse=query.descending)
    empty = [row for row in rows if row[name] is None]
    placed = filled + empty if query.descending else empty + filled  # null is the least value
    return islice(enumerate(placed, start=1), query.after, None)


def _rows(portal: Portal, call: Call, feed: Feed, service: Service, after: int, chosen: Filter | None) -> Iterator[tuple[int, Row]]:
    narrowed = feed.narrow(portal, chosen.equalities) if chosen and feed.narrow and chosen.equalities else None
    found = feed.walk(portal, after) if narrowed is None else ((n, row) for n, row in enumerate(narrowed, start=1) if n > after)
    hidden = _unborn(portal, call, feed, service)
    if chosen is None and not hidden:
        return found
    test = chosen.test if chosen else lambda row: True
    return ((position, row) for position, row in found if test(row) and _key(feed, row) not in hidden)


def _delta(portal: Portal, call: Call, feed: Feed, service: Service, query: Query, chosen: Filter | None) -> dict[str, Any]:
    """Rows touched since the token, each once, as they are now; those that are gone, or left the filter, as removed."""
    assert query.start is not None and feed.one is not None
    keys = portal.store.log.keys(feed.name, start=query.start, end=query.end)
    rows = []
    for key in keys[query.after : query.after + query.size]:
        row = feed.one(portal, key)
        if row is not None and (chosen is None or chosen.test(row)):
            rows.append({name: row[name] for name in query.select} if query.select else row)
            continue
        named = dict(zip(feed.key, key, strict=True))
        inner = ",".join(f"{name}={value}" for name, value in named.items())
        rows.append({"@removed": {"reason": "deleted" if row is None else "changed"}, "@odata.id": f"{feed.name}({inner})", **named})
    body: dict[str, Any] = {"value": rows}
    if query.after + query.size < len(keys):
        body["@odata.nextLink"] = _link(call, service, feed, "$skiptoken", query.moved(after=query.after + query.size))
    else:
        body["@odata.deltaLink"] = _delta_link(portal, call, service, feed, query)
    return body


def _asked(portal: Portal, call: Call, feed: Feed, service: Service) -> Query:
    options = call.query
    end = portal.store.log.end(until=call.now - timedelta(seconds=service.lag_seconds))
    delta = options.get("$deltatoken") or options.get("deltatoken")
    skip = options.get("$skiptoken") or options.get("skiptoken")
    if delta or skip:
        kind = "$deltatoken" if delta else "$skiptoken"
        query = _opened(delta or skip or "", kind, world=portal.world, expired=portal.settings["delta_expiry"])
        lifetime = portal.settings["delta_lifetime_seconds"]
        if delta and lifetime and query.issued + lifetime < call.now.timestamp():
            raise ApiError(portal.settings["delta_expiry"], "The $deltatoken has expired; start again with a full read")
        size = _page_size(call, query.size)
        # a delta runs to the present of its first page; the link it ends with goes on from there
        return query.moved(size=size, after=0, start=query.end, end=max(end, query.end)) if delta else query.moved(size=size)
    unknown = [name for name in options if name.startswith("$") and name not in _OPTIONS]
    if unknown:
        raise bad(f"The query option {unknown[0]} is not supported")
    track = (
        "odata.track-changes" in call.request.headers.get("prefer", "").lower()
        or "track-changes" in call.request.headers.get("prefer", "").lower()
    )
    if track and not (service.tracks and feed.tracked):
        raise ApiError(501, f"Change tracking is not supported for {feed.name}")
    select = tuple(part.strip() for part in options.get("$select", "").split(",") if part.strip())
    for name in select:
        if name not in feed.fields:
            raise bad(f"Could not find a property named {name!r}")
    order, descending = _order(feed, options.get("$orderby"))
    return Query(
        filter=options.get("$filter") or None,
        select=select,
        top=_count(options, "$top"),
        skip=_count(options, "$skip") or 0,
        order=order,
        descending=descending,
        size=_page_size(call, PAGE_SIZE),
        track=track,
        end=end,
        world=portal.world,
    )


def _count(options: Mapping[str, str], name: str) -> int | None:
    text = options.get(name)
    if text is not None and not (text.isdecimal() and len(text) < 10):
        raise bad(f"{name} must be a whole number")
    return None if text is None else int(text)


def _order(feed: Feed, text: str | None) -> tuple[str | None, bool]:
    """One field, ascending unless it says otherwise. The portal's guide asks to leave sorting to the client."""
    if not text or not text.strip():
        return None, False
    name, _, direction = text.strip().partition(" ")
    if name not in feed.fields:
        raise bad(f"Could not find a property named {name!r}")
    if direction.strip().lower() not in ("", "asc", "desc"):
        raise bad(f"$orderby takes one field with asc or desc, not {text!r}")
    return name, direction.strip().lower() == "desc"


def _opened(token: str, kind: str, *, world: int, expired: int) -> Query:
    value = open_token("feed", token)
    if value is None or set(value) != set(Query.__slots__):
        raise bad(f"The {kind} is not valid")
    value["select"] = tuple(value["select"])
    query = Query(**value)
    if query.world != world:
        raise ApiError(expired, f"The {kind} is of a world that is gone; start again with a full read")
    return query


def _page_size(call: Call, default: int) -> int:
    match = _MAX_PAGE.search(call.request.headers.get("prefer", "").lower())
    if match is None:
        return default
    size = int(match.group(1))
    if size < 1:
        raise bad("maxpagesize must be at least 1")
    return min(size, GREATEST_PAGE_SIZE)


def _unborn(portal: Portal, call: Call, feed: Feed, service: Service) -> set[tuple]:
    if not service.lag_seconds:
        return set()
    return portal.store.log.born_after(call.now - timedelta(seconds=service.lag_seconds), feed.source or feed.name)


def _key(feed: Feed, row: Row) -> tuple:
    return tuple(row[name] for name in feed.key)


def _link(call: Call, service: Service, feed: Feed, option: str, query: Query) -> str:
    return f"{call.base}{service.path}/{feed.name}?{option}={quote(query.token(), safe='')}"


def _delta_link(portal: Portal, call: Call, service: Service, feed: Feed, query: Query) -> str:
    issued = int(call.now.timestamp())
    moved = query.moved(start=None, after=0, given=0, top=None, skip=0, order=None, track=True, issued=issued)
    link = _link(call, service, feed, "$deltatoken", moved)
    return link.rsplit("/", 1)[1] if portal.settings["delta_link"] == "relative" else link
