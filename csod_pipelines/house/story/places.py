"""Where training takes place: what the import brought of Cornerstone's catalogue, and an event that moves across the world."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from csod_pipelines.house.story.catalogue import CODE
from csod_pipelines.house.story.stage import Row, Stage, expect, external_id
from csod_pipelines.model.keys import SystemName

A = SystemName.ADMINISTRATE
LOCATION = 32
VENDOR_FIELD = "training_provider"
#: The zones of the sandbox's cities, told apart from the code under test.
ZONES = {
    "Paris": "Europe/Paris",
    "London": "Europe/London",
    "New York": "America/New_York",
    "São Paulo": "America/Sao_Paulo",
    "Kolkata": "Asia/Kolkata",
    "Sydney": "Australia/Sydney",
    "東京": "Asia/Tokyo",
    "Auckland": "Pacific/Auckland",
}
CATEGORY, VENDOR = "Fire safety", "Red Cross"
MOVED_TO, SEATS = "New York", 8
STARTS, ENDS = time(10, 30), time(16, 0)


def catalogue_is_imported(stage: Stage) -> str:
    """Locations, learning categories and vendor values are there, with zones, tree and ids; a template uses them"""
    locations = _locations(stage)
    categories = _categories(stage)
    vendors = _vendors(stage)
    template = stage.administrate("course_templates", code=CODE)[0]
    stage.act(
        A, "edit_template", id=template["id"], learning_category_ids=[categories["Safety", CATEGORY]], custom_fields={VENDOR_FIELD: VENDOR}
    )
    return f"{len(locations)} locations, {len(categories)} learning categories, {len(vendors)} vendor values"


def _locations(stage: Stage) -> list[Row]:
    known = {int(id): row for row in stage.administrate("locations") if (id := external_id(row, "location_ou"))}
    sites = stage.cornerstone("ous", type_id=LOCATION, active=True)
    for site in sites:
        found = known.get(site["id"])
        expect(found is not None, f"location OU {site['id']} {site['name']} has no location", list(known))
        assert found is not None
        expect((found["name"], found["code"]) == (site["name"], site["external_id"]), "the location is another one", [site, found])
        zones = [ZoneInfo(found["time_zone_name"]), ZoneInfo(ZONES[site["name"]])]
        summer, winter = ([datetime(2026, month, 1, 12, tzinfo=zone).utcoffset() for zone in zones] for month in (7, 1))
        expect(summer[0] == summer[1] and winter[0] == winter[1], "the location lies in another time zone", [site, found])
    return sites


def _categories(stage: Stage) -> dict[tuple[str, ...], str]:
    """Id of each learning category by its path, which must be the paths of Cornerstone's subjects."""
    mine = _paths(stage.administrate("learning_categories"), name="name", parent="parent_category_id")
    theirs = _paths(stage.cornerstone("subjects"), name="title", parent="parent_id")
    missing = sorted(set(theirs) - set(mine))
    expect(not missing, "subjects without a learning category", missing)
    return mine


def _paths(rows: list[Row], *, name: str, parent: str) -> dict[tuple[str, ...], str]:
    by_id = {row["id"]: row for row in rows}

    def path(row: Row) -> tuple[str, ...]:
        above = by_id.get(row[parent])
        return (*(path(above) if above else ()), row[name])

    return {path(row): row["id"] for row in rows}


def _vendors(stage: Stage) -> list[str]:
    field = stage.administrate("custom_field_definitions", locator=VENDOR_FIELD)[0]
    wanted = {row["name"] for row in stage.cornerstone("providers", active=True)}
    expect(wanted == set(field["options"]), "the vendor field has other values", [sorted(wanted), field["options"]])
    return sorted(wanted)


def event_is_moved(stage: Stage) -> str:
    """The event moves to New York: the session and its parts show the right instants, seats and location"""
    event, session = stage.memory["event"], stage.memory["session"]
    place = next(row for row in stage.administrate("locations") if row["name"] == MOVED_TO)
    site = stage.cornerstone("ous", type_id=LOCATION, name=MOVED_TO)[0]
    planned = sorted(stage.administrate("sessions", event_id=event["id"]), key=lambda row: row["start"])
    zone = ZoneInfo(ZONES[MOVED_TO])
    days = [datetime.fromisoformat(row["start"]).date() + timedelta(days=2) for row in planned]
    stage.act(A, "edit_event", id=event["id"], time_zone_name=zone.key, location_id=place["id"], max_places=SEATS)
    for row, day in zip(planned, days, strict=True):
        walls = {name: datetime.combine(day, wall).isoformat() for name, wall in (("start", STARTS), ("end", ENDS))}
        stage.act(A, "move_session", id=row["id"], time_zone_name=zone.key, location_id=place["id"], **walls)
    wanted = [tuple(datetime.combine(day, wall, zone).astimezone(UTC) for wall in (STARTS, ENDS)) for day in days]

    def moved() -> list[Row]:
        return [
            row
            for row in stage.cornerstone("sessions", id=session["id"])
            if instants(row) == wanted and row["maximum_registration"] == SEATS and _places(row) == {site["external_id"]}
        ]

    found = stage.one(
        f"session {session['locator']} takes place in {MOVED_TO} with {SEATS} seats at {wanted[0][0]:%Y-%m-%d %H:%M} UTC",
        moved,
        seen=lambda: [wanted, stage.cornerstone("sessions", id=session["id"])],
    )
    expect(len(found["parts"]) == 2, "a part was lost or doubled on the way", found)
    stage.memory["session"] = found
    return f"Cornerstone session {found['locator']}: {SEATS} seats, {site['external_id']}, first part {wanted[0][0]:%Y-%m-%d %H:%M} UTC"


def instants(session: Row) -> list[tuple[datetime, ...]]:
    """Start and end of the parts, in their order."""
    return sorted(tuple(datetime.fromisoformat(part[name]) for name in ("start", "end")) for part in session["parts"])


def _places(session: Row) -> set[str]:
    return {part["location_ref"] for part in session["parts"]}
