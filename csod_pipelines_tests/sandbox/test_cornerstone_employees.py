"""Employees v2 and v1, and organizations v1."""

from __future__ import annotations

import pytest

from csod_pipelines_tests.sandbox.cornerstone_api import EMPLOYEES, OUS, Api

V1 = "/services/api/x/users/v1/employees"
ANN = {
    "externalId": "AX1",
    "userName": "ann.x",
    "firstName": "Ann",
    "lastName": "Xu",
    "primaryEmail": "ann@example.com",
    "ous": [{"id": 150, "typeId": 2}],
}


@pytest.fixture(scope="module")
def shared() -> Api:
    api = Api()
    api.core.configure({"limits": "off"})
    return api


@pytest.fixture
def api(shared: Api) -> Api:
    shared.core.reset(seed=1, size="small", now=shared.now)
    shared.login()
    return shared


def errors(reply) -> dict[str, list[str]]:
    assert reply.status == 400
    return {row["name"]: row["errors"] for row in reply.body["error"]["fields"]}


def test_create_answers_201_with_id_and_link_and_the_single_get_shows_the_ous(api: Api):
    reply = api.post(EMPLOYEES, ANN)
    id = reply.body["data"]["id"]
    assert (reply.status, reply.body["data"]["links"]["href"]) == (201, f"{EMPLOYEES}/{id}")
    assert [(e.effect, e.kind, e.id) for e in reply.effects] == [("create", "users", str(id))]
    row = api.get(f"{EMPLOYEES}/{id}").body["data"]
    assert (row["lastName"], row["ous"][0]["id"], row["workerStatus"]["active"]) == ("Xu", 150, True)
    listed = api.get(EMPLOYEES, externalId="ax1").body
    assert listed["count"] == 1 and "ous" not in listed["data"][0] and "customFields" not in listed["data"][0]


def test_user_id_and_user_name_must_differ_from_everybodys_other_name_too(api: Api):
    api.post(EMPLOYEES, ANN)
    taken = errors(api.post(EMPLOYEES, ANN | {"userName": "AX1"}))
    assert taken["externalId"] == ["User ID already exists in the system. Use a different User ID."]
    assert taken["userName"] == ["User name already exists in application. Try with different user name."]
    assert "externalId" in errors(api.post(EMPLOYEES, ANN | {"externalId": "mary.brown.1", "userName": "new"}))


def test_every_objection_comes_at_once_and_nothing_is_written(api: Api):
    found = errors(
        api.post(
            EMPLOYEES, {"externalId": "x" * 101, "lastName": " ", "primaryEmail": "no", "managerId": 5, "ous": [{"id": 102, "typeId": 2}]}
        )
    )
    assert set(found) == {"externalId", "userName", "firstName", "lastName", "primaryEmail", "managerId", "ous"}
    assert len(api.core.state("users", id=None, now=api.now)) == 500


def test_patch_is_partial_answers_204_and_keeps_ous_of_other_types(api: Api):
    before = api.get(EMPLOYEES + "/1002").body["data"]
    reply = api.call(
        "PATCH", EMPLOYEES + "/1002", {"lastName": "Braun", "ous": [{"id": 151, "typeId": 2}], "workerStatus": {"active": False}}
    )
    assert (reply.status, reply.body) == (204, b"")
    after = api.get(EMPLOYEES + "/1002").body["data"]
    assert (after["lastName"], after["firstName"], after["workerStatus"]["active"]) == ("Braun", before["firstName"], False)
    assert {ou["typeId"] for ou in after["ous"]} == {ou["typeId"] for ou in before["ous"]}
    assert after["employeeMetaData"]["modifiedDate"].startswith("2026-07-14T10:00:05")
    api.core.configure({"employee_patch_status": 200, "employee_patch_ous": "replace"})
    assert api.call("PATCH", EMPLOYEES + "/1002", {"ous": [{"id": 151, "typeId": 2}]}).status == 200
    assert len(api.get(EMPLOYEES + "/1002").body["data"]["ous"]) == 1
    api.core.configure({"employee_patch_status": 204, "employee_patch_ous": "merge"})


