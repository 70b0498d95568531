"""Accounts, contacts, external ids, custom fields."""

from __future__ import annotations

from typing import Any

import pytest

from csod_pipelines_tests.contract.administrate_portal import Administrate

UPDATE_CONTACT = """mutation ($i: ContactUpdateInput!) { contact { update(input: $i) {
  contact { id personalName { firstName lastName } emailAddress phoneNumbers { usage number } } ERRORS } } }"""
BATCH = "mutation ($i: [ContactCreateInput]!) { contact { createBatch(input: $i) { contact { id emailAddress } ERRORS } } }"
DEFINE = """mutation ($i: GlobalCustomDefinitionInput!) { customFields { createGlobalCustomDefinition(input: $i) {
  customFieldDefinition { key } ERRORS } } }"""
VALUES = "customFieldValues { definitionKey definitionLocator value definition { label } }"


def person(administrate: Administrate, last: str, **more: Any) -> dict[str, Any]:
    return {"accountId": administrate.root(), "personalName": {"lastName": last}, **more}


def define(administrate: Administrate, object_type: str, label: str, type: str = "string", **more: Any) -> str:
    given = {"objectType": object_type, "definition": {"label": label, "type": type, **more}}
    return administrate.ask(DEFINE, i=given)["customFields"]["createGlobalCustomDefinition"]["customFieldDefinition"]["key"]


# ---- accounts and contacts


@pytest.mark.row("mutation.account.create")
@pytest.mark.writes
def test_an_account_is_created_with_a_name(administrate: Administrate) -> None:
    """Source: developer site, accounts."""
    id = administrate.account("Sales")
    query = "query ($i: ID!) { node(id: $i) { __typename ... on Account { name isIndividual } } }"
    assert administrate.ask(query, i=id)["node"] == {"__typename": "Account", "name": "Sales", "isIndividual": False}


@pytest.mark.row("mutation.account.update")
@pytest.mark.writes
def test_an_account_is_changed_by_an_input_that_names_it(administrate: Administrate) -> None:
    """Source: developer site, accounts; the id stands inside the input."""
    id = administrate.account("Sales")
    query = "mutation ($i: AccountUpdateInput!) { account { update(input: $i) { account { id name emailAddress } ERRORS } } }"
    result = administrate.ask(query, i={"accountId": id, "emailAddress": "sales@example.org"})["account"]["update"]
    assert result == {"account": {"id": id, "name": "Sales", "emailAddress": "sales@example.org"}, "errors": []}


@pytest.mark.row("mutation_errors")
@pytest.mark.writes
def test_a_refusal_is_a_200_with_errors_inside(administrate: Administrate) -> None:
    """Source: all mutation pages of the developer site: the entity is null, errors have label, message and value."""
    query = "mutation ($i: AccountCreateInput!) { account { create(input: $i) { account { id } ERRORS } } }"
    result = administrate.ask(query, i={"name": "  "})["account"]["create"]
    assert result["account"] is None
    assert [set(error) for error in result["errors"]] == [{"label", "message", "value"}]


@pytest.mark.writes
def test_several_mutations_share_a_request_through_aliases(administrate: Administrate) -> None:
    """Source: vendor workflows; each has errors of its own."""
    query = """mutation { account { one: create(input: { name: "One" }) { account { name } ERRORS }
      two: create(input: { name: "" }) { account { name } ERRORS } } }"""
    result = administrate.ask(query)["account"]
    assert result["one"]["account"] == {"name": "One"} and result["two"]["account"] is None and result["two"]["errors"]


@pytest.mark.row("individual_account")
def test_an_individuals_account_takes_no_further_contact(administrate: Administrate) -> None:
    """Source: help article 42542186029073; a vendor workflow for imports."""
    account = administrate.act("create_account", name="Ada Byron", is_individual=True)["id"]
    administrate.contact("Ada", account=account)
    query = "mutation ($i: ContactCreateInput!) { contact { create(input: $i) { contact { id } ERRORS } } }"
    result = administrate.ask(query, i={"accountId": account, "personalName": {"lastName": "Second"}})["contact"]["create"]
    assert result["contact"] is None and result["errors"]


@pytest.mark.row("mutation.contact.createBatch")
@pytest.mark.writes
def test_contacts_are_created_many_at_once_with_a_result_each(administrate: Administrate) -> None:
    """Source: developer site, contacts; the answer is a list."""
    people = [person(administrate, "One"), person(administrate, "Two", accountId="T3JnYW5pc2F0aW9uOjk5OTk="), person(administrate, "Three")]
    results = administrate.ask(BATCH, i=people)["contact"]["createBatch"]
    assert [result["contact"] is not None for result in results] == [True, False, True]
    assert [bool(result["errors"]) for result in results] == [False, True, False]


