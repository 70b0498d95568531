"""The composition root: builds store, systems and engine from the settings, for the Dagster rooms and the command line alike."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import cast

from csod_pipelines.engine.engine import Engine
from csod_pipelines.engine.guard import LeaseGuard
from csod_pipelines.engine.lanes import lane
from csod_pipelines.engine.options import BrakeLimit, CodeFilter, EngineOptions
from csod_pipelines.model.keys import Flow, SystemName
from csod_pipelines.portal import administrate_ui, claim, is_sandbox, portal_name
from csod_pipelines.settings import Settings
from csod_pipelines.store.database import Database, connect
from csod_pipelines.store.ledger import LedgerRecorder
from csod_pipelines.store.limits import BucketSpec, NotYet, SharedBudget
from csod_pipelines.systems import administrate, contract, cornerstone
from csod_pipelines.systems.administrate import AdministrateOptions
from csod_pipelines.systems.base import Clock, Seams, System
from csod_pipelines.systems.cornerstone import CornerstoneOptions
from csod_pipelines.systems.defaults import NoSeams, SystemClock
from csod_pipelines.systems.errors import RateLimited
from csod_pipelines.systems.insisting import Insisting

#: A vendor call must fit into a lease of 30 s with a margin; batches of an import hold no unit, and may take longer.
CALL_SECONDS = 20.0
BATCH_CALL_SECONDS = 25.0
#: A limiter wait beyond this gives the lease of a real-time unit back; a batch waits out a minute window, and then some.
SHORT_WAIT_SECONDS = 2.0
BATCH_WAIT_SECONDS = 130.0
#: Accounts and contacts print no stamp, so a feed repeats what changed within the overlap; a fast feed needs a short one.
FEED_OVERLAP_SECONDS = 120


@dataclass(slots=True)
class House:
    """Everything one process works with. Close it, or use it as a context manager."""

    settings: Settings
    database: Database
    engine: Engine
    systems: dict[SystemName, System]

    def __enter__(self) -> House:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        self.database.close()


def open_house(settings: Settings, *, run_id: str = "", seams: Seams | None = None, clock: Clock | None = None) -> House:
    """Open the database and build both systems and the engine. Calls no vendor. Raises WrongEnds.

    A ``clock`` that is given is the database's clock too: leases and retries must live in the same time as the engine.
    """
    given, seams = clock, seams or NoSeams()
    clock = given or SystemClock()
    database = connect(settings.database_url, seams=seams, clock_now=given.utcnow if given is not None else None)
    try:
        claim(database, settings)
        guard = LeaseGuard(database=database, clock=clock, owner=run_id or f"process:{uuid.uuid4()}")
        systems = open_systems(settings, database=database, guard=guard, clock=clock, seams=seams)
    except BaseException:
        database.close()
        raise
    engine = Engine(
        database=database,
        systems=insisting(systems),
        options=engine_options(settings),
        clock=clock,
        seams=seams,
        ids=uuid.uuid4,
        guard=guard,
        run_id=run_id,
        feed_seconds=settings.feed_seconds,
    )
    return House(settings=settings, database=database, engine=engine, systems=systems)


def open_systems(settings: Settings, *, database: Database, guard: LeaseGuard, clock: Clock, seams: Seams) -> dict[SystemName, System]:
    recorder = LedgerRecorder(database, clock)
    registers = {name: contract.load(name, override=settings.contract) for name in SystemName}
    specs = {limit: spec for register in registers.values() for limit, spec in bucket_specs(settings, register).items()}
    shared = SharedBudget(database, clock, specs, lane=lambda: "live" if lane.get() == "live" else "batch")
    budget = PatientBudget(shared, clock=clock, guard=guard)
    options = {SystemName.ADMINISTRATE: administrate_options(settings), SystemName.CORNERSTONE: cornerstone_options(settings)}
    return {
        SystemName.ADMINISTRATE: administrate.open(
            options[SystemName.ADMINISTRATE],
            budget=budget,
            recorder=recorder,
            guard=guard,
            clock=clock,
            seams=seams,
            contract=registers[SystemName.ADMINISTRATE],
        ),
        SystemName.CORNERSTONE: cornerstone.open(
            options[SystemName.CORNERSTONE],
            budget=budget,
            recorder=recorder,
            guard=guard,
            clock=clock,
            seams=seams,
            contract=registers[SystemName.CORNERSTONE],
        ),
    }


def insisting(systems: Mapping[SystemName, System]) -> dict[SystemName, System]:
    """As the engine writes to them: a refusal is believed when it comes twice."""
    return {name: cast(System, Insisting(system)) for name, system in systems.items()}


class PatientBudget:
    """The store's budget in the systems' words. A short wait is slept; a longer one raises RateLimited, so that a real-time
    unit gives its lease back. A batch waits on, keeping its leases alive: a limit is a pause, never a failure."""

    def __init__(self, shared: SharedBudget, *, clock: Clock, guard: LeaseGuard) -> None:
        self._shared = shared
        self._clock = clock
        self._guard = guard

    def take(self, bucket: str, amount: int = 1) -> None:
        waited = 0.0
        while True:
            try:
                return self._shared.take(bucket, amount)
            except NotYet as err:
                seconds = max((err.until - self._clock.utcnow()).total_seconds(), 0.01)
                if seconds > (BATCH_WAIT_SECONDS if lane.get() == "batch" else SHORT_WAIT_SECONDS) - waited:
                    raise RateLimited(
                        f"the limit of {err.bucket} is used up; calls go on at {err.until:%H:%M:%S} UTC", bucket=err.bucket, until=err.until
                    ) from err
            step = min(seconds, SHORT_WAIT_SECONDS)
            self._clock.sleep(step)
            self._guard.ensure(0.0)
            waited += step

    def blocked(self, bucket: str, *, until: datetime, vendor_now: datetime) -> None:
        self._shared.blocked(bucket, until=until, vendor_now=vendor_now)

    def observed(self, bucket: str, *, limit: int | None, remaining: int | None) -> None:
        self._shared.observed(bucket, limit=limit, remaining=remaining)


def bucket_specs(settings: Settings, register: contract.Contract) -> dict[str, BucketSpec]:
    """The published limits of a register, with what csod_pipelines.yaml says instead."""
    limits = settings.config.limits
    reserve = limits.reserve_percent / 100
    specs: dict[str, BucketSpec] = {}
    for limit in register.limits():
        if limit.per_second is not None:
            specs[limit.bucket] = BucketSpec(limit=limits.administrate_per_second, seconds=1, paced=True, reserve=reserve)
        elif limit.per_minute is not None:
            usual = limit.per_minute if limit.published or register.system is not SystemName.CORNERSTONE else limits.cornerstone_per_minute
            endpoint = limit.bucket.partition(":")[2]
            per_minute = limits.cornerstone_endpoints.get(limit.bucket, limits.cornerstone_endpoints.get(endpoint, usual))
            specs[limit.bucket] = BucketSpec(limit=per_minute, seconds=60, reserve=reserve)
        elif limit.per_day is not None:
            specs[limit.bucket] = BucketSpec(limit=limits.assignments_per_day, seconds=86_400, reserve=reserve)
    return specs


def engine_options(settings: Settings) -> EngineOptions:
    config = settings.config
    return EngineOptions(
        portal=portal_name(settings),
        sandbox=is_sandbox(settings),
        instance=settings.instance,
        modes={flow: config.modes.of(flow) for flow in Flow},
        pilot_group=config.scope.people.pilot_group,
        exclude_user_names=config.scope.people.exclude_user_names,
        ou_roots=frozenset(config.scope.ou_roots),
        templates=CodeFilter(config.scope.course_templates.codes, config.scope.course_templates.exclude_codes),
        events=CodeFilter(config.scope.events.codes, config.scope.events.exclude_codes),
        live_from=config.scope.live_from,
        write_back=frozenset(config.person.write_back),
        match_by_name=config.person.match_by_name,
        external_id_prefix=config.new_user.external_id_prefix,
        new_user_org_unit=config.new_user.org_unit,
        fill_attendance=config.results.fill_attendance,
        sender=None if config.notifications.sender == "none" else SystemName(config.notifications.sender),
        user_name_is_email=config.new_user.user_name_from == "email",
        provider=config.catalogue.provider,
        submit_after_hours=config.results.submit_after_hours,
        gather_seconds=config.enrollment.gather_seconds,
        import_hands=config.limits.import_hands,
        brakes={
            "deactivations": BrakeLimit(config.brakes.deactivations.count, config.brakes.deactivations.percent),
            "withdrawals": BrakeLimit(config.brakes.withdrawals.count, config.brakes.withdrawals.percent),
            "moves": BrakeLimit(config.brakes.moves.count, config.brakes.moves.percent),
        },
        brake_minimum=config.brakes.minimum,
        empty_side=config.brakes.empty_side,
        inbox_days=config.retention.inbox_days,
        body_days=config.retention.exchange_body_days,
        write_limit_in_ten_minutes=config.brakes.writes_in_ten_minutes,
    )


def administrate_options(settings: Settings) -> AdministrateOptions:
    access, config = settings.administrate, settings.config
    return AdministrateOptions(
        auth_url=access.auth_url,
        api_url=access.api_url,
        client_id=access.client_id,
        client_secret=access.now("client_secret"),
        ui_url=administrate_ui(settings),
        instance=settings.instance,
        feed_overlap_seconds=min(FEED_OVERLAP_SECONDS, int(4 * settings.feed_seconds)),
        region=config.administrate.region,
        vendor_field=config.administrate.vendor_field,
        batch_size=config.limits.administrate_batch,
        timeout_seconds=CALL_SECONDS,
        batch_timeout_seconds=BATCH_CALL_SECONDS,
    )


def cornerstone_options(settings: Settings) -> CornerstoneOptions:
    access, config = settings.cornerstone, settings.config
    return CornerstoneOptions(
        base_url=access.base_url,
        client_id=access.client_id,
        client_secret=access.now("client_secret"),
        actor=access.actor,
        portal=portal_name(settings),
        provider=config.catalogue.provider,
        audience_ous=config.catalogue.audience,
        languages=config.catalogue.languages,
        org_unit_types=config.scope.ou_types,
        person_ou_type=config.scope.contact_account_from,
        pilot_group=config.scope.people.pilot_group,
        display_language=config.new_user.display_language,
        time_zone=config.new_user.time_zone,
        virtual_location=config.catalogue.virtual_location,
        enrollment_route=config.enrollment.route,
        timeout_seconds=CALL_SECONDS,
    )
