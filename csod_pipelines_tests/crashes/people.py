"""People at work at both vendors while something is killed."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from csod_pipelines_tests.bench.stage import Row, Vendor

DIVISION = 2


@dataclass(slots=True)
class People:
    """Who keeps changing things on both sides."""

    administrate: Vendor
    cornerstone: Vendor
    dice: random.Random = field(default_factory=lambda: random.Random(1))
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def act(self, times: int) -> None:
        """So many changes on both sides, from a hire to a cancellation."""
        for _ in range(times):
            self.dice.choice(
                (self._hire, self._edit_user, self._register, self._register, self._cancel, self.plan_event, self._move_event)
            )()

    def _hire(self) -> None:
        number = next(self._numbers)
        mail = f"nova{number}@example.org"
        ous = next(row["ous"] for row in self.cornerstone.state("users") if any(ou["type_id"] == DIVISION for ou in row["ous"]))
        where = [{"id": ou["id"], "type_id": ou["type_id"]} for ou in ous]
        self.cornerstone.act(
            "hire", external_id=f"H-{number}", user_name=mail, first_name="Nova", last_name=f"Hire{number}", primary_email=mail, ous=where
        )

    def _edit_user(self) -> None:
        user = self.dice.choice([row for row in self.cornerstone.state("users") if row["active"]])
        self.cornerstone.act("edit_user", id=user["id"], mobile_phone=f"+1 555 {next(self._numbers):04}")

    def plan_event(self) -> None:
        template = next(row for row in self.administrate.state("course_templates") if row["lifecycle_state"] == "published")
        start = (datetime.now(UTC) + timedelta(days=30 + next(self._numbers))).replace(tzinfo=None, microsecond=0)
        day = {"title": "Day 1", "start": start.isoformat(), "end": (start + timedelta(hours=2)).isoformat()}
        self.administrate.act(
            "create_event",
            course_template_id=template["id"],
            title=f"Training {next(self._numbers)}",
            time_zone_name="UTC",
            min_places=1,
            max_places=40,
            sessions=[day],
            publish=True,
        )

    def events(self) -> list[Row]:
        mine = [row for row in self.administrate.state("events") if row["title"].startswith("Training ")]
        return [row for row in mine if row["lifecycle_state"] == "published"]

    def _move_event(self) -> None:
        if events := self.events():
            event = self.dice.choice(events)
            self.administrate.act("edit_event", id=event["id"], max_places=self.dice.randrange(30, 60))

    def _register(self) -> None:
        people = [row for row in self.administrate.state("contacts") if "csod:sandbox:user" in row["external_ids"]]
        taken = {(row["event_id"], row["contact_id"]) for row in self.administrate.state("learners")}
        free = [(e["id"], p["id"]) for e in self.events() for p in people if (e["id"], p["id"]) not in taken and not p["has_left_company"]]
        if free:
            event, person = self.dice.choice(free)
            self.administrate.act("register", event_id=event, contact_id=person)

    def _cancel(self) -> None:
        events = {row["id"] for row in self.events()}
        held = [row for row in self.administrate.state("learners") if row["event_id"] in events and row["lifecycle_state"] == "active"]
        if held:
            self.administrate.act("cancel_learner", id=self.dice.choice(held)["id"])
