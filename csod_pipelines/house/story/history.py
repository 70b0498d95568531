"""A month of the past: planned first, then applied."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

from csod_pipelines.house.story.stage import Row, Stage, expect
from csod_pipelines.model.keys import SystemName

JOB = "historical_enrollments"


def month_is_backfilled(stage: Stage) -> str:
    """A month of history is planned, then applied: the plan writes nothing, and nobody is written to"""
    month, rows = _month(stage)
    places = {system: stage.calls(system)[-1]["seq"] for system in SystemName}
    planned = _run(stage, month, mode="plan")
    expect(not planned["materialized"], "a plan marked the month as done", planned)
    expect(planned["read"] == rows, f"the plan read another number of enrollments than the {rows} of {month}", planned)
    applied = _run(stage, month, mode="apply")
    expect(bool(applied["materialized"]), "the month is not marked as done", applied)
    expect(applied["read"] == rows, "the run read another number of enrollments than the plan", applied)
    letters = [row for system, seq in places.items() for row in stage.calls(system, since=seq) if row["messages"]]
    expect(not letters, "learners were written to", letters)
    return f"{month}: {rows} enrollments read; {applied['done'] or 'nothing to write'}"


def _month(stage: Stage) -> tuple[str, int]:
    """The newest finished month with enrollments in Cornerstone, and their number."""
    running = datetime.now(UTC).strftime("%Y-%m")
    months = Counter(row["registered_at"][:7] for row in stage.cornerstone("transcripts") if row["registered_at"])
    month = max(month for month in months if month < running)
    return month, months[month]


def _run(stage: Stage, month: str, *, mode: str) -> Row:
    run = stage.run_job(JOB, config={"ops": {"backfill_enrollments": {"config": {"mode": mode}}}}, partition=month)
    told = [told for told in stage.dagster.told(run) if told.partition == month]
    expect(len(told) == 1, f"run {run} tells nothing of {month}", told)
    shown = told[0].metadata
    done = ", ".join(line.removeprefix("- ") for line in str(shown.get("done") or "").splitlines())
    return {"materialized": told[0].materialized, "read": shown["records_read"], "done": done, "summary": shown["summary"]}
