"""Session Roster API. Error texts and order rules: csod.dev session roster page; what a submission does to each status: help desk pages.

One submission a request; people must be registered; the session must be over. The answer is 200 Success also where the
minimum of attended parts keeps somebody Incomplete.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from csod_pipelines.sandbox.cornerstone import fields, statuses
from csod_pipelines.sandbox.cornerstone.envelopes import Answer, ApiError, Call, legacy, records, stamp_b
from csod_pipelines.sandbox.cornerstone.fields import Invalid
from csod_pipelines.sandbox.cornerstone.portal import Portal
from csod_pipelines.sandbox.cornerstone.registrations import set_status
from csod_pipelines.sandbox.cornerstone.rows import OU_TYPES, Session, TranscriptRow

MISSING = "Get Session roster service failed: The following Arguments are missing: locator/sessionLOID/session number"

INCOMPLETE_ROWS = 20


def read(portal: Portal, call: Call) -> Answer:
    session = _asked_for(portal, call)
    status = call.query.get("status", "").replace(" ", "").casefold()
    hides = portal.settings["roster_hides_removed"]
    entries = [
        row
        for row in portal.store.transcripts.of_object(session.id)
        if not (row.removed and hides) and not row.replaced and (not status or row.status.replace(" ", "").casefold() == status)
    ]
    if not portal.settings["roster_complete"]:
        entries = entries[:INCOMPLETE_ROWS]
    body = legacy(call, [shown(portal, session, entries, now=call.now)], total=1)
    return Answer(body=body, effects=call.effect())


def write(portal: Portal, call: Call) -> Answer:
    rows = records(call)
    if len(rows) > 1:
        raise ApiError(400, "Only one roster submission is allowed in a request")
    try:
        session, actor_id = _session_and_actor(portal, call, rows[0])
        marks = [_mark(portal, session, item) for item in fields.rows_of(rows[0], "Users")]
        submit = fields.text(rows[0], "SessionStatus")
    except Invalid as err:
        raise _refused("Users", None, str(err)) from err
    if submit is not None and submit.lower() != "completed":
        raise _refused("SessionStatus", submit, "Invalid SessionStatus")
    if not marks:
        raise _refused("UserID", None, "UserID Missing")
    if len({row.user_id for row, _ in marks}) < len(marks):
        raise _refused("UserID", None, "Duplicate UserID")
    ends = session.ends_at
    if ends is None or ends > call.now:
        raise _refused("SessionLOID", session.id, "The session has not ended")
    for row, values in marks:
        _save(portal, row, values, now=call.now)
    if submit is not None:
        _submit(portal, session, [row for row, _ in marks], actor_id=actor_id, now=call.now)
    data = [{"Result": "Success", "Reason": None, "SessionLOID": session.id, "Locator": session.locator}]
    return Answer(body=legacy(call, data), effects=call.effect("update", kind="rosters", id=session.id))


def shown(portal: Portal, session: Session, entries: list[TranscriptRow], *, now: datetime) -> dict[str, Any]:
    ends = session.ends_at
    status = "Cancelled" if session.cancelled else "Completed" if session.submitted else "Approved"
    body: dict[str, Any] = {
        "SessionLOID": session.id,
        "SessionNumber": session.session_id,
        "Locator": session.locator,
        "SessionStatus": status,
        "Users": [_shown_user(portal, session, row) for row in entries],
    }
    if portal.settings["roster_read_keys"]:
        body |= {
            "MinimumParts": session.min_parts,
            "MaximumRegistration": session.maximum,
        }
        if portal.settings["roster_times"]:
            body[portal.settings["roster_times"]] = stamp_b(ends) if ends else None
    return body


def final_status(portal: Portal, session: Session, row: TranscriptRow) -> str:
    """What a submission makes of one learner. With a minimum of 0 an absent learner is completed, as help desk pages warn."""
    attended = sum(1 for part in session.parts if row.attendance.get(part.id))
    if attended == 0:
        lenient = session.min_parts == 0 and portal.settings["min_parts_zero_completes_absent"]
        return statuses.COMPLETED if lenient else statuses.NO_SHOW
    if attended < session.min_parts:
        return statuses.INCOMPLETE
    return statuses.COMPLETED if row.passed else statuses.INCOMPLETE


def _shown_user(portal: Portal, session: Session, row: TranscriptRow) -> dict[str, Any]:
    user = portal.store.users.get(row.user_id)
    assert user is not None
    ous = ((OU_TYPES[type_id], portal.store.ous.get(id)) for type_id, id in sorted(user.ous.items()))
    attendance = [{"PartId": p.id, "PartName": p.name, "Attended": row.attendance.get(p.id)} for p in session.parts]
    body: dict[str, Any] = {
        "UserID": user.external_id,
        "FirstName": user.first_name,
        "LastName": user.last_name,
        "Status": row.status,
        "Score": row.score,
        "OUs": [{"Name": ou.name, "TypeName": name} for name, ou in ous if ou is not None],
        "Attendance": attendance,
    }
    if portal.settings["roster_read_keys"]:
        body |= {"UserInternalID": user.id, "RegistrationNumber": row.reg_num, portal.settings["roster_pass_key"]: row.passed}
    return body


def _asked_for(portal: Portal, call: Call) -> Session:
    store = portal.store
    object_id, locator, number = (call.query.get(name, "").strip() for name in ("sessionloid", "locator", "sessionnumber"))
    if object_id:
        found = [object_id.lower()]
    elif locator:
        found = [store.session_by_locator.get(int(locator), "")] if locator.isdecimal() and len(locator) < 12 else []
    elif number:
        found = store.sessions_by_ref.get(number.casefold(), [])
    else:
        raise ApiError(400, MISSING)
    if len(found) > 1:
        raise ApiError(400, "Multiple session found")
    session = store.sessions.get(found[0]) if found else None
    if session is None:
        raise ApiError(404, "Session not found")
    return session


def _session_and_actor(portal: Portal, call: Call, record: Mapping[str, Any]) -> tuple[Session, int]:
    if not portal.settings["roster_write_keys"]:
        raise ApiError(404, "Not found")
    session = portal.store.sessions.get((fields.text(record, "SessionLOID") or "").strip().lower())
    if session is None:
        raise _refused("SessionLOID", record.get("SessionLOID"), "Invalid Session LOID")
    name = fields.text(record, "ActorID")
    actor = portal.actor(name, client_id=call.client_id)
    if actor is None:
        raise _refused("ActorID", name, "Invalid ActorID")
    return session, actor.id


def _mark(portal: Portal, session: Session, item: Mapping[str, Any]) -> tuple[TranscriptRow, dict[str, Any]]:
    ref = fields.text(item, "UserID")
    if not ref:
        raise _refused("UserID", None, "UserID Missing")
    user = portal.store.users.by_ref(ref)
    if user is None:
        raise _refused("UserID", ref, "Invalid User")
    row = portal.store.transcripts.latest(user.id, session.id)
    if row is None or row.removed or row.status not in statuses.ON_ROSTER:
        raise _refused("UserID", ref, "User not registered to session.")
    if row.status in statuses.DONE and portal.settings["roster_locked_rows"] == "refuse":
        raise _refused("UserID", ref, "The user has completed the session; the roster row is locked")
    values: dict[str, Any] = {}
    score = item.get("Score")
    if score is not None:
        if not isinstance(score, int | float) or isinstance(score, bool) or not 0 <= score <= 1000:
            raise _refused("Score", score, "Invalid Score")
        values["score"] = float(score)
    key = portal.settings["roster_pass_key"]
    if key in item:
        values["passed"] = fields.flag(item, key)
    values["attendance"] = _attendance(session, item)
    return row, values


def _attendance(session: Session, item: Mapping[str, Any]) -> dict[int, bool]:
    marks: dict[int, bool] = {}
    for entry in fields.rows_of(item, "Attendance"):
        id, name = fields.whole(entry, "PartId"), fields.text(entry, "PartName")
        if id is not None:
            found = [part.id for part in session.parts if part.id == id]
        else:
            found = [part.id for part in session.parts if part.name.casefold() == (name or "").strip().casefold()]
        if not found:
            raise _refused("PartName", name or id, "Part Name or Part Id does not exist")
        if len(found) > 1 or found[0] in marks:
            raise _refused("PartName", name or id, "Duplicate Part Name or Part Id")
        attended = fields.flag(entry, "Attended")
        if attended is not None:
            marks[found[0]] = attended
    return marks


def _save(portal: Portal, row: TranscriptRow, values: Mapping[str, Any], *, now: datetime) -> None:
    """Completed rows are locked; saving marks without a submission leaves the learner Registered."""
    if row.status in statuses.DONE:
        return
    changed = any(row.attendance.get(part) != mark for part, mark in values["attendance"].items())
    changed |= any(name in values and getattr(row, name) != values[name] for name in ("score", "passed"))
    row.attendance |= values["attendance"]
    row.score = values.get("score", row.score)
    row.passed = values.get("passed", row.passed)
    if changed:
        portal.store.touch_transcript(row, now)


def _submit(portal: Portal, session: Session, listed: list[TranscriptRow], *, actor_id: int, now: datetime) -> None:
    session.submitted = True
    everybody = portal.settings["roster_submit_scope"] == "all"
    rows = portal.store.transcripts.of_object(session.id) if everybody else listed
    for row in rows:
        if row.removed or row.status not in statuses.GRADABLE:
            continue
        status = final_status(portal, session, row)
        if status != row.status:
            set_status(portal, row, status, now=now, actor_id=actor_id)


def _refused(field: str, value: Any, message: str) -> ApiError:
    return ApiError(400, message, details=f"{field}: {value}", validations=[{"Field": field, "Value": value, "Message": message}])
