"""Where the records come from: external assets, never run by us. They give the graph its beginning."""

import dagster as dg

from csod_pipelines.defs.assets import OWNERS


def _source(name: str, *, system: str, group: str, description: str) -> dg.AssetSpec:
    return dg.AssetSpec(name, group_name=group, kinds={system}, owners=OWNERS, description=description)


CORNERSTONE_ORGANIZATIONAL_UNITS = _source(
    "cornerstone_organizational_units",
    system="cornerstone",
    group="baseline_import",
    description="Organizational units (OUs) of the configured types, with their hierarchy. Cornerstone owns them: "
    "they become Administrate accounts.",
)
CORNERSTONE_USERS = _source(
    "cornerstone_users",
    system="cornerstone",
    group="baseline_import",
    description="Users of the portal. Cornerstone owns names, addresses, OU and whether somebody is active: they become "
    "Administrate contacts.",
)
CORNERSTONE_LOCATIONS = _source(
    "cornerstone_locations",
    system="cornerstone",
    group="baseline_import",
    description="Organizational units of type 32, which Cornerstone uses as training locations.",
)
CORNERSTONE_SUBJECTS = _source(
    "cornerstone_subjects",
    system="cornerstone",
    group="baseline_import",
    description="The subject tree of the learning catalogue. It becomes Administrate's learning categories.",
)
CORNERSTONE_VENDORS = _source(
    "cornerstone_vendors",
    system="cornerstone",
    group="baseline_import",
    description="Training vendors (providers). They become values of the vendor field of Administrate's course templates.",
)
CORNERSTONE_TRANSCRIPTS = _source(
    "cornerstone_transcripts",
    system="cornerstone",
    group="live_sync",
    description="Transcript rows: registrations, withdrawals, attendance and final status as Cornerstone keeps them.",
)
ADMINISTRATE_COURSE_TEMPLATES = _source(
    "administrate_course_templates",
    system="administrate",
    group="live_sync",
    description="Published course templates. Administrate owns them: each becomes a Cornerstone event learning object.",
)
ADMINISTRATE_EVENTS = _source(
    "administrate_events",
    system="administrate",
    group="live_sync",
    description="Events with their sessions, places and location. Administrate owns them: an event becomes a Cornerstone session, "
    "its sessions become the parts.",
)
ADMINISTRATE_LEARNERS = _source(
    "administrate_learners",
    system="administrate",
    group="live_sync",
    description="Learners (registrations) with attendance and results. Registrations travel both ways, attendance and results "
    "go to Cornerstone.",
)

SOURCES = [
    CORNERSTONE_ORGANIZATIONAL_UNITS,
    CORNERSTONE_USERS,
    CORNERSTONE_LOCATIONS,
    CORNERSTONE_SUBJECTS,
    CORNERSTONE_VENDORS,
    CORNERSTONE_TRANSCRIPTS,
    ADMINISTRATE_COURSE_TEMPLATES,
    ADMINISTRATE_EVENTS,
    ADMINISTRATE_LEARNERS,
]

#: What the change feeds tell of. Locations, subjects and vendors are compared once a day.
OBSERVED = [
    CORNERSTONE_ORGANIZATIONAL_UNITS,
    CORNERSTONE_USERS,
    CORNERSTONE_TRANSCRIPTS,
    ADMINISTRATE_COURSE_TEMPLATES,
    ADMINISTRATE_EVENTS,
    ADMINISTRATE_LEARNERS,
]
