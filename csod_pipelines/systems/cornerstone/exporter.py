"""Bulk reads by OData: Data Exporter objects with change tracking, and reporting views.

Links to the next page and to the next delta are opaque; they are followed within the portal only. A stream that breaks off
under status 200 is no JSON, which the transport already treats as a failed read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from csod_pipelines.systems.bookmarks import book
from csod_pipelines.systems.cornerstone.calls import Portal, accepted, mapping, member
from csod_pipelines.systems.errors import Malformed, Refused

Row = Mapping[str, Any]
MAX_PAGES = 20_000


class DeltaLost(Exception):
    """The delta token is no longer known: only a full read tells what changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    rows: Sequence[Row]
    next_link: str | None
    delta_link: str | None


class Exporter:
    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def matching(self, name: str, filter: str) -> list[Row]:
        """The few rows that a filter on indexed fields leaves: a look-up within the time of an ordinary call."""
        batch = self._batch(name, params={"$filter": filter}, track=False, timeout=self._portal.options.timeout_seconds)
        if batch.next_link is not None:
            raise Refused(f"cornerstone {name}: more than a page of rows matches {filter}", code="multiple")
        return list(batch.rows)

    def pages(self, name: str, **query: str) -> Iterator[Sequence[Row]]:
        """All rows of an object or view. Rows may come again across pages: stage and de-duplicate."""
        batch = self.first(name, query=query)
        for _ in range(MAX_PAGES):
            yield batch.rows
            if batch.next_link is None:
                return
            batch = self.follow(name, batch.next_link)
        raise Malformed(f"cornerstone {name}: no end after {MAX_PAGES} pages")

    def kept_pages(self, name: str, content: Callable[[Sequence[Row]], list[Any]]) -> Iterator[list[Any]]:
        """Of each page what ``content`` makes of it; where a book is kept, pages of an earlier run come from there."""
        notes, link = book.get(), ""
        if notes is not None:
            for kept, link in notes.kept(name):  # noqa: B007
                yield kept
        for rows, following in self._from(name, link):
            kept = content(rows)
            if notes is not None:
                notes.keep(name, kept, following)
            yield kept

    def pages_to_work(self, name: str) -> Iterator[Sequence[Row]]:
        """Pages to be worked one after the other: whoever asks for the next has finished with this one. Where a book is kept, those
        that an earlier run finished with do not come again."""
        notes, link = book.get(), ""
        if notes is not None:
            for _, link in notes.kept(name):  # noqa: B007
                pass
        for rows, following in self._from(name, link):
            yield rows
            if notes is not None:
                notes.keep(name, [], following)

    def _from(self, name: str, link: str | None) -> Iterator[tuple[Sequence[Row], str | None]]:
        """Each page with the link to the next. A link of long ago may lead nowhere any more: then all pages come, from the first."""
        for number in range(MAX_PAGES):
            if link is None:
                return
            try:
                batch = self.follow(name, link) if link else self.first(name)
            except Refused:
                if number or not link:
                    raise
                if (notes := book.get()) is not None:
                    notes.forget(name)
                batch = self.first(name)
            link = batch.next_link
            yield batch.rows, link
        raise Malformed(f"cornerstone {name}: no end after {MAX_PAGES} pages")

    def first(self, name: str, *, track: bool = False, query: Mapping[str, str] | None = None) -> Batch:
        """``query``: OData options by name, without the dollar sign."""
        return self._batch(name, params={f"${key}": value for key, value in (query or {}).items()}, track=track)

    def follow(self, name: str, link: str, *, delta: bool = False) -> Batch:
        url = urljoin(self._portal.url(name), link)
        if urlsplit(url)[:2] != urlsplit(self._portal.options.base_url)[:2]:
            raise Malformed(f"cornerstone {name}: a page link leads away to {urlsplit(url).netloc}; it is not followed")
        return self._batch(name, url=url, track=delta, expires=delta)

    def _batch(
        self,
        name: str,
        *,
        url: str | None = None,
        params: Mapping[str, str] | None = None,
        track: bool,
        expires: bool = False,
        timeout: float | None = None,
    ) -> Batch:
        prefer = f"odata.maxpagesize={self._portal.options.export_page_size}" + (", odata.track-changes" if track else "")
        answer = self._portal.get(
            name, params=params, headers={"Prefer": prefer}, timeout=timeout or self._portal.options.export_timeout_seconds, url=url
        )
        if expires and answer.status in self._portal.contract.rule("delta_expiry"):
            raise DeltaLost(name)
        if answer.status == 501:
            raise Refused(f"cornerstone {name} does not track changes", code="untracked", status=501, request_id=answer.request_id)
        raw = mapping(accepted(answer, name), name)
        rows = raw.get("value")
        if not isinstance(rows, list):
            raise Malformed(f"cornerstone {name}: the answer holds no list `value`", request_id=answer.request_id)
        return Batch(rows=rows, next_link=member(raw, "@odata.nextLink"), delta_link=member(raw, "@odata.deltaLink"))


def removed(row: Row) -> bool:
    return member(row, "@removed") is not None
