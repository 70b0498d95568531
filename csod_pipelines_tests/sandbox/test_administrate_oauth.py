"""Tokens, grants, limits. Source keys: developer site (authorization, rate limits), help article 4416273319825, vendor's SDK."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from csod_pipelines.sandbox.serve import running
from csod_pipelines_tests.sandbox.administrate_api import CREDENTIALS, Api

DEFAULTS = {"token_seconds": 3600, "rate_limit_requests": 6000, "rate_limit_seconds": 300, "retry_after_seconds": None}


@pytest.fixture(scope="module")
def server() -> Iterator[Api]:
    with running("administrate") as sandbox:
        yield Api(sandbox.url)


@pytest.fixture
def api(server: Api) -> Iterator[Api]:
    server.reset()
    server.login()
    yield server
    server.control("PATCH", "config", DEFAULTS)


def _token(api: Api, **form: str) -> requests.Response:
    return requests.post(f"{api.url}/oauth/token", data={**CREDENTIALS, **form}, timeout=10)


def test_client_credentials_give_a_bearer_token_that_says_how_long_it_lives(api: Api) -> None:
    body = _token(api, grant_type="client_credentials").json()
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == 3600
    assert body["scope"] == "instance"
    assert "refresh_token" not in body


def test_the_code_grant_goes_through_authorize_and_gives_a_refresh_token_that_may_be_used_again(api: Api) -> None:
    target = "https://client.example.org/back"
    query = {"response_type": "code", "client_id": "sandbox", "instance": "acme", "state": "s" * 32, "redirect_uri": target}
    sent = requests.get(f"{api.url}/oauth/authorize", params=query, allow_redirects=False, timeout=10)
    assert sent.status_code == 302
    came_back = parse_qs(urlsplit(sent.headers["location"]).query)
    assert came_back["state"] == ["s" * 32]
    first = _token(api, grant_type="authorization_code", code=came_back["code"][0], redirect_uri=target).json()
    for _ in range(2):
        again = _token(api, grant_type="refresh_token", refresh_token=first["refresh_token"]).json()
        assert again["access_token"] != first["access_token"]


def test_a_code_can_be_used_once_and_only_with_its_own_redirect_uri(api: Api) -> None:
    target = "https://client.example.org/back"
    query = {"response_type": "code", "client_id": "sandbox", "redirect_uri": target}

    def code() -> str:
        sent = requests.get(f"{api.url}/oauth/authorize", params=query, allow_redirects=False, timeout=10)
        return parse_qs(urlsplit(sent.headers["location"]).query)["code"][0]

    once = code()
    assert _token(api, grant_type="authorization_code", code=once, redirect_uri=target).status_code == 200
    assert _token(api, grant_type="authorization_code", code=once, redirect_uri=target).json()["error"] == "invalid_grant"
    assert _token(api, grant_type="authorization_code", code=code(), redirect_uri="https://else.example.org").status_code == 400


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"grant_type": "client_credentials", "client_secret": "wrong"}, 401, "invalid_client"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({}, 400, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "made-up"}, 400, "invalid_grant"),
        ({"grant_type": "authorization_code", "code": "made-up"}, 400, "invalid_grant"),
    ],
)
def test_what_is_wrong_with_a_token_request_is_said_in_oauths_words(api: Api, form: dict[str, str], status: int, error: str) -> None:
    answer = _token(api, **form)
    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_the_secret_in_a_basic_header_is_not_enough(api: Api) -> None:
    answer = requests.post(
        f"{api.url}/oauth/token", auth=("sandbox", "sandbox-secret"), data={"grant_type": "client_credentials"}, timeout=10
    )
    assert answer.status_code == 401


def test_a_missing_a_wrong_and_an_expired_token_are_401(api: Api) -> None:
    api.control("PATCH", "config", {"token_seconds": 60})
    token = api.token()
    ask = {"json": {"query": "{ hello }"}, "timeout": 10}
    assert requests.post(f"{api.url}/graphql", **ask).status_code == 401
    assert requests.post(f"{api.url}/graphql", headers={"Authorization": "Bearer no"}, **ask).json() == {"error": "invalid_token"}
    mine = {"Authorization": f"Bearer {token}"}
    assert requests.post(f"{api.url}/graphql", headers=mine, **ask).status_code == 200
    api.control("POST", "clock", {"advance": 61})
    assert requests.post(f"{api.url}/graphql", headers=mine, **ask).status_code == 401


def test_a_revoked_application_loses_access_and_refresh_tokens(api: Api) -> None:
    api.act("revoke_tokens")
    assert api.post("{ hello }").status_code == 401


def test_six_thousand_requests_in_five_minutes_are_the_limit_and_it_slides(api: Api) -> None:
    api.control("PATCH", "config", {"rate_limit_requests": 3, "retry_after_seconds": 7})
    assert [api.post("{ hello }").status_code for _ in range(4)] == [200, 200, 200, 429]
    assert api.post("{ hello }").headers["retry-after"] == "7"
    api.control("POST", "clock", {"advance": 301})
    assert api.post("{ hello }").status_code == 200
