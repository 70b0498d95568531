"""What people do on both sides while the seed is played. An act names what and a number; whom it meets depends on the moment."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from csod_pipelines.model.keys import SystemName
from csod_pipelines_tests.simulation.vendors import Vendor

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
Row = dict[str, Any]
FIRST = ("Ada", "Zoë", "José", "Łukasz", "Ольга", "美咲", "Anne-Marie", "  Sam")
LAST = ("Byron", "O'Neill", "van der Berg", "Иванова", "佐藤", "Nguyễn", "Smith ")
MOBILES = ("+44 20 7946 0000", "+49 30 1234", "", "+81-3-1234-5678")
DIVISION = 2


@dataclass(frozen=True, slots=True, order=True)
class Act:
    """Somebody does ``name`` at ``at`` seconds after the start. ``pick`` chooses among whom or what there is."""

    at: float
    name: str
    pick: int


@dataclass(frozen=True, slots=True)
class Touch:
    """Which place on a roster an act was about: (system, offering id, person id) in that system's ids."""

    side: SystemName
    offering: str
    person: str


def choose(rows: list[Row], pick: int) -> Row:
    if not rows:
        raise ValueError("nobody to meet")
    return rows[pick % len(rows)]


class People:
    """Carries out acts. ``done`` counts them by name; ``touched`` remembers the places they were about."""

    def __init__(self, vendors: Mapping[SystemName, Vendor]) -> None:
        self.a, self.c = vendors[A], vendors[C]
        self.done: dict[str, int] = {}
        self.touched: list[Touch] = []
        self._number = 0

    def do(self, act: Act) -> str:
        """What was done, in words; empty when it could not be."""
        try:
            said = ACTS[act.name](self, act.pick)
        except ValueError:
            return ""
        self.done[act.name] = self.done.get(act.name, 0) + 1
        return said

    def _fresh(self) -> int:
        self._number += 1
        return self._number

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
        self.touched.append(Touch(A, learner["event_id"], learner["contact_id"]))

    def row_touched(self, row: Row) -> None:
        self.touched.append(Touch(C, row["object_id"], str(row["user_id"])))


# ---- people


