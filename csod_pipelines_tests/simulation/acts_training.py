"""What people do with the catalogue and its dates: publish, plan, move, enlarge, cancel."""

from __future__ import annotations

from datetime import datetime, timedelta

from csod_pipelines_tests.simulation.people import People, Row, choose


def publish_template(p: People, pick: int) -> str:
    row = choose([row for row in p.a.rows("course_templates") if row["lifecycle_state"] == "draft"], pick)
    p.a.act("edit_template", id=row["id"], custom_fields={"training_provider": "Internal academy"})
    p.a.act("publish_template", id=row["id"])
    return row["code"]


def edit_template(p: People, pick: int) -> str:
    """Cornerstone has no call for it: ends as a to-do."""
    row = choose([row for row in p.a.rows("course_templates") if row["lifecycle_state"] == "published"], pick)
    p.a.act("edit_template", id=row["id"], title=f"{row['title'].split(' v')[0]} v{p.fresh()}")
    return row["code"]


def create_event(p: People, pick: int) -> str:
    template = choose([row for row in p.a.rows("course_templates") if row["lifecycle_state"] == "published"], pick)
    begin = (p.a.now + timedelta(days=1 + pick % 20)).replace(tzinfo=None, microsecond=0)
    sessions = [
        {"title": "Day", "start": (begin + timedelta(days=n)).isoformat(), "end": (begin + timedelta(days=n, hours=2)).isoformat()}
        for n in range(1 + pick % 3)
    ]
    row = p.a.act(
        "create_event",
        course_template_id=template["id"],
        title=f"Event {p.fresh()}",
        time_zone_name=("Europe/Paris", "America/New_York", "UTC")[pick // 3 % 3],
        min_places=1,
        max_places=1 + pick % 9,
        sessions=sessions,
        publish=bool(pick % 5),
    )["row"]
    return f"event {row['legacy_id']}"


def resize_event(p: People, pick: int) -> str:
    row = choose(p.events(), pick)
    p.a.act("edit_event", id=row["id"], max_places=row["booked_places"] + pick % 4 + 1)
    return f"event {row['legacy_id']}"


def move_session(p: People, pick: int) -> str:
    """By some hours, also across the night in which summer time begins or ends."""
    event = choose(p.events(), pick)
    row = choose([row for row in p.a.rows("sessions") if row["event_id"] == event["id"]], pick // 3)
    start, end = (datetime.fromisoformat(row[name].replace("Z", "+00:00")).replace(tzinfo=None) for name in ("start", "end"))
    by = timedelta(hours=1 + pick % 30)
    wall: Row = {"start": (start + by).isoformat(), "end": (end + by).isoformat()}
    p.a.act("move_session", id=row["id"], time_zone_name="UTC", **wall)
    return f"session {row['legacy_id']}"


def cancel_event(p: People, pick: int) -> str:
    row = choose(p.events(), pick)
    p.a.act("cancel_event", id=row["id"])
    p.cancelled.add(row["id"])
    return f"event {row['legacy_id']}"


def delete_event(p: People, pick: int) -> str:
    """Administrate lets nobody delete an event with learners: their places are given up first, a moment before."""
    row = choose(p.events(), pick)
    for learner in p.learners("active", "reserved"):
        if learner["event_id"] == row["id"]:
            p.a.act("cancel_learner", id=learner["id"])
    p.a.act("delete_event", id=row["id"])
    p.deleted.add(row["id"])
    return f"event {row['legacy_id']}"
