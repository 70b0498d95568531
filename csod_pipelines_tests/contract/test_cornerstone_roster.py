"""The session roster: what it asks for, in which order, and in which words it refuses."""

from __future__ import annotations

import pytest

from csod_pipelines_tests.contract.cornerstone_portal import NOBODY, OBJECTS, ROSTER, Cornerstone, attended

READ = ROSTER + "/GetSessionRoster"


def refusal(answer) -> str:
    assert answer.status_code == 400, answer.text
    return answer.json()["error"]["message"]


def statuses(cornerstone: Cornerstone, session: str) -> dict[str, str]:
    return {ref: row["Status"] for ref, row in cornerstone.roster(session).items()}


@pytest.mark.row("roster_arguments")
@pytest.mark.reads
def test_a_read_that_names_no_session_is_refused_with_the_printed_text(cornerstone: Cornerstone) -> None:
    """Source: csod.dev roster page."""
    text = "Get Session roster service failed: The following Arguments are missing: locator/sessionLOID/session number"
    assert cornerstone.error("GET", READ) == (400, text)


@pytest.mark.row("roster_not_found")
@pytest.mark.reads
def test_a_session_that_is_not_there_is_told_with_the_printed_text(cornerstone: Cornerstone) -> None:
    """Source: csod.dev roster page."""
    for query in ({"sessionLOID": NOBODY}, {"sessionNumber": "no such number"}):
        assert cornerstone.error("GET", READ, **query)[1] == "Session not found"


@pytest.mark.row("roster_multiple")
def test_a_number_that_several_sessions_bear_is_refused(cornerstone: Cornerstone) -> None:
    """Source: csod.dev roster page. That numbers may repeat at all is concluded from this text."""
    cornerstone.session()
    cornerstone.create_session()
    assert cornerstone.error("GET", READ, sessionNumber="OFF-1")[1] == "Multiple session found"


def test_a_roster_is_found_by_object_number_and_locator(cornerstone: Cornerstone) -> None:
    """Source: the parameters are named by the error text of the csod.dev roster page; the path is a client's."""
    cornerstone.create_event()
    row = cornerstone.create_session()
    for query in ({"sessionLOID": row["LOID"]}, {"sessionNumber": "OFF-1"}, {"locator": row["Locator"]}):
        assert cornerstone.get(READ, **query)["data"][0]["SessionLOID"] == row["LOID"]


@pytest.mark.row("roster_response")
def test_a_roster_tells_status_units_and_attendance_by_part(cornerstone: Cornerstone) -> None:
    """Source: csod.dev roster page: OUs.Name, OUs.TypeName, Attendance.PartName, Status."""
    session = cornerstone.session()
    cornerstone.registered(session, "E10001")
    row = cornerstone.roster(session)["E10001"]
    assert row["Status"] == "Registered"
    assert all({"Name", "TypeName"} <= set(ou) for ou in row["OUs"])
    assert [mark["PartName"] for mark in row["Attendance"]] == ["Day 1", "Day 2"]


@pytest.mark.row("roster_registered_first")
def test_people_must_be_registered_before_they_are_marked(cornerstone: Cornerstone) -> None:
    """Source: csod.dev roster page. Registering is the learning assignment's work."""
    session = cornerstone.held("E10001")
    assert refusal(cornerstone.submit(session, attended("E10002", 1, 2))) == "User not registered to session."


@pytest.mark.row("roster_session_over")
def test_the_session_must_be_in_the_past(cornerstone: Cornerstone) -> None:
    """Source: csod.dev roster page."""
    session = cornerstone.session()
    cornerstone.registered(session, "E10001")
    assert cornerstone.submit(session, attended("E10001", 1, 2)).status_code == 400
    assert statuses(cornerstone, session) == {"E10001": "Registered"}


@pytest.mark.row("roster_one_submission")
def test_a_request_holds_one_submission(cornerstone: Cornerstone) -> None:
    """Source: csod.dev roster page."""
    session = cornerstone.held("E10001")
    record = {"SessionLOID": session, "SessionStatus": "Completed", "Users": [attended("E10001", 1, 2)]}
    assert cornerstone.call("POST", ROSTER + "/", {"data": {"record": [record, record]}}).status_code == 400


@pytest.mark.row("roster_bad_session")
def test_a_wrong_session_is_refused_with_the_printed_text(cornerstone: Cornerstone) -> None:
    """Source: csod.dev roster page."""
    assert refusal(cornerstone.submit(NOBODY, attended("E10001", 1))) == "Invalid Session LOID"


