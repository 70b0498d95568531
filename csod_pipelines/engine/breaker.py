"""The breaker: a record that is written again and again is set aside for a person, before two systems play ping-pong with it.

Counted are changes that were sent or may have been, on one side of one record, within ten minutes and since a person last
replayed it. Ping-pong says the same again and again, so a write whose content is new within that time always passes: somebody
is at work there. A creation counts only against further creations of the same. Results come mark by mark, so of them only
repetitions of the very same marks count.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from csod_pipelines.engine.context import Context, Parked
from csod_pipelines.model.keys import Flow, Kind
from csod_pipelines.store import brakes as counts
from csod_pipelines.store import controls

if TYPE_CHECKING:
    from csod_pipelines.engine.operations import Intent

WINDOW_SECONDS = 600.0
#: Storing ids, pairing and to-dos write no content that could come back as an echo.
WRITES = ("created", "updated", "registered", "withdrawn", "cancelled", "reactivated", "marked", "submitted", "recorded")
#: Flows that write each record at most once a run by their nature; asking for each of a million rows would cost more than it saves.
NOT_ASKED = frozenset({Flow.IMPORT})


def replayed_name(subject: str) -> str:
    return f"replay:{subject}"


def intent_bytes(intent: Intent) -> bytes:
    return orjson.dumps(dict(intent.payload), default=str, option=orjson.OPT_SORT_KEYS)


def check(ctx: Context, intents: Sequence[Intent]) -> None:
    """Raises Parked before the write that would be one too many. People of a roster are sifted before (set_aside.py)."""
    asked = [
        intent for intent in intents if intent.action in WRITES and intent.flow not in NOT_ASKED and intent.kind is not Kind.ENROLLMENT
    ]
    if not asked:
        return
    with ctx.database.read() as conn:
        replayed = controls.get_control(conn, replayed_name(asked[0].subject))
    times = how_often(ctx, asked, since=replayed.at if replayed is not None else None)
    for intent, number in zip(asked, times, strict=True):
        if number >= ctx.options.write_limit_in_ten_minutes:
            raise Parked("written_too_often", described(intent, number))


def described(intent: Intent, times: int) -> dict[str, Any]:
    record = intent.administrate_id or intent.cornerstone_id or intent.subject
    return {"record": f"{intent.kind} {record}", "times": times, "system": str(intent.target)}


def how_often(ctx: Context, intents: Sequence[Intent], *, since: datetime | None = None) -> list[int]:
    """For each write that is about to be made, how many count against it: made to the same record within the window, one of
    them with the same content."""
    targets = [
        counts.Target(
            kind=intent.kind.value,
            system=intent.target.value,
            administrate_id=intent.administrate_id,
            cornerstone_id=intent.cornerstone_id,
        )
        for intent in intents
    ]
    with ctx.database.read() as conn:
        earlier = counts.earlier_writes(conn, targets, actions=WRITES, seconds=WINDOW_SECONDS, since=since)
    return [_counted(earlier.get(place, ()), intent) for place, intent in enumerate(intents)]


def _counted(earlier: Sequence[counts.EarlierWrite], intent: Intent) -> int:
    if intent.action == "created":
        return sum(write.action == "created" for write in earlier)
    changes = [write for write in earlier if write.action != "created"]
    same = sum(_says_the_same(write, intent) for write in changes)
    return len(changes) if same and intent.kind is not Kind.OUTCOME else same


def _says_the_same(write: counts.EarlierWrite, intent: Intent) -> bool:
    """A place on a roster is taken or given up, and nothing else can be said of it."""
    return write.action == intent.action and (intent.kind is Kind.ENROLLMENT or write.intent == intent_bytes(intent))
