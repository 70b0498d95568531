"""The access log of a sandbox: one row an HTTP request, with what it did and the letters it would have sent to learners."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from csod_pipelines.sandbox.kit import Effect, Request

ROWS_KEPT = 100_000
EFFECTS_SHOWN = 120  # of one request: a batch of fifty records and the ids of another; counts cover the rest
_WEIGHT = {"none": 0, "log": 1, "cancel": 2, "update": 3, "create": 4}


class Journal:
    """Rows in order of `seq`, which never starts again while the process lives."""

    def __init__(self) -> None:
        self._rows: deque[dict[str, Any]] = deque(maxlen=ROWS_KEPT)
        self._seq = 0

    def clear(self) -> None:
        self._rows.clear()

    def add(
        self,
        request: Request,
        effects: Sequence[Effect],
        *,
        at: datetime,
        status: int | None,
        operations: Sequence[str],
        fault: str | None,
    ) -> None:
        """`status` None: the caller was sent nothing. The row speaks of the weightiest effect; `effects` lists the first ones."""
        self._seq += 1
        main = max(effects, key=lambda effect: _WEIGHT.get(effect.effect, 0), default=None)
        self._rows.append(
            {
                "seq": self._seq,
                "at": at.isoformat().replace("+00:00", "Z"),
                "method": request.method,
                "path": request.path,
                "operation": main.operation if main is not None else ",".join(operations),
                "status": status,
                "effect": main.effect if main is not None else "none",
                "kind": main.kind if main is not None else None,
                "id": main.id if main is not None else None,
                "messages": sum(effect.messages for effect in effects),
                "request_id": request.headers.get("x-request-id"),
                "user_agent": request.headers.get("user-agent"),
                "fault": fault,
                "counts": _counts(effects),
                "effects": tuple(effect for effect in effects[:EFFECTS_SHOWN] if effect.effect != "none"),
            }
        )

    def since(self, seq: int) -> list[dict[str, Any]]:
        if not self._rows:
            return []
        skip = max(0, seq + 1 - self._rows[0]["seq"])
        rows = (self._rows[i] for i in range(skip, len(self._rows)))
        return [{**row, "effects": [_shown(effect) for effect in row["effects"]]} for row in rows]


def _counts(effects: Sequence[Effect]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for effect in effects:
        if effect.effect != "none":
            counts[f"{effect.effect} {effect.kind}"] = counts.get(f"{effect.effect} {effect.kind}", 0) + 1
    return counts


def _shown(effect: Effect) -> dict[str, Any]:
    return {
        "operation": effect.operation,
        "effect": effect.effect,
        "kind": effect.kind,
        "id": effect.id,
        "messages": effect.messages,
    }
