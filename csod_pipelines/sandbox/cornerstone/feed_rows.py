"""Rows of the data exporter and the reporting views, and ways to find them: in order behind a position, by key, by an equality.

Field names: Data Exporter objects (v19.02) and clients' report models. Every walk has one fixed order and goes on behind a
position, so a page needs no memory of the one before.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from csod_pipelines.sandbox.cornerstone import statuses
from csod_pipelines.sandbox.cornerstone.portal import Portal
from csod_pipelines.sandbox.cornerstone.registrations import seats_taken
from csod_pipelines.sandbox.cornerstone.rows import LOCATION, Ou, Session, Training, TranscriptRow, User
from csod_pipelines.sandbox.cornerstone.timezones import ZONES

Row = dict[str, Any]
OUS_A_USER = 64  # positions of user_ou_core: user id x 64 + place


def user_row(user: User) -> Row:
    return {
        "user_id": user.id,
        "user_ref": user.external_id,
        "user_login": user.user_name,
        "user_email": user.primary_email,
        "user_name_first": user.first_name,
        "user_name_last": user.last_name,
        "user_mobile_phone": user.mobile_phone,
        "user_status_id": 1 if user.active else 2,
        "user_guid": user.guid,
        "user_mgr_id": user.manager_id,
        "_last_touched_dt_utc": user.modified,
    }


def walk_users(portal: Portal, after: int) -> Iterator[tuple[int, Row]]:
    for user in portal.store.users.after(after):
        yield user.id, user_row(user)


def one_user(portal: Portal, key: tuple) -> Row | None:
    user = portal.store.users.get(key[0])
    return user_row(user) if user else None


def narrow_users(portal: Portal, equal: dict[str, Any]) -> list[Row] | None:
    users = portal.store.users
    for name, look in (("user_id", users.get), ("user_ref", users.by_ref), ("user_login", users.by_login), ("user_guid", users.by_guid)):
        if equal.get(name) is not None:
            found = look(equal[name])
            return [user_row(found)] if found else []
    for name, several in (("user_email", users.by_email), ("user_name_last", users.by_last_name)):
        if equal.get(name) is not None:
            return [user_row(found) for found in several(equal[name])]
    return None


def walk_user_ous(portal: Portal, after: int) -> Iterator[tuple[int, Row]]:
    for user in portal.store.users.after(after // OUS_A_USER - 1):
        for place, (type_id, ou_id) in enumerate(sorted(user.ous.items())):
            position = user.id * OUS_A_USER + place
            if position > after:
                yield position, user_ou_row(user, type_id, ou_id)


def user_ou_row(user: User, type_id: int, ou_id: int) -> Row:
    return {"user_id": user.id, "ou_id": ou_id, "ou_type_id": type_id, "_last_touched_dt_utc": user.modified}


def one_user_ou(portal: Portal, key: tuple) -> Row | None:
    user = portal.store.users.get(key[0])
    type_id = next((t for t, ou in user.ous.items() if ou == key[1]), None) if user else None
    return user_ou_row(user, type_id, key[1]) if user is not None and type_id is not None else None


def narrow_user_ous(portal: Portal, equal: dict[str, Any]) -> list[Row] | None:
    if equal.get("user_id") is None:
        return None
    user = portal.store.users.get(equal["user_id"])
    return [user_ou_row(user, type_id, ou_id) for type_id, ou_id in sorted(user.ous.items())] if user else []


def ou_row(ou: Ou) -> Row:
    return {
        "ou_id": ou.id,
        "title": ou.name,
        "ref": ou.external_id,
        "type_id": ou.type_id,
        "owner_id": ou.owner_id,
        "parent_id": ou.parent_id,
        "approver_id": ou.approver_id,
        "active": ou.active,
        "_last_touched_dt_utc": ou.modified,
    }


def walk_ous(portal: Portal, after: int) -> Iterator[tuple[int, Row]]:
    for ou in portal.store.ous.after(after):
        yield ou.id, ou_row(ou)


def one_ou(portal: Portal, key: tuple) -> Row | None:
    ou = portal.store.ous.get(key[0])
    return ou_row(ou) if ou else None


def walk_ou_ancestors(portal: Portal, after: int) -> Iterator[tuple[int, Row]]:
    for ou in portal.store.ous.after(after // OUS_A_USER - 1):
        above, place = ou, 0
        while above is not None and place < OUS_A_USER:
            if ou.id * OUS_A_USER + place > after:
                row = {"descendant_ou_id": ou.id, "ancestor_ou_id": above.id, "distance": place, "_last_touched_dt_utc": ou.modified}
                yield ou.id * OUS_A_USER + place, row
            above, place = portal.store.ous.get(above.parent_id), place + 1


def transcript_row(row: TranscriptRow) -> Row:
    return {
        "transc_user_id": row.user_id,
        "transc_object_id": row.object_id,
        "reg_num": row.reg_num,
        "user_lo_status_id": statuses.IDS[row.status],
        "user_lo_score": row.score,
        "user_lo_pass": row.passed,
        "user_lo_reg_dt": row.registered_at,
        "user_lo_assigned_dt": row.assigned_at,
        "user_lo_comp_dt": row.completed_at,
        "user_lo_min_due_date": row.due,
        "user_lo_withdrawal_date": row.withdrawn_at,
        "user_part_attendance": sum(1 for mark in row.attendance.values() if mark),
        "is_removed": row.removed,
        "archived": row.archived,
        "is_express_class": row.express,
        "_last_touched_dt_utc": row.modified,
    }


def walk_transcripts(portal: Portal, after: int) -> Iterator[tuple[int, Row]]:
    rows = portal.store.transcripts.rows
    for position in range(after, len(rows)):  # serial + 1, so that 0 stands before the first
        row = rows[position]
        if not row.replaced:
            yield position + 1, transcript_row(row)


def one_transcript(portal: Portal, key: tuple) -> Row | None:
    history = portal.store.transcripts.history(key[0], key[1])
    row = history[key[2] - 1] if 0 < key[2] <= len(history) else None
    return None if row is None or row.replaced else transcript_row(row)


def narrow_transcripts(portal: Portal, equal: dict[str, Any]) -> list[Row] | None:
    table = portal.store.transcripts
    user_id, object_id = equal.get("transc_user_id"), equal.get("transc_object_id")
    if user_id is not None:
        rows = table.of_user(user_id)
    elif object_id is not None:
        rows = [row for newest in table.of_object(object_id) for row in table.history(newest.user_id, object_id)]
    else:
        return None
    return [transcript_row(row) for row in sorted(rows, key=lambda r: r.serial) if not row.replaced]


def walk_sources(portal: Portal, after: int) -> Iterator[tuple[int, Row]]:
    rows = portal.store.transcripts.rows
    for position in range(after, len(rows)):
        row = rows[position]
        if row.assignment_id is not None:
            key = {"user_id": row.user_id, "object_id": row.object_id, "reg_num": row.reg_num}
            yield position + 1, key | {"proxy_id": int(row.assignment_id), "_last_touched_dt_utc": row.modified}


def training_row(portal: Portal, found: Training | Session) -> Row:
    session = found if isinstance(found, Session) else None
    training = found if isinstance(found, Training) else portal.store.trainings[found.event_id]
    provider = next((p.id for p in portal.store.providers.values() if p.name == training.provider), None)
    return {
        "object_id": found.id,
        "lo_type": "Session" if session else training.object_type,
        "lo_root_id": training.id,
        "lo_locator": session.locator if session else None,
        "lo_ref": session.session_id if session else training.number,
        "lo_title": training.title,
        "lo_provider_id": provider,
        "lo_start_dt": session.starts_at if session else None,
        "lo_end_dt": session.ends_at if session else None,
        "lo_reg_min": found.minimum,
        "lo_reg_max": found.maximum,
        "lo_min_parts": session.min_parts if session else None,
        "lo_credit": None,
        "lo_end_registration": session.starts_at if session else None,
        **(_session_columns(portal, session) if session else _NO_SESSION),
        "lo_active": "Y" if found.active and not (session and session.cancelled) else "N",
        "_last_touched_dt_utc": found.modified,
    }


_NO_SESSION: Row = dict.fromkeys(
    ("lo_timezone_id", "lo_location_id", "lo_instructor_id", "lo_seats_total", "lo_seats_taken", "lo_seats_available", "lo_status_type")
)
_ZONE_IDS = {label: number for number, label in enumerate(ZONES, start=1)}


def _session_columns(portal: Portal, session: Session) -> Row:
    first = session.parts[0]
    site = portal.store.ous.by_ref(first.location_ref, type_id=LOCATION) if first.location_ref else None
    instructor = portal.store.users.by_ref(first.instructors[0]) if first.instructors else None
    taken = seats_taken(portal, session)
    return {
        "lo_timezone_id": _ZONE_IDS.get(first.time_zone),
        "lo_location_id": site.id if site else None,
        "lo_instructor_id": instructor.id if instructor else None,
        "lo_seats_total": session.maximum,
        "lo_seats_taken": taken,
        "lo_seats_available": None if session.maximum is None else max(0, session.maximum - taken),
        "lo_status_type": "Cancelled" if session.cancelled else "Completed" if session.submitted else "Approved",
    }


def found_object(portal: Portal, id: str) -> Training | Session | None:
    return portal.store.sessions.get(id) or portal.store.trainings.get(id)


def walk_trainings(portal: Portal, after: int) -> Iterator[tuple[int, Row]]:
    objects = portal.store.objects
    for position in range(after, len(objects)):
        found = found_object(portal, objects[position])
        assert found is not None
        yield position + 1, training_row(portal, found)


def one_training(portal: Portal, key: tuple) -> Row | None:
    found = found_object(portal, key[0])
    return training_row(portal, found) if found else None


def narrow_trainings(portal: Portal, equal: dict[str, Any]) -> list[Row] | None:
    store = portal.store
    if equal.get("object_id") is not None:
        ids = [equal["object_id"]]
    elif equal.get("lo_root_id") is not None:
        ids = [equal["lo_root_id"], *store.sessions_of.get(equal["lo_root_id"], [])]
    elif equal.get("lo_locator") is not None:
        ids = [store.session_by_locator.get(equal["lo_locator"], "")]
    elif equal.get("lo_ref") is not None:
        event = store.training_numbered(equal["lo_ref"])
        ids = ([event.id] if event else []) + store.sessions_by_ref.get(equal["lo_ref"].casefold(), [])
    else:
        return None
    return [training_row(portal, found) for found in (found_object(portal, id) for id in ids) if found is not None]
