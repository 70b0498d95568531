"""What ``/_sandbox/state`` shows: the portal's rows in snake case, with nothing left out and nothing translated."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import islice
from typing import Any

from csod_pipelines.sandbox.cornerstone.people import FIRST_ID
from csod_pipelines.sandbox.cornerstone.portal import Portal
from csod_pipelines.sandbox.cornerstone.rows import Assignment, Ou, Provider, Session, Subject, Training, TranscriptRow, User

Row = dict[str, Any]
Show = Callable[[Portal, Any], Row]
Every = Callable[[Portal, int], tuple[Iterable[Any], Show]]  # the table from a place on, and how a row of it is shown
One = Callable[[Portal, str], Row | None]


def kinds() -> list[str]:
    return list(_KINDS)


def rows(portal: Portal, kind: str, *, id: str | None, first: int = 0, most: int | None = None) -> list[Row]:
    """The rows of a kind, or so many of them from one on, without composing those before and behind."""
    every, one = _KINDS[kind]
    if id is None:
        table, show = every(portal, min(first, sys.maxsize))
        return [show(portal, row) for row in islice(table, most if most is None else min(most, sys.maxsize))]
    found = one(portal, id.strip())
    return [] if found is None else [found]


def _when(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat().replace("+00:00", "Z")


def user(portal: Portal, row: User) -> Row:
    return {
        "id": row.id,
        "external_id": row.external_id,
        "user_name": row.user_name,
        "guid": row.guid,
        "first_name": row.first_name,
        "last_name": row.last_name,
        "primary_email": row.primary_email,
        "mobile_phone": row.mobile_phone,
        "active": row.active,
        "ous": [{"id": id, "type_id": type_id} for type_id, id in sorted(row.ous.items())],
        "manager_id": row.manager_id,
        "approver_id": row.approver_id,
        "language": row.language,
        "time_zone": row.time_zone,
        "external_ids": {"externalId": row.external_id, "userName": row.user_name},
        "created_at": _when(row.created),
        "updated_at": _when(row.modified),
    }


def ou(portal: Portal, row: Ou) -> Row:
    return {
        "id": row.id,
        "type_id": row.type_id,
        "name": row.name,
        "external_id": row.external_id,
        "parent_id": row.parent_id,
        "active": row.active,
        "owner_id": row.owner_id,
        "description": row.description,
        "facility_type": row.facility_type,
        "time_zone": row.time_zone,
        "address": row.address,
        "external_ids": {} if row.external_id is None else {"externalId": row.external_id},
        "created_at": _when(row.created),
        "updated_at": _when(row.modified),
    }


def subject(portal: Portal, row: Subject) -> Row:
    return {"id": row.id, "title": row.title, "parent_id": row.parent_id, "external_ids": {}, "updated_at": _when(row.modified)}


def provider(portal: Portal, row: Provider) -> Row:
    return {"id": row.id, "name": row.name, "active": row.active, "external_ids": {}, "updated_at": _when(row.modified)}


def event(portal: Portal, row: Training) -> Row:
    return {
        "id": row.id,
        "object_type": row.object_type,
        "event_number": row.number,
        "title": row.title,
        "description": row.description,
        "objectives": row.objectives,
        "provider": row.provider,
        "subjects": list(row.subjects),
        "languages": [id for _, id in row.languages],
        "active": row.active,
        "minimum_registration": row.minimum,
        "maximum_registration": row.maximum,
        "availabilities": row.availabilities,
        "external_ids": {} if row.number is None else {"EventNumber": row.number},
        "created_at": _when(row.created),
        "updated_at": _when(row.modified),
    }


def session(portal: Portal, row: Session) -> Row:
    parts = [
        {
            "id": part.id,
            "name": part.name,
            "start": _when(part.start),
            "end": _when(part.end),
            "location_ref": part.location_ref,
            "time_zone": part.time_zone,
            "instructors": list(part.instructors),
        }
        for part in row.parts
    ]
    return {
        "id": row.id,
        "event_id": row.event_id,
        "session_id": row.session_id,
        "locator": row.locator,
        "title": portal.store.trainings[row.event_id].title,
        "minimum_registration": row.minimum,
        "maximum_registration": row.maximum,
        "min_parts": row.min_parts,
        "parts": parts,
        "starts_at": _when(row.starts_at),
        "ends_at": _when(row.ends_at),
        "active": row.active,
        "cancelled": row.cancelled,
        "submitted": row.submitted,
        "availabilities": row.availabilities,
        "external_ids": {} if row.session_id is None else {"SessionID": row.session_id},
        "created_at": _when(row.created),
        "updated_at": _when(row.modified),
    }


def transcript(portal: Portal, row: TranscriptRow) -> Row:
    user = portal.store.users.get(row.user_id)
    return {
        "id": f"{row.user_id}/{row.object_id}/{row.reg_num}",
        "user_id": row.user_id,
        "user_external_id": user.external_id if user else None,
        "object_id": row.object_id,
        "object_type": row.object_type,
        "registration_number": row.reg_num,
        "status": row.status,
        "result": row.passed,
        "attendance": {str(part): mark for part, mark in row.attendance.items()},
        "score": row.score,
        "assigned_at": _when(row.assigned_at),
        "registered_at": _when(row.registered_at),
        "completed_at": _when(row.completed_at),
        "withdrawn_at": _when(row.withdrawn_at),
        "archived": row.archived,
        "removed": row.removed,
        "replaced": row.replaced,
        "comment": row.comment,
        "assignment_id": row.assignment_id,
        "external_ids": {},
        "updated_at": _when(row.modified),
    }


def roster(portal: Portal, row: Session) -> Row:
    entries = [r for r in portal.store.transcripts.of_object(row.id) if not r.removed and not r.replaced]
    users = [transcript(portal, entry) for entry in entries]
    return {
        "id": row.id,
        "session_id": row.id,
        "min_parts": row.min_parts,
        "users": users,
        "external_ids": {},
        "updated_at": _when(row.modified),
    }


def assignment(portal: Portal, row: Assignment) -> Row:
    users = [
        {"external_id": ref, "status": row.outcomes.get(ref, ("Processing", None))[0], "reason": row.outcomes.get(ref, ("", None))[1]}
        for ref in row.users
    ]
    return {
        "id": row.id,
        "title": row.title,
        "status": row.status,
        "trainings": list(row.trainings),
        "assignment_status": row.wanted,
        "send_emails": row.send_emails,
        "users": users,
        "external_ids": {},
        "created_at": _when(row.created),
        "updated_at": _when(row.ready or row.created),
    }


def _number(text: str) -> int:
    return int(text) if text.isdecimal() and len(text) < 19 else -1


def _one_user(portal: Portal, id: str) -> Row | None:
    row = portal.store.users.get(_number(id)) or portal.store.users.by_ref(id)
    return user(portal, row) if row else None


def _one_transcript(portal: Portal, id: str) -> Row | None:
    user_id, _, rest = id.partition("/")
    object_id, _, number = rest.partition("/")
    history = portal.store.transcripts.history(_number(user_id), object_id)
    found = history[-1:] if not number else [row for row in history if row.reg_num == _number(number)]
    return transcript(portal, found[0]) if found else None


def _simple(table: str, show: Show, *, by_number: bool = False) -> tuple[Every, One]:
    def one(portal: Portal, id: str) -> Row | None:
        row = getattr(portal.store, table).get(_number(id) if by_number else id.lower())
        return show(portal, row) if row is not None else None

    return lambda portal, first: (islice(getattr(portal.store, table).values(), first, None), show), one


_KINDS: dict[str, tuple[Every, One]] = {
    "users": (lambda p, first: (p.store.users.after(FIRST_ID - 1 + first), user), _one_user),  # numbered without a gap
    "ous": (
        lambda p, first: (islice(p.store.ous.after(0), first, None), ou),
        lambda p, id: ou(p, row) if (row := p.store.ous.get(_number(id))) else None,
    ),
    "subjects": _simple("subjects", subject, by_number=True),
    "providers": _simple("providers", provider, by_number=True),
    "events": _simple("trainings", event),
    "sessions": _simple("sessions", session),
    "transcripts": (lambda p, first: (p.store.transcripts.rows[first:], transcript), _one_transcript),
    "rosters": _simple("sessions", roster),
    "assignments": _simple("assignments", assignment),
}
