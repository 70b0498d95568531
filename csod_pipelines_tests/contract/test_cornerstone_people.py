"""Employees, version 2 of the service."""

from __future__ import annotations

from datetime import date

import pytest

from csod_pipelines_tests.contract.cornerstone_portal import EMPLOYEES, Cornerstone

ID_TAKEN = "User ID already exists in the system. Use a different User ID."
NAME_TAKEN = "User name already exists in application. Try with different user name."


def objections(answer) -> dict[str, list[str]]:
    assert answer.status_code == 400, answer.text
    return {field["name"]: field["errors"] for field in answer.json()["error"]["fields"]}


@pytest.mark.row("employees.list")
@pytest.mark.reads
def test_employees_are_listed(cornerstone: Cornerstone) -> None:
    """Source: csod.dev employee quick start."""
    assert len(cornerstone.get(EMPLOYEES, pageSize=3)["data"]) == 3


@pytest.mark.row("employee_list_shape")
@pytest.mark.reads
def test_a_list_tells_its_time_its_count_and_the_next_page(cornerstone: Cornerstone) -> None:
    """Source: csod.dev pagination page. No total is shown; the token's name is spelt in two ways."""
    body = cornerstone.get(EMPLOYEES, pageSize=2)
    assert {"timestamp", "count", "data"} <= set(body)
    assert body["count"] == len(body["data"]) == 2 and any(name.lower() == "nextpagetoken" for name in body)


@pytest.mark.row("employee")
@pytest.mark.reads
def test_an_employee_has_the_fields_of_the_quick_start(cornerstone: Cornerstone) -> None:
    """Source: csod.dev employee quick start."""
    row = cornerstone.any_user()
    names = {"id", "externalId", "userName", "guid", "firstName", "lastName", "primaryEmail", "workerStatus", "settings", "managerId"}
    assert names <= set(row)
    assert isinstance(row["id"], int) and isinstance(row["workerStatus"]["active"], bool)
    assert {"createdDate", "modifiedDate"} <= set(row["employeeMetaData"])


@pytest.mark.row("employees.get")
@pytest.mark.reads
def test_one_employee_is_read_by_the_internal_id(cornerstone: Cornerstone) -> None:
    """Source: csod.dev employee quick start."""
    row = cornerstone.any_user()
    assert cornerstone.get(f"{EMPLOYEES}/{row['id']}")["data"]["guid"] == row["guid"]


@pytest.mark.row("employee_list_without_ous")
@pytest.mark.reads
def test_organizational_units_come_with_the_single_read_only(cornerstone: Cornerstone) -> None:
    """Source: csod.dev employee quick start."""
    row = cornerstone.any_user()
    assert not row.get("ous")
    assert isinstance(cornerstone.get(f"{EMPLOYEES}/{row['id']}")["data"]["ous"], list)


@pytest.mark.reads
def test_nobody_is_there_under_a_number_that_was_never_given(cornerstone: Cornerstone) -> None:
    """Source: csod.dev error codes; the error envelope of this family."""
    status, message = cornerstone.error("GET", f"{EMPLOYEES}/999999999")
    assert status == 404 and message


@pytest.mark.row("employee_search")
@pytest.mark.reads
def test_employees_are_found_by_their_names_and_ids(cornerstone: Cornerstone) -> None:
    """Source: csod.dev employee quick start and examples. Equality on texts, several parameters together."""
    row = cornerstone.any_user()
    asked = ({"ids": row["id"]}, {"userName": row["userName"]}, {"externalId": row["externalId"]}, {"guid": row["guid"]})
    for query in asked:
        assert [found["id"] for found in cornerstone.get(EMPLOYEES, **query)["data"]] == [row["id"]], query
    found = cornerstone.get(EMPLOYEES, lastName=row["lastName"], firstName=row["firstName"], pageSize=50)["data"]
    assert {(each["lastName"].casefold(), each["firstName"].casefold()) for each in found} == {
        (row["lastName"].casefold(), row["firstName"].casefold())
    }


