"""One seed from its scenario to its verdict: people and mishaps first, then a quiet time, then the checks."""

from __future__ import annotations

import logging
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text

from csod_pipelines.engine import operate, planning, replay
from csod_pipelines.engine.errors import BrakeOn, FlowStopped
from csod_pipelines.model.keys import Kind, SystemName
from csod_pipelines.store import work
from csod_pipelines.store.database import connect
from csod_pipelines.systems.errors import VendorError
from csod_pipelines_tests.simulation import checks
from csod_pipelines_tests.simulation.acts import ACTS, ON_TABLES
from csod_pipelines_tests.simulation.baton import Worker
from csod_pipelines_tests.simulation.house import WorkerHouse, settings_for
from csod_pipelines_tests.simulation.mail import Manners
from csod_pipelines_tests.simulation.people import People
from csod_pipelines_tests.simulation.scenario import Outage, Scenario
from csod_pipelines_tests.simulation.seams import Mishaps
from csod_pipelines_tests.simulation.worlds import FLOWS, Stage, Worlds

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
TABLES = (Kind.LOCATION, Kind.SUBJECT, Kind.PROVIDER)
RECONCILED = (Kind.ORG_UNIT, Kind.PERSON, Kind.COURSE, Kind.OFFERING, Kind.ENROLLMENT, Kind.OUTCOME)
QUIET_ROUNDS = 10
#: A unit that is postponed further than this is not waited for: it says so itself.
PATIENCE_SECONDS = 1_200.0


@dataclass(slots=True)
class Verdict:
    """``failure`` is None when the seed passed. ``first_told``: of the scenario as it was drawn, when this one is a smaller one."""

    scenario: Scenario
    failure: str | None = None
    first_told: str | None = None
    digest: str = ""
    tail: tuple[str, ...] = ()
    steps: int = 0
    virtual_seconds: float = 0.0
    places: Counter[str] = field(default_factory=Counter)
    acts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    counts: Counter[str] = field(default_factory=Counter)


