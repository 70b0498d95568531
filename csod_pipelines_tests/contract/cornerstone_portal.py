"""Cornerstone over HTTP: three generations of addresses and envelopes."""

from __future__ import annotations

from typing import Any

import requests

from csod_pipelines_tests.contract.portals import TIMEOUT_SECONDS, Address, Portal

EMPLOYEES = "/services/api/x/users/v2/employees"
ORGANIZATIONS = "/services/api/x/organizations/v1"
OUS = ORGANIZATIONS + "/ous"
ASSIGNMENTS = "/services/api/x/learning-assignments/v1/assignments"
TRANSCRIPTS = "/services/api/v1/transcripts"
ROSTER = "/services/api/SessionRoster"
OBJECTS = "/services/api/x/dataexporter/api/objects"
VIEWS = "/services/api/x/odata/api/views"
DETAILS = "/services/api/LO/GetDetails"
CATALOG = "/services/api/Catalog/GlobalSearch"
EVERYBODY = {
    "__type": "OUAvailability:www.CornerStoneOnDemand.com/Services/LMS",
    "Id": "CORP",
    "SubType": "Corporation",
    "IncludeSubs": True,
}
NOBODY = "00000000-0000-4000-8000-000000000000"


def part(number: int, **more: Any) -> dict[str, Any]:
    """A day in Paris; the first one is tomorrow."""
    day = f"2026-07-{14 + number:02d}"
    times = {"PartStartDateTime": f"{day}T09:00:00", "PartEndDateTime": f"{day}T17:00:00"}
    return {"PartName": f"Day {number}", "PartLocation": "LOC-PARIS", **times, **more}


def attended(user: str, *days: int, passed: bool | None = True, absent: tuple[int, ...] = ()) -> dict[str, Any]:
    marks = [{"PartName": f"Day {day}", "Attended": day not in absent} for day in (*days, *absent)]
    return {"UserID": user, "Attendance": marks} | ({} if passed is None else {"Pass": passed})


class Cornerstone(Portal):
    def __init__(self, address: Address) -> None:
        super().__init__(address)
        self.login()

    def token(self, **more: Any) -> requests.Response:
        body = {"clientId": self.address.client_id, "clientSecret": self.address.client_secret, "grantType": "client_credentials"}
        return requests.post(self.address.token_url, json=body | {"scope": "all"} | more, timeout=TIMEOUT_SECONDS)

    def login(self, *, scope: str = "all") -> None:
        self.http.headers["Authorization"] = f"Bearer {self.token(scope=scope).json()['access_token']}"

    def call(self, method: str, path: str, body: Any = None, *, headers: Any = None, **query: Any) -> requests.Response:
        url = path if path.startswith("http") else self.address.base_url + path
        return self.http.request(method, url, json=body, params=query, headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False)

    def get(self, path: str, *, headers: Any = None, **query: Any) -> Any:
        """The JSON of a read that must succeed."""
        answer = self.call("GET", path, headers=headers, **query)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text}"
        return answer.json()

    def error(self, method: str, path: str, body: Any = None, *, headers: Any = None, **query: Any) -> tuple[int, str]:
        """Status and message of a call that must be refused."""
        answer = self.call(method, path, body, headers=headers, **query)
        assert answer.status_code >= 400, answer.text
        return answer.status_code, answer.json()["error"]["message"]

    # ---- the stage, through the public contract

    def any_user(self) -> dict[str, Any]:
        return self.get(EMPLOYEES, pageSize=1)["data"][0]

    def any_ou(self) -> dict[str, Any]:
        return self.get(OUS, pageSize=1)["data"][0]

    def user(self, ref: str) -> dict[str, Any]:
        return self.get(EMPLOYEES, externalId=ref)["data"][0]

    def hire(self, ref: str | None = None, /, **more: Any) -> requests.Response:
        ref = ref or self.own("NEW-1")
        body = {"externalId": ref, "userName": f"{ref.lower()}@example.org", "firstName": "Grace", "lastName": "Hopper"}
        return self.call("POST", EMPLOYEES, body | more)

    def create_lo(self, record: dict[str, Any]) -> dict[str, Any]:
        answer = self.call("POST", "/services/api/LO/Create", {"data": {"record": [record]}})
        assert answer.status_code in (200, 201), answer.text
        return answer.json()["data"][0]

    def create_event(self, number: str = "CT-1", *, item: dict[str, Any] | None = None, **record: Any) -> dict[str, Any]:
        names = {"EventName": "Crane driving", "EventNumber": number, "PrimaryProviderName": "Red Cross"}
        event = names | {"CopyAvailabilityToNewSessions": True} | (item or {})
        row = {"Type": "Event", "Availabilities": [EVERYBODY], "SubjectTitles": [{"Title": "Safety"}], "EventItem": event}
        return self.create_lo(row | record)

    def create_session(self, number: str = "CT-1", **item: Any) -> dict[str, Any]:
        session = {"EventID": number, "SessionID": "OFF-1", "MinimumRegistration": 1, "MaximumRegistration": 3, "Parts": [part(1), part(2)]}
        return self.create_lo({"Type": "Session", "SessionItem": session | item})

    def session(self, **item: Any) -> str:
        """GUID of a session of two days that begins tomorrow, of an event of its own."""
        self.create_event()
        return self.create_session(**item)["LOID"]

    def details(self, id: str, **query: Any) -> dict[str, Any]:
        return self.get(DETAILS, ObjectID=id, **query)["data"][0]

    def assign(self, session: str, *users: str, **more: Any) -> requests.Response:
        body = {"title": "a title", "trainings": [{"learningObjectId": session}], "users": list(users), "assignmentStatus": "Registered"}
        return self.call("POST", ASSIGNMENTS, body | more)

    def registered(self, session: str, *users: str) -> None:
        """By Transcript v1, which registers at once."""
        for user in users:
            body = {"externalId": user, "learningObjectId": session, "assignment": "registered"}
            answer = self.call("POST", TRANSCRIPTS + "/assign", body)
            assert answer.status_code == 200, answer.text

    def held(self, *users: str, **item: Any) -> str:
        """A session with these people that was over yesterday."""
        session = self.session(MaximumRegistration=20, **item)
        self.registered(session, *users)
        self.advance(days=3)
        self.login()
        return session

    def roster(self, session: str) -> dict[str, dict[str, Any]]:
        row = self.get(ROSTER + "/GetSessionRoster", sessionLOID=session)["data"][0]
        return {user["UserID"]: user for user in row["Users"]}

    def submit(self, session: str, *users: dict[str, Any], complete: bool = True, **more: Any) -> requests.Response:
        record = {"SessionLOID": session, "Users": list(users)} | ({"SessionStatus": "Completed"} if complete else {}) | more
        return self.call("POST", ROSTER + "/", {"data": {"record": [record]}})

    def page(self, path: str, *, size: int = 10, track: bool = False, **query: Any) -> requests.Response:
        """One page of an object or a view."""
        prefer = f"odata.maxpagesize={size}" + (", odata.track-changes" if track else "")
        return self.call("GET", path, headers={"Prefer": prefer}, **query)

    def delta(self, path: str, **query: Any) -> tuple[list[dict[str, Any]], str]:
        """All rows behind an address, and the delta link at their end."""
        rows: list[dict[str, Any]] = []
        answer = self.page(path, size=10_000, track=True, **query)
        while True:
            assert answer.status_code == 200, answer.text
            body = answer.json()
            rows += body["value"]
            if "@odata.nextLink" not in body:
                return rows, body["@odata.deltaLink"]
            answer = self.page(body["@odata.nextLink"], size=10_000, track=True)
