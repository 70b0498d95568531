"""People on both sides: whom they meet, and what they have done. An act names what and a number; the rest depends on the moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from csod_pipelines.model.keys import SystemName
from csod_pipelines_tests.simulation.vendors import Vendor

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
Row = dict[str, Any]
DIVISION = 2
SESSION = "csod:sandbox:session_lo"


@dataclass(frozen=True, slots=True, order=True)
class Act:
    """Somebody does ``name`` at ``at`` seconds after the start. ``pick`` chooses among whom or what there is."""

    at: float
    name: str
    pick: int


@dataclass(frozen=True, slots=True)
class Touch:
    """Which place on a roster an act was about, in that system's ids, and whether the person was registered after it;
    None where that is for somebody else to decide."""

    side: SystemName
    offering: str
    person: str
    present: bool | None


def choose(rows: list[Row], pick: int) -> Row:
    if not rows:
        raise ValueError("nobody to meet")
    return rows[pick % len(rows)]


class People:
    """Carries out acts. ``done`` counts them by name; ``touched`` remembers the places they were about."""

    def __init__(self, vendors: Mapping[SystemName, Vendor], acts: Mapping[str, Callable[[People, int], str]]) -> None:
        self._acts = acts
        self.a, self.c = vendors[A], vendors[C]
        self.done: dict[str, int] = {}
        self.touched: list[Touch] = []
        self.cancelled: set[str] = set()  # events
        self.deleted: set[str] = set()  # events
        self.strangers = self._sessions_without_event()  # sessions that nobody planned in Administrate
        self.without_right: set[str] = set()  # records that were edited on the side without the right to
        self._number = 0

    def do(self, act: Act) -> str:
        """What was done, in words; empty when it could not be."""
        try:
            said = self._acts[act.name](self, act.pick)
        except ValueError:
            return ""
        self.done[act.name] = self.done.get(act.name, 0) + 1
        return said

    def fresh(self) -> int:
        self._number += 1
        return self._number

    def orphans(self) -> list[Row]:
        """Sessions of events that somebody deleted since."""
        alone = self._sessions_without_event() - self.strangers
        return [row for row in self.c.rows("sessions") if row["id"] in alone]

    def _sessions_without_event(self) -> frozenset[str]:
        planned = {row["external_ids"].get(SESSION) for row in self.a.rows("events")}
        return frozenset(row["id"] for row in self.c.rows("sessions") if row["id"] not in planned)

    # ---- whom there is

    def users(self, *, active: bool = True) -> list[Row]:
        return [row for row in self.c.rows("users") if row["active"] is active and row["external_id"] != "svc.integration"]

    def contacts(self) -> list[Row]:
        return [row for row in self.a.rows("contacts") if not row["has_left_company"] and not row["is_instructor"]]

    def divisions(self) -> list[Row]:
        return [row for row in self.c.rows("ous") if row["type_id"] == DIVISION and row["active"]]

    def events(self) -> list[Row]:
        return [row for row in self.a.rows("events") if row["lifecycle_state"] == "published"]

    def learners(self, *states: str) -> list[Row]:
        return [row for row in self.a.rows("learners") if row["lifecycle_state"] in states]

    def sessions(self) -> list[Row]:
        return [row for row in self.c.rows("sessions") if row["active"] and not row["cancelled"]]

    def places(self, *statuses: str) -> list[Row]:
        latest: dict[tuple[int, str], Row] = {}
        for row in self.c.rows("transcripts"):
            if row["object_type"] == "Session" and not row["removed"]:
                latest[row["user_id"], row["object_id"]] = row
        return [row for row in latest.values() if row["status"] in statuses]

    # ---- remembering

    def learner_touched(self, learner: Row) -> None:
        present = {"active": True, "cancelled": False}.get(learner["lifecycle_state"])
        self.touched.append(Touch(A, learner["event_id"], learner["contact_id"], present))

    def row_touched(self, row: Row) -> None:
        present = {"Registered": True, "Withdrawn": False, "Denied": False}.get(row["status"])
        self.touched.append(Touch(C, row["object_id"], str(row["user_id"]), present))