@pytest.mark.row("contact_create_batch")
@pytest.mark.writes
def test_results_of_a_batch_stand_in_the_order_of_its_inputs(administrate: Administrate) -> None:
    """Source: developer site, contacts."""
    mails = [f"p{number}@example.org" for number in range(50)]
    people = [person(administrate, "Many", emailAddresses=[{"usage": "primary", "address": mail}]) for mail in mails]
    assert [result["contact"]["emailAddress"] for result in administrate.ask(BATCH, i=people)["contact"]["createBatch"]] == mails


@pytest.mark.row("mutation.contact.update")
@pytest.mark.writes
def test_a_contact_is_changed_by_an_input_that_names_it(administrate: Administrate) -> None:
    """Source: developer site, contacts; what is left out stays."""
    id = administrate.contact("Ada")
    changes = {"contactId": id, "personalName": {"firstName": "Augusta"}, "phoneNumbers": [{"usage": "mobile", "number": "1"}]}
    contact = administrate.ask(UPDATE_CONTACT, i=changes)["contact"]["update"]["contact"]
    assert contact["personalName"] == {"firstName": "Augusta", "lastName": "Byron"}
    assert (contact["emailAddress"], contact["phoneNumbers"]) == ("ada@example.org", [{"usage": "mobile", "number": "1"}])


def test_two_people_may_share_an_address(administrate: Administrate) -> None:
    """Source: a vendor workflow refuses to pick one of several; the older API told of duplicates in a header."""
    administrate.contact("Ada")
    administrate.contact("Ada")
    query = '{ contacts(filters: { field: emailAddress, operation: eq, value: "ada@example.org" }) { edges { node { id } } } }'
    assert len(administrate.nodes(query)) == 2


# ---- external ids


@pytest.mark.row("external_ids")
@pytest.mark.writes
def test_a_record_shows_its_external_ids_by_name_and_value(administrate: Administrate) -> None:
    """Source: developer site, external ids. Plain texts."""
    id = administrate.account()
    value = administrate.own("D-1")
    administrate.ask(administrate.store(id, "csod:ou", value))
    query = "query ($i: ID!) { node(id: $i) { ... on Account { externalIds { name value } } } }"
    assert administrate.ask(query, i=id)["node"]["externalIds"] == [{"name": "csod:ou", "value": value}]


@pytest.mark.row("mutation.externalId.store")
@pytest.mark.writes
def test_storing_answers_the_record_itself(administrate: Administrate) -> None:
    """Source: developer site, external id values. No input object, no list of errors."""
    id = administrate.account()
    value = administrate.own("D-1")
    node = administrate.ask(administrate.store(id, "csod:ou", value))["externalId"]["store"]
    assert node == {"id": id, "__typename": "Account", "externalIds": [{"name": "csod:ou", "value": value}]}


@pytest.mark.row("external_id_overwrite")
@pytest.mark.writes
def test_overwrite_replaces_a_value(administrate: Administrate) -> None:
    """Source: developer site, external id values."""
    id = administrate.account()
    administrate.ask(administrate.store(id, "csod:ou", administrate.own("D-1")))
    node = administrate.ask(administrate.store(id, "csod:ou", administrate.own("D-2"), overwrite=True))["externalId"]["store"]
    assert node["externalIds"] == [{"name": "csod:ou", "value": administrate.own("D-2")}]


@pytest.mark.row("external_id_no_overwrite")
@pytest.mark.writes
def test_without_overwrite_a_value_that_stands_is_an_error(administrate: Administrate) -> None:
    """Source: developer site, external id values; that the error stands at the top is inferred from the shape."""
    id = administrate.account()
    administrate.ask(administrate.store(id, "csod:ou", administrate.own("D-1")))
    assert administrate.refused(administrate.store(id, "csod:ou", administrate.own("D-2"), overwrite=False))


@pytest.mark.row("external_id_unique")
@pytest.mark.writes
def test_no_two_records_of_a_type_share_a_value_under_a_name(administrate: Administrate) -> None:
    """Source: developer site, external ids. Another type may."""
    first, second = administrate.account("One"), administrate.account("Two")
    value = administrate.own("D-1")
    administrate.ask(administrate.store(first, "csod:ou", value))
    assert administrate.refused(administrate.store(second, "csod:ou", value, overwrite=True))
    administrate.ask(administrate.store(second, "other", value))
    administrate.ask(administrate.store(administrate.contact(), "csod:ou", value))


