"""Getting in, and how often: tokens, scopes, throttling."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from csod_pipelines_tests.contract.cornerstone_portal import EMPLOYEES, OUS, Cornerstone
from csod_pipelines_tests.contract.portals import TIMEOUT_SECONDS

REMAINING = "x-csod-requests-remaining-urilevel"


def test_no_call_is_answered_without_a_token(cornerstone: Cornerstone) -> None:
    """Source: csod.dev authentication and error code pages."""
    answer = requests.get(cornerstone.address.base_url + EMPLOYEES, timeout=TIMEOUT_SECONDS)
    assert (answer.status_code, answer.json()["status"]) == (401, "401")


@pytest.mark.row("oauth.token")
@pytest.mark.reads
def test_a_token_is_got_by_client_credentials_and_opens_the_services(cornerstone: Cornerstone) -> None:
    """Source: csod.dev authentication page. The only grant; the token travels as Bearer."""
    token = cornerstone.token().json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert requests.get(cornerstone.address.base_url + EMPLOYEES, headers=bearer, timeout=TIMEOUT_SECONDS).status_code == 200


@pytest.mark.row("token_body")
@pytest.mark.reads
def test_the_token_request_is_json_in_camel_case(cornerstone: Cornerstone) -> None:
    """Source: Cornerstone's sample repositories for Node, C# and Java."""
    answer = cornerstone.token()
    assert answer.request.headers["Content-Type"] == "application/json"
    assert {"access_token", "token_type", "expires_in", "scope"} <= set(answer.json())


@pytest.mark.reads
def test_the_token_request_may_also_be_a_form_with_the_names_of_the_rfc(cornerstone: Cornerstone) -> None:
    """Source: two integrators' code (inferred)."""
    address = cornerstone.address
    form = {"grant_type": "client_credentials", "client_id": address.client_id, "client_secret": address.client_secret, "scope": "all"}
    answer = requests.post(address.token_url, data=form, timeout=TIMEOUT_SECONDS)
    assert (answer.status_code, answer.json()["token_type"]) == (200, "Bearer")


def test_no_other_grant_exists(cornerstone: Cornerstone) -> None:
    """Source: csod.dev authentication page."""
    assert cornerstone.token(grantType="password").status_code == 400


def test_a_wrong_secret_gets_no_token(cornerstone: Cornerstone) -> None:
    """Source: none prints the answer; the house expects 401 in the portal's error envelope."""
    answer = cornerstone.token(clientSecret="wrong")
    assert answer.status_code == 401 and answer.json()["error"]["message"]


@pytest.mark.row("token_lifetime")
def test_a_token_lives_as_long_as_its_application_says(cornerstone: Cornerstone) -> None:
    """Source: csod.dev authentication page. Set per application, from five minutes to a day; an hour unless set."""
    assert cornerstone.token().json()["expires_in"] == 3_600
    cornerstone.advance(seconds=3_590)
    assert cornerstone.call("GET", EMPLOYEES).status_code == 200
    cornerstone.advance(seconds=20)
    assert cornerstone.call("GET", EMPLOYEES).status_code == 401


@pytest.mark.row("scope_per_endpoint")
def test_a_token_opens_only_what_its_scope_covers(cornerstone: Cornerstone) -> None:
    """Source: csod.dev scopes page. A call outside them is a 401, not a 403."""
    cornerstone.login(scope="employee:read")
    assert cornerstone.call("GET", EMPLOYEES).status_code == 200
    assert cornerstone.call("GET", OUS).status_code == 401


@pytest.mark.row("permission_refusal")
def test_a_missing_permission_is_a_401_that_a_fresh_token_does_not_mend(cornerstone: Cornerstone) -> None:
    """Source: csod.dev error codes."""
    for _ in range(2):
        cornerstone.login(scope="employee:read")
        assert cornerstone.call("PATCH", f"{EMPLOYEES}/1002", {"firstName": "Mary"}).status_code == 401


@pytest.mark.row("service_account")
def test_the_user_an_application_is_bound_to_carries_it(cornerstone: Cornerstone) -> None:
    """Source: csod.dev authentication page. Inactivating that user ends the integration."""
    bound = cornerstone.user("svc.integration")["id"]
    cornerstone.act("terminate", id=bound)
    assert cornerstone.call("GET", EMPLOYEES).status_code == 401


# ---- throttling


def worn_out(cornerstone: Cornerstone) -> requests.Response:
    """The first refused call of the employee list, whose limit is 75 a minute."""
    answers = [cornerstone.call("GET", EMPLOYEES, pageSize=1) for _ in range(76)]
    assert {answer.status_code for answer in answers[:-1]} == {200}
    return answers[-1]


@pytest.mark.row("throttling_answer")
def test_beyond_the_limit_of_a_minute_calls_are_answered_429(cornerstone: Cornerstone) -> None:
    """Source: csod.dev throttling page, which prints this body; the stamp is spelt timeStamp here."""
    answer = worn_out(cornerstone)
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["status"], body["error"]["code"]) == (429, "429", "429")
    assert {"errorId", "message", "description", "details"} <= set(body["error"]) and body["timeStamp"]
    assert "retry-after" not in answer.headers


@pytest.mark.row("throttling_headers")
@pytest.mark.reads
def test_two_headers_tell_the_limit_of_the_hour_and_what_is_left_of_it(cornerstone: Cornerstone) -> None:
    """Source: csod.dev throttling page."""
    first, second = (cornerstone.call("GET", OUS, pageSize=1).headers for _ in range(2))
    assert first["x-csod-throttling-rate-limit-urilevel"] == "18000"
    assert int(second[REMAINING]) < int(first[REMAINING]) < 18_000


@pytest.mark.row("throttling_block")
def test_an_endpoint_stays_shut_for_the_rest_of_its_clock_minute(cornerstone: Cornerstone) -> None:
    """Source: csod.dev throttling page. A minute has a sixtieth of the hour's limit."""
    assert worn_out(cornerstone).status_code == 429
    cornerstone.advance(seconds=30)  # the world began five seconds into a minute
    assert cornerstone.call("GET", EMPLOYEES).status_code == 429
    cornerstone.advance(seconds=30)
    assert cornerstone.call("GET", EMPLOYEES).status_code == 200


@pytest.mark.row("throttling_counts_refusals")
def test_calls_that_were_refused_count_too(cornerstone: Cornerstone) -> None:
    """Source: csod.dev throttling page."""
    refused = worn_out(cornerstone)
    assert int(cornerstone.call("GET", EMPLOYEES).headers[REMAINING]) == int(refused.headers[REMAINING]) - 1


@pytest.mark.row("throttling_per_endpoint")
def test_each_method_and_address_has_a_limit_of_its_own(cornerstone: Cornerstone) -> None:
    """Source: csod.dev throttling page."""
    assert worn_out(cornerstone).status_code == 429
    assert cornerstone.call("GET", f"{EMPLOYEES}/1002").status_code == 200
    assert cornerstone.hire().status_code == 201


@pytest.mark.row("headers_at_most")
def test_a_request_with_more_than_a_hundred_headers_is_not_found(cornerstone: Cornerstone) -> None:
    """Source: csod.dev error codes."""
    many = {f"x-number-{number}": "1" for number in range(101)}
    assert cornerstone.call("GET", EMPLOYEES, headers=many).status_code == 404
