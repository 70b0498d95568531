"""Connections, filters, ids: how everything is read."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from csod_pipelines_tests.contract.administrate_portal import Administrate, global_id

PAGE = "pageInfo { startCursor endCursor hasNextPage hasPreviousPage totalRecords }"
CONTACTS = f"query ($f: Int, $a: String) {{ contacts(first: $f, after: $a) {{ {PAGE} edges {{ cursor node {{ id }} }} }} }}"
BATCH = "mutation ($i: [ContactCreateInput]!) { contact { createBatch(input: $i) { contact { id } ERRORS } } }"


def crowd(administrate: Administrate, count: int) -> None:
    """So many more contacts."""
    account = administrate.root()
    people = [{"accountId": account, "personalName": {"lastName": f"Number {number}"}} for number in range(count)]
    administrate.ask(BATCH, i=people)


def found(administrate: Administrate, *filters: dict[str, Any]) -> list[str]:
    query = "query ($f: [ContactFieldGraphFilter!]) { contacts(filters: $f) { edges { node { id } } } }"
    return [node["id"] for node in administrate.nodes(query, f=list(filters))]


def where(field: str, operation: str, value: str | None = None, values: list[str] | None = None) -> dict[str, Any]:
    return {"field": field, "operation": operation, "value": value, "values": values}


@pytest.mark.row("connection")
@pytest.mark.reads
def test_a_list_is_a_connection(administrate: Administrate) -> None:
    """Source: developer site, connections: edges, cursor, node, pageInfo."""
    contacts = administrate.ask(CONTACTS, f=2)["contacts"]
    info = contacts["pageInfo"]
    assert info["startCursor"] == contacts["edges"][0]["cursor"] and info["endCursor"] == contacts["edges"][-1]["cursor"]
    assert info["hasPreviousPage"] is False and info["totalRecords"] >= 2


@pytest.mark.row("cursor")
@pytest.mark.reads
def test_a_cursor_is_a_row_number_in_disguise(administrate: Administrate) -> None:
    """Source: developer site, connections; samples show base64 of Cursor:0 for the first row."""
    first, second = administrate.ask(CONTACTS, f=2)["contacts"]["edges"]
    assert base64.b64decode(first["cursor"]) == b"Cursor:0"
    assert administrate.ask(CONTACTS, f=1, a=first["cursor"])["contacts"]["edges"][0] == second


@pytest.mark.row("default_page_size")
def test_a_page_holds_fifty_unless_asked_otherwise(administrate: Administrate) -> None:
    """Source: developer site, connections."""
    crowd(administrate, 60)
    contacts = administrate.ask(CONTACTS)["contacts"]
    assert (len(contacts["edges"]), contacts["pageInfo"]["hasNextPage"]) == (50, True)


@pytest.mark.row("page_size")
def test_asking_for_more_than_a_hundred_gives_a_hundred_without_a_word(administrate: Administrate) -> None:
    """Source: developer site, connections; a vendor workflow too. The oldest come first."""
    crowd(administrate, 110)
    contacts = administrate.ask(CONTACTS, f=500)["contacts"]
    assert (len(contacts["edges"]), contacts["pageInfo"]["hasNextPage"]) == (100, True)


def test_nested_lists_are_paged_too(administrate: Administrate) -> None:
    """Source: vendor workflows ask nested connections for pages."""
    crowd(administrate, 55)
    query = "query ($a: ID!) { node(id: $a) { ... on Account { contacts { pageInfo { hasNextPage } edges { node { id } } } } } }"
    contacts = administrate.ask(query, a=administrate.root())["node"]["contacts"]
    assert (len(contacts["edges"]), contacts["pageInfo"]["hasNextPage"]) == (50, True)


def test_rows_shift_when_others_come_or_go(administrate: Administrate) -> None:
    """Source: follows from the cursors (inferred)."""
    order = "contacts(order: { field: lastName, direction: asc }"
    before = administrate.nodes(f"{{ {order}, first: 10) {{ edges {{ node {{ id }} }} }} }}")
    administrate.act("create_contact", account_id=administrate.root(), last_name="Aaa")
    cursor = global_id("Cursor", 0)
    after = administrate.nodes(f'{{ {order}, after: "{cursor}") {{ edges {{ node {{ id }} }} }} }}')
    assert after[0] == before[0]


@pytest.mark.row("filter_shape")
@pytest.mark.reads
def test_a_filter_has_a_field_an_operation_and_a_text(administrate: Administrate) -> None:
    """Source: developer site, filtering. Values are texts whatever the field; lists go into values; one object does for a list."""
    all_ids = found(administrate)
    assert found(administrate, where("isStaff", "eq", "true")) + found(administrate, where("isStaff", "eq", "false"))
    assert found(administrate, where("id", "in", values=all_ids[:2])) == all_ids[:2]
    query = "{ contacts(filters: { field: id, operation: eq, value: " + f'"{all_ids[0]}"' + " }) { edges { node { id } } } }"
    assert administrate.nodes(query) == [{"id": all_ids[0]}]


@pytest.mark.row("filter_operations")
def test_filters_know_thirteen_operations(administrate: Administrate) -> None:
    """Source: developer site, filtering; like uses %, wordlike looks at words without regard to case and punctuation."""
    ada, bob = administrate.contact("Ada"), administrate.contact("Bob")
    byrons = where("lastName", "eq", "Byron")
    cases: list[tuple[dict[str, Any], list[str]]] = [
        (where("firstName", "eq", "Ada"), [ada]),
        (where("firstName", "ne", "Ada"), [bob]),
        (where("firstName", "ge", "Bob"), [bob]),
        (where("firstName", "gt", "Ada"), [bob]),
        (where("firstName", "le", "Ada"), [ada]),
        (where("firstName", "lt", "Bob"), [ada]),
        (where("firstName", "like", "%d%"), [ada]),
        (where("name", "wordlike", "byron, ADA"), [ada]),
        (where("firstName", "in", values=["Ada", "Eve"]), [ada]),
        (where("firstName", "notin", values=["Ada", "Eve"]), [bob]),
        (where("firstName", "contains", values=["ob"]), [bob]),
        (where("firstName", "isnull"), []),
        (where("firstName", "notnull"), [ada, bob]),
    ]
    for given, expected in cases:
        assert found(administrate, byrons, given) == expected, given


@pytest.mark.reads
def test_one_malformed_filter_fails_the_whole_request(administrate: Administrate) -> None:
    """Source: a query server that the vendor publishes."""
    query = '{ hello contacts(filters: { field: nonsense, operation: eq, value: "x" }) { edges { node { id } } } }'
    assert administrate.refused(query)


@pytest.mark.reads
def test_a_query_that_cannot_run_is_a_200_with_errors_at_the_top(administrate: Administrate) -> None:
    """Source: vendor workflows and a client; success carries no errors, or an empty list."""
    answer = administrate.send("{ contacts { edges { node { soldOut } } } }")
    assert answer.status_code == 200 and answer.json()["errors"][0]["message"] and not answer.json().get("data")


@pytest.mark.row("event_global_id")
def test_an_event_is_a_course_by_its_id_and_an_event_by_its_type(administrate: Administrate) -> None:
    """Source: developer site, external ids and events. Ids are opaque; the type is asked for."""
    id = administrate.event()
    legacy = administrate.nodes("{ events { edges { node { legacyId } } } }")[0]["legacyId"]
    assert id == global_id("Course", legacy)
    query = "query ($i: ID!) { node(id: $i) { id __typename } }"
    assert administrate.ask(query, i=id)["node"] == {"id": id, "__typename": "Event"}


@pytest.mark.reads
def test_accounts_and_contacts_have_prefixes_of_their_own(administrate: Administrate) -> None:
    """Source: vendor workflows: Organisation and Person."""
    account = administrate.nodes("{ accounts(first: 1) { edges { node { id legacyId } } } }")[0]
    assert account["id"] == global_id("Organisation", account["legacyId"])
    contact = administrate.nodes("{ contacts(first: 1) { edges { node { id legacyId } } } }")[0]
    assert contact["id"] == global_id("Person", contact["legacyId"])


@pytest.mark.reads
def test_the_schema_can_be_asked_about_itself(administrate: Administrate) -> None:
    """Source: a customer's client introspects before coding; Event has no soldOut, timezone or cancelled."""
    fields = administrate.ask('{ __type(name: "Event") { fields { name } } }')["__type"]["fields"]
    names = {field["name"] for field in fields}
    assert {"isSoldOut", "timeZoneName", "cancelledAt"} <= names
    assert not {"soldOut", "timezone", "cancelled", "primaryInstructor", "eventUrl", "webSale"} & names


