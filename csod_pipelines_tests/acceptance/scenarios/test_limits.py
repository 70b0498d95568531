"""What the vendors allow in a minute or a day is a pause that says until when; nothing fails, nothing is sent in vain."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, timedelta

import pytest

from csod_pipelines.model.keys import Flow
from csod_pipelines.store.provision import Urls
from csod_pipelines_tests.acceptance.scenarios.epilogue import quiet, requests_of
from csod_pipelines_tests.acceptance.scenarios.stage import NO_BRAKES, Stage, staged
from csod_pipelines_tests.acceptance.world import FLOWS

A_DAY = 6  # user assignments a UTC day, instead of 60,000
A_MINUTE = 10  # calls a minute that create or change a training


@pytest.fixture(scope="module")
def stage(module_database_urls: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    edits = NO_BRAKES | {
        "assignments_per_day: 60000": f"assignments_per_day: {A_DAY}",
        "cornerstone_endpoints: {}": f"cornerstone_endpoints: {{lo.create: {A_MINUTE}}}",
    }
    size = {"users": 40, "ous": 22, "events": 0}
    with staged(module_database_urls, tmp_path_factory.mktemp("house"), size=size, edits=edits) as made:
        yield made


def drain(stage: Stage, flow: Flow) -> None:
    stage.house.engine.drain(flow, owner="drain", linger_seconds=0, max_seconds=60)


def limits(stage: Stage, flow: Flow) -> list[str]:
    return stage.house.engine.status()["flows"][flow.value]["limits"]


def to_the_next_midnight(stage: Stage, *, but_seconds: float) -> None:
    """Cornerstone's days are UTC's."""
    now = stage.vendor_now()
    midnight = (now + timedelta(days=1)).astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    seconds = (midnight - now).total_seconds() - but_seconds
    stage.clock.travel(seconds if seconds >= 0 else seconds + 86_400)  # in the evening that hour is over: tomorrow's


def refusals(stage: Stage) -> int:
    return sum(row["status"] == 429 for row in requests_of(stage))


def test_the_daily_cap_of_assignments_is_carried_over_midnight_utc(stage: Stage) -> None:
    first, second = stage.event(days=20), stage.event(days=20)
    stage.settle()
    to_the_next_midnight(stage, but_seconds=6 * 3600)
    early, late = [stage.person() for _ in range(4)], [stage.person() for _ in range(4)]
    for person in early:
        first.register(person)
    stage.settle(horizon=300)
    for person in late:
        second.register(person)
    stage.settle(horizon=300)
    assert {first.status(person) for person in early} == {"Registered"}
    assert {second.status(person) for person in late} == {None}, "four of six are spent; a batch goes whole or waits"
    assert limits(stage, Flow.ENROLLMENT) == ["Waiting for Cornerstone's limit, resumes 00:00 UTC."]
    stage.administrate.act("edit_event", id=first.id, max_places=13)
    stage.settle(horizon=300)
    assert first.session["maximum_registration"] == 13, "other work goes on"
    to_the_next_midnight(stage, but_seconds=-5)
    stage.settle()
    assert {second.status(person) for person in late} == {"Registered"}
    assert limits(stage, Flow.ENROLLMENT) == []
    assert not stage.operations(outcome="failure")
    quiet(stage)


def test_a_429_is_a_pause_to_the_end_of_the_minute(stage: Stage) -> None:
    event = stage.event()
    stage.settle()
    stage.until(stage.vendor_now().replace(second=0) + timedelta(minutes=1))
    stage.cornerstone.fault("status", status=429, match={"operation": "lo.update"})
    stage.administrate.act("edit_event", id=event.id, max_places=4)
    stage.house.engine.observe(force=True)
    drain(stage, Flow.CATALOG)
    (sentence,) = limits(stage, Flow.CATALOG)
    again = (stage.clock.utcnow() + timedelta(minutes=1)).replace(second=0)
    assert sentence == f"Waiting for Cornerstone's limit, resumes {again:%H:%M} UTC."
    assert any(row["reason"] == sentence for row in stage.operations())
    mark = stage.cornerstone.last_request()
    drain(stage, Flow.CATALOG)
    assert stage.cornerstone.last_request() == mark, "nothing is tried before the minute is over"
    stage.settle()
    assert event.session["maximum_registration"] == 4
    quiet(stage)


def test_two_hosts_spend_one_budget_and_never_more(stage: Stage) -> None:
    """The portal answers 429 beyond the same limit, and counts what it answers so."""
    before = refusals(stage)
    stage.cornerstone.configure(limits={"lo.create": A_MINUTE})
    events = [stage.event() for _ in range(2 * A_MINUTE)]
    stage.house.engine.observe(force=True)
    hosts = [stage.another_house(), stage.another_house()]
    for _ in range(12):
        for house in hosts:
            for flow in FLOWS:
                house.engine.drain(flow, owner=house.engine.context().guard.owner, linger_seconds=0, max_seconds=60)
        stage.clock.travel(20)
    stage.settle()
    stage.cornerstone.configure(limits="documented")
    assert len({event.session["id"] for event in events}) == len(events)
    assert refusals(stage) == before
    quiet(stage)
