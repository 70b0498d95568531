"""What happens to transcript rows: registering, withdrawing, completing, and the event row that a session row replaces.

Event and session rows: help.csod.com "Transcript - Events and Sessions"; registration numbers: Data Exporter objects.
"""

from __future__ import annotations

from datetime import datetime

from csod_pipelines.sandbox.cornerstone import statuses
from csod_pipelines.sandbox.cornerstone.envelopes import stamp_ms
from csod_pipelines.sandbox.cornerstone.portal import Portal
from csod_pipelines.sandbox.cornerstone.rows import DIVISION, LOCATION, Session, Training, TranscriptRow, User

_HOOKS = {
    statuses.REGISTERED: ("TrainingRegistered", "training_registered_hook"),
    statuses.WITHDRAWN: ("TrainingWithdrawn", "training_withdrawn_hook"),
    statuses.COMPLETED: ("TrainingCompleted", "training_completed_hook"),
}


class CannotRegister(ValueError):
    """The portal will not put this person on this training; the text says why."""


def learning_object(portal: Portal, object_id: str) -> Training | Session | None:
    key = object_id.strip().lower()
    return portal.store.sessions.get(key) or portal.store.trainings.get(key)


def training_of(portal: Portal, found: Training | Session) -> Training:
    return found if isinstance(found, Training) else portal.store.trainings[found.event_id]


def seats_taken(portal: Portal, session: Session) -> int:
    return sum(1 for row in portal.store.transcripts.of_object(session.id) if row.status in statuses.SEATED and not row.removed)


def register(
    portal: Portal,
    user: User,
    found: Training | Session,
    *,
    wanted: str,
    now: datetime,
    actor_id: int | None,
    assignment_id: str | None = None,
    due: str | None = None,
) -> TranscriptRow:
    """Put somebody on a training, or move a standing row up. Asking again for what is there changes nothing."""
    if isinstance(found, Training) and found.object_type == "Event" and wanted == statuses.REGISTERED:
        wanted = statuses.APPROVED  # an event offers "Select Session"; one registers on sessions only
    if isinstance(found, Session):
        _check_session(portal, found, now=now)
        if wanted == statuses.REGISTERED and found.maximum is not None and seats_taken(portal, found) >= found.maximum:
            wanted = statuses.WAIT_LISTED
    row = portal.store.transcripts.latest(user.id, found.id)
    standing = row is not None and not row.removed and row.status in statuses.OPEN
    if row is not None and standing:
        if (
            row.status in (statuses.REGISTERED, statuses.IN_PROGRESS)
            or row.status == wanted
            or wanted not in (statuses.REGISTERED, statuses.WAIT_LISTED)
        ):
            return row
    elif row is not None and not row.removed and row.status in statuses.DONE:
        raise CannotRegister("The user has already completed this training")
    if row is None or not standing:
        row = _new_row(portal, user, found, now=now)
        if actor_id != user.id and portal.settings["training_assigned_hook"]:  # who registers themselves are not assigned
            _tell(portal, "TrainingAssigned", row, actor_id=actor_id, now=now)
    row.assignment_id, row.assigned_by = assignment_id or row.assignment_id, actor_id
    row.due = due or row.due
    row.assigned_at = row.assigned_at or now
    set_status(portal, row, wanted, now=now, actor_id=actor_id)
    return row


def set_status(portal: Portal, row: TranscriptRow, status: str, *, now: datetime, actor_id: int | None) -> None:
    """Move a row, with the stamps and webhooks that belong to it, and let its event row follow."""
    before, row.status = row.status, status
    if status == statuses.REGISTERED:
        row.registered_at = now
        _replace_event_row(portal, row, now=now)
    elif status in (statuses.WITHDRAWN, statuses.CANCELLED):
        row.withdrawn_at = now
    elif status in statuses.DONE:
        row.completed_at = row.completed_at or now
    portal.store.touch_transcript(row, now)
    if status in statuses.DONE or status in (statuses.WITHDRAWN, statuses.CANCELLED, statuses.DENIED):
        _return_event_row(portal, row, now=now)
    if before != status and status in _HOOKS:
        case, switch = _HOOKS[status]
        if portal.settings[switch]:
            _tell(portal, case, row, actor_id=actor_id, now=now)
    if before in statuses.SEATED and status not in statuses.SEATED:
        _promote(portal, row.object_id, now=now)


def _tell(portal: Portal, case: str, row: TranscriptRow, *, actor_id: int | None, now: datetime) -> None:
    portal.hooks.emit("lms", case, hook_data(portal, row, actor_id=actor_id, now=now), actor_id=actor_id, now=now)


