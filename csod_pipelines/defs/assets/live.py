"""Changes applied within seconds: one asset a flow, each drained by lingering runs of the flow's own job.

A sensor starts a run when changes wait and nobody works on them. The run applies them, stays a while for the next, and
ends when nothing comes, when its time is up, when the flow is paused, or when another run needs its place. Only one run
works on a flow at a time: it holds a lease in our database, and a second one that is started anyway ends at once.
"""

from collections.abc import Iterator

import dagster as dg

from csod_pipelines.defs.assets import JOB_TAG, OWNERS, sources
from csod_pipelines.defs.forms import DrainForm, ObserveForm, RunMode
from csod_pipelines.defs.linger import Watch
from csod_pipelines.defs.reporting import failing_in_words, report
from csod_pipelines.defs.resources import House, owner
from csod_pipelines.engine.totals import Totals
from csod_pipelines.model.keys import Flow

#: Op of each flow, for run config.
OPS = {
    Flow.PEOPLE: "sync_people",
    Flow.CATALOG: "publish_catalog",
    Flow.ENROLLMENT: "sync_enrollments",
    Flow.RESULT: "sync_results",
}
OBSERVE_OP = "observe_feeds"

_SEEN = "observed_changes"


@dg.multi_asset(
    name=OBSERVE_OP,
    specs=[
        dg.AssetSpec(
            _SEEN,
            deps=sources.OBSERVED,
            group_name="live_sync",
            kinds={"administrate", "cornerstone"},
            owners=OWNERS,
            tags={JOB_TAG: "observe_changes"},
            description="""What both systems report as changed since the last look, noted as work for the flows. Webhooks note the same
work sooner; the feeds find what no webhook told. Reads only, writes to neither system.

**Runs** when a feed is due (sensor `change_feeds`; every five minutes by default).

**When it fails**: the message names the system and what it answered. Nothing is lost: the next look begins where the last
good one ended.""",
        )
    ],
)
def observed_changes(
    context: dg.AssetExecutionContext, config: ObserveForm, house: dg.ResourceParam[House]
) -> Iterator[dg.MaterializeResult]:
    with failing_in_words(context, house):
        totals = house.engine.observe(force=config.force)
    yield from report(context, house, totals, mode=RunMode.apply, key=context.asset_key_for_output(_SEEN))


def _drain(context: dg.AssetExecutionContext, house: House, config: DrainForm, *, flow: Flow) -> Totals:
    """Work until nothing is left and nothing comes."""
    limits = house.settings.config.flow
    linger = limits.linger_seconds if config.linger_seconds is None else config.linger_seconds
    most = min(config.max_runtime_seconds or limits.max_runtime_seconds, limits.max_runtime_seconds)
    with failing_in_words(context, house) as progress:
        return house.engine.drain(
            flow,
            owner=owner(context),
            mode=config.mode.value,
            stop=Watch(context.instance, paused=lambda: house.engine.paused(flow)),
            linger_seconds=linger if config.mode is RunMode.apply else 0.0,
            max_seconds=most,
            progress=progress,
        )


def _live_asset(flow: Flow, *, name: str, deps: list[dg.AssetSpec], kinds: set[str], description: str) -> dg.AssetsDefinition:
    spec = dg.AssetSpec(
        name,
        deps=[*deps, _SEEN],
        group_name="live_sync",
        kinds=kinds,
        owners=OWNERS,
        tags={JOB_TAG: flow.value},
        skippable=True,
        description=f"""{description}

**Runs** by itself when changes wait (sensor `{flow.value}_on_change`). Started by hand it only plans, unless `mode: apply` is set.

**When it fails**: the message says what to mend, such as a secret that is refused. Nothing is lost; the sensor tries again,
with growing pauses. Single records never fail a run: they are parked, see `parked_records`. `csod-pipelines pause {flow.value}`
stops it within seconds.""",
    )

    @dg.multi_asset(name=OPS[flow], specs=[spec])
    def live_asset(context: dg.AssetExecutionContext, config: DrainForm, house: dg.ResourceParam[House]) -> Iterator[dg.MaterializeResult]:
        totals = _drain(context, house, config, flow=flow)
        yield from report(context, house, totals, mode=config.mode, key=context.asset_key_for_output(name))

    return live_asset


LIVE = [
    _live_asset(
        Flow.PEOPLE,
        name="contacts_and_users",
        deps=[sources.CORNERSTONE_USERS, sources.CORNERSTONE_ORGANIZATIONAL_UNITS],
        kinds={"administrate", "cornerstone"},
        description="Cornerstone users hired, changed or deactivated are brought to their Administrate contacts; contacts and accounts "
        "created in Administrate become users and organizational units.",
    ),
    _live_asset(
        Flow.CATALOG,
        name="cornerstone_events_and_sessions",
        deps=[sources.ADMINISTRATE_COURSE_TEMPLATES, sources.ADMINISTRATE_EVENTS],
        kinds={"cornerstone"},
        description="A published Administrate course template becomes a Cornerstone event; an Administrate event becomes a Cornerstone "
        "session, its sessions the parts. Moves, edits and cancellations follow.",
    ),
    _live_asset(
        Flow.ENROLLMENT,
        name="learners_and_learning_assignments",
        deps=[sources.ADMINISTRATE_LEARNERS, sources.CORNERSTONE_TRANSCRIPTS],
        kinds={"administrate", "cornerstone"},
        description="A learner registered in Administrate gets a learning assignment in Cornerstone, a cancelled one is withdrawn; whoever "
        "registers or withdraws in Cornerstone appears or is cancelled in Administrate.",
    ),
    _live_asset(
        Flow.RESULT,
        name="learner_results_and_transcripts",
        deps=[sources.ADMINISTRATE_LEARNERS, sources.CORNERSTONE_TRANSCRIPTS],
        kinds={"administrate", "cornerstone"},
        description="Attendance and pass or fail recorded in Administrate are entered on Cornerstone's roster after the session's end; a "
        "completion in Cornerstone fills what is still empty in Administrate. What Cornerstone made of it is read back.",
    ),
]
