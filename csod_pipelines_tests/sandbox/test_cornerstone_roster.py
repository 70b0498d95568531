"""The session roster: order rules, error texts, and what a submission makes of each learner."""

from __future__ import annotations

from datetime import timedelta

import pytest

from csod_pipelines_tests.sandbox.cornerstone_api import ROSTER, Api, attended


@pytest.fixture
def api() -> Api:
    api = Api()
    api.core.configure({"limits": "off"})
    return api


@pytest.fixture
def over(api: Api) -> str:
    """A session of two parts with four people, whose last part has ended."""
    session = api.session(MaximumRegistration=10)
    api.registered(session, "E10001", "E10002", "E10003", "E10004")
    api.advance(days=5)
    return session


def statuses(api: Api, session: str) -> dict[str, str]:
    return {ref: row["Status"] for ref, row in api.roster(session).items()}


def test_the_read_names_its_missing_arguments(api: Api):
    reply = api.get(ROSTER + "/GetSessionRoster")
    text = "Get Session roster service failed: The following Arguments are missing: locator/sessionLOID/session number"
    assert (reply.status, reply.body["error"]["message"]) == (400, text)
    assert api.get(ROSTER + "/GetSessionRoster", sessionNumber="none").body["error"]["message"] == "Session not found"


def test_a_submission_computes_the_status_from_attendance_and_pass(api: Api, over: str):
    reply = api.submit(
        over,
        attended("E10001", 1, 2),
        attended("E10002", 1, absent=(2,)),
        attended("E10003", absent=(1, 2)),
        attended("E10004", 1, 2, passed=False),
    )
    assert (reply.status, reply.first["Result"], reply.effects[0].effect) == (200, "Success", "update")
    assert statuses(api, over) == {"E10001": "Completed", "E10002": "Incomplete", "E10003": "No Show", "E10004": "Incomplete"}
    row = api.get(ROSTER + "/GetSessionRoster", sessionLOID=over).first
    assert (row["SessionStatus"], row["MinimumParts"]) == ("Completed", 2)
    assert [mark["Attended"] for mark in api.roster(over)["E10002"]["Attendance"]] == [True, False]


def test_saving_without_submitting_leaves_everybody_registered(api: Api, over: str):
    api.submit(over, attended("E10001", 1, 2), complete=False)
    assert statuses(api, over)["E10001"] == "Registered"
    row = api.roster(over)["E10001"]
    assert row["Pass"] is True and all(mark["Attended"] for mark in row["Attendance"])
    api.submit(over, {"UserID": "E10001"})
    assert statuses(api, over)["E10001"] == "Completed"  # the saved marks count


def test_a_submission_acts_on_the_listed_users_unless_switched(api: Api, over: str):
    api.submit(over, attended("E10001", 1, 2))
    assert statuses(api, over)["E10002"] == "Registered"
    api.core.configure({"roster_submit_scope": "all"})
    api.submit(over, attended("E10003", 1, 2))
    assert statuses(api, over) == {"E10001": "Completed", "E10002": "No Show", "E10003": "Completed", "E10004": "No Show"}


def test_completed_rows_are_locked(api: Api, over: str):
    api.submit(over, attended("E10001", 1, 2))
    api.submit(over, attended("E10001", absent=(1, 2), passed=False))
    row = api.roster(over)["E10001"]
    assert (row["Status"], row["Pass"]) == ("Completed", True)
    api.core.configure({"roster_locked_rows": "refuse"})
    assert api.submit(over, attended("E10001", 1)).status == 400


def test_a_minimum_of_zero_completes_the_absent(api: Api, over: str):
    api.core.act("set_min_parts", {"session_id": over, "min_parts": 0}, now=api.now)
    api.submit(over, attended("E10001", absent=(1, 2), passed=None))
    assert statuses(api, over)["E10001"] == "Completed"
    api.core.configure({"min_parts_zero_completes_absent": False})
    api.submit(over, attended("E10002", absent=(1, 2), passed=None))
    assert statuses(api, over)["E10002"] == "No Show"


