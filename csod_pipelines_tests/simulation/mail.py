"""Webhooks on their way: lost, doubled, late and out of order, then understood by the gateway's own code and stored."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field

from csod_pipelines.gateway.bodies import unpack
from csod_pipelines.gateway.envelopes import administrate_deliveries, cornerstone_deliveries
from csod_pipelines.model.keys import SystemName
from csod_pipelines.sandbox.kit import Delivery
from csod_pipelines.store import inbox
from csod_pipelines.store.database import Database
from csod_pipelines_tests.simulation.baton import Timeline
from csod_pipelines_tests.simulation.vendors import Vendor


@dataclass(frozen=True, slots=True, kw_only=True)
class Manners:
    """Shares of deliveries that are lost, or come twice; seconds that one may be late; whether the gateway is down."""

    drop: float = 0.0
    duplicate: float = 0.0
    late_seconds: float = 0.0
    down: bool = False


@dataclass(slots=True)
class Mail:
    timeline: Timeline
    gateway: Database
    dice: random.Random
    manners: Manners = field(default_factory=Manners)
    stored: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    _sent: int = 0
    _newest: int = 0
    _planned: dict[str, float] = field(default_factory=dict)

    def watch(self, vendor: Vendor) -> None:
        """Ask the vendor's outbox when something falls due, and fetch it then."""
        due = vendor.core.next_due()
        if due is None:
            return
        when = max((due - vendor.timeline.epoch).total_seconds() - vendor.skew, self.timeline.now)
        if self._planned.get(vendor.name, float("inf")) <= when:
            return
        self._planned[vendor.name] = when
        self.timeline.at(when, lambda: self._fetch(vendor))

    def _fetch(self, vendor: Vendor) -> None:
        self._planned.pop(vendor.name, None)
        for delivery in vendor.core.due(now=vendor.now):
            self._send(vendor, delivery)
        self.watch(vendor)

    def _send(self, vendor: Vendor, delivery: Delivery) -> None:
        manners = self.manners
        if manners.down:
            self.seen["refused"] += 1
            vendor.core.delivered(delivery, status=503, now=vendor.now)
            return
        if self.dice.random() < manners.drop:
            self.seen["dropped"] += 1
            vendor.core.delivered(delivery, status=202, now=vendor.now)
            return
        self._sent += 1
        number = self._sent
        copies = 2 if self.dice.random() < manners.duplicate else 1
        self.seen["duplicated"] += copies - 1
        for copy in range(copies):
            late = self.dice.random() * manners.late_seconds
            self.seen["late"] += late > 1
            self.timeline.at(self.timeline.now + late, lambda first=not copy: self._arrive(vendor, delivery, number, first=first))

    def _arrive(self, vendor: Vendor, delivery: Delivery, number: int, *, first: bool) -> None:
        self.seen["out of order"] += number < self._newest
        self._newest = max(self._newest, number)
        headers = {name.lower(): value for name, value in delivery.headers.items()}
        body = unpack(delivery.body, encoding=headers.get("content-encoding", ""))
        if vendor.name == SystemName.ADMINISTRATE:
            rows = administrate_deliveries(body, type=delivery.url.rsplit("/", 1)[1], headers=headers)
        else:
            rows = cornerstone_deliveries(body, headers=headers)
        if rows:
            with self.gateway.begin() as conn:
                inbox.receive_many(conn, rows)
        self.stored += len(rows)
        self.seen["stored"] += len(rows)
        self.timeline.trace.add(self.timeline.now, "gateway", f"stores {delivery.kind} {[row.subject for row in rows]}")
        if first:
            vendor.core.delivered(delivery, status=202, now=vendor.now)
            self.watch(vendor)
