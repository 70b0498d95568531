"""Learning objects, the catalog, learning assignments and the transcript."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from csod_pipelines_tests.sandbox.cornerstone_api import ASSIGNMENTS, EVERYBODY, OBJECTS, TRANSCRIPTS, Api, part

DETAILS = "/services/api/LO/GetDetails"
SEARCH = "/services/api/Catalog/GlobalSearch"


@pytest.fixture
def api() -> Api:
    api = Api()
    api.core.configure({"limits": "off"})
    return api


def state(api: Api, kind: str, id: str) -> dict:
    (row,) = api.core.state(kind, id=id, now=api.now)
    return row


def test_an_event_number_is_unique_and_a_refusal_comes_inside_a_200(api: Api):
    assert (api.create_event().status, api.create_event("CT-2").first["Result"]) == (201, "Success")
    twin = api.create_event()
    assert (twin.status, twin.first["Result"], twin.first["Reason"]) == (200, "Failed", "Event number already exists")
    assert twin.effects[0].effect == "none"


@pytest.mark.parametrize(
    ("item", "record", "reason"),
    [
        ({"PrimaryProviderName": "Closed Down Ltd"}, {}, "Invalid PrimaryProviderName Closed Down Ltd"),
        ({}, {"SubjectTitles": [{"Title": "Nothing"}]}, "Invalid subject title Nothing"),
        ({}, {"ActorID": "nobody"}, "Invalid ActorID nobody"),
        ({}, {"Availabilities": [{"Id": "CORP", "SubType": "Corporation", "__type": EVERYBODY["__type"]}]}, "__type must be the first"),
        ({}, {"Availabilities": [EVERYBODY | {"Id": "D-NONE", "SubType": "Division"}]}, "Invalid availability Id D-NONE"),
        ({"EventName": ""}, {}, "EventName is required"),
    ],
)
def test_an_event_with_something_unknown_is_refused_in_its_row(api: Api, item: dict, record: dict, reason: str):
    row = api.create_event(item=item, **record).first
    assert row["Result"] == "Failed" and reason in row["Reason"]


def test_part_times_are_read_in_the_zone_of_the_location_across_a_clock_change(api: Api):
    api.create_event()
    parts = [
        {
            "PartName": "A",
            "PartLocation": "LOC-PARIS",
            "PartStartDateTime": "2026-10-24T09:00:00",
            "PartEndDateTime": "2026-10-24T17:00:00",
        },
        {
            "PartName": "B",
            "PartLocation": "LOC-PARIS",
            "PartStartDateTime": "2026-10-26T09:00:00",
            "PartEndDateTime": "2026-10-26T17:00:00",
        },
    ]
    session = api.create_session(item={"Parts": parts}).first["LOID"]
    starts = [row["start"] for row in state(api, "sessions", session)["parts"]]
    assert starts == ["2026-10-24T07:00:00Z", "2026-10-26T08:00:00Z"]
    shown = api.get(DETAILS, ObjectID=session).first["trainingItem"]["Parts"]
    assert [(p["PartStartDate"], p["PartStartTime"], p["PartEndTime"], p["PartTimeZone"]) for p in shown] == [
        ("2026-10-24", "09:00:00 am", "05:00:00 pm", "CEST"),
        ("2026-10-26", "09:00:00 am", "05:00:00 pm", "CET"),
    ]


@pytest.mark.parametrize(("rule", "hour"), [("location", 7), ("account", 14), ("utc", 9)])
def test_the_zone_rule_of_parts_is_a_switch(api: Api, rule: str, hour: int):
    api.core.configure({"part_time_zone_rule": rule, "account_time_zone": "(UTC-06:00) Central Time (US & Canada)"})
    session = api.session()
    assert datetime.fromisoformat(state(api, "sessions", session)["parts"][0]["start"]) == datetime(2026, 7, 15, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"EventID": "NONE"}, "Invalid EventID NONE"),
        ({"Parts": [part(1, PartLocation="LOC-XYZ")]}, "Invalid PartLocation LOC-XYZ"),
        ({"Parts": []}, "At least one part is required"),
        ({"Parts": [part(1, PartName="n" * 51)]}, "PartName must not be longer than 50"),
        ({"Parts": [part(1, PartStartDateTime="2026-07-15T09:00:00Z")]}, "Invalid PartStartDateTime"),
        ({"Parts": [part(1, PartEndDateTime="2026-07-15T08:00:00")]}, "must be after"),
        ({"Parts": [part(1, PartInstructors=[{"UserId": "nobody"}])]}, "Invalid PartInstructors"),
        ({"MinimumRegistration": 5, "MaximumRegistration": 4}, "must not be greater"),
    ],
)
def test_a_session_with_something_wrong_is_refused_in_its_row(api: Api, change: dict, reason: str):
    api.create_event()
    row = api.create_session(item=change).first
    assert row["Result"] == "Failed" and reason in row["Reason"]


def test_one_record_failing_leaves_the_others_of_the_call_alone(api: Api):
    api.create_event()
    good = {"Type": "Session", "SessionItem": {"EventID": "CT-1", "SessionID": "A", "Parts": [part(1)]}}
    bad = {"Type": "Session", "SessionItem": {"EventID": "CT-9", "SessionID": "B", "Parts": [part(1)]}}
    reply = api.post("/services/api/LO/Create", {"data": {"record": [good, bad]}})
    assert [row["Result"] for row in reply.body["data"]] == ["Success", "Failed"]
    assert (reply.body["createdRecords"], [e.effect for e in reply.effects]) == (1, ["create"])


def test_a_session_id_may_come_twice_unless_switched(api: Api):
    api.session()
    assert api.create_session().first["Result"] == "Success"
    roster = api.get("/services/api/SessionRoster/GetSessionRoster", sessionNumber="OFF-1")
    assert (roster.status, roster.body["error"]["message"]) == (400, "Multiple session found")
    api.core.configure({"duplicate_session_id_accepted": False})
    assert api.create_session().first["Reason"] == "Session ID already exists"


def test_update_replaces_the_parts_and_keeps_what_is_left_out(api: Api):
    session = api.session()
    before = state(api, "sessions", session)
    reply = api.update_session(LoID=session, Parts=[{"PartId": before["parts"][1]["id"], "PartName": "Renamed"}, part(3)])
    assert reply.first["Result"] == "Success"
    after = state(api, "sessions", session)
    assert [(p["name"], p["start"]) for p in after["parts"]] == [
        ("Renamed", before["parts"][1]["start"]),
        ("Day 3", "2026-07-17T07:00:00Z"),
    ]
    assert after["parts"][0]["id"] == before["parts"][1]["id"]
    assert (after["maximum_registration"], after["session_id"], after["min_parts"]) == (3, "OFF-1", 2)
    assert api.update_session(Locator=before["locator"], MaximumRegistration=9).first["Result"] == "Success"
    assert state(api, "sessions", session)["maximum_registration"] == 9
    assert api.update_session(LoID=session, Parts=[{"PartId": 1, "PartName": "x"}]).first["Result"] == "Failed"
    api.core.configure({"lo_update_parts": "merge"})
    api.update_session(LoID=session, Parts=[part(4)])
    assert len(state(api, "sessions", session)["parts"]) == 3


def test_the_update_verb_is_a_switch(api: Api):
    session = api.session()
    api.core.configure({"lo_update_verb": "PUT"})
    assert api.update_session(LoID=session, MaximumRegistration=1).status == 405
    body = {"data": {"record": [{"Type": "Session", "SessionItem": {"LoID": session, "MaximumRegistration": 1}}]}}
    assert api.call("PUT", "/services/api/LO/Update", body).first["Result"] == "Success"


def test_details_are_shown_to_whom_the_object_is_available(api: Api):
    user = api.core.state("users", id="E10001", now=api.now)[0]
    division = next(ou["id"] for ou in user["ous"] if ou["type_id"] == 2)
    ref = api.core.state("ous", id=str(division), now=api.now)[0]["external_id"]
    other = next(row for row in api.core.state("ous", id=None, now=api.now) if row["type_id"] == 2 and row["id"] != division)
    own, strange = (
        EVERYBODY | {"Id": ref, "SubType": "Division"},
        EVERYBODY | {"Id": other["external_id"], "SubType": "Division", "IncludeSubs": False},
    )
    seen = api.create_event("A-1", Availabilities=[own]).first["LOID"]
    hidden = api.create_event("A-2", Availabilities=[strange]).first["LOID"]
    nobody = api.create_event("A-3", Availabilities=[]).first["LOID"]
    assert api.get(DETAILS, ObjectID=seen, ActorID="E10001").first["trainingItem"]["EventNumber"] == "A-1"
    for id in (hidden, nobody):
        assert api.get(DETAILS, ObjectID=id, ActorID="E10001").first["Reason"] == "LO is not available to the user"
    assert api.get(DETAILS, ObjectID="nonsense").first["Reason"] == "Invalid object id Guid"
    assert api.get(DETAILS, ObjectID=seen, ActorID="E10013").first["Result"] == "Failed"  # inactive


def test_an_event_lists_its_sessions_at_once_but_only_the_visible_ones(api: Api):
    event = api.create_event().first["LOID"]
    session = api.create_session().first["LOID"]
    hidden = [EVERYBODY | {"Id": "D-0001", "SubType": "Division", "IncludeSubs": False}]
    api.create_session(item={"SessionID": "OFF-2"}, Availabilities=hidden)
    rows = api.get(DETAILS, ObjectID=event).first["trainingItem"]["Sessions"]
    assert [(row["SessionLOID"], row["SessionSeats"], row["SessionDuration"]) for row in rows] == [(session, 3, "960")]


def test_the_catalog_ignores_availability_and_pages(api: Api):
    api.create_event(Availabilities=[])
    found = api.get(SEARCH, Title="crane", TrainingType="Event", Subject="safety", Provider="Red Cross").body
    assert (found["totalRecords"], found["data"][0]["TrainingType"]) == (1, "Event")
    everything = api.get(SEARCH).body
    assert everything["totalRecords"] == 12 + 48 + 1 and len(everything["data"]) == 25
    assert api.get(SEARCH, PageNumber=4).body["data"] == []
    assert api.get(SEARCH, OuId="CORP").status == 400
    assert api.get(SEARCH, OuId="CORP", OuType="Corporation").body["totalRecords"] == 60


def test_the_catalog_takes_one_call_at_a_time(api: Api):
    api.core.configure({"catalog_busy_seconds": 1})
    assert [api.get(SEARCH).status for _ in range(2)] == [200, 500]
    api.advance(seconds=1)
    assert api.get(SEARCH).status == 200


# ---- learning assignments


def test_an_assignment_is_accepted_at_once_and_carried_out_later(api: Api):
    session = api.session()
    reply = api.assign(session, "E10001", "E10013", "nobody")
    id = reply.body["data"]["assignmentId"]
    assert (reply.status, reply.body["data"]["status"], reply.effects[0].messages) == (202, "Processing", 0)
    assert api.roster(session) == {}
    assert api.core.next_due() is not None
    api.advance(seconds=1)
    row = api.get(f"{ASSIGNMENTS}/{id}").body["data"]
    assert row["status"] == "CompletedWithErrors"
    assert {u["externalId"]: (u["status"], u["reason"]) for u in row["users"]} == {
        "E10001": ("Registered", None),
        "E10013": ("Failed", "The user is inactive"),
        "nobody": ("Failed", "Invalid user"),
    }
    assert [found["assignmentId"] for found in api.get(ASSIGNMENTS, title="A Title").body["data"]] == [id]


def test_emails_go_to_one_user_each_only_when_asked_for(api: Api):
    session = api.session()
    assert api.assign(session, "E10001", "E10002", sendEmails=True).effects[0].messages == 2
    body = {"externalId": "E10003", "learningObjectId": session, "assignment": "registered"}
    assert api.post(TRANSCRIPTS + "/assign", body).effects[0].messages == 1
    api.core.configure({"transcript_emails": False})
    assert api.post(TRANSCRIPTS + "/assign", body | {"externalId": "E10004"}).effects[0].messages == 0


def test_beyond_the_maximum_people_are_wait_listed(api: Api):
    session = api.session()
    api.registered(session, "E10001", "E10002", "E10003", "E10004")
    assert {ref: row["Status"] for ref, row in api.roster(session).items()} == {
        "E10001": "Registered",
        "E10002": "Registered",
        "E10003": "Registered",
        "E10004": "Wait Listed",
    }
    item = api.get(DETAILS, ObjectID=session).first["trainingItem"]
    assert (item["SessionSeats"], item["SessionWaitlist"]) == (0, 1)


def test_the_daily_volume_is_users_times_trainings_in_a_utc_day(api: Api):
    session = api.session()
    api.core.configure({"learning_assignment_daily_limit": 3})
    api.assign(session, "E10001", "E10002")
    assert api.assign(session, "E10003", "E10004").status == 400
    left = api.get("/services/api/x/learning-assignments/v1/remaining-count", date="2026-07-14").body["data"]
    assert left == {"date": "2026-07-14", "remaining": 1}
    api.advance(hours=14)
    assert api.assign(session, "E10003", "E10004").status == 202


def test_a_stuck_assignment_stays_in_processing(api: Api):
    session = api.session()
    api.core.configure({"assignments_stuck": 1})
    id = api.assign(session, "E10001").body["data"]["assignmentId"]
    api.advance(days=1)
    assert api.get(f"{ASSIGNMENTS}/{id}").body["data"]["status"] == "Processing"


def test_assignments_can_be_switched_off(api: Api):
    api.core.configure({"learning_assignment_paths": False})
    assert api.get(ASSIGNMENTS).status == 404


# ---- transcript v1


def test_a_new_registration_after_a_withdrawal_gets_the_next_number(api: Api):
    session = api.session()
    api.registered(session, "E10001")
    body = {"externalId": "E10001", "learningObjectId": session}
    reply = api.call("PATCH", TRANSCRIPTS + "/withdraw", body | {"reason": "ill"})
    assert reply.body["data"] == body | {"status": "Withdrawn", "registrationNumber": 1}
    assert reply.effects[0].effect == "cancel"
    assert api.call("PATCH", TRANSCRIPTS + "/withdraw", body).status == 400
    again = api.post(TRANSCRIPTS + "/assign", body | {"assignment": "registered"})
    assert (again.body["data"]["registrationNumber"], again.body["data"]["status"]) == (2, "Registered")
    same = api.post(TRANSCRIPTS + "/assign", body | {"assignment": "registered"})
    assert same.body["data"]["registrationNumber"] == 2  # asking for what is there changes nothing
    rows = api.get(OBJECTS + "/transcript_core", **{"$filter": f"transc_object_id eq {session}"}).body["value"]
    assert [row["reg_num"] for row in rows] == [1, 2]


def test_a_missing_row_is_record_not_found_and_a_completed_one_cannot_be_withdrawn(api: Api):
    session = api.session()
    body = {"externalId": "E10001", "learningObjectId": session}
    reply = api.get(TRANSCRIPTS + "/details", **body)
    assert (reply.status, reply.body["error"]["message"]) == (404, "record not found")
    api.registered(session, "E10001")
    assert api.call("PATCH", TRANSCRIPTS + "/complete", body | {"score": 80}).body["data"]["status"] == "Completed"
    assert api.call("PATCH", TRANSCRIPTS + "/withdraw", body).status == 400
    assert api.post(TRANSCRIPTS + "/assign", body | {"assignment": "registered"}).status == 400
    row = api.get(TRANSCRIPTS + "/details", **body).body["data"]
    assert (row["passed"], row["score"], row["statusGroup"], row["userId"]) == (True, 80.0, "Completed", 1002)


def test_the_session_row_takes_the_place_of_the_event_row_and_gives_it_back(api: Api):
    session = api.session()
    event = api.core.state("sessions", id=session, now=api.now)[0]["event_id"]
    api.core.act("assign_event", {"user_id": "E10001", "event_id": event}, now=api.now)
    body = {"externalId": "E10001", "learningObjectId": event}
    assert api.get(TRANSCRIPTS + "/details", **body).body["data"]["status"] == "Approved"
    api.registered(session, "E10001")
    assert api.get(TRANSCRIPTS + "/details", **body).status == 404
    shown = api.get(TRANSCRIPTS + "/overview", externalId="E10001", trainingType="Session", statusGroups="NotStarted").body["data"]
    assert [row["learningObjectId"] for row in shown] == [session]
    api.core.act("withdraw", {"user_id": "E10001", "session_id": session}, now=api.now)
    assert api.get(TRANSCRIPTS + "/details", **body).body["data"]["status"] == "Approved"


def test_removing_and_archiving_follow_the_flags(api: Api):
    session = api.session()
    api.registered(session, "E10001", "E10002")
    for ref, verb in (("E10001", "remove"), ("E10002", "archive")):
        assert api.call("PATCH", f"{TRANSCRIPTS}/{verb}", {"externalId": ref, "learningObjectId": session}).status == 200
    assert api.get(TRANSCRIPTS + "/details", externalId="E10001", learningObjectId=session).status == 404
    for included, count in (("false", 0), ("true", 1)):
        rows = api.get(TRANSCRIPTS + "/overview", externalId="E10002", includeArchived=included).body["data"]
        assert len([row for row in rows if row["learningObjectId"] == session]) == count


def test_unknown_verbs_are_not_there_when_switched_off(api: Api):
    api.core.configure({"transcript_v1_verbs": False})
    assert api.call("PATCH", TRANSCRIPTS + "/withdraw", {}).status == 404
