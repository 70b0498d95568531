"""A caller of the Cornerstone core for tests: one portal, one clock that the test moves, answers as plain values."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

import orjson

from csod_pipelines.sandbox.cornerstone.core import CornerstoneCore
from csod_pipelines.sandbox.kit import Effect, Request

NOW = datetime(2026, 7, 14, 10, 0, 5, tzinfo=UTC)
EVERYBODY = {
    "__type": "OUAvailability:www.CornerStoneOnDemand.com/Services/LMS",
    "Id": "CORP",
    "SubType": "Corporation",
    "IncludeSubs": True,
}
EMPLOYEES = "/services/api/x/users/v2/employees"
OUS = "/services/api/x/organizations/v1/ous"
ASSIGNMENTS = "/services/api/x/learning-assignments/v1/assignments"
TRANSCRIPTS = "/services/api/v1/transcripts"
ROSTER = "/services/api/SessionRoster"
OBJECTS = "/services/api/x/dataexporter/api/objects"
VIEWS = "/services/api/x/odata/api/views"


@dataclass(frozen=True)
class Reply:
    status: int
    body: Any
    headers: dict[str, str]
    effects: tuple[Effect, ...]

    @property
    def first(self) -> dict[str, Any]:
        return self.body["data"][0]


class Api:
    def __init__(self, *, size: Any = "small", seed: int = 1) -> None:
        self.core = CornerstoneCore()
        self.now = NOW
        self.core.reset(seed=seed, size=size, now=NOW)
        self.token: str | None = None
        self.login()

    def login(self, *, scope: str = "all", client_id: str = "sandbox", client_secret: str = "sandbox-secret") -> Reply:
        self.token = None
        body = {"clientId": client_id, "clientSecret": client_secret, "grantType": "client_credentials", "scope": scope}
        reply = self.call("POST", "/services/api/oauth2/token", body)
        self.token = reply.body.get("access_token")
        return reply

    def call(self, method: str, path: str, body: Any = None, *, headers: Any = None, **query: Any) -> Reply:
        address = urlsplit(path)
        sent = {"accept": "application/json", "host": "portal.example"} | (headers or {})
        if self.token:
            sent.setdefault("authorization", f"Bearer {self.token}")
        raw = body if isinstance(body, bytes) else b"" if body is None else orjson.dumps(body)
        request = Request(method=method, path=address.path, query=address.query or urlencode(query), headers=sent, body=raw)
        response, effects = self.core.handle(request, now=self.now)
        json = "json" in response.headers.get("content-type", "")
        return Reply(
            response.status, orjson.loads(response.body) if json and response.body else response.body, dict(response.headers), effects
        )

    def get(self, path: str, *, headers: Any = None, **query: Any) -> Reply:
        return self.call("GET", path, headers=headers, **query)

    def post(self, path: str, body: Any) -> Reply:
        return self.call("POST", path, body)

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)
        if self.token and self.get(EMPLOYEES + "/1001").status == 401:
            self.login()

    # ---- what many tests start from

    def create_event(self, number: str = "CT-1", *, item: dict[str, Any] | None = None, **record: Any) -> Reply:
        event = {
            "EventName": "Crane driving",
            "EventNumber": number,
            "PrimaryProviderName": "Red Cross",
            "CopyAvailabilityToNewSessions": True,
        }
        row = {"Type": "Event", "Availabilities": [EVERYBODY], "SubjectTitles": [{"Title": "Safety"}], "EventItem": event | (item or {})}
        return self.post("/services/api/LO/Create", {"data": {"record": [row | record]}})

    def create_session(self, number: str = "CT-1", *, item: dict[str, Any] | None = None, **record: Any) -> Reply:
        session = {"EventID": number, "SessionID": "OFF-1", "MinimumRegistration": 1, "MaximumRegistration": 3, "Parts": [part(1), part(2)]}
        row = {"Type": "Session", "SessionItem": session | (item or {})} | record
        return self.post("/services/api/LO/Create", {"data": {"record": [row]}})

    def update_session(self, **item: Any) -> Reply:
        return self.post("/services/api/LO/Update", {"data": {"record": [{"Type": "Session", "SessionItem": item}]}})

    def session(self, **item: Any) -> str:
        """GUID of a session of two parts, tomorrow and the day after, in Paris."""
        if not self.get(OBJECTS + "/training_core", **{"$filter": "lo_ref eq 'CT-1'"}).body["value"]:
            self.create_event()
        return self.create_session(item=item).first["LOID"]

    def assign(self, session: str, *users: str, **more: Any) -> Reply:
        body = {"title": "a title", "trainings": [{"learningObjectId": session}], "users": list(users), "assignmentStatus": "Registered"}
        return self.post(ASSIGNMENTS, body | more)

    def registered(self, session: str, *users: str) -> None:
        self.assign(session, *users)
        self.advance(seconds=1)

    def roster(self, session: str) -> dict[str, dict[str, Any]]:
        row = self.get(ROSTER + "/GetSessionRoster", sessionLOID=session).first
        return {user["UserID"]: user for user in row["Users"]}

    def submit(self, session: str, *users: dict[str, Any], complete: bool = True) -> Reply:
        record: dict[str, Any] = {"SessionLOID": session, "ActorID": "svc.integration", "Users": list(users)}
        if complete:
            record["SessionStatus"] = "Completed"
        return self.post(ROSTER + "/", {"data": {"record": [record]}})

    def pages(self, path: str, *, size: int = 1000, track: bool = False, **query: Any) -> tuple[list[dict[str, Any]], str | None]:
        """All rows behind an OData address, and the delta link at their end."""
        headers = {"prefer": f"odata.maxpagesize={size}" + (", odata.track-changes" if track else "")}
        rows: list[dict[str, Any]] = []
        reply = self.get(path, headers=headers, **query)
        while True:
            assert reply.status == 200, reply.body
            rows += reply.body["value"]
            link = reply.body.get("@odata.nextLink")
            if link is None:
                return rows, reply.body.get("@odata.deltaLink")
            reply = self.get(link, headers=headers)

    def hooks(self) -> list[dict[str, Any]]:
        """Values of the records that are due now, heartbeats left out."""
        bodies = [orjson.loads(gzip.decompress(d.body)) for d in self.core.due(now=self.now) if d.kind != "Heartbeat"]
        return [record["value"] for body in bodies for record in body["records"]]

    def listen(self) -> None:
        self.core.webhook_options({"endpoint": {"url": "https://house.example/hook?x=1", "api_key": "abc", "basic": "user:word"}})


def part(number: int, **more: Any) -> dict[str, Any]:
    day = f"2026-07-{14 + number:02d}"
    times = {"PartStartDateTime": f"{day}T09:00:00", "PartEndDateTime": f"{day}T17:00:00"}
    return {"PartName": f"Day {number}", "PartLocation": "LOC-PARIS", **times, **more}


def attended(user: str, *days: int, passed: bool | None = True, absent: tuple[int, ...] = ()) -> dict[str, Any]:
    marks = [{"PartName": f"Day {day}", "Attended": True} for day in days] + [
        {"PartName": f"Day {day}", "Attended": False} for day in absent
    ]
    return {"UserID": user, "Attendance": marks} | ({} if passed is None else {"Pass": passed})
