"""One leased unit from claim to settlement, whatever its kind: handle it, then write its end in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace

from sqlalchemy.exc import DBAPIError

from csod_pipelines.engine.context import Context, End, Later, Parked, WaitsFor, WouldApply, id_on
from csod_pipelines.engine.errors import BrakeOn, FlowStopped
from csod_pipelines.engine.guard import LEASE_SECONDS
from csod_pipelines.engine.operations import FORBIDDEN_PAUSE_SECONDS, UNAVAILABLE_PAUSE_SECONDS
from csod_pipelines.engine.pair import handle_pair
from csod_pipelines.engine.roster import RosterEnd, handle_roster
from csod_pipelines.engine.routes import ROSTER_PREFIX, is_routed, route
from csod_pipelines.engine.sentences import limit_reason
from csod_pipelines.model.keys import Kind, RecordKey, SystemName
from csod_pipelines.model.outcomes import Disposition, Mode
from csod_pipelines.model.readings import Present
from csod_pipelines.store import images, inbox, links, work
from csod_pipelines.store.work import Claim, Fenced, Mark
from csod_pipelines.sync.directions import flow_of
from csod_pipelines.sync.images import changed, image_of
from csod_pipelines.sync.plan import MAPPED
from csod_pipelines.systems.errors import Forbidden, LeaseLost, Malformed, RateLimited, Refused, Transient, Unauthorized

SECOND_LOOK_SECONDS = 60.0
PREREQUISITE_RETRY_SECONDS = 120.0
MAX_DEPTH = 30
UNEXPECTED_TRIES = 3
HELD_SECONDS = 5.0  # nobody claims it while the flow is held; once released it should go on at once

_log = logging.getLogger(__name__)


def work_one(ctx: Context, claim: Claim) -> End | None:
    """Handle a claimed unit. None: it goes on later, waits or was taken over; nothing was settled."""
    try:
        return _worked(ctx, claim)
    except Fenced:  # noticed as its end was to be written: whatever that was, it is the new holder's to say
        _look_again(ctx, claim)
        return None


def _worked(ctx: Context, claim: Claim) -> End | None:
    name = claim.subject
    ctx.claims[name] = claim
    try:
        ctx.guard.hold(name)
        return _settled(ctx, claim)
    except Later as later:
        seconds = later.seconds if later.seconds is not None or later.until is not None else _back_off(claim)
        _postpone(ctx, ctx.claims[name], later.reason, seconds=seconds, until=later.until, count_attempt=later.count_attempt)
    except WaitsFor as waits:
        _wait(ctx, ctx.claims[name], waits)
    except links.AlreadyLinked as err:
        return _park(ctx, ctx.claims[name], Parked("linked_elsewhere", {"message": str(err)}))
    except Parked as parked:
        return _park(ctx, ctx.claims[name], parked)
    except RateLimited as err:
        _postpone(ctx, ctx.claims[name], limit_reason(err.bucket), until=err.until, count_attempt=False)
    except Unauthorized as err:
        _postpone(ctx, ctx.claims[name], "credentials_refused", seconds=SECOND_LOOK_SECONDS, count_attempt=False)
        raise FlowStopped(str(err)) from err
    except Forbidden:
        _postpone(ctx, ctx.claims[name], "permission_missing", seconds=FORBIDDEN_PAUSE_SECONDS)
    except (Malformed, Refused):  # of a read: what a write was refused for has been told by its operation
        _postpone(ctx, ctx.claims[name], "answer_not_understood", seconds=_back_off(claim))
    except Transient:
        _postpone(ctx, ctx.claims[name], "vendor_down", seconds=_back_off(claim))
    except (BrakeOn, FlowStopped) as err:
        give_back(ctx, ctx.claims[name], err)
        raise
    except (LeaseLost, Fenced):
        _look_again(ctx, ctx.claims[name])
    except Exception as err:
        if isinstance(err, DBAPIError) and err.connection_invalidated:
            raise  # the database went away: no fault of this unit's, and nothing can be noted; its lease runs out
        # A fault of our own in one unit must not stop the others: it is told with its trace, tried again, and then parked.
        _log.exception("unit %s failed: %s", ctx.claims[name].subject, type(err).__name__)
        return _unexpected(ctx, ctx.claims[name], err)
    finally:
        ctx.guard.drop(name)
        ctx.guard.drop(ctx.claims.pop(name).subject)
    return None


def _unexpected(ctx: Context, claim: Claim, err: Exception) -> End | None:
    if claim.attempts + 1 >= UNEXPECTED_TRIES:
        return _park(ctx, claim, Parked("unexpected_error", {"error": type(err).__name__}))
    _postpone(ctx, claim, "unexpected_error", seconds=_back_off(claim))
    return None


def _wait(ctx: Context, claim: Claim, waits: WaitsFor) -> None:
    again, reason = (_back_off(claim), "prerequisite_missing") if waits.looked_at else (PREREQUISITE_RETRY_SECONDS, "waits_for")
    with ctx.database.begin() as conn:
        work.wait_for(conn, claim, waits.subjects, fallback_seconds=again, reason=reason, count_attempt=waits.looked_at)


def give_back(ctx: Context, claim: Claim, err: BrakeOn | FlowStopped) -> None:
    """The flow stops before anything of this unit was done."""
    reason, seconds = ("brake_on", HELD_SECONDS) if isinstance(err, BrakeOn) else ("credentials_refused", SECOND_LOOK_SECONDS)
    _postpone(ctx, claim, reason, seconds=seconds, count_attempt=False)


def _back_off(claim: Claim) -> float:
    return min(UNAVAILABLE_PAUSE_SECONDS * 2 ** min(claim.attempts, 8), 900.0)


def _postpone(ctx: Context, claim: Claim, reason: str, *, seconds=None, until=None, count_attempt: bool = True) -> None:
    try:
        with ctx.database.begin() as conn:
            work.postpone(conn, claim, seconds=seconds, until=until, reason=reason, count_attempt=count_attempt)
    except Fenced:
        _look_again(ctx, claim)


def _look_again(ctx: Context, claim: Claim) -> None:
    """Taken over. The new holder may have ended before this worker noticed, and what this one began since stands open: whoever
    looks now finds it, and finishes it."""
    ctx.totals.dispositions["taken_over"] += 1
    with ctx.database.begin() as conn:
        work.mark(conn, [Mark(subject=claim.subject, flow=claim.flow)])


def _park(ctx: Context, claim: Claim, parked: Parked) -> End:
    end = End(disposition=Disposition.PARKED, reason=parked.reason, params=parked.params)
    with ctx.database.begin() as conn:
        _settle(conn, _aliases(conn, claim), claim.up_to_event, end)
        _settle_members(conn, claim, dict.fromkeys((m.member for m in claim.members), end))
        work.park(conn, claim, reason=parked.reason, params=parked.params)
    ctx.totals.dispositions[end.disposition] += 1
    return end


def _settled(ctx: Context, claim: Claim) -> End | None:
    if claim.subject.startswith(ROSTER_PREFIX):
        return _roster(ctx, claim)
    if is_routed(claim.subject):
        return forward(ctx, [claim]).get(claim.subject)
    try:
        end = handle_pair(ctx, claim.subject, claim.sides, restore=ctx.restore)
    except WouldApply as would:
        end = would.end
    subject, claim = claim.subject, ctx.claims[claim.subject]
    with ctx.database.begin() as conn:
        subjects = list(dict.fromkeys([subject, *_aliases(conn, claim)]))
        _settle(conn, subjects, claim.up_to_event, end)
        _settle_members(conn, claim, dict.fromkeys((m.member for m in claim.members), end))
        work.finish(conn, claim, wake_others=end.disposition.value in inbox.WAKING)
        _second_look(conn, claim)
    ctx.totals.dispositions[end.disposition] += 1
    return end


def _second_look(conn, claim: Claim) -> None:
    """A unit taken over from a silent worker is looked at once more: a request of that worker may still have been on its way."""
    if claim.taken_over:
        work.mark(conn, [Mark(subject=claim.subject, flow=claim.flow, delay_seconds=SECOND_LOOK_SECONDS)])


def _aliases(conn, claim: Claim) -> list[str]:
    """Every name under which deliveries may know this unit: its subject, its link, and the records of both sides."""
    names = [claim.subject]
    link = None
    if claim.subject.startswith("link:"):
        link = links.by_id(conn, int(claim.subject.removeprefix("link:")))
    elif not claim.subject.startswith("roster:"):
        key = RecordKey.parse(claim.subject)
        link = links.by_record(conn, key.kind, key.system, key.id)
    if link is not None:
        names.append(f"link:{link.id}")
        for system, id in (("administrate", link.administrate_id), ("cornerstone", link.cornerstone_id)):
            if id:
                names.append(f"{link.kind}:{system}:{id}")
    return list(dict.fromkeys(names))


def _settle(conn, subjects: Sequence[str], up_to_event: int, end: End) -> None:
    inbox.settle(
        conn,
        subjects=subjects,
        up_to_event=up_to_event,
        disposition=end.disposition.value,
        reason=end.reason,
        params=end.params,
        operation_ids=end.operations,
    )


def _settle_members(conn, claim: Claim, ends: dict[str, End]) -> None:
    for member in claim.members:
        if (end := ends.get(member.member)) is not None:
            _settle(conn, [member.member], member.up_to_event, end)


def _roster(ctx: Context, claim: Claim) -> End | None:
    result = handle_roster(ctx, claim.subject, claim.subject.removeprefix(ROSTER_PREFIX))
    ends = _member_ends(claim, result)
    with ctx.database.begin() as conn:
        _settle_members(conn, claim, {m: e for m, e in ends.items() if m not in result.unresolved})
        for end in ends.values():
            ctx.totals.dispositions[end.disposition] += 1
        if result.again_seconds is not None:
            work.postpone(conn, claim, seconds=result.again_seconds, reason="waiting_for_confirmation", count_attempt=False)
            return None
        _settle(conn, [claim.subject], claim.up_to_event, result.overall)
        if not work.finish(conn, claim):
            _gather(conn, ctx, claim)
        _second_look(conn, claim)
    return result.overall


def _gather(conn, ctx: Context, claim: Claim) -> None:
    """The first change of a burst was applied at once; what came meanwhile gathers for a moment and goes as one batch."""
    again = work.claim_subject(conn, claim.subject, owner=claim.owner, lease_seconds=LEASE_SECONDS)
    if again is not None:
        work.postpone(conn, again, seconds=ctx.options.gather_seconds, reason="gathering", count_attempt=False)


def _member_ends(claim: Claim, result: RosterEnd) -> dict[str, End]:
    gone = End(disposition=Disposition.IGNORED, reason="record_gone", params={"evidence": "the row is not on the roster"})
    if result.overall.reason == "offering_not_managed":
        gone = result.overall
    return {m.member: result.members.get(m.member, gone) for m in claim.members}


def forward(ctx: Context, claims: Sequence[Claim]) -> dict[str, End]:
    """Turn hints about learners, rows and sessions into marks on their units; settle those that lead nowhere."""
    ends: dict[str, End] = {}
    routed = route(ctx, claims)
    with ctx.database.begin() as conn:
        for claim in claims:
            target = routed[claim.subject]
            if isinstance(target, End):
                ends[claim.subject] = target
                _settle(conn, [claim.subject], claim.up_to_event, target)
                ctx.totals.dispositions[target.disposition] += 1
            else:
                work.mark(conn, [target])
            work.finish(conn, claim)
    for claim in claims:
        ctx.guard.drop(claim.subject)
    return ends


def settle_unchanged(ctx: Context, claims: Sequence[Claim]) -> list[Claim]:
    """Settle the echoes of a batch in one transaction, by the readings taken together; returns what is left to work.

    Only a live pair whose hinted side still equals its own base counts; everything else is worked one by one.
    """
    numbered = {claim.subject: int(claim.subject.removeprefix("link:")) for claim in claims if claim.subject.startswith("link:")}
    if not ctx.prefetched or not numbered:
        return list(claims)
    with ctx.database.read() as conn:
        bases = images.load_many(conn, list(numbered.values()))
        pairs = {id: links.by_id(conn, id) for id in numbered.values()}
    same = [c for c in claims if c.subject in numbered and _is_echo(ctx, c, pairs[numbered[c.subject]], bases.get(numbered[c.subject], {}))]
    if not same:
        return list(claims)
    end = End(disposition=Disposition.UNCHANGED, reason="already_in_step")
    with ctx.database.begin() as conn:
        for claim in same:
            if claim.up_to_event:
                _settle(conn, [claim.subject], claim.up_to_event, end)
            _settle_members(conn, claim, dict.fromkeys((m.member for m in claim.members), end))
        work.finish_many(conn, same)
    for claim in same:
        ctx.guard.drop(claim.subject)
    ctx.totals.dispositions[end.disposition] += len(same)
    done = {claim.subject for claim in same}
    return [claim for claim in claims if claim.subject not in done]


def _is_echo(ctx: Context, claim: Claim, link: links.Link | None, bases: Mapping[str, images.Image]) -> bool:
    if link is None or link.state != "live" or len(claim.sides) != 1 or claim.taken_over or claim.attempts:
        return False
    side = SystemName(next(iter(claim.sides)))
    reading = ctx.prefetched.get(RecordKey(Kind(link.kind), side, id_on(link, side) or ""))
    base = bases.get(side.value)
    if not isinstance(reading, Present) or base is None:
        return False
    return not changed(image_of(reading.record), base.base) & MAPPED[Kind(link.kind)]


class Prerequisites:
    """``ctx.first``: handle what a unit needs, under that unit's own lease, mode and flow, in the same run."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._depth = 0

    def __call__(self, subject: str) -> End | None:
        ctx = self._ctx
        kind = Kind(subject.split(":", 1)[0])
        flow = flow_of(kind)
        if self._depth >= MAX_DEPTH or ctx.mode(flow) is Mode.OFF or ctx.modes.held(flow) is not None:
            return None
        since = ctx.clock.monotonic()
        with ctx.database.begin() as conn:
            work.mark(conn, [Mark(subject=subject, flow=flow)])
            claim = work.claim_subject(conn, subject, owner=ctx.guard.owner, lease_seconds=LEASE_SECONDS)
        if claim is None:
            return None
        ctx.guard.keep(claim.subject, since=since)
        before, ctx.flow = ctx.flow, flow
        self._depth += 1
        ctx.needed = self._depth
        try:
            return work_one(ctx, claim)
        finally:
            self._depth -= 1
            ctx.needed = self._depth
            ctx.flow = before


def with_prerequisites(ctx: Context) -> Context:
    ready = replace(ctx)
    ready.first = Prerequisites(ready)
    return ready
