from __future__ import annotations

import pytest

from csod_pipelines.store.redaction import never_stored, redact, redact_url


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            b'{"a": {"Client-Secret": "x", "b": [1, {"password": {"c": 2}}]}}',
            b'{"a":{"Client-Secret":"[removed]","b":[1,{"password":"[removed]"}]}}',
        ),
        (b"grant_type=refresh_token&refresh_token=x&code=7", b"grant_type=refresh_token&refresh_token=%5Bremoved%5D&code=7"),
        (
            b'{"query": "mutation { login(password: \\"x\\\\\\"y\\", name: \\"n\\") }"}',
            b'{"query":"mutation { login(password: \\"[removed]\\", name: \\"n\\") }"}',
        ),
        (b'{"access_token": "x", "broken', b'{"access_token": "[removed]", "broken'),
        (b"<p>Authorization: Bearer abc.def</p>", b'<p>Authorization: "[removed]"</p>'),
        (b"", b""),
        (b"plain text", b"plain text"),
        (b'{"tokens_left": 5, "title": "Secret garden"}', b'{"tokens_left":5,"title":"Secret garden"}'),
    ],
)
def test_secrets_are_cut_out_of_bodies_and_the_rest_stays(body: bytes, expected: bytes) -> None:
    assert redact(body) == expected


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://c.example/services/api/v2/employees/7", "https://c.example/services/api/v2/employees/7"),
        ("https://c.example/e?email=a@b.c&id=7&page=2", "https://c.example/e?email=~&id=7&page=2"),
        (
            "https://c.example/e?modifiedDate=2026-03-02T10:00:00Z&status=active",
            "https://c.example/e?modifiedDate=2026-03-02T10:00:00Z&status=active",
        ),
        (
            "https://c.example/LO?ObjectID=0c9f1ee2-59a2-4f0b-9a1c-0f8a1d0c2b3a",
            "https://c.example/LO?ObjectID=0c9f1ee2-59a2-4f0b-9a1c-0f8a1d0c2b3a",
        ),
        ("https://u:p@c.example/e?token=123#frag", "https://c.example/e?token=~"),
    ],
)
def test_an_address_names_the_call_and_not_the_person(url: str, expected: str) -> None:
    assert redact_url(url) == expected


def test_of_token_calls_no_body_is_kept() -> None:
    assert never_stored("https://a.example/oauth/token")
    assert never_stored("https://c.example/services/api/oauth2/token")
    assert not never_stored("https://a.example/graphql")


@pytest.mark.parametrize(
    "body",
    [
        b'{"variables": {"input": {"url": "https://user:planted-secret@gateway.example.org/webhooks/x"}}}',
        b'{"variables": {"input": {"url": "https:\\/\\/user:planted-secret@gateway.example.org\\/x"',
        b"callback=https%3A%2F%2Fuser%3Aplanted-secret%40gateway.example.org",
    ],
)
def test_the_credentials_in_the_address_of_a_webhook_are_cut_out(body: bytes) -> None:
    """They stood in the ledger's bodies: the field is called url, which is no secret's name."""
    assert b"planted-secret" not in redact(body)
    assert b"gateway.example.org" in redact(body)


def test_an_address_of_a_person_stays_in_the_body() -> None:
    assert b"ada@example.org" in redact(b'{"email": "ada@example.org", "home": "https://example.org/a@b"}')
    assert b"https://example.org/a@b" in redact(b'{"home": "https://example.org/a@b"}')
