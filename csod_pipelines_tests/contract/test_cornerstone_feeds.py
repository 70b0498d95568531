"""Reading in bulk: reporting views, data exporter objects, and what changed since."""

from __future__ import annotations

from typing import Any

import pytest

from csod_pipelines_tests.contract.cornerstone_portal import EMPLOYEES, OBJECTS, OUS, VIEWS, Cornerstone, attended

USERS = f"{OBJECTS}/users_core"
USER_VIEW = f"{VIEWS}/vw_rpt_user"


def columns(cornerstone: Cornerstone, path: str) -> set[str]:
    rows = cornerstone.get(path, **{"$top": 1})["value"]
    return set(rows[0])


# ---- objects of the data exporter


@pytest.mark.row("export.users_core")
@pytest.mark.reads
def test_users_are_exported(cornerstone: Cornerstone) -> None:
    """Source: csod.dev data exporter page; field names from Cornerstone's object list v19.02 and clients."""
    assert {"user_id", "user_ref", "user_login", "user_email", "user_status_id", "user_mgr_id"} <= columns(cornerstone, USERS)


@pytest.mark.row("export.user_ou_core")
@pytest.mark.reads
def test_memberships_in_units_are_exported(cornerstone: Cornerstone) -> None:
    """Source: help page on delta capabilities, which names the object."""
    assert {"user_id", "ou_id"} <= columns(cornerstone, f"{OBJECTS}/user_ou_core")


@pytest.mark.row("export.ou_core")
@pytest.mark.reads
def test_units_are_exported(cornerstone: Cornerstone) -> None:
    """Source: Cornerstone's object list v19.02."""
    assert {"ou_id", "title", "ref", "type_id", "parent_id", "active"} <= columns(cornerstone, f"{OBJECTS}/ou_core")


@pytest.mark.row("export.transcript_core")
@pytest.mark.reads
def test_transcript_rows_are_exported_with_their_key(cornerstone: Cornerstone) -> None:
    """Source: Cornerstone's object list v19.02; user, object and registration number are the key."""
    names = {"transc_user_id", "transc_object_id", "reg_num", "user_lo_status_id", "is_removed", "archived"}
    assert names <= columns(cornerstone, f"{OBJECTS}/transcript_core")


@pytest.mark.row("export.training_core")
@pytest.mark.reads
def test_training_is_exported_and_a_session_names_its_event(cornerstone: Cornerstone) -> None:
    """Source: Cornerstone's object list v19.02."""
    names = {"object_id", "lo_root_id", "lo_locator", "lo_start_dt", "lo_end_dt", "lo_reg_min", "lo_reg_max", "lo_min_parts", "lo_active"}
    assert names <= columns(cornerstone, f"{OBJECTS}/training_core")


@pytest.mark.row("exporter_stamp")
@pytest.mark.reads
def test_core_objects_carry_the_stamp_of_their_last_change(cornerstone: Cornerstone) -> None:
    """Source: Cornerstone's object list v19.02."""
    for name in ("users_core", "ou_core", "user_ou_core", "transcript_core", "training_core"):
        assert "_last_touched_dt_utc" in columns(cornerstone, f"{OBJECTS}/{name}")


@pytest.mark.row("exporter_indexed_filters")
@pytest.mark.reads
def test_only_indexed_fields_may_be_filtered(cornerstone: Cornerstone) -> None:
    """Source: csod.dev data exporter page; $metadata tells which."""
    ref = cornerstone.any_user()["externalId"]
    assert [row["user_ref"] for row in cornerstone.get(USERS, **{"$filter": f"user_ref eq '{ref}'"})["value"]] == [ref]
    assert cornerstone.error("GET", USERS, **{"$filter": "user_mobile_phone eq '1'"})[0] == 400


@pytest.mark.row("data_exporter")
@pytest.mark.reads
def test_the_exporter_lists_and_describes_its_objects(cornerstone: Cornerstone) -> None:
    """Source: help page on the data exporter; customers of the Reporting API have it."""
    names = {row["name"] for row in cornerstone.get(OBJECTS)["value"]}
    assert {"users_core", "ou_core", "transcript_core", "training_core"} <= names
    text = cornerstone.call("GET", OBJECTS + "/$metadata").text
    assert "ChangeTracking" in text and 'Name="users_core"' in text


def test_a_leaver_stays_in_the_export(cornerstone: Cornerstone) -> None:
    """Source: a client's models: status 1 active, 2 inactive (inferred)."""
    cornerstone.hire(workerStatus={"active": False})
    (row,) = cornerstone.get(USERS, **{"$filter": "user_ref eq 'NEW-1'"})["value"]
    assert row["user_status_id"] == 2


# ---- reporting views


