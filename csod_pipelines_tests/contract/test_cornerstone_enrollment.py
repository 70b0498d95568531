"""Assigning, registering, withdrawing: the learning assignment queue and the transcript."""

from __future__ import annotations

from typing import Any

import pytest

from csod_pipelines_tests.contract.cornerstone_portal import ASSIGNMENTS, OBJECTS, TRANSCRIPTS, Cornerstone

REMAINING = "/services/api/x/learning-assignments/v1/remaining-count"
TASK = "/services/api/TranscriptAndTask/Transcript"
SEARCH = "/services/api/LOTranscript/TranscriptSearch"


def details(cornerstone: Cornerstone, user: str, object_id: str) -> dict[str, Any]:
    return cornerstone.get(TRANSCRIPTS + "/details", externalId=user, learningObjectId=object_id)["data"]


def change(cornerstone: Cornerstone, verb: str, user: str, object_id: str, **more: Any) -> Any:
    return cornerstone.call("PATCH", f"{TRANSCRIPTS}/{verb}", {"externalId": user, "learningObjectId": object_id, **more})


def on_transcript(cornerstone: Cornerstone, user: str, **query: Any) -> list[str]:
    return [row["learningObjectId"] for row in cornerstone.get(TRANSCRIPTS + "/overview", externalId=user, **query)["data"]]


# ---- learning assignments


@pytest.mark.row("assignment_asynchronous")
def test_an_assignment_is_queued_and_carried_out_later(cornerstone: Cornerstone) -> None:
    """Source: csod.dev learning assignment page; the paths and keys of the service are guesses."""
    session = cornerstone.session()
    cornerstone.configure(assignment_delay_seconds=60)
    answer = cornerstone.assign(session, "E10001", "E10002")
    id = answer.json()["data"]["assignmentId"]
    assert answer.status_code == 202 and cornerstone.roster(session) == {}
    cornerstone.advance(seconds=61)
    assert cornerstone.get(f"{ASSIGNMENTS}/{id}")["data"]["status"] == "Completed"
    assert set(cornerstone.roster(session)) == {"E10001", "E10002"}


@pytest.mark.row("assignment_statuses")
@pytest.mark.parametrize("status", ["Approved", "Assigned", "Registered"])
def test_training_comes_onto_transcripts_in_one_of_three_statuses(cornerstone: Cornerstone, status: str) -> None:
    """Source: help page on the learning assignment API."""
    session = cornerstone.session()
    cornerstone.assign(session, "E10001", assignmentStatus=status)
    cornerstone.advance(seconds=5)
    assert details(cornerstone, "E10001", session)["status"] == status
    assert cornerstone.assign(session, "E10001", assignmentStatus="Completed").status_code == 400


@pytest.mark.row("assignment_once")
def test_an_assignment_is_processed_once(cornerstone: Cornerstone) -> None:
    """Source: csod.dev learning assignment page; it is no dynamic assignment."""
    session = cornerstone.session()
    cornerstone.assign(session, "E10001")
    cornerstone.advance(seconds=5)
    change(cornerstone, "withdraw", "E10001", session)
    cornerstone.advance(minutes=30)
    assert details(cornerstone, "E10001", session)["status"] == "Withdrawn"


@pytest.mark.row("user_assignments_per_day")
def test_users_times_trainings_are_counted_a_utc_day(cornerstone: Cornerstone) -> None:
    """Source: csod.dev learning assignment throttling; 60,000 a day."""
    session = cornerstone.session()
    assert cornerstone.get(REMAINING, date="2026-07-14")["data"]["remaining"] == 60_000
    cornerstone.assign(session, "E10001", "E10002")
    assert cornerstone.get(REMAINING, date="2026-07-14")["data"]["remaining"] == 59_998
    cornerstone.configure(learning_assignment_daily_limit=3)
    assert cornerstone.assign(session, "E10003", "E10004").status_code == 400
    cornerstone.advance(hours=14)
    cornerstone.login()
    assert cornerstone.assign(session, "E10003", "E10004").status_code == 202


def test_a_queue_takes_twenty_calls_a_minute(cornerstone: Cornerstone) -> None:
    """Source: csod.dev learning assignment throttling."""
    session = cornerstone.session()
    statuses = [cornerstone.assign(session, "E10001").status_code for _ in range(21)]
    assert statuses == [202] * 20 + [429]