def _values(people: People, pick: int) -> Row:
    number = people._fresh()
    return {"first": FIRST[pick % len(FIRST)], "last": LAST[pick // 7 % len(LAST)], "mail": f"new{number}@example.org"}


def hire(p: People, pick: int) -> str:
    v, division = _values(p, pick), choose(p.divisions(), pick)
    ous = [{"id": division["id"], "type_id": DIVISION}]
    row = p.c.act("hire", first_name=v["first"], last_name=v["last"], primary_email=v["mail"], ous=ous)["row"]
    return f"user {row['id']}"


def create_contact(p: People, pick: int) -> str:
    v = _values(p, pick)
    accounts = [row for row in p.a.rows("accounts") if "csod:sandbox:ou" in row["external_ids"]]
    account = choose(accounts, pick)["id"]
    row = p.a.act("create_contact", account_id=account, first_name=v["first"], last_name=v["last"], email_address=v["mail"])["row"]
    return f"contact {row['legacy_id']}"


def create_on_both_sides(p: People, pick: int) -> str:
    """The same new person, entered here and there within one moment: must end as one pair."""
    v, division = _values(p, pick), choose(p.divisions(), pick)
    accounts = [row for row in p.a.rows("accounts") if row["external_ids"].get("csod:sandbox:ou") == str(division["id"])]
    account = choose(accounts, 0)["id"]
    ous = [{"id": division["id"], "type_id": DIVISION}]
    p.c.act("hire", first_name=v["first"], last_name=v["last"], primary_email=v["mail"].upper(), ous=ous)
    p.a.act("create_contact", account_id=account, first_name=v["first"], last_name=v["last"], email_address=v["mail"])
    return v["mail"]


def edit_user(p: People, pick: int) -> str:
    row = choose(p.users(), pick)
    which = pick // 11 % 4
    if which == 0:
        change: Row = {"first_name": FIRST[pick // 3 % len(FIRST)]}
    elif which == 1:
        change = {"mobile_phone": MOBILES[pick // 5 % len(MOBILES)]}
    elif which == 2:
        change = {"primary_email": f"changed{p._fresh()}@Example.ORG"}
    else:
        change = {"ous": [{"id": choose(p.divisions(), pick // 13)["id"], "type_id": DIVISION}]}
    p.c.act("edit_user", id=str(row["id"]), **change)
    return f"user {row['id']} {sorted(change)}"


def terminate(p: People, pick: int) -> str:
    row = choose(p.users(), pick)
    p.c.act("terminate", id=str(row["id"]))
    return f"user {row['id']}"


def rehire(p: People, pick: int) -> str:
    row = choose(p.users(active=False), pick)
    p.c.act("rehire", id=str(row["id"]))
    return f"user {row['id']}"


def edit_contact(p: People, pick: int) -> str:
    """On the side without the right: must be undone by the next reconciliation."""
    row = choose(p.contacts(), pick)
    change: Row = (
        {"mobile": MOBILES[pick // 5 % len(MOBILES)]} if pick % 2 else {"last_name": LAST[pick // 3 % len(LAST)].strip() + "-Edited"}
    )
    p.a.act("edit_contact", id=row["id"], **change)
    return f"contact {row['legacy_id']} {sorted(change)}"


def leave(p: People, pick: int) -> str:
    row = choose([row for row in p.contacts() if row["external_ids"]], pick)
    p.a.act("leave", id=row["id"])
    return f"contact {row['legacy_id']}"


# ---- places on a roster


def register(p: People, pick: int) -> str:
    event, contact = choose(p.events(), pick), choose(p.contacts(), pick // 3)
    row = p.a.act("register", event_id=event["id"], contact_id=contact["id"])["row"]
    p.learner_touched(row)
    return f"learner {row['legacy_id']}"


def reserve(p: People, pick: int) -> str:
    event, contact = choose(p.events(), pick), choose(p.contacts(), pick // 3)
    row = p.a.act("register", event_id=event["id"], contact_id=contact["id"], lifecycle_state="interested")["row"]
    p.learner_touched(row)
    return f"learner {row['legacy_id']}"


def cancel_learner(p: People, pick: int) -> str:
    row = choose(p.learners("active", "interested"), pick)
    p.a.act("cancel_learner", id=row["id"])
    p.learner_touched(row)
    return f"learner {row['legacy_id']}"


def reactivate(p: People, pick: int) -> str:
    row = choose(p.learners("cancelled"), pick)
    p.a.act("reactivate", id=row["id"])
    p.learner_touched(row)
    return f"learner {row['legacy_id']}"


def self_register(p: People, pick: int) -> str:
    user, session = choose(p.users(), pick), choose(p.sessions(), pick // 3)
    row = p.c.act("self_register", user_id=str(user["id"]), session_id=session["id"])["row"]
    p.row_touched(row)
    return row["id"]


def request_session(p: People, pick: int) -> str:
    user, session = choose(p.users(), pick), choose(p.sessions(), pick // 3)
    row = p.c.act("request_session", user_id=str(user["id"]), session_id=session["id"])["row"]
    p.row_touched(row)
    return row["id"]


def _on_row(p: People, row: Row, action: str, **more: Any) -> str:
    p.c.act(action, user_id=str(row["user_id"]), session_id=row["object_id"], **more)
    p.row_touched(row)
    return row["id"]


def withdraw(p: People, pick: int) -> str:
    return _on_row(p, choose(p.places("Registered", "In Progress", "Wait Listed", "Pending Approval"), pick), "withdraw")


def decide(p: People, pick: int) -> str:
    """A manager approves or denies a request."""
    row = choose(p.places("Pending Approval"), pick)
    return _on_row(p, row, "set_status", status="Denied" if pick % 2 else "Registered")


ACTS: dict[str, Callable[[People, int], str]] = {
    "hire": hire,
    "create_contact": create_contact,
    "create_on_both_sides": create_on_both_sides,
    "edit_user": edit_user,
    "terminate": terminate,
    "rehire": rehire,
    "edit_contact": edit_contact,
    "leave": leave,
    "register": register,
    "reserve": reserve,
    "cancel_learner": cancel_learner,
    "reactivate": reactivate,
    "self_register": self_register,
    "request_session": request_session,
    "withdraw": withdraw,
    "decide": decide,
}
