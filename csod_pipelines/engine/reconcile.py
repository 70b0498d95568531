"""Comparing both sides whole, and mending what differs: the guarantee behind the real-time flows.

First a plan that writes nothing, from lists of both sides; then only the units that would change are leased and worked: plain
changes many at a time, everything else read again by the same code as in real time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby

from csod_pipelines.engine.bulk_changes import BATCH_RECORDS, make_changes
from csod_pipelines.engine.compare import SCANNED, Drift, differences
from csod_pipelines.engine.context import Context, Step
from csod_pipelines.engine.guard import LEASE_SECONDS
from csod_pipelines.engine.totals import Totals
from csod_pipelines.engine.units import with_prerequisites, work_one
from csod_pipelines.model.keys import Flow, Kind
from csod_pipelines.store import checkpoints, links, work
from csod_pipelines.store.work import Mark
from csod_pipelines.sync.directions import flow_of

COMPARED = "compared"  # the checkpoint of each kind's last comparison


def reconcile(ctx: Context, kind: Kind, *, progress: Callable[[Totals], None] | None = None) -> Totals:
    """Plan, then work exactly the units that differ. In a dry context only the plan is made."""
    ctx = with_prerequisites(ctx)
    ctx.restore = True
    ctx.flow = Flow.ORG_UNITS if kind is Kind.ORG_UNIT else flow_of(kind)
    drifts = sorted(differences(ctx, kind), key=lambda drift: drift.level)
    with ctx.brakes.foreseen(step for drift in drifts for step in drift.steps):
        for batch in _batches(drifts):
            _mend(ctx, kind, batch)
            if progress is not None:
                progress(ctx.totals)
    if not ctx.dry and kind in SCANNED:
        with ctx.database.begin() as conn:
            now = links.count_by_kind(conn).get(kind.value, 0)
            checkpoints.put(conn, f"{COMPARED}:{kind}", {**ctx.totals.counts, "pairs_now": now, "at": ctx.clock.utcnow().isoformat()})
    ctx.totals.stopped_reason = "planned" if ctx.dry else "reconciled"
    return ctx.totals


def _batches(drifts: Sequence[Drift]) -> Iterator[list[Drift]]:
    """Plain changes of one level together, all others one by one; parents before what is below them."""
    for (_, plain), group in groupby(drifts, key=lambda drift: (drift.level, drift.plain is not None)):
        found = list(group)
        size = BATCH_RECORDS if plain else 1
        yield from (found[start : start + size] for start in range(0, len(found), size))


def _mend(ctx: Context, kind: Kind, batch: Sequence[Drift]) -> None:
    for drift in batch:
        for step in drift.steps:
            ctx.totals.add_row({"subject": drift.subject, **_as_row(step)})
    if ctx.dry:
        ctx.totals.operations["would_apply"] += sum(len(drift.steps) for drift in batch)
    elif plain := [drift.plain for drift in batch if drift.plain is not None]:
        make_changes(ctx, kind, plain)
    else:
        for drift in batch:
            _work(ctx, kind, drift.subject)


def _work(ctx: Context, kind: Kind, subject: str) -> None:
    with ctx.database.begin() as conn:
        work.mark(conn, [Mark(subject=subject, flow=flow_of(kind))])
        claim = work.claim_subject(conn, subject, owner=ctx.guard.owner, lease_seconds=LEASE_SECONDS)
    if claim is not None:
        work_one(ctx, claim)


def _as_row(step: Step) -> dict[str, str]:
    return {
        "what": f"{step.action} {step.target.capitalize()} {step.kind}",
        "administrate": step.administrate_id or "",
        "cornerstone": step.cornerstone_id or "",
        "outcome": "would_apply",
        "reason": ", ".join(step.fields) or step.reason,
        "before": _shown(step, step.before),
        "after": _shown(step, step.after),
    }


def _shown(step: Step, values: Mapping[str, object]) -> str:
    """Values of what is no person; a run is read by everybody."""
    if step.kind is Kind.PERSON:
        return ""
    return "; ".join(f"{name}: {values[name]}" for name in step.fields if name in values)
