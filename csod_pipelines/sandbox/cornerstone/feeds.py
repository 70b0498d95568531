"""What the data exporter and the reporting views can show: field types, keys, and where the rows come from.

Field names: Data Exporter objects (v19.02) and clients' report models. Every feed walks its rows in one fixed order and can go
on behind a position, so a page needs no memory of the one before.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from csod_pipelines.sandbox.cornerstone import statuses
from csod_pipelines.sandbox.cornerstone.portal import Portal
from csod_pipelines.sandbox.cornerstone.rows import OU_TYPES, Ou, Session, Training, TranscriptRow, User

Row = dict[str, Any]
Walk = Callable[[Portal, int], Iterator[tuple[int, Row]]]
OUS_A_USER = 64  # positions of user_ou_core: user id x 64 + place


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    name: str
    fields: dict[str, str]  # name -> int, number, text, guid, bool, instant
    key: tuple[str, ...]
    walk: Walk
    one: Callable[[Portal, tuple], Row | None] | None = None  # by key
    narrow: Callable[[Portal, dict[str, Any]], list[Row] | None] | None = None  # by equalities of a filter
    indexed: frozenset[str] | None = None  # None: every field may be filtered
    tracked: bool = True
    source: str | None = None  # the change log's name of these rows, where it is another


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


def _users(portal: Portal, after: int) -> Iterator[tuple[int, Row]]:
    for user in portal.store.users.after(after):
        yield user.id, user_row(user)


def _user(portal: Portal, key: tuple) -> Row | None:
    user = portal.store.users.get(key[0])
    return user_row(user) if user else None


def _narrow_users(portal: Portal, equal: dict[str, Any]) -> list[Row] | None:
    users = portal.store.users
    for name, look in (("user_id", users.get), ("user_ref", users.by_ref), ("user_login", users.by_login), ("user_guid", users.by_guid)):
        if equal.get(name) is not None:
            found = look(equal[name])
            return [user_row(found)] if found else []
    return None


def _user_ous(portal: Portal, after: int) -> Iterator[tuple[int, Row]]:
    for user in portal.store.users.after(after // OUS_A_USER - 1):
        for place, (type_id, ou_id) in enumerate(sorted(user.ous.items())):
            position = user.id * OUS_A_USER + place
            if position > after:
                yield position, {"user_id": user.id, "ou_id": ou_id, "ou_type_id": type_id}


def _user_ou(portal: Portal, key: tuple) -> Row | None:
    user = portal.store.users.get(key[0])
    type_id = next((t for t, ou in user.ous.items() if ou == key[1]), None) if user else None
    return {"user_id": key[0], "ou_id": key[1], "ou_type_id": type_id} if type_id is not None else None


def _narrow_user_ous(portal: Portal, equal: dict[str, Any]) -> list[Row] | None:
    if equal.get("user_id") is None:
        return None
    user = portal.store.users.get(equal["user_id"])
    return [{"user_id": user.id, "ou_id": ou, "ou_type_id": t} for t, ou in sorted(user.ous.items())] if user else []


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


def _ous(portal: Portal, after: int) -> Iterator[tuple[int, Row]]:
    for ou in portal.store.ous.after(after):
        yield ou.id, ou_row(ou)


def _ou(portal: Portal, key: tuple) -> Row | None:
    ou = portal.store.ous.get(key[0])
    return ou_row(ou) if ou else None


def _ou_ancestors(portal: Portal, after: int) -> Iterator[tuple[int, Row]]:
    for ou in portal.store.ous.after(after // OUS_A_USER - 1):
        above, place = ou, 0
        while above is not None and place < OUS_A_USER:
            if ou.id * OUS_A_USER + place > after:
                yield ou.id * OUS_A_USER + place, {"descendant_ou_id": ou.id, "ancestor_ou_id": above.id, "distance": place}
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
        "user_lo_withdrawal_date": row.withdrawn_at,
        "user_part_attendance": sum(1 for mark in row.attendance.values() if mark),
        "is_removed": row.removed,
        "archived": row.archived,
        "is_express_class": row.express,
        "_last_touched_dt_utc": row.modified,
    }


def _transcripts(portal: Portal, after: int) -> Iterator[tuple[int, Row]]:
    rows = portal.store.transcripts.rows
    for position in range(after, len(rows)):  # serial + 1, so that 0 stands before the first
        row = rows[position]
        if not row.replaced:
            yield position + 1, transcript_row(row)


def _transcript(portal: Portal, key: tuple) -> Row | None:
    history = portal.store.transcripts.history(key[0], key[1])
    row = history[key[2] - 1] if 0 < key[2] <= len(history) else None
    return None if row is None or row.replaced else transcript_row(row)


def _narrow_transcripts(portal: Portal, equal: dict[str, Any]) -> list[Row] | None:
    table = portal.store.transcripts
    user_id, object_id = equal.get("transc_user_id"), equal.get("transc_object_id")
    if user_id is not None:
        rows = table.of_user(user_id)
    elif object_id is not None:
        rows = [row for newest in table.of_object(object_id) for row in table.history(newest.user_id, object_id)]
    else:
        return None
    return [transcript_row(row) for row in sorted(rows, key=lambda r: r.serial) if not row.replaced]


def _sources(portal: Portal, after: int) -> Iterator[tuple[int, Row]]:
    rows = portal.store.transcripts.rows
    for position in range(after, len(rows)):
        row = rows[position]
        if row.assignment_id is not None:
            yield (
                position + 1,
                {"user_id": row.user_id, "object_id": row.object_id, "reg_num": row.reg_num, "proxy_id": int(row.assignment_id)},
            )


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
        "lo_active": "Y" if found.active and not (session and session.cancelled) else "N",
        "_last_touched_dt_utc": found.modified,
    }


def _found(portal: Portal, id: str) -> Training | Session | None:
    return portal.store.sessions.get(id) or portal.store.trainings.get(id)


def _trainings(portal: Portal, after: int) -> Iterator[tuple[int, Row]]:
    objects = portal.store.objects
    for position in range(after, len(objects)):
        found = _found(portal, objects[position])
        assert found is not None
        yield position + 1, training_row(portal, found)


def _training(portal: Portal, key: tuple) -> Row | None:
    found = _found(portal, key[0])
    return training_row(portal, found) if found else None


def _narrow_trainings(portal: Portal, equal: dict[str, Any]) -> list[Row] | None:
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
    return [training_row(portal, found) for found in (_found(portal, id) for id in ids) if found is not None]


USER = {
    "user_id": "int",
    "user_ref": "text",
    "user_login": "text",
    "user_email": "text",
    "user_name_first": "text",
    "user_name_last": "text",
    "user_mobile_phone": "text",
    "user_status_id": "int",
    "user_guid": "guid",
    "user_mgr_id": "int",
    "_last_touched_dt_utc": "instant",
}
OU = {
    "ou_id": "int",
    "title": "text",
    "ref": "text",
    "type_id": "int",
    "owner_id": "int",
    "parent_id": "int",
    "approver_id": "int",
    "active": "bool",
    "_last_touched_dt_utc": "instant",
}
TRANSCRIPT = {
    "transc_user_id": "int",
    "transc_object_id": "guid",
    "reg_num": "int",
    "user_lo_status_id": "int",
    "user_lo_score": "number",
    "user_lo_pass": "bool",
    "user_lo_reg_dt": "instant",
    "user_lo_assigned_dt": "instant",
    "user_lo_comp_dt": "instant",
    "user_lo_withdrawal_date": "instant",
    "user_part_attendance": "int",
    "is_removed": "bool",
    "archived": "bool",
    "is_express_class": "bool",
    "_last_touched_dt_utc": "instant",
}
TRAINING = {
    "object_id": "guid",
    "lo_type": "text",
    "lo_root_id": "guid",
    "lo_locator": "int",
    "lo_ref": "text",
    "lo_title": "text",
    "lo_provider_id": "int",
    "lo_start_dt": "instant",
    "lo_end_dt": "instant",
    "lo_reg_min": "int",
    "lo_reg_max": "int",
    "lo_min_parts": "int",
    "lo_active": "text",
    "_last_touched_dt_utc": "instant",
}

OBJECTS: dict[str, Feed] = {
    feed.name: feed
    for feed in (
        Feed(
            name="users_core",
            fields=USER,
            key=("user_id",),
            walk=_users,
            one=_user,
            narrow=_narrow_users,
            indexed=frozenset(
                {
                    "user_id",
                    "user_ref",
                    "user_login",
                    "user_email",
                    "user_name_last",
                    "user_status_id",
                    "user_guid",
                    "user_mgr_id",
                    "_last_touched_dt_utc",
                }
            ),
        ),
        Feed(
            name="user_ou_core",
            fields={"user_id": "int", "ou_id": "int", "ou_type_id": "int"},
            key=("user_id", "ou_id"),
            walk=_user_ous,
            one=_user_ou,
            narrow=_narrow_user_ous,
        ),
        Feed(
            name="ou_core",
            fields=OU,
            key=("ou_id",),
            walk=_ous,
            one=_ou,
            narrow=lambda p, e: None if e.get("ou_id") is None else [r for r in [_ou(p, (e["ou_id"],))] if r],
            indexed=frozenset({"ou_id", "ref", "type_id", "parent_id", "active", "_last_touched_dt_utc"}),
        ),
        Feed(
            name="ou_hierarchy_core",
            fields={"descendant_ou_id": "int", "ancestor_ou_id": "int", "distance": "int"},
            key=("descendant_ou_id", "ancestor_ou_id"),
            walk=_ou_ancestors,
            tracked=False,
        ),
        Feed(
            name="transcript_core",
            fields=TRANSCRIPT,
            key=("transc_user_id", "transc_object_id", "reg_num"),
            walk=_transcripts,
            one=_transcript,
            narrow=_narrow_transcripts,
            indexed=frozenset(
                {"transc_user_id", "transc_object_id", "reg_num", "user_lo_status_id", "is_removed", "archived", "_last_touched_dt_utc"}
            ),
        ),
        Feed(
            name="transcript_src_assignment_core",
            fields={"user_id": "int", "object_id": "guid", "reg_num": "int", "proxy_id": "int"},
            key=("user_id", "object_id", "reg_num"),
            walk=_sources,
            tracked=False,
        ),
        Feed(
            name="training_core",
            fields=TRAINING,
            key=("object_id",),
            walk=_trainings,
            one=_training,
            narrow=_narrow_trainings,
            indexed=frozenset(
                {
                    "object_id",
                    "lo_type",
                    "lo_root_id",
                    "lo_locator",
                    "lo_ref",
                    "lo_start_dt",
                    "lo_end_dt",
                    "lo_active",
                    "_last_touched_dt_utc",
                }
            ),
        ),
        Feed(
            name="training_type_core",
            fields={"lo_type_id": "int", "lo_type": "text"},
            key=("lo_type_id",),
            walk=lambda p, after: (
                (n, {"lo_type_id": n, "lo_type": t})
                for n, t in enumerate(("Event", "Session", "Material", "Online Course"), start=1)
                if n > after
            ),
            tracked=False,
        ),
        Feed(
            name="ou_type_core",
            fields={"ou_type_id": "int", "title": "text"},
            key=("ou_type_id",),
            walk=lambda p, after: ((id, {"ou_type_id": id, "title": title}) for id, title in sorted(OU_TYPES.items()) if id > after),
            tracked=False,
        ),
    )
}
