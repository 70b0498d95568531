"""What can be measured, in the order of the table, and how long each may take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """``module`` has ``measure(*, full: bool) -> Iterator[Row]``. The limits of all together are the limit of the whole.

    ``alone_seconds``: measured by name it may take that long, for larger sizes; ``measure`` then takes ``alone``, too."""

    name: str
    what: str
    seconds: float
    full_seconds: float
    alone_seconds: float = 0.0

    def limit(self, *, full: bool, alone: bool) -> float:
        return max(self.alone_seconds if alone else 0.0, self.full_seconds if full else self.seconds)

    @property
    def module(self) -> str:
        room = {"import": "importing", "reconcile": "reconciling"}.get(self.name, self.name)  # ``import`` is no name for a module
        return f"csod_pipelines_tests.bench.{room}"


MEASUREMENTS = (
    Measurement(name="acknowledgement", what="webhooks answered once they are stored", seconds=100, full_seconds=600),
    Measurement(name="latency", what="one event, from the webhook to the other side", seconds=180, full_seconds=300),
    Measurement(name="cold", what="one event through Dagster, nobody working", seconds=75, full_seconds=120),
    Measurement(name="burst", what="100 registrations on one offering", seconds=75, full_seconds=120),
    Measurement(name="freshness", what="changes that no webhook told", seconds=55, full_seconds=60),
    Measurement(name="claiming", what="leasing waiting units", seconds=75, full_seconds=200),
    Measurement(name="import", what="the initial import of users", seconds=130, full_seconds=1300, alone_seconds=3_000),
    Measurement(name="reconcile", what="the daily comparison of OUs", seconds=70, full_seconds=400, alone_seconds=900),
    Measurement(name="ledger", what="what recording a call costs", seconds=40, full_seconds=60),
    Measurement(name="definitions", what="loading the Dagster code location", seconds=30, full_seconds=60),
    Measurement(name="simulation", what="planner and engine under random courses", seconds=65, full_seconds=300),
)


def chosen(only: str | None) -> Sequence[Measurement]:
    if only is None:
        return MEASUREMENTS
    wanted = [word.strip() for word in only.split(",") if word.strip()]
    unknown = [word for word in wanted if all(word != m.name for m in MEASUREMENTS)]
    if unknown or not wanted:
        raise SystemExit(f"unknown: {', '.join(unknown) or 'nothing named'}; there are {', '.join(m.name for m in MEASUREMENTS)}")
    return [m for m in MEASUREMENTS if m.name in wanted]
