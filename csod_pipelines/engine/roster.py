"""The roster of one Administrate event as a unit of work, with everybody in it.

read both rosters -> plan every person -> write in batches -> read the written side again -> record what both now say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from csod_pipelines.engine import roster_agreement
from csod_pipelines.engine import roster_writes as writes
from csod_pipelines.engine.context import Context, End, Later, WouldApply
from csod_pipelines.engine.ends import RosterEnd, merged
from csod_pipelines.engine.leftovers import settle_leftovers
from csod_pipelines.engine.places import OfferingFacts, Seat, Seating, offering_facts, plan_seat, seat, seats_moved, with_room
from csod_pipelines.engine.results import bring_results
from csod_pipelines.engine.set_aside import let_settled_go, sift
from csod_pipelines.model.keys import Kind, RecordKey, SystemName
from csod_pipelines.model.outcomes import Disposition
from csod_pipelines.model.readings import Roster
from csod_pipelines.sync.roster import RosterAction, RosterStep
from csod_pipelines.systems.errors import Refused

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
MAX_ROUNDS = 4
UNRESOLVED_SECONDS = 60.0
MENDED_SECONDS = 900.0  # somebody is refused or parked: a person must act first, and people do not act within a minute


def handle_roster(ctx: Context, subject: str, event_id: str) -> RosterEnd:
    offering = offering_facts(ctx, event_id)
    if offering is None:
        return RosterEnd(overall=End(disposition=Disposition.IGNORED, reason="offering_not_managed"))
    offering, here = _learners(ctx, offering)
    there = ctx.systems[C].roster(offering.session_id)
    ctx.totals.read += len(here.rows) + len(there.rows)
    if seats_moved(offering, here) and not ctx.dry:
        ctx.first(str(RecordKey(Kind.OFFERING, A, event_id)))
    ends: dict[tuple[str, str], list[End]] = defaultdict(list)
    for rounds_left in reversed(range(MAX_ROUNDS)):
        offering = with_room(offering, here)
        seating = seat(ctx, offering, here, there)
        planned = [(entry, plan_seat(ctx, offering, entry, complete=there.complete)) for entry in seating.seats]
        wrote = _apply(ctx, subject, offering, planned, ends)
        if not wrote or not rounds_left:
            return _concluded(ctx, subject, offering, seating, planned, ends, here=here, there=there)
        if A in wrote:
            _, here = _learners(ctx, offering)
        if C in wrote:
            there = ctx.systems[C].roster(offering.session_id)
    raise AssertionError("MAX_ROUNDS is at least one")


def _learners(ctx: Context, offering: OfferingFacts) -> tuple[OfferingFacts, Roster]:
    """An event that was deleted has nobody any more, and is closed like one that was cancelled."""
    try:
        here = ctx.systems[A].roster(offering.event_id)
    except Refused as err:
        if err.code != "not_found":
            raise
    else:
        if not here.complete:  # whoever is missing may have been skipped between two pages: that says nothing of him
            raise Later("list_moved")
        return offering, here
    if offering.link.state != "tombstone" and not ctx.dry:
        ctx.first(str(RecordKey(Kind.OFFERING, A, offering.event_id)))
    return replace(offering, cancelled=True), Roster(offering_id=offering.event_id, rows=())


def _concluded(
    ctx: Context,
    subject: str,
    offering: OfferingFacts,
    seating: Seating,
    planned: Sequence[tuple[Seat, RosterStep]],
    ends: dict[tuple[str, str], list[End]],
    *,
    here: Roster,
    there: Roster,
) -> RosterEnd:
    let_settled_go(ctx, planned)
    result = _collect(planned, ends, seating.nameless)
    if seating.waiting_people:
        result.unresolved |= {m for e in here.rows + there.rows if (m := str(e.key)) in seating.nameless}
        seconds = MENDED_SECONDS if all(seating.waiting_people.values()) else UNRESOLVED_SECONDS
        result.again_seconds = min(result.again_seconds or seconds, seconds)
    waiting = [entry for entry, step in planned if step.action is RosterAction.WAIT]
    result.to_close = bool(writes.never_seated(ctx, offering, waiting))
    bring_results(ctx, subject, offering, [entry for entry, _ in planned], result)
    if not ctx.dry:
        settle_leftovers(ctx, subject, seating.seats)
    return result


def _apply(
    ctx: Context,
    subject: str,
    offering: OfferingFacts,
    planned: Sequence[tuple[Seat, RosterStep]],
    ends: dict[tuple[str, str], list[End]],
) -> set[SystemName]:
    """Carry out one round. Returns the sides that were written and must be read again."""
    groups: dict[RosterAction, list[Seat]] = defaultdict(list)
    for entry, step in planned:
        groups[step.action].append(entry)
    wrote: set[SystemName] = set()
    writers: list[tuple[RosterAction, SystemName, Any]] = [
        # places are given up before they are taken: else a swap in a full session puts the newcomer on the waiting list
        (RosterAction.WITHDRAW, C, writes.withdraw),
        (RosterAction.CANCEL, A, writes.cancel),
        (RosterAction.REGISTER, C, writes.register),
        (RosterAction.ENROLL, A, writes.enroll),
        (RosterAction.REACTIVATE, A, writes.reactivate),
    ]
    for action, side, writer in writers:
        sifted = sift(ctx, subject, offering, action, side, [entry for entry in groups[action] if not _tried(ends, entry, action)])
        for pair, end in sifted.ends.items():
            ends[pair].append(replace(end, params={**end.params, "action": action}))
        todo = sifted.go_on
        if not todo:
            continue
        try:
            results = writer(ctx, subject, offering, todo)
        except WouldApply as would:
            results = {(e.contact_id, e.user_id): would.end for e in todo}
        else:
            wrote.add(side)
        for pair, end in results.items():
            ends[pair].append(
                End(disposition=end.disposition, reason=end.reason, params={**end.params, "action": action}, operations=end.operations)
            )
    if groups[RosterAction.WAIT]:
        confirmed = writes.confirm(ctx, offering, groups[RosterAction.WAIT])
        if confirmed:
            wrote.add(C)
    if groups[RosterAction.AGREE] and not ctx.dry:
        for pair, end in roster_agreement.agree(ctx, subject, offering, groups[RosterAction.AGREE]).items():
            ends[pair].append(end)
    return wrote


def _tried(ends: dict[tuple[str, str], list[End]], entry: Seat, action: RosterAction) -> bool:
    """One write of a kind a person and pass: what did not take effect at once is looked at again later, not repeated."""
    return any(end.params.get("action") == action for end in ends[entry.contact_id, entry.user_id])


def _collect(planned: Sequence[tuple[Seat, RosterStep]], ends: dict[tuple[str, str], list[End]], nameless: dict[str, End]) -> RosterEnd:
    result = RosterEnd(overall=End(disposition=Disposition.UNCHANGED, reason="already_in_step"), members=dict(nameless))
    everything: list[End] = []
    for entry, step in planned:
        mine = ends.get((entry.contact_id, entry.user_id), [])
        end = merged(mine) if mine else _quiet(step)
        everything += mine
        for member in entry.members:
            result.members[member] = end
        if step.action is RosterAction.WAIT and step.reason == "waiting_for_confirmation":
            result.unresolved |= set(entry.members)
            result.again_seconds = min(result.again_seconds or 1.0, 1.0)
    if everything:
        result.overall = merged(everything)
    return result


def _quiet(step: RosterStep) -> End:
    if step.action is RosterAction.NOTHING and step.reason == "already_in_step":
        return End(disposition=Disposition.UNCHANGED, reason=step.reason)
    return End(disposition=Disposition.IGNORED, reason=step.reason)
