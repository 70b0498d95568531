"""LO API, reading: ``LO/GetDetails``, tested for availability to the actor. Times are local to each part."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from csod_pipelines.sandbox.cornerstone.availability import available_to
from csod_pipelines.sandbox.cornerstone.envelopes import Answer, Call, legacy
from csod_pipelines.sandbox.cornerstone.portal import Portal
from csod_pipelines.sandbox.cornerstone.registrations import learning_object, seats_taken
from csod_pipelines.sandbox.cornerstone.rows import LOCATION, Part, Session, Training
from csod_pipelines.sandbox.cornerstone.timezones import abbreviation, local

GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_NAMESPACE = "www.CornerStoneOnDemand.com/Services/LMS"


def get_details(portal: Portal, call: Call) -> Answer:
    object_id, actor_id = call.query.get("objectid", ""), call.query.get("actorid")
    if not GUID.fullmatch(object_id.strip()):
        return _failed(call, "Invalid object id Guid")
    actor = portal.actor(actor_id, client_id=call.client_id)
    if actor is None:
        return _failed(call, "Invalid ActorID")
    found = learning_object(portal, object_id)
    if found is None:
        return _failed(call, "Invalid object id Guid")
    if not available_to(portal, found, actor):
        return _failed(call, "LO is not available to the user")
    item = session_item(portal, call, found) if isinstance(found, Session) else training_item(portal, call, found)
    if isinstance(found, Training) and found.object_type == "Event":
        sessions = (portal.store.sessions[id] for id in portal.store.sessions_of[found.id])
        item["Sessions"] = [session_line(portal, s) for s in sessions if s.active and not s.cancelled and available_to(portal, s, actor)]
    return Answer(body=legacy(call, [{"Result": "Success", "Reason": None, "trainingItem": item}]), effects=call.effect())


def training_item(portal: Portal, call: Call, row: Training) -> dict[str, Any]:
    return {
        "__type": f"{row.object_type.replace(' ', '')}TrainingItem:{_NAMESPACE}",
        "ObjectId": row.id,
        "Type": row.object_type,
        "Title": row.title,
        "Provider": row.provider,
        "Descr": row.description,
        "Objectives": row.objectives,
        "DeepLinkURL": f"{call.base}/DeepLink/ProcessRedirect.aspx?module=lodetails&lo={row.id}",
        "Subjects": list(row.subjects),
        "AvailableLanguages": [name or id for name, id in row.languages],
        "Recommendations": [],
        "EventNumber": row.number,
        "Duration": f"{row.minutes}",
        "IsActive": row.active,
        "PriceCurrency": None,
        "PriceAmount": None,
        "Fields": [],
    }


def session_item(portal: Portal, call: Call, row: Session) -> dict[str, Any]:
    event = portal.store.trainings[row.event_id]
    item = training_item(portal, call, event) | {
        "__type": f"SessionTrainingItem:{_NAMESPACE}",
        "ObjectId": row.id,
        "Type": "Session",
        "DeepLinkURL": f"{call.base}/DeepLink/ProcessRedirect.aspx?module=lodetails&lo={row.id}",
        "EventObjectId": event.id,
        "SessionNumber": row.session_id,
        "Locator": row.locator,
        "IsActive": row.active and not row.cancelled,
        "Parts": [part_detail(part) for part in row.parts],
    }
    if portal.settings["session_detail_keys"]:
        item |= {
            "MinimumRegistration": row.minimum,
            "MaximumRegistration": row.maximum,
            "SessionSeats": free_seats(portal, row),
            "SessionWaitlist": waiting(portal, row),
            "MinimumParts": row.min_parts,
            "Location": row.parts[0].location_ref if row.parts else None,
        }
    return item


def session_line(portal: Portal, row: Session) -> dict[str, Any]:
    """A session as the details of its event list it (field list of a public client)."""
    first, last = row.parts[0], max(row.parts, key=lambda p: p.end)
    site = portal.store.ous.by_ref(first.location_ref, type_id=LOCATION) if first.location_ref else None
    return {
        "SessionLOID": row.id,
        "SessionLocatorNumber": row.locator,
        "SessionSeats": free_seats(portal, row),
        "SessionWaitlist": waiting(portal, row),
        "SessionDuration": str(int(sum((p.end - p.start).total_seconds() for p in row.parts) // 60)),
        "SessionLocation": site.name if site else None,
        "SessionStartDate": _date(first.start, first),
        "SessionStartTime": _time(first.start, first),
        "SessionEndDate": _date(last.end, last),
        "SessionEndTime": _time(last.end, last),
        "SessionTimeZone": abbreviation(first.start, label=first.time_zone),
        "TimezoneDescription": first.time_zone,
    }


def part_detail(part: Part) -> dict[str, Any]:
    pause = sum(b["Duration"] for b in part.breaks if isinstance(b.get("Duration"), int))
    return {
        "PartId": part.id,
        "PartName": part.name,
        "PartDescription": part.description,
        "PartLocation": part.location_ref,
        "PartStartDate": _date(part.start, part),
        "PartStartTime": _time(part.start, part),
        "PartEndDate": _date(part.end, part),
        "PartEndTime": _time(part.end, part),
        "PartTimeZone": abbreviation(part.start, label=part.time_zone),
        "TimezoneDescription": part.time_zone,
        "PartDuration": str(int((part.end - part.start).total_seconds() // 60)),
        "TotalPartBreak": str(pause),
        "Instructors": [{"UserId": ref} for ref in part.instructors],
    }


def free_seats(portal: Portal, row: Session) -> int | None:
    return None if row.maximum is None else max(0, row.maximum - seats_taken(portal, row))


def waiting(portal: Portal, row: Session) -> int:
    return sum(1 for entry in portal.store.transcripts.of_object(row.id) if entry.status == "Wait Listed" and not entry.removed)


def _date(instant: datetime, part: Part) -> str:
    return local(instant, label=part.time_zone).strftime("%Y-%m-%d")


def _time(instant: datetime, part: Part) -> str:
    return local(instant, label=part.time_zone).strftime("%I:%M:%S %p").lower()


def _failed(call: Call, reason: str) -> Answer:
    return Answer(body=legacy(call, [{"Result": "Failed", "Reason": reason, "trainingItem": None}]), effects=call.effect())