@pytest.mark.row("roster_bad_user")
def test_a_missing_and_an_unknown_user_are_refused_with_the_printed_texts(cornerstone: Cornerstone) -> None:
    """Source: csod.dev roster page."""
    session = cornerstone.held("E10001")
    assert refusal(cornerstone.submit(session, {"Attendance": []})) == "UserID Missing"
    assert refusal(cornerstone.submit(session, {"UserID": "nobody"})) == "Invalid User"


@pytest.mark.row("roster_bad_score")
def test_a_wrong_score_is_refused_with_the_printed_text(cornerstone: Cornerstone) -> None:
    """Source: csod.dev roster page."""
    session = cornerstone.held("E10001")
    assert refusal(cornerstone.submit(session, {"UserID": "E10001", "Score": "high"})) == "Invalid Score"


@pytest.mark.row("roster_bad_part")
def test_unknown_and_repeated_parts_are_refused_with_the_printed_texts(cornerstone: Cornerstone) -> None:
    """Source: csod.dev roster page."""
    session = cornerstone.held("E10001")
    mark = {"PartName": "Day 1", "Attended": True}
    unknown = {"UserID": "E10001", "Attendance": [mark | {"PartName": "Day 9"}]}
    assert refusal(cornerstone.submit(session, unknown)) == "Part Name or Part Id does not exist"
    assert refusal(cornerstone.submit(session, {"UserID": "E10001", "Attendance": [mark, mark]})) == "Duplicate Part Name or Part Id"


def test_a_refused_row_refuses_the_whole_submission(cornerstone: Cornerstone) -> None:
    """Source: none; the house bisects a refused submission, which is right either way."""
    session = cornerstone.held("E10001", "E10002")
    assert cornerstone.submit(session, attended("E10001", 1, 2), {"UserID": "nobody"}).status_code == 400
    assert statuses(cornerstone, session)["E10001"] == "Registered"


def test_one_call_sets_attendance_and_completes(cornerstone: Cornerstone) -> None:
    """Source: csod.dev roster page; what comes of whom is from a customer's help desk page (inferred)."""
    session = cornerstone.held("E10001", "E10002", "E10003", "E10004")
    answer = cornerstone.submit(
        session,
        attended("E10001", 1, 2),
        attended("E10002", 1, absent=(2,)),
        attended("E10003", absent=(1, 2)),
        attended("E10004", 1, 2, passed=False),
    )
    assert answer.status_code == 200
    assert list(statuses(cornerstone, session).values()) == ["Completed", "Incomplete", "No Show", "Incomplete"]


def test_saving_without_a_status_leaves_people_registered(cornerstone: Cornerstone) -> None:
    """Source: a customer's help desk page (inferred)."""
    session = cornerstone.held("E10001")
    assert cornerstone.submit(session, attended("E10001", 1, 2), complete=False).status_code == 200
    row = cornerstone.roster(session)["E10001"]
    assert row["Status"] == "Registered" and [mark["Attended"] for mark in row["Attendance"]] == [True, True]


def test_a_completed_row_is_locked(cornerstone: Cornerstone) -> None:
    """Source: a customer's help desk page (inferred)."""
    session = cornerstone.held("E10001")
    cornerstone.submit(session, attended("E10001", 1, 2))
    cornerstone.submit(session, attended("E10001", absent=(1, 2), passed=False))
    assert statuses(cornerstone, session) == {"E10001": "Completed"}


def test_a_minimum_of_no_part_completes_the_absent(cornerstone: Cornerstone) -> None:
    """Source: a customer's help desk page (inferred)."""
    session = cornerstone.held("E10001")
    cornerstone.act("set_min_parts", session_id=session, min_parts=0)
    cornerstone.submit(session, attended("E10001", absent=(1, 2)))
    assert statuses(cornerstone, session) == {"E10001": "Completed"}


@pytest.mark.row("min_parts")
def test_a_session_tells_how_many_parts_must_be_attended(cornerstone: Cornerstone) -> None:
    """Source: Cornerstone's object list v19.02."""
    session = cornerstone.held("E10001", "E10002")
    query = {"$filter": f"object_id eq {session}", "$select": "lo_min_parts"}
    assert cornerstone.get(f"{OBJECTS}/training_core", **query)["value"] == [{"lo_min_parts": 2}]
    cornerstone.submit(session, attended("E10001", 1), attended("E10002", 1, 2))
    assert statuses(cornerstone, session) == {"E10001": "Incomplete", "E10002": "Completed"}


def test_the_actor_needs_the_right_to_manage_rosters(cornerstone: Cornerstone) -> None:
    """Source: csod.dev roster page: the right is that of the user named in ActorID."""
    session = cornerstone.held("E10001")
    assert cornerstone.submit(session, attended("E10001", 1, 2), ActorID="nobody").status_code == 400
