"""Both sides compared as a whole once a day: the guarantee behind the live flows, which are only faster.

The partition key is the day of the comparison. Both systems only tell how things stand now, so a run for an older day
compares today's state and says so.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

import dagster as dg

from csod_pipelines.defs.assets import JOB_TAG, OWNERS, sources
from csod_pipelines.defs.forms import ReconcileForm
from csod_pipelines.defs.partitions import day_of, days
from csod_pipelines.defs.reporting import failing_in_words, report, together
from csod_pipelines.defs.resources import House, owner
from csod_pipelines.model.keys import Kind

#: Op of each daily job, for run config.
OPS = {
    "daily_ou_reconciliation": "reconcile_organizational_units",
    "daily_people_reconciliation": "reconcile_people",
    "daily_catalog_reconciliation": "reconcile_catalog",
    "daily_enrollment_reconciliation": "reconcile_enrollments",
    "daily_result_reconciliation": "reconcile_results",
}


def _daily_asset(name: str, *, kinds: Sequence[Kind], deps: list[dg.AssetSpec], zone: str, description: str) -> dg.AssetsDefinition:
    spec = dg.AssetSpec(
        name,
        deps=deps,
        group_name="daily_reconciliation",
        kinds={"administrate", "cornerstone"},
        owners=OWNERS,
        tags={JOB_TAG: name},
        skippable=True,
        description=f"""{description}

**Runs** once a day by its schedule ({zone}). Started by hand it only plans, unless `mode: apply` is set.

**When it fails**: a brake stops it before unusually many deactivations, withdrawals or moves; the message says how to look at the plan and
release it. After anything else, start it again: what was done is not done twice.""",
    )

    @dg.multi_asset(name=OPS[name], specs=[spec], partitions_def=days(zone), backfill_policy=dg.BackfillPolicy.single_run())
    def daily_asset(
        context: dg.AssetExecutionContext, config: ReconcileForm, house: dg.ResourceParam[House]
    ) -> Iterator[dg.MaterializeResult]:
        today = day_of(datetime.now(UTC), zone=zone)
        if any(day != today for day in context.partition_keys):
            context.log.warning("The day asked for is not today; compared is how both systems stand on %s.", today)
        with failing_in_words(context, house) as progress:
            totals = [
                house.engine.reconcile(kind, mode=config.mode.value, owner=owner(context), day=today, progress=progress) for kind in kinds
            ]
        yield from report(
            context, house, together(totals), mode=config.mode, key=context.asset_key_for_output(name), more={"compared_on": today}
        )

    return daily_asset


def daily_assets(*, zone: str) -> list[dg.AssetsDefinition]:
    return [
        _daily_asset(
            "daily_ou_reconciliation",
            kinds=[Kind.ORG_UNIT],
            deps=[sources.CORNERSTONE_ORGANIZATIONAL_UNITS],
            zone=zone,
            description="Administrate accounts brought to the state of Cornerstone's organizational units: created, renamed, moved with "
            "all that is below them, deactivated. Accounts that began in Administrate stay.",
        ),
        _daily_asset(
            "daily_people_reconciliation",
            kinds=[Kind.PERSON],
            deps=[sources.CORNERSTONE_USERS],
            zone=zone,
            description="Administrate contacts brought to the state of Cornerstone's users, as far as no change reached us at the time.",
        ),
        _daily_asset(
            "daily_catalog_reconciliation",
            kinds=[Kind.LOCATION, Kind.SUBJECT, Kind.PROVIDER, Kind.COURSE, Kind.OFFERING],
            deps=[
                sources.CORNERSTONE_LOCATIONS,
                sources.CORNERSTONE_SUBJECTS,
                sources.CORNERSTONE_VENDORS,
                sources.ADMINISTRATE_COURSE_TEMPLATES,
                sources.ADMINISTRATE_EVENTS,
            ],
            zone=zone,
            description="Locations, learning categories and vendor values follow Cornerstone; Cornerstone's events and sessions follow "
            "Administrate's course templates and events.",
        ),
        _daily_asset(
            "daily_enrollment_reconciliation",
            kinds=[Kind.ENROLLMENT],
            deps=[sources.ADMINISTRATE_LEARNERS, sources.CORNERSTONE_TRANSCRIPTS],
            zone=zone,
            description="Learners and learning assignments of every paired event compared, past ones too, event by event.",
        ),
        _daily_asset(
            "daily_result_reconciliation",
            kinds=[Kind.OUTCOME],
            deps=[sources.ADMINISTRATE_LEARNERS, sources.CORNERSTONE_TRANSCRIPTS],
            zone=zone,
            description="Attendance, results and transcript status of every paired event compared. Different recorded results are "
            "reported and never overwritten.",
        ),
    ]
