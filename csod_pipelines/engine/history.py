"""Historical enrollments of one month: transcript rows that Cornerstone registered then.

Rows of sessions that Administrate holds are brought in step by the roster code, like any other. Rows of sessions it does
not hold are listed by month and left alone. Nobody is messaged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from csod_pipelines.engine.context import Context, Later, Parked, WaitsFor, WouldApply
from csod_pipelines.engine.errors import FlowStopped
from csod_pipelines.engine.guard import LEASE_SECONDS
from csod_pipelines.engine.roster import handle_roster
from csod_pipelines.engine.routes import event_of_session
from csod_pipelines.engine.totals import Totals
from csod_pipelines.engine.units import with_prerequisites, work_one
from csod_pipelines.model.keys import Flow, SystemName, roster_subject
from csod_pipelines.model.outcomes import Mode
from csod_pipelines.model.records import Enrollment
from csod_pipelines.store import work
from csod_pipelines.store.work import Mark

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE


def month_bounds(month: str) -> tuple[datetime, datetime]:
    """First instant of the month and of the next, UTC, from ``YYYY-MM``."""
    try:
        start = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
    except ValueError as err:
        raise ValueError(f"{month!r} is no month; expected YYYY-MM, such as 2026-03") from err
    return start, start.replace(year=start.year + start.month // 12, month=start.month % 12 + 1)


def backfill(ctx: Context, month: str, *, progress: Callable[[Totals], None] | None = None) -> Totals:
    """Bring one month in step; a dry context only counts, and so does a flow that may only observe. Raises FlowStopped where it is off."""
    ctx = with_prerequisites(ctx)
    ctx.flow = Flow.HISTORY
    mode = ctx.mode(Flow.HISTORY)
    if mode is Mode.OFF and not ctx.dry:
        raise FlowStopped("modes.historical_enrollments is off in csod_pipelines.yaml; nothing was written")
    ctx.dry = ctx.dry or mode is not Mode.LIVE
    start, end = month_bounds(month)
    rows_by_session: Counter[str] = Counter()
    for page in ctx.systems[C].enrollments_between(start, end):
        ctx.totals.read += len(page.records)
        for record in page.records:
            assert isinstance(record.value, Enrollment)
            rows_by_session[record.value.offering_id] += 1
    for session_id, rows in sorted(rows_by_session.items()):
        with ctx.database.read() as conn:
            event = event_of_session(conn, session_id)
        if event is None:
            ctx.totals.dispositions["ignored"] += rows
            ctx.totals.done[f"rows of {month} without an event in Administrate"] += rows
            continue
        _bring(ctx, event)
        if progress is not None:
            progress(ctx.totals)
    ctx.totals.stopped_reason = "planned" if ctx.dry else "applied"
    return ctx.totals


def _bring(ctx: Context, event: str) -> None:
    subject = roster_subject(event)
    if ctx.dry:
        dry = replace(ctx, steps=[])
        with suppress(WouldApply, Later, WaitsFor, Parked):  # the steps were noted, or there is nothing to write just now
            handle_roster(dry, subject, event)
        ctx.totals.operations["would_apply"] += len(dry.steps)
        ctx.totals.dispositions["would_apply" if dry.steps else "unchanged"] += 1
        return
    with ctx.database.begin() as conn:
        work.mark(conn, [Mark(subject=subject, flow=Flow.ENROLLMENT)])
        claim = work.claim_subject(conn, subject, owner=ctx.guard.owner, lease_seconds=LEASE_SECONDS)
    if claim is not None:
        work_one(ctx, claim)
