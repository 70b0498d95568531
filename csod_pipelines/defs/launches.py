"""Whether a job should be started again now, as far as Dagster's own list of runs can tell.

Whether a flow is being worked on is known by its lease in our database and by nothing else. The list of runs adds two
things: a run that was started and has not got as far as its lease yet, and a run that failed by itself just now.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import dagster as dg

from csod_pipelines.defs.reporting import STOPPED_TAG

#: From the start of a run's process to its lease takes two seconds; a machine under load may need longer.
STARTED_SECONDS = 20.0
#: Never submitted, or its process never came up: run monitoring fails a start after two minutes.
STARTING_SECONDS = 180.0
#: Pause after a run that failed by itself, doubled for each further one.
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 30.0, 900.0
_RUNS_SEEN = 8

_ENDED = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


def why_not_again(
    instance: dg.DagsterInstance,
    *,
    job: str,
    tags: Mapping[str, str],
    started_seconds: float = STARTED_SECONDS,
    now: datetime | None = None,
) -> str | None:
    """In words why ``job`` is not to be started, or None. One query for the newest few runs."""
    now = now or datetime.now(UTC)
    records = instance.get_run_records(dg.RunsFilter(job_name=job, tags=dict(tags)), limit=_RUNS_SEEN)
    for record in records:
        if _on_its_way(record, now=now, started_seconds=started_seconds):
            return f"run {record.dagster_run.run_id[:8]} is {record.dagster_run.status.value.lower().replace('_', ' ')}"
    return _pause_after_failures(records, now=now)


def _on_its_way(record: dg.RunRecord, *, now: datetime, started_seconds: float) -> bool:
    status = record.dagster_run.status
    if status in _ENDED:
        return False
    if status is dg.DagsterRunStatus.QUEUED:
        return True
    most = started_seconds if status is dg.DagsterRunStatus.STARTED else STARTING_SECONDS
    return now - record.update_timestamp.astimezone(UTC) < timedelta(seconds=most)


def _pause_after_failures(records: Sequence[dg.RunRecord], *, now: datetime) -> str | None:
    """A refused secret fails every run alike; one that an operator starts by hand and that succeeds ends the pause."""
    failed = 0
    for record in records:
        if record.dagster_run.status is not dg.DagsterRunStatus.FAILURE or STOPPED_TAG not in record.dagster_run.tags:
            break
        failed += 1
    if not failed:
        return None
    pause = min(FIRST_PAUSE_SECONDS * 2 ** (failed - 1), LONGEST_PAUSE_SECONDS)
    ended = records[0].end_time or records[0].update_timestamp.timestamp()
    left = ended + pause - now.timestamp()
    if left <= 0:
        return None
    times = "the last run" if failed == 1 else f"each of the last {failed} runs"
    return f"{times} failed by itself (see run {records[0].dagster_run.run_id[:8]}); next attempt in {left:.0f} s, or by hand"