@pytest.mark.row("query.accounts")
@pytest.mark.reads
def test_accounts_are_listed_filtered_and_ordered(administrate: Administrate) -> None:
    """Source: developer site, accounts."""
    query = """{ accounts(filters: [{ field: isIndividual, operation: eq, value: "false" }], order: { field: name, direction: asc }) {
      edges { node { id legacyId name isIndividual } } } }"""
    names = [node["name"] for node in administrate.nodes(query)]
    assert names == sorted(names, key=str.casefold)


@pytest.mark.row("query.contacts")
@pytest.mark.reads
def test_contacts_are_listed_filtered_and_ordered(administrate: Administrate) -> None:
    """Source: developer site, contacts."""
    query = """{ contacts(filters: [{ field: isInstructor, operation: eq, value: "true" }], order: { field: lastName, direction: desc }) {
      edges { node { id legacyId personalName { firstName lastName } emailAddress emailAddresses { usage address } account { id } } } } }"""
    assert all(node["account"]["id"] for node in administrate.nodes(query))


@pytest.mark.row("query.events")
def test_events_are_found_by_what_changed_and_in_which_state(administrate: Administrate) -> None:
    """Source: developer site, events; the vendor's query server for the fields. orderBy takes several."""
    draft, published = administrate.event(published=False), administrate.event()
    query = """query ($s: String!, $states: [String]) { events(filters: [{ field: updatedAt, operation: ge, value: $s },
      { field: lifecycleState, operation: in, values: $states }],
      orderBy: [{ field: updatedAt, direction: asc }, { field: id, direction: asc }]) {
      edges { node { id } } } }"""
    since = "2026-07-14T00:00:00Z"
    assert administrate.nodes(query, s=since, states=["published"]) == [{"id": published}]
    assert administrate.nodes(query, s=since, states=["draft", "published"]) == [{"id": draft}, {"id": published}]
    assert administrate.nodes(query, s="2027-01-01T00:00:00Z", states=["draft", "published"]) == []


