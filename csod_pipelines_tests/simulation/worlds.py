"""Worlds that a seed starts from: both vendors filled, imported and published, once a process; each run gets a copy.

A world is two cores and a database to be copied. Making one takes seconds, copying it a tenth of one.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from csod_pipelines.engine.engine import Engine
from csod_pipelines.model.keys import Flow, Kind, SystemName
from csod_pipelines.sandbox.administrate.core import AdministrateCore
from csod_pipelines.sandbox.cornerstone.core import CornerstoneCore
from csod_pipelines.sandbox.kit import Core
from csod_pipelines.store.database import connect
from csod_pipelines.store.provision import DATABASE
from csod_pipelines.systems.administrate.webhooks import HOOK_TYPES
from csod_pipelines_tests.simulation.baton import Timeline, Worker
from csod_pipelines_tests.simulation.databases import Databases
from csod_pipelines_tests.simulation.house import WorkerHouse, settings_for
from csod_pipelines_tests.simulation.mail import Mail
from csod_pipelines_tests.simulation.seams import Mishaps
from csod_pipelines_tests.simulation.vendors import Vendor

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
FLOWS = (Flow.PEOPLE, Flow.CATALOG, Flow.ENROLLMENT, Flow.RESULT)
BASELINE = (Kind.ORG_UNIT, Kind.LOCATION, Kind.SUBJECT, Kind.PROVIDER, Kind.PERSON)
#: An ordinary day, the last hours before summer time begins and ends in Europe, and the end of a UTC day and year.
EPOCHS = (
    datetime(2026, 5, 12, 9, 0, tzinfo=UTC),
    datetime(2026, 3, 29, 0, 20, tzinfo=UTC),
    datetime(2026, 10, 25, 0, 20, tzinfo=UTC),
    datetime(2026, 12, 31, 23, 50, tzinfo=UTC),
)
SIZE = {"users": 7, "ous": 8, "events": 0}


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """``template``: name of the database to copy. ``cores``: never touched, only copied. ``start``: seconds already lived."""

    number: int
    epoch: datetime
    start: float
    template: str
    stored: int  # webhooks that the database holds already
    cores: dict[SystemName, Core]


@dataclass(frozen=True, slots=True)
class Stage:
    """A copy of a world to play in."""

    timeline: Timeline
    vendors: dict[SystemName, Vendor]
    mail: Mail
    database_url: str


class Worlds:
    """Made when first asked for, kept for the life of the process."""

    def __init__(self, databases: Databases, *, prefix: str = "") -> None:
        self._databases, self._prefix = databases, prefix
        self._made: dict[int, World] = {}
        self._copies = 0

    def world(self, number: int) -> World:
        number %= len(EPOCHS)
        if number not in self._made:
            self._made[number] = self._make(number)
        return self._made[number]

    @contextmanager
    def stage(self, number: int, *, dice: random.Random, skews: tuple[float, float] = (0.0, 0.0)) -> Iterator[Stage]:
        """A fresh copy of a world, to be played with; gone afterwards."""
        world = self.world(number)
        self._copies += 1
        name = f"{self._prefix}run_{self._copies}"
        self._databases.copy(world.template, name)
        try:
            timeline = Timeline(dice=dice, epoch=world.epoch)
            timeline.now = world.start
            vendors = {
                side: Vendor(side, _copied(world.cores[side]), timeline, skew=skew) for side, skew in zip((A, C), skews, strict=True)
            }
            with _mail(timeline, vendors, self._databases.gateway_url(name), dice) as mail:
                mail.stored = world.stored
                yield Stage(timeline, vendors, mail, self._databases.engine_url(name))
        finally:
            self._databases.drop(name)

    def _make(self, number: int) -> World:
        name, epoch = f"{self._prefix}world_{number}", EPOCHS[number]
        self._databases.copy(DATABASE, name)
        dice = random.Random(number)
        timeline = Timeline(dice=dice, epoch=epoch)
        vendors = _new_vendors(timeline, number)
        with _mail(timeline, vendors, self._databases.gateway_url(name), dice) as mail:
            _live_through(timeline, vendors, self._databases.engine_url(name))
        return World(
            number=number,
            epoch=epoch,
            start=timeline.now,
            template=name,
            stored=mail.stored,
            cores={side: v.core for side, v in vendors.items()},
        )


def _copied(core: Any) -> Any:
    """The state anew; parsed documents and the schema behind them never change and are shared."""
    shared = getattr(core, "_documents", None)
    return copy.deepcopy(core, {} if shared is None else {id(shared): shared})


@contextmanager
def _mail(timeline: Timeline, vendors: dict[SystemName, Vendor], url: str, dice: random.Random) -> Iterator[Mail]:
    gateway = connect(url, clock_now=timeline.instant, pool_size=1)
    mail = Mail(timeline=timeline, gateway=gateway, dice=dice)
    for vendor in vendors.values():
        vendor.after = mail.watch
    try:
        yield mail
    finally:
        timeline.stop()
        gateway.close()


def _new_vendors(timeline: Timeline, number: int) -> dict[SystemName, Vendor]:
    administrate, cornerstone = AdministrateCore(), CornerstoneCore()
    administrate.reset(seed=number + 1, size="small", now=timeline.instant())
    cornerstone.reset(seed=number + 1, size=SIZE, now=timeline.instant())
    cornerstone.configure({"reporting_lag_seconds": 0})
    return {A: Vendor(A, administrate, timeline), C: Vendor(C, cornerstone, timeline)}


def _live_through(timeline: Timeline, vendors: dict[SystemName, Vendor], database_url: str) -> None:
    """Install the webhooks, import the baseline, publish a template and two events, and let all of it arrive."""

    def program(worker: Worker) -> None:
        house = WorkerHouse(worker, settings=settings_for(database_url), vendors=vendors, mishaps=Mishaps(), seed="world")
        try:
            install_webhooks(house, vendors)
            house.engine.observe(force=True)
            for kind in BASELINE:
                house.engine.import_baseline(kind, mode="apply", owner=worker.name)
            drain_all(house.engine, worker)
            plan_training(vendors[A], timeline)
            drain_all(house.engine, worker)
            house.engine.observe(force=True)
            drain_all(house.engine, worker)
        finally:
            house.close()

    timeline.spawn("builder", program)
    timeline.run(until=lambda: not timeline.workers)


def drain_all(engine: Engine, worker: Worker, *, rounds: int = 6) -> None:
    for _ in range(rounds):
        worker.pause(4)
        if not sum(engine.waiting(flow).ready for flow in FLOWS):
            return
        for flow in FLOWS:
            engine.drain(flow, owner=worker.name)


def install_webhooks(house: WorkerHouse, vendors: dict[SystemName, Vendor]) -> None:
    client: Any = house.systems[A].client  # pyright: ignore[reportAttributeAccessIssue]
    types = {
        node["name"].lower().replace(" ", "_").replace("canceled", "cancelled"): node["id"]
        for p in client.pages("ListWebhookTypes", {})
        for node in p.nodes
    }
    for slug, query in ((kind.slug, kind.query) for kind in HOOK_TYPES):
        wanted = {"name": slug, "query": query, "url": f"http://gateway/webhooks/administrate/{slug}", "notificationEmails": []}
        made = client.run("CreateWebhook", {"input": {**wanted, "webhookTypeId": types[slug]}})["webhooks"]["create"]
        client.run("UpdateWebhook", {"input": {"webhookId": made["webhook"]["id"], "lifecycleState": "active"}})
    vendors[C].core.webhook_options({"endpoint": {"url": "http://gateway/webhooks/cornerstone", "api_key": "k"}})


def plan_training(administrate: Vendor, timeline: Timeline) -> None:
    """One course with two events: one next week, one whose day is today and ends while the seed is played."""
    template = next(row for row in administrate.rows("course_templates") if row["code"] == "FIRE-101")
    administrate.act("edit_template", id=template["id"], custom_fields={"training_provider": "Internal academy"})
    administrate.act("publish_template", id=template["id"])
    for title, start, parts, places in (("Next week", 7 * 86_400, 2, 4), ("Today", -900, 1, 6)):
        sessions = [_session(timeline, n, start + n * 86_400) for n in range(parts)]
        administrate.act(
            "create_event",
            course_template_id=template["id"],
            title=title,
            time_zone_name="Europe/Paris",
            min_places=1,
            max_places=places,
            sessions=sessions,
            publish=True,
        )


def _session(timeline: Timeline, number: int, start: float) -> dict[str, str]:
    from zoneinfo import ZoneInfo

    begin = timeline.instant(skew=start).astimezone(ZoneInfo("Europe/Paris")).replace(tzinfo=None, microsecond=0)
    return {"title": f"Day {number + 1}", "start": begin.isoformat(), "end": (begin + timedelta(minutes=20)).isoformat()}
