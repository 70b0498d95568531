"""Templates, events, sessions, learners."""

from __future__ import annotations

from typing import Any

import pytest

from csod_pipelines_tests.contract.administrate_portal import Administrate

TEMPLATE = """mutation ($t: ID!, $i: CourseTemplateInput!) { courseTemplate { update(courseTemplateId: $t, input: $i) {
  courseTemplate { id lifecycleState } ERRORS } } }"""
CREATE = "mutation ($i: %sEventCreateInput!) { event { create%s(input: $i) { event { id lifecycleState type } ERRORS } } }"
UPDATE_SESSION = """mutation ($s: ID!, $i: SessionUpdateInput!) { session { update(sessionId: $s, input: $i) {
  session { id start timeZonedStart lifecycleState } ERRORS } } }"""
ATTENDANCE = "mutation ($r: [LearnerAttendanceInput!]!) { learner { recordAttendances(input: $r) { learner { id } ERRORS } } }"
RESULT = "mutation ($l: ID!, $p: Boolean!) { learner { recordResult(learnerId: $l, hasPassed: $p) { learner { id hasPassed } ERRORS } } }"


def state(administrate: Administrate, template: str, word: str) -> dict[str, Any]:
    return administrate.ask(TEMPLATE, t=template, i={"lifecycleState": word})["courseTemplate"]["update"]


def cancel(administrate: Administrate, learner: str) -> dict[str, Any]:
    query = "mutation ($l: ID!) { learner { cancel(input: { learnerId: $l }) { learner { id lifecycleState } ERRORS } } }"
    return administrate.ask(query, l=learner)["learner"]["cancel"]


def mark(administrate: Administrate, learner: str, session: str, attended: bool) -> list[dict[str, Any]]:
    rows = [{"learnerId": learner, "sessionId": session, "attended": attended}]
    return administrate.ask(ATTENDANCE, r=rows)["learner"]["recordAttendances"]


def learner_row(administrate: Administrate, id: str) -> dict[str, Any]:
    query = """query ($i: ID!) { node(id: $i) { ... on Learner { lifecycleState isActive isCancelled hasPassed lastUpdatedAt
      attendance { sessionDetail { edges { node { attendanceMark session { id } } } } } } } }"""
    return administrate.ask(query, i=id)["node"]


@pytest.mark.row("template_states")
def test_a_template_goes_from_draft_to_published_to_archived(administrate: Administrate) -> None:
    """Source: help article 42545615023633. What was published is no draft again."""
    id = administrate.template()
    assert state(administrate, id, "published")["courseTemplate"]["lifecycleState"] == "published"
    refused = state(administrate, id, "draft")
    assert refused["courseTemplate"] is None and refused["errors"]
    assert state(administrate, id, "archived")["courseTemplate"]["lifecycleState"] == "archived"


@pytest.mark.row("event_states")
@pytest.mark.writes
def test_an_event_starts_as_a_draft_and_is_published_and_cancelled(administrate: Administrate) -> None:
    """Source: developer site, events. What the screens call active is published here."""
    id = administrate.event(published=False)
    query = "query ($i: ID!) { node(id: $i) { ... on Event { lifecycleState cancelledAt } } }"
    assert administrate.ask(query, i=id)["node"] == {"lifecycleState": "draft", "cancelledAt": None}
    assert administrate.update_event(id, lifecycleState="published")["event"]["lifecycleState"] == "published"
    assert administrate.update_event(id, lifecycleState="cancelled")["event"]["lifecycleState"] == "cancelled"
    assert administrate.ask(query, i=id)["node"]["cancelledAt"]


@pytest.mark.row("event_types")
def test_an_event_is_public_or_private(administrate: Administrate) -> None:
    """Source: developer site, events; the type and the time zone are needed."""
    for word in ("public", "private"):
        given = {"eventType": word, "timeZoneName": "Europe/London", "courseTemplateId": administrate.template()}
        created = administrate.ask(CREATE % ("Classroom", "Classroom"), i=given)["event"]["createClassroom"]
        assert created["event"]["type"] == word
    assert administrate.refused(CREATE % ("Classroom", "Classroom"), i={"timeZoneName": "Europe/London"})


