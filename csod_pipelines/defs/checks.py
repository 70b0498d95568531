"""What is wrong now, as checks on the assets. A failed check says what to do about it in its ``recovery``.

They read our own database and look at the present, so a check that failed passes again by itself once the cause is gone.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import dagster as dg

from csod_pipelines.defs.reporting import MOST_PARKED, PARKED_COLUMNS, table
from csod_pipelines.defs.resources import House
from csod_pipelines.model.keys import Flow, Kind

WAIT_WARN_SECONDS = 600
WAIT_ERROR_SECONDS = 3_600
SAMPLE_ROWS = 20

FLOW_ASSETS = {
    "contacts_and_users": Flow.PEOPLE,
    "cornerstone_events_and_sessions": Flow.CATALOG,
    "learners_and_learning_assignments": Flow.ENROLLMENT,
    "learner_results_and_transcripts": Flow.RESULT,
}


#: Kinds that a comparison lists whole.
COMPARED_KINDS = {
    "daily_ou_reconciliation": (Kind.ORG_UNIT,),
    "daily_people_reconciliation": (Kind.PERSON,),
    "daily_catalog_reconciliation": (Kind.LOCATION, Kind.SUBJECT, Kind.PROVIDER, Kind.COURSE, Kind.OFFERING),
}


def _specs() -> Iterator[dg.AssetCheckSpec]:
    for asset in FLOW_ASSETS:
        yield dg.AssetCheckSpec(
            "changes_are_worked_on",
            asset=asset,
            description=f"No change that could be applied waits longer than {WAIT_WARN_SECONDS // 60} minutes.",
        )
        yield dg.AssetCheckSpec("nothing_is_parked", asset=asset, description="No record of this flow waits for a person.")
    for asset in COMPARED_KINDS:
        yield dg.AssetCheckSpec(
            "both_sides_hold_the_same",
            asset=asset,
            description="Every pair is shown by both systems, and every record in scope has its pair, as of the last comparison.",
        )
    yield dg.AssetCheckSpec(
        "deliveries_add_up",
        asset="recent_operations",
        description="Every webhook delivery of the last days ended in exactly one way, or has work that will end it: nothing was "
        "dropped silently.",
    )


@dg.multi_asset_check(name="check_house", specs=list(_specs()))
def house_checks(context: dg.AssetCheckExecutionContext, house: dg.ResourceParam[House]) -> Iterator[dg.AssetCheckResult]:
    for key in sorted(context.selected_asset_check_keys):
        flow = FLOW_ASSETS.get(key.asset_key.path[-1])
        if key.name == "both_sides_hold_the_same":
            yield both_sides_hold_the_same(house, key=key, kinds=COMPARED_KINDS[key.asset_key.path[-1]])
        elif flow is None:
            yield deliveries_add_up(house, key=key)
        elif key.name == "changes_are_worked_on":
            yield changes_are_worked_on(house, key=key, flow=flow, now=datetime.now(UTC))
        else:
            yield nothing_is_parked(house, key=key, flow=flow)


def changes_are_worked_on(house: House, *, key: dg.AssetCheckKey, flow: Flow, now: datetime) -> dg.AssetCheckResult:
    waiting = house.engine.waiting(flow)
    age = max(0.0, (now - waiting.oldest).total_seconds()) if waiting.ready and waiting.oldest else 0.0
    recovery = (
        f"Look at the sensor `{flow.value}_on_change`: its last tick says why no run was started. Then at the last "
        f"runs of `{flow.value}`. `csod-pipelines status` shows pauses, modes and limits that hold work back."
    )
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=age <= WAIT_WARN_SECONDS,
        severity=dg.AssetCheckSeverity.ERROR if age > WAIT_ERROR_SECONDS else dg.AssetCheckSeverity.WARN,
        metadata={
            "ready": waiting.ready,
            "oldest_seconds": round(age),
            **({"recovery": dg.MetadataValue.md(recovery)} if age > WAIT_WARN_SECONDS else {}),
        },
    )


def nothing_is_parked(house: House, *, key: dg.AssetCheckKey, flow: Flow) -> dg.AssetCheckResult:
    """Units of work, and places on rosters whose unit goes on without them."""
    rows = [row for row in house.engine.parked(limit=MOST_PARKED) if row["flow"] == flow.value]
    parked, shown = len(rows), {}
    if rows:
        recovery = (
            "Run `parked_records` for those of all flows. Each row says who can mend the record and how; once mended, "
            "`csod-pipelines replay` tries it again. A further change of the record alone does not."
        )
        shown = {
            "recovery": dg.MetadataValue.md(recovery),
            "sample_truncated": parked > SAMPLE_ROWS,
            "sample": table(rows, columns=PARKED_COLUMNS, most=SAMPLE_ROWS),
        }
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=not parked,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"parked": parked, **shown},
    )


def both_sides_hold_the_same(house: House, *, key: dg.AssetCheckKey, kinds: Sequence[Kind]) -> dg.AssetCheckResult:
    """By kind: what either system showed, how many pairs there are, and how many of them a system shows no more."""
    counts = {kind: house.engine.compared(kind) for kind in kinds}
    stale = sum(n for kind, found in counts.items() for name, n in found.items() if name.startswith(f"{kind}_pairs_not_shown_by_"))
    wanted = {kind: found.get(f"{kind}_pairs", 0) + found.get(f"{kind}_without_pair", 0) for kind, found in counts.items() if found}
    missing = sum(max(0, number - counts[kind]["pairs_now"]) for kind, number in wanted.items())
    recovery = (
        f"{stale} pairs name a record that its system shows no more, and {missing} records in scope have no pair. `csod-pipelines parked` "
        "says who waits for a person; for the rest check that the integration's user may see them, or end the pair with "
        "`csod-pipelines links unbind`."
    )
    shown = {name: number for found in counts.values() for name, number in found.items()}
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=not (stale or missing),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={**shown, **({"recovery": dg.MetadataValue.md(recovery)} if stale or missing else {})},
    )


def deliveries_add_up(house: House, *, key: dg.AssetCheckKey) -> dg.AssetCheckResult:
    """A delivery without an end must have work of its own record that will give it one."""
    status = house.engine.status()
    ends, forgotten = dict(status["deliveries"]), house.engine.forgotten_deliveries()
    recovery = (
        f"{forgotten} deliveries of the last {status['counted_days']} days wait for an end, and no work is left to give them one. "
        "Nothing is repaired here by itself: run the daily reconciliations (they bring both sides together whatever was lost), "
        "and report this number."
    )
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=not forgotten,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={"received": sum(ends.values()), **ends, **({"recovery": dg.MetadataValue.md(recovery)} if forgotten else {})},
    )
