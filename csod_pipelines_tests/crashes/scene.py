"""Two vendors whose people keep changing things, a house between them, and the question whether both say the same in the end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import TextClause, text

from csod_pipelines.model.keys import Flow, Kind
from csod_pipelines.runtime import House
from csod_pipelines_tests.acceptance.mapping_checker import disagreements
from csod_pipelines_tests.acceptance.scenarios.stage import NO_BRAKES, edited_config
from csod_pipelines_tests.bench.stage import Stage, folder, stage
from csod_pipelines_tests.crashes.people import People
from csod_pipelines_tests.crashes.worker import FLOWS, working

BASELINE = (Kind.ORG_UNIT, Kind.LOCATION, Kind.SUBJECT, Kind.PROVIDER, Kind.PERSON)
SIZE = {"users": 60, "ous": 26, "events": 2, "sessions_per_event": 1, "learners_per_session": 2}
SETTLE_SECONDS = 400.0
_UNFINISHED = text("SELECT count(*) FROM exchange x LEFT JOIN exchange_outcome o ON o.exchange_id = x.id WHERE o.exchange_id IS NULL")
_WAITING = text("SELECT count(*) FROM work WHERE parked_reason IS NULL")


@dataclass(slots=True)
class Scene:
    stage: Stage
    people: People

    def cut_off(self) -> int:
        with self.stage.house() as house:
            return cut_off(house)

    def settle(self) -> None:
        """One more worker, undisturbed, until nothing waits; then a comparison of everything."""
        deadline = time.monotonic() + SETTLE_SECONDS
        with working(self.stage.variables):
            still = 0
            while still < 4:
                assert time.monotonic() < deadline, "still at work"
                time.sleep(1.0)
                still = 0 if self._waiting() else still + 1
        with self.stage.house() as house:
            for kind in Kind:
                house.engine.reconcile(kind, mode="apply", owner="reconciler")
            for flow in FLOWS:
                house.engine.drain(flow, owner="last", linger_seconds=0, max_seconds=60)

    def differences(self) -> list[str]:
        now = self.stage.cornerstone.call("GET", "clock")["now"]
        a, c = self.stage.administrate.state, self.stage.cornerstone.state
        return disagreements(administrate=a, cornerstone=c, portal="sandbox", now=now)

    def _waiting(self) -> int:
        with self.stage.house() as house:
            return _count(house, _WAITING)


def cut_off(house: House) -> int:
    """Calls whose answer nobody lived to record."""
    return _count(house, _UNFINISHED)


def _count(house: House, statement: TextClause) -> int:
    with house.database.read() as conn:
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
        scene = Scene(made, People(made.administrate, made.cornerstone))
        scene.people.act(1)
        for _ in range(3):
            scene.people.plan_event()
        scene.settle()
        before = scene.differences()
        made.administrate.slow(0.02)
        made.cornerstone.slow(0.02)
        yield scene, before