@pytest.mark.row("event_has_location")
@pytest.mark.writes
def test_every_event_has_a_location(administrate: Administrate) -> None:
    """Source: help article 115011749087."""
    id = administrate.event()
    query = "query ($i: ID!) { node(id: $i) { ... on Event { location { id name } } } }"
    assert administrate.ask(query, i=id)["node"]["location"]["id"]


@pytest.mark.row("event_has_session")
def test_a_classroom_event_begins_with_a_session_and_an_lms_event_has_none(administrate: Administrate) -> None:
    """Source: help article 42542173443089; the create mutations make the first session."""
    assert len(administrate.sessions(administrate.event())) == 1
    given = {"eventType": "public", "timeZoneName": "Europe/London", "courseTemplateId": administrate.template()}
    id = administrate.ask(CREATE % ("Lms", "LMS"), i=given)["event"]["createLMS"]["event"]["id"]
    assert administrate.sessions(id) == []


@pytest.mark.writes
def test_publishing_an_event_does_not_publish_its_sessions(administrate: Administrate) -> None:
    """Source: the vendor's activation workflow publishes each session by itself."""
    (session,) = administrate.sessions(administrate.event())
    assert session["lifecycleState"] == "draft"
    result = administrate.ask(UPDATE_SESSION, s=session["id"], i={"lifecycleState": "published"})["session"]["update"]
    assert result["session"]["lifecycleState"] == "published"


@pytest.mark.writes
def test_a_session_moves_in_wall_time_of_a_named_zone(administrate: Administrate) -> None:
    """Source: integrators' code: start and end are LocalDateTime, timeZonedStart carries the offset."""
    (session,) = administrate.sessions(administrate.event())
    changes = {"start": "2026-10-26T09:00:00", "end": "2026-10-26T17:00:00", "timeZoneName": "Europe/London"}
    moved = administrate.ask(UPDATE_SESSION, s=session["id"], i=changes)["session"]["update"]["session"]
    assert (moved["start"], moved["timeZonedStart"]) == ("2026-10-26T09:00:00", "2026-10-26T09:00:00+00:00")


# ---- learners


@pytest.mark.row("mutation.event.registerContacts")
@pytest.mark.writes
def test_contacts_are_registered_on_an_event(administrate: Administrate) -> None:
    """Source: developer site, events and registrations: the event and a list of contacts."""
    event = administrate.event()
    ada, bob = administrate.contact("Ada"), administrate.contact("Bob")
    learners = administrate.register(event, ada, bob)["learners"]
    assert [(row["lifecycleState"], row["contact"]["id"]) for row in learners] == [("active", ada), ("active", bob)]


def test_unnamed_places_are_held_on_an_order(administrate: Administrate) -> None:
    """Source: developer site, registrations: registerUnnamedLearners takes the event, the order and a quantity."""
    event = administrate.event(maxPlaces=4)
    administrate.register(event, administrate.contact())
    (order,) = administrate.nodes("{ registrations(first: 1) { edges { node { id } } } }")
    query = """mutation ($i: RegisterUnnamedLearnersInput!) { registration { registerUnnamedLearners(input: $i) {
      registration { id } event { reserved remainingPlaces } ERRORS } } }"""
    given = {"eventId": event, "registrationId": order["id"], "quantity": 2}
    held = administrate.ask(query, i=given)["registration"]["registerUnnamedLearners"]
    assert held == {"registration": order, "event": {"reserved": 2, "remainingPlaces": 1}, "errors": []}
    for wrong in ({"quantity": 2}, {"quantity": 0}, {"registrationId": event}):
        refused = administrate.ask(query, i=given | wrong)["registration"]["registerUnnamedLearners"]
        assert refused["registration"] is None and refused["errors"]


@pytest.mark.row("event_must_be_published")
@pytest.mark.writes
def test_nobody_is_registered_on_a_draft(administrate: Administrate) -> None:
    """Source: developer site, events and registrations."""
    result = administrate.register(administrate.event(published=False), administrate.contact())
    assert result["learners"] is None and result["errors"]


def test_a_full_event_refuses_and_registers_nobody(administrate: Administrate) -> None:
    """Source: the vendor's substitution workflow looks for places first (inferred); the text is not known."""
    event = administrate.event(maxPlaces=1)
    result = administrate.register(event, administrate.contact("Ada"), administrate.contact("Bob"))
    assert result["learners"] is None and result["errors"]
    query = "query ($e: String!) { learners(filters: { field: eventId, operation: eq, value: $e }) { edges { node { id } } } }"
    assert administrate.nodes(query, e=event) == []


