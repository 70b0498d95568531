"""One person of a roster set aside for somebody to look at, while everybody else of the roster goes on.

A roster is one unit of work, so it cannot be parked for the sake of one person: the place itself is, in the facts of its link.
It ends when both sides say the same again, or when it is replayed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from csod_pipelines.engine import breaker
from csod_pipelines.engine.context import Context, End
from csod_pipelines.engine.places import OfferingFacts, Seat
from csod_pipelines.engine.roster_links import Ends, intent_for, pair_of
from csod_pipelines.model.keys import Flow, SystemName
from csod_pipelines.model.outcomes import Disposition
from csod_pipelines.store import links, work
from csod_pipelines.store.work import Parked
from csod_pipelines.sync.roster import RosterAction, RosterStep

FACT = "set_aside"
REPLAYED = "replayed_at"

_WORDS: Mapping[RosterAction, str] = {
    RosterAction.REGISTER: "registered",
    RosterAction.ENROLL: "registered",
    RosterAction.REACTIVATE: "reactivated",
    RosterAction.WITHDRAW: "withdrawn",
    RosterAction.CANCEL: "cancelled",
}


@dataclass(frozen=True, slots=True)
class Sifted:
    """``go_on``: to be written now. ``ends``: of those who are set aside, before or just now."""

    go_on: list[Seat]
    ends: Ends


def sift(ctx: Context, subject: str, offering: OfferingFacts, action: RosterAction, side: SystemName, entries: Sequence[Seat]) -> Sifted:
    """Leave out whose place was written too often lately: two systems may be undoing each other's changes."""
    ends: Ends = {pair_of(e): _end(e.link.facts[FACT]) for e in entries if e.link is not None and e.link.facts.get(FACT)}
    rest = [entry for entry in entries if pair_of(entry) not in ends]
    if ctx.dry or not rest:
        return Sifted(rest, ends)
    intents = [intent_for(ctx, subject, entry, _WORDS[action], side, "", session=offering.session_id) for entry in rest]
    go_on: list[Seat] = []
    for entry, intent, times in zip(rest, intents, _times(ctx, rest, intents), strict=True):
        if times < ctx.options.write_limit_in_ten_minutes or entry.link is None:
            go_on.append(entry)
            continue
        aside = {"reason": "written_too_often", "params": breaker.described(intent, times), "since": ctx.clock.utcnow().isoformat()}
        with ctx.database.begin() as conn:
            links.set_facts(conn, entry.link.id, {FACT: aside})
        ends[pair_of(entry)] = _end(aside)
    return Sifted(go_on, ends)


def _times(ctx: Context, entries: Sequence[Seat], intents: Sequence[Any]) -> list[int]:
    """Counted from the last replay of each, where there was one."""
    times = breaker.how_often(ctx, intents)
    for place, (entry, intent) in enumerate(zip(entries, intents, strict=True)):
        replayed = entry.link.facts.get(REPLAYED) if entry.link is not None else None
        if replayed and times[place]:
            times[place] = breaker.how_often(ctx, [intent], since=datetime.fromisoformat(replayed))[0]
    return times


def let_settled_go(ctx: Context, planned: Sequence[tuple[Seat, RosterStep]]) -> None:
    """Both sides say the same again without our doing: nothing is left to look at."""
    for entry, step in planned:
        if step.action is RosterAction.NOTHING and entry.link is not None and entry.link.facts.get(FACT) and not ctx.dry:
            with ctx.database.begin() as conn:
                links.set_facts(conn, entry.link.id, {FACT: None})


def _end(aside: Mapping[str, Any]) -> End:
    return End(disposition=Disposition.PARKED, reason=aside["reason"], params=aside["params"])


def parked(conn: Connection, limit: int) -> list[Parked]:
    """Places that are set aside, as rows like those of parked units."""
    return [
        Parked(
            subject=f"link:{link.id}",
            flow=Flow.ENROLLMENT.value,
            reason=link.facts[FACT]["reason"],
            params=link.facts[FACT]["params"],
            since=datetime.fromisoformat(link.facts[FACT]["since"]),
        )
        for link in links.with_fact_set_aside(conn, limit)
    ]


def everything_parked(conn: Connection, limit: int) -> list[Parked]:
    """Units of work, and places on rosters whose unit goes on without them; the longest first."""
    return sorted([*work.parked(conn, limit), *parked(conn, limit)], key=lambda each: each.since)[:limit]


def take_back(conn: Connection, link_id: int, *, at: datetime) -> str | None:
    """The place is looked at again, and counted anew. Its event; None when it was not set aside."""
    link = links.by_id(conn, link_id)
    if link is None or not link.facts.get(FACT):
        return None
    links.set_facts(conn, link_id, {FACT: None, REPLAYED: at.isoformat()})
    return str(link.facts.get("event") or "")
