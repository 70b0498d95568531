"""The older transcript reads: TranscriptAndTask (one user) and Transcript Search (a window of at most 24 hours).

Both return active users only, 50 rows a page, no custom fields (csod.dev pages of the two services); keys as clients read them.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, TypeVar

from csod_pipelines.sandbox.cornerstone import fields, statuses
from csod_pipelines.sandbox.cornerstone.envelopes import Answer, ApiError, Call, legacy, stamp_a
from csod_pipelines.sandbox.cornerstone.lo_details import part_detail
from csod_pipelines.sandbox.cornerstone.portal import Portal
from csod_pipelines.sandbox.cornerstone.registrations import learning_object, training_of
from csod_pipelines.sandbox.cornerstone.rows import LOCATION, Session, TranscriptRow, User
from csod_pipelines.sandbox.cornerstone.timezones import local

PAGE_SIZE = 50
LONGEST_WINDOW = timedelta(hours=24)
_NAMESPACE = "www.CornerStoneOnDemand.com/Services"

T = TypeVar("T")


def transcript(portal: Portal, call: Call) -> Answer:
    """Removed and archived rows are never shown. ``Status`` is matched as it is displayed."""
    user = _active_user(portal, call)
    rows = [row for row in _visible(portal, user) if not row.archived]
    wanted = call.query.get("status", "").strip().casefold()
    if wanted:
        rows = [row for row in rows if row.status.casefold() == wanted]
    if fields.query_flag(call, "InprogressOnly"):
        rows = [row for row in rows if statuses.group_of(row.status) == "InProgress"]
    items = [_transcript_item(portal, row) for row in _page(call, rows)]
    links = {"TranscriptsSummaryUrl": f"{call.base}/LMS/UserTranscript/MainView.aspx", "InprogressSummaryUrl": None}
    return Answer(body=legacy(call, [links | {"Transcripts": items}], total=len(rows)), effects=call.effect())


def sessions(portal: Portal, call: Call) -> Answer:
    """Upcoming sessions."""
    user = _active_user(portal, call)
    rows = []
    for row in _visible(portal, user):
        session = portal.store.sessions.get(row.object_id)
        if session is not None and row.status in statuses.OPEN and session.ends_at is not None and session.ends_at > call.now:
            rows.append((row, session))
    data = [_session_item(portal, call, row, session) for row, session in _page(call, rows)]
    return Answer(body=legacy(call, data, total=len(rows)), effects=call.effect())


def assigned(portal: Portal, call: Call) -> Answer:
    user = _active_user(portal, call)
    rows = [row for row in _visible(portal, user) if row.status in (statuses.ASSIGNED, statuses.APPROVED, statuses.REGISTERED)]
    data = [_transcript_item(portal, row) for row in _page(call, rows)]
    return Answer(body=legacy(call, data, total=len(rows)), effects=call.effect())


def suggested(portal: Portal, call: Call) -> Answer:
    _active_user(portal, call)
    return Answer(body=legacy(call, []), effects=call.effect())


def search(portal: Portal, call: Call) -> Answer:
    start, end = _window(call)
    rows = [row for row in portal.store.transcripts.rows if start <= row.modified <= end and not row.removed and not row.replaced]
    query = call.query
    if query.get("userid"):
        wanted_user = portal.store.users.by_ref(query["userid"])
        rows = [row for row in rows if wanted_user is not None and row.user_id == wanted_user.id]
    if query.get("lotype"):
        rows = [row for row in rows if row.object_type.casefold() == query["lotype"].casefold()]
    if query.get("loid"):
        rows = [row for row in rows if row.object_id == query["loid"].strip().lower()]
    if query.get("status"):
        rows = [row for row in rows if row.status.casefold() == query["status"].strip().casefold()]
    shown = [(row, user) for row, user in ((row, portal.store.users.get(row.user_id)) for row in rows) if user is not None and user.active]
    data = [_search_item(portal, row, user) for row, user in _page(call, shown)]
    return Answer(body=legacy(call, data, total=len(shown)), effects=call.effect())


def _window(call: Call) -> tuple[datetime, datetime]:
    """No dates: the last 24 hours; only a start: the next 24; only an end: the 24 before. UTC."""
    try:
        start, end = (
            fields.instant(call.query[name.lower()], name) if call.query.get(name.lower()) else None
            for name in ("ModificationStartDate", "ModificationEndDate")
        )
    except fields.Invalid as err:
        raise ApiError(400, str(err)) from err
    if start is None and end is None:
        return call.now - LONGEST_WINDOW, call.now
    first = start if start is not None else (end or call.now) - LONGEST_WINDOW
    last = end if end is not None else first + LONGEST_WINDOW
    if last < first or last - first > LONGEST_WINDOW:
        raise ApiError(400, "The date range between ModificationStartDate and ModificationEndDate must not exceed 24 hours")
    return first, last


def _active_user(portal: Portal, call: Call) -> User:
    ref = call.query.get("userid")
    user = portal.store.users.by_ref(ref) if ref else portal.service_user(call.client_id)
    if user is None or not user.active:
        raise ApiError(400, "Invalid user")
    return user


def _visible(portal: Portal, user: User) -> list[TranscriptRow]:
    return [row for row in portal.store.transcripts.of_user(user.id) if not row.removed and not row.replaced]


def _page(call: Call, rows: list[T]) -> list[T]:
    page = fields.query_whole(call, "PageNumber", least=1, most=1_000_000) or 1
    return rows[(page - 1) * PAGE_SIZE : page * PAGE_SIZE]


def _stamp(moment: datetime | None) -> str | None:
    return None if moment is None else stamp_a(moment)


def _transcript_item(portal: Portal, row: TranscriptRow) -> dict[str, Any]:
    found = learning_object(portal, row.object_id)
    assert found is not None
    training = training_of(portal, found)
    item: dict[str, Any] = {
        "__type": f"{row.object_type.replace(' ', '')}TranscriptItem:{_NAMESPACE}",
        "LoId": row.object_id,
        "LoType": row.object_type,
        "LoProviderId": found.session_id if isinstance(found, Session) else training.number,
        "ProviderName": training.provider,
        "Title": training.title,
        "Status": row.status,
        "Score": None if row.score is None else f"{row.score:g}",
        "RegistrationDate": _stamp(row.registered_at or row.assigned_at),
        "DueDate": row.due,
        "CompletionDate": _stamp(row.completed_at),
        "LastAccessDate": _stamp(row.modified),
        "TotalTime": f"{training.minutes // 60:04d}:{training.minutes % 60:02d}:00",
        "TrainingHours": f"{training.minutes // 60:04d}:{training.minutes % 60:02d}:00",
        "LaunchUrl": None,
        "Subjects": list(training.subjects),
    }
    if isinstance(found, Session):
        item |= {
            "StartDateTime": _stamp(found.starts_at),
            "EndDateTime": _stamp(found.ends_at),
            "Parts": [part_detail(part) for part in found.parts],
        }
    return item


def _session_item(portal: Portal, call: Call, row: TranscriptRow, session: Session) -> dict[str, Any]:
    first = session.parts[0]
    start = local(first.start, label=first.time_zone)
    training = portal.store.trainings[session.event_id]
    site = portal.store.ous.by_ref(first.location_ref, type_id=LOCATION) if first.location_ref else None
    return {
        "LoId": session.id,
        "SessionNumber": session.session_id,
        "SessionUrl": f"{call.base}/DeepLink/ProcessRedirect.aspx?module=lodetails&lo={session.id}",
        "Title": training.title,
        "StartDate": start.strftime("%Y-%m-%d"),
        "StartTime": start.strftime("%I:%M:%S %p").lower(),
        "Location": site.name if site else None,
        "InstructorName": None,
        "ProviderName": training.provider,
        "Status": row.status,
        "Parts": [part_detail(part) for part in session.parts],
    }


def _search_item(portal: Portal, row: TranscriptRow, user: User) -> dict[str, Any]:
    item = _transcript_item(portal, row)
    entry = {
        "LOID": row.object_id,
        "LOType": row.object_type,
        "Title": item["Title"],
        "Status": row.status,
        "Score": item["Score"],
        "RegistrationNumber": row.reg_num,
        "RegistrationDate": item["RegistrationDate"],
        "CompletionDate": item["CompletionDate"],
        "ModificationDate": stamp_a(row.modified),
    }
    return {"TranscriptItem": {"UserId": user.external_id, "UserGuid": user.guid, "Transcripts": [entry]}}
