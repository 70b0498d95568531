"""Acts on sessions and transcripts: what learners, managers and training administrators do on the screens."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from csod_pipelines.sandbox.cornerstone import roster, state_rows, statuses
from csod_pipelines.sandbox.cornerstone.acts_kit import done, given_session, given_user, number, text
from csod_pipelines.sandbox.cornerstone.portal import Portal
from csod_pipelines.sandbox.cornerstone.registrations import learning_object, register, remove, set_status, withdraw
from csod_pipelines.sandbox.cornerstone.rows import Session, TranscriptRow, User

Arguments = Mapping[str, Any]
Work = Callable[[Portal, Arguments, datetime], dict[str, Any]]


def _row(portal: Portal, arguments: Arguments) -> tuple[User, Session, TranscriptRow]:
    user, session = given_user(portal, arguments), given_session(portal, arguments)
    row = portal.store.transcripts.latest(user.id, session.id)
    if row is None or row.removed:
        raise ValueError(f"user {user.external_id} is not on the roster of session {session.session_id or session.id}")
    return user, session, row


def _transcript_done(portal: Portal, row: TranscriptRow) -> dict[str, Any]:
    shown = state_rows.transcript(portal, row)
    return done(shown["id"], shown)


def _self_register(portal: Portal, arguments: Arguments, now: datetime) -> dict[str, Any]:
    user, session = given_user(portal, arguments), given_session(portal, arguments)
    if not user.active:
        raise ValueError(f"user {user.external_id} is inactive")
    return _transcript_done(portal, register(portal, user, session, wanted=statuses.REGISTERED, now=now, actor_id=user.id))


def _request(portal: Portal, arguments: Arguments, now: datetime) -> dict[str, Any]:
    user, session = given_user(portal, arguments), given_session(portal, arguments)
    row = register(portal, user, session, wanted=statuses.PENDING_APPROVAL, now=now, actor_id=user.id)
    return _transcript_done(portal, row)


def _assign_event(portal: Portal, arguments: Arguments, now: datetime) -> dict[str, Any]:
    user, found = given_user(portal, arguments), learning_object(portal, text(arguments, "event_id"))
    if found is None or isinstance(found, Session):
        raise ValueError(f"there is no event {arguments['event_id']}")
    return _transcript_done(portal, register(portal, user, found, wanted=statuses.APPROVED, now=now, actor_id=None))


def _withdraw(portal: Portal, arguments: Arguments, now: datetime) -> dict[str, Any]:
    user, _, row = _row(portal, arguments)
    if row.status not in statuses.OPEN:
        raise ValueError(f"a training in status {row.status} cannot be withdrawn from")
    withdraw(portal, row, now=now, actor_id=user.id, comment=arguments.get("reason"))
    return _transcript_done(portal, row)


def _complete(portal: Portal, arguments: Arguments, now: datetime) -> dict[str, Any]:
    """Mark the row complete as an administrator does on the transcript; with a pass, and every part attended unless told otherwise."""
    _, session, row = _row(portal, arguments)
    if row.status in (statuses.WITHDRAWN, statuses.CANCELLED, statuses.DENIED):
        raise ValueError(f"a training in status {row.status} cannot be completed")
    marks = arguments.get("attendance")
    row.attendance = {p.id: True for p in session.parts} if marks is None else {int(part): bool(mark) for part, mark in marks.items()}
    row.passed = True
    if arguments.get("score") is not None:
        row.score = float(arguments["score"])
    set_status(portal, row, statuses.COMPLETED, now=now, actor_id=None)
    return _transcript_done(portal, row)


def _set_status(portal: Portal, arguments: Arguments, now: datetime) -> dict[str, Any]:
    _, _, row = _row(portal, arguments)
    status = text(arguments, "status")
    if status not in statuses.IDS or status in (statuses.REMOVED, statuses.ARCHIVED):
        raise ValueError(f"unknown status {status!r}; known: {', '.join(statuses.IDS)}")
    if "passed" in arguments:
        row.passed = arguments["passed"]
    set_status(portal, row, status, now=now, actor_id=None)
    return _transcript_done(portal, row)


def _edit_roster(portal: Portal, arguments: Arguments, now: datetime) -> dict[str, Any]:
    """Attendance, pass and score of one learner on the roster screen; ``submit`` completes. The session must be over."""
    _, session, row = _row(portal, arguments)
    ends = session.ends_at
    if ends is None or ends > now:
        raise ValueError("the session has not ended")
    if row.status in statuses.DONE:
        raise ValueError("the row is completed and locked")
    marks = arguments.get("attendance")
    if marks is not None:
        known = {str(part.id): part.id for part in session.parts} | {part.name: part.id for part in session.parts}
        unknown = [name for name in marks if str(name) not in known]
        if unknown:
            raise ValueError(f"there is no part {unknown[0]}")
        row.attendance |= {known[str(name)]: bool(mark) for name, mark in marks.items()}
    if "passed" in arguments:
        row.passed = arguments["passed"]
    if arguments.get("score") is not None:
        row.score = float(arguments["score"])
    portal.store.touch_transcript(row, now)
    if arguments.get("submit"):
        session.submitted = True
        set_status(portal, row, roster.final_status(portal, session, row), now=now, actor_id=None)
    return _transcript_done(portal, row)


def _flagged(name: str, value: bool) -> Work:
    def work(portal: Portal, arguments: Arguments, now: datetime) -> dict[str, Any]:
        user, found = given_user(portal, arguments), learning_object(portal, str(arguments.get("session_id") or arguments.get("event_id")))
        row = portal.store.transcripts.latest(user.id, found.id) if found else None
        if row is None:
            raise ValueError("there is no such transcript row")
        if name == "removed":
            remove(portal, row, now=now, removed=value)
        else:
            row.archived = value
            portal.store.touch_transcript(row, now)
        return _transcript_done(portal, row)

    return work


def _set_min_parts(portal: Portal, arguments: Arguments, now: datetime) -> dict[str, Any]:
    session, wanted = given_session(portal, arguments), number(arguments, "min_parts")
    if not 0 <= wanted <= len(session.parts):
        raise ValueError(f"min_parts must be from 0 to {len(session.parts)}")
    session.min_parts = wanted
    return _session_done(portal, session, now)


def _cancel_session(portal: Portal, arguments: Arguments, now: datetime) -> dict[str, Any]:
    """Learners then show Withdrawn (help desk page on cancelling a session)."""
    session = given_session(portal, arguments)
    session.cancelled = True
    for row in portal.store.transcripts.of_object(session.id):
        if not row.removed and row.status in statuses.OPEN:
            withdraw(portal, row, now=now, actor_id=None, comment="Session cancelled")
    return _session_done(portal, session, now)


def _edit_session(portal: Portal, arguments: Arguments, now: datetime) -> dict[str, Any]:
    session = given_session(portal, arguments)
    if "minimum_registration" in arguments:
        session.minimum = number(arguments, "minimum_registration")
    if "maximum_registration" in arguments:
        session.maximum = None if arguments["maximum_registration"] is None else number(arguments, "maximum_registration")
    if "new_session_id" in arguments:
        portal.store.rename_session(session, text(arguments, "new_session_id"))
    for change in arguments.get("parts") or ():
        part = next((p for p in session.parts if p.id == change.get("id") or p.name == change.get("name")), None)
        if part is None:
            raise ValueError(f"there is no part {change}")
        part.start, part.end = _moment(change.get("start")) or part.start, _moment(change.get("end")) or part.end
        part.location_ref = change.get("location_ref", part.location_ref)
    return _session_done(portal, session, now)


def _moment(value: Any) -> datetime | None:
    if value is None:
        return None
    parsed = datetime.fromisoformat(str(value))
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def _edit_event(portal: Portal, arguments: Arguments, now: datetime) -> dict[str, Any]:
    row = portal.store.trainings.get(text(arguments, "id").lower())
    if row is None:
        raise ValueError(f"there is no event {arguments['id']}")
    row.title = arguments.get("title", row.title)
    row.description = arguments.get("description", row.description)
    row.active = bool(arguments.get("active", row.active))
    if "subjects" in arguments:
        known = {s.title for s in portal.store.subjects.values()}
        if not set(arguments["subjects"]) <= known:
            raise ValueError(f"subjects must be among {sorted(known)}")
        row.subjects = list(arguments["subjects"])
    if "provider" in arguments:
        if arguments["provider"] not in {p.name for p in portal.store.providers.values()}:
            raise ValueError(f"there is no provider {arguments['provider']}")
        row.provider = arguments["provider"]
    portal.store.touch_training(row, now)
    return done(row.id, state_rows.event(portal, row))


def _session_done(portal: Portal, session: Session, now: datetime) -> dict[str, Any]:
    portal.store.touch_training(session, now)
    return done(session.id, state_rows.session(portal, session))


_WHO = {"user_id": "user id or User ID", "session_id": "GUID of the session, its locator, or a SessionID that is unique"}
_ANY = _WHO | {"event_id": "GUID of the event, instead of a session"}

ACTS: dict[str, tuple[dict[str, str], Work]] = {
    "self_register": (_WHO, _self_register),
    "request_session": (_WHO, _request),
    "assign_event": ({"user_id": "user id or User ID", "event_id": "GUID of the event"}, _assign_event),
    "withdraw": (_WHO | {"reason": "text"}, _withdraw),
    "complete": (_WHO | {"score": "number", "attendance": "{part id: true or false}; all attended when left out"}, _complete),
    "set_status": (_WHO | {"status": "title of a transcript status", "passed": "true, false or null"}, _set_status),
    "edit_roster": (
        _WHO
        | {
            "attendance": "{part id or name: true or false}",
            "passed": "true, false or null",
            "score": "number",
            "submit": "true completes",
        },
        _edit_roster,
    ),
    "remove_training": (_ANY, _flagged("removed", True)),
    "restore_training": (_ANY, _flagged("removed", False)),
    "archive_training": (_ANY, _flagged("archived", True)),
    "set_min_parts": ({"session_id": _WHO["session_id"], "min_parts": "0 up to the number of parts"}, _set_min_parts),
    "cancel_session": ({"session_id": _WHO["session_id"]}, _cancel_session),
    "edit_session": (
        {
            "session_id": _WHO["session_id"],
            "minimum_registration": "whole number",
            "maximum_registration": "whole number or null",
            "new_session_id": "text",
            "parts": "[{id or name, start, end (UTC ISO), location_ref}]",
        },
        _edit_session,
    ),
    "edit_event": (
        {
            "id": "GUID of the event",
            "title": "text",
            "description": "text",
            "active": "true or false",
            "subjects": "[title]",
            "provider": "name",
        },
        _edit_event,
    ),
}