@pytest.mark.row("views.vw_rpt_user")
@pytest.mark.reads
def test_the_view_of_users(cornerstone: Cornerstone) -> None:
    """Source: Cornerstone's reporting guide, whose user_id is the internal number and user_ref the User ID."""
    row = cornerstone.get(USER_VIEW, **{"$top": 1})["value"][0]
    assert isinstance(row["user_id"], int) and {"user_ref", "user_login", "user_status_id"} <= set(row)


@pytest.mark.row("views.vw_rpt_ou")
@pytest.mark.reads
def test_the_view_of_units(cornerstone: Cornerstone) -> None:
    """Source: Cornerstone's reporting guide."""
    assert {"ou_id", "title", "ref", "type_id", "parent_id", "active"} <= columns(cornerstone, f"{VIEWS}/vw_rpt_ou")


@pytest.mark.row("views.vw_rpt_transcript")
@pytest.mark.reads
def test_the_view_of_transcripts(cornerstone: Cornerstone) -> None:
    """Source: Cornerstone's reporting guide."""
    assert {"transc_user_id", "transc_object_id", "reg_num", "user_lo_status_id"} <= columns(cornerstone, f"{VIEWS}/vw_rpt_transcript")


@pytest.mark.row("views.vw_rpt_transcript_status")
@pytest.mark.reads
def test_statuses_are_numbered_in_a_view_of_their_own(cornerstone: Cornerstone) -> None:
    """Source: Cornerstone's object list v19.02 names the view; its columns are a guess. Only 25, Pending Approval, is known."""
    rows = cornerstone.get(f"{VIEWS}/vw_rpt_transcript_status")["value"]
    assert {"status_id": 25, "title": "Pending Approval"} in rows
    used = {row["user_lo_status_id"] for row in cornerstone.get(f"{OBJECTS}/transcript_core", **{"$top": 50})["value"]}
    assert used <= {row["status_id"] for row in rows}


@pytest.mark.row("views.vw_rpt_training_subject")
@pytest.mark.reads
def test_subjects_are_read_from_a_view(cornerstone: Cornerstone) -> None:
    """Source: Cornerstone's object list v19.02 names the view; its columns are a guess."""
    assert {"subject_id", "title", "parent_id"} <= columns(cornerstone, f"{VIEWS}/vw_rpt_training_subject")


@pytest.mark.row("reporting_lag_seconds")
def test_the_warehouse_lags_a_quarter_of_an_hour(cornerstone: Cornerstone) -> None:
    """Source: csod.dev request resiliency."""
    cornerstone.hire()
    query = {"$filter": "user_ref eq 'NEW-1'"}
    assert cornerstone.get(USER_VIEW, **query)["value"] == []
    cornerstone.advance(minutes=16)
    assert len(cornerstone.get(USER_VIEW, **query)["value"]) == 1


@pytest.mark.row("view_scope")
def test_each_view_has_a_scope_of_its_own(cornerstone: Cornerstone) -> None:
    """Source: csod.dev scopes page."""
    cornerstone.login(scope="vw_rpt_user:read")
    assert cornerstone.call("GET", USER_VIEW).status_code == 200
    assert cornerstone.call("GET", f"{VIEWS}/vw_rpt_ou").status_code == 401


# ---- what both share


@pytest.mark.row("odata_options")
@pytest.mark.reads
def test_columns_rows_and_counts_can_be_chosen(cornerstone: Cornerstone) -> None:
    """Source: Cornerstone's reporting guide: $select, $filter, $top, $count."""
    body = cornerstone.get(USER_VIEW, **{"$select": "user_id", "$filter": "user_status_id eq 1", "$top": 2, "$count": "true"})
    assert [set(row) for row in body["value"]] == [{"user_id"}] * 2
    assert body["@odata.count"] > 2


@pytest.mark.row("odata_page")
@pytest.mark.reads
def test_a_page_is_as_large_as_asked_within_bounds(cornerstone: Cornerstone) -> None:
    """Source: csod.dev reporting paging; Prefer: odata.maxpagesize, 1,000 rows unless asked, 10,000 at most."""
    assert len(cornerstone.page(USERS, size=7).json()["value"]) == 7
    assert 7 < len(cornerstone.page(USERS, size=50_000).json()["value"]) <= 10_000


@pytest.mark.row("odata_next_link")
@pytest.mark.reads
def test_the_next_page_is_reached_by_its_link_alone(cornerstone: Cornerstone) -> None:
    """Source: csod.dev reporting paging. The link is opaque."""
    first = cornerstone.page(USERS, size=5).json()
    second = cornerstone.page(first["@odata.nextLink"], size=5).json()
    assert not {row["user_id"] for row in first["value"]} & {row["user_id"] for row in second["value"]}


