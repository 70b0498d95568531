"""Transcript API v1: ``/services/api/v1/transcripts``, one user a call.

Reads and ``assign``: csod.dev transcript examples; the other verbs and their extra keys are guesses (``transcript_v1_verbs``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from csod_pipelines.sandbox.cornerstone import fields, statuses
from csod_pipelines.sandbox.cornerstone.assignments import WANTED
from csod_pipelines.sandbox.cornerstone.envelopes import Answer, ApiError, Call, stamp_ms
from csod_pipelines.sandbox.cornerstone.fields import Invalid
from csod_pipelines.sandbox.cornerstone.portal import Portal
from csod_pipelines.sandbox.cornerstone.registrations import (
    CannotRegister,
    learning_object,
    register,
    remove,
    set_status,
    training_of,
    withdraw,
)
from csod_pipelines.sandbox.cornerstone.rows import Session, Training, TranscriptRow, User

NOT_FOUND = "record not found"


def overview(portal: Portal, call: Call) -> Answer:
    user = _user(portal, call.query.get("externalid"))
    groups = {part.strip().casefold() for part in call.query.get("statusgroups", "").split(",") if part.strip()}
    wanted = call.query.get("status", "").replace(" ", "").casefold()
    kinds = {part.strip().replace(" ", "").casefold() for part in call.query.get("trainingtype", "").split(",") if part.strip()}
    archived = fields.query_flag(call, "includeArchived") is True
    rows = [
        shown(portal, user, row)
        for row in portal.store.transcripts.of_user(user.id)
        if not row.removed
        and not row.replaced
        and (archived or not row.archived)
        and (not groups or statuses.group_of(row.status).casefold() in groups)
        and (not wanted or row.status.replace(" ", "").casefold() == wanted)
        and (not kinds or row.object_type.replace(" ", "").casefold() in kinds)
    ]
    return Answer(body={"status": "success", "data": rows}, effects=call.effect())


def details(portal: Portal, call: Call) -> Answer:
    user, row = _row(portal, {"externalId": call.query.get("externalid"), "learningObjectId": call.query.get("learningobjectid")})
    return Answer(body={"status": "success", "data": shown(portal, user, row)}, effects=call.effect())


def custom_fields(portal: Portal, call: Call) -> Answer:
    _row(portal, {"externalId": call.query.get("externalid"), "learningObjectId": call.query.get("learningobjectid")})
    return Answer(body={"status": "success", "data": []}, effects=call.effect())


def curriculum_children(portal: Portal, call: Call) -> Answer:
    """The path is printed; no training of this portal is a curriculum, so there are no children to show."""
    return custom_fields(portal, call)


def assign(portal: Portal, call: Call) -> Answer:
    body = call.json_object()
    user, found = _user(portal, body.get("externalId")), _object(portal, body)
    wanted = WANTED.get(_text(body, "assignment").lower())
    if wanted is None:
        raise ApiError(400, "Invalid assignment", fields=[("assignment", ["assignment must be assigned, approved or registered"])])
    row = _register(portal, call, user, found, wanted)
    messages = 1 if portal.settings["transcript_emails"] else 0
    return _written(call, user, row, "create", messages=messages)


def change(portal: Portal, call: Call) -> Answer:
    if not portal.settings["transcript_v1_verbs"] and call.params["verb"] not in ("register", "update"):
        raise ApiError(404, "Not found")
    try:
        body = call.json_object()
        user, row = _row(portal, body)
        return _VERBS[call.params["verb"]](portal, call, body, user, row)
    except Invalid as err:
        raise ApiError(400, str(err), fields=[("body", [str(err)])]) from err


def shown(portal: Portal, user: User, row: TranscriptRow) -> dict[str, Any]:
    """Field list of a public client's class; camelCase is assumed, its reader does not care."""
    found = learning_object(portal, row.object_id)
    assert found is not None
    training = training_of(portal, found)
    provider = next((p for p in portal.store.providers.values() if p.name == training.provider), None)
    latest = portal.store.transcripts.latest(row.user_id, row.object_id)
    return {
        "userId": user.id,
        "externalId": user.external_id,
        "userGuid": user.guid,
        "learningObjectId": row.object_id,
        "learningTitle": training.title,
        "trainingType": row.object_type,
        "registrationNumber": row.reg_num,
        "isGreatestRegistrationNumber": row is latest,
        "status": statuses.ARCHIVED if row.archived and row.status not in statuses.DONE else row.status,
        "statusGroup": statuses.group_of(row.status),
        "statusChangeDate": stamp_ms(row.modified),
        "assignedDate": stamp_ms(row.assigned_at),
        "assignedByUserId": row.assigned_by,
        "deliveryMethod": None,
        "registrationDate": stamp_ms(row.registered_at),
        "dueDate": row.due,
        "completedDate": stamp_ms(row.completed_at),
        "isSuggested": False,
        "isRequired": False,
        "isStandalone": True,
        "trainingVersion": 1,
        "providerId": provider.id if provider else None,
        "providerName": training.provider,
        "passed": row.passed,
        "score": row.score,
        "trainingHours": round(training.minutes / 60, 2),
        "isRemoved": row.removed,
        "isArchived": row.archived,
        "comment": row.comment,
        "lastModifiedDate": stamp_ms(row.modified),
    }


