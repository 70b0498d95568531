"""Learning assignments: many users onto one learning object, worked off by Cornerstone in its own time.

The title carries the intent's id, by which an assignment whose answer was lost is found again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from csod_pipelines.systems.cornerstone.calls import Portal, mapping, taken
from csod_pipelines.systems.errors import Indeterminate


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """``users`` maps external user ids to what became of each."""

    id: str
    title: str
    status: str
    users: Mapping[str, str]


class Assignments:
    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    def create(self, object_id: str, user_refs: Sequence[str], *, title: str, notify: bool) -> str:
        self._portal.transport.house.budget.take(self._portal.contract.bucket("user_assignments_per_day"), len(user_refs))
        body = {
            "title": title,
            "trainings": [{"learningObjectId": object_id}],
            "users": list(user_refs),
            "assignmentStatus": "Registered",
            "dueDate": None,
            "sendEmails": notify,
        }
        answer = taken(self._portal.write("POST", "assignments.create", body), "assignments.create")
        data = answer.data.get("data") if isinstance(answer.data, dict) else None
        if not isinstance(data, dict) or data.get("assignmentId") is None:
            raise Indeterminate("cornerstone took an assignment without telling its id; it must be found by its title")
        return str(data["assignmentId"])

    def get(self, id: str) -> Assignment | None:
        answer = self._portal.get("assignments.get", id=id)
        if answer.status == 404:
            return None
        return _assignment(mapping(answer, "assignments.get").get("data"))

    def find(self, title: str) -> Assignment | None:
        rows = mapping(self._portal.get("assignments.list", params={"title": title}), "assignments.list").get("data")
        found = [_assignment(row) for row in rows or () if isinstance(row, dict) and row.get("title") == title]
        return found[0] if found else None

    def remaining(self, date: str) -> int | None:
        data = mapping(self._portal.get("assignments.remaining", params={"date": date}), "assignments.remaining").get("data")
        return data.get("remaining") if isinstance(data, dict) else None


def _assignment(raw: Any) -> Assignment | None:
    if not isinstance(raw, dict):
        return None
    users = {str(user.get("externalId")): str(user.get("status")) for user in raw.get("users") or () if isinstance(user, dict)}
    return Assignment(id=str(raw.get("assignmentId")), title=str(raw.get("title") or ""), status=str(raw.get("status") or ""), users=users)