@pytest.mark.row("odata_bad_query")
@pytest.mark.reads
def test_a_query_that_cannot_be_read_is_a_400(cornerstone: Cornerstone) -> None:
    """Source: csod.dev request resiliency."""
    for query in ({"$filter": "user_id eq"}, {"$select": "no_such_field"}, {"$top": "many"}):
        assert cornerstone.call("GET", USER_VIEW, **query).status_code == 400


@pytest.mark.row("odata_wrong_view")
@pytest.mark.reads
def test_a_view_that_is_not_there_is_a_404(cornerstone: Cornerstone) -> None:
    """Source: csod.dev request resiliency."""
    assert cornerstone.call("GET", f"{VIEWS}/vw_rpt_nothing").status_code == 404


@pytest.mark.row("odata_broken_200")
def test_a_200_may_break_off_in_the_middle(cornerstone: Cornerstone) -> None:
    """Source: csod.dev request resiliency; answers are streamed."""
    cornerstone.configure(reporting_truncated_answers=1)
    answer = cornerstone.page(USER_VIEW)
    assert answer.status_code == 200
    with pytest.raises(ValueError):
        answer.json()
    assert cornerstone.page(USER_VIEW).json()["value"]


@pytest.mark.row("odata_repeated_rows")
def test_rows_may_come_again_on_the_next_page(cornerstone: Cornerstone) -> None:
    """Source: csod.dev reporting paging; stage and de-duplicate."""
    cornerstone.configure(reporting_repeated_rows=2)
    first = cornerstone.page(USER_VIEW, size=5).json()
    second = cornerstone.page(first["@odata.nextLink"], size=5).json()
    assert len({row["user_id"] for row in first["value"]} & {row["user_id"] for row in second["value"]}) == 2


# ---- what changed


@pytest.mark.row("delta_request")
@pytest.mark.reads
def test_tracking_is_asked_for_and_confirmed_in_headers(cornerstone: Cornerstone) -> None:
    """Source: help page on OData delta capabilities."""
    answer = cornerstone.page(USERS, track=True)
    assert "track-changes" in answer.headers["Preference-Applied"]


@pytest.mark.row("data_exporter_delta")
def test_the_last_page_ends_with_a_link_to_what_will_change(cornerstone: Cornerstone) -> None:
    """Source: help page on OData delta capabilities."""
    _, link = cornerstone.delta(USERS)
    assert cornerstone.delta(link)[0] == []
    cornerstone.call("PATCH", f"{EMPLOYEES}/1002", {"firstName": "Mary"})
    rows, _ = cornerstone.delta(link)
    assert [(row["user_id"], row["user_name_first"]) for row in rows] == [(1002, "Mary")]


@pytest.mark.row("delta_deletes")
def test_what_is_gone_is_reported(cornerstone: Cornerstone) -> None:
    """Source: help page on OData delta capabilities."""
    units: list[dict[str, Any]] = cornerstone.get(OUS, typeId=2)["data"][:2]
    id = cornerstone.hire(ous=[{"id": units[0]["id"], "typeId": 2}]).json()["data"]["id"]
    _, link = cornerstone.delta(f"{OBJECTS}/user_ou_core")
    cornerstone.call("PATCH", f"{EMPLOYEES}/{id}", {"ous": [{"id": units[1]["id"], "typeId": 2}]})
    rows, _ = cornerstone.delta(link)
    assert [row["ou_id"] for row in rows if "@removed" in row] == [units[0]["id"]]
    assert [row["ou_id"] for row in rows if "@removed" not in row] == [units[1]["id"]]


@pytest.mark.row("delta_again")
def test_a_link_can_be_followed_again_after_a_run_that_failed(cornerstone: Cornerstone) -> None:
    """Source: help page on OData delta capabilities."""
    _, link = cornerstone.delta(USERS)
    cornerstone.hire()
    first, second = (cornerstone.delta(link)[0] for _ in range(2))
    assert first == second and len(first) == 1


@pytest.mark.row("delta_unsupported")
@pytest.mark.reads
def test_an_object_that_does_not_track_changes_answers_501(cornerstone: Cornerstone) -> None:
    """Source: help page on OData delta capabilities."""
    assert cornerstone.page(f"{OBJECTS}/ou_hierarchy_core", track=True).status_code == 501


# ---- the whole list of names


