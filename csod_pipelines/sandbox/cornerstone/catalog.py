"""``Catalog/GlobalSearch``: everything in the portal, with the highest rights, one call at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from csod_pipelines.sandbox.cornerstone import fields
from csod_pipelines.sandbox.cornerstone.envelopes import Answer, ApiError, Call, legacy, stamp_a
from csod_pipelines.sandbox.cornerstone.portal import Portal
from csod_pipelines.sandbox.cornerstone.rows import LOCATION, OU_TYPES, Session, Training

Test = Callable[[Training | Session, Training], bool]


def global_search(portal: Portal, call: Call) -> Answer:
    _one_at_a_time(portal, call)
    if bool(call.query.get("ouid")) != bool(call.query.get("outype")):
        raise ApiError(400, "OuId and OuType each require the other")
    page = fields.query_whole(call, "PageNumber", least=1, most=1_000_000) or 1
    size = int(portal.settings["catalog_page_size"])
    tests = _tests(portal, call)
    found = [row for row, training in _rows(portal) if all(test(row, training) for test in tests)]
    data = [_item(portal, row) for row in found[(page - 1) * size : page * size]]
    return Answer(body=legacy(call, data, total=len(found)), effects=call.effect())


def _one_at_a_time(portal: Portal, call: Call) -> None:
    busy = portal.catalog_busy_until
    if busy is not None and call.now < busy:
        raise ApiError(500, "Concurrent calls to Catalog Search are not supported")
    seconds = portal.settings["catalog_busy_seconds"]
    portal.catalog_busy_until = call.now + timedelta(seconds=seconds) if seconds else None


def _rows(portal: Portal) -> Iterator[tuple[Training | Session, Training]]:
    store = portal.store
    for id in store.objects:
        training = store.trainings.get(id)
        if training is not None:
            yield training, training
        else:
            session = store.sessions[id]
            yield session, store.trainings[session.event_id]


def _tests(portal: Portal, call: Call) -> list[Test]:
    query = {name: value.strip().casefold() for name, value in call.query.items() if value.strip()}
    tests: list[Test] = []
    if fields.query_flag(call, "IncludeInactive") is not True:
        tests.append(lambda row, training: row.active and training.active and not (isinstance(row, Session) and row.cancelled))
    if "title" in query:
        tests.append(lambda row, training: query["title"] in training.title.casefold())
    if "description" in query:
        tests.append(lambda row, training: query["description"] in training.description.casefold())
    if "provider" in query:
        tests.append(lambda row, training: query["provider"] == (training.provider or "").casefold())
    if "subject" in query:
        tests.append(lambda row, training: query["subject"] in (s.casefold() for s in training.subjects))
    if query.keys() & {"skills", "competency"}:
        tests.append(lambda row, training: False)  # no training of this portal carries any
    if "trainingtype" in query:
        tests.append(lambda row, training: query["trainingtype"] == kind_of(row).casefold())
    if "language" in query:
        tests.append(lambda row, training: any(query["language"] in (n.casefold(), i.casefold()) for n, i in training.languages))
    if "location" in query:
        tests.append(lambda row, training: query["location"] in _locations(portal, row))
    if "instructor" in query:
        tests.append(
            lambda row, training: (
                isinstance(row, Session) and any(query["instructor"] == i.casefold() for p in row.parts for i in p.instructors)
            )
        )
    tests += _date_tests(call)
    if "ouid" in query:
        type_id = next((id for id, name in OU_TYPES.items() if name.casefold() == query["outype"]), 0)
        tests.append(lambda row, training: any(_names(a, query["ouid"], type_id) for a in row.availabilities))
    return tests


def _date_tests(call: Call) -> list[Test]:
    tests: list[Test] = []
    try:
        if call.query.get("fromdate"):
            first = fields.day(call.query["fromdate"], "FromDate")
            tests.append(lambda row, training: isinstance(row, Session) and row.starts_at is not None and row.starts_at.date() >= first)
        if call.query.get("todate"):
            last = fields.day(call.query["todate"], "ToDate")
            tests.append(lambda row, training: isinstance(row, Session) and row.ends_at is not None and row.ends_at.date() <= last)
    except fields.Invalid as err:
        raise ApiError(400, str(err)) from err
    return tests


def kind_of(row: Training | Session) -> str:
    return "Session" if isinstance(row, Session) else row.object_type


def _names(availability: dict[str, Any], ref: str, type_id: int) -> bool:
    kind = OU_TYPES.get(type_id, "").casefold()
    return str(availability.get("SubType", "")).casefold() == kind and str(availability["Id"]).strip().casefold() == ref


def _locations(portal: Portal, row: Training | Session) -> set[str]:
    if not isinstance(row, Session):
        return set()
    refs = {part.location_ref for part in row.parts if part.location_ref}
    sites = (portal.store.ous.by_ref(ref, type_id=LOCATION) for ref in refs)
    return {ref.strip().casefold() for ref in refs} | {site.name.casefold() for site in sites if site}


def _item(portal: Portal, row: Training | Session) -> dict[str, Any]:
    session = row if isinstance(row, Session) else None
    training = row if isinstance(row, Training) else portal.store.trainings[row.event_id]
    site = portal.store.ous.by_ref(session.parts[0].location_ref or "", type_id=LOCATION) if session and session.parts else None
    return {
        "ObjectId": row.id,
        "Title": training.title,
        "Description": training.description,
        "Provider": training.provider,
        "TrainingType": kind_of(row),
        "TrainingSubType": kind_of(row),
        "Duration": training.minutes,
        "Price": 0,
        "Subjects": [_subject(portal, title) for title in training.subjects],
        "Availabilities": [],
        "AvailableLanguages": [{"ID": id, "Name": name} for name, id in training.languages],
        "Competencies": [],
        "Skills": [],
        "Customfields": [],
        "TrainingPurposes": [],
        "Instructors": sorted({i for p in session.parts for i in p.instructors}) if session else None,
        "Location": site.name if site else None,
        "Version": "",
        "CreateDate": stamp_a(row.created),
        "ModifyDate": stamp_a(row.modified),
    }


def _subject(portal: Portal, title: str) -> dict[str, Any]:
    row = next(s for s in portal.store.subjects.values() if s.title == title)
    parent = portal.store.subjects.get(row.parent_id) if row.parent_id is not None else None
    return {
        "Id": str(row.id),
        "ParentId": str(parent.id) if parent else "",
        "ParentTitle": parent.title if parent else None,
        "Title": title,
    }
