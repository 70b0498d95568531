"""A month of the past: an event that both systems held before is paired, then its month is planned, then applied."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from csod_pipelines.house.story.places import VENDOR_FIELD
from csod_pipelines.house.story.stage import Row, Stage, expect, external_id
from csod_pipelines.model.keys import SystemName

A = SystemName.ADMINISTRATE
JOB = "historical_enrollments"


def past_event_is_paired(stage: Stage) -> str:
    """An event of the past stands in both systems: its template finds the Cornerstone event, an operator pairs the rest"""
    session = _past_session(stage)
    course = stage.cornerstone("events", id=session["event_id"])[0]
    template = _publish_template(stage, course)
    stage.command("pause", "catalog_publish", "--why", "a past event is entered and paired by hand")
    stage.until("the paused flow has let go", lambda: stage.status()["flows"]["catalog_publish"]["drained_by"] is None)
    event = _enter_event(stage, session, template)
    stage.command("links", "bind", "event", event["id"], session["id"], "--why", "the same training, entered in both systems")
    stage.command("resume", "catalog_publish")
    stage.until(
        f"the id of session {session['session_id']} stands on the event",
        lambda: external_id(stage.administrate("events", id=event["id"])[0], "session_lo") == session["id"],
        seen=lambda: stage.administrate("events", id=event["id"]),
    )
    twins = stage.cornerstone("sessions", session_id=f"ADM-{event['legacy_id']}")
    expect(not twins, "the session was created a second time", twins)
    stage.memory["past session"], stage.memory["past event"] = session, event
    return f"Administrate event {event['code']} <-> Cornerstone session {session['session_id']} of {course['event_number']}"


def month_is_backfilled(stage: Stage) -> str:
    """Its month of history is planned, then applied: learners with their results appear, and nobody is written to"""
    month, rows = _month_of(stage, stage.memory["past session"])
    finished = _contacts_who_completed(stage)
    planned = _run(stage, month, mode="plan")
    expect(not planned["materialized"], "a plan marked the month as done", planned)
    expect(planned["operations_would_apply"] == len(finished), f"the plan lists another number than {len(finished)}", planned)
    expect(not _learners(stage), "the plan wrote learners", _learners(stage))
    applied = _run(stage, month, mode="apply")
    expect(bool(applied["materialized"]), "the month is not marked as done", applied)
    results = {row["contact_id"]: row["has_passed"] for row in _learners(stage)}
    expect(results == dict.fromkeys(finished, True), "other learners or results appeared", [results, sorted(finished)])
    expect(not stage.letters(), "learners were written to", stage.letters())
    return f"{month}: {rows} enrollments in Cornerstone, {len(finished)} of them on an event that Administrate holds: all passed there now"


def _past_session(stage: Stage) -> Row:
    """Registered in a finished month, over by now, and somebody completed it."""
    running = datetime.now(UTC).strftime("%Y-%m")
    sessions = {row["id"]: row for row in stage.cornerstone("sessions") if row["submitted"]}
    rows = [row for row in stage.cornerstone("transcripts") if row["status"] == "Completed" and row["object_id"] in sessions]
    newest = max((row for row in rows if row["registered_at"][:7] < running), key=lambda row: row["registered_at"])
    return sessions[newest["object_id"]]


def _publish_template(stage: Stage, course: Row) -> Row:
    """With the code of the Cornerstone event, by which the two are recognised."""
    categories = [row["id"] for row in stage.administrate("learning_categories") if row["name"] in course["subjects"]]
    template = stage.act(
        A,
        "create_template",
        code=course["event_number"],
        title=course["title"],
        introduction=course["description"],
        learning_category_ids=categories[:1],
        custom_fields={VENDOR_FIELD: course["provider"]},
    )
    stage.act(A, "publish_template", id=template["id"])
    stage.until(
        f"the id of Cornerstone event {course['event_number']} stands on the template",
        lambda: external_id(stage.administrate("course_templates", id=template["id"])[0], "event_lo") == course["id"],
        seen=lambda: stage.administrate("course_templates", id=template["id"]),
    )
    expect(len(stage.cornerstone("events", event_number=course["event_number"])) == 1, "the event was created a second time", course)
    return template


def _enter_event(stage: Stage, session: Row, template: Row) -> Row:
    place = next(row for row in stage.administrate("locations") if row["code"] == session["parts"][0]["location_ref"])
    zone = ZoneInfo(place["time_zone_name"])

    def wall(instant: str) -> str:
        return datetime.fromisoformat(instant).astimezone(zone).replace(tzinfo=None).isoformat()

    return stage.act(
        A,
        "create_event",
        course_template_id=template["id"],
        title=session["title"],
        location_id=place["id"],
        time_zone_name=zone.key,
        min_places=session["minimum_registration"],
        max_places=session["maximum_registration"],
        sessions=[{"title": part["name"], "start": wall(part["start"]), "end": wall(part["end"])} for part in session["parts"]],
        publish=True,
    )


def _month_of(stage: Stage, session: Row) -> tuple[str, int]:
    """The month in which people registered for the session, and how many registrations Cornerstone has of it."""
    rows = [row for row in stage.cornerstone("transcripts") if row["registered_at"]]
    month = next(row["registered_at"][:7] for row in rows if row["object_id"] == session["id"])
    return month, sum(row["registered_at"].startswith(month) for row in rows)


def _contacts_who_completed(stage: Stage) -> set[str]:
    contacts = {int(id): row["id"] for row in stage.administrate("contacts") if (id := external_id(row, "user"))}
    rows = stage.cornerstone("transcripts", object_id=stage.memory["past session"]["id"], status="Completed")
    return {contacts[row["user_id"]] for row in rows if row["user_id"] in contacts}


def _learners(stage: Stage) -> list[Row]:
    return stage.administrate("learners", event_id=stage.memory["past event"]["id"])


def _run(stage: Stage, month: str, *, mode: str) -> Row:
    run = stage.run_job(JOB, config={"ops": {"backfill_enrollments": {"config": {"mode": mode}}}}, partition=month)
    told = [told for told in stage.dagster.told(run) if told.partition == month]
    expect(len(told) == 1, f"run {run} tells nothing of {month}", told)
    return {**told[0].metadata, "materialized": told[0].materialized}