# ---- verbs ----


def _do_register(portal: Portal, call: Call, body: Mapping[str, Any], user: User, row: TranscriptRow) -> Answer:
    if row.status not in statuses.OPEN:
        raise ApiError(400, f"A training in status {row.status} cannot be registered")
    row = _register(portal, call, user, _object(portal, body), statuses.REGISTERED)
    return _written(call, user, row, "update")


def _do_progress(portal: Portal, call: Call, body: Mapping[str, Any], user: User, row: TranscriptRow) -> Answer:
    if row.status not in (statuses.REGISTERED, statuses.IN_PROGRESS):
        raise ApiError(400, f"A training in status {row.status} cannot be progressed")
    set_status(portal, row, statuses.IN_PROGRESS, now=call.now, actor_id=_actor(portal, call))
    return _written(call, user, row, "update")


def _do_complete(portal: Portal, call: Call, body: Mapping[str, Any], user: User, row: TranscriptRow) -> Answer:
    if row.status in (statuses.WITHDRAWN, statuses.CANCELLED, statuses.DENIED):
        raise ApiError(400, f"A training in status {row.status} cannot be completed")
    score = body.get("score")
    if score is not None and (not isinstance(score, int | float) or isinstance(score, bool) or not 0 <= score <= 100):
        raise Invalid("Invalid Score")
    given = fields.text(body, "completionDate")
    completed = fields.instant(given, "completionDate") if given else call.now
    row.score, row.passed, row.completed_at = (row.score if score is None else float(score)), True, completed
    row.comment = fields.text(body, "comment", most=4000) or row.comment
    set_status(portal, row, statuses.COMPLETED, now=call.now, actor_id=_actor(portal, call))
    return _written(call, user, row, "update")


def _do_withdraw(portal: Portal, call: Call, body: Mapping[str, Any], user: User, row: TranscriptRow) -> Answer:
    if row.status not in statuses.OPEN:
        raise ApiError(400, f"A training in status {row.status} cannot be withdrawn from")
    comment = fields.text(body, "comment", most=4000) or fields.text(body, "reason", most=4000)
    withdraw(portal, row, now=call.now, actor_id=_actor(portal, call), comment=comment)
    return _written(call, user, row, "cancel")


