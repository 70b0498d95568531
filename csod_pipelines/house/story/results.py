"""What comes of training: attendance and results, and what each side makes of the other's."""

from __future__ import annotations

from datetime import datetime, timedelta

from csod_pipelines.house.story.people import account_of_some_division
from csod_pipelines.house.story.stage import Row, Stage, expect, external_id
from csod_pipelines.model.keys import SystemName

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
PEOPLE = (
    ("passed", "Ayşe", "Yılmaz"),
    ("absent", "Søren", "Kierkegaard"),
    ("failed", "Nguyễn", "Thị Hoa"),
    ("partly", "Оксана", "Шевченко"),
)
#: Beyond the day around its end in which an event is looked at again and again.
AFTER_THE_END = timedelta(hours=30)


def class_is_registered(stage: Stage) -> str:
    """Four contacts are registered at once; a second event is published in Tokyo"""
    account = account_of_some_division(stage)
    event, session = stage.memory["event"], stage.memory["session"]
    for name, first, last in PEOPLE:
        email = f"{name}@example.org"
        contact = stage.act(A, "create_contact", account_id=account["id"], first_name=first, last_name=last, email_address=email)
        stage.memory[name] = stage.act(A, "register", event_id=event["id"], contact_id=contact["id"])
    _publish_another(stage)
    rows = stage.until(
        "all four are registered on the session",
        lambda: _rows_by_name(stage, status="Registered"),
        seen=lambda: stage.cornerstone("transcripts", object_id=session["id"]),
    )
    reference = f"ADM-{stage.memory['other']['legacy_id']}"
    stage.memory["other session"] = stage.one(
        f"a Cornerstone session {reference}",
        lambda: stage.cornerstone("sessions", session_id=reference),
        seen=lambda: stage.administrate("events", id=stage.memory["other"]["id"]),
    )
    calls = len({row["assignment_id"] for row in rows.values()})
    return f"4 learners registered by {calls} learning assignment{'s' if calls > 1 else ''}"


def _publish_another(stage: Stage) -> None:
    """Half a year later, so that it has not begun when the first one is over."""
    place = next(row for row in stage.administrate("locations") if row["name"] == "東京")
    day = stage.now(A).date() + timedelta(days=180)
    walls = [{"start": f"{day + timedelta(days=n)}T09:00:00", "end": f"{day + timedelta(days=n)}T12:00:00"} for n in range(2)]
    stage.memory["other"] = stage.act(
        A,
        "create_event",
        course_template_id=stage.memory["template"]["id"],
        title="Fire safety, spring",
        time_zone_name="Asia/Tokyo",
        location_id=place["id"],
        min_places=2,
        max_places=12,
        sessions=[{"title": f"Morning {number}", **wall} for number, wall in enumerate(walls, 1)],
        publish=True,
    )


def _rows_by_name(stage: Stage, *, status: str | None = None) -> dict[str, Row] | None:
    """Transcript rows of the four by their part in the story, once Administrate's learners know them."""
    rows = stage.cornerstone("transcripts", object_id=stage.memory["session"]["id"])
    by_key = {f"{row['user_id']}:{row['object_id']}:{row['registration_number']}": row for row in rows}
    keys = {name: external_id(stage.administrate("learners", id=stage.memory[name]["id"])[0], "transcript") for name, *_ in PEOPLE}
    found = {name: by_key[key] for name, key in keys.items() if key in by_key}
    return found if len(found) == len(PEOPLE) and (status is None or all(row["status"] == status for row in found.values())) else None


def training_is_over(stage: Stage) -> str:
    """Both clocks pass the end: present and passed is Completed, absent is No Show, present and failed is Incomplete"""
    ends = max(datetime.fromisoformat(part["end"]) for part in stage.memory["session"]["parts"])
    stage.pass_time(until=ends + AFTER_THE_END)
    days = _days(stage)
    for name, present in (("passed", True), ("absent", False), ("failed", True)):
        for day in days:
            stage.act(A, "mark_attendance", learner_id=stage.memory[name]["id"], session_id=day["id"], attended=present)
    stage.act(A, "record_result", learner_id=stage.memory["passed"]["id"], has_passed=True)
    stage.act(A, "record_result", learner_id=stage.memory["failed"]["id"], has_passed=False)
    wanted = {"passed": "Completed", "absent": "No Show", "failed": "Incomplete"}
    stage.until(
        f"the transcripts say {wanted}",
        lambda: _statuses(stage).items() >= wanted.items(),
        seen=lambda: stage.cornerstone("transcripts", object_id=stage.memory["session"]["id"]),
    )
    results_still_stand(stage)
    return ", ".join(f"{name}: {status}" for name, status in _statuses(stage).items())


