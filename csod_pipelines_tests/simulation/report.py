"""What a range of seeds covered: places, faults, acts, mishaps; and which of the known ones never happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from csod_pipelines_tests.simulation.acts import ACTS
from csod_pipelines_tests.simulation.play import Verdict
from csod_pipelines_tests.simulation.scenario import FAULTS

PLACES = ("store.begin", "store.commit", "store.committed", "call.send", "call.answered")
RUNS = ("observe", "drain", "reconcile", "backfill", "brake released", "breaker replayed")
MISHAPS = (
    "stalls",
    "outage administrate",
    "outage cornerstone",
    "outage gateway",
    "cursors lost",
    *(f"crash at {name}" for name in PLACES),
)
MAIL = ("mail stored", "mail dropped", "mail duplicated", "mail late", "mail out of order", "mail refused")


@dataclass(slots=True)
class Coverage:
    seeds: int = 0
    steps: int = 0
    virtual_seconds: float = 0.0
    places: Counter[str] = field(default_factory=Counter)
    acts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)

    def add(self, verdict: Verdict) -> None:
        self.seeds += 1
        self.steps += verdict.steps
        self.virtual_seconds += verdict.virtual_seconds
        self.places.update(verdict.places)
        self.acts.update(verdict.acts)
        self.faults.update(verdict.faults)
        self.counts.update({name: number for name, number in verdict.counts.items() if name != "quiet rounds"})

    def never(self) -> list[str]:
        """Known places, faults, acts and mishaps that did not happen in any seed."""
        kinds = Counter(place.split(":", 1)[0] for place in self.places.elements())
        return [
            *(f"place {name}" for name in PLACES if not kinds[name]),
            *(f"fault {name}" for name in (*FAULTS, "down", "straggler") if not self.faults[name]),
            *(f"act {name}" for name in ACTS if not self.acts[name]),
            *(f"mishap {name}" for name in (*MISHAPS, *MAIL) if not self.counts[name]),
            *(f"run {name}" for name in RUNS if not self.counts[name]),
        ]

    def shown(self) -> dict[str, Any]:
        return {
            "seeds": self.seeds,
            "steps": self.steps,
            "virtual_hours": round(self.virtual_seconds / 3600, 1),
            "never": self.never(),
            "places": _sorted(self.places),
            "faults": _sorted(self.faults),
            "acts": _sorted(self.acts),
            "mishaps": _sorted(self.counts),
        }


def _sorted(counter: Counter[str]) -> dict[str, int]:
    return dict(sorted(counter.items()))


def together(parts: Iterable[Coverage]) -> Coverage:
    whole = Coverage()
    for part in parts:
        whole.seeds += part.seeds
        whole.steps += part.steps
        whole.virtual_seconds += part.virtual_seconds
        for name in ("places", "acts", "faults", "counts"):
            getattr(whole, name).update(getattr(part, name))
    return whole
