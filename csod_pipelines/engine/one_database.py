"""One database serves a portal: two that know nothing of each other would each create what the other has created already.

One account in Administrate bears our mark as external ids: for which portal, and when the database that serves it was first used. A
restored copy of that database says the same instant; a new one does not, and is told to stop.
"""

from __future__ import annotations

from collections.abc import Iterator

from csod_pipelines.engine.context import Context
from csod_pipelines.engine.errors import SecondDatabase
from csod_pipelines.model.keys import Kind, SystemName
from csod_pipelines.model.records import Record
from csod_pipelines.store import controls
from csod_pipelines.systems.errors import Refused

A = SystemName.ADMINISTRATE
PORTAL, DATABASE = "csod_pipelines_deployment", "csod_pipelines_database"  # names of the two external ids


def claim(ctx: Context, *, take_over: bool = False) -> None:
    """Make sure that this portal is ours; unmarked, it becomes so. Raises SecondDatabase when another database serves it, unless it
    is to be taken over from that one. Two reads, and at first a write."""
    ours = _born(ctx)
    if ours is None:
        return
    account = _marked(ctx)
    if account is None or (take_over and _holder(account) != ours):
        _mark(ctx, account, ours)
        account = _marked(ctx)
    holder = ours if account is None else _holder(account)
    if holder != ours:
        raise SecondDatabase(
            f"portal {ctx.options.portal} is served by another database, first used at {holder}; this one was first used at {ours}. Two of "
            "them would create everything twice, so nothing is written. Point CSOD_PIPELINES_DATABASE_URL at that database, or restore "
            "its backup. Only when it is gone for good and its house is stopped: "
            f'csod-pipelines go-live --portal {ctx.options.portal} --take-over --why "...".'
        )


def _born(ctx: Context) -> str | None:
    with ctx.database.read() as conn:
        known = controls.get_control(conn, controls.FINGERPRINT)
    return known.at.isoformat() if known is not None else None


def _marked(ctx: Context) -> Record | None:
    return ctx.systems[A].find_by_external_id(Kind.ORG_UNIT, PORTAL, ctx.options.portal)


def _holder(account: Record) -> str | None:
    return account.external_ids.get(DATABASE)


def _mark(ctx: Context, account: Record | None, ours: str) -> None:
    account = account or next(_free(ctx), None)
    if account is None:
        return  # there is nothing yet that could bear it, nor anything to be created twice
    try:
        ctx.systems[A].remember(account.key, {PORTAL: ctx.options.portal, DATABASE: ours})
    except Refused:
        if _marked(ctx) is None:
            raise  # not because another one was faster


def _free(ctx: Context) -> Iterator[Record]:
    """Accounts in the vendor's order, the oldest first, without those that are marked for another portal of the same instance."""
    records = (record for page in ctx.systems[A].scan(Kind.ORG_UNIT) for record in page.records)
    return (record for record in records if PORTAL not in record.external_ids)
