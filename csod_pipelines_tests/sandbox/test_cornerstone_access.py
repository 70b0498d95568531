"""Tokens, scopes and limits of the Cornerstone sandbox."""

from __future__ import annotations

import pytest

from csod_pipelines_tests.sandbox.cornerstone_api import EMPLOYEES, OBJECTS, OUS, VIEWS, Api

TOKEN = "/services/api/oauth2/token"


@pytest.fixture
def api() -> Api:
    return Api()


def test_a_token_comes_for_camel_case_json_and_for_a_form_with_rfc_names(api: Api):
    assert api.login().body == {"access_token": api.token, "token_type": "Bearer", "expires_in": 3600, "scope": "all"}
    form = b"grant_type=client_credentials&client_id=sandbox&client_secret=sandbox-secret&scope=employee%3Aread"
    reply = api.call("POST", TOKEN, form, headers={"content-type": "application/x-www-form-urlencoded"})
    assert (reply.status, reply.body["scope"]) == (200, "employee:read")


def test_a_wrong_secret_and_a_wrong_grant_get_no_token(api: Api):
    assert api.login(client_secret="no").status == 401
    assert api.login(client_id="nobody").status == 401
    assert api.post(TOKEN, {"clientId": "sandbox", "clientSecret": "sandbox-secret", "grantType": "password"}).status == 400
    assert api.post(TOKEN, b"{").status == 400


def test_a_token_ends_with_the_lifetime_of_its_application(api: Api):
    applications = {"short": {"secret": "s", "lifetime_seconds": 300}}
    api.core.configure({"applications": applications})
    assert api.login(client_id="short", client_secret="s").body["expires_in"] == 300
    assert api.get(OUS).status == 200
    api.now = api.now.replace(minute=5)
    assert api.get(OUS).status == 401


def test_a_missing_scope_is_401_in_the_envelope_of_the_family(api: Api):
    api.login(scope="employee:read training: write")
    assert api.get(EMPLOYEES).status == 200
    reply = api.get(OUS)
    assert (reply.status, reply.body["error"]["code"], reply.body["error"]["fields"]) == (401, "401", [])
    legacy = api.get("/services/api/LO/GetDetails")
    assert (legacy.status, legacy.body["data"], legacy.body["validations"]) == (401, [], [])
    assert api.create_event().first["Result"] == "Success"


def test_each_reporting_view_has_a_scope_of_its_own(api: Api):
    api.login(scope="vw_rpt_transcript_status:read")
    assert api.get(VIEWS + "/vw_rpt_transcript_status").status == 200
    assert api.get(VIEWS + "/vw_rpt_user").status == 401


def test_an_inactive_service_user_kills_the_integration(api: Api):
    api.core.act("terminate", {"id": "svc.integration"}, now=api.now)
    assert api.get(OUS).status == 401


def test_the_minute_limit_counts_429s_and_ends_with_the_clock_minute(api: Api):
    replies = [api.post("/services/api/x/learning-assignments/v1/assignments", {}) for _ in range(25)]
    assert [reply.status for reply in replies] == [400] * 20 + [429] * 5
    assert replies[0].headers["x-csod-throttling-rate-limit-urilevel"] == "1200"
    assert replies[-1].headers["x-csod-requests-remaining-urilevel"] == str(1200 - 25)
    error = replies[-1].body
    assert (error["status"], error["error"]["message"], "timeStamp" in error) == ("429", "CSOD Too many requests.", True)
    assert "retry-after" not in replies[-1].headers
    assert api.get(OUS).status == 200  # another end point has its own bucket
    api.now = api.now.replace(minute=1, second=0)
    assert api.post("/services/api/x/learning-assignments/v1/assignments", {}).status == 400


def test_limits_can_be_set_by_bucket_and_switched_off(api: Api):
    api.core.configure({"limits": {"ous": 1}})
    assert [api.get(OUS).status for _ in range(2)] == [200, 429]
    assert [api.get(EMPLOYEES).status for _ in range(76)][-1] == 429  # the others keep the documented number
    api.core.configure({"limits": "off"})
    reply = api.get(OUS)
    assert reply.status == 200 and "x-csod-requests-remaining-urilevel" not in reply.headers


def test_the_hour_of_specifications_is_stricter_than_its_minutes(api: Api):
    statuses = []
    for minute in range(15):
        api.now = api.now.replace(minute=minute)
        statuses += [api.get("/services/api/x/organizations/v1/specifications").status for _ in range(5)]
    assert statuses == [200] * 60 + [429] * 15


def test_unknown_addresses_methods_and_too_many_headers_are_refused_in_the_envelope(api: Api):
    assert api.get("/services/api/x/nothing").body["error"]["message"] == "Not found"
    assert api.call("DELETE", EMPLOYEES + "/1001").status == 405
    headers = {f"x-{n}": "1" for n in range(101)}
    assert api.get(OUS, headers=headers).status == 404


def test_settings_refuse_names_and_values_they_do_not_know(api: Api):
    for wrong in ({"nonsense": 1}, {"part_time_zone_rule": "moon"}, {"transcript_emails": 1}, {"limits": {"ous": "x"}}):
        with pytest.raises(ValueError):
            api.core.configure(wrong)
    assert api.get(OBJECTS).status == 200
