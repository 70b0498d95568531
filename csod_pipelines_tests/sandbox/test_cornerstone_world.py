"""The world a portal is born with, its state rows, acts, and the loads that come in bulk."""

from __future__ import annotations

import time
from collections import Counter

import pytest

from csod_pipelines.sandbox.cornerstone.timezones import local
from csod_pipelines_tests.sandbox.cornerstone_api import EMPLOYEES, OBJECTS, TRANSCRIPTS, Api

BULK = "/services/api/x/bulk-api/v1"
KINDS = ("users", "ous", "subjects", "providers", "events", "sessions", "transcripts", "rosters", "assignments")


@pytest.fixture
def api() -> Api:
    api = Api()
    api.core.configure({"limits": "off"})
    return api


def rows(api: Api, kind: str) -> list[dict]:
    return api.core.state(kind, id=None, now=api.now)


def test_the_same_seed_makes_the_same_world_and_another_seed_another():
    first, second, other = Api(seed=5), Api(seed=5), Api(seed=6)
    for kind in KINDS:
        assert rows(first, kind) == rows(second, kind)
    assert rows(first, "users") != rows(other, "users")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_small_world_is_as_nasty_as_it_should_be(seed: int):
    api = Api(seed=seed)
    users, ous = rows(api, "users"), rows(api, "ous")
    assert (len(users), len(ous)) == (500, 60)
    assert Counter(row["type_id"] for row in ous)[32] == 8
    inactive = sum(1 for row in users if not row["active"])
    assert 20 <= inactive <= 30
    by_email: dict[str, list[dict]] = {}
    for row in users:
        by_email.setdefault(row["primary_email"].lower(), []).append(row)
    shared = [pair for pair in by_email.values() if len(pair) > 1]
    assert len(shared) == 2 and all(len({row["last_name"] for row in pair}) == 2 for pair in shared)
    letters = "".join(row["first_name"] + row["last_name"] for row in users)
    for sample in "éЩαمנ李शł'-":
        assert sample in letters
    divisions = {row["id"] for row in ous if row["type_id"] == 2}
    assert all(sum(1 for ou in row["ous"] if ou["id"] in divisions) == 1 for row in users)
    assert max(Counter(row["name"] for row in ous).values()) > 1
    assert any((row["external_id"] or "").endswith(" ") for row in ous)


def test_divisions_are_four_levels_deep_and_the_corporation_stands_apart(api: Api):
    ous = {row["id"]: row for row in rows(api, "ous")}

    def depth(row: dict) -> int:
        return 1 if row["parent_id"] is None else 1 + depth(ous[row["parent_id"]])

    assert max(depth(row) for row in ous.values() if row["type_id"] == 2) == 4
    root = next(row for row in ous.values() if row["type_id"] == 1)
    assert all(row["parent_id"] != root["id"] for row in ous.values())


def test_history_holds_every_outcome_and_sessions_to_come(api: Api):
    statuses = Counter(row["status"] for row in rows(api, "transcripts"))
    assert set(statuses) == {"Completed", "Incomplete", "No Show", "Withdrawn", "Registered"}
    ends = [row["ends_at"] for row in rows(api, "sessions")]
    assert min(ends) < "2025" and max(ends) > api.now.isoformat()


def test_some_sessions_lie_across_a_change_of_the_clocks(api: Api):
    crossing = []
    for session in api.core.portal.store.sessions.values():
        offsets = {local(part.start, label=part.time_zone).utcoffset() for part in session.parts}
        walls = {local(part.start, label=part.time_zone).time().isoformat() for part in session.parts}
        if len(offsets) > 1:
            assert walls == {"09:00:00"}
            crossing.append(session.parts[0].location_ref)
    assert {"LOC-AUCKLAND", "LOC-LONDON", "LOC-NEW YORK"} <= set(crossing)


