"""What a run did, in numbers, and a bounded sample of its operations in the vendors' words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

SAMPLE_ROWS = 100


@dataclass(slots=True, kw_only=True)
class Totals:
    """Counts of one run. ``operations`` by outcome, ``dispositions`` by how deliveries and marks ended, ``done`` by
    what was done in the vendors' words ("user created": 3)."""

    read: int = 0
    operations: Counter[str] = field(default_factory=Counter)
    dispositions: Counter[str] = field(default_factory=Counter)
    done: Counter[str] = field(default_factory=Counter)
    waiting: int = 0
    seconds: float = 0.0
    stopped_reason: str = ""
    sample: list[dict[str, Any]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)  # of a comparison: what both sides hold, by kind

    def add_operation(self, *, done: str, outcome: str, row: dict[str, Any]) -> None:
        self.operations[outcome] += 1
        self.done[done] += 1
        self.add_row(row)

    def add_row(self, row: dict[str, Any]) -> None:
        if len(self.sample) < SAMPLE_ROWS:
            self.sample.append(row)

    def add(self, other: Totals) -> None:
        """Take in what was counted apart."""
        self.read += other.read
        self.operations.update(other.operations)
        self.dispositions.update(other.dispositions)
        self.done.update(other.done)
        self.counts.update(other.counts)
        self.waiting += other.waiting
        self.seconds += other.seconds
        for row in other.sample:
            self.add_row(row)
        self.stopped_reason = other.stopped_reason or self.stopped_reason

    @property
    def failed(self) -> int:
        return self.operations["failure"] + self.operations["partial"]

    def as_metadata(self) -> dict[str, int | float | str]:
        """Flat and stable names, so that Dagster plots them over time."""
        return {
            "records_read": self.read,
            **{f"operations_{name}": self.operations[name] for name in ("success", "partial", "failure", "unknown", "would_apply")},
            **{
                f"changes_{name}": self.dispositions[name]
                for name in ("applied", "failed", "unchanged", "ignored", "parked", "would_apply")
            },
            "waiting": self.waiting,
            "seconds": round(self.seconds, 3),
            "stopped_reason": self.stopped_reason,
            **{f"count_{name}": number for name, number in sorted(self.counts.items())},
        }
