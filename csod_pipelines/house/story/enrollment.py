"""The main line: a learner registered in Administrate gets a Learning Assignment in Cornerstone."""

from __future__ import annotations

from csod_pipelines.house.story.people import account_of_some_division, user_of
from csod_pipelines.house.story.stage import Row, Stage, expect, external_id
from csod_pipelines.model.keys import SystemName

A = SystemName.ADMINISTRATE


def learner_is_registered(stage: Stage) -> str:
    """A contact without a Cornerstone user is registered: user, assignment and registration appear"""
    account = account_of_some_division(stage)
    contact = stage.act(
        A, "create_contact", account_id=account["id"], first_name="美咲", last_name="田中", email_address="m.tanaka@example.org"
    )
    learner = stage.act(A, "register", event_id=stage.memory["event"]["id"], contact_id=contact["id"])
    user = user_of(stage, contact)
    row = stage.one(
        f"user {user['id']} is registered on the session",
        lambda: [row for row in _rows(stage, user) if row["status"] == "Registered"],
        seen=lambda: _rows(stage, user),
    )
    expect(row["assignment_id"] is not None, "the registration was not made by a learning assignment", row)
    assignment = f"{row['assignment_id']}:{user['id']}"
    key = f"{user['id']}:{row['object_id']}:{row['registration_number']}"
    stage.until(
        f"assignment {assignment} and transcript row {key} stand on learner {learner['legacy_id']}",
        lambda: _stored(stage, learner) == (assignment, key),
        seen=lambda: [(assignment, key), _stored(stage, learner)],
    )
    stage.memory |= {"contact": contact, "learner": learner, "user": user}
    return f"Administrate learner {learner['legacy_id']} -> Cornerstone assignment {row['assignment_id']}, transcript row {key}"


def learner_is_cancelled(stage: Stage) -> str:
    """The learner is cancelled: withdrawn in Cornerstone"""
    learner, user = stage.memory["learner"], stage.memory["user"]
    stage.act(A, "cancel_learner", id=learner["id"])
    row = stage.one(
        f"user {user['id']} is withdrawn from the session",
        lambda: [row for row in _rows(stage, user) if row["status"] == "Withdrawn"],
        seen=lambda: _rows(stage, user),
    )
    return f"Administrate learner {learner['legacy_id']} cancelled -> transcript row {row['id']} {row['status']}"


def _rows(stage: Stage, user: Row) -> list[Row]:
    return stage.cornerstone("transcripts", user_id=user["id"], object_id=stage.memory["session"]["id"])


def _stored(stage: Stage, learner: Row) -> tuple[str | None, str | None]:
    row = stage.administrate("learners", id=learner["id"])[0]
    return external_id(row, "assignment"), external_id(row, "transcript")
