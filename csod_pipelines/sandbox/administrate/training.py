"""Events and their sessions. An event is published apart from its sessions, and each session for itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from csod_pipelines.sandbox.administrate import fields, learners, people, times
from csod_pipelines.sandbox.administrate.call import Call, Refused
from csod_pipelines.sandbox.administrate.catalogue import checked_zone, found, nonempty, venue
from csod_pipelines.sandbox.administrate.records import CourseTemplate, Event, Location, Session, Staff


def event(call: Call, gid: Any, *, label: str = "eventId") -> Event:
    return found(call, Event, gid, label=label)


def session(call: Call, gid: Any, *, label: str = "sessionId") -> Session:
    return found(call, Session, gid, label=label)


# ---- events


def create_event(call: Call, given: Mapping[str, Any], *, mode: str) -> Event:
    """Starts as a draft, with one session if it is held in a classroom. `mode`: classroom, blended or lms."""
    zone = checked_zone(given["timeZoneName"]) or "UTC"
    template = None
    if given.get("courseTemplateId") is not None:
        template = found(call, CourseTemplate, given["courseTemplateId"], label="courseTemplateId")
    if template is None and not (given.get("title") or "").strip():
        raise Refused("title", "an event without a course template needs a title")
    location_id = call.world.table(Location).ordered[0].id
    if given.get("locationId") is not None:
        location_id = found(call, Location, given["locationId"], label="locationId").id
    places = _places(given.get("minPlaces"), given.get("maxPlaces"))
    custom = fields.checked_values(call, "Event", given.get("customFieldValues"), creating=True)
    start, end = _dates(given, "classroomStartDateTime", "classroomEndDateTime", "timeZonedClassroomStart", "timeZonedClassroomEnd", zone)
    lms_start, lms_end = _dates(given, "lmsStartDateTime", "lmsEndDateTime", "timeZonedLmsStart", "timeZonedLmsEnd", zone)
    id = call.world.next_id(Event)
    row = Event(
        id=id,
        code=given.get("code") or f"EV-{id}",
        title=given.get("title") or (template.title if template is not None else "") or "",
        type=given["eventType"],
        mode=mode,
        zone=zone,
        template_id=None if template is None else template.id,
        location_id=location_id,
        venue_id=venue(call, given.get("venueId")),
        min_places=places[0],
        max_places=places[1],
        lms_start=lms_start,
        lms_end=lms_end,
        deadline=given.get("registrationDeadline"),
        internal_notes=given.get("internalNotes"),
        external_notes=given.get("externalNotes"),
        custom=fields.merge(None, custom),
    )
    call.world.table(Event).add(row, stamp=call.stamp)
    if template is not None:
        call.world.events_of_template.setdefault(template.id, []).append(row.id)
    call.did("create", "events", call.gid(row))
    call.fire("event_created", call.gid(row))
    if mode != "lms":
        _add_session(call, row, title=row.title, start=start, end=end)
    if given.get("lifecycleState") not in {None, "draft"}:
        _turn(call, row, given["lifecycleState"])
    return row


def update_event(call: Call, gid: str, given: Mapping[str, Any]) -> Event:
    row = event(call, gid)
    zone = checked_zone(given.get("timeZoneName")) or row.zone
    template_id, location_id = row.template_id, row.location_id
    if given.get("courseTemplateId") is not None:
        template_id = found(call, CourseTemplate, given["courseTemplateId"], label="courseTemplateId").id
    if given.get("locationId") is not None:
        location_id = found(call, Location, given["locationId"], label="locationId").id
    places = _places(given.get("minPlaces", row.min_places), given.get("maxPlaces", row.max_places))
    title = row.title if given.get("title") is None else nonempty(given["title"], label="title")
    code = row.code if given.get("code") is None else nonempty(given["code"], label="code")
    custom = fields.checked_values(call, "Event", given.get("customFieldValues"), creating=False)
    if given.get("lifecycleState") is not None:
        _turn(call, row, given["lifecycleState"])
    if template_id != row.template_id:
        _rehang(call, row, template_id)
    row.zone, row.location_id, row.title, row.code = zone, location_id, title, code
    row.min_places, row.max_places = places
    row.sold_out = row.sold_out if given.get("isSoldOut") is None else given["isSoldOut"]
    row.deadline = given.get("registrationDeadline", row.deadline)
    row.internal_notes = given.get("internalNotes", row.internal_notes)
    row.external_notes = given.get("externalNotes", row.external_notes)
    row.meeting_url = given.get("remoteMeetingUrl", row.meeting_url)
    row.custom = fields.merge(row.custom, custom)
    event_changed(call, row)
    return row


def event_changed(call: Call, row: Event) -> None:
    call.touch(row)
    call.did("update", "events", call.gid(row))
    call.fire("event_updated", call.gid(row))


def delete_event(call: Call, gid: str) -> None:
    row = event(call, gid, label="eventIds")
    if any(learner.state in {"active", "reserved"} for learner in call.world.learners(row)):
        raise Refused("eventIds", "the event has learners; cancel it instead", gid)
    for learner in list(call.world.learners(row)):
        learners.remove(call, learner)
    for held in list(call.world.sessions(row)):
        _remove_session(call, held)
    if row.template_id is not None:
        call.world.events_of_template[row.template_id].remove(row.id)
    call.world.drop_external(row)
    call.world.table(Event).remove(row)
    call.did("cancel", "events", gid)
    call.fire("event_deleted", gid)


def _turn(call: Call, row: Event, state: str) -> None:
    if state == row.state:
        return
    if state == "draft" or (row.state == "cancelled" and not call.settings.on("event_uncancel")):
        raise Refused("lifecycleState", f"an event that is {row.state} cannot become {state}", state)
    row.state = state
    row.cancelled = call.stamp if state == "cancelled" else None
    gid = call.gid(row)
    if state == "published":
        call.fire("event_published", gid)
        return
    call.fire("event_cancelled", gid)
    active = [learner for learner in call.world.learners(row) if learner.state in {"active", "reserved"}]
    # One letter a learner, whether or not the cancellation of the event also changes the learner's own state.
    call.did("cancel", "events", gid, messages=len(active))
    if call.settings.on("event_cancel_cancels_learners"):
        for learner in active:
            learners.turn(call, learner, "cancelled", messages=0)


def _rehang(call: Call, row: Event, template_id: int | None) -> None:
    if row.template_id is not None:
        call.world.events_of_template[row.template_id].remove(row.id)
    if template_id is not None:
        call.world.events_of_template.setdefault(template_id, []).append(row.id)
    row.template_id = template_id


def _places(least: int | None, most: int | None) -> tuple[int | None, int | None]:
    if (least or 0) < 0:
        raise Refused("minPlaces", "must not be negative", least)
    if (most or 0) < 0:
        raise Refused("maxPlaces", "must not be negative", most)
    if least is not None and most is not None and least > most:
        raise Refused("minPlaces", "must not be above maxPlaces", least)
    return least, most


def _dates(
    given: Mapping[str, Any], start: str, end: str, zoned_start: str, zoned_end: str, zone: str
) -> tuple[datetime | None, datetime | None]:
    first, last = given.get(start), given.get(end)
    if given.get(zoned_start) is not None:
        first = times.wall_in(given[zoned_start], zone)
    if given.get(zoned_end) is not None:
        last = times.wall_in(given[zoned_end], zone)
    if first is not None and last is not None and first > last:
        raise Refused(start, "starts after it ends", first)
    return first, last


# ---- sessions


def create_session(call: Call, event_gid: str, given: Mapping[str, Any]) -> Session:
    parent = event(call, event_gid)
    if parent.mode == "lms":
        raise Refused("eventId", "an LMS event has no sessions", event_gid)
    _check_session(call, given, start=given.get("start"), end=given.get("end"))
    custom = fields.checked_values(call, "Session", given.get("customFieldValues"), creating=True)
    row = _add_session(call, parent, title=given.get("title") or parent.title, start=given.get("start"), end=given.get("end"))
    _fill(call, row, given, custom)
    return row


def update_session(call: Call, gid: str, given: Mapping[str, Any]) -> Session:
    row = session(call, gid)
    _check_session(call, given, start=given.get("start", row.start), end=given.get("end", row.end))
    custom = fields.checked_values(call, "Session", given.get("customFieldValues"), creating=False)
    if given.get("lifecycleState") is not None and given["lifecycleState"] != row.state and row.state == "cancelled":
        raise Refused("lifecycleState", "a cancelled session stays cancelled", given["lifecycleState"])
    row.title, row.start, row.end = given.get("title", row.title), given.get("start", row.start), given.get("end", row.end)
    _fill(call, row, given, custom)
    call.touch(row)
    call.did("update", "sessions", gid)
    call.fire("session_updated", gid)
    nested_change(call, call.world.table(Event)[row.event_id])
    return row


def delete_session(call: Call, gid: str) -> None:
    row = session(call, gid, label="sessionIds")
    parent = call.world.table(Event)[row.event_id]
    if len(call.world.sessions(parent)) == 1:
        raise Refused("sessionIds", "an event keeps at least one session", gid)
    _remove_session(call, row)
    call.did("cancel", "sessions", gid)
    nested_change(call, parent)


def nested_change(call: Call, parent: Event) -> None:
    """Whether a session's change shows on its event is not published; both ways can be played."""
    if call.settings.on("nested_change_moves_stamp"):
        call.touch(parent)
    if call.settings.on("session_change_fires_event_updated"):
        call.fire("event_updated", call.gid(parent))


