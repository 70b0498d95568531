"""A client of the Administrate sandbox for tests: plain requests, nothing of the house's own client."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import requests

CREDENTIALS = {"client_id": "sandbox", "client_secret": "sandbox-secret"}


class Api:
    def __init__(self, url: str) -> None:
        self.url = url
        self.session = requests.Session()

    def token(self) -> str:
        form = {"grant_type": "client_credentials", **CREDENTIALS}
        answer = self.session.post(f"{self.url}/oauth/token", data=form, timeout=10)
        answer.raise_for_status()
        return answer.json()["access_token"]

    def login(self) -> None:
        self.session.headers["Authorization"] = f"Bearer {self.token()}"

    def reset(self, **body: Any) -> None:
        self.control("POST", "reset", {"seed": 1, "size": "small", **body})
        self.control("POST", "webhooks", {"duplicate": 0, "drop": 0, "delay": 0, "shuffle": False})

    def post(self, query: str, /, **variables: Any) -> requests.Response:
        """`ERRORS` in a query stands for what every mutation answers beside its entity."""
        query = query.replace("ERRORS", "errors { label message value }")
        return self.session.post(f"{self.url}/graphql", json={"query": query, "variables": variables}, timeout=30)

    def ask(self, query: str, /, **variables: Any) -> dict[str, Any]:
        """The data of a query that must succeed."""
        answer = self.post(query, **variables)
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert not body.get("errors"), body
        return body["data"]

    def fail(self, query: str, /, **variables: Any) -> str:
        """The first top-level error of a query that must fail, with HTTP 200."""
        answer = self.post(query, **variables)
        assert answer.status_code == 200, answer.text
        return answer.json()["errors"][0]["message"]

    def control(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.session.request(method, f"{self.url}/_sandbox/{path}", json=body, timeout=60)
        assert answer.status_code == 200, f"{answer.status_code} {answer.text}"
        return answer.json()

    def state(self, kind: str, id: str | None = None) -> list[dict[str, Any]]:
        return self.control("GET", f"state/{kind}" + (f"?id={quote(id)}" if id else ""))

    def one(self, kind: str, id: str) -> dict[str, Any]:
        (row,) = self.state(kind, id)
        return row

    def act(self, action: str, **arguments: Any) -> dict[str, Any]:
        return self.control("POST", "act", {"action": action, **arguments})

    def switch(self, **switches: Any) -> None:
        self.control("PATCH", "config", {"switches": switches})

    def last_seq(self) -> int:
        rows = self.control("GET", "requests")
        return rows[-1]["seq"] if rows else 0

    # ---- ready-made records

    @property
    def root(self) -> str:
        return self.state("accounts")[0]["id"]

    def contact(self, name: str = "Ada", **more: Any) -> str:
        given = {"first_name": name, "last_name": "Byron", "email_address": f"{name.lower()}@example.org", "account_id": self.root, **more}
        return self.act("create_contact", **given)["id"]

    def template(self) -> str:
        return self.state("course_templates")[0]["id"]

    def event(self, *, publish: bool = True, **more: Any) -> str:
        sessions = [
            {"title": "Morning", "start": "2027-03-01T09:00:00", "end": "2027-03-01T12:00:00"},
            {"title": "Afternoon", "start": "2027-03-01T13:00:00", "end": "2027-03-01T17:00:00"},
        ]
        given = {"course_template_id": self.template(), "time_zone_name": "Europe/London", "sessions": sessions, "publish": publish, **more}
        return self.act("create_event", **given)["id"]

    def learner(self, event: str, name: str = "Ada") -> str:
        return self.act("register", event_id=event, contact_id=self.contact(name))["id"]

    def sessions(self, event: str) -> list[dict[str, Any]]:
        return [row for row in self.state("sessions") if row["event_id"] == event]


def wait_for(test: Callable[[], Any], *, seconds: float = 5.0) -> Any:
    """What `test` returns once it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = test()
        if found:
            return found
        time.sleep(0.02)
    raise AssertionError("did not happen in time")
