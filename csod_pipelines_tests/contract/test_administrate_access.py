"""Getting in, and how often."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from csod_pipelines_tests.contract.administrate_portal import Administrate
from csod_pipelines_tests.contract.portals import TIMEOUT_SECONDS

REDIRECT = "https://house.example/back"


def code(administrate: Administrate) -> str:
    """An authorization code, as the browser brings it back."""
    query = {"response_type": "code", "client_id": "sandbox", "instance": "acme.administrateapp.com", "state": "s" * 32}
    address = administrate.address.token_url.replace("/token", "/authorize")
    answer = requests.get(address, params=query | {"redirect_uri": REDIRECT}, allow_redirects=False, timeout=TIMEOUT_SECONDS)
    back = parse_qs(urlsplit(answer.headers["Location"]).query)
    assert back["state"] == ["s" * 32]
    return back["code"][0]


def exchanged(administrate: Administrate) -> dict[str, str]:
    return administrate.token(grant_type="authorization_code", code=code(administrate), redirect_uri=REDIRECT).json()


def works(administrate: Administrate, token: str) -> bool:
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.post(administrate.address.base_url, json={"query": "{ hello }"}, headers=headers, timeout=TIMEOUT_SECONDS)
    return answer.status_code == 200


@pytest.mark.row("oauth.token")
@pytest.mark.reads
def test_a_token_is_got_by_client_credentials_and_opens_the_api(administrate: Administrate) -> None:
    """Source: developer site, authorization (newer text); a customer's client sends no more than these fields."""
    assert works(administrate, administrate.token().json()["access_token"])


@pytest.mark.row("token_form")
@pytest.mark.reads
def test_id_and_secret_stand_in_the_form(administrate: Administrate) -> None:
    """Source: help article 4416273319825; not in a Basic header."""
    address = administrate.address
    basic = (address.client_id, address.client_secret)
    answer = requests.post(address.token_url, data={"grant_type": "client_credentials"}, auth=basic, timeout=TIMEOUT_SECONDS)
    assert answer.status_code in (400, 401)
    assert administrate.token().status_code == 200


@pytest.mark.row("token_answer")
@pytest.mark.reads
def test_the_answer_tells_token_lifetime_type_and_scope(administrate: Administrate) -> None:
    """Source: help article 4416273319825 for the scope, the vendor's SDK for the rest. A refresh token may be missing."""
    body = administrate.token().json()
    assert (body["token_type"], body["scope"]) == ("Bearer", "instance")
    assert body["expires_in"] > 0 and body["access_token"]


def test_a_wrong_secret_gets_no_token(administrate: Administrate) -> None:
    """Source: none prints the answer; the house expects 401."""
    assert administrate.token(client_secret="wrong").status_code == 401


@pytest.mark.row("token_single_use_code")
def test_a_code_works_once(administrate: Administrate) -> None:
    """Source: developer site, authorization."""
    form = {"grant_type": "authorization_code", "code": code(administrate), "redirect_uri": REDIRECT}
    assert works(administrate, administrate.token(**form).json()["access_token"])
    assert administrate.token(**form).status_code == 400


def test_a_redirect_must_match_exactly(administrate: Administrate) -> None:
    """Source: developer site, authorization (newer text)."""
    answer = administrate.token(grant_type="authorization_code", code=code(administrate), redirect_uri=REDIRECT + "/")
    assert answer.status_code == 400


@pytest.mark.row("refresh_token_lives")
def test_a_refresh_token_does_not_expire_and_is_used_again(administrate: Administrate) -> None:
    """Source: help article 4416273319825."""
    refresh = exchanged(administrate)["refresh_token"]
    for _ in range(2):
        administrate.advance(days=30)
        answer = administrate.token(grant_type="refresh_token", refresh_token=refresh)
        assert works(administrate, answer.json()["access_token"])


@pytest.mark.row("token_revoked")
def test_a_revoked_application_loses_both_tokens(administrate: Administrate) -> None:
    """Source: developer site, authorization."""
    held = exchanged(administrate)
    administrate.act("revoke_tokens")
    assert not works(administrate, held["access_token"])
    assert administrate.token(grant_type="refresh_token", refresh_token=held["refresh_token"]).status_code == 400


def test_an_expired_token_is_refused(administrate: Administrate) -> None:
    """Source: none prints body or status; the house expects 401. Lifetimes are read, never assumed."""
    lifetime = administrate.token().json()["expires_in"]
    administrate.advance(seconds=lifetime + 1)
    assert administrate.send("{ hello }").status_code == 401


@pytest.mark.row("graphql")
@pytest.mark.reads
def test_requests_are_posted_as_json(administrate: Administrate) -> None:
    """Source: developer site, GraphQL basics: query, variables, operationName; Bearer token."""
    body = {"query": "query A { hello } query B($v: String!) { echo(value: $v) }", "operationName": "B", "variables": {"v": "x"}}
    assert administrate.http.post(administrate.address.base_url, json=body, timeout=TIMEOUT_SECONDS).json()["data"] == {"echo": "x"}


@pytest.mark.row("rate_limit_answer")
def test_beyond_the_limit_of_an_address_requests_are_answered_429(administrate: Administrate) -> None:
    """Source: developer site, rate limits; 6,000 in five minutes. What headers come with it is not known."""
    assert administrate.control("GET", "config")["rate_limit_requests"] == 6_000
    administrate.configure(rate_limit_requests=5)
    statuses = [administrate.send("{ hello }").status_code for _ in range(6)]
    assert statuses == [200] * 5 + [429]
    administrate.advance(minutes=5)
    assert administrate.send("{ hello }").status_code == 200
