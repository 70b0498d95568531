"""Conventions of the API: paging, filters, orders, errors, ids. Source keys: developer site (GraphQL basics), automator examples."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from csod_pipelines.sandbox.serve import running
from csod_pipelines_tests.sandbox.administrate_api import Api

PAGE = """query P($first: Int, $after: String, $offset: Int) {
  contacts(first: $first, after: $after, offset: $offset) {
    pageInfo { startCursor endCursor hasNextPage hasPreviousPage totalRecords } edges { cursor node { id legacyId } }
  }
}"""
FILTER = """query F($filters: [ContactFieldGraphFilter!], $orderBy: [ContactFieldGraphOrder!]) {
  contacts(filters: $filters, orderBy: $orderBy, first: 100) {
    pageInfo { totalRecords } edges { node { id firstName lastName emailAddress } }
  }
}"""


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    """One world with 120 people beside the two instructors; the tests here only read."""
    with running("administrate", size={"accounts": 6, "contacts": 118}) as sandbox:
        api = Api(sandbox.url)
        api.login()
        yield api


def _filter(api: Api, *filters: dict[str, Any], order: list[dict[str, str]] | None = None) -> list[dict[str, Any]]:
    return [edge["node"] for edge in api.ask(FILTER, filters=list(filters), orderBy=order)["contacts"]["edges"]]


def test_a_page_is_fifty_rows_unless_asked_otherwise(api: Api) -> None:
    page = api.ask(PAGE)["contacts"]
    assert len(page["edges"]) == 50
    assert page["pageInfo"]["totalRecords"] == 120
    assert page["pageInfo"]["hasNextPage"] is True
    assert page["pageInfo"]["hasPreviousPage"] is False


def test_more_than_a_hundred_rows_are_silently_a_hundred(api: Api) -> None:
    assert len(api.ask(PAGE, first=500)["contacts"]["edges"]) == 100


def test_a_cursor_is_the_row_index_in_base64(api: Api) -> None:
    page = api.ask(PAGE, first=2)["contacts"]
    assert page["edges"][0]["cursor"] == "Q3Vyc29yOjA="
    assert b64decode(page["pageInfo"]["endCursor"]) == b"Cursor:1"
    second = api.ask(PAGE, first=2, after=page["pageInfo"]["endCursor"])["contacts"]
    assert second["edges"][0]["cursor"] == b64encode(b"Cursor:2").decode()
    assert second["pageInfo"]["hasPreviousPage"] is True


def test_pages_put_together_are_the_whole_list_once(api: Api) -> None:
    seen: list[str] = []
    after = None
    while True:
        page = api.ask(PAGE, first=33, after=after)["contacts"]
        seen += [edge["node"]["id"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert len(seen) == len(set(seen)) == 120


def test_offset_skips_rows(api: Api) -> None:
    assert api.ask(PAGE, first=1, offset=119)["contacts"]["edges"][0]["cursor"] == b64encode(b"Cursor:119").decode()
    assert api.ask(PAGE, offset=120)["contacts"]["edges"] == []


def test_nested_connections_page_too(api: Api) -> None:
    query = "query N($filters: [AccountFieldGraphFilter!]) { accounts(filters: $filters) { edges { node { contacts(first: 3) { %s } } } } }"
    fields = "pageInfo { hasNextPage totalRecords } edges { node { id } }"
    contacts = api.ask(query % fields, filters=[{"field": "id", "operation": "eq", "value": api.root}])["accounts"]["edges"][0]["node"][
        "contacts"
    ]
    assert len(contacts["edges"]) == 3
    assert contacts["pageInfo"]["hasNextPage"] is True


def test_a_single_filter_is_taken_for_a_list(api: Api) -> None:
    data = api.ask('{ contacts(filters: {field: isInstructor, operation: eq, value: "true"}) { edges { node { firstName } } } }')
    assert sorted(edge["node"]["firstName"] for edge in data["contacts"]["edges"]) == ["Ingrid", "Tomás"]


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"field": "firstName", "operation": "eq", "value": "ingrid"}, 1),
        ({"field": "firstName", "operation": "ne", "value": "Ingrid"}, 119),
        ({"field": "emailAddress", "operation": "eq", "value": "PERSON7@example.org"}, 1),
        ({"field": "emailAddress", "operation": "in", "values": ["person7@example.org", "person8@example.org", "no@example.org"]}, 2),
        ({"field": "emailAddress", "operation": "notin", "values": ["person7@example.org"]}, 119),
        ({"field": "emailAddress", "operation": "like", "value": "person1_@%"}, 0),
        ({"field": "emailAddress", "operation": "like", "value": "person10%"}, 11),
        ({"field": "name", "operation": "wordlike", "value": "sørensen ingrid"}, 1),
        ({"field": "emailAddress", "operation": "contains", "values": ["instructor"]}, 2),
        ({"field": "emailAddress", "operation": "isnull"}, 0),
        ({"field": "emailAddress", "operation": "notnull"}, 120),
        ({"field": "isStaff", "operation": "eq", "value": "false"}, 118),
        ({"field": "lastUpdatedAt", "operation": "ge", "value": "2001-01-01"}, 120),
        ({"field": "lastUpdatedAt", "operation": "lt", "value": "2001-01-01T00:00:00Z"}, 0),
        ({"field": "createdAt", "operation": "gt", "value": "2100-01-01T00:00:00+01:00"}, 0),
        ({"field": "jobRoleId", "operation": "isnull"}, 120),
    ],
)
def test_every_filter_operation_selects_what_it_says(api: Api, given: dict[str, Any], found: int) -> None:
    assert api.ask(FILTER, filters=[given])["contacts"]["pageInfo"]["totalRecords"] == found


def test_ids_compare_in_order_of_creation(api: Api) -> None:
    first = api.ask(PAGE, first=10)["contacts"]["edges"][9]["node"]["id"]
    assert len(_filter(api, {"field": "id", "operation": "le", "value": first})) == 10


def test_filters_add_up(api: Api) -> None:
    both = ({"field": "isStaff", "operation": "eq", "value": "true"}, {"field": "lastName", "operation": "like", "value": "S%"})
    assert [row["firstName"] for row in _filter(api, *both)] == ["Ingrid"]


def test_an_order_sorts_down_and_by_a_second_field(api: Api) -> None:
    order = [{"field": "lastName", "direction": "desc"}, {"field": "emailAddress", "direction": "asc"}]
    rows = _filter(api, order=order)
    keys = [row["lastName"].casefold() for row in rows]
    assert keys == sorted(keys, reverse=True)
    same = [row["emailAddress"] for row in rows if row["lastName"] == rows[0]["lastName"]]
    assert same == sorted(same)


def test_one_malformed_filter_fails_the_whole_request(api: Api) -> None:
    wrong = [{"field": "createdAt", "operation": "ge", "value": "yesterday"}]
    assert "createdAt" in api.fail(
        "query Q($f: [ContactFieldGraphFilter!]) { hello contacts(filters: $f) { edges { node { id } } } }", f=wrong
    )
    assert "values" in api.fail(FILTER, filters=[{"field": "id", "operation": "in", "value": "x"}])
    assert "nonsense" in api.fail(FILTER, filters=[{"field": "nonsense", "operation": "eq", "value": "x"}])


def test_a_query_that_cannot_run_is_a_200_without_data(api: Api) -> None:
    answer = api.post("{ contacts { edges { node { soldOut } } } }")
    assert answer.status_code == 200
    assert "soldOut" in answer.json()["errors"][0]["message"]
    assert "data" not in answer.json()


def test_success_leaves_the_key_errors_out_or_empty_by_switch(api: Api) -> None:
    assert "errors" not in api.post("{ hello }").json()
    api.switch(empty_errors_key=True)
    assert api.post("{ hello }").json()["errors"] == []
    api.switch(empty_errors_key=False)


@pytest.mark.parametrize(
    ("kind", "prefix"),
    [("accounts", "Organisation"), ("contacts", "Person"), ("courseTemplates", "CourseTemplate"), ("locations", "Location")],
)
def test_global_ids_are_a_word_and_the_legacy_id(api: Api, kind: str, prefix: str) -> None:
    node = api.ask(f"{{ {kind}(first: 1) {{ edges {{ node {{ id legacyId }} }} }} }}")[kind]["edges"][0]["node"]
    assert b64decode(node["id"]).decode() == f"{prefix}:{node['legacyId']}"


def test_node_finds_any_record_and_nothing_for_what_is_none(api: Api) -> None:
    assert (
        api.ask("query N($id: ID!) { node(id: $id) { id __typename ... on Account { name } } }", id=api.root)["node"]["__typename"]
        == "Account"
    )
    for wrong in ("nonsense", "Q291cnNlOjk5OTk5OQ==", "", b64encode(b"WebhookType:no").decode()):
        assert api.ask("query N($id: ID!) { node(id: $id) { id } }", id=wrong)["node"] is None


def test_aliases_fragments_variables_and_introspection_work(api: Api) -> None:
    query = "fragment A on Account { id name } query Q($n: Int = 1) { a: accounts(first: $n) { edges { node { ...A } } } b: hello }"
    data = api.ask(query)
    assert data["b"]
    assert len(data["a"]["edges"]) == 1
    types = api.ask("{ __schema { types { name } } }")["__schema"]["types"]
    assert {"Event", "LearnerFieldGraphFilter"} <= {type_["name"] for type_ in types}


def test_one_of_several_operations_runs_by_its_name(api: Api) -> None:
    body = {"query": "query A { hello } query B { b: hello }", "operationName": "B"}
    assert api.session.post(f"{api.url}/graphql", json=body, timeout=10).json() == {"data": {"b": "Hello"}}
    del body["operationName"]
    assert "errors" in api.session.post(f"{api.url}/graphql", json=body, timeout=10).json()
