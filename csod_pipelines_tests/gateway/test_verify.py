from __future__ import annotations

import base64

import pytest

from csod_pipelines.gateway.verify import ApiKey, Envelope, SharedSecret


def envelope(*, token: str | None = None, **headers: str) -> Envelope:
    return Envelope(headers={name.replace("_", "-"): text for name, text in headers.items()}, token=token)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize("secret", ["old", "new"])
def test_both_secrets_pass_while_one_is_being_replaced(secret: str) -> None:
    check = SharedSecret(("new", "old"))
    assert check.passes(envelope(authorization=basic("anybody", secret)))
    assert check.passes(envelope(token=secret))
    assert ApiKey(("new", "old")).passes(envelope(x_api_key=secret))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic !!!",
        "Bearer new",
        "Basic " + base64.b64encode(b"new").decode(),
        basic("new", ""),
        basic("u", "ne"),
        "Basic /w==",
    ],
)
def test_anything_but_the_password_is_refused(header: str) -> None:
    assert not SharedSecret(("new",)).passes(envelope(authorization=header))


def test_a_wrong_token_is_not_made_good_by_a_header() -> None:
    assert not SharedSecret(("new",)).passes(envelope(token="wrong", authorization=basic("u", "new")))


def test_no_secret_configured_lets_nobody_in() -> None:
    assert not SharedSecret(()).passes(envelope(authorization=basic("u", "")))
    assert not ApiKey(()).passes(envelope())
    assert not ApiKey(("",)).passes(envelope(x_api_key=""))


def test_a_secret_outside_ascii_is_compared_and_not_a_crash() -> None:
    assert not ApiKey(("key",)).passes(envelope(x_api_key="kéy"))


def test_no_secret_shows_when_a_check_is_printed() -> None:
    shown = repr(SharedSecret(("planted-secret",))) + repr(ApiKey(("planted-secret",)))
    assert "planted-secret" not in shown
