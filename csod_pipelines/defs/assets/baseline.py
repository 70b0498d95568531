"""The initial import: what Cornerstone holds already, brought into Administrate once, parents first.

Match, then create: what exists on both sides is linked and not created again, so a second import writes only what is
missing, and an import that was killed goes on where it stood. Nobody is messaged.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import dagster as dg

from csod_pipelines.defs.assets import JOB_TAG, OWNERS, sources
from csod_pipelines.defs.forms import ImportForm, RunMode
from csod_pipelines.defs.reporting import Paced, failing_in_words, report
from csod_pipelines.defs.resources import House, owner
from csod_pipelines.model.keys import Kind

if TYPE_CHECKING:
    from csod_pipelines.settings import Settings

_FAILS = """

**Runs** when an operator starts the job `initial_import` (`mode: plan` shows what would be done; `mode: apply` asks for the portal's name).

**When it fails**: the message says what to mend. Start it again; it goes on where it stood and creates nothing twice.
Records that cannot be imported are parked with their reason: see `parked_records`."""

#: In the order in which they are imported: what others refer to comes first.
KINDS = {
    "administrate_accounts": Kind.ORG_UNIT,
    "administrate_contacts": Kind.PERSON,
    "administrate_locations": Kind.LOCATION,
    "administrate_learning_categories": Kind.SUBJECT,
    "administrate_vendor_values": Kind.PROVIDER,
}


def _target(name: str, *, deps: list[dg.AssetSpec | str], description: str) -> dg.AssetSpec:
    return dg.AssetSpec(
        name,
        deps=deps,
        group_name="baseline_import",
        kinds={"administrate"},
        owners=OWNERS,
        tags={JOB_TAG: "initial_import"},
        skippable=True,
        description=description + _FAILS,
    )


@dg.multi_asset(
    name="import_baseline",
    can_subset=True,
    specs=[
        _target(
            "administrate_accounts",
            deps=[sources.CORNERSTONE_ORGANIZATIONAL_UNITS],
            description="An account for every organizational unit in scope, in the same hierarchy, with the OU's id stored on it.",
        ),
        _target(
            "administrate_contacts",
            deps=[sources.CORNERSTONE_USERS, "administrate_accounts"],
            description="A contact for every user in scope, in the account of the user's OU, with the user's id stored on it.",
        ),
        _target(
            "administrate_locations",
            deps=[sources.CORNERSTONE_LOCATIONS],
            description="A location for every location OU (type 32), with its time zone.",
        ),
        _target(
            "administrate_learning_categories",
            deps=[sources.CORNERSTONE_SUBJECTS],
            description="A learning category for every subject, in the same tree.",
        ),
        _target(
            "administrate_vendor_values",
            deps=[sources.CORNERSTONE_VENDORS],
            description="A value of the course templates' vendor field for every Cornerstone vendor.",
        ),
    ],
)
def initial_import(context: dg.AssetExecutionContext, config: ImportForm, house: dg.ResourceParam[House]) -> Iterator[dg.MaterializeResult]:
    if config.mode is RunMode.apply:
        confirm_portal(config.portal, settings=house.settings)
    for name, kind in KINDS.items():
        key = context.asset_key_for_output(name)
        if key not in context.selected_asset_keys:
            continue
        with failing_in_words(context, house) as progress:
            paced = Paced(context, house, kind=kind, key=key, also=progress)
            totals = house.engine.import_baseline(kind, mode=config.mode.value, owner=owner(context), progress=paced)
        yield from report(context, house, totals, mode=config.mode, key=key)


def confirm_portal(given: str, *, settings: "Settings") -> None:
    """Refuse to apply unless the operator named the portal, as it stands in external ids or by its host."""
    from csod_pipelines.portal import wrong_portal

    if (why := wrong_portal(given, settings=settings)) is not None:
        raise dg.Failure(description=why, allow_retries=False)
