"""What starts the live flows and the feeds: work waits, and nobody does it.

A tick asks our database with one indexed query and calls no vendor. There is no ``run_key``: what still waits is known
to our database alone, and a key would stop work that came back. An error is raised and shows as a failed tick; it is
never taken for "nothing to do".

Dagster looks at its sensors every five seconds; an interval of five would make that ten, so two is asked for.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import dagster as dg

from csod_pipelines.defs.assets import live
from csod_pipelines.defs.forms import DrainForm, RunMode
from csod_pipelines.defs.jobs import INSTANCE_TAG, LIVE_FLOWS
from csod_pipelines.defs.launches import why_not_again
from csod_pipelines.defs.resources import House
from csod_pipelines.model.keys import Flow
from csod_pipelines.model.outcomes import Mode

if TYPE_CHECKING:
    from csod_pipelines.engine.engine import Engine
    from csod_pipelines.store.work import Waiting

TICK_SECONDS = 2
#: A look at the feeds takes no lease; after this time a started one is taken for dead.
FEED_RUN_SECONDS = 900


def build_sensors(*, instance: str) -> list[dg.SensorDefinition]:
    tags = {INSTANCE_TAG: instance} if instance else {}
    return [*(_on_change(flow, tags=tags) for flow in LIVE_FLOWS), _change_feeds(tags=tags)]


def _on_change(flow: Flow, *, tags: Mapping[str, str]) -> dg.SensorDefinition:
    @dg.sensor(
        name=f"{flow.value}_on_change",
        job_name=flow.value,
        minimum_interval_seconds=TICK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Starts {flow.value} when changes wait and no run works on them. To halt the flow use "
        f"`csod-pipelines pause {flow.value}`: it also ends the run that is under way.",
    )
    def on_change(context: dg.SensorEvaluationContext, standing_house: dg.ResourceParam[House]) -> dg.RunRequest | dg.SkipReason:
        reason = why_not(standing_house.engine, flow) or why_not_again(context.instance, job=flow.value, tags=tags)
        if reason:
            return dg.SkipReason(reason)
        return dg.RunRequest(run_config=dg.RunConfig(ops={live.OPS[flow]: DrainForm(mode=RunMode.apply)}))

    return on_change


def _change_feeds(*, tags: Mapping[str, str]) -> dg.SensorDefinition:
    @dg.sensor(
        name="change_feeds",
        job_name="observe_changes",
        minimum_interval_seconds=TICK_SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts observe_changes when a change feed is due. The feeds find what no webhook told.",
    )
    def change_feeds(context: dg.SensorEvaluationContext, standing_house: dg.ResourceParam[House]) -> dg.RunRequest | dg.SkipReason:
        due = standing_house.engine.feeds_due()
        if not due:
            return dg.SkipReason("no change feed is due")
        reason = why_not_again(context.instance, job="observe_changes", tags=tags, started_seconds=FEED_RUN_SECONDS)
        return dg.SkipReason(reason) if reason else dg.RunRequest()

    return change_feeds


def why_not(engine: "Engine", flow: Flow) -> str | None:
    """In words, or None when a run should start. Asks for the work first: mostly there is none."""
    waiting = engine.waiting(flow)
    if not waiting.ready:
        return _nothing_ready(waiting)
    if engine.paused(flow):
        return f"{waiting.ready} ready; paused by an operator. `csod-pipelines resume {flow.value}` goes on"
    if (why := engine.held(flow)) is not None:
        return f"{waiting.ready} ready; {why}"
    if engine.mode(flow) is Mode.OFF:
        return f"{waiting.ready} ready; the flow is switched off (modes.{flow.value} of csod_pipelines.yaml)"
    if worker := engine.drainer(flow):
        return f"{waiting.ready} ready, {worker.removeprefix('run:')[:8]} is working on them"
    return None


def _nothing_ready(waiting: "Waiting") -> str:
    parked = f"; {waiting.parked} parked for a person" if waiting.parked else ""
    if waiting.leased:
        return f"{waiting.leased} being worked on{parked}"
    if waiting.next_ready_at is not None:
        later = max(0, round((waiting.next_ready_at - datetime.now(UTC)).total_seconds()))
        return f"nothing ready; what waits for a limit or a record goes on at {waiting.next_ready_at:%H:%M:%S} UTC (in {later} s){parked}"
    return f"nothing waits{parked}"
