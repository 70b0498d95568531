"""Data exporter, reporting views and the older transcript reads."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import orjson
import pytest

from csod_pipelines_tests.sandbox.cornerstone_api import EMPLOYEES, OBJECTS, VIEWS, Api, attended

ACTIVE: dict[str, Any] = {"$filter": "user_status_id eq 1"}


@pytest.fixture
def api() -> Api:
    api = Api()
    api.core.configure({"limits": "off"})
    return api


def test_pages_hold_every_user_once_and_the_last_one_carries_the_delta_link(api: Api):
    rows, link = api.pages(OBJECTS + "/users_core", size=77, track=True)
    assert [row["user_id"] for row in rows] == list(range(1001, 1501))
    assert link is not None
    assert {row["user_status_id"] for row in rows} == {1, 2}


def test_a_delta_holds_what_changed_once_and_can_be_used_again(api: Api):
    _, link = api.pages(OBJECTS + "/users_core", track=True)
    assert link is not None
    api.call("PATCH", EMPLOYEES + "/1005", {"lastName": "One"})
    api.call("PATCH", EMPLOYEES + "/1004", {"lastName": "Two"})
    api.call("PATCH", EMPLOYEES + "/1005", {"lastName": "Three"})
    further = None
    for _ in range(2):  # a failed run simply uses the old link once more
        rows, further = api.pages(link)
        assert [(row["user_id"], row["user_name_last"]) for row in rows] == [(1004, "Two"), (1005, "Three")]
    assert further is not None and api.pages(further)[0] == []


def test_a_long_delta_comes_in_pages(api: Api):
    _, link = api.pages(OBJECTS + "/users_core", track=True)
    assert link is not None
    for id in range(1100, 1125):
        api.call("PATCH", f"{EMPLOYEES}/{id}", {"mobilePhone": "1"})
    rows, further = api.pages(link, size=10)
    assert [row["user_id"] for row in rows] == list(range(1100, 1125)) and further is not None


def test_a_membership_that_ends_is_reported_as_removed_with_its_key(api: Api):
    _, link = api.pages(OBJECTS + "/user_ou_core", track=True)
    assert link is not None
    old = next(ou["id"] for ou in api.get(EMPLOYEES + "/1004").body["data"]["ous"] if ou["typeId"] == 2)
    new = 150 if old != 150 else 151
    api.call("PATCH", EMPLOYEES + "/1004", {"ous": [{"id": new, "typeId": 2}]})
    rows = {row["ou_id"]: row for row in api.pages(link)[0]}
    assert (rows[new]["user_id"], rows[new]["ou_type_id"], "@removed" in rows[new]) == (1004, 2, False)
    assert (rows[old]["@removed"], rows[old]["user_id"]) == ({"reason": "deleted"}, 1004)


def test_a_row_that_leaves_the_filter_of_a_delta_is_removed_from_it(api: Api):
    _, link = api.pages(OBJECTS + "/users_core", track=True, **ACTIVE)
    assert link is not None
    api.core.act("terminate", {"id": 1004}, now=api.now)
    assert api.pages(link)[0][0]["@removed"] == {"reason": "changed"}


def test_changes_during_a_full_read_are_in_the_delta_at_its_end(api: Api):
    headers = {"prefer": "odata.maxpagesize=300, odata.track-changes"}
    first = api.get(OBJECTS + "/users_core", headers=headers)
    assert first.headers["preference-applied"] == "odata.track-changes"
    api.call("PATCH", EMPLOYEES + "/1002", {"lastName": "Between"})
    second = api.get(first.body["@odata.nextLink"], headers=headers)
    assert [row["user_id"] for row in api.pages(second.body["@odata.deltaLink"])[0]] == [1002]


def test_objects_without_change_tracking_answer_501_and_unknown_ones_404(api: Api):
    headers = {"prefer": "odata.track-changes"}
    assert api.get(OBJECTS + "/training_type_core", headers=headers).status == 501
    assert api.get(OBJECTS + "/nothing_core").status == 404
    api.core.configure({"data_exporter_delta": False})
    assert api.get(OBJECTS + "/users_core", headers=headers).status == 501
    api.core.configure({"data_exporter": False})
    assert api.get(OBJECTS + "/users_core").status == 404


def test_links_into_an_earlier_world_and_old_ones_are_refused(api: Api):
    _, link = api.pages(OBJECTS + "/users_core", track=True)
    assert link is not None
    api.core.configure({"delta_lifetime_seconds": 60})
    api.advance(seconds=61)
    assert api.get(link).status == 410
    api.core.configure({"delta_lifetime_seconds": 0, "delta_expiry": 400})
    api.core.reset(seed=1, size="small", now=api.now)
    assert api.get(link).status == 400


def test_filters_take_comparisons_casts_and_both_conjunctions(api: Api):
    def ids(text: str) -> list[int]:
        return [row["user_id"] for row in api.get(OBJECTS + "/users_core", **{"$filter": text}).body["value"]]

    assert ids("user_id ge 1003 and user_id lt 1006") == [1003, 1004, 1005]
    assert ids("user_id eq 1003 or user_ref eq 'E10003'") == [1003, 1004]
    assert ids("not (user_id gt 1002)") == [1001, 1002]
    guid = api.get(EMPLOYEES + "/1007").body["data"]["guid"]
    assert ids(f"user_guid eq cast('{guid}', Edm.Guid)") == [1007]
    assert ids("_last_touched_dt_utc ge 2026-07-14T00:00:00Z") == []
    assert ids("user_mgr_id eq null and user_id le 1003") == [1001, 1002]
    email = api.get(EMPLOYEES + "/1009").body["data"]["primaryEmail"]
    assert ids(f"user_email eq '{email}'") == [1009]


@pytest.mark.parametrize(
    "query",
    [
        {"$filter": "user_name_first eq 'Mary'"},  # not indexed
        {"$filter": "nothing eq 1"},
        {"$filter": "user_id like 1"},
        {"$filter": "user_id eq 'x'"},
        {"$filter": "("},
        {"$filter": "user_id"},
        {"$select": "nothing"},
        {"$top": "-1"},
        {"$expand": "x"},
        {"$skiptoken": "x"},
        {"$deltatoken": "x"},
    ],
)
def test_a_wrong_query_is_400(api: Api, query: dict):
    assert api.get(OBJECTS + "/users_core", **query).status == 400


def test_select_top_and_count_shape_the_answer(api: Api):
    body = api.get(OBJECTS + "/users_core", **{"$select": "user_id,user_ref", "$top": 2}).body
    assert body["value"] == [{"user_id": 1001, "user_ref": "svc.integration"}, {"user_id": 1002, "user_ref": "E10001"}]
    assert "@odata.nextLink" not in body
    counted = api.get(OBJECTS + "/ou_core", **{"$top": 0, "$count": "true"}).body
    assert (counted["@odata.count"], counted["value"]) == (60, [])


def test_a_page_holds_at_most_ten_thousand_rows():
    api = Api(size={"users": 12_000})
    body = api.get(OBJECTS + "/users_core", headers={"prefer": "odata.maxpagesize=50000"}).body
    assert len(body["value"]) == 10_000 and "@odata.nextLink" in body


def test_training_core_knows_sessions_by_event_reference_and_locator(api: Api):
    session = api.session()
    row = api.core.state("sessions", id=session, now=api.now)[0]

    def refs(text: str) -> list[str]:
        return [found["lo_ref"] for found in api.get(OBJECTS + "/training_core", **{"$filter": text}).body["value"]]

    assert refs(f"lo_root_id eq {row['event_id']}") == ["CT-1", "OFF-1"]
    assert refs(f"lo_locator eq {row['locator']}") == refs("lo_ref eq 'OFF-1'") == refs(f"object_id eq {session}") == ["OFF-1"]


def test_transcript_core_keeps_removed_rows_with_a_flag_and_every_number(api: Api):
    session = api.session()
    api.registered(session, "E10001")
    _, link = api.pages(OBJECTS + "/transcript_core", track=True)
    assert link is not None
    api.core.act("remove_training", {"user_id": "E10001", "session_id": session}, now=api.now)
    (row,) = api.pages(link)[0]
    assert (row["is_removed"], row["reg_num"], row["transc_user_id"]) == (True, 1, 1002)
    titles = {row["status_id"]: row["title"] for row in api.get(VIEWS + "/vw_rpt_transcript_status").body["value"]}
    assert (titles[row["user_lo_status_id"]], titles[25]) == ("Registered", "Pending Approval")


def test_metadata_tells_keys_indexes_and_tracking(api: Api):
    reply = api.get(OBJECTS + "/$metadata")
    assert reply.headers["content-type"] == "application/xml"
    assert b'<EntityType Name="transcript_core">' in reply.body and b"ChangeTracking" in reply.body


# ---- reporting


def test_subjects_and_providers_are_read_through_views_that_can_be_switched_off(api: Api):
    subjects = {row["subject_id"]: row for row in api.get(VIEWS + "/vw_rpt_training_subject").body["value"]}
    parents = {subjects[row["parent_id"]]["title"] for row in subjects.values() if row["title"] == "Security"}
    assert parents == {"IT", "Safety"}
    providers = api.get(VIEWS + "/vw_rpt_training_provider").body["value"]
    assert [row["active"] for row in providers].count(False) == 1
    api.core.configure({"reporting_subject_view": False})
    assert api.get(VIEWS + "/vw_rpt_training_subject").status == 404


def test_the_warehouse_lags_behind_and_the_exporter_does_not(api: Api):
    id = api.core.act("hire", {"first_name": "New", "last_name": "One"}, now=api.now)["id"]
    query = {"$filter": f"user_id eq {id}"}
    assert api.get(VIEWS + "/vw_rpt_user", **query).body["value"] == []
    assert len(api.get(OBJECTS + "/users_core", **query).body["value"]) == 1
    api.advance(minutes=15, seconds=1)
    assert len(api.get(VIEWS + "/vw_rpt_user", **query).body["value"]) == 1
    api.core.act("create_subject", {"title": "Late"}, now=api.now)
    assert "Late" not in [row["title"] for row in api.get(VIEWS + "/vw_rpt_training_subject").body["value"]]


def test_the_exporter_can_be_made_to_lag(api: Api):
    api.core.configure({"exporter_lag_seconds": 60})
    _, link = api.pages(OBJECTS + "/users_core", track=True)
    assert link is not None
    api.call("PATCH", EMPLOYEES + "/1005", {"lastName": "One"})
    rows, link = api.pages(link)
    assert rows == [] and link is not None
    api.advance(seconds=61)
    assert [row["user_id"] for row in api.pages(link)[0]] == [1005]


def test_rows_can_come_again_on_the_next_page_and_nothing_is_lost(api: Api):
    api.core.configure({"reporting_repeated_rows": 3})
    rows, _ = api.pages(VIEWS + "/vw_rpt_user", size=100)
    ids = [row["user_id"] for row in rows]
    assert len(ids) > 500 and sorted(set(ids)) == list(range(1001, 1501))


def test_a_stream_can_break_off_under_200(api: Api):
    api.core.configure({"reporting_truncated_answers": 1})
    with pytest.raises(orjson.JSONDecodeError):
        api.get(VIEWS + "/vw_rpt_user")
    assert api.get(VIEWS + "/vw_rpt_user").status == 200


# ---- TranscriptAndTask and Transcript Search


def test_the_old_transcript_shows_neither_removed_nor_archived_rows_nor_inactive_users(api: Api):
    path = "/services/api/TranscriptAndTask/Transcript"
    session = api.session()
    api.registered(session, "E10001")

    def shown() -> list[str]:
        rows = api.get(path, UserId="E10001").first["Transcripts"]
        return [row["LoProviderId"] for row in rows if row["LoId"] == session]

    assert shown() == ["OFF-1"]
    assert api.get("/services/api/TranscriptAndTask/Session", UserId="E10001").body["data"][0]["SessionNumber"] == "OFF-1"
    api.core.act("archive_training", {"user_id": "E10001", "session_id": session}, now=api.now)
    assert shown() == []
    assert api.get(path, UserId="E10013").status == 400


def test_transcript_search_looks_at_one_day_at_most(api: Api):
    path = "/services/api/LOTranscript/TranscriptSearch"
    session = api.session()
    api.registered(session, "E10001", "E10002")
    found = api.get(path, LOID=session).body
    assert found["totalRecords"] == 2
    assert found["data"][0]["TranscriptItem"]["Transcripts"][0]["Status"] == "Registered"
    later = (api.now - timedelta(days=2)).isoformat()[:19]
    assert api.get(path, LOID=session, ModificationStartDate=later).body["totalRecords"] == 0
    assert api.get(path, ModificationStartDate=later, ModificationEndDate=api.now.isoformat()[:19]).status == 400
    api.core.act("terminate", {"id": "E10002"}, now=api.now)
    assert api.get(path, LOID=session).body["totalRecords"] == 1


def test_history_agrees_between_roster_and_exporter(api: Api):
    session = api.session()
    api.registered(session, "E10001")
    api.advance(days=4)
    api.submit(session, attended("E10001", 1, 2))
    query = {"$filter": f"transc_object_id eq {session} and transc_user_id eq 1002"}
    (row,) = api.get(OBJECTS + "/transcript_core", **query).body["value"]
    assert (row["user_lo_pass"], row["user_part_attendance"]) == (True, 2)
    assert row["user_lo_comp_dt"].startswith("2026-07-18T10:00")
