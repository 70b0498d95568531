"""Locations, learning categories and course templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from csod_pipelines.sandbox.administrate import fields, people, times
from csod_pipelines.sandbox.administrate.call import Call, Refused
from csod_pipelines.sandbox.administrate.records import CourseTemplate, LearningCategory, Location, Region, Row, Venue

R = TypeVar("R", bound=Row)


def found(call: Call, kind: type[R], gid: Any, *, label: str) -> R:
    row = call.world.find(kind, gid)
    if row is None:
        raise Refused(label, "no such record", gid)
    return row


def checked_zone(name: str | None, *, label: str = "timeZoneName") -> str | None:
    if name is not None and name not in times.zone_names():
        raise Refused(label, "unknown time zone", name)
    return name


def nonempty(text: str | None, *, label: str) -> str:
    if text is None or not text.strip():
        raise Refused(label, "must not be empty", text)
    return text


# ---- locations


def create_location(call: Call, given: Mapping[str, Any]) -> Location:
    region = _region(call, given.get("regionCode")) or call.world.table(Region).ordered[0]
    row = Location(
        id=call.world.next_id(Location),
        name=nonempty(given["name"], label="name"),
        code=given.get("code"),
        region_id=region.id,
        zone=checked_zone(given.get("timeZoneName")),
    )
    call.world.table(Location).add(row, stamp=call.stamp)
    call.did("create", "locations", call.gid(row))
    return row


def update_location(call: Call, gid: str, given: Mapping[str, Any]) -> Location:
    row = found(call, Location, gid, label="locationId")
    region = _region(call, given.get("regionCode"))
    zone = checked_zone(given.get("timeZoneName"))
    if given.get("name") is not None:
        row.name = nonempty(given["name"], label="name")
    if "code" in given:
        row.code = given["code"]
    row.region_id = row.region_id if region is None else region.id
    row.zone = zone or row.zone
    call.touch(row)
    call.did("update", "locations", gid)
    return row


def _region(call: Call, code: str | None) -> Region | None:
    if code is None:
        return None
    row = call.world.first(Region, lambda region: region.code == code)
    if row is None:
        raise Refused("regionCode", "no such region", code)
    return row


def venue(call: Call, gid: str | None) -> int | None:
    return None if gid is None else found(call, Venue, gid, label="venueId").id


# ---- learning categories


def create_category(call: Call, given: Mapping[str, Any]) -> LearningCategory:
    parent = given.get("parentCategoryId")
    row = LearningCategory(
        id=call.world.next_id(LearningCategory),
        name=nonempty(given.get("name"), label="name"),
        description=given.get("description"),
        parent_id=None if parent is None else found(call, LearningCategory, parent, label="parentCategoryId").id,
    )
    call.world.table(LearningCategory).add(row, stamp=call.stamp)
    call.did("create", "learning_categories", call.gid(row))
    return row


def update_category(call: Call, gid: str, given: Mapping[str, Any]) -> LearningCategory:
    row = found(call, LearningCategory, gid, label="learningCategoryId")
    name = row.name if given.get("name") is None else nonempty(given["name"], label="name")
    parent_id = row.parent_id
    if "parentCategoryId" in given:
        parent_id = None
        if given["parentCategoryId"] is not None:
            parent_id = found(call, LearningCategory, given["parentCategoryId"], label="parentCategoryId").id
            _refuse_loop(call, row, parent_id)
    row.name, row.parent_id = name, parent_id
    row.description = given.get("description", row.description)
    call.touch(row)
    call.did("update", "learning_categories", gid)
    return row


def _refuse_loop(call: Call, row: LearningCategory, parent_id: int | None) -> None:
    while parent_id is not None:
        if parent_id == row.id:
            raise Refused("parentCategoryId", "a category cannot stand below itself", call.gid(row))
        parent_id = call.world.table(LearningCategory)[parent_id].parent_id


# ---- course templates


def create_template(call: Call, given: Mapping[str, Any]) -> CourseTemplate:
    """The code need not be unique: no source says it must."""
    custom = fields.checked_values(call, "CourseTemplate", given.get("customFieldValues"), creating=True)
    row = CourseTemplate(
        id=call.world.next_id(CourseTemplate),
        code=nonempty(given.get("code"), label="code"),
        title=nonempty(given.get("title"), label="title"),
        introduction=given.get("introduction"),
        category_ids=_categories(call, given.get("learningCategoryIds")),
        instructor_ids=_instructors(call, given.get("approvedInstructors")),
        custom=fields.merge(None, custom),
    )
    call.world.table(CourseTemplate).add(row, stamp=call.stamp)
    call.did("create", "course_templates", call.gid(row))
    if given.get("lifecycleState") not in {None, "draft"}:
        _turn(call, row, given["lifecycleState"])
    return row


def update_template(call: Call, gid: str, given: Mapping[str, Any]) -> CourseTemplate:
    row = found(call, CourseTemplate, gid, label="courseTemplateId")
    custom = fields.checked_values(call, "CourseTemplate", given.get("customFieldValues"), creating=False)
    code = row.code if given.get("code") is None else nonempty(given["code"], label="code")
    title = row.title if given.get("title") is None else nonempty(given["title"], label="title")
    categories = row.category_ids if given.get("learningCategoryIds") is None else _categories(call, given["learningCategoryIds"])
    instructors = row.instructor_ids if given.get("approvedInstructors") is None else _instructors(call, given["approvedInstructors"])
    if given.get("lifecycleState") is not None:
        _turn(call, row, given["lifecycleState"])
    row.code, row.title, row.category_ids, row.instructor_ids = code, title, categories, instructors
    row.introduction = given.get("introduction", row.introduction)
    row.custom = fields.merge(row.custom, custom)
    call.touch(row)
    call.did("update", "course_templates", gid)
    call.fire("course_template_updated", gid)
    return row


def _turn(call: Call, row: CourseTemplate, state: str) -> None:
    """Draft, published, archived; what was published never is a draft again (help centre)."""
    if state == row.state:
        return
    if state == "draft":
        raise Refused("lifecycleState", f"a template that is {row.state} cannot become a draft again", state)
    row.state = state
    if state == "published":
        call.fire("course_template_published", call.gid(row))


def _categories(call: Call, gids: Sequence[str] | None) -> tuple[int, ...]:
    return tuple(dict.fromkeys(found(call, LearningCategory, gid, label="learningCategoryIds").id for gid in gids or ()))


def _instructors(call: Call, gids: Sequence[str] | None) -> tuple[int, ...]:
    return tuple(people.contact(call, gid, label="approvedInstructors").id for gid in gids or ())
