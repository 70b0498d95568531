"""Questions an operator asks from the browser. They read our own database and write nothing anywhere."""

from collections.abc import Iterator

import dagster as dg

from csod_pipelines.defs.assets import JOB_TAG, OWNERS
from csod_pipelines.defs.forms import TraceForm
from csod_pipelines.defs.reporting import COLUMNS, MOST_PARKED, PARKED_COLUMNS, markdown, one_line, table
from csod_pipelines.defs.resources import House

TRACE_OP = "tell_story"
PARKED_OP = "list_parked"
SHOWN_ROWS = 500


def _tool(name: str, description: str) -> dg.AssetSpec:
    return dg.AssetSpec(name, group_name="operator_tools", kinds={"table"}, owners=OWNERS, tags={JOB_TAG: name}, description=description)


@dg.multi_asset(
    name=TRACE_OP,
    specs=[
        _tool(
            "trace_record",
            """Everything that happened to one record, in plain sentences and as a table: which change arrived, what was done
on which side, with which outcome.

**Runs** when an operator starts it with `kind` and `id`. The same as `csod-pipelines trace KIND ID`.

**When it fails**: the kind is not known or nothing is known of that id; the message says which words there are.""",
        )
    ],
)
def trace_record(context: dg.AssetExecutionContext, config: TraceForm, house: dg.ResourceParam[House]) -> Iterator[dg.MaterializeResult]:
    story = house.engine.trace(config.kind, config.id)
    for line in story.lines:
        context.log.info("%s", one_line(line))
    shown = {"operations": table(story.rows, columns=COLUMNS)} if story.rows else {}
    yield dg.MaterializeResult(metadata={"record": f"{config.kind} {config.id}", "story": markdown(story.lines), **shown})


@dg.multi_asset(
    name=PARKED_OP,
    specs=[
        _tool(
            "parked_records",
            f"""Records that wait for a person: since when, why, and what to do. Each is set aside alone, all others go on.
The oldest come first, at most {SHOWN_ROWS} of them; `csod-pipelines parked --limit` lists more.

**Runs** when an operator starts it. The same as `csod-pipelines parked`; `csod-pipelines replay` tries a record
again once its cause is mended.

**When it fails**: our database did not answer; the message says why.""",
        )
    ],
)
def parked_records(house: dg.ResourceParam[House]) -> Iterator[dg.MaterializeResult]:
    rows = house.engine.parked(limit=MOST_PARKED)
    shown = table(rows, columns=PARKED_COLUMNS, most=SHOWN_ROWS) if rows else "nothing is parked"
    yield dg.MaterializeResult(metadata={"parked": len(rows), "records": shown, "not_shown": max(0, len(rows) - SHOWN_ROWS)})
