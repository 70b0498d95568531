"""Integration Log entries: what administrators of the instance read about us, on the record and under our origin's name."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from csod_pipelines.systems.administrate.client import Client
from csod_pipelines.systems.base import Refusal

#: The node of entries that concern the whole instance: base64 of `Organisation:` with nothing behind it.
INSTANCE_NODE = "T3JnYW5pc2F0aW9uOg=="


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """``details`` become lines of the entry's payload. They are read by all administrators: no personal data, no secrets."""

    origin: str
    message: str
    failed: bool
    node_id: str = INSTANCE_NODE
    details: Mapping[str, str] = field(default_factory=dict)


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
        "nodeId": entry.node_id,
        "message": entry.message,
        "status": "failed" if entry.failed else "success",
    }
    if entry.details:
        lines = [{"type": "text", "value": f"{name}: {value}"} for name, value in entry.details.items()]
        sent["payload"] = json.dumps({"groups": [{"details": lines}]})
    return sent
