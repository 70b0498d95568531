"""Organizational units."""

from __future__ import annotations

from typing import Any

import pytest

from csod_pipelines_tests.contract.cornerstone_portal import ORGANIZATIONS, OUS, Cornerstone

DIVISION, LOCATION = 2, 32


def create(cornerstone: Cornerstone, name: str = "Sales South", **more: Any) -> int:
    answer = cornerstone.call("POST", OUS, {"typeId": DIVISION, "name": name, "active": True, **more})
    assert answer.ok, answer.text
    return answer.json()["data"]["id"]


@pytest.mark.row("ous.types")
@pytest.mark.reads
def test_types_are_listed_with_their_names(cornerstone: Cornerstone) -> None:
    """Source: csod.dev OU quick start."""
    body = cornerstone.get(ORGANIZATIONS + "/types")
    assert body["count"] == len(body["data"]) > 0
    assert all({"id", "name", "description", "details"} <= set(row) for row in body["data"])


@pytest.mark.row("ou_type_ids")
@pytest.mark.reads
def test_the_numbers_of_the_standard_types_are_fixed(cornerstone: Cornerstone) -> None:
    """Source: csod.dev OU quick start. They may be cached."""
    names = {row["id"]: row["name"] for row in cornerstone.get(ORGANIZATIONS + "/types")["data"]}
    assert (names[1], names[2], names[4]) == ("Corporation", "Division", "Position")


@pytest.mark.reads
def test_a_location_type_has_a_facility_type(cornerstone: Cornerstone) -> None:
    """Source: csod.dev OU quick start."""
    assert "facilityType" in cornerstone.get(f"{ORGANIZATIONS}/types/{LOCATION}")["data"]


@pytest.mark.row("ous.list")
@pytest.mark.reads
def test_units_are_listed_in_the_envelope_of_their_family(cornerstone: Cornerstone) -> None:
    """Source: csod.dev OU quick start."""
    body = cornerstone.get(OUS, pageSize=3)
    assert (body["pageNumber"], body["count"], len(body["data"])) == (1, 3, 3)


@pytest.mark.row("ou")
@pytest.mark.reads
def test_a_unit_has_the_fields_of_the_quick_start(cornerstone: Cornerstone) -> None:
    """Source: csod.dev OU quick start."""
    names = {"id", "typeId", "active", "name", "externalId", "ownerId", "description", "parentId", "reconcilable"}
    assert names <= set(cornerstone.any_ou())


@pytest.mark.row("ou_search")
@pytest.mark.reads
def test_units_are_found_by_id_reference_type_and_name(cornerstone: Cornerstone) -> None:
    """Source: csod.dev OU quick start."""
    row = next(each for each in cornerstone.get(OUS, typeId=DIVISION)["data"] if each["externalId"])
    for query in ({"id": row["id"]}, {"externalId": row["externalId"]}, {"name": row["name"], "typeId": DIVISION}):
        assert row["id"] in [found["id"] for found in cornerstone.get(OUS, **query)["data"]], query


@pytest.mark.row("ou_page")
def test_a_page_holds_a_hundred_unless_asked_otherwise(cornerstone: Cornerstone) -> None:
    """Source: csod.dev pagination page."""
    for number in range(60):
        create(cornerstone, f"Branch {number}")
    first = cornerstone.get(OUS)
    assert first["count"] == 100
    rest = cornerstone.get(OUS, nextPageToken=first["nextPageToken"])
    assert not {row["id"] for row in first["data"]} & {row["id"] for row in rest["data"]}


@pytest.mark.row("ous.get")
@pytest.mark.reads
def test_one_unit_is_read_by_its_internal_id(cornerstone: Cornerstone) -> None:
    """Source: csod.dev OU quick start."""
    row = cornerstone.any_ou()
    assert cornerstone.get(f"{OUS}/{row['id']}")["name"] == row["name"]
    assert cornerstone.error("GET", f"{OUS}/999999999")[0] == 404


@pytest.mark.row("ou_get_bare")
@pytest.mark.reads
def test_a_single_unit_is_printed_without_an_envelope(cornerstone: Cornerstone) -> None:
    """Source: csod.dev quick start on updating an OU."""
    row = cornerstone.get(f"{OUS}/{cornerstone.any_ou()['id']}")
    assert "data" not in row and row["typeId"]