@pytest.mark.row("event")
def test_an_event_tells_dates_places_and_surroundings(administrate: Administrate) -> None:
    """Source: developer site, events; vendor workflows for places. Local times have no offset, zoned ones do."""
    id = administrate.event(maxPlaces=12, minPlaces=2, title="Fire safety")
    query = """query ($i: ID!) { node(id: $i) { ... on Event { id legacyId code title type learningMode lifecycleState cancelledAt updatedAt
      timeZoneName start timeZonedStart timeZonedEnd minPlaces maxPlaces bookedPlaces remainingPlaces location { id } courseTemplate { id }
      sessions { edges { node { id } } } externalIds { name value } } } }"""
    event = administrate.ask(query, i=id)["node"]
    assert (event["start"], event["timeZonedStart"], event["timeZoneName"]) == (
        "2026-10-05T09:00:00",
        "2026-10-05T09:00:00+01:00",
        "Europe/London",
    )
    assert (event["learningMode"], event["maxPlaces"], event["remainingPlaces"], event["bookedPlaces"]) == ("classroom", 12, 12, 0)
    assert (event["title"], event["cancelledAt"]) == ("Fire safety", None)


@pytest.mark.row("learner_labels")
@pytest.mark.reads
def test_learners_have_five_states(administrate: Administrate) -> None:
    """Source: help article 42613055057425, the labels of the screens; on the wire active and cancelled were seen."""
    values = administrate.ask('{ __type(name: "LearnerLifecycleState") { enumValues { name } } }')["__type"]["enumValues"]
    assert {value["name"] for value in values} == {"interested", "reserved", "active", "cancelled", "expired"}