def _days(stage: Stage) -> list[Row]:
    return sorted(stage.administrate("sessions", event_id=stage.memory["event"]["id"]), key=lambda row: row["start"])


def _statuses(stage: Stage) -> dict[str, str]:
    return {name: row["status"] for name, row in (_rows_by_name(stage) or {}).items()}


def results_still_stand(stage: Stage) -> None:
    """Administrate's results are as people recorded them: No Show and Incomplete are no fail there."""
    for name, result in (("passed", True), ("absent", None), ("failed", False)):
        learner = stage.administrate("learners", id=stage.memory[name]["id"])[0]
        expect(
            learner["lifecycle_state"] == "active" and learner["has_passed"] is result, f"the one who {name} has another result", learner
        )


def user_registers_himself(stage: Stage) -> str:
    """Two Cornerstone users register on the other session: learners appear; one withdraws: cancelled"""
    session, event = stage.memory["other session"], stage.memory["other"]
    contacts = {int(id): row for row in stage.administrate("contacts") if (id := external_id(row, "user"))}
    users = [row for row in stage.cornerstone("users", active=True) if row["id"] in contacts][10:12]
    for user in users:
        stage.act(C, "self_register", user_id=user["id"], session_id=session["id"])

    def learners(state: str) -> list[Row]:
        wanted = [contacts[user["id"]]["id"] for user in users]
        rows = stage.administrate("learners", event_id=event["id"], lifecycle_state=state)
        return sorted((row for row in rows if row["contact_id"] in wanted), key=lambda row: wanted.index(row["contact_id"]))

    both = stage.until(
        "both are learners of the event",
        lambda: rows if len(rows := learners("active")) == len(users) else None,
        seen=lambda: stage.administrate("learners", event_id=event["id"]),
    )
    stage.memory["completes"] = {"learner": both[1], "user": users[1]}
    stage.act(C, "withdraw", user_id=users[0]["id"], session_id=session["id"])
    cancelled = stage.one(
        "the one who withdrew is cancelled",
        lambda: learners("cancelled"),
        seen=lambda: stage.administrate("learners", event_id=event["id"]),
    )
    expect(cancelled["id"] == both[0]["id"], "another learner was cancelled", cancelled)
    return f"learners {both[0]['legacy_id']} and {both[1]['legacy_id']} appeared; {both[0]['legacy_id']} was cancelled again"


def learner_completes(stage: Stage) -> str:
    """The other one completes in Cornerstone: result and attendance appear in Administrate"""
    learner, user = stage.memory["completes"]["learner"], stage.memory["completes"]["user"]
    stage.act(C, "complete", user_id=user["id"], session_id=stage.memory["other session"]["id"])
    found = stage.one(
        f"learner {learner['legacy_id']} has passed",
        lambda: stage.administrate("learners", id=learner["id"], has_passed=True),
        seen=lambda: stage.administrate("learners", id=learner["id"]),
    )
    marks = sorted(found["attendance"].values())
    expect(marks == ["Present", "Present"], "attendance was not filled for both parts", found)
    return f"Administrate learner {learner['legacy_id']}: passed, present on both parts"


def pass_is_not_enough(stage: Stage) -> str:
    """A pass with one of two parts attended: Cornerstone keeps Incomplete, and Administrate keeps its pass"""
    learner = stage.memory["partly"]
    for number, day in enumerate(_days(stage)):
        stage.act(A, "mark_attendance", learner_id=learner["id"], session_id=day["id"], attended=number == 0)
    stage.act(A, "record_result", learner_id=learner["id"], has_passed=True)
    stage.until(
        "the transcript says Incomplete",
        lambda: _statuses(stage).get("partly") == "Incomplete",
        seen=lambda: stage.cornerstone("transcripts", object_id=stage.memory["session"]["id"]),
    )
    kept = stage.administrate("learners", id=learner["id"])[0]
    expect(kept["has_passed"] is True, "the pass was taken back in Administrate", kept)
    return f"Administrate learner {learner['legacy_id']}: passed; Cornerstone: Incomplete"
