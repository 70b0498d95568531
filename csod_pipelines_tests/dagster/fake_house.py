"""A house that stands in for runtime's where only the adapters to Dagster are under test.

It decides nothing: it answers what a test told it, and remembers what it was asked. The engine itself is tested with a
real database elsewhere; here a real Dagster instance is the other side.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

from csod_pipelines.defs.jobs import LIVE_FLOWS
from csod_pipelines.engine.totals import Totals
from csod_pipelines.model.keys import Flow, Kind
from csod_pipelines.model.outcomes import Mode


def waiting(*, ready: int = 0, leased: int = 0, parked: int = 0, oldest_seconds: float | None = None, next_in: float | None = None) -> Any:
    now = datetime.now(UTC)
    return SimpleNamespace(
        ready=ready,
        leased=leased,
        parked=parked,
        oldest=None if oldest_seconds is None else now - timedelta(seconds=oldest_seconds),
        next_ready_at=None if next_in is None else now + timedelta(seconds=next_in),
    )


def some_totals(*, failed: int = 0) -> Totals:
    totals = Totals(read=3, seconds=0.25, stopped_reason="lingered")
    row = {"when": "09:41", "what": "contact created", "administrate": "CT-1", "cornerstone": "48928", "outcome": "success", "reason": ""}
    totals.add_operation(done="contact created", outcome="success", row=row)
    for number in range(failed):
        totals.add_operation(done="contact updated", outcome="failure", row={**row, "administrate": f"CT-{number}", "outcome": "failure"})
    totals.dispositions["applied"] += 1
    return totals


@dataclass
class FakeEngine:
    totals: Totals = field(default_factory=some_totals)
    error: Exception | None = None
    work: dict[Flow, Any] = field(default_factory=dict)
    drainers: dict[Flow, str] = field(default_factory=dict)
    modes: dict[Flow, Mode] = field(default_factory=dict)
    pauses: set[Flow] = field(default_factory=set)
    holds: dict[Flow, str] = field(default_factory=dict)
    due: list[str] = field(default_factory=list)
    deliveries: dict[str, int] = field(default_factory=dict)
    forgotten: int = 0
    parked_rows: list[dict[str, Any]] = field(default_factory=list)
    operation_rows: list[dict[str, Any]] = field(default_factory=list)
    comparisons: dict[Kind, dict[str, Any]] = field(default_factory=dict)
    expired: list[str] = field(default_factory=list)
    asked_run: str | None = None
    calls: list[tuple[str, Any, dict[str, Any]]] = field(default_factory=list)

    def expire(self) -> list[str]:
        return self.expired

    def _run(self, name: str, subject: Any, told: dict[str, Any]) -> Totals:
        self.calls.append((name, subject, told))
        if progress := told.get("progress"):
            progress(self.totals)
        if self.error:
            raise self.error
        return self.totals

    def drain(self, flow: Flow, **told: Any) -> Totals:
        return self._run("drain", flow, told)

    def observe(self, **told: Any) -> Totals:
        return self._run("observe", None, told)

    def import_baseline(self, kind: Kind, **told: Any) -> Totals:
        return self._run("import_baseline", kind, told)

    def compared(self, kind: Kind) -> dict[str, Any]:
        return self.comparisons.get(kind, {})

    def planned_counts(self) -> dict[str, int]:
        return {"person": 1_000}

    def reconcile(self, kind: Kind, **told: Any) -> Totals:
        return self._run("reconcile", kind, told)

    def backfill(self, month: str, **told: Any) -> Totals:
        return self._run("backfill", month, told)

    def waiting(self, flow: Flow) -> Any:
        return self.work.get(flow, waiting())

    def drainer(self, flow: Flow) -> str | None:
        return self.drainers.get(flow)

    def mode(self, flow: Flow) -> Mode:
        return self.modes.get(flow, Mode.LIVE)

    def paused(self, flow: Flow) -> bool:
        return flow in self.pauses

    def held(self, flow: Flow) -> str | None:
        return self.holds.get(flow)

    def feeds_due(self) -> list[str]:
        return self.due

    def operations(self, *, run_id: str | None = None, limit: int = 200) -> list[dict[str, Any]]:
        self.asked_run = run_id
        return self.operation_rows[:limit]

    def parked(self, *, limit: int) -> list[dict[str, Any]]:
        return self.parked_rows[:limit]

    def forgotten_deliveries(self) -> int:
        return self.forgotten

    def status(self) -> dict[str, Any]:
        flows = {
            flow.value: {"ready": w.ready, "in_work": w.leased, "parked": w.parked, "next_at": w.next_ready_at}
            for flow in LIVE_FLOWS
            for w in [self.waiting(flow)]
        }
        return {"counted_days": 7, "deliveries": self.deliveries, "flows": flows, "parked": self.parked_rows}

    def trace(self, kind: str, id: str) -> Any:
        return SimpleNamespace(lines=[f"{kind} {id} was registered", "It was confirmed"], rows=[{"when": "09:41", "what": "registered"}])


@dataclass
class FakeHouse:
    engine: FakeEngine = field(default_factory=FakeEngine)
    settings: Any = field(
        default_factory=lambda: SimpleNamespace(
            cornerstone=SimpleNamespace(base_url="https://acme.csod.com"),
            config=SimpleNamespace(
                flow=SimpleNamespace(linger_seconds=60.0, max_runtime_seconds=900.0),
                limits=SimpleNamespace(administrate_per_second=20.0, administrate_batch=50),
            ),
        )
    )
