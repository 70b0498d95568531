"""What is wrong now, as checks on the assets. A failed check says what to do about it in its ``recovery``.

They read our own database and look at the present, so a check that failed passes again by itself once the cause is gone.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

import dagster as dg

from csod_pipelines.defs.reporting import PARKED_COLUMNS, table
from csod_pipelines.defs.resources import House
from csod_pipelines.model.keys import Flow

WAIT_WARN_SECONDS = 600
WAIT_ERROR_SECONDS = 3_600
SAMPLE_ROWS = 20

FLOW_ASSETS = {
    "contacts_and_users": Flow.PEOPLE,
    "cornerstone_events_and_sessions": Flow.CATALOG,
    "learners_and_learning_assignments": Flow.ENROLLMENT,
    "learner_results_and_transcripts": Flow.RESULT,
}


def _specs() -> Iterator[dg.AssetCheckSpec]:
    for asset in FLOW_ASSETS:
        yield dg.AssetCheckSpec(
            "changes_are_worked_on",
            asset=asset,
            description=f"No change that could be applied waits longer than {WAIT_WARN_SECONDS // 60} minutes.",
        )
        yield dg.AssetCheckSpec("nothing_is_parked", asset=asset, description="No record of this flow waits for a person.")
    yield dg.AssetCheckSpec(
        "deliveries_add_up",
        asset="recent_operations",
        description="Every webhook delivery ended in exactly one way, or has work that will end it: nothing was dropped silently.",
    )


@dg.multi_asset_check(name="check_house", specs=list(_specs()))
def house_checks(context: dg.AssetCheckExecutionContext, house: dg.ResourceParam[House]) -> Iterator[dg.AssetCheckResult]:
    for key in sorted(context.selected_asset_check_keys):
        flow = FLOW_ASSETS.get(key.asset_key.path[-1])
        if flow is None:
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
    parked = house.engine.waiting(flow).parked
    shown = {}
    if parked:
        rows = [row for row in house.engine.status()["parked"] if row["flow"] == flow.value]
        recovery = (
            "Run `parked_records` for the whole list. Each row says who can mend the record and how; once mended, "
            "`csod-pipelines replay` tries it again, and so does the next change of the record."
        )
        shown = {"recovery": dg.MetadataValue.md(recovery), "sample_truncated": parked > SAMPLE_ROWS}
        shown |= {"sample": table(rows, columns=PARKED_COLUMNS, most=SAMPLE_ROWS)} if rows else {}
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=not parked,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"parked": parked, **shown},
    )


def deliveries_add_up(house: House, *, key: dg.AssetCheckKey) -> dg.AssetCheckResult:
    """A delivery without an end must have work that will give it one. Looked at twice, since deliveries keep arriving."""
    ends, work = _ends_and_work(house)
    if _forgotten(ends, work):
        ends, work = _ends_and_work(house)
    forgotten = _forgotten(ends, work)
    recovery = (
        f"{forgotten} deliveries wait for an end, and no work is left that could give them one. Nothing is repaired here by itself: run "
        "the daily reconciliations (they bring both sides together whatever was lost), and report this number."
    )
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=not forgotten,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata={"received": sum(ends.values()), **ends, **({"recovery": dg.MetadataValue.md(recovery)} if forgotten else {})},
    )


def _ends_and_work(house: House) -> tuple[dict[str, int], int]:
    status = house.engine.status()
    work = sum(flow["ready"] + flow["in_work"] + flow["parked"] + (flow["next_at"] is not None) for flow in status["flows"].values())
    return dict(status["deliveries"]), work


def _forgotten(ends: Mapping[str, int], work: int) -> int:
    return 0 if work else ends.get("waiting", 0)