def test_a_state_row_is_found_by_its_id_in_every_kind(api: Api):
    session = api.session()
    api.registered(session, "E10001")
    for kind in KINDS:
        row = rows(api, kind)[-1]
        assert api.core.state(kind, id=str(row["id"]), now=api.now) == [row]
        assert "external_ids" in row
        assert api.core.state(kind, id="nonsense", now=api.now) == []
    with pytest.raises(KeyError):
        api.core.state("nothing", id=None, now=api.now)


def test_every_act_is_described_and_refuses_what_it_does_not_know(api: Api):
    acts = api.core.actions()
    people = {"hire", "edit_user", "terminate", "rehire"}
    organisation = {"create_ou", "rename_ou", "move_ou", "deactivate_ou"}
    learning = {"self_register", "withdraw", "complete", "edit_roster", "set_min_parts"}
    assert people | organisation | learning <= set(acts)
    with pytest.raises(ValueError, match="unknown action"):
        api.core.act("dance", {}, now=api.now)
    with pytest.raises(ValueError, match="does not take"):
        api.core.act("hire", {"colour": "red"}, now=api.now)
    for name in acts:
        with pytest.raises(ValueError):
            api.core.act(name, {argument: object() for argument in acts[name]}, now=api.now)


def test_acts_on_the_organisation_move_stamps_and_the_exporter(api: Api):
    _, link = api.pages(OBJECTS + "/ou_core", track=True)
    made = api.core.act("create_ou", {"name": "Fresh", "parent_id": 117}, now=api.now)
    for action, arguments in (("rename_ou", {"name": "Stale"}), ("move_ou", {"parent_id": None}), ("deactivate_ou", {})):
        assert api.core.act(action, {"id": made["id"], **arguments}, now=api.now)["ok"]
    (row,) = api.pages(link or "")[0]
    assert (row["title"], row["parent_id"], row["active"]) == ("Stale", None, False)


def test_cancelling_a_session_withdraws_its_people_and_takes_no_more(api: Api):
    session = api.session()
    api.registered(session, "E10001")
    api.core.act("cancel_session", {"session_id": session}, now=api.now)
    assert api.roster(session)["E10001"]["Status"] == "Withdrawn"
    body = {"externalId": "E10002", "learningObjectId": session, "assignment": "registered"}
    assert api.post(TRANSCRIPTS + "/assign", body).status == 400


def test_sizes_take_counts_and_refuse_nonsense():
    assert len(rows(Api(size={"users": 20, "events": 1, "sessions_per_event": 1}), "sessions")) == 1
    for wrong in ("huge", {"users": -1}, {"dragons": 1}, [1]):
        with pytest.raises(ValueError):
            Api(size=wrong)


def test_the_medium_world_has_ten_thousand_people_and_places_of_the_tz_database():
    api = Api(size="medium")
    ous = rows(api, "ous")
    assert len(api.core.portal.store.users) == 10_000 and len(ous) == 600
    countries = {row["external_id"] for row in ous if row["facility_type"] == "Country"}
    assert {"COUNTRY-IN", "COUNTRY-BR"} <= countries


def test_the_large_world_is_ready_soon_and_still_knows_everybody():
    started = time.process_time()
    api = Api(size="large")
    assert time.process_time() - started < 20
    assert len(api.core.portal.store.users) == 1_000_000 and len(api.core.portal.store.ous) == 100_000
    ous = {row["external_id"]: row for row in rows(api, "ous")}
    assert sum(ref.startswith("COUNTRY-") for ref in ous) > 200 and sum(ref.startswith("REGION-") for ref in ous) > 4_000
    paris, france = ous["REGION-FR-75C"], ous["COUNTRY-FR"]
    assert ous["REGION-FR-IDF"]["parent_id"] == france["id"] and paris["parent_id"] == ous["REGION-FR-IDF"]["id"]
    assert ous["SITE-BRUSSELS"]["time_zone"] and ous["SITE-BRUSSELS"]["parent_id"] == ous["COUNTRY-BE"]["id"]
    row = api.get(EMPLOYEES + "/900001").body["data"]
    for query in ({"externalId": row["externalId"]}, {"userName": row["userName"]}, {"guid": row["guid"]}):
        assert [found["id"] for found in api.get(EMPLOYEES, **query).body["data"]] == [900001]
    api.call("PATCH", EMPLOYEES + "/900001", {"externalId": "MOVED-1"})
    assert api.get(EMPLOYEES, externalId=row["externalId"]).body["count"] == 0
    assert api.get(EMPLOYEES, externalId="MOVED-1").body["count"] == 1
    started = time.process_time()
    headers = {"prefer": "odata.maxpagesize=10000"}
    assert len(api.get(OBJECTS + "/users_core", headers=headers).body["value"]) == 10_000
    assert time.process_time() - started < 0.5  # 20,000 rows a second


