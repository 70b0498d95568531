"""Enrollments of the past, month by month: read from Cornerstone's transcripts, written to Administrate.

An operator looks at a month with ``mode: plan`` and then applies it. Several months are launched as a backfill from the
asset's page, three months a run, at most one run at a time and after everything live. A backfill in plan mode ends as
"failed" in Dagster's list, which calls a month done only once it was applied: plan single months instead.
"""

from collections.abc import Iterator

import dagster as dg

from csod_pipelines.defs.assets import JOB_TAG, OWNERS, sources
from csod_pipelines.defs.forms import BackfillForm
from csod_pipelines.defs.partitions import MONTHS
from csod_pipelines.defs.reporting import failing_in_words, report_partition
from csod_pipelines.defs.resources import House, owner

OP = "backfill_enrollments"
MONTHS_A_RUN = 3

_SPEC = dg.AssetSpec(
    "historical_enrollments",
    deps=[sources.CORNERSTONE_TRANSCRIPTS],
    group_name="history",
    kinds={"administrate"},
    owners=OWNERS,
    tags={JOB_TAG: "historical_enrollments"},
    skippable=True,
    description="""Enrollments and results of one month as Cornerstone's transcripts hold them, on Administrate events of that time.
Sessions that Administrate does not hold are listed and left alone. Nobody is messaged; what a live flow wrote later is never overwritten.

**Runs** when an operator starts it for one month or many. `mode: plan` writes nothing; `mode: apply` marks the month as done.

**When it fails**: months that are finished stay finished. Start the others again; nothing is written twice.""",
)


@dg.multi_asset(name=OP, specs=[_SPEC], partitions_def=MONTHS, backfill_policy=dg.BackfillPolicy.multi_run(MONTHS_A_RUN))
def historical_enrollments(
    context: dg.AssetExecutionContext, config: BackfillForm, house: dg.ResourceParam[House]
) -> Iterator[dg.MaterializeResult]:
    key = context.asset_key_for_output("historical_enrollments")
    for month in context.partition_keys:
        with failing_in_words(context, house):
            totals = house.engine.backfill(month, mode=config.mode.value, owner=owner(context))
        report_partition(context, house, totals, mode=config.mode, key=key, partition=month)
    yield from ()
