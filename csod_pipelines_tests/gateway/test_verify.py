from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from csod_pipelines.gateway.verify import SIGNATURE_TOLERANCE_SECONDS, ApiKey, Envelope, Hmac, SharedSecret


def envelope(*, token: str | None = None, body: bytes | None = None, **headers: str) -> Envelope:
    return Envelope(
        method="POST", path="/webhooks", headers={name.replace("_", "-"): text for name, text in headers.items()}, token=token, body=body
    )


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


def signed(*, secrets: tuple[bytes, ...], now: float) -> Hmac:
    return Hmac(
        secrets=secrets,
        digest="sha256",
        signature=lambda e: bytes.fromhex(e.headers.get("x-administrate-signature", "")),
        timestamp=lambda e: float(e.headers["x-administrate-signature-timestamp"]),
        signed_text=lambda e: e.headers["x-administrate-signature-timestamp"].encode() + b"." + (e.body or b""),
        now=lambda: now,
    )


def test_a_signature_passes_only_over_its_own_body_and_for_five_minutes() -> None:
    good = hmac.new(b"key", b"1000.{}", hashlib.sha256).hexdigest()
    headers = {"x_administrate_signature": good, "x_administrate_signature_timestamp": "1000"}
    assert signed(secrets=(b"other", b"key"), now=1000).passes(envelope(body=b"{}", **headers))
    assert not signed(secrets=(b"other",), now=1000).passes(envelope(body=b"{}", **headers))
    assert not signed(secrets=(b"key",), now=1000).passes(envelope(body=b"{ }", **headers))
    assert not signed(secrets=(b"key",), now=1001 + SIGNATURE_TOLERANCE_SECONDS).passes(envelope(body=b"{}", **headers))


def test_no_secret_shows_when_a_check_is_printed() -> None:
    shown = repr(SharedSecret(("planted-secret",))) + repr(ApiKey(("planted-secret",))) + repr(signed(secrets=(b"planted-secret",), now=0))
    assert "planted-secret" not in shown