def _add_session(call: Call, parent: Event, *, title: str | None, start: datetime | None, end: datetime | None) -> Session:
    row = Session(id=call.world.next_id(Session), event_id=parent.id, title=title, start=start, end=end, location_id=parent.location_id)
    call.world.table(Session).add(row, stamp=call.stamp)
    call.world.sessions_of_event.setdefault(parent.id, []).append(row.id)
    call.did("create", "sessions", call.gid(row))
    call.fire("session_created", call.gid(row))
    nested_change(call, parent)
    return row


def _check_session(call: Call, given: Mapping[str, Any], *, start: datetime | None, end: datetime | None) -> None:
    checked_zone(given.get("timeZoneName"))
    venue(call, given.get("venueId"))
    if given.get("locationId") is not None:
        found(call, Location, given["locationId"], label="locationId")
    if start is not None and end is not None and start > end:
        raise Refused("start", "starts after it ends", start)


def _fill(call: Call, row: Session, given: Mapping[str, Any], custom: Mapping[int, str | None]) -> None:
    row.code = given.get("code", row.code)
    row.zone = given.get("timeZoneName") or row.zone
    if given.get("locationId") is not None:
        row.location_id = found(call, Location, given["locationId"], label="locationId").id
    row.venue_id = venue(call, given.get("venueId")) or row.venue_id
    row.state = given.get("lifecycleState") or row.state
    row.custom = fields.merge(row.custom, custom)


