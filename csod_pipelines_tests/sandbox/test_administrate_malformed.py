"""Bad input never gives a 500 or a traceback; every tenth request is good and must succeed."""

from __future__ import annotations

import random
import re
import subprocess
import sys

import orjson
import pytest
import requests

from csod_pipelines_tests.sandbox.administrate_api import Api

REQUESTS = 1000
PIECES = (
    "query",
    "mutation",
    "{",
    "}",
    "(",
    ")",
    "[",
    "]",
    ":",
    "$x",
    "!",
    "...",
    "on",
    "Contact",
    "contacts",
    "edges",
    "node",
    "id",
    '"a"',
)
PIECES += (
    "1",
    "-1",
    "1e99",
    "null",
    "true",
    "contact",
    "create",
    "input",
    "é",
    "\u0000",
    "\ud800",
    '"""',
    "#",
    "@skip",
    "filters",
    "first",
)
VALUES = (None, True, 0, -1, 2**70, 1.5, "", "x", "\u0000", "Q291cnNlOjE=", [], [None], {}, {"a": []}, "9" * 400, "2027-13-45T99:00:00")
FIELDS = ("accountId", "personalName", "emailAddresses", "contactId", "name", "value", "nodeId", "contacts", "start", "eventId")


def _graphql(dice: random.Random) -> bytes:
    choice = dice.randrange(6)
    if choice == 0:
        return bytes(dice.randrange(256) for _ in range(dice.randrange(80)))
    if choice == 1:
        text = " ".join(dice.choice(PIECES) for _ in range(dice.randrange(30)))
        return ('{"query": ' + _json_text(text) + "}").encode("utf-8", "surrogatepass")
    if choice == 2:
        return _dump({"query": "{" * dice.randrange(1, 3000)})
    if choice == 3:
        return _dump({dice.choice(("query", "variables", "operationName")): dice.choice(VALUES), "query": dice.choice(VALUES)})
    if choice == 4:
        query = "mutation M($i: ContactCreateInput!) { contact { create(input: $i) { contact { id } errors { label } } } }"
        return _dump({"query": query, "variables": {"i": {dice.choice(FIELDS): dice.choice(VALUES) for _ in range(dice.randrange(6))}}})
    field, operation = dice.choice(("id", "emailAddress", "lastUpdatedAt", "isStaff")), dice.choice(("eq", "ge", "in", "like", "contains"))
    filters = [{"field": field, "operation": operation, "value": dice.choice(VALUES), "values": dice.choice(VALUES)}]
    query = """query Q($f: [ContactFieldGraphFilter!], $a: String, $n: Int) {
      contacts(filters: $f, after: $a, first: $n) { edges { node { id } } } }"""
    return _dump({"query": query, "variables": {"f": filters, "a": dice.choice(VALUES), "n": dice.choice(VALUES)}})


def _json_text(text: str) -> str:
    return '"' + "".join(f"\\u{ord(letter):04x}" for letter in text) + '"'


def _dump(value: object) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError:  # a number larger than orjson writes
        return b'{"query": 1e400}'


def _request(dice: random.Random, api: Api, number: int) -> tuple[requests.Response, bool]:
    """One request, and whether it must succeed."""
    if number % 10 == 0:
        return api.session.post(f"{api.url}/graphql", json={"query": "{ contacts { edges { node { id } } } }"}, timeout=30), True
    kind = dice.randrange(10)
    if kind < 6:
        return api.session.post(f"{api.url}/graphql", data=_graphql(dice), timeout=30), False
    path = dice.choice(
        ("/oauth/token", "/oauth/authorize", "/_sandbox/act", "/_sandbox/faults/x", "/_sandbox/clock", "/_sandbox/config", "/ui/events/1")
    )
    path += dice.choice(("", "?x=%00", "?client_id=sandbox&response_type=code&redirect_uri=http://x%0d%0ay", "?limit=-1"))
    body = dice.choice(
        (b"", b"{", b"[]", b"\xff\xfe", b"grant_type=%ff", _dump({"action": dice.choice(VALUES)}), _dump({"advance": dice.choice(VALUES)}))
    )
    method = dice.choice(("GET", "POST", "PUT", "PATCH", "DELETE"))
    return api.session.request(method, f"{api.url}{path}", data=body, timeout=30, allow_redirects=False), False


@pytest.mark.parametrize("seed", [1, 2])
def test_malformed_requests_give_no_500_and_no_traceback(seed: int) -> None:
    dice = random.Random(seed)
    command = [sys.executable, "-m", "csod_pipelines.sandbox", "--vendor", "administrate"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            found = re.search(r"http://\S+", process.stdout.readline())
            assert found is not None
            api = Api(found.group())
            api.control("PATCH", "config", {"rate_limit_requests": None, "token_seconds": 10_000_000})
            api.login()
            for number in range(REQUESTS):
                answer, must_succeed = _request(dice, api, number)
                assert answer.status_code < 500, (number, answer.text)
                assert "Traceback" not in answer.text
                if must_succeed:
                    assert answer.json()["data"]["contacts"]["edges"], (number, answer.text)
        finally:
            process.terminate()
        assert process.stderr is not None
        assert process.stderr.read() == ""
