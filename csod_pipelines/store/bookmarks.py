"""The pages that an import has listed so far, in the table of what is staged: a crash of the server empties it, and the listing
then begins anew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from sqlalchemy import text

from csod_pipelines.store.database import Database

_PAGE = text("SELECT payload, parent_id FROM stage WHERE run = :run AND kind = :listing AND system = '' AND id = :id")
_KEEP = text("""
    INSERT INTO stage (run, kind, system, id, parent_id, digest, payload)
    VALUES (:run, :listing, '', :id, :following, '', CAST(:content AS jsonb))""")
_FORGET = text("DELETE FROM stage WHERE run = :run AND kind = :listing AND system = ''")


class StageBook:
    """Satisfies systems.bookmarks.Book. ``run`` names the book; ``staging.clear`` of it forgets everything."""

    def __init__(self, database: Database, run: str) -> None:
        self._database = database
        self._run = run
        self._pages: dict[str, int] = {}

    def kept(self, listing: str) -> Iterator[tuple[Any, str | None]]:
        number = 0
        while (page := self._page(listing, number)) is not None:
            number += 1
            self._pages[listing] = number
            yield page

    def keep(self, listing: str, content: Any, following: str | None) -> None:
        number = self._pages.get(listing, 0)
        row = {"run": self._run, "listing": listing, "id": str(number), "following": following}
        with self._database.begin() as conn:
            conn.execute(_KEEP, row | {"content": orjson.dumps(content).decode()})
        self._pages[listing] = number + 1

    def forget(self, listing: str) -> None:
        with self._database.begin() as conn:
            conn.execute(_FORGET, {"run": self._run, "listing": listing})
        self._pages.pop(listing, None)

    def _page(self, listing: str, number: int) -> tuple[Any, str | None] | None:
        with self._database.read() as conn:
            row = conn.execute(_PAGE, {"run": self._run, "listing": listing, "id": str(number)}).one_or_none()
        return None if row is None else (row.payload, row.parent_id)