def _remove_session(call: Call, row: Session) -> None:
    call.world.sessions_of_event[row.event_id].remove(row.id)
    for learner in call.world.learners(call.world.table(Event)[row.event_id]):
        (learner.marks or {}).pop(row.id, None)
    call.world.drop_external(row)
    call.world.table(Session).remove(row)
    call.fire("session_deleted", call.gid(row))


# ---- staff


def add_event_staff(call: Call, given: Mapping[str, Any]) -> Event:
    row = event(call, given["eventId"])
    _staff(call, row.staff, given["contactId"], given["staffType"])
    event_changed(call, row)
    return row


def add_session_staff(call: Call, given: Mapping[str, Any]) -> Session:
    row = session(call, given["sessionId"])
    for gid in given["contactIds"]:
        _staff(call, row.staff, gid, given["staffType"])
    call.touch(row)
    call.did("update", "sessions", call.gid(row))
    call.fire("session_updated", call.gid(row))
    return row


def _staff(call: Call, held: list[Staff], gid: str, staff_type: str) -> None:
    person = people.contact(call, gid)
    if staff_type == "instructor" and not person.is_instructor:
        raise Refused("contactId", "the contact is no instructor", gid)
    if any(staff.contact_id == person.id and staff.staff_type == staff_type for staff in held):
        raise Refused("contactId", "already on the staff", gid)
    held.append(Staff(id=call.world.next_id("Staff"), contact_id=person.id, staff_type=staff_type, is_primary=not held))
