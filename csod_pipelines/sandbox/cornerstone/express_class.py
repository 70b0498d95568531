"""Express Class API: completed rows in bulk, later. Documented: asynchronous, 20 a minute, no sessions among the types it takes.

Path and keys are guesses (``express_class``).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from csod_pipelines.sandbox.cornerstone import fields, statuses
from csod_pipelines.sandbox.cornerstone.envelopes import Answer, ApiError, Call
from csod_pipelines.sandbox.cornerstone.fields import Invalid
from csod_pipelines.sandbox.cornerstone.portal import Portal
from csod_pipelines.sandbox.cornerstone.registrations import CannotRegister, learning_object, register, set_status
from csod_pipelines.sandbox.cornerstone.rows import Session


def create(portal: Portal, call: Call) -> Answer:
    _switched_on(portal)
    body = call.json_object()
    try:
        object_id = fields.text(body, "learningObjectId", required=True) or ""
        found = learning_object(portal, object_id)
        if found is None or isinstance(found, Session):
            raise Invalid(f"Invalid learningObjectId {object_id}")
        given = fields.text(body, "completionDate")
        completed = fields.instant(given, "completionDate") if given else call.now
        users = fields.rows_of(body, "users")
        refs = [fields.text(item, "externalId", required=True) or "" for item in users]
        if not refs or len(refs) > 1000:
            raise Invalid("users must list from 1 to 1000 people")
    except Invalid as err:
        raise ApiError(400, str(err), fields=[("body", [str(err)])]) from err
    outcomes = [_complete(portal, ref, found.id, completed=completed, now=call.now) for ref in refs]
    id = str(portal.store.number("assignment"))
    portal.express_classes[id] = {"classId": id, "status": "Completed", "users": outcomes}
    return Answer(
        status=202, body={"data": {"classId": id, "status": "Processing"}}, effects=call.effect("create", kind="transcripts", id=id)
    )


def get(portal: Portal, call: Call) -> Answer:
    _switched_on(portal)
    row = portal.express_classes.get(call.params["id"])
    if row is None:
        raise ApiError(404, "Express class not found")
    return Answer(body={"data": row}, effects=call.effect())


def _complete(portal: Portal, ref: str, object_id: str, *, completed: datetime, now: datetime) -> dict[str, Any]:
    user, found = portal.store.users.by_ref(ref), learning_object(portal, object_id)
    if user is None or found is None:
        return {"externalId": ref, "status": "Failed", "reason": "Invalid user"}
    try:
        row = register(portal, user, found, wanted=statuses.ASSIGNED, now=now, actor_id=None)
    except CannotRegister as err:
        return {"externalId": ref, "status": "Failed", "reason": str(err)}
    row.express, row.completed_at, row.passed = True, completed, True
    set_status(portal, row, statuses.COMPLETED, now=now, actor_id=None)
    return {"externalId": ref, "status": statuses.COMPLETED, "reason": None}


def _switched_on(portal: Portal) -> None:
    if not portal.settings["express_class"]:
        raise ApiError(404, "Not found")
