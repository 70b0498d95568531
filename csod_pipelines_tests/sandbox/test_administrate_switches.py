"""Each guess can be switched off: the field, argument or mutation is then gone from the schema, as on an instance that has none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from graphql import build_schema, parse, validate, validate_schema

import csod_pipelines.sandbox.administrate as package
from csod_pipelines.sandbox.administrate.schema import schema_without
from csod_pipelines.sandbox.administrate.settings import GUESSES
from csod_pipelines.sandbox.serve import running
from csod_pipelines_tests.sandbox.administrate_api import Api

USES = {
    "account_parent": "{ accounts { edges { node { parentAccount { id } } } } }",
    "contact_account_move": 'mutation { contact { update(input: {contactId: "x", accountId: "y"}) { ERRORS } } }',
    "contact_left_company": "{ contacts { edges { node { hasLeftCompany } } } }",
    "location_create": 'mutation { location { create(input: {name: "x"}) { ERRORS } } }',
    "learning_category_create": 'mutation { learningCategory { create(input: {name: "x"}) { ERRORS } } }',
    "learning_category_external_id": '{ nodeByExternalId(type: LearningCategory, name: "x", value: "y") { id } }',
    "course_template_create": 'mutation { courseTemplate { create(input: {code: "x", title: "y"}) { ERRORS } } }',
    "session_create": 'mutation { session { create(eventId: "x", input: {}) { ERRORS } } }',
    "custom_field_option_update": """mutation { customFields {
      updateGlobalCustomDefinition(key: "x", definition: {label: "x", type: "choice"}) { ERRORS } } }""",
}


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    with running("administrate") as sandbox:
        api = Api(sandbox.url)
        api.login()
        yield api


def test_every_guess_of_the_schema_has_a_switch_and_a_use_here() -> None:
    text = (Path(package.__path__[0]) / "schema.graphql").read_text(encoding="utf-8")
    marked = set(re.findall(r"@guess\(switch: \"(\w+)\"\)", text))
    assert marked == set(GUESSES) == set(USES)
    assert validate_schema(build_schema(text)) == []


@pytest.mark.parametrize("guess", GUESSES)
def test_a_guess_that_is_off_is_gone_and_the_rest_stays_whole(api: Api, guess: str) -> None:
    assert "Cannot query" not in api.post(USES[guess]).text
    api.switch(**{guess: False})
    try:
        body = api.post(USES[guess]).json()
        assert "data" not in body
        assert body["errors"]
        assert api.ask("{ accounts { edges { node { id } } } courseTemplates { edges { node { id title } } } }")
    finally:
        api.switch(**{guess: True})
    assert validate_schema(schema_without(frozenset({guess}))) == []


def test_with_every_guess_off_the_documented_part_still_stands() -> None:
    schema = schema_without(frozenset(GUESSES))
    assert validate_schema(schema) == []
    assert "guess" not in {directive.name for directive in schema.directives}


def test_ids_change_their_prefix_by_switch(api: Api) -> None:
    learner = api.learner(api.event())
    assert learner.startswith("TGVhcm5lcjo")
    api.switch(learner_id_prefix="learner", session_id_prefix="Course")
    try:
        row = api.state("learners")[0]
        assert row["id"].startswith("bGVhcm5lcjo")
        session = api.sessions(row["event_id"])[0]["id"]
        query = "query N($id: ID!) { node(id: $id) { __typename } }"
        assert api.ask(query, id=session)["node"] == {"__typename": "Session"}
        assert api.ask(query, id=row["event_id"])["node"] == {"__typename": "Event"}
    finally:
        api.switch(learner_id_prefix="Learner", session_id_prefix="Session")


# Calls an integrator composed from the developer site's pages; each must be valid against what is served.
PUBLISHED = """
query ChangedEvents($since: String!, $after: String) {
  events(
    filters: [{field: updatedAt, operation: ge, value: $since}, {field: lifecycleState, operation: in, values: ["published", "cancelled"]}]
    orderBy: [{field: updatedAt, direction: asc}], first: 100, after: $after
  ) {
    pageInfo { totalRecords hasNextPage endCursor }
    edges { cursor node {
      id legacyId code title lifecycleState cancelledAt updatedAt timeZoneName timeZonedStart timeZonedEnd maxPlaces remainingPlaces
      location { id name } courseTemplate { id code } externalIds { name value }
      sessions(order: {field: start, direction: asc}, first: 100) {
        pageInfo { hasNextPage endCursor } edges { node { id title lifecycleState timeZonedStart timeZonedEnd venue { id name } } }
      }
    } }
  }
}
mutation Move($id: ID!, $from: LocalDateTime!, $to: LocalDateTime!) {
  session { update(sessionId: $id, input: {start: $from, end: $to, timeZoneName: "Europe/London"}) {
    session { id timeZonedStart timeZonedEnd } errors { label message value }
  } }
}
query Registrations { registrations { edges { node { id account { id } registerables { edges { node { ... on Learner { id } } } } } } } }
query Defs { customFieldTemplate(type: Event) { customFieldDefinitions { key label type isRequired options { value } } } }
query Payload($objectid: ID!) {
  node(id: $objectid) { id __typename ... on Learner {
    lifecycleState hasPassed contact { id emailAddress } event { id courseTemplate { id } }
    attendance { sessionDetail { edges { node { attendanceMark session { id } } } } }
  } }
}
"""


def test_published_operations_are_valid_and_run(api: Api) -> None:
    assert validate(schema_without(frozenset()), parse(PUBLISHED)) == []
    api.learner(api.event(), "Eve")

    def run(operation: str, **variables: str) -> dict[str, Any]:
        body = {"query": PUBLISHED, "operationName": operation, "variables": variables}
        answer = api.session.post(f"{api.url}/graphql", json=body, timeout=10).json()
        assert "errors" not in answer, answer
        return answer["data"]

    assert run("ChangedEvents", since="2001-01-01")["events"]["pageInfo"]["totalRecords"] >= 1
    assert run("Registrations")["registrations"]["edges"]
    assert run("Defs")["customFieldTemplate"]["customFieldDefinitions"] == []
    assert run("Payload", objectid=api.state("learners")[0]["id"])["node"]["attendance"]["sessionDetail"]["edges"]


def test_an_address_must_fit_letter_by_letter_where_the_switch_says_so(api: Api) -> None:
    query = """query F($o: FilterOperation!, $v: String) {
      contacts(filters: [{field: emailAddress, operation: $o, value: $v}]) { edges { node { emailAddress } } } }"""

    def found(operation: str, value: str) -> int:
        return len(api.ask(query, o=operation, v=value)["contacts"]["edges"])

    api.act("create_contact", account_id=1, last_name="Case", email_address="Upper.Case@example.org")
    assert (found("eq", "upper.case@example.org"), found("like", "UPPER%")) == (1, 1)
    api.switch(contacts_mail_case_sensitive=True)
    try:
        assert (found("eq", "upper.case@example.org"), found("like", "UPPER%")) == (0, 0)
        assert (found("eq", "Upper.Case@example.org"), found("like", "Upper%")) == (1, 1)
    finally:
        api.switch(contacts_mail_case_sensitive=False)