@pytest.mark.reads
def test_the_change_stamp_has_two_names(administrate: Administrate) -> None:
    """Source: the vendor's query server: updatedAt on events and templates, lastUpdatedAt on accounts, contacts and learners."""

    def members(name: str) -> set[str]:
        values = administrate.ask(f'{{ __type(name: "{name}Field") {{ enumValues {{ name }} }} }}')["__type"]["enumValues"]
        return {value["name"] for value in values}

    for name in ("Event", "CourseTemplate"):
        assert "updatedAt" in members(name) and "lastUpdatedAt" not in members(name)
    for name in ("Account", "Contact", "Learner"):
        assert "lastUpdatedAt" in members(name) and "updatedAt" not in members(name)


FILTERED = {
    "accounts": "AccountField",
    "contacts": "ContactField",
    "courseTemplates": "CourseTemplateField",
    "events": "EventField",
    "learners": "LearnerField",
    "locations": "NamedField",
    "registrations": "RegistrationField",
}
SAMPLES = {"At": "2026-07-01T00:00:00Z", "Date": "2026-07-01", "tart": "2026-07-01", "nd": "2026-07-01", "laces": "5"}


@pytest.mark.parametrize("connection", list(FILTERED))
def test_every_field_can_be_filtered_with_every_operation(administrate: Administrate, connection: str) -> None:
    """Source: developer site, filtering: eq ne ge gt le lt like wordlike in notin contains isnull notnull."""
    enum = FILTERED[connection]
    listed = '{ f: __type(name: "ENUM") { enumValues { name } } o: __type(name: "FilterOperation") { enumValues { name } } }'
    members = administrate.ask(listed.replace("ENUM", enum))
    fields, operations = ([value["name"] for value in members[key]["enumValues"]] for key in ("f", "o"))
    assert len(operations) == 13
    for field in fields:
        value = next((sample for ending, sample in SAMPLES.items() if field.endswith(ending)), "true" if field[:2] in ("is", "ha") else "1")
        given = [where(field, word, value, [value]) for word in operations]
        asked = " ".join(f"a{n}: {connection}(filters: $f{n}, first: 1) {{ edges {{ node {{ id }} }} }}" for n in range(len(given)))
        declared = ", ".join(f"$f{n}: [{enum}GraphFilter!]" for n in range(len(given)))
        administrate.ask(f"query ({declared}) {{ {asked} }}", **{f"f{n}": [each] for n, each in enumerate(given)})


def test_a_pattern_fits_what_the_field_prints(administrate: Administrate) -> None:
    """Source: developer site, filtering: like takes %; values are always strings, also of stamps and yes-or-no fields."""
    id = administrate.contact("Zelda")
    own = where("firstName", "eq", "zelda")
    assert found(administrate, own, where("createdAt", "like", "2026-07-%")) == [id]
    assert found(administrate, own, where("createdAt", "contains", values=["T10:"])) == [id]
    assert found(administrate, own, where("isInstructor", "lt", "true"), where("id", "like", f"{id}%")) == [id]
    assert found(administrate, own, where("createdAt", "like", "2025-%")) == []
