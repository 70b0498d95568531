"""Reporting API: OData views over a warehouse that lags, repeats rows across pages, and breaks off in the middle of a 200."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote

from csod_pipelines.sandbox.cornerstone import statuses
from csod_pipelines.sandbox.cornerstone.envelopes import Answer, ApiError, Call
from csod_pipelines.sandbox.cornerstone.exporter import metadata_xml
from csod_pipelines.sandbox.cornerstone.feed import Feed
from csod_pipelines.sandbox.cornerstone.feed_pages import Service, serve
from csod_pipelines.sandbox.cornerstone.feed_rows import Row, user_row
from csod_pipelines.sandbox.cornerstone.feeds import OBJECTS, USER
from csod_pipelines.sandbox.cornerstone.feeds_more import MORE_VIEWS
from csod_pipelines.sandbox.cornerstone.names import CULTURES
from csod_pipelines.sandbox.cornerstone.portal import Portal
from csod_pipelines.sandbox.cornerstone.rows import COST_CENTER, DIVISION, GRADE, LOCATION, POSITION

PATH = "/services/api/x/odata/api/views"


def read(portal: Portal, call: Call) -> Answer:
    name = call.params["view"]
    feed = VIEWS.get(name)
    if feed is None and "$" in name:
        return _redirect(call, name)
    if feed is None or (name in _SWITCHED and not portal.settings[_SWITCHED[name]]):
        raise ApiError(404, f"View {name} not found")
    settings = portal.settings
    if name.startswith(_STATUS.name):
        feed = _status_feed(feed, *settings["status_ids"])
    service = Service(
        path=PATH, lag_seconds=settings["reporting_lag_seconds"], tracks=False, repeated_rows=settings["reporting_repeated_rows"]
    )
    answer = serve(portal, call, feed, service)
    if settings.take_one("reporting_truncated_answers"):
        return replace(answer, body=answer.body[: len(answer.body) * 2 // 3])
    return answer


def _redirect(call: Call, name: str) -> Answer:
    """Options without the question mark before them: 302 (csod.dev, request resiliency)."""
    view, _, options = name.partition("$")
    target = f"{call.base}{PATH}/{quote(view.rstrip('?&'))}?$" + quote(options, safe="=&$,()'")
    return Answer(status=302, headers={"location": target}, effects=call.effect())


def catalogue(portal: Portal, call: Call) -> Answer:
    rows = [{"name": name, "kind": "EntitySet", "url": name} for name in VIEWS]
    return Answer(body={"@odata.context": f"{call.base}{PATH}/$metadata", "value": rows}, effects=call.effect())


def metadata(portal: Portal, call: Call) -> Answer:
    body = metadata_xml(VIEWS, tracked=False)
    return Answer(body=body.encode(), headers={"content-type": "application/xml"}, effects=call.effect())


def _subjects(portal: Portal, after: int) -> Iterator[tuple[int, Row]]:
    for row in portal.store.subjects.values():
        if row.id > after:
            yield row.id, {"subject_id": row.id, "title": row.title, "parent_id": row.parent_id, "_last_touched_dt_utc": row.modified}


def _providers(portal: Portal, after: int) -> Iterator[tuple[int, Row]]:
    for row in portal.store.providers.values():
        if row.id > after:
            yield row.id, {"provider_id": row.id, "name": row.name, "active": row.active, "_last_touched_dt_utc": row.modified}


def _statuses(portal: Portal, after: int) -> Iterator[tuple[int, Row]]:
    for title, id in sorted(statuses.IDS.items(), key=lambda item: item[1]):
        if id > after:
            yield id, {"status_id": id, "title": title}


_USER_OUS = {
    "user_div": DIVISION,
    "user_pos": POSITION,
    "user_grade": GRADE,
    "user_center": COST_CENTER,
    "user_location": LOCATION,
}
_LANGUAGE_IDS = {culture[0]: number for number, culture in enumerate(CULTURES, start=1)}


def _users(portal: Portal, after: int) -> Iterator[tuple[int, Row]]:
    for user in portal.store.users.after(after):
        row = user_row(user) | {"user_hire_dt_last": user.hired, "user_personal_email": user.more.get("personalEmail")}
        row["user_language_id"] = _LANGUAGE_IDS.get(user.language)
        for name, type_id in _USER_OUS.items():
            ou = portal.store.ous.get(user.ous.get(type_id))
            row[f"{name}_id"], row[f"{name}_ref"] = (ou.id, ou.external_id) if ou else (None, None)
        yield user.id, row


_USER_FIELDS = USER | {"user_hire_dt_last": "text", "user_personal_email": "text", "user_language_id": "int"}
_USER_FIELDS |= {f"{name}_id": "int" for name in _USER_OUS} | {f"{name}_ref": "text" for name in _USER_OUS}

# a client reads statuses under two names
_STATUS = Feed(name="vw_rpt_transcript_status", fields={"status_id": "int", "title": "text"}, key=("status_id",), walk=_statuses)


def _status_feed(feed: Feed, number: str, title: str) -> Feed:
    """The view with the columns that ``status_ids`` names."""

    def walk(portal: Portal, after: int) -> Iterator[tuple[int, Row]]:
        return ((position, {number: row["status_id"], title: row["title"]}) for position, row in _statuses(portal, after))

    return replace(feed, fields={number: "int", title: "text"}, key=(number,), walk=walk)


def _view_of(name: str, view: str) -> Feed:
    return replace(OBJECTS[name], name=view, indexed=None, source=name)


VIEWS: dict[str, Feed] = {
    feed.name: feed
    for feed in (
        Feed(
            name="vw_rpt_training_subject",
            fields={"subject_id": "int", "title": "text", "parent_id": "int", "_last_touched_dt_utc": "instant"},
            key=("subject_id",),
            walk=_subjects,
            source="subjects",
        ),
        Feed(
            name="vw_rpt_training_provider",
            fields={"provider_id": "int", "name": "text", "active": "bool", "_last_touched_dt_utc": "instant"},
            key=("provider_id",),
            walk=_providers,
            source="providers",
        ),
        _STATUS,
        replace(_STATUS, name="vw_rpt_transcript_status_local"),
        replace(_view_of("users_core", "vw_rpt_user"), fields=_USER_FIELDS, walk=_users, narrow=None),
        _view_of("user_ou_core", "vw_rpt_user_ou"),
        _view_of("ou_core", "vw_rpt_ou"),
        _view_of("ou_type_core", "vw_rpt_ou_type"),
        _view_of("transcript_core", "vw_rpt_transcript"),
        _view_of("training_core", "vw_rpt_training"),
        *MORE_VIEWS,
    )
}
_SWITCHED = {"vw_rpt_training_subject": "reporting_subject_view", "vw_rpt_training_provider": "reporting_provider_view"}
