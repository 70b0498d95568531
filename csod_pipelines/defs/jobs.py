"""The jobs: one asset each (the import: five), selected by the tag that the asset carries.

Every job says how long it may take, since a run whose machine died stays "started" until that time is over, and that its
failures are not retried by Dagster: a crashed worker is, but what was refused once is refused again.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import dagster as dg

from csod_pipelines.defs.assets import JOB_TAG, daily
from csod_pipelines.model.keys import Flow

if TYPE_CHECKING:
    from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition as AssetJob
else:
    AssetJob = Any  # dagster does not export what define_asset_job returns

#: Beyond the run's own limit, so that the run ends itself first.
GRACE_SECONDS = 300
_HOUR = 3_600

LIVE_FLOWS = (Flow.PEOPLE, Flow.CATALOG, Flow.ENROLLMENT, Flow.RESULT)
INSTANCE_TAG = "csod/instance"

_FIRST, _NORMAL, _LAST = "10", "0", "-10"


def build_jobs(*, live_seconds: float, instance: str) -> list[AssetJob]:
    """``live_seconds``: after which a run of a live flow ends itself. ``instance`` keeps two installations apart."""

    def job(
        name: str, *, description: str, seconds: float, priority: str = _NORMAL, selection: dg.AssetSelection | None = None
    ) -> AssetJob:
        return dg.define_asset_job(
            name,
            selection=selection or dg.AssetSelection.tag(JOB_TAG, name).without_checks(),
            description=description,
            tags=_tags(seconds=seconds, priority=priority, instance=instance),
        )

    return [
        job("initial_import", description="Bring what Cornerstone holds into Administrate, once. Plans by default.", seconds=24 * _HOUR),
        *(
            job(
                flow.value,
                description=f"Apply waiting changes of {flow.value}, then stay a while for the next.",
                seconds=live_seconds + GRACE_SECONDS,
                priority=_FIRST,
            )
            for flow in LIVE_FLOWS
        ),
        job("observe_changes", description="Read both systems' change feeds that are due.", seconds=2 * _HOUR, priority=_FIRST),
        *(
            job(name, description="Compare both sides as a whole. Plans by default; the schedule applies.", seconds=6 * _HOUR)
            for name in daily.OPS
        ),
        job("historical_enrollments", description="Enrollments of past months. Plans by default.", seconds=12 * _HOUR, priority=_LAST),
        job(
            "audit",
            description="The newest operations, and every check.",
            seconds=_HOUR,
            selection=dg.AssetSelection.tag(JOB_TAG, "audit") | dg.AssetSelection.all_asset_checks(),
        ),
        job("trace_record", description="Everything that happened to one record.", seconds=_HOUR, priority=_FIRST),
        job("parked_records", description="Records that wait for a person.", seconds=_HOUR, priority=_FIRST),
    ]


def _tags(*, seconds: float, priority: str, instance: str) -> Mapping[str, str]:
    named = {INSTANCE_TAG: instance} if instance else {}
    return {
        "dagster/max_runtime": str(int(seconds)),
        "dagster/priority": priority,
        "dagster/retry_on_asset_or_op_failure": "false",
        **named,
    }
