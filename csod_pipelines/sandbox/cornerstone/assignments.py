"""Learning Assignment API: a queue. One call is accepted at once and worked off later, when the portal's clock has moved on.

Documented: asynchronous, 20 calls a minute, 60,000 user-assignments a UTC day. Paths and keys are guesses (``learning_assignment_paths``).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from csod_pipelines.sandbox.cornerstone import fields, statuses
from csod_pipelines.sandbox.cornerstone.envelopes import Answer, ApiError, Call
from csod_pipelines.sandbox.cornerstone.fields import Invalid
from csod_pipelines.sandbox.cornerstone.portal import Portal
from csod_pipelines.sandbox.cornerstone.registrations import CannotRegister, learning_object, register
from csod_pipelines.sandbox.cornerstone.rows import Assignment

WANTED = {"approved": statuses.APPROVED, "assigned": statuses.ASSIGNED, "registered": statuses.REGISTERED}
MOST_USERS = 10_000
MOST_LISTED = 500


def create(portal: Portal, call: Call) -> Answer:
    _switched_on(portal)
    try:
        row = _read(portal, call)
    except Invalid as err:
        raise ApiError(400, str(err), fields=[("body", [str(err)])]) from err
    today = call.now.strftime("%Y-%m-%d")
    volume = len(row.trainings) * len(row.users)
    remaining = remaining_on(portal, today)
    if volume > remaining:
        raise ApiError(400, "The daily limit of user assignments would be exceeded", details=f"{remaining} remaining on {today} (UTC)")
    portal.assignments_by_day[today] = portal.assignments_by_day.get(today, 0) + volume
    portal.store.assignments[row.id] = row
    portal.waiting_assignments.append(row)
    messages = len(row.users) if row.send_emails else 0
    effects = call.effect("create", kind="assignments", id=row.id, messages=messages)
    return Answer(status=202, body={"data": {"assignmentId": row.id, "status": row.status}}, effects=effects)


def get(portal: Portal, call: Call) -> Answer:
    _switched_on(portal)
    row = portal.store.assignments.get(call.params["id"])
    if row is None:
        raise ApiError(404, "Assignment not found")
    return Answer(body={"data": shown(row)}, effects=call.effect())


def search(portal: Portal, call: Call) -> Answer:
    _switched_on(portal)
    title = call.query.get("title", "").strip().casefold()
    rows = [row for row in reversed(portal.store.assignments.values()) if not title or row.title.strip().casefold() == title]
    return Answer(body={"data": [shown(row) for row in rows[:MOST_LISTED]]}, effects=call.effect())


def remaining_count(portal: Portal, call: Call) -> Answer:
    _switched_on(portal)
    try:
        date = fields.day(call.query.get("date") or call.now.strftime("%Y-%m-%d"), "date").isoformat()
    except Invalid as err:
        raise ApiError(400, str(err), fields=[("date", [str(err)])]) from err
    return Answer(body={"data": {"date": date, "remaining": remaining_on(portal, date)}}, effects=call.effect())


def remaining_on(portal: Portal, date: str) -> int:
    return max(0, portal.settings["learning_assignment_daily_limit"] - portal.assignments_by_day.get(date, 0))


def shown(row: Assignment) -> dict[str, Any]:
    users = []
    for ref in row.users:
        status, reason = row.outcomes.get(ref, ("Processing", None))
        users.append({"externalId": ref, "status": status, "reason": reason})
    return {
        "assignmentId": row.id,
        "title": row.title,
        "status": row.status,
        "trainings": [{"learningObjectId": id} for id in row.trainings],
        "assignmentStatus": row.wanted,
        "dueDate": row.due_date,
        "sendEmails": row.send_emails,
        "createdDate": row.created.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "users": users,
    }


def work_off(portal: Portal, *, now: datetime) -> None:
    """Carry out every assignment whose time has come, in the order in which they were accepted."""
    waiting = portal.waiting_assignments
    for row in [row for row in waiting if row.ready is not None and row.ready <= now]:
        waiting.remove(row)
        _carry_out(portal, row, now=row.ready or now)


def next_ready(portal: Portal) -> datetime | None:
    return min((row.ready for row in portal.waiting_assignments if row.ready is not None), default=None)


def _carry_out(portal: Portal, row: Assignment, *, now: datetime) -> None:
    for ref in row.users:
        user = portal.store.users.by_ref(ref)
        if user is None or not user.active:
            row.outcomes[ref] = ("Failed", "Invalid user" if user is None else "The user is inactive")
            continue
        try:
            rows = [
                register(portal, user, found, wanted=row.wanted, now=now, actor_id=None, assignment_id=row.id, due=row.due_date)
                for found in (learning_object(portal, id) for id in row.trainings)
                if found is not None
            ]
            row.outcomes[ref] = (rows[-1].status, None)
        except CannotRegister as err:
            row.outcomes[ref] = ("Failed", str(err))
    failed = any(status == "Failed" for status, _ in row.outcomes.values())
    row.status = "CompletedWithErrors" if failed else "Completed"


def _read(portal: Portal, call: Call) -> Assignment:
    body = call.json_object()
    title = fields.text(body, "title", required=True, most=500) or ""
    trainings = []
    for item in fields.rows_of(body, "trainings"):
        id = fields.text(item, "learningObjectId", required=True) or ""
        found = learning_object(portal, id)
        if found is None:
            raise Invalid(f"Invalid learningObjectId {id}")
        trainings.append(found.id)
    users = body.get("users")
    if not isinstance(users, list) or not all(isinstance(ref, str) and ref.strip() for ref in users):
        raise Invalid("users must be a list of user ids")
    users = list(dict.fromkeys(users))
    if not trainings or not users:
        raise Invalid("At least one training and one user are required")
    if len(users) > MOST_USERS or len(trainings) > 100:
        raise Invalid(f"At most {MOST_USERS} users and 100 trainings are taken")
    wanted = WANTED.get((fields.text(body, "assignmentStatus", required=True) or "").lower())
    if wanted is None:
        raise Invalid("assignmentStatus must be Approved, Assigned or Registered")
    delay = timedelta(seconds=portal.settings["assignment_delay_seconds"])
    return Assignment(
        id=str(portal.store.number("assignment")),
        title=title,
        trainings=trainings,
        users=users,
        wanted=wanted,
        due_date=fields.text(body, "dueDate", most=40),
        send_emails=bool(fields.flag(body, "sendEmails")),
        created=call.now,
        ready=None if portal.settings.take_one("assignments_stuck") else call.now + delay,
    )


def _switched_on(portal: Portal) -> None:
    if not portal.settings["learning_assignment_paths"]:
        raise ApiError(404, "Not found")
