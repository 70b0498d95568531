"""LO API, writing: ``LO/Create`` and ``LO/Update``. A record that is refused answers ``Result: Failed`` inside a 200."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from csod_pipelines.sandbox.cornerstone import fields
from csod_pipelines.sandbox.cornerstone.availability import read_availabilities
from csod_pipelines.sandbox.cornerstone.envelopes import Answer, Call, legacy, records
from csod_pipelines.sandbox.cornerstone.fields import Invalid
from csod_pipelines.sandbox.cornerstone.parts import read_parts, replace_parts
from csod_pipelines.sandbox.cornerstone.portal import Portal
from csod_pipelines.sandbox.cornerstone.rows import Session, Training
from csod_pipelines.sandbox.kit import Effect

_KINDS = {"event": "EventItem", "session": "SessionItem", "material": "MaterialItem", "course": "OnlineItem", "online course": "OnlineItem"}


def create(portal: Portal, call: Call) -> Answer:
    data: list[dict[str, Any]] = []
    effects: list[Effect] = []
    for record in records(call):
        try:
            row = _create_one(portal, call, record)
        except Invalid as err:
            data.append({"Result": "Failed", "Reason": str(err), "LOID": None, "Locator": None})
            continue
        locator = row.locator if isinstance(row, Session) else None
        data.append({"Result": "Success", "Reason": None, "LOID": row.id, "Locator": locator})
        effects += call.effect("create", kind="sessions" if isinstance(row, Session) else "events", id=row.id)
    status = portal.settings["lo_create_status"] if len(effects) == len(data) else 200
    body = legacy(call, data, created=len(effects), status=status)
    return Answer(status=status, body=body, effects=tuple(effects) or call.effect())


def update(portal: Portal, call: Call) -> Answer:
    data: list[dict[str, Any]] = []
    effects: list[Effect] = []
    for record in records(call):
        try:
            row = _update_one(portal, call, record)
        except Invalid as err:
            data.append({"Result": "Failed", "Reason": str(err), "LOID": None, "Locator": None})
            continue
        data.append({"Result": "Success", "Reason": None, "LOID": row.id, "Locator": row.locator})
        effects += call.effect("update", kind="sessions", id=row.id)
    return Answer(body=legacy(call, data), effects=tuple(effects) or call.effect())


def _create_one(portal: Portal, call: Call, record: Mapping[str, Any]) -> Training | Session:
    _check_actor(portal, call, record)
    kind = (fields.text(record, "Type", required=True) or "").lower()
    if kind not in _KINDS:
        raise Invalid(f"Invalid Type {record['Type']}")
    item = record.get(_KINDS[kind])
    if not isinstance(item, dict):
        raise Invalid(f"{_KINDS[kind]} is required")
    if kind == "session":
        return _create_session(portal, call, record, item)
    return _create_training(portal, call, record, item, kind)


def _create_training(portal: Portal, call: Call, record: Mapping[str, Any], item: Mapping[str, Any], kind: str) -> Training:
    event = kind == "event"
    title = fields.text(item, "EventName" if event else "Title", required=True, most=500) or ""
    number = fields.text(item, "EventNumber", required=event, most=100)
    if event and portal.store.training_numbered(number or "") is not None:
        raise Invalid("Event number already exists")
    least, most = _seats(item, default_least=0, default_most=None)
    row = Training(
        id=portal.guid(),
        number=number.strip() if number else None,
        title=title,
        object_type={"event": "Event", "material": "Material"}.get(kind, "Online Course"),
        description=fields.text(item, "Description", most=100_000) or "",
        objectives=fields.text(item, "Objectives", most=100_000) or "",
        provider=_provider(portal, item, required=event),
        subjects=_subjects(portal, record),
        languages=_languages(record),
        active=fields.flag(item, "OptionsActive") is not False,
        minimum=least,
        maximum=most,
        minutes=60 * (fields.whole(record, "TrainingHours", least=0, most=100_000) or 0)
        + (fields.whole(record, "TrainingMins", least=0, most=100_000) or 0),
        copies_availability=bool(fields.flag(item, "CopyAvailabilityToNewSessions")),
        availabilities=read_availabilities(portal, record),
        url=fields.text(item, "Url", most=2000),
        created=call.now,
        modified=call.now,
    )
    portal.store.add_training(row)
    portal.store.touch_training(row, call.now, new=True)
    return row


def _create_session(portal: Portal, call: Call, record: Mapping[str, Any], item: Mapping[str, Any]) -> Session:
    number = fields.text(item, "EventID") or fields.text(item, "EventLoRef") or ""
    event = portal.store.training_numbered(number)
    if event is None or event.object_type != "Event" or not event.active:
        raise Invalid(f"Invalid EventID {number}")
    session_id = _session_id(portal, item)
    least, most = _seats(item, default_least=event.minimum, default_most=event.maximum)
    parts = read_parts(portal, item)
    if not parts:
        raise Invalid("At least one part is required")
    given = read_availabilities(portal, record)
    rule = portal.settings["default_min_parts"]
    row = Session(
        id=portal.guid(),
        event_id=event.id,
        session_id=session_id,
        locator=portal.store.number("locator"),
        minimum=least,
        maximum=most,
        min_parts=len(parts) if rule == "all" else int(rule),
        parts=parts,
        availabilities=given or ([dict(a) for a in event.availabilities] if event.copies_availability else []),
        created=call.now,
        modified=call.now,
    )
    portal.store.add_session(row)
    portal.store.touch_training(row, call.now, new=True)
    return row


def _update_one(portal: Portal, call: Call, record: Mapping[str, Any]) -> Session:
    _check_actor(portal, call, record)
    if (fields.text(record, "Type") or "Session").lower() != "session":
        raise Invalid("Only sessions can be updated")
    item = record.get("SessionItem")
    if not isinstance(item, dict):
        raise Invalid("SessionItem is required")
    row = _addressed(portal, item)
    session_id = _session_id(portal, item, own=row) if "SessionID" in item else row.session_id
    least, most = _seats(item, default_least=row.minimum, default_most=row.maximum)
    parts = replace_parts(portal, item, row) if item.get("Parts") is not None else row.parts
    if not parts:
        raise Invalid("At least one part is required")
    if row.parts and row.min_parts == len(row.parts) and portal.settings["default_min_parts"] == "all":
        row.min_parts = len(parts)
    kept = {part.id for part in parts}
    for gone in [part for part in row.parts if part.id not in kept]:
        for entry in portal.store.transcripts.of_object(row.id):
            entry.attendance.pop(gone.id, None)
    row.minimum, row.maximum, row.parts = least, most, parts
    portal.store.rename_session(row, session_id)
    portal.store.touch_training(row, call.now)
    return row


def _addressed(portal: Portal, item: Mapping[str, Any]) -> Session:
    object_id, locator = fields.text(item, "LoID"), fields.whole(item, "Locator")
    if object_id:
        row = portal.store.sessions.get(object_id.strip().lower())
    elif locator is not None:
        row = portal.store.sessions.get(portal.store.session_by_locator.get(locator, ""))
    else:
        raise Invalid("LoID or Locator is required")
    if row is None:
        raise Invalid(f"Invalid LoID {object_id}" if object_id else f"Invalid Locator {locator}")
    return row


def _check_actor(portal: Portal, call: Call, record: Mapping[str, Any]) -> None:
    name = fields.text(record, "ActorID")
    if portal.actor(name, client_id=call.client_id) is None:
        raise Invalid(f"Invalid ActorID {name}")


def _session_id(portal: Portal, item: Mapping[str, Any], *, own: Session | None = None) -> str | None:
    value = fields.text(item, "SessionID", most=100)
    value = value.strip() if value else None
    if value and not portal.settings["duplicate_session_id_accepted"]:
        others = [id for id in portal.store.sessions_by_ref.get(value.casefold(), []) if own is None or id != own.id]
        if others:
            raise Invalid("Session ID already exists")
    return value or None


def _seats(item: Mapping[str, Any], *, default_least: int, default_most: int | None) -> tuple[int, int | None]:
    least = fields.whole(item, "MinimumRegistration", least=0, most=1_000_000)
    most = fields.whole(item, "MaximumRegistration", least=0, most=1_000_000)
    least, most = default_least if least is None else least, default_most if most is None else most
    if most is not None and least > most:
        if item.get("MinimumRegistration") is not None:
            raise Invalid("MinimumRegistration must not be greater than MaximumRegistration")
        least = most  # a default gives way to the value that was asked for
    return least, most


def _provider(portal: Portal, item: Mapping[str, Any], *, required: bool) -> str | None:
    name = fields.text(item, "PrimaryProviderName", required=required)
    if name is None:
        return None
    found = next((p for p in portal.store.providers.values() if p.name.casefold() == name.strip().casefold()), None)
    if found is None or not found.active:
        raise Invalid(f"Invalid PrimaryProviderName {name}")
    return found.name


def _subjects(portal: Portal, record: Mapping[str, Any]) -> list[str]:
    """By title, not by id; where several subjects share the title, the first one is taken."""
    titles = []
    for item in fields.rows_of(record, "SubjectTitles"):
        wanted = (fields.text(item, "Title", required=True) or "").strip()
        found = next((s for s in portal.store.subjects.values() if s.title.casefold() == wanted.casefold()), None)
        if found is None:
            raise Invalid(f"Invalid subject title {wanted}")
        titles.append(found.title)
    return titles


def _languages(record: Mapping[str, Any]) -> list[tuple[str, str]]:
    items = fields.rows_of(record, "AvailableLanguages")
    chosen = [(fields.text(item, "Language") or "", fields.text(item, "LanguageID", required=True) or "") for item in items]
    return chosen or [("English (US)", "en-US")]
