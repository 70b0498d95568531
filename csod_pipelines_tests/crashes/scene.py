"""Two vendors whose people keep changing things, a house between them, and the question whether both say the same in the end."""

from __future__ import annotations

import itertools
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import text

from csod_pipelines.model.keys import Flow, Kind
from csod_pipelines_tests.acceptance.mapping_checker import disagreements
from csod_pipelines_tests.acceptance.scenarios.stage import NO_BRAKES, edited_config
from csod_pipelines_tests.bench.stage import Row, Stage, folder, stage
from csod_pipelines_tests.crashes.worker import FLOWS, working

BASELINE = (Kind.ORG_UNIT, Kind.LOCATION, Kind.SUBJECT, Kind.PROVIDER, Kind.PERSON)
SIZE = {"users": 60, "ous": 26, "events": 2, "sessions_per_event": 1, "learners_per_session": 2}
SETTLE_SECONDS = 400.0
DIVISION = 2
_UNFINISHED = text("SELECT count(*) FROM exchange x LEFT JOIN exchange_outcome o ON o.exchange_id = x.id WHERE o.exchange_id IS NULL")
_WAITING = text("SELECT count(*) FROM work WHERE parked_reason IS NULL")


@dataclass(slots=True)
class Scene:
    stage: Stage
    dice: random.Random = field(default_factory=lambda: random.Random(1))
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def busy_people(self, *, acts: int) -> None:
        """So many changes on both sides, from a hire to a cancellation."""
        for _ in range(acts):
            self.dice.choice((self._hire, self._edit_user, self._register, self._register, self._cancel, self._event, self._move_event))()

    def _hire(self) -> None:
        number = next(self._numbers)
        mail = f"nova{number}@example.org"
        ous = next(row["ous"] for row in self.stage.cornerstone.state("users") if any(ou["type_id"] == DIVISION for ou in row["ous"]))
        where = [{"id": ou["id"], "type_id": ou["type_id"]} for ou in ous]
        self.stage.cornerstone.act(
            "hire", external_id=f"H-{number}", user_name=mail, first_name="Nova", last_name=f"Hire{number}", primary_email=mail, ous=where
        )

    def _edit_user(self) -> None:
        user = self.dice.choice([row for row in self.stage.cornerstone.state("users") if row["active"]])
        self.stage.cornerstone.act("edit_user", id=user["id"], mobile_phone=f"+1 555 {next(self._numbers):04}")

    def _event(self) -> None:
        template = next(row for row in self.stage.administrate.state("course_templates") if row["lifecycle_state"] == "published")
        start = (datetime.now(UTC) + timedelta(days=30 + next(self._numbers))).replace(tzinfo=None, microsecond=0)
        day = {"title": "Day 1", "start": start.isoformat(), "end": (start + timedelta(hours=2)).isoformat()}
        self.stage.administrate.act(
            "create_event",
            course_template_id=template["id"],
            title=f"Training {next(self._numbers)}",
            time_zone_name="UTC",
            min_places=1,
            max_places=40,
            sessions=[day],
            publish=True,
        )

    def _events(self) -> list[Row]:
        mine = [row for row in self.stage.administrate.state("events") if row["title"].startswith("Training ")]
        return [row for row in mine if row["lifecycle_state"] == "published"]

    def _move_event(self) -> None:
        if events := self._events():
            event = self.dice.choice(events)
            self.stage.administrate.act("edit_event", id=event["id"], max_places=self.dice.randrange(30, 60))

    def _register(self) -> None:
        people = [row for row in self.stage.administrate.state("contacts") if "csod:sandbox:user" in row["external_ids"]]
        taken = {(row["event_id"], row["contact_id"]) for row in self.stage.administrate.state("learners")}
        free = [(e["id"], p["id"]) for e in self._events() for p in people if (e["id"], p["id"]) not in taken and not p["has_left_company"]]
        if free:
            event, person = self.dice.choice(free)
            self.stage.administrate.act("register", event_id=event, contact_id=person)

    def _cancel(self) -> None:
        events = {row["id"] for row in self._events()}
        held = [
            row for row in self.stage.administrate.state("learners") if row["event_id"] in events and row["lifecycle_state"] == "active"
        ]
        if held:
            self.stage.administrate.act("cancel_learner", id=self.dice.choice(held)["id"])

    def cut_off(self) -> int:
        """Calls whose answer nobody lived to record."""
        return self._count(_UNFINISHED)

    def settle(self) -> None:
        """One more worker, undisturbed, until nothing waits; then a comparison of everything."""
        deadline = time.monotonic() + SETTLE_SECONDS
        with working(self.stage.variables):
            still = 0
            while still < 4:
                assert time.monotonic() < deadline, "still at work"
                time.sleep(1.0)
                still = 0 if self._count(_WAITING) else still + 1
        with self.stage.house() as house:
            for kind in Kind:
                house.engine.reconcile(kind, mode="apply", owner="reconciler")
            for flow in FLOWS:
                house.engine.drain(flow, owner="last", linger_seconds=0, max_seconds=60)

    def differences(self) -> list[str]:
        now = self.stage.cornerstone.call("GET", "clock")["now"]
        a, c = self.stage.administrate.state, self.stage.cornerstone.state
        return disagreements(administrate=a, cornerstone=c, portal="sandbox", now=now)

    def _count(self, statement: Any) -> int:
        with self.stage.house() as house, house.database.read() as conn:
            return int(conn.execute(statement).scalar_one())


@contextmanager
def imported() -> Iterator[tuple[Scene, list[str]]]:
    """Both vendors after the import, each answer a little late so that kills meet calls; and what differs from the beginning."""
    with stage() as made, folder() as home:
        config = home / "csod_pipelines.yaml"
        config.write_text(edited_config(NO_BRAKES), encoding="utf-8")  # a series cancels more in minutes than people do in hours
        made.variables["CSOD_PIPELINES_CONFIG"] = str(config)
        made.administrate.reset()
        made.cornerstone.reset(**SIZE)
        made.variables["CSOD_PIPELINES_FEED_SECONDS"] = "1"
        with made.house() as house:
            house.engine.observe(force=True)
            for kind in BASELINE:
                house.engine.import_baseline(kind, mode="apply", owner="import")
            template = next(row for row in made.administrate.state("course_templates") if row["code"] == "FIRE-101")
            made.administrate.act("publish_template", id=template["id"])
            for flow in (Flow.PEOPLE, Flow.CATALOG, Flow.ENROLLMENT):
                house.engine.observe(force=True)
                house.engine.drain(flow, owner="import", linger_seconds=0, max_seconds=60)
        scene = Scene(made)
        scene.busy_people(acts=1)
        for _ in range(3):
            scene._event()
        scene.settle()
        before = scene.differences()
        made.administrate.slow(0.02)
        made.cornerstone.slow(0.02)
        yield scene, before
