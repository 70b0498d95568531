"""Courses and events: published in Administrate, seen in Cornerstone."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from csod_pipelines.house.story.stage import Stage, expect, external_id
from csod_pipelines.model.keys import SystemName

A = SystemName.ADMINISTRATE
CODE = "FIRE-101"
ZONE = "Europe/Berlin"


def template_is_published(stage: Stage) -> str:
    """A course template is published: an event learning object appears in Cornerstone"""
    draft = stage.administrate("course_templates", code=CODE)[0]
    template = stage.act(A, "publish_template", id=draft["id"])
    event = stage.one(
        f"a Cornerstone event {CODE}",
        lambda: stage.cornerstone("events", event_number=CODE),
        seen=lambda: stage.administrate("course_templates", id=template["id"]),
    )
    expect(event["title"] == template["title"], "the event has another title", event)
    expect((event["provider"], event["subjects"]) == ("Red Cross", ["Fire safety"]), "the event has another vendor or subject", event)
    stage.until(
        f"the event's id stands on template {CODE}",
        lambda: external_id(stage.administrate("course_templates", id=template["id"])[0], "event_lo") == event["id"],
        seen=lambda: stage.administrate("course_templates", id=template["id"]),
    )
    stage.memory["template"], stage.memory["course"] = template, event
    return f"Administrate course template {CODE} -> Cornerstone event {event['id']}"


def event_is_created(stage: Stage) -> str:
    """An event with two sessions is created: a session with two parts appears in Cornerstone"""
    days = _two_days()
    event = stage.act(
        A,
        "create_event",
        course_template_id=stage.memory["template"]["id"],
        title="Fire safety, autumn",
        time_zone_name=ZONE,
        min_places=2,
        max_places=12,
        sessions=[{"title": f"Day {number}", "start": _wall(start), "end": _wall(end)} for number, (start, end) in enumerate(days, 1)],
        publish=True,
    )
    reference = f"ADM-{event['legacy_id']}"
    session = stage.one(
        f"a Cornerstone session {reference} with two parts",
        lambda: [row for row in stage.cornerstone("sessions", session_id=reference) if len(row["parts"]) == 2],
        seen=lambda: stage.cornerstone("sessions", session_id=reference),
    )
    expect(session["event_id"] == stage.memory["course"]["id"], "the session belongs to another event", session)
    expect(session["maximum_registration"] == 12, "the session has another number of seats", session)
    found = sorted((_moment(part["start"]), _moment(part["end"])) for part in session["parts"])
    expect(found == sorted(days), "the parts take place at another time", [session["parts"], days])
    stage.until(
        f"the id of session {session['locator']} stands on the event",
        lambda: external_id(stage.administrate("events", id=event["id"])[0], "session_lo") == session["id"],
        seen=lambda: stage.administrate("events", id=event["id"]),
    )
    stage.memory["event"], stage.memory["session"] = event, session
    return f"Administrate event {event['code'] or event['legacy_id']} -> Cornerstone session {session['locator']} with two parts"


def _two_days() -> list[tuple[datetime, datetime]]:
    """Two days from nine to five, three weeks ahead, as instants."""
    first = (datetime.now(ZoneInfo(ZONE)) + timedelta(weeks=3)).replace(hour=9, minute=0, second=0, microsecond=0)
    return [(start, start.replace(hour=17)) for start in (first, first + timedelta(days=1))]


def _wall(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat()


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
