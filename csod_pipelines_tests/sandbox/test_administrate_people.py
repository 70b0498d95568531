"""Accounts, contacts, external ids, custom fields, categories, locations, templates, integration logs.

Source keys: developer site (CRM, external ids, custom fields), automator examples (account merge, substitution, error logging)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from csod_pipelines.sandbox.serve import running
from csod_pipelines_tests.sandbox.administrate_api import Api

CREATE_CONTACT = (
    "mutation C($i: ContactCreateInput!) { contact { create(input: $i) { contact { id emailAddresses { usage address } } ERRORS } } }"
)
UPDATE_CONTACT = (
    "mutation U($i: ContactUpdateInput!) { contact { update(input: $i) { contact { id hasLeftCompany account { id } } ERRORS } } }"
)
CREATE_ACCOUNT = "mutation A($i: AccountCreateInput!) { account { create(input: $i) { account { id parentAccount { id } } ERRORS } } }"
UPDATE_ACCOUNT = "mutation A($i: AccountUpdateInput!) { account { update(input: $i) { account { id name parentAccount { id } } ERRORS } } }"
STORE = """mutation S($n: ID!, $name: String!, $v: String!, $o: Boolean) {
  externalId { store(nodeId: $n, name: $name, value: $v, overwrite: $o) { id __typename externalIds { name value } } }
}"""
FIND = "query F($t: SupportsExternalId!, $n: String!, $v: String!) { nodeByExternalId(type: $t, name: $n, value: $v) { id __typename } }"
LOG = "mutation L($i: ExternalIntegrationLogCreateInput!) { externalLog { createExternalIntegrationLog(input: $i) { ERRORS } } }"


@pytest.fixture(scope="module")
def server() -> Iterator[Api]:
    with running("administrate") as sandbox:
        yield Api(sandbox.url)


@pytest.fixture
def api(server: Api) -> Api:
    server.reset()
    server.login()
    return server


def _person(api: Api, mail: str = "ada@example.org", **more: Any) -> dict[str, Any]:
    mails = [{"usage": "primary", "address": mail}]
    return {"accountId": api.root, "personalName": {"firstName": "Ada", "lastName": "Byron"}, "emailAddresses": mails, **more}


def test_an_email_is_no_key_and_two_contacts_may_share_it(api: Api) -> None:
    ids = {api.ask(CREATE_CONTACT, i=_person(api))["contact"]["create"]["contact"]["id"] for _ in range(2)}
    assert len(ids) == 2
    found = api.ask('{ contacts(filters: {field: emailAddress, operation: eq, value: "ADA@example.org"}) { edges { node { id } } } }')
    assert {edge["node"]["id"] for edge in found["contacts"]["edges"]} == ids


def test_a_refused_create_is_a_200_with_the_entity_null_and_nested_errors(api: Api) -> None:
    answer = api.ask(CREATE_CONTACT, i=_person(api, mail="no mail"))["contact"]["create"]
    assert answer["contact"] is None
    assert answer["errors"][0]["label"] == "emailAddresses"
    assert answer["errors"][0]["value"] == "no mail"


def test_create_batch_answers_one_result_an_input_in_order(api: Api) -> None:
    query = "mutation B($i: [ContactCreateInput]!) { contact { createBatch(input: $i) { contact { id emailAddress } ERRORS } } }"
    rows = api.ask(query, i=[_person(api, "a@example.org"), _person(api, accountId="x"), None, _person(api, "d@example.org")])
    results = rows["contact"]["createBatch"]
    assert [row["contact"] and row["contact"]["emailAddress"] for row in results] == ["a@example.org", None, None, "d@example.org"]
    assert [bool(row["errors"]) for row in results] == [False, True, True, False]


def test_mutations_of_one_request_are_not_undone_together(api: Api) -> None:
    query = """mutation T($a: ContactCreateInput!, $b: ContactCreateInput!) {
      contact { a: create(input: $a) { ERRORS } b: create(input: $b) { ERRORS } } }"""
    data = api.ask(query, a=_person(api), b=_person(api, mail=""))["contact"]
    assert data["a"]["errors"] == [] and data["b"]["errors"]
    assert len(api.state("contacts")) == 3


def test_an_update_changes_what_is_named_and_replaces_mails_as_a_whole(api: Api) -> None:
    id = api.ask(CREATE_CONTACT, i=_person(api))["contact"]["create"]["contact"]["id"]
    api.ask(UPDATE_CONTACT, i={"contactId": id, "emailAddresses": [{"usage": "primary", "address": "new@example.org"}]})
    row = api.one("contacts", id)
    assert row["email_addresses"] == ["new@example.org"]
    assert row["first_name"] == "Ada"
    assert not api.ask('{ contacts(filters: {field: emailAddress, operation: eq, value: "ada@example.org"}) { edges { node { id } } } }')[
        "contacts"
    ]["edges"]


def test_a_contact_moves_to_another_account_and_is_marked_as_having_left(api: Api) -> None:
    other = api.act("create_account", name="Other")["id"]
    id = api.contact()
    changed = api.ask(UPDATE_CONTACT, i={"contactId": id, "accountId": other, "hasLeftCompany": True})["contact"]["update"]["contact"]
    assert changed == {"id": id, "hasLeftCompany": True, "account": {"id": other}}


def test_an_individuals_account_takes_no_second_contact(api: Api) -> None:
    own = api.act("create_account", name="Ada Byron", is_individual=True)["id"]
    api.contact("Ada", account_id=own)
    assert api.ask(CREATE_CONTACT, i=_person(api, accountId=own))["contact"]["create"]["errors"][0]["label"] == "accountId"


def test_accounts_stand_below_each_other_but_never_below_themselves(api: Api) -> None:
    top = api.ask(CREATE_ACCOUNT, i={"name": "Top"})["account"]["create"]["account"]["id"]
    below = api.ask(CREATE_ACCOUNT, i={"name": "Below", "parentAccountId": top})["account"]["create"]["account"]
    assert below["parentAccount"] == {"id": top}
    refused = api.ask(UPDATE_ACCOUNT, i={"accountId": top, "parentAccountId": below["id"]})["account"]["update"]
    assert refused["account"] is None and refused["errors"][0]["label"] == "parentAccountId"
    flat = api.ask(UPDATE_ACCOUNT, i={"accountId": below["id"], "parentAccountId": None})["account"]["update"]["account"]
    assert flat["parentAccount"] is None


def test_a_merge_moves_contacts_and_children_and_removes_the_account(api: Api) -> None:
    gone, stays = (api.act("create_account", name=name)["id"] for name in ("Gone", "Stays"))
    child = api.act("create_account", name="Child", parent_account_id=gone)["id"]
    person = api.contact(account_id=gone)
    api.act("merge_accounts", from_account_id=gone, to_account_id=stays)
    assert api.state("accounts", gone) == []
    assert api.one("contacts", person)["account_id"] == stays
    assert api.one("accounts", child)["parent_account_id"] == stays


def test_a_change_moves_the_stamp_and_a_filter_on_it_finds_the_change(api: Api) -> None:
    id = api.contact()
    api.control("POST", "clock", {"advance": 100})
    since = api.control("GET", "clock")["now"]
    query = "query S($s: String!) { contacts(filters: {field: lastUpdatedAt, operation: ge, value: $s}) { edges { node { id } } } }"
    assert api.ask(query, s=since)["contacts"]["edges"] == []
    api.control("POST", "clock", {"advance": 2})
    api.act("edit_contact", id=id, last_name="King")
    assert [edge["node"]["id"] for edge in api.ask(query, s=since)["contacts"]["edges"]] == [id]


# ---- external ids


def test_external_ids_are_unique_per_type_and_name(api: Api) -> None:
    one, two = api.contact("Ada"), api.contact("Eve")
    stored = api.ask(STORE, n=one, name="csod:user", v="7", o=False)["externalId"]["store"]
    assert stored == {"id": one, "__typename": "Contact", "externalIds": [{"name": "csod:user", "value": "7"}]}
    assert "already has '7'" in api.fail(STORE, n=two, name="csod:user", v="7")
    api.ask(STORE, n=two, name="csod:other", v="7")
    api.ask(STORE, n=api.root, name="csod:user", v="7")
    assert api.ask(FIND, t="Contact", n="csod:user", v="7")["nodeByExternalId"] == {"id": one, "__typename": "Contact"}
    assert api.ask(FIND, t="Account", n="csod:user", v="7")["nodeByExternalId"]["id"] == api.root


def test_a_value_is_replaced_only_with_overwrite_and_the_refusal_stands_at_the_top(api: Api) -> None:
    id = api.contact()
    api.ask(STORE, n=id, name="k", v="1")
    assert "already has a value" in api.fail(STORE, n=id, name="k", v="2", o=False)
    api.ask(STORE, n=id, name="k", v="2", o=True)
    assert api.ask(FIND, t="Contact", n="k", v="1")["nodeByExternalId"] is None
    assert api.one("contacts", id)["external_ids"] == {"k": "2"}


def test_fifty_stores_share_a_document_and_one_refusal_does_not_stop_the_others(api: Api) -> None:
    people = [api.contact(f"P{number}") for number in range(3)]
    parts = " ".join(f's{number}: store(nodeId: "{id}", name: "k", value: "{max(number, 1)}") {{ id }}' for number, id in enumerate(people))
    body = api.post(f"mutation {{ externalId {{ {parts} }} }}").json()
    assert body["data"]["externalId"] == {"s0": {"id": people[0]}, "s1": None, "s2": {"id": people[2]}}
    assert body["errors"][0]["path"] == ["externalId", "s1"]


# ---- catalogue


def test_custom_fields_are_defined_written_and_read_as_texts(api: Api) -> None:
    template = api.template()
    (definition,) = api.ask(
        "{ customFieldTemplate(type: CourseTemplate) { customFieldDefinitions { key label type options { value } } } }"
    )["customFieldTemplate"]["customFieldDefinitions"]
    assert (definition["label"], definition["type"], definition["options"]) == ("training_provider", "choice", [])
    write = """mutation W($t: ID!, $v: [CustomFieldValueInput!]) {
      courseTemplate { update(courseTemplateId: $t, input: {customFieldValues: $v}) { ERRORS } } }"""
    value = [{"definitionKey": definition["key"], "value": "Acme"}]
    assert api.ask(write, t=template, v=value)["courseTemplate"]["update"]["errors"]
    grow = """mutation G($k: ID!, $d: CustomFieldDefinitionInput!) {
      customFields { updateGlobalCustomDefinition(key: $k, definition: $d) { ERRORS } } }"""
    options = {"label": "training_provider", "type": "choice", "options": [{"value": "Acme"}]}
    assert api.ask(grow, k=definition["key"], d=options)["customFields"]["updateGlobalCustomDefinition"]["errors"] == []
    assert api.ask(write, t=template, v=value)["courseTemplate"]["update"]["errors"] == []
    assert api.one("course_templates", template)["custom_fields"] == {"training_provider": "Acme"}


def test_a_required_custom_field_stops_a_create(api: Api) -> None:
    api.act("define_custom_field", object_type="Contact", label="Badge", type="string", is_required=True)
    assert "Badge" in api.ask(CREATE_CONTACT, i=_person(api))["contact"]["create"]["errors"][0]["message"]


def test_categories_and_locations_can_be_made_while_the_guess_holds(api: Api) -> None:
    made = api.ask('mutation { learningCategory { a: create(input: {name: "Safety"}) { learningCategory { id } errors { label } } } }')
    top = made["learningCategory"]["a"]["learningCategory"]["id"]
    below = """mutation B($p: ID!) {
      learningCategory { create(input: {name: "Fire", parentCategoryId: $p}) { learningCategory { parentCategory { id } } } } }"""
    assert api.ask(below, p=top)["learningCategory"]["create"]["learningCategory"]["parentCategory"]["id"] == top
    place = """mutation {
      location { create(input: {name: "Lisbon", code: "LIS", timeZoneName: "ZONE"}) { location { timeZoneName } errors { label } } } }"""
    assert api.ask(place.replace("ZONE", "Europe/Lisbon"))["location"]["create"]["location"] == {"timeZoneName": "Europe/Lisbon"}
    assert api.ask(place.replace("ZONE", "Mars/Olympus"))["location"]["create"]["errors"][0]["label"] == "timeZoneName"


def test_a_published_template_cannot_become_a_draft_again(api: Api) -> None:
    template = api.template()
    turn = """mutation T($t: ID!, $s: CourseTemplateLifecycleState!) {
      courseTemplate { update(courseTemplateId: $t, input: {lifecycleState: $s}) { ERRORS } } }"""
    assert api.ask(turn, t=template, s="published")["courseTemplate"]["update"]["errors"] == []
    assert api.ask(turn, t=template, s="draft")["courseTemplate"]["update"]["errors"]
    assert api.one("course_templates", template)["lifecycle_state"] == "published"


# ---- integration logs


def test_a_log_entry_stands_on_a_record_or_on_the_whole_instance(api: Api) -> None:
    entry = {"originIdentifier": "CSOD sync", "message": "done", "status": "success", "payload": '{"groups": []}'}
    for node in (api.root, "T3JnYW5pc2F0aW9uOg=="):
        assert api.ask(LOG, i={**entry, "nodeId": node})["externalLog"]["createExternalIntegrationLog"]["errors"] == []
    assert [row["status"] for row in api.state("integration_logs")] == ["success", "success"]
    assert api.ask(LOG, i={**entry, "nodeId": "nothing"})["externalLog"]["createExternalIntegrationLog"]["errors"][0]["label"] == "nodeId"
    assert api.ask(LOG, i={**entry, "nodeId": api.root, "payload": "text"})["externalLog"]["createExternalIntegrationLog"]["errors"]
