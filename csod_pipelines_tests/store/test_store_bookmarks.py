"""The pages of a long listing, kept for whoever goes on with it."""

from __future__ import annotations

from csod_pipelines.store import staging
from csod_pipelines.store.bookmarks import StageBook
from csod_pipelines.store.database import Database


def test_a_listing_goes_on_after_the_pages_that_were_kept(database: Database) -> None:
    first = StageBook(database, "import:book:person")
    first.keep("users", [[1, 7]], "page-2")
    first.keep("users", [[2, 8]], "page-3")
    first.keep("units", [], None)
    second = StageBook(database, "import:book:person")
    assert list(second.kept("users")) == [([[1, 7]], "page-2"), ([[2, 8]], "page-3")]
    second.keep("users", [], None)
    assert [following for _, following in first.kept("users")] == ["page-2", "page-3", None]
    assert list(second.kept("units")) == [([], None)]


def test_a_listing_that_must_begin_anew_forgets_its_pages_and_no_others(database: Database) -> None:
    book = StageBook(database, "import:book:person")
    book.keep("users", [1], "page-2")
    book.keep("units", [2], "page-2")
    book.forget("users")
    assert list(book.kept("users")) == []
    assert list(book.kept("units")) == [([2], "page-2")]
    with database.begin() as conn:
        staging.clear(conn, "import:book:person")
    assert list(book.kept("units")) == []