def test_the_session_must_be_over_by_the_portals_clock(api: Api):
    session = api.session()
    api.registered(session, "E10001")
    assert api.submit(session, attended("E10001", 1, 2)).status == 400
    assert statuses(api, session)["E10001"] == "Registered"


@pytest.mark.parametrize(
    ("user", "field", "message"),
    [
        ({"Attendance": []}, "UserID", "UserID Missing"),
        ({"UserID": "nobody"}, "UserID", "Invalid User"),
        ({"UserID": "E10009"}, "UserID", "User not registered to session."),
        ({"UserID": "E10001", "Score": "high"}, "Score", "Invalid Score"),
        ({"UserID": "E10001", "Attendance": [{"PartName": "Day 9", "Attended": True}]}, "PartName", "Part Name or Part Id does not exist"),
        ({"UserID": "E10001", "Attendance": [{"PartName": "Day 1", "Attended": True}] * 2}, "PartName", "Duplicate Part Name or Part Id"),
    ],
)
def test_a_wrong_row_refuses_the_whole_submission_with_the_printed_text(api: Api, over: str, user: dict, field: str, message: str):
    reply = api.submit(over, attended("E10002", 1, 2), user)
    assert (reply.status, reply.body["error"]["message"], reply.body["validations"][0]["Field"]) == (400, message, field)
    assert set(statuses(api, over).values()) == {"Registered"}


def test_an_unknown_session_and_two_submissions_at_once_are_refused(api: Api, over: str):
    assert api.submit("00000000-0000-4000-8000-000000000000", attended("E10001", 1)).body["error"]["message"] == "Invalid Session LOID"
    record = {"SessionLOID": over, "SessionStatus": "Completed", "Users": [attended("E10001", 1, 2)]}
    assert api.post(ROSTER + "/", {"data": {"record": [record, record]}}).status == 400


def test_withdrawn_people_stay_on_the_roster_and_removed_ones_do_not(api: Api, over: str):
    api.core.act("withdraw", {"user_id": "E10001", "session_id": over}, now=api.now)
    api.core.act("remove_training", {"user_id": "E10002", "session_id": over}, now=api.now)
    assert statuses(api, over) == {"E10001": "Withdrawn", "E10003": "Registered", "E10004": "Registered"}
    assert api.submit(over, attended("E10001", 1, 2)).body["error"]["message"] == "User not registered to session."


def test_the_shape_of_the_roster_follows_its_switches(api: Api, over: str):
    api.core.configure({"roster_read_keys": False})
    assert "RegistrationNumber" not in api.roster(over)["E10001"]
    api.core.configure({"roster_read_keys": True, "roster_pass_key": "Passed", "roster_times": None})
    assert "Passed" in api.roster(over)["E10001"]
    assert "EndDateTimeUTC" not in api.get(ROSTER + "/GetSessionRoster", sessionLOID=over).first
    api.submit(over, attended("E10001", 1, 2) | {"Passed": True})
    assert statuses(api, over)["E10001"] == "Completed"


def test_default_minimum_of_parts_is_a_switch(api: Api):
    for rule, expected in (("all", 2), ("1", 1), ("0", 0)):
        api.core.configure({"default_min_parts": rule})
        assert api.core.state("sessions", id=api.session(SessionID=f"S-{rule}"), now=api.now)[0]["min_parts"] == expected


def test_a_completion_on_the_screen_is_seen_everywhere(api: Api, over: str):
    api.listen()
    done = api.core.act("complete", {"user_id": "E10001", "session_id": over}, now=api.now)
    assert done["row"]["status"] == "Completed"
    assert statuses(api, over)["E10001"] == "Completed"
    assert [value["lmsEventsCase"] for value in api.hooks()] == ["TrainingCompleted"]
    api.now += timedelta(seconds=1)
    with pytest.raises(ValueError, match="locked"):
        api.core.act("edit_roster", {"user_id": "E10001", "session_id": over, "passed": False}, now=api.now)
