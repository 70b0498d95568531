"""Locations, subjects and vendors: Cornerstone's tables, as Administrate must show them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from csod_pipelines.model.keys import SystemName
from csod_pipelines_tests.simulation.tables import A, C, Explains, Hold, Row, plain
from csod_pipelines_tests.simulation.vendors import Vendor

LOCATION = 32
LOCATION_OU, SUBJECT = "csod:sandbox:location_ou", "csod:sandbox:subject"


def catalogue(vendors: Mapping[SystemName, Vendor], explained: Explains, hold: Hold) -> None:
    _locations(vendors, explained, hold)
    _subjects(vendors, explained, hold)
    _providers(vendors, explained, hold)


def _paired(rows: list[Row], name: str) -> dict[str, list[Row]]:
    found: defaultdict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if name in row["external_ids"]:
            found[row["external_ids"][name]].append(row)
    return found


def _one(what: str, found: list[Row], ids: tuple[str, ...], explained: Explains, hold: Hold) -> Row | None:
    hold(len(found) <= 1, f"{what} has {len(found)} records in Administrate")
    hold(bool(found) or explained.of(*ids) is not None, f"{what} is not in Administrate, and nothing says why")
    return found[0] if found else None


def _locations(vendors: Mapping[SystemName, Vendor], explained: Explains, hold: Hold) -> None:
    places = _paired(vendors[A].rows("locations"), LOCATION_OU)
    for ou in vendors[C].rows("ous"):
        if ou["type_id"] != LOCATION or not ou["active"]:
            continue
        place = _one(f"location {ou['id']}", places.get(str(ou["id"]), []), (str(ou["id"]),), explained, hold)
        if place is not None and explained.of(str(ou["id"]), place["id"]) is None:
            names = plain(ou["name"]), plain(place["name"])
            hold(names[0] == names[1], f"location {ou['id']} has two names, and nothing says why: {names}")


def _subjects(vendors: Mapping[SystemName, Vendor], explained: Explains, hold: Hold) -> None:
    categories = _paired(vendors[A].rows("learning_categories"), SUBJECT)
    subject_of = {row["id"]: row["external_ids"].get(SUBJECT) for row in vendors[A].rows("learning_categories")}
    for subject in vendors[C].rows("subjects"):
        id = str(subject["id"])
        category = _one(f"subject {id}", categories.get(id, []), (id,), explained, hold)
        if category is None or explained.of(id, category["id"]) is not None:
            continue
        parent = str(subject["parent_id"]) if subject["parent_id"] is not None else None
        above = subject_of.get(category["parent_category_id"])
        said = {"title": (plain(subject["title"]), plain(category["name"])), "parent": (parent, above)}
        wrong = {name: pair for name, pair in said.items() if pair[0] != pair[1]}
        hold(not wrong, f"subject {id} differs from its learning category, and nothing says why: {wrong}")


def _providers(vendors: Mapping[SystemName, Vendor], explained: Explains, hold: Hold) -> None:
    fields = vendors[A].rows("custom_field_definitions")
    options = {plain(option) for field in fields if field["locator"] == "training_provider" for option in field["options"]}
    for provider in vendors[C].rows("providers"):
        known = not provider["active"] or plain(provider["name"]) in options or explained.of(str(provider["id"])) is not None
        hold(known, f"vendor {provider['name']!r} is no value of the vendor field, and nothing says why")
