"""The engine as the rooms above see it: drain a flow, read the feeds, import, reconcile, backfill, plan, tell."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from csod_pipelines.engine import one_database, tell
from csod_pipelines.engine.baseline import import_kind
from csod_pipelines.engine.baseline_plan import KINDS, ImportPlan, Planned
from csod_pipelines.engine.brakes import Brakes
from csod_pipelines.engine.compare import differences
from csod_pipelines.engine.context import Context, Step
from csod_pipelines.engine.drain import drain, drain_lease
from csod_pipelines.engine.errors import BrakeOn, FlowStopped, RunPaused
from csod_pipelines.engine.filters import Filters
from csod_pipelines.engine.guard import LeaseGuard
from csod_pipelines.engine.history import backfill
from csod_pipelines.engine.lanes import lane
from csod_pipelines.engine.logs import END_SECONDS, LogCourier
from csod_pipelines.engine.modes import Modes
from csod_pipelines.engine.observe import feed_names, feeds_of, observe
from csod_pipelines.engine.options import EngineOptions
from csod_pipelines.engine.reconcile import COMPARED, reconcile
from csod_pipelines.engine.totals import Totals
from csod_pipelines.model.keys import Flow, Kind, SystemName
from csod_pipelines.model.outcomes import Mode
from csod_pipelines.store import checkpoints, leases, retention, staging, work
from csod_pipelines.store.database import Database
from csod_pipelines.store.work import Waiting
from csod_pipelines.sync.directions import flow_of
from csod_pipelines.systems.base import Clock, Seams, System
from csod_pipelines.systems.errors import LeaseLost, VendorError

Progress = Callable[[Totals], None]

PLANNED_COUNTS = "import:planned"

#: What ``plan`` without a kind looks at, parents first.
PLANNED_KINDS = tuple(Kind)


class Engine:
    """One worker. ``run_id`` names the run in the ledger; the owner of leases is given with each call."""

    def __init__(
        self,
        *,
        database: Database,
        systems: Mapping[SystemName, System],
        options: EngineOptions,
        clock: Clock,
        seams: Seams,
        ids: Callable[[], UUID],
        guard: LeaseGuard,
        run_id: str,
        feed_seconds: float,
    ) -> None:
        self._database = database
        self._systems = systems
        self._options = options
        self._clock = clock
        self._seams = seams
        self._ids = ids
        self._guard = guard
        self._run_id = run_id
        self._feed_seconds = feed_seconds
        self._modes = Modes(database=database, options=options, clock=clock)
        self._brakes = Brakes(database=database, options=options, clock=clock)
        self._filters = Filters(database=database, systems=systems, options=options, clock=clock)

    def context(self, *, owner: str | None = None, dry: bool = False) -> Context:
        if owner is not None:
            self._guard.owner = owner
        return Context(
            database=self._database,
            systems=self._systems,
            options=self._options,
            clock=self._clock,
            seams=self._seams,
            ids=self._ids,
            guard=self._guard,
            run_id=self._run_id,
            totals=Totals(),
            dry=dry,
            modes=self._modes,
            brakes=self._brakes,
            filters=self._filters,
        )

    def drain(
        self,
        flow: Flow,
        *,
        owner: str,
        mode: str = "apply",
        stop: Callable[[], str | None] = lambda: None,
        linger_seconds: float = 0.0,
        max_seconds: float = 900.0,
        progress: Callable[[Totals], None] | None = None,
    ) -> Totals:
        """Work off a flow. ``mode="plan"`` shows what its waiting units would write, and leaves them waiting."""
        if mode == "plan":
            return tell.plan_waiting(self.context(owner=owner, dry=True), flow)

        def why_stop() -> str | None:
            if self._modes.paused(flow):
                return "paused"
            return "braked" if self._modes.held(flow) is not None else stop()

        return drain(
            self.context(owner=owner), flow, stop=why_stop, linger_seconds=linger_seconds, max_seconds=max_seconds, progress=progress
        )

    def observe(self, *, force: bool = False) -> Totals:
        return observe(self.context(), every_seconds=self._feed_seconds, force=force)

    def import_baseline(self, kind: Kind, *, mode: str, owner: str, progress: Callable[[Totals], None] | None = None) -> Totals:
        """Import one kind under a lease of its own; a second import at the same time ends at once with ``lease_held``."""
        return self._exclusively(
            f"import:{kind}", owner, mode, Flow.IMPORT, progress, lambda ctx, told: import_kind(ctx, kind, progress=told)
        )

    def plan_import(self, *, told: Callable[[Planned], None] = lambda planned: None, progress: Progress | None = None) -> ImportPlan:
        """What an import of every kind would do. Writes nothing to a vendor; the counts are kept, so that an import can say how
        much is left."""
        ctx, plan = self.context(dry=True), ImportPlan(told=told)
        token = lane.set("batch")
        try:
            for kind in KINDS:
                import_kind(ctx, kind, progress=progress, plan=plan)
        finally:
            lane.reset(token)
        with self._database.begin() as conn:
            checkpoints.put(conn, PLANNED_COUNTS, plan.per_kind())
        return plan

    def planned_counts(self) -> dict[str, int]:
        """Records of each kind that the last plan of an import found; empty without one."""
        with self._database.read() as conn:
            found = checkpoints.get(conn, PLANNED_COUNTS)
        return dict(found.value) if found is not None else {}

    def reconcile(
        self, kind: Kind, *, mode: str, owner: str, day: str | None = None, progress: Callable[[Totals], None] | None = None
    ) -> Totals:
        """Compare today's state; ``day`` is the partition's name and only labels the run."""
        flow = Flow.ORG_UNITS if kind is Kind.ORG_UNIT else flow_of(kind)
        return self._exclusively(f"reconcile:{kind}", owner, mode, flow, progress, lambda ctx, told: reconcile(ctx, kind, progress=told))

    def backfill(self, month: str, *, mode: str, owner: str, progress: Callable[[Totals], None] | None = None) -> Totals:
        return self._exclusively(
            f"backfill:{month}", owner, mode, Flow.HISTORY, progress, lambda ctx, told: backfill(ctx, month, progress=told)
        )

    def _exclusively(
        self, name: str, owner: str, mode: str, flow: Flow, progress: Progress | None, body: Callable[[Context, Progress], Totals]
    ) -> Totals:
        if mode not in ("plan", "apply"):
            raise ValueError(f"mode is {mode!r}; expected plan or apply")
        ctx = self.context(owner=owner, dry=mode == "plan")
        started = self._clock.monotonic()
        if not ctx.dry and self._modes.paused(flow):
            ctx.totals.stopped_reason = "paused"
            return ctx.totals
        if not ctx.dry and (why := self._modes.held(flow)) is not None:
            raise BrakeOn(why)
        if not ctx.dry:
            with self._database.begin() as conn:
                if not leases.acquire(conn, name, owner, 30.0):
                    ctx.totals.stopped_reason = "lease_held"
                    return ctx.totals
            self._guard.drain_as(name, exclusive=True)
        token = lane.set("batch")
        try:
            if not ctx.dry and self._modes.mode(flow) is Mode.LIVE:
                one_database.claim(ctx)
            totals = body(ctx, self._told(ctx, flow, progress))
            if flow is not Flow.IMPORT:  # nobody waits for what an import has to tell; the feeds' runs deliver it
                LogCourier(ctx).until_empty(END_SECONDS)
        except RunPaused as err:
            totals = ctx.totals
            totals.stopped_reason = str(err)
        except LeaseLost as err:
            raise FlowStopped(f"{err}. Another run of it has begun meanwhile and goes on.") from err
        except VendorError as err:
            raise FlowStopped(f"{err} Start it again: it goes on where it was, and writes nothing twice.") from err
        finally:
            lane.reset(token)
            if not ctx.dry:
                self._guard.drain_as(None)
                with self._database.begin() as conn:
                    leases.release(conn, name, owner)
        totals.seconds = self._clock.monotonic() - started
        return totals

    def _told(self, ctx: Context, flow: Flow, progress: Progress | None) -> Progress:
        """Called by a batch after each of its pieces: the place where a pause takes effect."""

        def told(totals: Totals) -> None:
            if progress is not None:
                progress(totals)
            if not ctx.dry and self._modes.paused(flow):
                raise RunPaused("paused")
            if not ctx.dry and self._modes.held(flow) is not None:
                raise RunPaused("braked")

        return told

    def claim(self) -> None:
        """Make sure that no other database serves this portal, where anything may be written at all. Raises SecondDatabase."""
        if self._modes.released:
            one_database.claim(self.context())

    def plan(self, kinds: Sequence[Kind] | None = None) -> list[Step]:
        """What a reconciliation would write now. Writes nothing."""
        ctx = self.context(dry=True)
        token = lane.set("batch")  # a limit is a pause here too, and what people wait for comes first
        try:
            return [step for kind in (kinds or PLANNED_KINDS) for drift in differences(ctx, kind) for step in drift.steps]
        finally:
            lane.reset(token)

    def expire(self) -> list[str]:
        """Make the months to come and drop those whose bodies have been kept long enough; the partitions dropped."""
        with self._database.begin() as conn:
            retention.ensure_partitions(conn)
            staging.clear_forgotten(conn)
            return retention.drop_expired(conn, inbox_days=self._options.inbox_days, body_days=self._options.body_days)

    def compared(self, kind: Kind) -> dict[str, Any]:
        """What the last comparison counted on both sides; empty before the first."""
        with self._database.read() as conn:
            found = checkpoints.get(conn, f"{COMPARED}:{kind}")
        return dict(found.value) if found is not None else {}

    def waiting(self, flow: Flow) -> Waiting:
        with self._database.read() as conn:
            return work.waiting(conn, [flow])

    def drainer(self, flow: Flow) -> str | None:
        with self._database.read() as conn:
            return leases.holder(conn, drain_lease(flow))

    def mode(self, flow: Flow) -> Mode:
        return self._modes.mode(flow)

    def paused(self, flow: Flow) -> bool:
        return self._modes.paused(flow)

    def held(self, flow: Flow) -> str | None:
        """Why a brake holds the flow; None when it may run."""
        return self._modes.held(flow)

    def feeds_due(self) -> list[str]:
        held = {name for system in SystemName if self._modes.system_paused(system) for name in feeds_of(system)}
        with self._database.read() as conn:
            return checkpoints.due(conn, [name for name in feed_names() if name not in held])

    def operations(self, *, run_id: str | None = None, limit: int = 200) -> list[dict[str, Any]]:
        return tell.operation_rows(self._database, run_id=run_id, limit=limit)

    def parked(self, *, limit: int = 500) -> list[dict[str, Any]]:
        """What waits for a person, the longest first, with the reason and what to do."""
        return tell.parked_rows(self._database, limit=limit)

    def forgotten_deliveries(self) -> int:
        """How many deliveries wait for an end that no work is left to give them."""
        return tell.forgotten_deliveries(self._database)

    def status(self) -> dict[str, Any]:
        return tell.status(self._database, self._modes)

    def trace(self, kind_word: str, id: str) -> tell.Story:
        return tell.trace(self._database, kind_word, id)