@pytest.mark.row("ous.create")
@pytest.mark.writes
def test_a_new_unit_gets_an_id_and_a_link(cornerstone: Cornerstone) -> None:
    """Source: csod.dev OU quick start."""
    parent = cornerstone.get(OUS, typeId=DIVISION)["data"][0]["id"]
    answer = cornerstone.call(
        "POST", OUS, {"typeId": DIVISION, "name": "Sales South", "externalId": cornerstone.own("D-S"), "parentId": parent}
    )
    data = answer.json()["data"]
    assert answer.ok and str(data["id"]) in data["links"]["href"]
    assert cornerstone.get(f"{OUS}/{data['id']}")["parentId"] == parent


@pytest.mark.row("ous.update")
@pytest.mark.writes
def test_a_change_names_only_what_changes(cornerstone: Cornerstone) -> None:
    """Source: csod.dev quick start on updating an OU."""
    id = create(cornerstone, description="kept", externalId=cornerstone.own("D-S"))
    cornerstone.call("PATCH", f"{OUS}/{id}", {"name": "Sales North"})
    row = cornerstone.get(f"{OUS}/{id}")
    assert (row["name"], row["description"], row["externalId"]) == ("Sales North", "kept", cornerstone.own("D-S"))


@pytest.mark.row("ou_patch_answer")
@pytest.mark.writes
def test_a_change_is_answered_204_without_a_body(cornerstone: Cornerstone) -> None:
    """Source: csod.dev quick start on updating an OU."""
    answer = cornerstone.call("PATCH", f"{OUS}/{create(cornerstone)}", {"active": False})
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.row("ou_put_replaces")
@pytest.mark.writes
def test_a_put_loses_what_it_leaves_out(cornerstone: Cornerstone) -> None:
    """Source: csod.dev quick start on updating an OU."""
    id = create(cornerstone, description="lost", externalId=cornerstone.own("D-S"))
    assert cornerstone.call("PUT", f"{OUS}/{id}", {"typeId": DIVISION, "name": "Sales North"}).status_code == 204
    row = cornerstone.get(f"{OUS}/{id}")
    assert (row["name"], row["description"], row["externalId"]) == ("Sales North", "", None)


@pytest.mark.writes
def test_a_unit_is_made_inactive_and_never_deleted(cornerstone: Cornerstone) -> None:
    """Source: csod.dev lists no delete (inferred)."""
    id = create(cornerstone)
    assert cornerstone.call("DELETE", f"{OUS}/{id}").status_code in (404, 405)
    cornerstone.call("PATCH", f"{OUS}/{id}", {"active": False})
    assert cornerstone.get(f"{OUS}/{id}")["active"] is False


def test_a_reference_is_unique_and_angle_brackets_are_refused(cornerstone: Cornerstone) -> None:
    """Source: an integrator's code (inferred)."""
    create(cornerstone, externalId="D-S")
    status, _ = cornerstone.error("POST", OUS, {"typeId": DIVISION, "name": "Twin", "externalId": "D-S"})
    assert status == 400
    assert cornerstone.error("POST", OUS, {"typeId": DIVISION, "name": "<b>"})[0] == 400


def test_a_parent_is_of_the_same_type_and_no_circle_is_made(cornerstone: Cornerstone) -> None:
    """Source: an integrator's code (inferred)."""
    top = create(cornerstone, "Top")
    below = create(cornerstone, "Below", parentId=top)
    assert cornerstone.error("PATCH", f"{OUS}/{top}", {"parentId": below})[0] == 400
    place = cornerstone.get(OUS, typeId=LOCATION)["data"][0]["id"]
    assert cornerstone.error("PATCH", f"{OUS}/{top}", {"parentId": place})[0] == 400


@pytest.mark.reads
def test_a_location_carries_its_time_zone_as_a_label_of_windows(cornerstone: Cornerstone) -> None:
    """Source: a client's model of locations; labels as csod.dev prints them for users."""
    rows = cornerstone.get(OUS, typeId=LOCATION)["data"]
    assert any((row.get("timeZone") or "").startswith("(UTC") for row in rows)


def test_pages_of_units_may_be_asked_by_number(cornerstone: Cornerstone) -> None:
    """Source: the list tells its pageNumber (csod.dev OU quick start); that it takes one is inferred."""
    whole = [row["id"] for row in cornerstone.get(OUS)["data"]]
    second = cornerstone.get(OUS, pageSize=20, pageNumber=2)
    assert second["pageNumber"] == 2 and [row["id"] for row in second["data"]] == whole[20:40]
    third = cornerstone.get(OUS, pageSize=20, nextPageToken=second["nextPageToken"])
    assert third["pageNumber"] == 3 and [row["id"] for row in third["data"]] == whole[40:60]
    assert cornerstone.get(OUS, pageSize=20, pageNumber=99)["data"] == []
