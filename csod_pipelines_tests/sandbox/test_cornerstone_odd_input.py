"""Odd input: whatever arrives, the portal answers in its own envelope and never with a 5xx of its own making."""

from __future__ import annotations

import logging
import random
from typing import Any

import orjson
import pytest

from csod_pipelines.sandbox.cornerstone.routes import ROUTES
from csod_pipelines_tests.sandbox.cornerstone_api import (
    ASSIGNMENTS,
    EMPLOYEES,
    OBJECTS,
    OUS,
    ROSTER,
    TRANSCRIPTS,
    VIEWS,
    Api,
    attended,
    part,
)

REQUESTS = 5_000
ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    1.5,
    10**18,
    10**30,
    "",
    " ",
    "x",
    "É中\u0000\u202e",
    "y" * 5_000,
    [],
    {},
    [None],
    [[]],
    {"": None},
    {"id": {}},
    "2026-02-30T25:00:00",
    "9999-12-31T23:59:59",
    "0001-01-01",
    "'; drop table x --",
    "E10001",
    "../..",
    "%00",
)
TEXT_OF_NAMES = """
    id ids externalId userName guid lastName firstName modifiedDate createdDate status ous pageSize nextPageToken typeId name objectId
    ActorID PageNumber OuId OuType FromDate sessionLOID locator sessionNumber title date learningObjectId statusGroups includeArchived
    $filter $select $top $count $orderby $skiptoken $deltatoken UserId ModificationStartDate ModificationEndDate Title
"""
NAMES = TEXT_OF_NAMES.split()
PREFER = "odata.maxpagesize=99999999999", "maxpagesize=0", "odata.track-changes", "odata.maxpagesize=x", "\u00e9"


