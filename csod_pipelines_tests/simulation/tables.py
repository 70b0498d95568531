"""The tables of the design's section 1 as rules over what both vendors show, record by record."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from csod_pipelines.model.keys import SystemName
from csod_pipelines_tests.simulation.people import Touch
from csod_pipelines_tests.simulation.vendors import Vendor

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
USER, OU, SESSION = "csod:sandbox:user", "csod:sandbox:ou", "csod:sandbox:session_lo"
DIVISION = 2
Row = dict[str, Any]
Hold = Callable[[bool, str], None]

SEATED = {"Registered", "In Progress"}
DONE = {"Completed", "Completed Equivalent", "Equivalent", "Exempt"}
ENDED = {"Denied", "Withdrawn", "Cancelled"}
ASKED = {"Pending Approval", "Approved", "Wait Listed", "Waitlisted", "Wait-Listed"}


class Explains(Protocol):
    def of(self, *ids: str) -> str | None: ...


def plain(value: str | None) -> str:
    return " ".join(unicodedata.normalize("NFC", value or "").split())


# ---- people


def people(vendors: Mapping[SystemName, Vendor], explained: Explains, hold: Hold) -> None:
    contacts, users = vendors[A].rows("contacts"), {str(row["id"]): row for row in vendors[C].rows("users")}
    accounts = {row["id"]: row["external_ids"].get(OU) for row in vendors[A].rows("accounts")}
    paired: defaultdict[str, list[Row]] = defaultdict(list)
    for contact in contacts:
        if USER in contact["external_ids"]:
            paired[contact["external_ids"][USER]].append(contact)
    _nobody_twice(contacts, list(users.values()), paired, hold)
    for id, user in users.items():
        if not paired[id]:
            why = explained.of(id)
            hold(not user["active"] or why is not None, f"active user {id} ({user['last_name']}) has no contact, and nothing says why")
            continue
        _same_person(user, paired[id][0], accounts, explained, hold)
    for contact in contacts:
        if USER not in contact["external_ids"] and not contact["is_instructor"] and not contact["has_left_company"]:
            hold(explained.of(contact["id"]) is not None, f"contact {contact['legacy_id']} has no user, and nothing says why")
    for id in paired:
        hold(id in users, f"a contact names user {id}, who does not exist")


def _nobody_twice(contacts: Sequence[Row], users: Sequence[Row], paired: Mapping[str, Sequence[Row]], hold: Hold) -> None:
    for id, rows in paired.items():
        hold(len(rows) == 1, f"user {id} has {len(rows)} contacts: {[row['legacy_id'] for row in rows]}")
    for side, rows, mail in ((A, contacts, "email_address"), (C, users, "primary_email")):
        named = Counter((plain(row[mail]).lower(), plain(row["last_name"]).lower()) for row in rows if row[mail])
        twice = [key for key, number in named.items() if number > 1]
        hold(not twice, f"{side} holds the same person twice: {twice}")


def _same_person(user: Row, contact: Row, accounts: Mapping[str, str | None], explained: Explains, hold: Hold) -> None:
    who = f"user {user['id']} / contact {contact['legacy_id']}"
    division = next((str(row["id"]) for row in user["ous"] if row["type_id"] == DIVISION), None)
    wanted = {
        "first name": (plain(user["first_name"]), plain(contact["first_name"])),
        "last name": (plain(user["last_name"]), plain(contact["last_name"])),
        "e-mail": (plain(user["primary_email"]).lower(), plain(contact["email_address"]).lower()),
        "mobile": (plain(user["mobile_phone"]), plain(contact["mobile"])),
        "org unit": (division, accounts.get(contact["account_id"])),
        "active": (user["active"], not contact["has_left_company"]),
    }
    wrong = {name: pair for name, pair in wanted.items() if pair[0] != pair[1]}
    if wrong and explained.of(str(user["id"]), contact["id"]) is None:
        hold(False, f"{who}: Cornerstone's value and Administrate's differ, and nothing says why: {wrong}")


# ---- rosters


def rosters(vendors: Mapping[SystemName, Vendor], touched: Sequence[Touch], explained: Explains, hold: Hold) -> None:
    offerings = {row["id"]: row["external_ids"][SESSION] for row in vendors[A].rows("events") if SESSION in row["external_ids"]}
    sessions = {row["id"]: row for row in vendors[C].rows("sessions")}
    people = {row["id"]: row["external_ids"][USER] for row in vendors[A].rows("contacts") if USER in row["external_ids"]}
    learners, rows = _by_place(vendors, offerings, people)
    for place in sorted(set(learners) | set(rows)):
        event, _ = place
        session = sessions[offerings[event]]
        ended = session["ends_at"] is not None and session["ends_at"] <= vendors[C].now.isoformat().replace("+00:00", "Z")
        sides = {touch.side for touch in touched if _is_place(touch, place, offerings, people)}
        _place(place, learners[place], rows[place], sides=sides, ended=ended, explained=explained, hold=hold)
        _not_too_often(place, learners[place], rows[place], touched, offerings, people, hold)


def _by_place(vendors, offerings, people) -> tuple[defaultdict[tuple[str, str], list[Row]], defaultdict[tuple[str, str], list[Row]]]:
    events = {session: event for event, session in offerings.items()}
    contacts = {user: contact for contact, user in people.items()}
    learners: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    rows: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in vendors[A].rows("learners"):
        if row["event_id"] in offerings and row["contact_id"] in people:
            learners[row["event_id"], row["contact_id"]].append(row)
    for row in vendors[C].rows("transcripts"):
        if row["object_id"] in events and str(row["user_id"]) in contacts and not row["removed"]:
            rows[events[row["object_id"]], contacts[str(row["user_id"])]].append(row)
    return learners, rows


def _is_place(touch: Touch, place: tuple[str, str], offerings: Mapping[str, str], people: Mapping[str, str]) -> bool:
    event, contact = place
    if touch.side is A:
        return (touch.offering, touch.person) == place
    return (touch.offering, touch.person) == (offerings[event], people[contact])


def _place(
    place, learners: Sequence[Row], rows: Sequence[Row], *, sides: set[SystemName], ended: bool, explained: Explains, hold: Hold
) -> None:
    states = Counter(row["lifecycle_state"] for row in learners)
    holding = states["active"] + states["reserved"] + states["interested"]
    hold(holding <= 1, f"{place}: more than one learner holds the place: {dict(states)}")
    latest = max(rows, key=lambda row: row["registration_number"], default=None)
    status = latest["status"] if latest is not None else None
    here = bool(states["active"])
    ids = [row["id"] for row in learners] + [f"{r['user_id']}:{r['object_id']}:{r['registration_number']}" for r in rows]
    why = explained.of(*ids)
    said = f"{place}: learner {dict(states)}, transcript {status!r}, touched on {sorted(sides)}, ended {ended}"
    if ended or why is not None:
        return
    if status in SEATED | DONE:
        hold(here, f"{said}: registered in Cornerstone, and no active learner")
    elif status is None or status in ENDED:
        hold(not here, f"{said}: an active learner, and not registered in Cornerstone")


def _not_too_often(place, learners: Sequence[Row], rows: Sequence[Row], touched: Sequence[Touch], offerings, people, hold: Hold) -> None:
    """Nobody is registered more often than somebody asked for it."""
    asked = Counter(touch.side for touch in touched if _is_place(touch, place, offerings, people))
    hold(len(learners) <= asked[A] + asked[C], f"{place}: {len(learners)} learners for {dict(asked)} acts of people")
    hold(len(rows) <= asked[A] + asked[C], f"{place}: {len(rows)} transcript rows for {dict(asked)} acts of people")
