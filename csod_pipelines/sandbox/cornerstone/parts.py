"""Parts of a session as they are written: bare wall times, location references, replacement of the whole list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from csod_pipelines.sandbox.cornerstone import fields
from csod_pipelines.sandbox.cornerstone.fields import Invalid
from csod_pipelines.sandbox.cornerstone.portal import Portal
from csod_pipelines.sandbox.cornerstone.rows import LOCATION, Part, Session
from csod_pipelines.sandbox.cornerstone.timezones import UTC_LABEL, to_utc

MOST_PARTS = 100


def read_parts(portal: Portal, item: Mapping[str, Any]) -> list[Part]:
    rows = _rows(item)
    read = [_read(portal, row, old=None) for row in rows]  # all are read before a number is used up
    for part in read:
        part.id = portal.store.number("part")
    return read


def replace_parts(portal: Portal, item: Mapping[str, Any], session: Session) -> list[Part]:
    """Matched by PartId, else by PartName; what is not listed goes, unless the switch says merge."""
    by_id = {part.id: part for part in session.parts}
    taken: set[int] = set()
    result = []
    for row in _rows(item):
        id = fields.whole(row, "PartId")
        if id is not None and id not in by_id:
            raise Invalid(f"Part Name or Part Id does not exist: {id}")
        name = (fields.text(row, "PartName") or "").strip().casefold()
        old = by_id[id] if id is not None else next((p for p in session.parts if p.name.casefold() == name and p.id not in taken), None)
        if old is not None and old.id in taken:
            raise Invalid(f"Duplicate Part Name or Part Id: {old.id}")
        part = _read(portal, row, old=old)
        part.id = old.id if old is not None else 0
        taken.add(part.id)
        result.append(part)
    if portal.settings["lo_update_parts"] == "merge":
        result = [part for part in session.parts if part.id not in taken] + result
    for part in result:
        part.id = part.id or portal.store.number("part")
    return result


def _rows(item: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = fields.rows_of(item, "Parts")
    if len(rows) > MOST_PARTS:
        raise Invalid(f"A session cannot have more than {MOST_PARTS} parts")
    return rows


def _read(portal: Portal, row: Mapping[str, Any], *, old: Part | None) -> Part:
    name = fields.text(row, "PartName", required=old is None, most=50) or (old.name if old else "")
    location_ref, label = _location(portal, row, old)
    start = end = None
    if old is None or row.get("PartStartDateTime") is not None:
        start = to_utc(fields.wall_time(row.get("PartStartDateTime"), "PartStartDateTime"), label=label)
    if old is None or row.get("PartEndDateTime") is not None:
        end = to_utc(fields.wall_time(row.get("PartEndDateTime"), "PartEndDateTime"), label=label)
    start, end = start or (old.start if old else None), end or (old.end if old else None)
    assert start is not None and end is not None
    if end <= start:
        raise Invalid(f"PartEndDateTime must be after PartStartDateTime in part {name}")
    instructors = [] if old is None else old.instructors
    if row.get("PartInstructors") is not None:
        instructors = [fields.text(each, "UserId", required=True) or "" for each in fields.rows_of(row, "PartInstructors")]
        for ref in instructors:
            if portal.store.users.by_ref(ref) is None:
                raise Invalid(f"Invalid PartInstructors UserId {ref}")
    description = fields.text(row, "PartDescription", most=4000)
    breaks = fields.rows_of(row, "PartBreaks") if row.get("PartBreaks") is not None else (old.breaks if old else [])
    return Part(
        id=0,
        name=name,
        start=start,
        end=end,
        location_ref=location_ref,
        time_zone=label,
        description=description if description is not None else (old.description if old else ""),
        instructors=instructors,
        breaks=breaks,
    )


def _location(portal: Portal, row: Mapping[str, Any], old: Part | None) -> tuple[str | None, str]:
    """Reference of the location and the zone in which bare times are read."""
    ref = fields.text(row, "PartLocation")
    if not ref or not ref.strip():
        if old is not None and "PartLocation" not in row:
            return old.location_ref, old.time_zone
        found = None
    else:
        found = portal.store.ous.by_ref(ref, type_id=LOCATION)
        if found is None or not found.active:
            raise Invalid(f"Invalid PartLocation {ref}")
    rule = portal.settings["part_time_zone_rule"]
    account = portal.settings["account_time_zone"]
    if rule == "utc":
        label = UTC_LABEL
    elif rule == "account":
        label = account
    else:
        label = (found.time_zone if found else None) or account
    return (found.external_id if found else None), label