class Play:
    def __init__(self, scenario: Scenario, stage: Stage) -> None:
        self.scenario, self.stage = scenario, stage
        self.timeline, self.vendors = stage.timeline, stage.vendors
        self.start = self.timeline.now
        self.settings = settings_for(stage.database_url)
        self.mishaps = Mishaps(crashes=frozenset(scenario.crashes), stalls=dict(scenario.stalls))
        self.people = People(self.vendors, ACTS)
        self.counts: Counter[str] = Counter()
        self.confessions: list[str] = []  # faults of our own that the engine caught, told with their trace, and went on
        self.reconciled = TABLES + RECONCILED if ON_TABLES & {act.name for act in scenario.acts} else RECONCILED
        self.closing = False
        self._born = 0

    # ---- the noisy time

    def prepare(self) -> None:
        s = self.scenario
        for strike in s.strikes:
            self.vendors[SystemName(strike.side)].faults.add(strike.rule())
        for side, vendor in self.vendors.items():
            vendor.faults._dice.seed(f"faults {s.seed} {side}")
        self.stage.mail.manners = s.manners
        self.vendors[C].core.configure({"assignment_delay_seconds": s.delay, "exporter_lag_seconds": s.lag})
        for act in s.acts:
            self.timeline.at(self.start + act.at, lambda act=act: self._act(act))
        for outage in s.outages:
            self._plan(outage)
        for _ in range(s.workers):
            self._hire_worker()
        self.timeline.at(self.start + s.window + 30, self._close)

    def _act(self, act: Any) -> None:
        said = self.people.do(act)
        self.timeline.trace.add(self.timeline.now, "somebody", f"{act.name}: {said or 'nothing to do'}")

    def _plan(self, outage: Outage) -> None:
        at = self.start + outage.at
        if outage.what == "cursors":
            self.timeline.at(at, self._lose_cursors)
            return
        self.timeline.at(at, lambda: self._switch(outage.what, down=True))
        self.timeline.at(at + outage.seconds, lambda: self._switch(outage.what, down=False))

    def _switch(self, what: str, *, down: bool) -> None:
        self.counts[f"outage {what}"] += down
        self.timeline.trace.add(self.timeline.now, what, "goes down" if down else "is back")
        if what == "gateway":
            m = self.stage.mail.manners
            self.stage.mail.manners = Manners(drop=m.drop, duplicate=m.duplicate, late_seconds=m.late_seconds, down=down)
        else:
            self.vendors[SystemName(what)].down = down

    def _lose_cursors(self) -> None:
        self.counts["cursors lost"] += 1
        database = connect(self.stage.database_url, clock_now=self.timeline.instant, pool_size=1)
        with database.begin() as conn:
            conn.execute(text("UPDATE checkpoint SET value = '{}' WHERE name LIKE 'feed:%'"))
        database.close()
        self.timeline.trace.add(self.timeline.now, "database", "loses the feeds' cursors")

    def _hire_worker(self) -> None:
        self._born += 1
        name = f"worker-{self._born}"
        self.timeline.spawn(name, lambda worker: self._live(worker))

    def _live(self, worker: Worker) -> None:
        try:
            with_house(self, worker, self._work)
        finally:
            if worker.crashed and not self.closing:
                self.timeline.at(self.timeline.now + self.timeline.dice.uniform(1, 25), self._hire_worker)

    def _work(self, house: WorkerHouse) -> None:
        """As sensors and schedules would start runs: what is due, in any order."""
        dice = house.dice
        while not self.closing:
            if house.engine.feeds_due() and dice.random() < 0.7:
                self._run(house, "observe", house.engine.observe)
            for flow in dice.sample(FLOWS, len(FLOWS)):
                if house.engine.waiting(flow).ready and not self.closing:
                    self._run(house, f"drain {flow}", lambda flow=flow: house.engine.drain(flow, owner=house.worker.name, max_seconds=60))
            if dice.random() < 0.01:
                self._run(house, "backfill", lambda: house.engine.backfill(self.month, mode="apply", owner=house.worker.name))
            if dice.random() < 0.02:
                kind = dice.choice(self.reconciled)
                self._run(house, f"reconcile {kind}", lambda kind=kind: house.engine.reconcile(kind, mode="apply", owner=house.worker.name))
            house.worker.pause(dice.uniform(0.5, 6.0))

    def _run(self, house: WorkerHouse, name: str, body: Callable[[], Any]) -> None:
        """A run may fail because a vendor does; nothing else may end one."""
        self.counts[name.split(" ")[0]] += 1
        try:
            body()
        except (FlowStopped, VendorError) as err:
            self.counts[f"run failed: {type(err).__name__}"] += 1
            self.timeline.trace.add(self.timeline.now, house.worker.name, f"{name} fails: {type(err).__name__}: {err}"[:200])
            house.worker.pause(5)

    def _close(self) -> None:
        self.closing = True

    @property
    def month(self) -> str:
        """By Cornerstone's clock, which stamps its registrations."""
        return f"{self.vendors[C].now:%Y-%m}"

    # ---- the quiet time

    def quiet(self) -> None:
        """No faults, everything delivered. Bounded: what is not at rest after these rounds never will be."""
        for vendor in self.vendors.values():
            vendor.faults.clear()
            vendor.down = False
        self.stage.mail.manners = Manners()
        self.vendors[C].core.configure({"exporter_lag_seconds": 0.0, "assignment_delay_seconds": 0.2})
        self.mishaps.crashes, self.mishaps.stalls = frozenset(), {}
        self.timeline.spawn("closer", lambda worker: with_house(self, worker, self._settle))
        self.timeline.run(until=lambda: not self.timeline.workers)

    def _settle(self, house: WorkerHouse) -> None:
        house.worker.pause(400)  # leases of the dead run out, retries of webhooks arrive, the feeds' overlap passes
        checks.brakes_held(self, house)
        self._until_quiet(house, lambda: house.engine.observe(force=True), rounds=2)
        if checks.heals_without_comparing(self.scenario):
            checks.check_live(self, house)
        with suppress(BrakeOn):
            house.engine.backfill(self.month, mode="apply", owner=house.worker.name)
        self._until_quiet(house, lambda: self._compare(house), rounds=1)  # and then the plan must be empty, which is one more
        checks.check(self, house)

    def _until_quiet(self, house: WorkerHouse, body: Callable[[], object], *, rounds: int) -> None:
        """Again and again, with an operator at hand, until so many rounds together change nothing at either vendor."""
        still = 0
        for _ in range(QUIET_ROUNDS):
            before = checks.writes(self.vendors)
            self._operate(house)
            with suppress(BrakeOn):
                body()
            self._drain(house)
            at_rest = checks.writes(self.vendors) == before and not any(house.engine.held(flow) for flow in planning.KINDS_OF_FLOW)
            still = still + 1 if at_rest else 0
            self.counts["quiet rounds"] += 1
            if still == rounds:
                return
            house.worker.pause(120)
        raise checks.Broken(f"still writing after {QUIET_ROUNDS} quiet rounds")

    def _compare(self, house: WorkerHouse) -> None:
        for kind in self.reconciled:
            with suppress(BrakeOn):
                house.engine.reconcile(kind, mode="apply", owner=house.worker.name)

    def _operate(self, house: WorkerHouse) -> None:
        """An operator looks: releases held flows by the plan that is shown, and replays what the breaker set aside."""
        ctx, by = house.engine.context(dry=True), operate.By(who="operator", why="the plan is right")
        for flow in planning.KINDS_OF_FLOW:
            if house.engine.held(flow) is None:
                continue
            self.counts["brake released"] += 1
            braked = planning.make_plan(ctx, planning.KINDS_OF_FLOW[flow]).braked().get(flow)
            if braked is None:
                operate.unhold(ctx, flow, by)
            else:
                operate.release_brake(ctx, flow, plan_digest=braked.digest, hours=1, by=by)
        for row in replay.parked_rows(ctx):
            if row["code"] == "written_too_often":
                self.counts["breaker replayed"] += 1
                replay.replay(ctx, row["subject"], kind=None, by=by)

    def _drain(self, house: WorkerHouse) -> None:
        for _ in range(60):
            for flow in FLOWS:
                with suppress(BrakeOn):
                    house.engine.drain(flow, owner=house.worker.name)
            with house.database.read() as conn:
                waiting = [work.waiting(conn, [flow]) for flow in FLOWS if house.engine.held(flow) is None]
            if any(each.ready for each in waiting):
                continue
            soonest = min((each.next_ready_at for each in waiting if each.next_ready_at is not None), default=None)
            if soonest is None:
                return
            wait = (soonest - self.timeline.instant()).total_seconds()
            if wait > PATIENCE_SECONDS:
                return
            house.worker.pause(wait + 0.01)
        self.counts["restless"] += 1