def test_a_cancelled_learner_frees_a_place_and_can_come_back(administrate: Administrate) -> None:
    """Source: vendor workflows and a client: cancel and reactivate."""
    event = administrate.event(maxPlaces=1)
    learner = administrate.learner(event)
    assert cancel(administrate, learner)["learner"]["lifecycleState"] == "cancelled"
    query = "query ($i: ID!) { node(id: $i) { ... on Event { remainingPlaces } } }"
    assert administrate.ask(query, i=event)["node"]["remainingPlaces"] == 1
    again = "mutation ($l: ID!) { learner { reactivate(input: { learnerId: $l }) { learner { lifecycleState } ERRORS } } }"
    assert administrate.ask(again, l=learner)["learner"]["reactivate"]["learner"]["lifecycleState"] == "active"


def test_attendance_is_recorded_for_a_list_and_answered_by_a_list(administrate: Administrate) -> None:
    """Source: vendor workflow for attendance; a client had to mend its reading of one object. Present was seen as a mark."""
    event = administrate.event()
    (session,) = administrate.sessions(event)
    learner = administrate.learner(event)
    (result,) = mark(administrate, learner, session["id"], True)
    assert result == {"learner": {"id": learner}, "errors": []}
    (edge,) = learner_row(administrate, learner)["attendance"]["sessionDetail"]["edges"]
    assert edge["node"] == {"attendanceMark": "Present", "session": {"id": session["id"]}}
    assert mark(administrate, learner, "x", True)[0]["errors"]


@pytest.mark.row("auto_pass")
def test_attendance_may_pass_a_learner_where_the_instance_is_set_so(administrate: Administrate) -> None:
    """Source: help article 46581538499473; a setting of the product."""
    event = administrate.event()
    (session,) = administrate.sessions(event)
    first = administrate.learner(event, "Ada")
    mark(administrate, first, session["id"], True)
    assert learner_row(administrate, first)["hasPassed"] is None
    administrate.configure(auto_pass=True)
    second = administrate.learner(event, "Bob")
    mark(administrate, second, session["id"], True)
    assert learner_row(administrate, second)["hasPassed"] is True


def test_a_result_is_a_pass_or_a_fail(administrate: Administrate) -> None:
    """Source: vendor workflow for registrations and attendance: no input object, no score."""
    learner = administrate.learner(administrate.event())
    for passed in (True, False):
        result = administrate.ask(RESULT, l=learner, p=passed)["learner"]["recordResult"]
        assert result["learner"] == {"id": learner, "hasPassed": passed}
    assert administrate.refused(RESULT, l=learner, p=None)


def test_learners_are_found_by_event_and_by_contact(administrate: Administrate) -> None:
    """Source: the vendor's query server: eventId, contactId, lifecycleState, lastUpdatedAt."""
    event = administrate.event()
    ada, bob = administrate.learner(event, "Ada"), administrate.learner(event, "Bob")
    cancel(administrate, bob)
    query = """query ($e: String!) { learners(filters: [{ field: eventId, operation: eq, value: $e },
      { field: lifecycleState, operation: eq, value: "active" }, { field: lastUpdatedAt, operation: ge, value: "2026-07-14T00:00:00Z" }]) {
      edges { node { id } } } }"""
    assert administrate.nodes(query, e=event) == [{"id": ada}]


def test_an_integration_writes_into_the_logs_of_a_record(administrate: Administrate) -> None:
    """Source: vendor workflow for error logging; a node that is not there is refused in errors."""
    event = administrate.event()
    query = """mutation ($i: ExternalIntegrationLogCreateInput!) { externalLog { createExternalIntegrationLog(input: $i) { ERRORS } } }"""
    entry = {"originIdentifier": "Cornerstone sync", "nodeId": event, "message": "Session created", "status": "success", "payload": "{}"}
    assert administrate.ask(query, i=entry)["externalLog"]["createExternalIntegrationLog"]["errors"] == []
    (row,) = administrate.control("GET", "state/integration_logs")
    assert (row["origin_identifier"], row["node_id"], row["status"]) == ("Cornerstone sync", event, "success")
    assert administrate.ask(query, i=entry | {"nodeId": "x"})["externalLog"]["createExternalIntegrationLog"]["errors"]