def test_a_date_means_that_day(cornerstone: Cornerstone) -> None:
    """Source: csod.dev employee examples, for createdDate: the people who were created on it."""
    cornerstone.hire()
    rows = cornerstone.get(EMPLOYEES, createdDate=date(2026, 7, 14).isoformat())["data"]
    assert [row["externalId"] for row in rows] == ["NEW-1"]


def test_status_active_leaves_the_inactive_out(cornerstone: Cornerstone) -> None:
    """Source: csod.dev employee examples."""
    cornerstone.hire(workerStatus={"active": False})
    assert cornerstone.get(EMPLOYEES, externalId="NEW-1", status="active")["data"] == []


@pytest.mark.row("employee_page")
def test_a_page_holds_fifty_unless_asked_otherwise(cornerstone: Cornerstone) -> None:
    """Source: csod.dev pagination page."""
    assert cornerstone.get(EMPLOYEES)["count"] == 50
    assert cornerstone.get(EMPLOYEES, pageSize=70)["count"] == 70


@pytest.mark.row("page_token_seconds")
def test_a_page_token_lives_five_minutes(cornerstone: Cornerstone) -> None:
    """Source: csod.dev pagination page; counted from the answer that carried it."""
    token = cornerstone.get(EMPLOYEES, pageSize=2)["nextPageToken"]
    cornerstone.advance(seconds=290)
    assert cornerstone.get(EMPLOYEES, pageSize=2, nextPageToken=token)["count"] == 2
    cornerstone.advance(seconds=20)
    assert cornerstone.error("GET", EMPLOYEES, pageSize=2, nextPageToken=token)[0] == 400


@pytest.mark.reads
def test_pages_follow_each_other_without_gap_or_repetition(cornerstone: Cornerstone) -> None:
    """Source: csod.dev pagination page."""
    seen: list[int] = []
    token = None
    for _ in range(3):
        body = cornerstone.get(EMPLOYEES, pageSize=4, **({"nextPageToken": token} if token else {}))
        seen += [row["id"] for row in body["data"]]
        token = body["nextPageToken"]
    assert len(set(seen)) == 12


@pytest.mark.row("employees.create")
@pytest.mark.writes
def test_a_new_employee_gets_an_id_and_a_link(cornerstone: Cornerstone) -> None:
    """Source: csod.dev employee quick start; the status code is a guess."""
    manager = cornerstone.any_user()["id"]
    answer = cornerstone.hire(primaryEmail="grace@example.org", managerId=manager)
    data = answer.json()["data"]
    assert answer.ok and str(data["id"]) in data["links"]["href"]
    row = cornerstone.get(f"{EMPLOYEES}/{data['id']}")["data"]
    assert (row["externalId"], row["managerId"], row["workerStatus"]["active"]) == (cornerstone.own("NEW-1"), manager, True)


@pytest.mark.row("employees.update")
@pytest.mark.writes
def test_a_change_names_only_what_changes(cornerstone: Cornerstone) -> None:
    """Source: csod.dev employee quick start. There is no delete: people are made inactive."""
    id = cornerstone.hire(primaryEmail="grace@example.org").json()["data"]["id"]
    assert cornerstone.call("PATCH", f"{EMPLOYEES}/{id}", {"workerStatus": {"active": False}}).status_code in (200, 204)
    row = cornerstone.get(f"{EMPLOYEES}/{id}")["data"]
    assert (row["workerStatus"]["active"], row["primaryEmail"]) == (False, "grace@example.org")
    assert cornerstone.call("DELETE", f"{EMPLOYEES}/{id}").status_code in (404, 405)