NAMED_OBJECTS = (
    *("users_core", "users_cf_core", "user_ou_core", "ou_core", "ou_hierarchy_core", "training_core", "training_local_core"),
    *("training_type_core", "training_cf_core", "transcript_core", "transcript_cf_core", "transcript_src_assignment_core"),
)
NAMED_VIEWS = (
    *("vw_rpt_user", "vw_rpt_user_cf", "vw_rpt_user_ou", "vw_rpt_ou", "vw_rpt_ou_type", "vw_rpt_transcript"),
    *("vw_rpt_transcript_part_attendance", "vw_rpt_transcript_status", "vw_rpt_transcript_status_local", "vw_rpt_training"),
    *("vw_rpt_training_schedule", "vw_rpt_training_session_schedule", "vw_rpt_training_ilt_session_instructor"),
    *("vw_rpt_training_ilt_facility", "vw_rpt_training_subject", "vw_rpt_session_schedule_local"),
)


@pytest.mark.parametrize("name", NAMED_OBJECTS)
@pytest.mark.reads
def test_every_object_of_the_printed_list_is_there_and_stamped(cornerstone: Cornerstone, name: str) -> None:
    """Source: Cornerstone's object list v19.02: all core objects have the stamp; rows follow the fields that $metadata prints."""
    assert f'<EntityType Name="{name}">' in cornerstone.call("GET", OBJECTS + "/$metadata").text
    for row in cornerstone.get(f"{OBJECTS}/{name}", **{"$top": 3})["value"]:
        assert "_last_touched_dt_utc" in row


@pytest.mark.parametrize("name", NAMED_VIEWS)
@pytest.mark.reads
def test_every_view_of_the_printed_list_is_there(cornerstone: Cornerstone, name: str) -> None:
    """Source: Cornerstone's reporting guide and object list v19.02, for the names; the columns of most are not printed."""
    rows = cornerstone.get(f"{VIEWS}/{name}", **{"$top": 1})["value"]
    text = cornerstone.call("GET", VIEWS + "/$metadata").text
    start = text.index(f'<EntityType Name="{name}">')
    entity = text[start : text.index("</EntityType>", start)]
    assert all(f'Property Name="{column}"' in entity for row in rows for column in row)


def test_parts_and_marks_are_reported_page_by_page(cornerstone: Cornerstone) -> None:
    """Source: the names of the views; pages hand on without a gap or a repetition."""
    session = cornerstone.held("E10001")
    cornerstone.submit(session, attended("E10001", 1, 2))
    cornerstone.advance(minutes=16)
    cornerstone.login()
    for view, key in (("vw_rpt_training_session_schedule", "object_id"), ("vw_rpt_transcript_part_attendance", "transc_object_id")):
        whole = cornerstone.get(f"{VIEWS}/{view}")["value"]
        assert len([row for row in whole if row[key] == session]) == 2
        assert paged(cornerstone, f"{VIEWS}/{view}", size=7) == whole


def paged(cornerstone: Cornerstone, path: str, *, size: int, **query: Any) -> list[dict[str, Any]]:
    headers = {"prefer": f"odata.maxpagesize={size}"}
    rows: list[dict[str, Any]] = []
    answer = cornerstone.http.get(cornerstone.address.base_url + path, params=query, headers=headers, timeout=30).json()
    rows += answer["value"]
    while "@odata.nextLink" in answer:
        answer = cornerstone.http.get(answer["@odata.nextLink"], headers=headers, timeout=30).json()
        rows += answer["value"]
    return rows


@pytest.mark.reads
def test_rows_are_skipped_and_sorted_when_asked(cornerstone: Cornerstone) -> None:
    """Source: OData v4; the reporting guide allows $orderby and calls it slow."""
    ids = [row["user_id"] for row in cornerstone.get(USER_VIEW, **{"$top": 10})["value"]]
    assert [row["user_id"] for row in cornerstone.get(USER_VIEW, **{"$top": 4, "$skip": 3})["value"]] == ids[3:7]
    names = [row["user_name_last"] for row in paged(cornerstone, USER_VIEW, size=90, **{"$orderby": "user_name_last desc", "$skip": "2"})]
    assert names == sorted(names, reverse=True) and len(names) > 100
    for wrong in ({"$skip": "-1"}, {"$skip": "x"}, {"$orderby": "user_id sideways"}, {"$orderby": "nothing"}):
        assert cornerstone.error("GET", USER_VIEW, **wrong)[0] == 400


def test_options_without_a_question_mark_are_redirected(cornerstone: Cornerstone) -> None:
    """Source: csod.dev request resiliency: 302 when the question mark is missing."""
    url = cornerstone.address.base_url + USER_VIEW
    answer = cornerstone.http.get(f"{url}$top=1&$select=user_id", allow_redirects=False, timeout=30)
    assert (answer.status_code, answer.headers["location"]) == (302, f"{url}?$top=1&$select=user_id")
    assert cornerstone.http.get(answer.headers["location"], timeout=30).json()["value"]
