"""Keys of csod_pipelines.yaml that say how the house is run, each with the effect that its comment promises."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from csod_pipelines.definitions import build_definitions
from csod_pipelines.defs.jobs import GRACE_SECONDS
from csod_pipelines.engine.errors import BrakeOn
from csod_pipelines.house.hooks import install_webhooks
from csod_pipelines.model.keys import Kind, SystemName
from csod_pipelines.runtime import bucket_specs
from csod_pipelines.store.provision import Urls
from csod_pipelines.systems import contract
from csod_pipelines_tests.acceptance.operate.little import little, told, variables_of
from csod_pipelines_tests.acceptance.world import PREFIX, World

pytestmark = pytest.mark.full

SECRETS = {"ADMINISTRATE_WEBHOOK_SECRET": "webhook-secret", "CORNERSTONE_WEBHOOK_API_KEY": "0123456789abcdef"}


@pytest.fixture
def here(database_urls: Urls, tmp_path: Path) -> Iterator[World]:
    with little(database_urls, tmp_path) as made:
        yield made


def test_administrate_tells_these_addresses_of_webhooks_that_it_cannot_deliver(here: World) -> None:
    with told(here, {"administrate": {"webhook_notify": ["ops@example.org"]}}) as world:
        variables = variables_of(world) | {PREFIX + name: value for name, value in SECRETS.items()}
        install_webhooks(variables, gateway="http://127.0.0.1:9", say=lambda text: None)
        hooks = world.administrate.rows("webhooks")
    assert hooks
    assert {tuple(hook["notification_emails"]) for hook in hooks} == {("ops@example.org",)}


@pytest.mark.parametrize("linked", [1, 10_000])
def test_a_side_that_shows_nothing_stops_a_flow_only_from_so_many_pairs_on(here: World, linked: int) -> None:
    nothing = {"data": {"page": {"pageInfo": {"hasNextPage": False, "endCursor": None, "totalRecords": 0}, "edges": []}}}
    with told(here, {"brakes": {"empty_side": linked}}) as world:
        world.administrate.fault("status", times=5, match={"operation": "contacts"}, status=200, body=json.dumps(nothing))
        if linked == 1:
            with pytest.raises(BrakeOn, match="shows no contact at all"):
                world.engine.reconcile(Kind.PERSON, mode="plan", owner="test")
        else:
            world.engine.reconcile(Kind.PERSON, mode="plan", owner="test")


def test_batches_leave_this_share_of_every_limit_to_what_people_wait_for(here: World) -> None:
    with told(here, {"limits": {"reserve_percent": 35}}) as world:
        for system in SystemName:
            assert {spec.reserve for spec in bucket_specs(world.house.settings, contract.load(system)).values()} == {0.35}


def test_a_run_of_a_live_flow_is_ended_a_little_after_the_time_of_the_settings(here: World) -> None:
    with told(here, {"flow": {"max_runtime_seconds": 120}}) as world:
        built = build_definitions(settings=world.house.settings)
    assert float(built.resolve_job_def("people_sync").tags["dagster/max_runtime"]) == 120 + GRACE_SECONDS
