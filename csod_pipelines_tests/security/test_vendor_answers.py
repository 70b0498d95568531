"""What a vendor, or somebody in its place, may answer without harm: other addresses, bombs, bottomless nests, odd characters."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from typing import Any

import pytest

from csod_pipelines.model.keys import Kind
from csod_pipelines.model.readings import Present
from csod_pipelines.store.redaction import redact
from csod_pipelines.systems import wire
from csod_pipelines.systems.contract import segment
from csod_pipelines.systems.errors import Indeterminate, Malformed, Unavailable
from csod_pipelines.systems.transport import Call
from csod_pipelines_tests.security.vendors import SECRET, TOKEN, Hostile, hostile

NEST = b"[" * 200_000 + b"]" * 200_000


@pytest.fixture
def vendor() -> Iterator[Hostile]:
    with hostile() as running:
        yield running


@pytest.fixture
def stranger() -> Iterator[Hostile]:
    """An address that nothing of ours may ever be sent to."""
    with hostile() as running:
        yield running


def pages(first: dict[str, Any]) -> bytes:
    return json.dumps({"value": [], **first}).encode()


@pytest.mark.parametrize("form", ["{url}/x", "//{host}/x", "http://127.0.0.1@{host}/x", "{url}\\@{good}/x"])
def test_a_link_to_the_next_page_is_followed_within_the_portal_only(vendor: Hostile, stranger: Hostile, form: str) -> None:
    host, good = stranger.url.removeprefix("http://"), vendor.url.removeprefix("http://")
    vendor.body = pages({"@odata.nextLink": form.format(url=stranger.url, host=host, good=good)})
    with pytest.raises(Malformed):
        list(vendor.system().exporter.pages("export.users_core"))
    assert stranger.seen == []


@pytest.mark.parametrize("link", ["file:///etc/passwd", "https://{good}/x", "ftp://{good}/x", "http://{good}1/x"])
def test_a_link_to_another_scheme_or_port_is_not_followed(vendor: Hostile, link: str) -> None:
    vendor.body = pages({"@odata.nextLink": link.format(good=vendor.url.removeprefix("http://"))})
    with pytest.raises(Malformed, match="leads away"):
        list(vendor.system().exporter.pages("export.users_core"))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_takes_our_token_nowhere_else(vendor: Hostile, stranger: Hostile, status: int) -> None:
    vendor.status, vendor.headers = status, {"Location": stranger.url}
    with pytest.raises(Malformed, match="redirected"):
        vendor.system().read(Kind.PERSON, "1")
    assert stranger.seen == []


def test_a_redirected_token_request_takes_our_secret_nowhere_else(vendor: Hostile, stranger: Hostile) -> None:
    vendor.token_redirect = stranger.url
    with pytest.raises(Malformed, match="redirected") as caught:
        vendor.system().read(Kind.PERSON, "1")
    assert stranger.seen == []
    assert SECRET not in str(caught.value)


def test_a_write_is_never_redirected_even_within_the_portal(vendor: Hostile) -> None:
    vendor.status, vendor.headers = 307, {"Location": "/elsewhere"}
    system = vendor.system()
    call = Call(method="POST", url=vendor.url + "/x", operation="write", bucket=None, writes=True, body=b"{}")
    with pytest.raises(Malformed, match="redirected"):
        system.transport.send(call)
    assert [path for _, path, _ in vendor.seen if "oauth" not in path] == ["/x"]


def test_a_redirect_that_goes_round_in_circles_ends(vendor: Hostile) -> None:
    vendor.status, vendor.headers = 302, {"Location": "/again"}
    with pytest.raises(Malformed, match="redirected"):
        vendor.system().read(Kind.PERSON, "1")
    assert len(vendor.seen) < 10


def bomb(megabytes: int) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(b" " * (1 << 20)) for _ in range(megabytes)) + packer.flush()


@pytest.mark.parametrize("layers", [1, 2])
def test_a_decompression_bomb_is_cut_off(vendor: Hostile, monkeypatch: pytest.MonkeyPatch, layers: int) -> None:
    monkeypatch.setattr(wire, "MAX_BODY_BYTES", 1 << 20)
    vendor.body = bomb(16) if layers == 1 else gzip.compress(bomb(32))
    vendor.headers = {"Content-Encoding": ", ".join(["gzip"] * layers)}
    with pytest.raises(Malformed, match="larger than"):
        vendor.system().read(Kind.PERSON, "1")


@pytest.mark.parametrize("body", [NEST, b'{"a":' * 100_000 + b"1" + b"}" * 100_000])
def test_an_answer_nested_beyond_reason_is_a_failed_read_and_no_crash(vendor: Hostile, body: bytes) -> None:
    vendor.body = body
    with pytest.raises((Malformed, Unavailable)):
        vendor.system().read(Kind.PERSON, "1")


def test_after_a_write_such_an_answer_leaves_its_outcome_to_be_looked_up(vendor: Hostile) -> None:
    vendor.body = NEST
    call = Call(method="POST", url=vendor.url + "/x", operation="write", bucket=None, writes=True, body=b"{}")
    with pytest.raises(Indeterminate):
        vendor.system().transport.send(call)


@pytest.mark.parametrize("depth", [200, 300, 900, 1_000, 1_023, 5_000])
def test_bodies_of_any_depth_are_redacted_for_the_ledger(depth: int) -> None:
    body = b'{"a":' * depth + b'{"password": "planted"}' + b"}" * depth
    assert b"planted" not in redact(body)


def test_a_number_without_end_is_a_failed_read(vendor: Hostile) -> None:
    vendor.body = b'{"data": {"id": ' + b"9" * 5_000 + b"}}"
    with pytest.raises((Malformed, Unavailable)):
        vendor.system().read(Kind.PERSON, "1")


def test_half_a_surrogate_pair_and_a_zero_character_do_not_reach_the_database(vendor: Hostile) -> None:
    vendor.body = b'{"data": {"id": 1, "firstName": "A\\ud800", "lastName": "B\\u0000\\ud83d\\ude00"}}'
    found = vendor.system().read(Kind.PERSON, "1")
    assert isinstance(found, Present)
    assert (found.record.value.first_name, found.record.value.last_name) == ("A\ufffd", "B\ufffd\U0001f600")  # pyright: ignore[reportAttributeAccessIssue]


def test_bytes_that_are_no_text_are_a_failed_read(vendor: Hostile) -> None:
    vendor.body = b'{"data": {"id": 1, "firstName": "\xed\xa0\x80"}}'
    with pytest.raises((Malformed, Unavailable)):
        vendor.system().read(Kind.PERSON, "1")


@pytest.mark.parametrize("id", ["../ous/1", "1?x=y", "1#", "1/../../x", "%2e%2e", "1\r\nX-Evil: 1"])
def test_an_id_stays_one_segment_of_an_address(vendor: Hostile, id: str) -> None:
    vendor.status = 404
    vendor.system().read(Kind.PERSON, id)
    asked = [(path, headers) for _, path, headers in vendor.seen if "oauth" not in path]
    assert all(path.startswith("/services/api/x/users/v2/employees/") for path, _ in asked) and asked
    assert all(path.count("/") == "/services/api/x/users/v2/employees/1".count("/") and "?" not in path for path, _ in asked)
    assert not any("X-Evil" in headers for _, headers in asked)


@pytest.mark.parametrize("id", ["", ".", ".."])
def test_an_id_that_is_a_step_up_is_refused(id: str) -> None:
    with pytest.raises(Malformed, match="cannot be an id"):
        segment(id)


def test_errors_and_what_is_printed_hold_neither_secret_nor_token(vendor: Hostile) -> None:
    vendor.status, vendor.body = 500, b"broken"
    system = vendor.system()
    with pytest.raises(Unavailable) as caught:
        system.read(Kind.PERSON, "1")
    said = str(caught.value) + repr(system.options) + repr(vars(system.transport))
    assert SECRET not in said and TOKEN not in said


def test_the_body_of_a_redirect_is_bounded_too(vendor: Hostile, monkeypatch: pytest.MonkeyPatch) -> None:
    """requests reads a redirect's body to its end, even one that is not to be followed."""
    monkeypatch.setattr(wire, "MAX_BODY_BYTES", 1 << 20)
    vendor.status, vendor.headers, vendor.body = 302, {"Location": "/x", "Content-Encoding": "gzip"}, bomb(16)
    with pytest.raises(Malformed, match="larger than"):
        vendor.system().read(Kind.PERSON, "1")
