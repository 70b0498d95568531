"""The breaker: a record that is written again and again is set aside for a person, before two systems play ping-pong with it.

Counted are changes that were sent or may have been, on one side of one record, within ten minutes and since a person last
replayed it; its creation counts only against further creations of the same. Results come mark by mark, so of them only a
repetition of the very same marks counts.
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
    """For each write that is about to be made, how many of its like were made to the same record within the window."""
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
    return [sum(_is_alike(write, intent) for write in earlier.get(place, ())) for place, intent in enumerate(intents)]


def _is_alike(write: counts.EarlierWrite, intent: Intent) -> bool:
    if write.action == "created" and intent.action != "created":
        return False
    return intent.kind is not Kind.OUTCOME or write.intent == intent_bytes(intent)