class Odd:
    """Distortions of valid requests, from a seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)

    def value(self, value: Any) -> Any:
        """The value with one or more of its leaves replaced, dropped or doubled."""
        rng = self.rng
        if rng.random() < 0.12:
            return rng.choice(ODD)
        if isinstance(value, dict):
            changed = {name: self.value(item) for name, item in value.items() if rng.random() > 0.08}
            if rng.random() < 0.1:
                changed[rng.choice(NAMES)] = rng.choice(ODD)
            return changed
        if isinstance(value, list):
            return [self.value(item) for item in value] * rng.choice((1, 1, 1, 2))
        return value

    def body(self, value: Any) -> bytes:
        rng = self.rng
        choice = rng.random()
        if choice < 0.08:
            return rng.choice((b"", b"{", b"null", b"[]", b"\xff\xfe", b"[" * 2_000, b'"\\ud800"', b"1e999", b"{}" * 3))
        try:
            raw = orjson.dumps(self.value(value))
        except TypeError:  # an integer beyond 64 bits
            return b'{"id": 1000000000000000000000000000000}'
        return raw if choice < 0.95 else raw[: rng.randrange(len(raw) + 1)]

    def query(self) -> dict[str, str]:
        rng = self.rng
        return {rng.choice(NAMES): str(rng.choice(ODD)) for _ in range(rng.randrange(4))}

    def path(self, session: str) -> tuple[str, str]:
        rng = self.rng
        route = rng.choice(ROUTES)
        path = route.pattern.pattern.replace("\\", "")
        for name, values in (
            ("id", ("1002", "0", "999999999999999999")),
            ("verb", ("withdraw", "register", "complete", "remove", "exempt", "update", "archive", "progress")),
            ("what", ("custom-fields", "employment-status")),
            ("object", ("users_core", "transcript_core", "training_core", "ou_hierarchy_core", "x", "%00")),
            ("view", ("vw_rpt_user", "vw_rpt_ou_type", "x")),
            ("key", ("1002", "userid-E10001", "guid-x", "x")),
            ("date", ("2026-01-01", "x")),
            ("job", ("x", session)),
            ("import", ("x", session)),
            ("document", ("report", "errors")),
        ):
            path = _filled(path, name, rng.choice(values))
        method = (
            route.method if rng.random() < 0.9 and route.method != "*" else rng.choice(("GET", "POST", "PATCH", "PUT", "DELETE", "HEAD"))
        )
        return method, path


def _filled(pattern: str, name: str, value: str) -> str:
    start = pattern.find(f"(?P<{name}>")
    return pattern if start < 0 else pattern[:start] + value + pattern[pattern.index(")", start) + 1 :]


def valid_requests(session: str) -> list[tuple[str, str, Any, dict[str, str]]]:
    """(method, path, body, query) that must succeed however often they are sent."""
    assignment = {"title": "t", "trainings": [{"learningObjectId": session}], "users": ["E10001"], "assignmentStatus": "Registered"}
    return [
        ("GET", EMPLOYEES, None, {"lastName": "Brown"}),
        ("GET", EMPLOYEES + "/1002", None, {}),
        ("PATCH", EMPLOYEES + "/1002", {"firstName": "Mary", "mobilePhone": "1", "ous": [{"id": 150, "typeId": 2}]}, {}),
        ("GET", OUS, None, {"typeId": "32"}),
        ("PATCH", OUS + "/120", {"name": "Sales", "parentId": 117}, {}),
        ("POST", OUS, {"typeId": 2, "name": "New", "parentId": 117, "ownerId": 1002}, {}),
        ("GET", "/services/api/LO/GetDetails", None, {"ObjectID": session}),
        ("POST", "/services/api/LO/Update", {"data": {"record": [{"SessionItem": {"LoID": session, "Parts": [part(1), part(2)]}}]}}, {}),
        ("GET", "/services/api/Catalog/GlobalSearch", None, {"Title": "fire"}),
        ("POST", ASSIGNMENTS, assignment, {}),
        ("GET", ASSIGNMENTS, None, {"title": "t"}),
        ("GET", TRANSCRIPTS + "/overview", None, {"externalId": "E10001"}),
        ("GET", ROSTER + "/GetSessionRoster", None, {"sessionLOID": session}),
        ("GET", OBJECTS + "/users_core", None, {"$filter": "user_id gt 1400", "$top": "5"}),
        ("GET", VIEWS + "/vw_rpt_transcript_status", None, {}),
        ("POST", "/services/api/x/bulk-api/v1/jobs", {"label": "l", "imports": [{"type": "ou.division", "label": "x"}]}, {}),
    ]


def writable(session: str) -> list[tuple[str, str, Any]]:
    """Bodies worth distorting beside those of the valid requests."""
    rows = {"SessionLOID": session, "ActorID": "svc.integration", "SessionStatus": "Completed", "Users": [attended("E10001", 1, 2)]}
    item = {"EventID": "CT-1", "SessionID": "Z", "MinimumRegistration": 1, "MaximumRegistration": 3, "Parts": [part(1)]}
    event = {"EventName": "E", "EventNumber": "Z-1", "PrimaryProviderName": "Red Cross", "CopyAvailabilityToNewSessions": True}
    people = {
        "externalId": "Z",
        "userName": "z",
        "firstName": "A",
        "lastName": "B",
        "settings": {"timeZone": "(UTC) x"},
        "address": {"city": "x"},
    }
    ids = {"externalId": "E10001", "learningObjectId": session, "completionDate": "2026-07-01T00:00:00Z", "score": 5, "comment": "c"}
    return [
        ("POST", ROSTER, {"data": {"record": [rows]}}),
        ("POST", "/services/api/LO/Create", {"data": {"record": [{"Type": "Session", "SessionItem": item}]}}),
        ("POST", "/services/api/LO/Create", {"data": {"record": [{"Type": "Event", "EventItem": event, "TrainingHours": 1}]}}),
        ("POST", EMPLOYEES, people),
        ("POST", "/services/api/x/users/v1/employees", people | {"userId": "Q", "ous": [{"ouId": "D-0001", "type": "Division"}]}),
        ("PATCH", TRANSCRIPTS + "/complete", ids),
        ("PATCH", TRANSCRIPTS + "/withdraw", ids),
        ("POST", TRANSCRIPTS + "/assign", ids | {"assignment": "registered"}),
        (
            "POST",
            "/services/api/oauth2/token",
            {"clientId": "sandbox", "clientSecret": "x", "grantType": "client_credentials", "scope": "all"},
        ),
        ("POST", "/services/api/x/express-class/v1/classes", {"learningObjectId": session, "users": [{"externalId": "E10001"}]}),
    ]


@pytest.mark.parametrize("seed", [1, 2])
def test_thousands_of_odd_requests_get_a_4xx_and_every_tenth_valid_one_succeeds(seed: int, caplog: pytest.LogCaptureFixture):
    api = Api(seed=seed)
    api.core.configure({"limits": "off", "learning_assignment_daily_limit": 10**9, "heartbeat_seconds": 0})
    session = api.session(MaximumRegistration=1000)
    odd, valid, writes = Odd(seed), valid_requests(session), writable(session)
    caplog.set_level(logging.ERROR, logger="csod_pipelines.sandbox.cornerstone.core")
    for number in range(REQUESTS):
        if number % 10 == 0:
            method, path, body, query = valid[number // 10 % len(valid)]
            reply = api.call(method, path, body, **query)
            assert 200 <= reply.status < 300 and _no_failed_row(reply.body), (method, path, reply.status, reply.body)
            continue
        reply = _distorted(api, odd, valid, writes, session)
        assert reply.status < 500 or reply.status == 501, (reply.status, reply.body)
        if reply.status >= 400 and isinstance(reply.body, dict):
            assert reply.body["error"]["message"] and reply.body["status"] == str(reply.status)
    assert not [record.getMessage() for record in caplog.records]  # nothing was caught by the last resort


def _distorted(api: Api, odd: Odd, valid: list, writes: list, session: str):
    choice = odd.rng.random()
    headers = {"prefer": odd.rng.choice(PREFER)} if odd.rng.random() < 0.2 else None
    if choice < 0.3:
        method, path = odd.path(session)
        body = odd.body({"data": {"record": [{}]}}) if method != "GET" else None
        return api.call(method, path, body, headers=headers, **odd.query())
    if choice < 0.5:
        method, path, body, query = odd.rng.choice(valid)
        return api.call(method, path, odd.body(body), headers=headers, **(query | odd.query()))
    method, path, body = odd.rng.choice(writes)
    return api.call(method, path, odd.body(body), headers=headers)


def _no_failed_row(body: Any) -> bool:
    rows = body.get("data") if isinstance(body, dict) else None
    return not isinstance(rows, list) or all(not isinstance(row, dict) or row.get("Result") != "Failed" for row in rows)