def test_an_assignment_tells_what_became_of_each_person(cornerstone: Cornerstone) -> None:
    """Source: help page on the learning assignment API lists reading an assignment's status; the keys are guesses."""
    session = cornerstone.session()
    id = cornerstone.assign(session, "E10001", "nobody", title="ours").json()["data"]["assignmentId"]
    cornerstone.advance(seconds=5)
    (found,) = cornerstone.get(ASSIGNMENTS, title="ours")["data"]
    assert (found["assignmentId"], found["status"]) == (id, "CompletedWithErrors")
    assert {user["externalId"]: user["status"] for user in found["users"]} == {"E10001": "Registered", "nobody": "Failed"}


def test_letters_go_out_only_when_asked_for(cornerstone: Cornerstone) -> None:
    """Source: help page on the assignment tool has e-mail settings; sendEmails is a guess. The access log counts letters."""
    session = cornerstone.session()
    cornerstone.assign(session, "E10001", sendEmails=False)
    cornerstone.assign(session, "E10002", sendEmails=True)
    rows = [row for row in cornerstone.control("GET", "requests") if row["kind"] == "assignments"]
    assert [row["messages"] for row in rows] == [0, 1]


# ---- the transcript


@pytest.mark.row("transcripts.assign")
def test_a_person_is_put_on_training_at_once(cornerstone: Cornerstone) -> None:
    """Source: csod.dev transcript examples, with assignment registered."""
    session = cornerstone.session()
    body = {"externalId": "E10001", "learningObjectId": session, "assignment": "registered"}
    answer = cornerstone.call("POST", TRANSCRIPTS + "/assign", body)
    assert (answer.status_code, answer.json()["status"]) == (200, "success")
    assert details(cornerstone, "E10001", session)["status"] == "Registered"


@pytest.mark.row("transcript_one_user")
def test_a_call_is_about_one_user(cornerstone: Cornerstone) -> None:
    """Source: csod.dev transcript page."""
    body = {"externalId": ["E10001", "E10002"], "learningObjectId": cornerstone.session(), "assignment": "registered"}
    assert cornerstone.call("POST", TRANSCRIPTS + "/assign", body).status_code == 400
    assert cornerstone.call("GET", TRANSCRIPTS + "/overview").status_code == 400


@pytest.mark.reads
def test_an_overview_is_narrowed_by_groups_of_statuses(cornerstone: Cornerstone) -> None:
    """Source: csod.dev transcript examples: statusGroups, trainingType, includeArchived."""
    user = cornerstone.any_user()["externalId"]
    everything = set(on_transcript(cornerstone, user, includeArchived="true"))
    assert set(on_transcript(cornerstone, user, statusGroups="Completed")) <= everything
    assert set(on_transcript(cornerstone, user, statusGroups="NotStarted,InProgress", trainingType="Session")) <= everything


def test_a_row_that_is_not_there_is_told_by_its_text(cornerstone: Cornerstone) -> None:
    """Source: a client looks for record not found in the error (inferred)."""
    session = cornerstone.session()
    status, message = cornerstone.error("GET", TRANSCRIPTS + "/details", externalId="E10001", learningObjectId=session)
    assert status == 404 and "record not found" in message


def test_a_withdrawal_ends_a_registration_and_cannot_be_done_twice(cornerstone: Cornerstone) -> None:
    """Source: help page on the transcript API lists withdraw; verb and path are guesses."""
    session = cornerstone.session()
    cornerstone.registered(session, "E10001")
    assert change(cornerstone, "withdraw", "E10001", session, comment="ill").status_code == 200
    assert details(cornerstone, "E10001", session)["status"] == "Withdrawn"
    assert change(cornerstone, "withdraw", "E10001", session).status_code == 400


@pytest.mark.row("registration_number")
def test_registering_again_makes_a_new_row_with_the_next_number(cornerstone: Cornerstone) -> None:
    """Source: Cornerstone's object list v19.02; user, object and number are the key of a transcript row."""
    session = cornerstone.session()
    cornerstone.registered(session, "E10001")
    change(cornerstone, "withdraw", "E10001", session)
    cornerstone.registered(session, "E10001")
    assert details(cornerstone, "E10001", session)["registrationNumber"] == 2
    id = cornerstone.user("E10001")["id"]
    rows = cornerstone.get(f"{OBJECTS}/transcript_core", **{"$filter": f"transc_user_id eq {id}"})["value"]
    assert sorted(row["reg_num"] for row in rows if row["transc_object_id"] == session) == [1, 2]


