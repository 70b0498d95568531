"""Who is told when a run fails: one line in the log of the code server, with what to do next.

The line holds ids and our own words only. The text of an unexpected error may quote a record, so it is left on the run's
page and the line names its class.
"""

import logging

import dagster as dg

log = logging.getLogger("csod_pipelines.alerts")


@dg.run_failure_sensor(
    name="tell_about_failed_runs",
    default_status=dg.DefaultSensorStatus.RUNNING,
    minimum_interval_seconds=10,
    description="Writes one line to the log for every failed run: which job, why, and where to look.",
)
def tell_about_failed_runs(context: dg.RunFailureSensorContext) -> None:
    run = context.dagster_run
    log.error("%s failed (run %s): %s Open the run in Dagster for its totals and log.", run.job_name, run.run_id, cause(context))


def cause(context: dg.RunFailureSensorContext) -> str:
    """Our own sentence where a step failed with one, else the class of the error."""
    for event in context.get_step_failure_events():
        data = event.step_failure_data
        if data.user_failure_data is not None and data.user_failure_data.description:
            return data.user_failure_data.description
        if data.error is not None:
            inner = data.error.cause or data.error
            return f"unexpected {inner.cls_name}."
    return "its process ended, or it never started."
