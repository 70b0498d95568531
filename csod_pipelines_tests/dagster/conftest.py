"""A real ephemeral Dagster instance, and the code location over a house that stands in for the engine."""

import warnings
from collections.abc import Callable, Iterator
from typing import Any

import dagster as dg
import pytest

from csod_pipelines.definitions import build_definitions
from csod_pipelines.settings import NEED_NOTHING, Settings, load_settings
from csod_pipelines_tests.dagster.fake_house import FakeEngine, FakeHouse

Launch = Callable[..., dg.ExecuteInProcessResult]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


@pytest.fixture
def house() -> FakeHouse:
    return FakeHouse()


@pytest.fixture
def engine(house: FakeHouse) -> FakeEngine:
    return house.engine


def settings_of(**variables: str) -> Settings:
    return load_settings({f"CSOD_PIPELINES_{name}": value for name, value in variables.items()}, need=NEED_NOTHING)


@pytest.fixture
def location(house: FakeHouse) -> dg.Definitions:
    return build_definitions(settings=settings_of(), resources={"house": house, "standing_house": house})


@pytest.fixture
def launch(location: dg.Definitions, instance: dg.DagsterInstance) -> Launch:
    """Run a job by name in this process, as Dagster's run worker would."""

    def run(job: str, *, ops: dict[str, Any] | None = None, **more: Any) -> dg.ExecuteInProcessResult:
        config = {"ops": {name: {"config": given} for name, given in (ops or {}).items()}}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            return location.resolve_job_def(job).execute_in_process(instance=instance, run_config=config, raise_on_error=False, **more)

    return run


def events_of(result: dg.ExecuteInProcessResult, kind: str) -> list[Any]:
    """Materializations (``ASSET_MATERIALIZATION``) or observations (``ASSET_OBSERVATION``) of a run."""
    return [event for event in result.all_events if event.event_type_value == kind]