def test_pages_run_through_everybody_once_and_their_token_dies_after_five_minutes(api: Api):
    ids, token = [], None
    while True:
        reply = api.get(EMPLOYEES, pageSize=120, **({"nextPageToken": token} if token else {}))
        ids += [row["id"] for row in reply.body["data"]]
        last, token = token, reply.body["nextPageToken"]
        if token is None:
            break
    assert ids == list(range(1001, 1501))
    assert api.get(EMPLOYEES, pageSize=120, nextPageToken="nonsense").status == 400
    assert api.get(EMPLOYEES, lastName="Brown", nextPageToken=last).status == 400  # a token belongs to its question
    then, api.now = api.now, api.now.replace(minute=6)
    assert api.get(EMPLOYEES, pageSize=120, pageToken=last).status == 400
    api.now = then


def test_the_default_page_holds_fifty(api: Api):
    assert api.get(EMPLOYEES).body["count"] == 50


def test_search_parameters_narrow_together(api: Api):
    row = api.get(EMPLOYEES + "/1004").body["data"]
    for query in (
        {"ids": "1004,1005", "lastName": row["lastName"]},
        {"userName": row["userName"]},
        {"guid": row["guid"]},
        {"externalId": row["externalId"], "firstName": row["firstName"], "status": "active"},
        {"createdDate": row["employeeMetaData"]["createdDate"][:10], "ids": "1004"},
        {"modifiedDate": row["employeeMetaData"]["modifiedDate"][:10], "ids": "1004"},
        {"ous": row["ous"][0]["id"], "ids": "1004"},
    ):
        assert [found["id"] for found in api.get(EMPLOYEES, **query).body["data"]] == [1004], query
    assert api.get(EMPLOYEES, ids="1004", lastName="Nobody").body["data"] == []
    assert api.get(EMPLOYEES, modifiedDate="yesterday").status == 400


def test_inactive_users_are_listed_by_default_and_hidden_by_the_switch(api: Api):
    inactive = next(row for row in api.core.state("users", id=None, now=api.now) if not row["active"])
    assert api.get(EMPLOYEES, ids=inactive["id"]).body["count"] == 1
    assert api.get(EMPLOYEES, ids=inactive["id"], status="active").body["count"] == 0
    api.core.configure({"employee_list_includes_inactive": False})
    assert api.get(EMPLOYEES, ids=inactive["id"]).body["count"] == 0
    api.core.configure({"employee_list_includes_inactive": True})


def test_somebody_renamed_is_found_under_the_new_name_only(api: Api):
    old = api.get(EMPLOYEES + "/1010").body["data"]
    api.call("PATCH", EMPLOYEES + "/1010", {"externalId": "NEW-1", "userName": "new.one", "lastName": "Renamed"})
    assert api.get(EMPLOYEES, externalId=old["externalId"]).body["count"] == 0
    assert api.get(EMPLOYEES, userName="new.one").body["data"][0]["id"] == 1010
    assert api.get(EMPLOYEES, lastName="Renamed").body["data"][0]["id"] == 1010
    assert 1010 not in [row["id"] for row in api.get(EMPLOYEES, lastName=old["lastName"], pageSize=500).body["data"]]


def test_v1_hides_inactive_users_and_addresses_people_in_three_ways(api: Api):
    inactive = next(row for row in api.core.state("users", id=None, now=api.now) if not row["active"])
    assert api.get(V1, userid=inactive["external_id"]).body["data"]["total"] == 0
    assert api.get(V1, userid=inactive["external_id"], includeInactive="true").body["data"]["total"] == 1
    assert api.get(V1).body["status"] == "Success"
    for key in ("1002", "userid-E10001", "guid-" + api.get(EMPLOYEES + "/1002").body["data"]["guid"]):
        assert api.get(f"{V1}/{key}").body["data"]["id"] == 1002
    made = api.post(
        V1, {"userId": "V1", "userName": "v1", "firstName": "A", "lastName": "B", "ous": [{"ouId": "D-0007", "type": "Division"}]}
    )
    assert (made.status, made.body["status"]) == (201, 0)
    assert "ous" in errors(
        api.post(V1, {"userId": "V2", "userName": "v2", "firstName": "A", "lastName": "B", "ous": [{"name": "Sales", "type": "Division"}]})
    )


