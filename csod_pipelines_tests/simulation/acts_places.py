"""What people do with places on a roster: register, request, cancel, withdraw, mark and grade."""

from __future__ import annotations

from typing import Any

from csod_pipelines_tests.simulation.people import People, Row, choose


def register(p: People, pick: int) -> str:
    event, contact = choose(p.events(), pick), choose(p.contacts(), pick // 3)
    row = p.a.act("register", event_id=event["id"], contact_id=contact["id"])["row"]
    p.learner_touched(row)
    return f"learner {row['legacy_id']}"


def reserve(p: People, pick: int) -> str:
    event, contact = choose(p.events(), pick), choose(p.contacts(), pick // 3)
    row = p.a.act("register", event_id=event["id"], contact_id=contact["id"], lifecycle_state="interested")["row"]
    p.learner_touched(row)
    return f"learner {row['legacy_id']}"


def cancel_learner(p: People, pick: int) -> str:
    row = choose(p.learners("active", "interested"), pick)
    row = p.a.act("cancel_learner", id=row["id"])["row"]
    p.learner_touched(row)
    return f"learner {row['legacy_id']}"


def reactivate(p: People, pick: int) -> str:
    row = choose(p.learners("cancelled"), pick)
    row = p.a.act("reactivate", id=row["id"])["row"]
    p.learner_touched(row)
    return f"learner {row['legacy_id']}"


def self_register(p: People, pick: int) -> str:
    user, session = choose(p.users(), pick), choose(p.sessions(), pick // 3)
    row = p.c.act("self_register", user_id=str(user["id"]), session_id=session["id"])["row"]
    p.row_touched(row)
    return row["id"]


def request_session(p: People, pick: int) -> str:
    user, session = choose(p.users(), pick), choose(p.sessions(), pick // 3)
    row = p.c.act("request_session", user_id=str(user["id"]), session_id=session["id"])["row"]
    p.row_touched(row)
    return row["id"]


def _on_row(p: People, row: Row, action: str, **more: Any) -> str:
    row = p.c.act(action, user_id=str(row["user_id"]), session_id=row["object_id"], **more)["row"]
    p.row_touched(row)
    return row["id"]


def withdraw(p: People, pick: int) -> str:
    return _on_row(p, choose(p.places("Registered", "In Progress", "Wait Listed", "Pending Approval"), pick), "withdraw")


def register_many(p: People, pick: int) -> str:
    session, done = choose(p.sessions(), pick), 0
    for user in p.users():
        row = p.c.act("self_register", user_id=str(user["id"]), session_id=session["id"])["row"]
        p.row_touched(row)
        done += 1
    return f"{done} users"


def withdraw_many(p: People, pick: int) -> str:
    """More at once than is usual: the brake must stop us."""
    rows = p.places("Registered", "In Progress")
    for row in rows:
        _on_row(p, row, "withdraw")
    return f"{len(rows)} rows"


def decide(p: People, pick: int) -> str:
    """A manager approves or denies a request."""
    row = choose(p.places("Pending Approval"), pick)
    return _on_row(p, row, "set_status", status="Denied" if pick % 2 else "Registered")


# ---- marks and results


def mark_attendance(p: People, pick: int) -> str:
    learner = choose(p.learners("active"), pick)
    sessions = [row for row in p.a.rows("sessions") if row["event_id"] == learner["event_id"]]
    session = choose(sessions, pick // 3)
    p.a.act("mark_attendance", learner_id=learner["id"], session_id=session["id"], attended=bool(pick % 4))
    return f"learner {learner['legacy_id']}"


def record_result(p: People, pick: int) -> str:
    learner = choose(p.learners("active"), pick)
    p.a.act("record_result", learner_id=learner["id"], has_passed=bool(pick % 4))
    return f"learner {learner['legacy_id']}"


def complete(p: People, pick: int) -> str:
    row = choose(p.places("Registered", "In Progress"), pick)
    p.c.act("complete", user_id=str(row["user_id"]), session_id=row["object_id"])
    return row["id"]


def grade_otherwise(p: People, pick: int) -> str:
    """A training administrator sets a status by hand."""
    row = choose(p.places("Registered", "In Progress"), pick)
    p.c.act("set_status", user_id=str(row["user_id"]), session_id=row["object_id"], status=("No Show", "Incomplete")[pick % 2])
    return row["id"]
