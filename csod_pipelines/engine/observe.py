"""Change feeds: what makes a lost webhook harmless. They only mark work; whatever they find is read again when applied.

The cursor is stored in the same transaction as the marks it stands for. A feed seen for the first time starts from now.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import Connection

from csod_pipelines.engine.context import Context
from csod_pipelines.engine.errors import FlowStopped
from csod_pipelines.engine.logs import OBSERVE_SECONDS, LogCourier
from csod_pipelines.engine.routes import event_of_session
from csod_pipelines.engine.totals import Totals
from csod_pipelines.model.keys import VENDOR_WORDS, Flow, Kind, SystemName, roster_subject
from csod_pipelines.store import checkpoints, links, work
from csod_pipelines.store.work import Mark
from csod_pipelines.sync.directions import flow_of
from csod_pipelines.systems.base import Hint
from csod_pipelines.systems.errors import Permanent, RateLimited, Transient, Unauthorized

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE

FEEDS: tuple[tuple[SystemName, Kind], ...] = (
    (A, Kind.ORG_UNIT),
    (A, Kind.PERSON),
    (A, Kind.COURSE),
    (A, Kind.OFFERING),
    (A, Kind.ENROLLMENT),
    (C, Kind.ORG_UNIT),
    (C, Kind.PERSON),
    (C, Kind.ENROLLMENT),
)
MAX_PAGES = 200

#: Sessions and attendance marks carry no change stamp: offerings that end about now are looked at whole.
NEAR_TODAY = "feed:offerings_near_today"
NEAR_TODAY_EVERY = 3  # times the interval of the feeds
NEAR_TODAY_WINDOW = timedelta(hours=24)


def feed_name(system: SystemName, kind: Kind) -> str:
    return f"feed:{system}:{kind}"


def feed_names() -> list[str]:
    return [*(feed_name(system, kind) for system, kind in FEEDS), NEAR_TODAY]


def feeds_of(system: SystemName) -> set[str]:
    """Feeds that call this system."""
    return {feed_name(s, kind) for s, kind in FEEDS if s is system} | ({NEAR_TODAY} if system is C else set())


def observe(ctx: Context, *, every_seconds: float, force: bool = False) -> Totals:
    """Read every feed that is due and mark what changed. A feed that fails delays nothing but itself: the others are read first, then
    it is told. Raises FlowStopped where a person must act: credentials, a permission, an answer that makes no sense."""
    with ctx.database.read() as conn:
        due = set(feed_names() if force else checkpoints.due(conn, feed_names()))
    stopped: list[str] = []
    for system, kind in FEEDS:
        if feed_name(system, kind) not in due or ctx.modes.system_paused(system):
            continue
        try:
            _read_feed(ctx, system, kind, every_seconds)
        except Permanent as err:
            stopped.append(f"{VENDOR_WORDS[kind][system]} feed: {err}" if not isinstance(err, Unauthorized) else str(err))
        except RateLimited as err:
            ctx.totals.done[f"{system} feed waits for the vendor's limit until {err.until:%H:%M:%S}"] += 1
        except Transient as err:
            ctx.totals.done[f"{system} {kind} feed failed, is tried again: {err}"[:200]] += 1
    if NEAR_TODAY in due and not ctx.modes.system_paused(C):
        _near_today(ctx, every_seconds * NEAR_TODAY_EVERY)
    LogCourier(ctx).until_empty(OBSERVE_SECONDS)
    ctx.totals.stopped_reason = "observed"
    if stopped:
        raise FlowStopped("; ".join(dict.fromkeys(stopped)))
    return ctx.totals


def _read_feed(ctx: Context, system: SystemName, kind: Kind, every_seconds: float) -> None:
    name = feed_name(system, kind)
    with ctx.database.read() as conn:
        known = checkpoints.get(conn, name)
    cursor = known.value.get("cursor") if known else None
    for _ in range(MAX_PAGES):
        page = ctx.systems[system].changes(kind, cursor)
        ctx.totals.read += len(page.hints)
        with ctx.database.begin() as conn:
            marks = [mark for hint in page.hints if (mark := _mark(conn, hint)) is not None]
            work.mark(conn, marks)
            checkpoints.put(conn, name, {"cursor": page.cursor}, 0 if page.more else every_seconds)
        if marks:
            ctx.totals.done[f"{VENDOR_WORDS[kind][system]}s marked"] += len(marks)
        cursor = page.cursor
        if not page.more:
            return


def _mark(conn: Connection, hint: Hint) -> Mark | None:
    """The unit to look at; None for a transcript row of a learning object that is none of our sessions."""
    key = hint.key
    if key.kind is not Kind.ENROLLMENT:
        return Mark(subject=str(key), flow=flow_of(key.kind), side=key.system.value)
    event = hint.offering_id
    if key.system is C:
        event = event_of_session(conn, hint.offering_id or "")
    if event is None:
        return None
    return Mark(subject=roster_subject(event), flow=Flow.ENROLLMENT, side=key.system.value, member=str(key))


def _near_today(ctx: Context, every_seconds: float) -> None:
    """Mark the rosters of offerings whose end, by Cornerstone's clock, lies within a day of now."""
    now = ctx.systems[C].now()
    with ctx.database.begin() as conn:
        after = 0
        while batch := links.scan(conn, Kind.OFFERING, after_id=after):
            after = batch[-1].id
            near = [link for link in batch if _ends_near(link.facts.get("ends_at"), now)]
            work.mark(conn, [Mark(subject=roster_subject(link.administrate_id or ""), flow=Flow.RESULT) for link in near])
        checkpoints.put(conn, NEAR_TODAY, {}, every_seconds)


def _ends_near(ends_at: str | None, now: datetime) -> bool:
    return ends_at is not None and abs(datetime.fromisoformat(ends_at) - now) <= NEAR_TODAY_WINDOW