@pytest.mark.row("session_replaces_event_row")
def test_a_chosen_session_takes_the_place_of_its_event(cornerstone: Cornerstone) -> None:
    """Source: help page on events and sessions of a transcript."""
    event = cornerstone.create_event()["LOID"]
    session = cornerstone.create_session()["LOID"]
    cornerstone.act("assign_event", user_id="E10001", event_id=event)
    assert event in on_transcript(cornerstone, "E10001")
    cornerstone.registered(session, "E10001")
    seen = on_transcript(cornerstone, "E10001")
    assert session in seen and event not in seen


@pytest.mark.row("event_kept_while_session_active")
def test_an_event_stays_while_one_of_its_sessions_is_active(cornerstone: Cornerstone) -> None:
    """Source: help page on removing events and sessions."""
    event = cornerstone.create_event()["LOID"]
    session = cornerstone.create_session(MaximumRegistration=1)["LOID"]
    cornerstone.act("assign_event", user_id="E10002", event_id=event)
    cornerstone.registered(session, "E10001", "E10002")  # the second one waits, and the event's row stands beside
    assert change(cornerstone, "remove", "E10002", event).status_code == 400
    change(cornerstone, "withdraw", "E10002", session)
    assert change(cornerstone, "remove", "E10002", event).status_code == 200


def test_beyond_the_maximum_people_wait(cornerstone: Cornerstone) -> None:
    """Source: a customer's help desk page (inferred)."""
    session = cornerstone.session(MaximumRegistration=1)
    cornerstone.registered(session, "E10001", "E10002")
    assert {ref: row["Status"] for ref, row in cornerstone.roster(session).items()} == {"E10001": "Registered", "E10002": "Wait Listed"}


# ---- the older reads


def test_the_older_transcript_shows_active_people_and_standing_rows_only(cornerstone: Cornerstone) -> None:
    """Source: csod.dev transcript and task page: no inactive users, no removed and no archived rows."""
    session = cornerstone.session()
    cornerstone.registered(session, "E10001")
    rows = cornerstone.get(TASK, UserId="E10001")["data"][0]["Transcripts"]
    assert session in [row["LoId"] for row in rows]
    change(cornerstone, "archive", "E10001", session)
    assert session not in [row["LoId"] for row in cornerstone.get(TASK, UserId="E10001")["data"][0]["Transcripts"]]
    cornerstone.act("terminate", id=cornerstone.user("E10001")["id"])
    assert cornerstone.call("GET", TASK, UserId="E10001").status_code >= 400


@pytest.mark.reads
def test_a_transcript_search_looks_at_a_day_at_most(cornerstone: Cornerstone) -> None:
    """Source: csod.dev transcript search page; 24 hours, and 50 rows a page."""
    wide = {"ModificationStartDate": "2026-07-01T00:00:00", "ModificationEndDate": "2026-07-03T00:00:00"}
    assert cornerstone.call("GET", SEARCH, **wide).status_code == 400
    narrow = cornerstone.get(SEARCH, ModificationStartDate="2026-07-01T00:00:00", ModificationEndDate="2026-07-01T23:59:59")
    assert len(narrow["data"]) <= 50


def test_a_transcript_search_without_dates_looks_at_the_last_day(cornerstone: Cornerstone) -> None:
    """Source: csod.dev transcript search page. Only a start means the day after it, only an end the day before."""
    session = cornerstone.session()
    cornerstone.registered(session, "E10001")
    assert cornerstone.get(SEARCH, LOID=session)["totalRecords"] == 1
    cornerstone.advance(hours=30)
    cornerstone.login()
    assert cornerstone.get(SEARCH, LOID=session)["totalRecords"] == 0
    assert cornerstone.get(SEARCH, LOID=session, ModificationStartDate="2026-07-14T00:00:00")["totalRecords"] == 1
    assert cornerstone.get(SEARCH, LOID=session, ModificationEndDate="2026-07-14T23:59:59")["totalRecords"] == 1


def test_the_children_of_a_curriculum_have_an_address(cornerstone: Cornerstone) -> None:
    """Source: csod.dev transcript examples; what is no curriculum has none."""
    session = cornerstone.session()
    cornerstone.registered(session, "E10001")
    ids = {"externalId": "E10001", "learningObjectId": session}
    assert cornerstone.get(TRANSCRIPTS + "/curriculum-child-lo-data", **ids)["data"] == []