@pytest.mark.row("query.nodeByExternalId")
@pytest.mark.writes
def test_a_record_is_found_by_type_name_and_value(administrate: Administrate) -> None:
    """Source: developer site, external ids. What a look-up without a match answers is a guess: null."""
    id = administrate.event()
    value = administrate.own("8d86b95c")
    administrate.ask(administrate.store(id, "csod:session_lo", value))
    query = """query ($v: String!) { nodeByExternalId(type: Event, name: "csod:session_lo", value: $v) {
      id __typename ... on Event { lifecycleState } } }"""
    assert administrate.ask(query, v=value)["nodeByExternalId"] == {"id": id, "__typename": "Event", "lifecycleState": "published"}
    assert administrate.ask(query, v="nothing")["nodeByExternalId"] is None


# ---- custom fields


@pytest.mark.row("query.customFieldTemplate")
@pytest.mark.reads
def test_definitions_are_asked_for_by_type_of_record(administrate: Administrate) -> None:
    """Source: developer site, custom fields."""
    for type in ("Account", "Contact", "CourseTemplate", "Event", "Learner", "Session"):
        template = administrate.ask(f"{{ customFieldTemplate(type: {type}) {{ customFieldDefinitions {{ key label }} }} }}")
        assert isinstance(template["customFieldTemplate"]["customFieldDefinitions"], list)


@pytest.mark.row("custom_field_definitions")
def test_a_definition_tells_key_label_type_and_options(administrate: Administrate) -> None:
    """Source: developer site, custom fields."""
    key = define(administrate, "Event", "Mode", "choice", options=[{"value": "Live"}, {"value": "Online"}], isRequired=False)
    query = """{ customFieldTemplate(type: Event) { customFieldDefinitions {
      key label description type isRequired options { value } roles } } }"""
    (row,) = administrate.ask(query)["customFieldTemplate"]["customFieldDefinitions"]
    assert (row["key"], row["label"], row["type"], row["isRequired"]) == (key, "Mode", "choice", False)
    assert [option["value"] for option in row["options"]] == ["Live", "Online"]


@pytest.mark.row("custom_fields_left_out_stay")
def test_custom_fields_that_a_write_leaves_out_stay(administrate: Administrate) -> None:
    """Source: developer site, custom fields. All values are texts."""
    first, second = define(administrate, "Contact", "Badge"), define(administrate, "Contact", "Parking", "checkbox")
    id = administrate.contact()
    for key, value in ((first, "A-1"), (second, "true")):
        administrate.ask(UPDATE_CONTACT, i={"contactId": id, "customFieldValues": [{"definitionKey": key, "value": value}]})
    values = administrate.ask(f"query ($i: ID!) {{ node(id: $i) {{ ... on Contact {{ {VALUES} }} }} }}", i=id)["node"]["customFieldValues"]
    assert {value["definitionKey"]: value["value"] for value in values} == {first: "A-1", second: "true"}


@pytest.mark.row("custom_field_locator")
def test_a_locator_is_the_name_that_other_instances_share(administrate: Administrate) -> None:
    """Source: help article 115011901468. Keys differ per instance."""
    key = define(administrate, "Contact", "Badge")
    id = administrate.contact()
    administrate.ask(UPDATE_CONTACT, i={"contactId": id, "customFieldValues": [{"definitionKey": key, "value": "A-1"}]})
    query = """query ($i: ID!) { node(id: $i) { ... on Contact {
      customFieldValues(filter: { definitionLocator: "badge" }) { definitionKey definitionLocator value } } } }"""
    (value,) = administrate.ask(query, i=id)["node"]["customFieldValues"]
    assert (value["definitionLocator"], value["definitionKey"], value["value"]) == ("badge", key, "A-1")


def test_a_value_must_fit_its_field(administrate: Administrate) -> None:
    """Source: a required field can stop a create (inferred); choices come from the definition."""
    key = define(administrate, "Contact", "Size", "choice", options=[{"value": "S"}], isRequired=True)
    query = "mutation ($i: ContactCreateInput!) { contact { create(input: $i) { contact { id } ERRORS } } }"
    for values in ([], [{"definitionKey": key, "value": "XXL"}]):
        given = person(administrate, "Byron", customFieldValues=values)
        assert administrate.ask(query, i=given)["contact"]["create"]["errors"], values