def withdraw(portal: Portal, row: TranscriptRow, *, now: datetime, actor_id: int | None, comment: str | None = None) -> None:
    row.comment = comment or row.comment
    set_status(portal, row, statuses.WITHDRAWN, now=now, actor_id=actor_id)


def remove(portal: Portal, row: TranscriptRow, *, now: datetime, removed: bool = True) -> None:
    row.removed = removed
    portal.store.touch_transcript(row, now)
    if removed:
        _return_event_row(portal, row, now=now)
        _promote(portal, row.object_id, now=now)


def hook_data(portal: Portal, row: TranscriptRow, *, actor_id: int | None, now: datetime) -> dict[str, object]:
    """Names and choice of keys: csod.dev payload sample. No score, no status text, no training type."""
    user = portal.store.users.get(row.user_id)
    found = learning_object(portal, row.object_id)
    assert user is not None and found is not None
    training = training_of(portal, found)
    provider = next((p.id for p in portal.store.providers.values() if p.name == training.provider), None)
    actor = portal.store.users.get(actor_id) if actor_id is not None else None
    refs = {type_id: portal.store.ous.get(user.ous.get(type_id)) for type_id in (DIVISION, LOCATION)}
    division, location = refs[DIVISION], refs[LOCATION]
    return {
        "trainingId": found.id,
        "trainingRef": found.session_id if isinstance(found, Session) else found.number,
        "trainingTitle": training.title,
        "providerId": provider,
        "targetUserId": user.id,
        "targetUserRef": user.external_id,
        "targetUserGuid": user.guid,
        "targetUsername": user.user_name,
        "targetUserFirstName": user.first_name,
        "targetUserLastName": user.last_name,
        "targetUserDivisionRef": division.external_id if division else None,
        "targetUserLocationRef": location.external_id if location else None,
        "createdByUserId": actor_id,
        "createdByUserRef": actor.external_id if actor else None,
        "dueDateTimestamp": None,
        "isStandaloneOnTranscript": True,
        "trainingRegistrationNumber": row.reg_num,
        "trainingActionDateTimestamp": stamp_ms(now),
        "transcriptUrl": f"/phnx/driver.aspx?routename=Social/UniversalProfile/Transcript&TargetUser={user.id}",
    }


def _check_session(portal: Portal, session: Session, *, now: datetime) -> None:
    if session.cancelled or not session.active:
        raise CannotRegister("The session is cancelled or inactive")
    ends = session.ends_at
    if ends is not None and ends <= now and not portal.settings["register_past_session"]:
        raise CannotRegister("The session is over")


def _new_row(portal: Portal, user: User, found: Training | Session, *, now: datetime) -> TranscriptRow:
    table = portal.store.transcripts
    row = TranscriptRow(
        serial=len(table.rows),
        user_id=user.id,
        object_id=found.id,
        object_type="Session" if isinstance(found, Session) else found.object_type,
        reg_num=len(table.history(user.id, found.id)) + 1,
        status=statuses.NOT_STARTED,
        modified=now,
    )
    table.add(row)
    portal.store.touch_transcript(row, now, new=True)
    return row


def _event_row(portal: Portal, row: TranscriptRow) -> TranscriptRow | None:
    session = portal.store.sessions.get(row.object_id)
    return portal.store.transcripts.latest(row.user_id, session.event_id) if session else None


def _replace_event_row(portal: Portal, row: TranscriptRow, *, now: datetime) -> None:
    event = _event_row(portal, row)
    if event is not None and not event.removed and event.status in statuses.OPEN and not event.replaced:
        event.replaced = True
        portal.store.touch_transcript(event, now)


def _return_event_row(portal: Portal, row: TranscriptRow, *, now: datetime) -> None:
    event = _event_row(portal, row)
    if event is None or not event.replaced:
        return
    event.replaced = False
    if row.status in statuses.DONE:
        event.status, event.completed_at = statuses.COMPLETED, row.completed_at
    portal.store.touch_transcript(event, now)


def _promote(portal: Portal, object_id: str, *, now: datetime) -> None:
    session = portal.store.sessions.get(object_id)
    if session is None or session.maximum is None or not portal.settings["waitlist_promotes"]:
        return
    waiting = [r for r in portal.store.transcripts.of_object(object_id) if r.status == statuses.WAIT_LISTED and not r.removed]
    for row in sorted(waiting, key=lambda r: r.serial)[: max(0, session.maximum - seats_taken(portal, session))]:
        set_status(portal, row, statuses.REGISTERED, now=now, actor_id=None)
