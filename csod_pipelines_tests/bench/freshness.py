"""How late a change may be that no webhook told: the feeds' interval, what the vendor's own views lag, and our way through it.

The way is measured: one pass over the feeds and the work it found. The waits are the documented ones, added up for the worst case.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta

from csod_pipelines.engine.observe import NEAR_TODAY_EVERY
from csod_pipelines.model.keys import Flow
from csod_pipelines.runtime import House
from csod_pipelines_tests.bench.rows import Row, middle
from csod_pipelines_tests.bench.scene import SESSION, USER, Scene, external_ids, scene
from csod_pipelines_tests.bench.stage import Row as StateRow
from csod_pipelines_tests.bench.stage import Stage, Vendor

SECTION = "Freshness without any webhook"
SENSOR_SECONDS = 2.0
RUN_SECONDS = 10.0  # a run that has to be started; what the cold row of the targets allows
VIEW_LAG_SECONDS = 900.0  # Cornerstone's reporting views are up to 15 minutes behind (csod.dev, reporting)
REPEATS = 3


def measure(*, full: bool) -> Iterator[Row]:
    with scene() as played, played.stage.house() as house:
        feed_seconds = house.settings.feed_seconds
        event = played.event(house)
        ways = {
            "registration, Administrate -> Cornerstone": (360.0, 0.0, 1, lambda: _register(played, house, event["id"])),
            "self-registration, Cornerstone -> Administrate": (1260.0, VIEW_LAG_SECONDS, 1, lambda: _self_register(played, house, event)),
        }
        for name, (target, lag, intervals, way) in ways.items():
            yield _row(name, target, lag=lag, interval=feed_seconds * intervals, seconds=middle(way() for _ in range(REPEATS)))
        marked = _mark(played, house)
        yield _row("attendance mark, Administrate -> Cornerstone", 960.0, lag=0.0, interval=feed_seconds * NEAR_TODAY_EVERY, seconds=marked)


def _row(name: str, target: float, *, lag: float, interval: float, seconds: float) -> Row:
    starts = 2 * (SENSOR_SECONDS + RUN_SECONDS)
    whole = interval + lag + starts + seconds
    return Row(
        section=SECTION,
        name=name,
        figure=whole / 60,
        unit="min at worst",
        against=f"{interval:.0f} s interval + {lag:.0f} s lag of the view + {starts:.0f} s to start two runs + {seconds:.1f} s measured",
        ratio=whole / target,
        target=f"{target / 60:.0f} min",
        met=whole <= target,
        used=whole / target,
        note="Measured: one pass over every feed and the work that it found. The ratio is to the target.",
    )


def _timed(house: House, changed: Callable[[], bool]) -> float:
    started = time.monotonic()
    house.engine.observe(force=True)
    for flow in (Flow.ENROLLMENT, Flow.RESULT):  # the roster is one unit for both
        house.engine.drain(flow, owner="bench:freshness")
    seconds = time.monotonic() - started
    if not changed():
        raise RuntimeError("the pass over the feeds did not bring the change to the other side")
    return seconds


def _register(played: Scene, house: House, event_id: str) -> float:
    contact = next(played.contacts)
    since = played.stage.cornerstone.last()
    played.stage.administrate.act("register", event_id=event_id, contact_id=contact["id"])
    return _timed(house, lambda: _wrote(played.stage.cornerstone, since))


def _self_register(played: Scene, house: House, event: StateRow) -> float:
    user = external_ids(next(played.contacts))[USER]
    since = played.stage.administrate.last()
    played.stage.cornerstone.act("self_register", user_id=int(user), session_id=external_ids(event)[SESSION])
    _advance(played.stage, VIEW_LAG_SECONDS + 60)
    return _timed(house, lambda: _wrote(played.stage.administrate, since))


def _mark(played: Scene, house: House) -> float:
    """One learner of an offering that has just ended was there."""
    event = played.event(house, ahead=timedelta(hours=2))
    contact = next(played.contacts)
    learner = played.stage.administrate.act("register", event_id=event["id"], contact_id=contact["id"])
    Scene.work(house, Flow.ENROLLMENT)
    _advance(played.stage, 4 * 3600)
    session = next(row for row in played.stage.administrate.state("sessions") if row["event_id"] == event["id"])
    played.stage.administrate.act("mark_attendance", learner_id=learner["id"], session_id=session["id"], attended=True)
    since = played.stage.cornerstone.last()
    return _timed(house, lambda: _wrote(played.stage.cornerstone, since))


def _advance(stage: Stage, seconds: float) -> None:
    for vendor in (stage.administrate, stage.cornerstone):
        vendor.advance(seconds)


def _wrote(vendor: Vendor, since: int) -> bool:
    return any(row["effect"] in ("create", "update") for row in vendor.requests(since))