class Listener(logging.Handler):
    """Whatever the engine logs as an error of its own."""

    def __init__(self, heard: list[str]) -> None:
        super().__init__(level=logging.ERROR)
        self._heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self._heard.append(record.getMessage() + ("" if error is None else f": {told(error)}"))


@contextmanager
def listening(heard: list[str]) -> Iterator[None]:
    log, listener = logging.getLogger("csod_pipelines"), Listener(heard)
    log.addHandler(listener)
    log.propagate = False
    try:
        yield
    finally:
        log.removeHandler(listener)
        log.propagate = True


def with_house(play: Play, worker: Worker, body: Callable[[WorkerHouse], None]) -> None:
    seed = f"{play.scenario.seed} {worker.name}"
    house = WorkerHouse(worker, settings=play.settings, vendors=play.vendors, mishaps=play.mishaps, seed=seed)
    try:
        body(house)
    finally:
        house.close()


def play(scenario: Scenario, worlds: Worlds) -> Verdict:
    """Play one scenario. Whatever breaks a rule is told in the verdict; what is no AssertionError of ours counts too."""
    verdict = Verdict(scenario)
    dice = random.Random(f"schedule {scenario.seed}")
    with worlds.stage(scenario.world, dice=dice, skews=scenario.skews) as stage:
        playing = Play(scenario, stage)
        try:
            with listening(playing.confessions):
                playing.prepare()
                stage.timeline.run(until=lambda: playing.closing and not stage.timeline.workers)
                playing.quiet()
        except Exception as err:  # noqa: BLE001 - every failure of the code under test is the finding of this seed
            verdict.failure = told(err)
        finally:
            stage.timeline.stop()
        _note(verdict, playing)
    return verdict


def told(err: BaseException) -> str:
    """The failure in words, with the place in our code where it arose."""
    place = ""
    trace = err.__traceback__
    while trace is not None:
        file = trace.tb_frame.f_code.co_filename
        if "csod_pipelines" in file:
            place = f"{file.rsplit('/csod_pipelines', 1)[1].lstrip('/_')}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{err}" if isinstance(err, checks.Broken) else f"{type(err).__name__} at {place}: {err}"


def _note(verdict: Verdict, playing: Play) -> None:
    trace = playing.timeline.trace
    verdict.digest, verdict.tail, verdict.steps = trace.digest, tuple(trace.tail), trace.steps
    verdict.virtual_seconds = playing.timeline.now - playing.start
    verdict.places = Counter(trace.places)
    verdict.acts = Counter(playing.people.done)
    verdict.counts = playing.counts
    verdict.counts.update({f"crash at {place}": number for place, number in playing.mishaps.crashed.items()})
    verdict.counts["stalls"] += playing.mishaps.stalled
    for vendor in playing.vendors.values():
        verdict.faults.update(vendor.struck)
    verdict.counts.update({f"mail {name}": number for name, number in playing.stage.mail.seen.items()})
