"""When the live flows and the feeds are started, and what a tick says when they are not."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest
from dagster import DagsterRunStatus as Status
from dagster._core.remote_origin import InProcessCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from csod_pipelines.defs.jobs import LIVE_FLOWS
from csod_pipelines.defs.launches import why_not_again
from csod_pipelines.defs.reporting import STOPPED_TAG
from csod_pipelines.model.keys import Flow
from csod_pipelines.model.outcomes import Mode
from csod_pipelines_tests.dagster.fake_house import FakeEngine, FakeHouse, waiting

_ORIGIN = RemoteRepositoryOrigin(
    InProcessCodeLocationOrigin(LoadableTargetOrigin(module_name="csod_pipelines.definitions"), location_name="csod_pipelines"),
    "__repository__",
)


def tick(location: dg.Definitions, instance: dg.DagsterInstance, house: Any, name: str = "people_sync_on_change") -> Any:
    sensor = location.get_repository_def().get_sensor_def(name)
    with dg.build_sensor_context(
        instance=instance, resources={"standing_house": house}, repository_def=location.get_repository_def()
    ) as context:
        return sensor.evaluate_tick(context)


def a_run(instance: dg.DagsterInstance, *, job: str = "people_sync", status: Status, tags: dict[str, str] | None = None) -> dg.DagsterRun:
    origin = _ORIGIN.get_job_origin(job)
    return instance.add_run(dg.DagsterRun(job_name=job, run_id=str(uuid4()), status=status, tags=tags, remote_job_origin=origin))


@pytest.mark.parametrize("flow", LIVE_FLOWS)
def test_waiting_work_starts_one_run_that_applies(
    location: dg.Definitions, instance: dg.DagsterInstance, house: FakeHouse, engine: FakeEngine, flow: Flow
) -> None:
    engine.work[flow] = waiting(ready=3)
    (request,) = tick(location, instance, house, f"{flow.value}_on_change").run_requests
    (config,) = request.run_config["ops"].values()
    assert config["config"]["mode"] == "apply"
    assert request.run_key is None
    dg.validate_run_config(location.resolve_job_def(flow.value), request.run_config)


def test_nothing_is_started_when_nothing_waits(location: dg.Definitions, instance: dg.DagsterInstance, house: FakeHouse) -> None:
    done = tick(location, instance, house)
    assert not done.run_requests
    assert done.skip_message == "nothing waits"


def test_a_tick_says_when_work_that_must_wait_goes_on(
    location: dg.Definitions, instance: dg.DagsterInstance, house: FakeHouse, engine: FakeEngine
) -> None:
    engine.work[Flow.PEOPLE] = waiting(next_in=40, parked=2)
    message = tick(location, instance, house).skip_message
    assert "goes on at" in message
    assert message.endswith("2 parked for a person")


def test_nothing_is_started_while_a_run_holds_the_lease(
    location: dg.Definitions, instance: dg.DagsterInstance, house: FakeHouse, engine: FakeEngine
) -> None:
    engine.work[Flow.PEOPLE] = waiting(ready=3)
    engine.drainers[Flow.PEOPLE] = "run:1a2b3c4d-5678"
    assert tick(location, instance, house).skip_message == "3 ready, 1a2b3c4d is working on them"


def test_a_paused_flow_is_not_started_and_the_tick_says_how_to_go_on(
    location: dg.Definitions, instance: dg.DagsterInstance, house: FakeHouse, engine: FakeEngine
) -> None:
    engine.work[Flow.PEOPLE] = waiting(ready=1)
    engine.pauses.add(Flow.PEOPLE)
    assert "csod-pipelines resume people_sync" in tick(location, instance, house).skip_message


def test_a_flow_held_by_a_brake_is_not_started_and_the_tick_says_how_to_release_it(
    location: dg.Definitions, instance: dg.DagsterInstance, house: FakeHouse, engine: FakeEngine
) -> None:
    engine.work[Flow.PEOPLE] = waiting(ready=3)
    engine.holds[Flow.PEOPLE] = "people_sync is held by the brake on deactivations: csod-pipelines brake release people_sync"
    skipped = tick(location, instance, house).skip_message
    assert skipped.startswith("3 ready; people_sync is held by the brake")
    assert "brake release" in skipped


def test_a_flow_that_is_off_is_not_started_and_one_that_observes_is(
    location: dg.Definitions, instance: dg.DagsterInstance, house: FakeHouse, engine: FakeEngine
) -> None:
    engine.work[Flow.PEOPLE] = waiting(ready=1)
    engine.modes[Flow.PEOPLE] = Mode.OFF
    assert "switched off" in tick(location, instance, house).skip_message
    engine.modes[Flow.PEOPLE] = Mode.OBSERVE
    assert len(tick(location, instance, house).run_requests) == 1


@pytest.mark.parametrize("status", [Status.NOT_STARTED, Status.QUEUED, Status.STARTING, Status.STARTED])
def test_a_run_on_its_way_is_waited_for(
    location: dg.Definitions, instance: dg.DagsterInstance, house: FakeHouse, engine: FakeEngine, status: Status
) -> None:
    engine.work[Flow.PEOPLE] = waiting(ready=1)
    run = a_run(instance, status=status)
    assert run.run_id[:8] in tick(location, instance, house).skip_message


def test_a_run_that_died_with_its_machine_stops_nothing_since_the_lease_alone_excludes(instance: dg.DagsterInstance) -> None:
    a_run(instance, status=Status.STARTED)
    later = datetime.now(UTC) + timedelta(seconds=30)
    assert why_not_again(instance, job="people_sync", tags={}) is not None
    assert why_not_again(instance, job="people_sync", tags={}, now=later) is None


def test_a_queued_run_is_waited_for_however_long_the_queue_is(instance: dg.DagsterInstance) -> None:
    a_run(instance, status=Status.QUEUED)
    assert why_not_again(instance, job="people_sync", tags={}, now=datetime.now(UTC) + timedelta(hours=5)) is not None


def test_runs_of_another_job_or_another_installation_do_not_count(instance: dg.DagsterInstance) -> None:
    a_run(instance, job="result_sync", status=Status.QUEUED)
    a_run(instance, status=Status.QUEUED, tags={"csod/instance": "pilot"})
    assert why_not_again(instance, job="people_sync", tags={"csod/instance": "production"}) is None
    assert why_not_again(instance, job="people_sync", tags={"csod/instance": "pilot"}) is not None


def test_a_flow_that_fails_by_itself_is_started_again_with_growing_pauses(instance: dg.DagsterInstance) -> None:
    now = datetime.now(UTC)
    pauses = []
    for _ in range(7):
        a_run(instance, status=Status.FAILURE, tags={STOPPED_TAG: "true"})
        seconds = [
            s
            for s in (29, 59, 119, 239, 479, 899, 960)
            if why_not_again(instance, job="people_sync", tags={}, now=now + timedelta(seconds=s))
        ]
        pauses.append(seconds[-1])
    assert pauses == [29, 59, 119, 239, 479, 899, 899]


def test_a_worker_that_was_killed_is_replaced_at_once(instance: dg.DagsterInstance) -> None:
    a_run(instance, status=Status.FAILURE)
    assert why_not_again(instance, job="people_sync", tags={}) is None


def test_one_success_ends_the_pauses(instance: dg.DagsterInstance) -> None:
    a_run(instance, status=Status.FAILURE, tags={STOPPED_TAG: "true"})
    a_run(instance, status=Status.SUCCESS)
    assert why_not_again(instance, job="people_sync", tags={}) is None


def test_a_database_that_does_not_answer_is_a_failed_tick_and_not_an_empty_one(
    location: dg.Definitions, instance: dg.DagsterInstance
) -> None:
    class Broken:
        @property
        def engine(self) -> Any:
            raise ConnectionError("no answer")

    with pytest.raises(ConnectionError):
        tick(location, instance, Broken())


def test_the_feeds_are_read_when_one_is_due(
    location: dg.Definitions, instance: dg.DagsterInstance, house: FakeHouse, engine: FakeEngine
) -> None:
    assert tick(location, instance, house, "change_feeds").skip_message == "no change feed is due"
    engine.due = ["administrate:contacts"]
    assert len(tick(location, instance, house, "change_feeds").run_requests) == 1


def test_the_feeds_are_not_read_twice_at_a_time(
    location: dg.Definitions, instance: dg.DagsterInstance, house: FakeHouse, engine: FakeEngine
) -> None:
    engine.due = ["administrate:contacts"]
    run = a_run(instance, job="observe_changes", status=Status.STARTED)
    assert run.run_id[:8] in tick(location, instance, house, "change_feeds").skip_message
