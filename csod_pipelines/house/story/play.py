"""The order of the story, and its result."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import requests

from csod_pipelines.house.dagster_web import DagsterRefused
from csod_pipelines.house.story import catalogue, enrollment, history, ledger, organization, people, places, results
from csod_pipelines.house.story.stage import Stage, StepFailed

Step = Callable[[Stage], str]

STEPS: tuple[Step, ...] = (
    people.initial_import,
    places.catalogue_is_imported,
    catalogue.template_is_published,
    catalogue.event_is_created,
    places.event_is_moved,
    enrollment.learner_is_registered,
    enrollment.learner_is_cancelled,
    people.user_is_hired,
    people.contact_is_created,
    results.class_is_registered,
    results.training_is_over,
    results.user_registers_himself,
    results.learner_completes,
    results.pass_is_not_enough,
    organization.organization_changes,
    history.past_event_is_paired,
    history.month_is_backfilled,
    ledger.ledger_tells_it,
    ledger.failure_is_told,
    ledger.nothing_is_left,
    ledger.commands_tell_it,
)


def play(stage: Stage, *, say: Callable[[str], None]) -> dict[str, Any]:
    """Play every step until one fails, since each stands on those before. The result as it is written to a file."""
    steps = []
    for step in STEPS:
        row = _play_step(step, stage)
        steps.append(row)
        say(f"{'ok    ' if row['ok'] else 'FAILED'} {row['seconds']:6.1f} s  {row['name']}\n                 {row['detail']}")
        if not row["ok"]:
            break
    ok = len(steps) == len(STEPS) and all(row["ok"] for row in steps)
    return {"ok": ok, "steps": steps, "dagster_runs": stage.dagster.runs_by_job(), "operations": _operations(stage, say=say)}


def _operations(stage: Stage, *, say: Callable[[str], None]) -> dict[str, int]:
    try:
        counts: dict[str, int] = stage.status()["operations"]
    except StepFailed as err:
        say(f"the operations could not be counted: {err}")
        return {}
    return counts


def _play_step(step: Step, stage: Stage) -> dict[str, Any]:
    started = time.monotonic()
    try:
        ok, detail = True, step(stage)
    except (StepFailed, DagsterRefused, requests.RequestException, LookupError) as err:
        ok, detail = False, f"{type(err).__name__}: {err}" if not isinstance(err, StepFailed) else str(err)
    name = (step.__doc__ or step.__name__).strip()
    return {"name": name, "ok": ok, "seconds": round(time.monotonic() - started, 2), "detail": detail}
