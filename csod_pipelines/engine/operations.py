"""Intent before effect: every write to a vendor happens inside an operation that was committed first.

What a vendor's answer means for the operation is decided here, once: refused for good is a failure; never sent is
``not_sent``; sent with unknown fate is ``unknown`` and is looked up before anything is written again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from csod_pipelines.engine import breaker
from csod_pipelines.engine.brakes import Counted, counted
from csod_pipelines.engine.context import Context, End, Later, Step, WouldApply, words
from csod_pipelines.engine.errors import FlowStopped
from csod_pipelines.engine.sentences import AT_A_LIMIT, limit_params, limit_reason
from csod_pipelines.model.keys import VENDOR_WORDS, Flow, Kind, RecordKey, SystemName
from csod_pipelines.model.outcomes import Disposition, Mode, OperationOutcome
from csod_pipelines.store import ledger
from csod_pipelines.systems.errors import (
    Forbidden,
    Indeterminate,
    LeaseLost,
    Malformed,
    Permanent,
    RateLimited,
    Refused,
    Unauthorized,
    Unavailable,
)

FORBIDDEN_PAUSE_SECONDS = 900.0
UNAVAILABLE_PAUSE_SECONDS = 5.0
PAUSED_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """One write that is about to be made. ``payload`` is what will be asked of the vendor, in model words."""

    subject: str
    flow: Flow
    kind: Kind
    action: str
    target: SystemName
    administrate_id: str | None = None
    cornerstone_id: str | None = None
    payload: Mapping[str, Any] = field(default_factory=dict)
    marker: str = ""
    reason: str = ""
    fields: tuple[str, ...] = ()
    cause: Mapping[str, Any] = field(default_factory=dict)
    before: Mapping[str, Any] = field(default_factory=dict)  # of a change: what is replaced


@dataclass(slots=True, kw_only=True)
class Operation:
    """An open intent. ``close`` writes its outcome in the caller's transaction and adds it to the run's totals; many are closed at
    once by ``ledger.close_all`` of their ``ending``s."""

    id: UUID
    intent: Intent
    context: Context
    closed: bool = False

    def close(
        self,
        conn: Connection,
        outcome: OperationOutcome,
        reason: str,
        *,
        params: Mapping[str, Any] | None = None,
        detail: str = "",
        administrate_id: str | None = None,
        cornerstone_id: str | None = None,
    ) -> None:
        ending = self.ending(outcome, reason, params=params, detail=detail, administrate_id=administrate_id, cornerstone_id=cornerstone_id)
        ledger.close_all(conn, [ending])

    def ending(
        self,
        outcome: OperationOutcome,
        reason: str,
        *,
        params: Mapping[str, Any] | None = None,
        detail: str = "",
        administrate_id: str | None = None,
        cornerstone_id: str | None = None,
    ) -> ledger.Closing:
        """The row of its end, which the caller writes; in the totals it counts from here on."""
        intent = self.intent
        administrate_id = administrate_id or intent.administrate_id
        cornerstone_id = cornerstone_id or intent.cornerstone_id
        self.closed = True
        self.context.totals.add_operation(
            done=f"{words(intent.kind, intent.target)} {intent.action}",
            outcome=outcome.value,
            row={
                "what": f"{intent.action} {words(intent.kind, intent.target)}",
                "administrate": administrate_id or "",
                "cornerstone": cornerstone_id or "",
                "outcome": outcome.value,
                "reason": reason,
                "operation": str(self.id),
            },
        )
        return ledger.Closing(
            id=self.id,
            outcome=outcome.value,
            reason=reason,
            params=params or {},
            detail=detail,
            administrate_id=administrate_id,
            cornerstone_id=cornerstone_id,
        )


def step_of(intent: Intent) -> Step:
    braked = counted(intent)
    return Step(
        kind=intent.kind,
        action=intent.action,
        target=intent.target,
        administrate_id=intent.administrate_id,
        cornerstone_id=intent.cornerstone_id,
        fields=intent.fields,
        reason=intent.reason,
        subject=intent.subject,
        flow=intent.flow,
        brake=braked.key if braked else "",
        brake_unit=braked.unit if braked else "",
        before=intent.before,
        after=intent.payload if intent.before else {},
    )


def refuse_unless_live(ctx: Context, intent: Intent) -> None:
    """In a plan, note the step; in a flow that observes, record it as ``would_apply``. Either way nothing is sent."""
    if ctx.dry:
        ctx.steps.append(step_of(intent))
        raise WouldApply(End(disposition=Disposition.WOULD_APPLY, reason="planned"))
    mode = ctx.mode(intent.flow)
    if ctx.modes.paused(intent.flow):
        raise Later("flow_paused", seconds=PAUSED_SECONDS, count_attempt=False)
    if mode is Mode.LIVE and ctx.modes.held(intent.flow) is not None:
        raise Later("brake_on", seconds=PAUSED_SECONDS, count_attempt=False)
    if mode is Mode.LIVE:
        return
    if mode is Mode.OFF:
        raise WouldApply(End(disposition=Disposition.IGNORED, reason="flow_off"))
    operation = Operation(id=ctx.ids(), intent=intent, context=ctx)
    with ctx.database.begin() as conn:
        ledger.open_all(conn, [_opening(ctx, operation, settle_seconds=None)])
        operation.close(conn, OperationOutcome.WOULD_APPLY, "flow_observes")
    raise WouldApply(End(disposition=Disposition.WOULD_APPLY, reason="flow_observes", operations=(operation.id,)))


def _refuse_all_unless_live(ctx: Context, intents: Sequence[Intent]) -> None:
    """As refuse_unless_live, but every intent of a batch is noted before the batch is given up."""
    would: WouldApply | None = None
    for intent in intents:
        try:
            refuse_unless_live(ctx, intent)
        except WouldApply as noted:
            would = noted
    if would is not None:
        raise would


def foresee(ctx: Context, intents: Sequence[Intent]) -> None:
    """Writes that will be made one by one are asked for together before the first of them: a plan notes every one, a brake
    counts all. Without it a plan would show one write where many follow, and releasing that plan would release only one."""
    _refuse_all_unless_live(ctx, intents)
    if intents:
        ctx.brakes.check(intents[0].flow, intents)


def _opening(ctx: Context, operation: Operation, *, settle_seconds: float | None, braked: Counted | None = None) -> ledger.Opening:
    intent = operation.intent
    a, c = SystemName.ADMINISTRATE, SystemName.CORNERSTONE

    def url(system: SystemName, id: str | None) -> str | None:
        return ctx.systems[system].link_to(RecordKey(intent.kind, system, id), {}) if id else None

    return ledger.Opening(
        id=operation.id,
        subject=intent.subject,
        kind=intent.kind.value,
        action=intent.action,
        flow=intent.flow.value,
        system=intent.target.value,
        run_id=ctx.run_id,
        cause=dict(intent.cause),
        administrate_type=VENDOR_WORDS[intent.kind][a],
        administrate_id=intent.administrate_id,
        administrate_url=url(a, intent.administrate_id),
        cornerstone_type=VENDOR_WORDS[intent.kind][c],
        cornerstone_id=intent.cornerstone_id,
        cornerstone_url=url(c, intent.cornerstone_id),
        intent=breaker.intent_bytes(intent),
        marker=intent.marker,
        settle_after=None if settle_seconds is None else ctx.clock.utcnow() + timedelta(seconds=settle_seconds),
        brake=braked.brake if braked else None,
        brake_unit=braked.unit if braked else None,
    )


@contextmanager
def operations(ctx: Context, intents: Sequence[Intent]) -> Iterator[list[Operation]]:
    """Commit the intents, then run the body: the vendor calls made inside belong to all of them.

    The body closes what succeeded, in its own transaction. What it raises closes the rest: Refused (re-raised) as a
    failure, a call that never left as ``not_sent``, an unknown fate as ``unknown``; the last two become Later. A worker that
    lost its unit before its first call sent nothing either; after it, the operation stays open for whoever looks next.
    """
    _refuse_all_unless_live(ctx, intents)
    braked = ctx.brakes.check(intents[0].flow, intents) if intents else []
    breaker.check(ctx, intents)
    opened = [Operation(id=ctx.ids(), intent=intent, context=ctx) for intent in intents]
    settle_seconds = ctx.options.settle_seconds
    openings = [_opening(ctx, op, settle_seconds=settle_seconds, braked=brake) for op, brake in zip(opened, braked, strict=True)]
    with ctx.database.begin() as conn:
        ledger.open_all(conn, openings)
    token = ledger.current_operation.set(tuple(operation.id for operation in opened))
    allowed = ctx.guard.allowed
    try:
        yield opened
    except LeaseLost as err:
        if ctx.guard.allowed == allowed:
            _close_all(ctx, opened, OperationOutcome.NOT_SENT, "taken_over", err)
        raise
    except RateLimited as err:
        _close_all(ctx, opened, OperationOutcome.NOT_SENT, AT_A_LIMIT, err, params=limit_params(err.bucket, err.until))
        raise Later(limit_reason(err.bucket), until=err.until, count_attempt=False) from err
    except Unavailable as err:
        _close_all(ctx, opened, OperationOutcome.NOT_SENT, "vendor_down", err)
        raise Later("vendor_down") from err
    except (Indeterminate, Malformed) as err:  # malformed: of a read before the write, or after it; who looks next will see
        _close_all(ctx, opened, OperationOutcome.UNKNOWN, "answer_lost" if isinstance(err, Indeterminate) else "answer_not_understood", err)
        raise Later("answer_lost", seconds=ctx.options.settle_seconds) from err
    except Unauthorized as err:
        _close_all(ctx, opened, OperationOutcome.NOT_SENT, "credentials_refused", err)
        raise FlowStopped(str(err)) from err
    except Forbidden as err:
        _close_all(ctx, opened, OperationOutcome.FAILURE, "permission_missing", err)
        raise Later("permission_missing", seconds=FORBIDDEN_PAUSE_SECONDS) from err
    except Refused as err:
        _close_all(ctx, opened, OperationOutcome.FAILURE, "refused_by_vendor", err)
        raise
    except Permanent as err:
        _close_all(ctx, opened, OperationOutcome.FAILURE, "answer_not_understood", err)
        raise Refused(str(err), status=err.status, request_id=err.request_id) from err
    finally:
        ledger.current_operation.reset(token)


def _close_all(
    ctx: Context,
    opened: Sequence[Operation],
    outcome: OperationOutcome,
    reason: str,
    err: Exception,
    *,
    params: Mapping[str, str] = MappingProxyType({}),
) -> None:
    told = {"message": str(err), **params}
    ends = [op.ending(outcome, reason, params=told, detail=str(err)) for op in opened if not op.closed]
    with ctx.database.begin() as conn:
        ledger.close_all(conn, ends)


@contextmanager
def operation(ctx: Context, intent: Intent) -> Iterator[Operation]:
    with operations(ctx, [intent]) as opened:
        yield opened[0]


def refused_end(err: Refused, operation_ids: tuple[UUID, ...]) -> End:
    return End(
        disposition=Disposition.FAILED,
        reason="refused_by_vendor",
        params={"message": str(err), "fields": list(err.fields)},
        operations=operation_ids,
    )


def close_leftovers(ctx: Context, subjects: Sequence[str], *, applied: bool) -> tuple[UUID, ...]:
    """Give the open operations of a unit their end once a fresh look has told what became of them."""
    closed: list[UUID] = []
    with ctx.database.begin() as conn:
        for subject in dict.fromkeys(subjects):
            for left in ledger.open_operations(conn, subject):
                ledger.close_operation(
                    conn,
                    left.id,
                    outcome=(OperationOutcome.SUCCESS if applied else OperationOutcome.FAILURE).value,
                    reason="found_after_unknown" if applied else "not_found_after_unknown",
                    params={},
                    detail="settled by looking at the vendor",
                )
                closed.append(left.id)
    return tuple(closed)