@pytest.mark.row("employee_ids_unique")
def test_user_ids_and_user_names_share_one_space(cornerstone: Cornerstone) -> None:
    """Source: Employee API starter guide, which prints both texts."""
    other = cornerstone.user("E10001")
    assert objections(cornerstone.hire("E10001"))["externalId"] == [ID_TAKEN]
    assert objections(cornerstone.hire(userName=other["userName"]))["userName"] == [NAME_TAKEN]
    assert objections(cornerstone.hire(externalId=other["userName"]))["externalId"] == [ID_TAKEN]
    assert objections(cornerstone.hire(userName="E10001"))["userName"] == [NAME_TAKEN]


@pytest.mark.row("employee_required")
@pytest.mark.parametrize("missing", ["externalId", "userName", "firstName", "lastName"])
@pytest.mark.writes
def test_four_fields_must_be_there(cornerstone: Cornerstone, missing: str) -> None:
    """Source: Employee API starter guide, for version 1."""
    assert missing in objections(cornerstone.hire(**{missing: None}))


@pytest.mark.row("employee_lengths")
@pytest.mark.parametrize(
    ("name", "most"), [("externalId", 100), ("userName", 128), ("firstName", 200), ("lastName", 200), ("mobilePhone", 30)]
)
def test_texts_have_a_greatest_length(cornerstone: Cornerstone, name: str, most: int) -> None:
    """Source: Employee API starter guide, for version 1."""
    assert name in objections(cornerstone.hire(**{name: "1" * (most + 1)}))
    assert cornerstone.hire(**{name: "1" * most}).status_code == 201


@pytest.mark.row("employee_references_exist")
def test_units_and_managers_that_are_named_must_exist(cornerstone: Cornerstone) -> None:
    """Source: Employee API starter guide, validation rules."""
    assert "managerId" in objections(cornerstone.hire(managerId=999_999_999))
    assert "ous" in objections(cornerstone.hire(ous=[{"id": 999_999_999, "typeId": 2}]))


@pytest.mark.writes
def test_a_malformed_address_is_refused_with_the_printed_text(cornerstone: Cornerstone) -> None:
    """Source: Employee API starter guide."""
    text = "Email ID is not in a valid format. Verify email address is in the right format."
    assert objections(cornerstone.hire(primaryEmail="nobody"))["primaryEmail"] == [text]


@pytest.mark.reads
def test_metadata_tell_the_custom_fields_and_their_options(cornerstone: Cornerstone) -> None:
    """Source: csod.dev quick start on creating an employee."""
    rows = cornerstone.get(EMPLOYEES + "/custom-fields")["data"]
    assert all({"id", "name", "required", "type", "options"} <= set(row) for row in rows)


def test_version_one_hides_inactive_people_unless_asked(cornerstone: Cornerstone) -> None:
    """Source: Employee API starter guide. Status is a text on reads."""
    cornerstone.hire(workerStatus={"active": False})
    path = "/services/api/x/users/v1/employees"
    assert cornerstone.get(path, userid="NEW-1")["data"]["total"] == 0
    body = cornerstone.get(path, userid="NEW-1", includeInactive="true")
    assert (body["status"], body["data"]["employees"][0]["userId"]) == ("Success", "NEW-1")


def test_version_one_addresses_people_by_their_user_id(cornerstone: Cornerstone) -> None:
    """Source: Employee API starter guide. Status is the number 0 on writes."""
    path = "/services/api/x/users/v1/employees/userid-E10001"
    answer = cornerstone.call("PATCH", path, {"firstName": "Mary"})
    assert (answer.status_code, answer.json()["status"]) == (200, 0)
    assert cornerstone.get(path)["data"]["firstName"] == "Mary"


AS_OF = ("employment-status", "effective-date/2026-07-01", "effective-date/status", "employment-status/effective-date/2026-07-01")


@pytest.mark.parametrize("path", AS_OF)
@pytest.mark.reads
def test_an_employment_can_be_asked_as_of_a_day(cornerstone: Cornerstone, path: str) -> None:
    """Source: csod.dev scopes and throttling pages list the four paths."""
    id = cornerstone.any_user()["id"]
    assert cornerstone.get(f"{EMPLOYEES}/{id}/{path}")["data"]["id"] == id
