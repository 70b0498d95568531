"""One worker's process: its own connections, adapters, budget and engine, put together by the runtime's own functions."""

from __future__ import annotations

import random
import uuid
from dataclasses import replace
from typing import Any

import requests
from sqlalchemy import text

from csod_pipelines import runtime
from csod_pipelines.engine.engine import Engine
from csod_pipelines.engine.guard import LeaseGuard
from csod_pipelines.model.keys import SystemName
from csod_pipelines.settings import AdministrateAccess, CornerstoneAccess, Settings
from csod_pipelines.store.database import Database, connect
from csod_pipelines.systems.base import System
from csod_pipelines_tests.simulation.baton import Worker
from csod_pipelines_tests.simulation.seams import Mishaps, WorkerClock, WorkerSeams, count_transactions
from csod_pipelines_tests.simulation.vendors import Vendor, Wire

PORTS = {8081: SystemName.ADMINISTRATE, 8082: SystemName.CORNERSTONE}
FEED_SECONDS = 60.0
_LEASES = text("SELECT subject, owner, lease_until FROM work WHERE subject = ANY(CAST(:subjects AS text[]))")


def settings_for(database_url: str) -> Settings:
    """Addresses that nobody listens at: the wire answers for them."""
    id, secret = "sandbox", "sandbox-secret"
    return Settings(
        database_url=database_url,
        feed_seconds=FEED_SECONDS,
        administrate=AdministrateAccess(
            auth_url="http://127.0.0.1:8081/oauth/token",
            api_url="http://127.0.0.1:8081/graphql",
            client_id=id,
            client_secret=secret,
            webhook_secret="w",
        ),
        cornerstone=CornerstoneAccess(
            base_url="http://127.0.0.1:8082", client_id=id, client_secret=secret, actor="svc.integration", webhook_api_key="k"
        ),
    )


class WorkerHouse:
    """Open for as long as its worker lives."""

    def __init__(self, worker: Worker, *, settings: Settings, vendors: dict[SystemName, Vendor], mishaps: Mishaps, seed: str) -> None:
        self.worker = worker
        self.dice = random.Random(seed)
        clock, seams = WorkerClock(worker), WorkerSeams(worker, mishaps)
        self.database: Database = connect(settings.database_url, seams=seams, clock_now=clock.utcnow, pool_size=2)
        count_transactions(self.database.engine, worker)
        self._guard = guard = LeaseGuard(database=self.database, clock=clock, owner=worker.name)
        self.systems: dict[SystemName, System] = runtime.open_systems(
            settings, database=self.database, guard=guard, clock=clock, seams=seams
        )
        self._wire(Wire(worker, {port: vendors[name] for port, name in PORTS.items()}, dice=self.dice, before=self._hold_leases))
        self.engine = Engine(
            database=self.database,
            systems=runtime.insisting(self.systems),
            options=replace(runtime.engine_options(settings), import_hands=1),  # one thread: a seed must play the same again
            clock=clock,
            seams=seams,
            ids=lambda: uuid.UUID(int=self.dice.getrandbits(128), version=4),
            guard=guard,
            run_id=worker.name,
            feed_seconds=settings.feed_seconds,
        )

    def _wire(self, wire: Wire) -> None:
        session = requests.Session()
        session.trust_env = False
        session.mount("http://", wire)
        for system in self.systems.values():
            transport: Any = system.transport  # pyright: ignore[reportAttributeAccessIssue]
            transport._session = lambda: session
            transport._random = self.dice

    def _hold_leases(self, call: str) -> None:
        """Promise 3: nothing is sent for a unit by a worker whose lease of it has run out. It asks before a call whether enough is
        left; one that stalled since then cannot know."""
        stalled, self.worker.stalled = self.worker.stalled, False
        subjects = list(self._guard._held)
        if stalled or not subjects:
            return
        with self.database.engine.connect() as conn:
            held = {row.subject: row for row in conn.execute(_LEASES, {"subjects": subjects})}
        for subject in subjects:
            row = held.get(subject)
            if row is None or row.owner != self.worker.name or row.lease_until <= self.worker.timeline.instant():
                raise AssertionError(f"{self.worker.name} sends {call} for {subject}, whose lease is {tuple(row) if row else 'gone'}")

    def close(self) -> None:
        self.database.close()
