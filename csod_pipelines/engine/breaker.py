"""The breaker: a record that is written again and again is set aside for a person, before two systems play ping-pong with it.

Counted are changes that were sent or may have been, on one side of one record, within ten minutes and since a person last
replayed it; its creation counts only against further creations of the same. Results come mark by mark, so of them only a
repetition of the very same marks counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import orjson

from csod_pipelines.engine.context import Context, Parked
from csod_pipelines.model.keys import Flow, Kind
from csod_pipelines.store import brakes as counts
from csod_pipelines.store import controls

if TYPE_CHECKING:
    from csod_pipelines.engine.operations import Intent

WINDOW_SECONDS = 600.0
#: Storing ids, pairing and to-dos write no content that could come back as an echo.
WRITES = ("created", "updated", "registered", "withdrawn", "cancelled", "reactivated", "marked", "submitted", "result recorded")
#: Flows that write each record at most once a run by their nature; asking for each of a million rows would cost more than it saves.
NOT_ASKED = frozenset({Flow.IMPORT})


def replayed_name(subject: str) -> str:
    return f"replay:{subject}"


def intent_bytes(intent: Intent) -> bytes:
    return orjson.dumps(dict(intent.payload), default=str, option=orjson.OPT_SORT_KEYS)


def check(ctx: Context, intents: Sequence[Intent]) -> None:
    """Raises Parked before the write that would be one too many."""
    asked = [intent for intent in intents if intent.action in WRITES and intent.flow not in NOT_ASKED]
    if not asked:
        return
    targets = [
        counts.Target(
            kind=intent.kind.value,
            system=intent.target.value,
            administrate_id=intent.administrate_id,
            cornerstone_id=intent.cornerstone_id,
        )
        for intent in asked
    ]
    limit = ctx.options.write_limit_in_ten_minutes
    with ctx.database.read() as conn:
        replayed = controls.get_control(conn, replayed_name(asked[0].subject))
        since = replayed.at if replayed is not None else None
        earlier = counts.earlier_writes(conn, targets, actions=WRITES, seconds=WINDOW_SECONDS, since=since)
    for place, intent in enumerate(asked):
        written = [write for write in earlier.get(place, ()) if write.action != "created" or intent.action == "created"]
        if intent.kind is Kind.OUTCOME:
            wanted = intent_bytes(intent)
            written = [write for write in written if write.intent == wanted]
        if len(written) >= limit:
            record = intent.administrate_id or intent.cornerstone_id or intent.subject
            raise Parked("written_too_often", {"record": f"{intent.kind} {record}", "times": len(written), "system": str(intent.target)})