def _do_remove(portal: Portal, call: Call, body: Mapping[str, Any], user: User, row: TranscriptRow) -> Answer:
    """An event cannot be removed while one of its sessions is active on the transcript (help.csod.com, proxy removal)."""
    for session_id in portal.store.sessions_of.get(row.object_id, ()):
        other = portal.store.transcripts.latest(user.id, session_id)
        if other is not None and not other.removed and other.status in statuses.OPEN:
            raise ApiError(400, "The event cannot be removed while one of its sessions is active on the transcript")
    row.comment = fields.text(body, "comment", most=4000) or row.comment
    remove(portal, row, now=call.now)
    return _written(call, user, row, "cancel")


def _do_archive(portal: Portal, call: Call, body: Mapping[str, Any], user: User, row: TranscriptRow) -> Answer:
    row.archived = True
    portal.store.touch_transcript(row, call.now)
    return _written(call, user, row, "update")


def _do_exempt(portal: Portal, call: Call, body: Mapping[str, Any], user: User, row: TranscriptRow) -> Answer:
    if row.status in statuses.DONE:
        raise ApiError(400, f"A training in status {row.status} cannot be exempted")
    set_status(portal, row, statuses.EXEMPT, now=call.now, actor_id=_actor(portal, call))
    return _written(call, user, row, "update")


def _do_update(portal: Portal, call: Call, body: Mapping[str, Any], user: User, row: TranscriptRow) -> Answer:
    row.comment = fields.text(body, "comment", most=4000) or row.comment
    row.due = fields.text(body, "dueDate", most=40) or row.due
    portal.store.touch_transcript(row, call.now)
    return _written(call, user, row, "update")


_VERBS = {
    "register": _do_register,
    "progress": _do_progress,
    "complete": _do_complete,
    "withdraw": _do_withdraw,
    "remove": _do_remove,
    "archive": _do_archive,
    "exempt": _do_exempt,
    "update": _do_update,
}


# ---- helpers ----


def _register(portal: Portal, call: Call, user: User, found: Training | Session, wanted: str) -> TranscriptRow:
    if not user.active:
        raise ApiError(400, "The user is inactive", fields=[("externalId", ["The user is inactive"])])
    try:
        return register(portal, user, found, wanted=wanted, now=call.now, actor_id=_actor(portal, call))
    except CannotRegister as err:
        raise ApiError(400, str(err), fields=[("learningObjectId", [str(err)])]) from err


def _actor(portal: Portal, call: Call) -> int:
    return portal.service_user(call.client_id).id


def _text(body: Mapping[str, Any], name: str) -> str:
    try:
        return fields.text(body, name, required=True) or ""
    except Invalid as err:
        raise ApiError(400, str(err), fields=[(name, [str(err)])]) from err


def _user(portal: Portal, ref: Any) -> User:
    if not isinstance(ref, str) or not ref.strip():
        raise ApiError(400, "externalId is required", fields=[("externalId", ["externalId is required"])])
    user = portal.store.users.by_ref(ref)
    if user is None:
        raise ApiError(404, "User not found", fields=[("externalId", ["User not found"])])
    return user


def _object(portal: Portal, body: Mapping[str, Any]) -> Training | Session:
    found = learning_object(portal, _text(body, "learningObjectId"))
    if found is None:
        raise ApiError(404, "Learning object not found", fields=[("learningObjectId", ["Learning object not found"])])
    return found


def _row(portal: Portal, body: Mapping[str, Any]) -> tuple[User, TranscriptRow]:
    user, found = _user(portal, body.get("externalId")), _object(portal, body)
    row = portal.store.transcripts.latest(user.id, found.id)
    if row is None or row.removed or row.replaced:
        raise ApiError(404, NOT_FOUND)
    return user, row


def _written(call: Call, user: User, row: TranscriptRow, effect: str, *, messages: int = 0) -> Answer:
    data = {"externalId": user.external_id, "learningObjectId": row.object_id, "status": row.status, "registrationNumber": row.reg_num}
    id = f"{user.id}/{row.object_id}/{row.reg_num}"
    return Answer(body={"status": "success", "data": data}, effects=call.effect(effect, kind="transcripts", id=id, messages=messages))
