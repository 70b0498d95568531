"""One event while nobody works on its flow: webhook, sensor, a run that has to be started, the write at the other vendor.

What one run an event costs is the same figure: that is the way without lingering runs.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from csod_pipelines_tests.bench.rows import Row, middle
from csod_pipelines_tests.bench.scene import SESSION, TEMPLATE, USER, external_ids
from csod_pipelines_tests.bench.stage import Row as StateRow
from csod_pipelines_tests.bench.stage import Vendor, folder, moment, until
from csod_pipelines_tests.house.running import RunningHouse, serving

SECTION = "One isolated event, prerequisites linked, cold through Dagster"
TARGET_SECONDS = 10.0
PATIENCE_SECONDS = 60.0
WARM = 10
NOTE = "Cold: one sample each. The usual way with Dagster, a sensor that requests one run an event, takes that long for every event."


def measure(*, full: bool) -> Iterator[Row]:
    with folder() as home, serving(home / "house") as house:
        administrate, cornerstone = (Vendor(house.endpoints[name]) for name in ("administrate", "cornerstone"))
        _prepare(house)
        draft = next(row for row in administrate.state("course_templates") if row["code"] == TEMPLATE)
        yield _row(
            "course template published in Administrate -> Cornerstone event",
            _timed(cornerstone, lambda: administrate.act("publish_template", id=draft["id"])),
        )
        event = _event(administrate, draft["id"])
        contacts = iter([row["id"] for row in administrate.state("contacts") if USER in external_ids(row)])

        def register() -> float:
            return _timed(cornerstone, lambda: administrate.act("register", event_id=event["id"], contact_id=next(contacts)))

        cold = register()
        yield _row("learner registered in Administrate -> Cornerstone", cold)
        warm = middle(register() for _ in range(WARM))
        yield Row(
            section=SECTION,
            name=f"the next learners, while that run lingers, p50 of {WARM}",
            figure=warm,
            unit="s",
            against=f"one run an event: {cold:.2f} s",
            ratio=warm / cold,
            note=NOTE,
        )


def _prepare(house: RunningHouse) -> None:
    """The import, without a people_sync run for its echoes."""
    for command in (
        ["pause", "people_sync", "--why", "measuring"],
        ["exec", "--", sys.executable, "-m", "csod_pipelines_tests.bench.import_once"],
    ):
        done = house.command(*command)
        if done.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stdout[-500:]} {done.stderr[-1500:]}")


def _event(administrate: Vendor, template: str) -> StateRow:
    """An offering that is in Cornerstone already; the run that brought the template there is still at hand."""
    start = (datetime.now() + timedelta(weeks=3)).replace(microsecond=0)
    parts = [{"title": "Day 1", "start": start.isoformat(), "end": (start + timedelta(hours=2)).isoformat()}]
    made = administrate.act(
        "create_event",
        course_template_id=template,
        title="Cold",
        time_zone_name="UTC",
        min_places=1,
        max_places=20,
        sessions=parts,
        publish=True,
    )

    def linked() -> StateRow | None:
        row = administrate.state("events", id=made["id"])[0]
        return row if SESSION in external_ids(row) else None

    return until("the event is in Cornerstone", linked, seconds=PATIENCE_SECONDS, pause=0.2)


def _timed(target: Vendor, act: Callable[[], object]) -> float:
    before, started = target.last(), time.time()
    act()

    def written() -> float | None:
        made = [row for row in target.requests(before) if row["effect"] == "create"]
        return moment(made[0]) - started if made else None

    return until("the other side has changed", written, seconds=PATIENCE_SECONDS, pause=0.1)


def _row(name: str, seconds: float) -> Row:
    return Row(
        section=SECTION,
        name=name,
        figure=seconds,
        unit="s",
        against=f"target: {TARGET_SECONDS:.0f} s",
        ratio=seconds / TARGET_SECONDS,
        target=f"<= {TARGET_SECONDS:.0f} s",
        met=seconds <= TARGET_SECONDS,
        used=seconds / TARGET_SECONDS,
        note=NOTE,
    )
