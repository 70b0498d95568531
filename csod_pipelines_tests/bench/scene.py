"""A stage on which the import is done and one offering is published: what a live change finds in a house that has been set up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from csod_pipelines.model.keys import Flow, Kind
from csod_pipelines.runtime import House
from csod_pipelines_tests.bench.stage import Row, Stage, stage

DIVISION = 2
TEMPLATE = "FIRE-101"
ZONE = "Europe/Berlin"
USER, OU, SESSION = "csod:sandbox:user", "csod:sandbox:ou", "csod:sandbox:session_lo"


@dataclass(slots=True)
class Scene:
    """``contacts``: those of the import, each linked to a Cornerstone user, handed out one by one."""

    stage: Stage
    template: Row
    contacts: Iterator[Row]
    divisions: tuple[int, ...]

    def event(self, house: House, *, ahead: timedelta = timedelta(weeks=3), seats: int = 500) -> Row:
        """A new offering of one hour that is in Cornerstone already; the row as Administrate holds it then."""
        start = (datetime.now(ZoneInfo(ZONE)) + ahead).replace(second=0, microsecond=0, tzinfo=None)
        end = start + timedelta(hours=1)
        made = self.stage.administrate.act(
            "create_event",
            course_template_id=self.template["id"],
            title="Measured",
            time_zone_name=ZONE,
            min_places=1,
            max_places=seats,
            sessions=[{"title": "Day 1", "start": start.isoformat(), "end": end.isoformat()}],
            publish=True,
        )
        self.work(house, Flow.CATALOG)
        row = self.stage.administrate.state("events", id=made["id"])[0]
        if SESSION not in external_ids(row):
            raise RuntimeError(f"event {made['id']} was not brought to Cornerstone")
        return row

    @staticmethod
    def work(house: House, *flows: Flow) -> None:
        """What is waiting, by feeds: no webhook is on its way yet."""
        house.engine.observe(force=True)
        for flow in flows:
            house.engine.drain(flow, owner="bench:prepare")


def external_ids(row: Row) -> Mapping[str, str]:
    return row["external_ids"]


@contextmanager
def scene() -> Iterator[Scene]:
    with stage() as made:
        made.cornerstone.config(assignment_delay_seconds=0)
        with made.house() as house:
            for kind in (Kind.ORG_UNIT, Kind.PERSON):
                house.engine.import_baseline(kind, mode="apply", owner="bench:import")
            house.engine.observe(force=True)  # from here on the feeds know where they are
            draft = next(row for row in made.administrate.state("course_templates") if row["code"] == TEMPLATE)
            template = made.administrate.act("publish_template", id=draft["id"])
            Scene.work(house, Flow.CATALOG)
        linked = [row for row in made.administrate.state("contacts") if USER in external_ids(row)]
        divisions = tuple(
            row["id"] for row in made.cornerstone.state("ous", type_id=DIVISION) if row["type_id"] == DIVISION and row["active"]
        )
        yield Scene(stage=made, template=template, contacts=iter(linked), divisions=divisions)
