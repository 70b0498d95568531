"""Integration Log entries: what administrators of the instance read about us, on the record and under our origin's name."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from csod_pipelines.systems.administrate.client import Client
from csod_pipelines.systems.base import LogEntry, Refusal

#: The node of entries that concern the whole instance: base64 of `Organisation:` with nothing behind it.
INSTANCE_NODE = "T3JnYW5pc2F0aW9uOg=="


def write_logs(client: Client, entries: Sequence[LogEntry]) -> tuple[Refusal | None, ...]:
    answers: list[Refusal | None] = []
    size = client.options.batch_size
    for start in range(0, len(entries), size):
        rows = [{"input": _input(entry)} for entry in entries[start : start + size]]
        answers += [answer if isinstance(answer, Refusal) else None for answer in client.run_batch("WriteLogs", rows)]
    return tuple(answers)


def _input(entry: LogEntry) -> dict[str, str]:
    sent = {
        "originIdentifier": entry.origin,
        "nodeId": entry.node_id or INSTANCE_NODE,
        "message": entry.message,
        "status": "failed" if entry.failed else "success",
    }
    groups = [group for group in (entry.details, *entry.groups) if group]
    if groups:
        sent["payload"] = json.dumps({"groups": [{"details": _lines(group)} for group in groups]}, ensure_ascii=False)
    return sent


def _lines(group: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"type": "text", "value": f"{name}: {value}"} for name, value in group.items()]
