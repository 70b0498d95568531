"""When the daily comparisons and the hourly audit run. Times and zone stand under ``schedules`` in csod_pipelines.yaml.

The schedules apply; whether a flow may write at all is its mode's business. A comparison whose time is empty there has no schedule.
"""

from datetime import UTC
from typing import TYPE_CHECKING, Any

import dagster as dg

from csod_pipelines.defs.assets import daily
from csod_pipelines.defs.forms import ReconcileForm, RunMode
from csod_pipelines.defs.partitions import day_of

if TYPE_CHECKING:
    from csod_pipelines.config import Schedules
else:
    Schedules = Any

AUDIT_CRON = "20 * * * *"

#: Which key of ``schedules`` gives a daily job's time.
_TIMES = {
    "daily_ou_reconciliation": "org_units",
    "daily_people_reconciliation": "people",
    "daily_catalog_reconciliation": "catalog",
    "daily_enrollment_reconciliation": "enrollments",
    "daily_result_reconciliation": "results",
}


def build_schedules(times: "Schedules") -> list[dg.ScheduleDefinition]:
    wanted = [(job, getattr(times, key)) for job, key in _TIMES.items()]
    return [*(_every_day(job, cron=cron, zone=times.time_zone) for job, cron in wanted if cron), _AUDIT]


def _every_day(job: str, *, cron: str, zone: str) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=f"{job}_schedule",
        job_name=job,
        cron_schedule=cron,
        execution_timezone=zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Applies {job} for the running day.",
    )
    def every_day(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        day = day_of(context.scheduled_execution_time.astimezone(UTC), zone=zone)
        return dg.RunRequest(partition_key=day, run_config=dg.RunConfig(ops={daily.OPS[job]: ReconcileForm(mode=RunMode.apply)}))

    return every_day


_AUDIT = dg.ScheduleDefinition(
    name="hourly_audit",
    job_name="audit",
    cron_schedule=AUDIT_CRON,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Shows the newest operations and runs every check.",
)
