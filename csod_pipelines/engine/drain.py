"""Working off what is waiting for one flow, then lingering for the next change.

A lingering run is what makes a change travel in milliseconds: starting a run costs seconds, asking the table does not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import suppress

from csod_pipelines.engine.context import Context
from csod_pipelines.engine.errors import BrakeOn, FlowStopped
from csod_pipelines.engine.guard import LEASE_SECONDS
from csod_pipelines.engine.logs import END_SECONDS, LogCourier
from csod_pipelines.engine.routes import is_routed
from csod_pipelines.engine.totals import Totals
from csod_pipelines.engine.units import forward, settle_unchanged, with_prerequisites, work_one
from csod_pipelines.model.keys import Flow, Kind, RecordKey, SystemName
from csod_pipelines.model.outcomes import Mode
from csod_pipelines.store import leases, links, work
from csod_pipelines.store.work import Claim, Fenced
from csod_pipelines.systems.errors import LeaseLost, VendorError

PREFETCH_FROM = 3  # fewer units than this are read one by one
RENEW_DRAIN_SECONDS = 10.0
ENDED_QUIET = ("drained", "lingered", "max_runtime")
PROGRESS_SECONDS = 30.0


def drain_lease(flow: Flow) -> str:
    return f"drain:{flow}"


def drain(
    ctx: Context,
    flow: Flow,
    *,
    stop: Callable[[], str | None],
    linger_seconds: float,
    max_seconds: float,
    progress: Callable[[Totals], None] | None = None,
) -> Totals:
    """Returns with ``stopped_reason``: lease_held, off, lingered, max_runtime, or what ``stop`` said."""
    ctx = with_prerequisites(ctx)
    ctx.flow = flow
    totals, clock, owner = ctx.totals, ctx.clock, ctx.guard.owner
    started = clock.monotonic()
    with ctx.database.begin() as conn:
        if not leases.acquire(conn, drain_lease(flow), owner, LEASE_SECONDS):
            totals.stopped_reason = "lease_held"
            return totals
    ctx.guard.drain_as(drain_lease(flow))
    last_work = last_progress = last_renewal = started
    courier = LogCourier(ctx)
    try:
        while True:
            now = clock.monotonic()
            if (why := _why_stop(ctx, flow, stop, now - started, max_seconds)) is not None:
                totals.stopped_reason = why
                break
            if now - last_renewal > RENEW_DRAIN_SECONDS:
                ctx.guard.renew()
                last_renewal = now
            if _round(ctx, flow, owner):
                last_work = clock.monotonic()
            elif now - last_work >= linger_seconds:
                totals.stopped_reason = "lingered" if linger_seconds else "drained"
                break
            elif not courier.when_quiet(now - last_work):
                clock.sleep(ctx.options.idle_poll_seconds)
            if progress is not None and now - last_progress > PROGRESS_SECONDS:
                progress(totals)
                last_progress = now
    finally:
        totals.seconds = clock.monotonic() - started
        ctx.guard.drain_as(None)
        with ctx.database.begin() as conn:
            leases.release(conn, drain_lease(flow), owner)
            totals.waiting = work.waiting(conn, [flow]).ready
        if progress is not None:
            progress(totals)
    if totals.stopped_reason in ENDED_QUIET:
        courier.until_empty(END_SECONDS)  # after the lease: the next change must not wait for what only tells of the last
    return totals


def _why_stop(ctx: Context, flow: Flow, stop: Callable[[], str | None], seconds: float, max_seconds: float) -> str | None:
    if ctx.mode(flow) is Mode.OFF:
        return "off"
    if seconds > max_seconds:
        return "max_runtime"
    return stop()


def _round(ctx: Context, flow: Flow, owner: str) -> bool:
    """Claim a batch and work it. False when nothing was ready."""
    before = ctx.clock.monotonic()
    with ctx.database.begin() as conn:
        claims = work.claim(conn, flows=[flow], owner=owner, limit=ctx.options.claim_batch, lease_seconds=LEASE_SECONDS)
    if not claims:
        return False
    for claim in claims:
        ctx.guard.keep(claim.subject, since=before)
    try:
        work_batch(ctx, claims)
    except FlowStopped as err:
        _give_back(ctx, claims, reason="brake_on" if isinstance(err, BrakeOn) else "credentials_refused")
        raise
    finally:
        for claim in claims:
            ctx.guard.drop(claim.subject)
    return True


def _give_back(ctx: Context, claims: Sequence[Claim], *, reason: str) -> None:
    """What a stopped flow did not come to is free at once, not when its leases run out."""
    for claim in claims:
        with suppress(Fenced), ctx.database.begin() as conn:  # fenced: it was worked, and ended
            work.postpone(conn, claim, seconds=0, reason=reason, count_attempt=False)


def work_batch(ctx: Context, claims: Sequence[Claim]) -> None:
    """Hints are forwarded together, the rest is worked in the order of its kinds: parents before children."""
    hints = [claim for claim in claims if is_routed(claim.subject)]
    if hints:
        try:
            forward(ctx, hints)
        except (VendorError, LeaseLost, Fenced):
            # One of them may be at fault, or taken over: each alone tells which, and ends by its own rule.
            for claim in hints:
                work_one(ctx, claim)
    units = sorted((claim for claim in claims if not is_routed(claim.subject)), key=_order)
    _prefetch(ctx, units)
    try:
        left = settle_unchanged(ctx, units)
    except Fenced:
        left = units
    for claim in left:
        work_one(ctx, claim)
    ctx.prefetched.clear()


_KIND_ORDER = {kind.value: index for index, kind in enumerate(Kind)}


def _order(claim: Claim) -> tuple[int, int]:
    return _KIND_ORDER.get(claim.subject.split(":", 1)[0], len(_KIND_ORDER)), claim.up_to_event


def _prefetch(ctx: Context, claims: Sequence[Claim]) -> None:
    """Read the hinted records of a batch together: after an import hundreds of echoes cost a handful of reads."""
    wanted: dict[tuple[Kind, SystemName], list[str]] = defaultdict(list)
    with ctx.database.read() as conn:
        for claim in claims:
            key = _hinted(conn, claim)
            if key is not None:
                wanted[key.kind, key.system].append(key.id)
    for (kind, system), ids in wanted.items():
        if len(ids) < PREFETCH_FROM:
            continue
        try:
            readings = ctx.systems[system].read_many(kind, ids)
        except (VendorError, LeaseLost):
            continue  # each unit then reads for itself and ends by its own rule
        ctx.totals.read += len(ids)
        ctx.prefetched.update({RecordKey(kind, system, id): reading for id, reading in readings.items()})


def _hinted(conn, claim: Claim) -> RecordKey | None:
    if claim.subject.startswith("roster:") or len(claim.sides) > 1:
        return None
    if not claim.subject.startswith("link:"):
        return RecordKey.parse(claim.subject)
    link = links.by_id(conn, int(claim.subject.removeprefix("link:")))
    if link is None or not claim.sides or link.state != "live":
        return None
    side = SystemName(next(iter(claim.sides)))
    id = link.administrate_id if side is SystemName.ADMINISTRATE else link.cornerstone_id
    return RecordKey(Kind(link.kind), side, id) if id else None
