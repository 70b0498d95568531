"""An import that was killed goes on: pages that were listed, and those whose records were all worked, are not asked for again.

What a kill left half done is looked for where it must be: pairs without their ids are finished first, and Administrate is asked
what came into being since the oldest creation whose answer nobody heard.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from csod_pipelines.engine.baseline_known import Known, look_since
from csod_pipelines.engine.baseline_writes import BATCH_RECORDS
from csod_pipelines.engine.context import Context
from csod_pipelines.model.keys import Kind, SystemName
from csod_pipelines.store import checkpoints, links, staging
from csod_pipelines.store.bookmarks import StageBook
from csod_pipelines.store.links import Link
from csod_pipelines.systems.bookmarks import book

#: Older lists say too little about today.
LONGEST = timedelta(hours=24)
MOST_PENDING = 10_000


@contextmanager
def bookmarked(ctx: Context, kind: Kind) -> Iterator[bool]:
    """Whether an earlier import of this kind is gone on with. A plan keeps no book."""
    if ctx.dry:
        yield False
        return
    run = f"import:book:{kind}"
    resumed = _open(ctx, run)
    token = book.set(StageBook(ctx.database, run))
    try:
        yield resumed
    finally:
        book.reset(token)
    with ctx.database.begin() as conn:
        staging.clear(conn, run)
        checkpoints.put(conn, run, {})


def _open(ctx: Context, run: str) -> bool:
    now = ctx.clock.utcnow()
    with ctx.database.begin() as conn:
        found = checkpoints.get(conn, run)
        begun = found.value.get("begun") if found is not None else None
        if begun is not None and now - datetime.fromisoformat(begun) < LONGEST:
            return True
        staging.clear(conn, run)
        checkpoints.put(conn, run, {"begun": now.isoformat()})
    return False


def half_done(ctx: Context, kind: Kind) -> Iterator[list[Link]]:
    """Pairs of a killed import that wait for their ids, a batch at a time."""
    with ctx.database.read() as conn:
        pending = [link for link in links.scan(conn, kind, "pending", limit=MOST_PENDING) if _ours(link)]
    for start in range(0, len(pending), BATCH_RECORDS):
        yield pending[start : start + BATCH_RECORDS]


def look_for_unheard(ctx: Context, kind: Kind, known: Known) -> None:
    """What a killed import was creating may have come into being."""
    with ctx.database.read() as conn:
        oldest = links.oldest_unheard(conn, kind)
    if oldest is not None:
        look_since(ctx, known, oldest)


def _ours(link: Link) -> bool:
    """Both halves are known, and it was no user that somebody is creating in Cornerstone just now."""
    both = link.administrate_id is not None and link.cornerstone_id is not None
    return both and link.facts.get("created") != SystemName.CORNERSTONE.value