# ---- organizations


def test_an_ou_is_created_patched_and_shown_bare(api: Api):
    reply = api.post(OUS, {"typeId": 2, "name": "New", "externalId": "D-NEW", "parentId": 117, "description": "d"})
    id = reply.body["data"]["id"]
    assert (reply.status, reply.effects[0].effect) == (201, "create")
    assert api.call("PATCH", f"{OUS}/{id}", {"name": "Newer"}).status == 204
    row = api.get(f"{OUS}/{id}").body
    assert (row["name"], row["description"], row["parentId"]) == ("Newer", "d", 117)


def test_put_loses_what_it_leaves_out(api: Api):
    id = api.post(OUS, {"typeId": 2, "name": "New", "externalId": "D-NEW", "parentId": 117, "description": "d"}).body["data"]["id"]
    assert api.call("PUT", f"{OUS}/{id}", {"name": "Other"}).status == 204
    row = api.get(f"{OUS}/{id}").body
    assert (row["externalId"], row["description"], row["parentId"]) == (None, "", None)


def test_references_are_unique_within_their_type_and_compared_trimmed(api: Api):
    trailing = api.get(OUS, externalId="D-0007").body["data"]
    assert [row["externalId"] for row in trailing] == ["D-0007 "]
    assert "externalId" in errors(api.post(OUS, {"typeId": 2, "name": "Twin", "externalId": "d-0007"}))
    assert api.post(OUS, {"typeId": 16, "name": "Twin", "externalId": "D-0007"}).status == 201


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"typeId": 2, "name": "a<b"}, "name"),
        ({"typeId": 2}, "name"),
        ({"typeId": 7, "name": "x"}, "typeId"),
        ({"typeId": 2, "name": "x", "parentId": 102}, "parentId"),
        ({"typeId": 2, "name": "x", "ownerId": 1}, "ownerId"),
        ({"typeId": 2, "name": "x", "description": "d" * 4001}, "description"),
        ({"typeId": 32, "name": "x", "timeZone": "Europe/Paris"}, "timeZone"),
    ],
)
def test_an_ou_with_a_wrong_field_is_refused_by_name(api: Api, body: dict, field: str):
    assert field in errors(api.post(OUS, body))


def test_an_ou_cannot_be_placed_below_itself(api: Api):
    assert "parentId" in errors(api.call("PATCH", OUS + "/117", {"parentId": 121}))


def test_locations_carry_a_windows_style_zone_and_an_address(api: Api):
    rows = api.get(OUS, typeId=32).body["data"]
    paris = next(row for row in rows if row["externalId"] == "LOC-PARIS")
    assert (len(rows), paris["timeZone"], paris["address"]["city"]) == (8, "(UTC+01:00) Brussels, Copenhagen, Madrid, Paris", "Paris")


def test_inactive_ous_are_listed_only_when_asked_for(api: Api):
    everything = api.get(OUS, includeInactive="true", pageSize=1000).body
    assert everything["count"] == 60
    assert api.get(OUS, pageSize=1000).body["count"] == 59
    assert api.get(OUS).body["nextPageToken"] is None and api.get(OUS, pageSize=10).body["pageNumber"] == 1


def test_types_are_listed_with_their_fixed_ids(api: Api):
    rows = api.get("/services/api/x/organizations/v1/types").body["data"]
    assert {row["id"]: row["name"] for row in rows}[32] == "Location"
    assert "facilityType" in api.get("/services/api/x/organizations/v1/types/32").body["data"]
