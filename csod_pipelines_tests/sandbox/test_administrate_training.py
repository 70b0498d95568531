"""Events, sessions, learners, attendance, results. Source keys: developer site (events, registrations), automator examples, help centre."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from csod_pipelines.sandbox.serve import running
from csod_pipelines_tests.sandbox.administrate_api import Api

CREATE = """mutation C($i: ClassroomEventCreateInput!) { event { createClassroom(input: $i) {
  event { id code lifecycleState sessions { edges { node { id lifecycleState timeZonedStart } } } } errors { label message value } } } }"""
UPDATE = "mutation U($e: ID!, $i: EventUpdateInput!) { event { update(eventId: $e, input: $i) { event { id lifecycleState } ERRORS } } }"
SESSION = (
    "mutation U($s: ID!, $i: SessionUpdateInput!) { session { update(sessionId: $s, input: $i) { session { timeZonedStart } ERRORS } } }"
)
REGISTER = """mutation R($e: ID!, $c: [ID!]!) { event { registerContacts(eventId: $e, input: {contacts: $c}) {
  event { id bookedPlaces } learners { id lifecycleState contact { id } } errors { label message value } } } }"""
ATTEND = "mutation A($i: [LearnerAttendanceInput!]!) { learner { recordAttendances(input: $i) { learner { id hasPassed } ERRORS } } }"
RESULT = "mutation R($l: ID!, $p: Boolean!) { learner { recordResult(learnerId: $l, hasPassed: $p) { learner { hasPassed } ERRORS } } }"


@pytest.fixture(scope="module")
def server() -> Iterator[Api]:
    with running("administrate") as sandbox:
        yield Api(sandbox.url)


@pytest.fixture
def api(server: Api) -> Iterator[Api]:
    server.reset()
    server.login()
    yield server
    server.switch(auto_pass=False, duplicate_registration="refuse", event_cancel_cancels_learners=True, nested_change_moves_stamp=False)


def _classroom(api: Api, **more: Any) -> dict[str, Any]:
    dates = {"classroomStartDateTime": "2027-03-28T01:30:00", "classroomEndDateTime": "2027-03-28T17:00:00"}
    return {"eventType": "public", "timeZoneName": "Europe/London", "courseTemplateId": api.template(), **dates, **more}


def test_a_classroom_event_starts_as_a_draft_with_one_draft_session(api: Api) -> None:
    event = api.ask(CREATE, i=_classroom(api))["event"]["createClassroom"]["event"]
    assert event["lifecycleState"] == "draft"
    (session,) = event["sessions"]["edges"]
    assert session["node"]["lifecycleState"] == "draft"


def test_publishing_an_event_leaves_its_sessions_drafts(api: Api) -> None:
    event = api.ask(CREATE, i=_classroom(api))["event"]["createClassroom"]["event"]
    assert api.ask(UPDATE, e=event["id"], i={"lifecycleState": "published"})["event"]["update"]["event"]["lifecycleState"] == "published"
    (session,) = api.sessions(event["id"])
    assert session["lifecycle_state"] == "draft"
    api.ask(SESSION, s=session["id"], i={"lifecycleState": "published"})
    assert api.sessions(event["id"])[0]["lifecycle_state"] == "published"


def test_an_event_id_has_the_prefix_course_and_the_typename_event(api: Api) -> None:
    id = api.event()
    assert id.startswith("Q291cnNl")
    assert api.ask("query N($id: ID!) { node(id: $id) { __typename } }", id=id)["node"] == {"__typename": "Event"}


def test_local_times_take_their_offset_from_the_zone_also_across_a_clock_change(api: Api) -> None:
    id = api.event(sessions=[{"title": "a", "start": "2027-03-27T09:00:00", "end": "2027-03-28T09:00:00"}])
    node = api.ask("query N($id: ID!) { node(id: $id) { ... on Event { start timeZonedStart timeZonedEnd timeZoneName } } }", id=id)["node"]
    assert node == {
        "start": "2027-03-27T09:00:00",
        "timeZonedStart": "2027-03-27T09:00:00+00:00",
        "timeZonedEnd": "2027-03-28T09:00:00+01:00",
        "timeZoneName": "Europe/London",
    }


def test_a_local_time_with_an_offset_and_an_unknown_zone_are_refused(api: Api) -> None:
    assert "LocalDateTime" in api.fail(CREATE, i=_classroom(api, classroomStartDateTime="2027-03-28T01:30:00Z"))
    refused = api.ask(CREATE, i=_classroom(api, timeZoneName="Europe/Nowhere"))["event"]["createClassroom"]
    assert refused["errors"][0]["label"] == "timeZoneName"


def test_moving_a_session_moves_the_dates_of_its_event_but_not_its_stamp(api: Api) -> None:
    id = api.event()
    before = api.one("events", id)
    api.control("POST", "clock", {"advance": 5})
    session = api.sessions(id)[0]["id"]
    moved = api.ask(
        SESSION, s=session, i={"start": "2027-04-01T10:00:00", "end": "2027-04-01T11:00:00", "timeZoneName": "America/New_York"}
    )
    assert moved["session"]["update"]["session"] == {"timeZonedStart": "2027-04-01T10:00:00-04:00"}
    after = api.one("events", id)
    assert after["end"] == "2027-04-01T15:00:00Z"
    assert after["updated_at"] == before["updated_at"]


def test_a_nested_change_can_be_made_to_show_on_the_event(api: Api) -> None:
    api.switch(nested_change_moves_stamp=True)
    id = api.event()
    before = api.one("events", id)["updated_at"]
    api.control("POST", "clock", {"advance": 5})
    api.act("move_session", id=api.sessions(id)[0]["id"], title="Renamed")
    assert api.one("events", id)["updated_at"] > before


def test_registration_needs_a_published_event(api: Api) -> None:
    event, person = api.event(publish=False), api.contact()
    refused = api.ask(REGISTER, e=event, c=[person])["event"]["registerContacts"]
    assert refused["learners"] is None
    assert "not published" in refused["errors"][0]["message"]


def test_a_full_event_refuses_all_of_a_request(api: Api) -> None:
    event, people = api.event(max_places=2), [api.contact(name) for name in ("Ada", "Eve", "Joan")]
    refused = api.ask(REGISTER, e=event, c=people)["event"]["registerContacts"]
    assert refused["errors"][0]["message"] == "no places remaining"
    assert api.state("learners") == []
    taken = api.ask(REGISTER, e=event, c=people[:2])["event"]["registerContacts"]
    assert [row["lifecycleState"] for row in taken["learners"]] == ["active", "active"]
    assert taken["event"]["bookedPlaces"] == 2


def test_unnamed_and_reserved_places_hold_seats(api: Api) -> None:
    event, ada, eve = api.event(max_places=2), api.contact("Ada"), api.contact("Eve")
    api.act("reserve_places", id=event, quantity=1)
    api.act("register", event_id=event, contact_id=ada, lifecycle_state="reserved")
    assert api.ask(REGISTER, e=event, c=[eve])["event"]["registerContacts"]["errors"]
    node = api.ask("query N($id: ID!) { node(id: $id) { ... on Event { remainingPlaces reserved isSoldOut } } }", id=event)["node"]
    assert node == {"remainingPlaces": 0, "reserved": 1, "isSoldOut": True}
    assert "no places remaining" in _refusal(api, "reserve_places", id=event, quantity=2)


def test_the_same_contact_twice_is_refused_or_doubled_by_switch(api: Api) -> None:
    event, person = api.event(), api.contact()
    api.ask(REGISTER, e=event, c=[person])
    assert api.ask(REGISTER, e=event, c=[person])["event"]["registerContacts"]["errors"]
    api.switch(duplicate_registration="double")
    assert api.ask(REGISTER, e=event, c=[person])["event"]["registerContacts"]["learners"]
    assert len(api.state("learners")) == 2


def test_a_cancelled_contact_can_be_registered_again_as_a_new_learner(api: Api) -> None:
    event = api.event()
    old = api.learner(event)
    api.act("cancel_learner", id=old)
    new = api.ask(REGISTER, e=event, c=[api.one("learners", old)["contact_id"]])["event"]["registerContacts"]["learners"][0]["id"]
    assert new != old
    assert "registered again" in _refusal(api, "reactivate", id=old)


def _refusal(api: Api, action: str, **arguments: Any) -> str:
    answer = api.session.post(f"{api.url}/_sandbox/act", json={"action": action, **arguments}, timeout=10)
    assert answer.status_code == 400
    return answer.json()["error"]


def test_register_named_learners_answers_one_result_an_input(api: Api) -> None:
    event, person = api.event(), api.contact()
    query = "mutation N($i: [NamedLearnerInput!]!) { event { registerNamedLearners(input: $i) { learners { id notes } ERRORS } } }"
    rows = [{"eventId": event, "contactId": person, "notes": "csod"}, {"eventId": event, "contactId": "x"}]
    results = api.ask(query, i=rows)["event"]["registerNamedLearners"]
    assert results[0]["learners"][0]["notes"] == "csod"
    assert results[1]["learners"] is None and results[1]["errors"]


def test_cancelling_twice_changes_and_writes_once(api: Api) -> None:
    event = api.event()
    learner = api.learner(event)
    cancel = "mutation X($l: ID!) { learner { a: cancel(input: {learnerId: $l}) { learner { lifecycleState isCancelled } } } }"
    seq = api.last_seq()
    for _ in range(2):
        assert api.ask(cancel, l=learner)["learner"]["a"]["learner"] == {"lifecycleState": "cancelled", "isCancelled": True}
    rows = api.control("GET", f"requests?since={seq}")
    assert [(row["effect"], row["messages"]) for row in rows] == [("cancel", 1), ("none", 0)]


def test_a_cancelled_event_takes_its_learners_along_by_switch(api: Api) -> None:
    event = api.event()
    learner = api.learner(event)
    api.act("cancel_event", id=event)
    assert api.one("learners", learner)["lifecycle_state"] == "cancelled"
    assert "cannot become published" in _refusal(api, "publish_event", id=event)
    api.switch(event_cancel_cancels_learners=False)
    other = api.event()
    kept = api.act("register", event_id=other, contact_id=api.one("learners", learner)["contact_id"])["id"]
    api.act("cancel_event", id=other)
    assert api.one("learners", kept)["lifecycle_state"] == "active"


def test_attendance_is_a_list_with_one_result_an_input_and_unmarked_is_null(api: Api) -> None:
    event = api.event()
    learner = api.learner(event)
    first, second = (row["id"] for row in api.sessions(event))
    rows = [{"learnerId": learner, "sessionId": first, "attended": True}, {"learnerId": learner, "sessionId": "x", "attended": True}]
    results = api.ask(ATTEND, i=rows)["learner"]["recordAttendances"]
    assert results[0]["errors"] == [] and results[1]["errors"][0]["label"] == "sessionId"
    query = """query L($id: ID!) { node(id: $id) { ... on Learner {
      attendance { sessionDetail { edges { node { attendanceMark session { id } } } } } } } }"""
    edges = api.ask(query, id=learner)["node"]["attendance"]["sessionDetail"]["edges"]
    marks = {edge["node"]["session"]["id"]: edge["node"]["attendanceMark"] for edge in edges}
    assert marks == {first: "Present", second: None}


def test_attendance_carries_no_stamp_and_a_result_does(api: Api) -> None:
    event = api.event()
    learner = api.learner(event)
    before = api.one("learners", learner)["updated_at"]
    api.control("POST", "clock", {"advance": 5})
    api.act("mark_attendance", learner_id=learner, session_id=api.sessions(event)[0]["id"], attended=False)
    assert api.one("learners", learner)["updated_at"] == before
    assert api.ask(RESULT, l=learner, p=True)["learner"]["recordResult"]["learner"] == {"hasPassed": True}
    assert api.one("learners", learner)["updated_at"] > before


def test_with_auto_pass_attending_every_session_makes_a_pass(api: Api) -> None:
    api.switch(auto_pass=True)
    event = api.event()
    learner = api.learner(event)
    for row in api.sessions(event):
        api.act("mark_attendance", learner_id=learner, session_id=row["id"], attended=True)
    assert api.one("learners", learner)["has_passed"] is True


def test_learners_are_found_by_event_contact_and_stamp(api: Api) -> None:
    event = api.event()
    learner = api.learner(event)
    api.learner(api.event(), "Eve")
    query = "query L($f: [LearnerFieldGraphFilter!]) { learners(filters: $f) { edges { node { id } } } }"
    by_event = [{"field": "eventId", "operation": "eq", "value": event}, {"field": "isActive", "operation": "eq", "value": "true"}]
    assert api.ask(query, f=by_event)["learners"]["edges"] == [{"node": {"id": learner}}]
    by_contact = [{"field": "contactId", "operation": "eq", "value": api.one("learners", learner)["contact_id"]}]
    assert api.ask(query, f=by_contact)["learners"]["edges"] == [{"node": {"id": learner}}]


def test_a_session_is_added_and_deleted_but_one_always_stays(api: Api) -> None:
    event = api.event()
    add = 'mutation A($e: ID!) { session { create(eventId: $e, input: {title: "Extra"}) { session { id title } errors { label } } } }'
    extra = api.ask(add, e=event)["session"]["create"]["session"]["id"]
    delete = "mutation D($s: [ID]!) { session { delete(input: {sessionIds: $s}) { errors { label } } } }"
    others = [row["id"] for row in api.sessions(event) if row["id"] != extra]
    assert api.ask(delete, s=others)["session"]["delete"]["errors"] == []
    assert api.ask(delete, s=[extra])["session"]["delete"]["errors"]


def test_an_lms_event_has_no_sessions(api: Api) -> None:
    query = """mutation L($i: LmsEventCreateInput!) {
      event { createLMS(input: $i) { event { id lmsStart sessions { edges { node { id } } } } } } }"""
    given = {"eventType": "public", "timeZoneName": "Europe/Paris", "title": "Online", "timeZonedLmsStart": "2027-01-01T08:00:00Z"}
    event = api.ask(query, i=given)["event"]["createLMS"]["event"]
    assert event["lmsStart"] == "2027-01-01T09:00:00"
    assert event["sessions"]["edges"] == []


def test_instructors_are_staff_of_an_event(api: Api) -> None:
    event = api.event()
    instructor = next(row["id"] for row in api.state("contacts") if row["is_instructor"])
    query = """mutation S($i: EventStaffInput!) {
      event { addStaff(input: $i) { event { staff { edges { node { contact { id } } } } } ERRORS } } }"""
    given = {"eventId": event, "contactId": instructor, "staffType": "instructor"}
    staff = api.ask(query, i=given)["event"]["addStaff"]["event"]["staff"]["edges"]
    assert staff == [{"node": {"contact": {"id": instructor}}}]
    assert api.ask(query, i={**given, "contactId": api.contact()})["event"]["addStaff"]["errors"]
