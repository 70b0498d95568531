"""What was done lately, as a table people can read. The ledger in our database is the record of truth; this shows it."""

from collections.abc import Iterator

import dagster as dg

from csod_pipelines.defs.assets import JOB_TAG, OWNERS
from csod_pipelines.defs.forms import ReportForm
from csod_pipelines.defs.reporting import COLUMNS, table
from csod_pipelines.defs.resources import House

OP = "list_operations"


@dg.multi_asset(
    name=OP,
    specs=[
        dg.AssetSpec(
            "recent_operations",
            deps=[
                "administrate_accounts",
                "administrate_contacts",
                "contacts_and_users",
                "cornerstone_events_and_sessions",
                "learners_and_learning_assignments",
                "learner_results_and_transcripts",
            ],
            group_name="audit",
            kinds={"table"},
            owners=OWNERS,
            tags={JOB_TAG: "audit"},
            description="""The newest operations of the ledger: when, what, which Administrate record, which Cornerstone record, outcome and
reason. Works on our own database only: it also drops the months of raw deliveries and HTTP bodies whose time is over (`retention`).

**Runs** every hour together with the checks of all assets. To follow one record, run `trace_record`.

**When it fails**: our database did not answer; the message says why.""",
        )
    ],
)
def recent_operations(config: ReportForm, house: dg.ResourceParam[House]) -> Iterator[dg.MaterializeResult]:
    dropped = house.engine.expire()
    rows = house.engine.operations(limit=config.limit)
    shown = table(rows, columns=COLUMNS, most=config.limit) if rows else "no operation yet"
    yield dg.MaterializeResult(metadata={"rows": len(rows), "operations": shown, "expired": ", ".join(dropped) or "nothing"})
