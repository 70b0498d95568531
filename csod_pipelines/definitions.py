"""The Dagster code location: one explicit table of contents.

What a thing does stands in ``defs/``, one room each. Loading needs no variable of ours and opens nothing; settings that
shape the definitions (instance name, schedules, how long a run of a flow lasts) have defaults.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import dagster as dg

from csod_pipelines.defs.alerts import tell_about_failed_runs
from csod_pipelines.defs.assets.audit import recent_operations
from csod_pipelines.defs.assets.baseline import initial_import
from csod_pipelines.defs.assets.daily import daily_assets
from csod_pipelines.defs.assets.history import historical_enrollments
from csod_pipelines.defs.assets.live import LIVE, observed_changes
from csod_pipelines.defs.assets.operator_tools import parked_records, trace_record
from csod_pipelines.defs.assets.sources import SOURCES
from csod_pipelines.defs.checks import house_checks
from csod_pipelines.defs.instance import in_instance
from csod_pipelines.defs.jobs import build_jobs
from csod_pipelines.defs.resources import HouseResource, StandingHouseResource
from csod_pipelines.defs.schedules import build_schedules
from csod_pipelines.defs.sensors import build_sensors
from csod_pipelines.settings import NEED_NOTHING, Settings, load_settings


def build_definitions(*, settings: Settings | None = None, resources: Mapping[str, Any] | None = None) -> dg.Definitions:
    """A fresh code location. ``settings`` and ``resources`` replace what the environment says and what is opened."""
    told = settings or load_settings(need=NEED_NOTHING)
    schedules = told.config.schedules
    assets, checks = in_instance(
        told.instance,
        assets=[
            *SOURCES,
            initial_import,
            observed_changes,
            *LIVE,
            *daily_assets(zone=schedules.time_zone),
            historical_enrollments,
            recent_operations,
            trace_record,
            parked_records,
        ],
        checks=[house_checks],
    )
    return dg.Definitions(
        assets=assets,
        asset_checks=checks,
        jobs=build_jobs(live_seconds=told.config.flow.max_runtime_seconds, instance=told.instance),
        sensors=[*build_sensors(instance=told.instance), tell_about_failed_runs],
        schedules=build_schedules(schedules),
        resources={"house": HouseResource(), "standing_house": StandingHouseResource(), **(resources or {})},
        executor=dg.in_process_executor,  # one step a run; and asset backfills take no executor from a job
    )


defs = build_definitions()