# ---- bulk


def test_a_bulk_job_loads_organisation_before_people_and_reports_failing_rows(api: Api):
    job = api.post(BULK + "/jobs", {"label": "j", "imports": [{"type": "chr.employee"}, {"type": "ou.division"}]}).body
    people, ous = (item["import_id"] for item in job["imports"])
    assert api.get(f"{BULK}/imports/{people}/report").status == 404
    csv = "UserId,UserName,FirstName,LastName,DivisionRefId\nB1,b1,Bo,Li,D-B2\nB1,b1,Bo,Li,D-B2\nB2,b2,,Li,D-B2\n"
    sent = api.call("POST", f"{BULK}/imports/{people}", csv.encode(), headers={"content-type": "text/csv"})
    assert (sent.status, sent.body["rows"]) == (202, 3)
    rows_ = [{"ouRefId": "D-B2", "ouName": "Child", "parentRefId": "D-B1"}, {"ouRefId": "D-B1", "ouName": "Parent"}]
    api.post(f"{BULK}/imports/{ous}", rows_)
    assert api.get(f"{BULK}/jobs/{job['job_id']}").body["status"] == "Processing"
    api.advance(seconds=2)
    assert api.get(f"{BULK}/jobs/{job['job_id']}").body["status"] == "Completed"
    report = api.get(f"{BULK}/imports/{people}/report").body.decode()
    assert "Duplicate primary key" in report and "firstName" in report
    assert api.get(EMPLOYEES, externalId="B1").body["count"] == 1


def test_a_bulk_schema_names_required_columns(api: Api):
    schema = api.post(BULK + "/schemas", {"type": "chr.employee"}).body
    assert "UserId" in schema["required"] and schema["properties"]["UserName"]["maxLength"] == 128
    assert api.post(BULK + "/schemas", {"type": "chr.dragon"}).status == 400


def test_an_express_class_completes_an_event_without_a_session(api: Api):
    event = api.create_event().first["LOID"]
    path = "/services/api/x/express-class/v1/classes"
    reply = api.post(path, {"learningObjectId": event, "users": [{"externalId": "E10001"}, {"externalId": "nobody"}]})
    assert reply.status == 202
    outcome = api.get(f"{path}/{reply.body['data']['classId']}").body["data"]["users"]
    assert [row["status"] for row in outcome] == ["Completed", "Failed"]
    assert api.post(path, {"learningObjectId": api.session(), "users": [{"externalId": "E10001"}]}).status == 400


def test_links_to_a_user_and_a_training_open(api: Api):
    event = rows(api, "events")[0]
    page = api.get("/DeepLink/ProcessRedirect.aspx", module="lodetails", lo=event["id"])
    assert page.status == 200 and event["title"].encode() in page.body
    assert api.get("/phnx/driver.aspx", routename="Social/UniversalProfile/Bio", TargetUser=1001).status == 200
    assert api.get("/phnx/driver.aspx", TargetUser=5).status == 404


def test_the_legacy_family_can_answer_xml(api: Api):
    api.core.configure({"legacy_xml_default": True})
    path = "/services/api/Catalog/GlobalSearch"
    assert api.get(path, headers={"accept": "*/*"}).body.startswith(b"<?xml")
    assert api.get(path, headers={"accept": "*/*"}, format="json").status == 200
    assert isinstance(api.get(path).body, dict)
