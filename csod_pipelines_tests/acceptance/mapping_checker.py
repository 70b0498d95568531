"""Do both vendors hold the same records? Written from the tables of what corresponds to what, apart from the engine's code.

Reads the sandboxes' own state. A pair is known by the ids that Administrate stores (``csod:{portal}:...``) and by the
numbers under which records were created in Cornerstone (``ADM-{legacy id}``). Every disagreement is one sentence.
"""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Row = Mapping[str, Any]
Rows = Callable[[str], list[dict[str, Any]]]

DIVISION, LOCATION = 2, 32
ON_BOARD = {"Registered", "In Progress", "Completed", "Completed Equivalent", "Exempt"}
WAITING = {"Pending Approval", "Approved", "Wait Listed"}
ENDED = {"Denied", "Withdrawn", "Cancelled", "Removed"}
PASSED = {"Completed", "Completed Equivalent", "Exempt"}


@dataclass
class Both:
    """Both sides' rows, indexed by what pairs them."""

    portal: str
    administrate: Rows
    cornerstone: Rows
    now: str = ""  # ISO, UTC: by Cornerstone's clock
    found: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        a, c = self.administrate, self.cornerstone
        self.accounts = {row["id"]: row for row in a("accounts")}
        self.contacts = {row["id"]: row for row in a("contacts")}
        self.ous = {str(row["id"]): row for row in c("ous")}
        self.users = {str(row["id"]): row for row in c("users")}
        self.ou_of = self._paired(self.accounts.values(), "ou")
        self.user_of = self._paired(self.contacts.values(), "user")
        self.account_of = {ou: account for account, ou in self.ou_of.items()}
        self.contact_of = {user: contact for contact, user in self.user_of.items()}

    def say(self, sentence: str) -> None:
        self.found.append(sentence)

    def stored(self, row: Row, word: str) -> str | None:
        return row["external_ids"].get(f"csod:{self.portal}:{word}")

    def _paired(self, rows: Iterable[Row], word: str) -> dict[str, str]:
        """Administrate id -> Cornerstone id; two records under one id are one too many."""
        pairs = {row["id"]: stored for row in rows if (stored := self.stored(row, word)) is not None}
        for id, count in Counter(pairs.values()).items():
            if count > 1:
                self.say(f"{word} {id} has {count} records in Administrate")
        return pairs


def disagreements(*, administrate: Rows, cornerstone: Rows, portal: str, now: str) -> list[str]:
    """Everything in which the two differ, one sentence each; empty when they agree. ``now``: ISO instant of Cornerstone's clock."""
    m = Both(portal, administrate, cornerstone, now)
    _org_units(m)
    _people(m)
    _master_data(m)
    courses = _courses(m)
    sessions = _offerings(m, courses)
    for event, session in sessions:
        _roster(m, event, session)
    return m.found


def plain(text: Any) -> str:
    """As people see it: composed, without outer or doubled blanks."""
    return " ".join(unicodedata.normalize("NFC", str(text or "")).split())


def mail(text: Any) -> str:
    return plain(text).replace(" ", "")[:128].lower()


def _twice(m: Both, rows: Iterable[Row], name: str, what: str) -> None:
    counted = Counter(row[name] for row in rows if row.get(name) and str(row[name]).startswith("ADM-"))
    for value, count in counted.items():
        if count > 1:
            m.say(f"{what} {value} was created {count} times in Cornerstone")


# ---- accounts and organizational units


def _org_units(m: Both) -> None:
    _twice(m, m.ous.values(), "external_id", "organizational unit")
    for account_id, ou_id in m.ou_of.items():
        account, ou = m.accounts[account_id], m.ous.get(ou_id)
        if ou is None:
            m.say(f"account {account['name']} names the OU {ou_id}, which is not there")
            continue
        where = f"account {account['legacy_id']} / OU {ou_id}"
        if plain(account["name"]) != plain(str(ou["name"]).replace("<", " ").replace(">", " ")):
            m.say(f"{where}: name {account['name']!r} is not {ou['name']!r}")
        wanted = m.account_of.get(str(ou["parent_id"])) if ou["parent_id"] else None
        if (wanted or None) != account["parent_account_id"]:
            m.say(f"{where}: parent {account['parent_account_id']} is not {wanted}, the account of OU {ou['parent_id']}")
        inactive = "inactive" in account["custom_fields"].values()
        if inactive == ou["active"]:
            m.say(f"{where}: the account says inactive={inactive}, the OU active={ou['active']}")
    for id, ou in m.ous.items():
        if ou["type_id"] == DIVISION and ou["active"] and id not in m.account_of:
            m.say(f"OU {id} {ou['name']!r} has no account")


# ---- contacts and users


def _people(m: Both) -> None:
    _twice(m, m.users.values(), "external_id", "user")
    for contact_id, user_id in m.user_of.items():
        contact, user = m.contacts[contact_id], m.users.get(user_id)
        if user is None:
            m.say(f"contact {contact_id} names the user {user_id}, who is not there")
            continue
        where = f"contact {contact['legacy_id']} / user {user_id}"
        for mine, theirs, most in (("first_name", "first_name", 200), ("last_name", "last_name", 200), ("mobile", "mobile_phone", 30)):
            if plain(contact[mine])[:most].rstrip() != plain(user[theirs])[:most].rstrip():
                m.say(f"{where}: {mine} {contact[mine]!r} is not {user[theirs]!r}")
        if mail(contact["email_address"]) != mail(user["primary_email"]):
            m.say(f"{where}: e-mail {contact['email_address']!r} is not {user['primary_email']!r}")
        if contact["has_left_company"] == user["active"]:
            m.say(f"{where}: left company={contact['has_left_company']}, active={user['active']}")
        division = next((str(ou["id"]) for ou in user["ous"] if ou["type_id"] == DIVISION), None)
        if division is not None and m.ou_of.get(contact["account_id"]) != division:
            m.say(f"{where}: the contact's account is {contact['account_id']}, the user's division {division}")
    for id, user in m.users.items():
        if user["active"] and id not in m.contact_of and any(ou["type_id"] == DIVISION for ou in user["ous"]):
            m.say(f"user {id} {user['user_name']} has no contact")


# ---- locations, subjects, vendors


def _master_data(m: Both) -> None:
    locations = {m.stored(row, "location_ou"): row for row in m.administrate("locations") if m.stored(row, "location_ou")}
    for id, ou in m.ous.items():
        if ou["type_id"] != LOCATION or not ou["active"]:
            continue
        held = locations.get(id)
        if held is None:
            m.say(f"location OU {id} {ou['name']!r} has no Administrate location")
        elif plain(held["name"]) != plain(ou["name"]):
            m.say(f"location OU {id}: {held['name']!r} is not {ou['name']!r}")
    categories = {row["id"]: row for row in m.administrate("learning_categories")}
    by_subject = {m.stored(row, "subject"): row for row in categories.values() if m.stored(row, "subject")}
    subjects = {str(row["id"]): row for row in m.cornerstone("subjects")}
    for id, subject in subjects.items():
        held = by_subject.get(id)
        if held is None:
            m.say(f"subject {id} {subject['title']!r} has no learning category")
        elif list(_path(held, categories, "name", "parent_category_id")) != list(_path(subject, subjects, "title", "parent_id")):
            m.say(f"subject {id} {subject['title']!r} stands elsewhere in Administrate")
    field_ = next((row for row in m.administrate("custom_field_definitions") if row["label"] == "training_provider"), None)
    options = {plain(option) for option in (field_ or {}).get("options", ())}
    for provider in m.cornerstone("providers"):
        if provider["active"] and plain(provider["name"]) not in options:
            m.say(f"vendor {provider['name']!r} is no option of the vendor field")


def _path(row: Row | None, rows: Mapping[Any, Row], name: str, parent: str) -> Iterator[str]:
    while row is not None:
        yield plain(row[name])
        above = row[parent]
        row = rows.get(above) or rows.get(str(above)) if above is not None else None


# ---- course templates and events, events and sessions


def _courses(m: Both) -> dict[str, Row]:
    """Template id -> Cornerstone event, of those that are paired."""
    events = {row["id"]: row for row in m.cornerstone("events")}
    categories = {row["id"]: row["name"] for row in m.administrate("learning_categories")}
    numbers = Counter(row["event_number"] for row in events.values())
    paired: dict[str, Row] = {}
    for template in m.administrate("course_templates"):
        stored = m.stored(template, "event_lo")
        if stored is None:
            if template["lifecycle_state"] == "published":
                m.say(f"template {template['code']} is published and has no event in Cornerstone")
            continue
        event = events.get(stored)
        if event is None:
            m.say(f"template {template['code']} names the event {stored}, which is not there")
            continue
        paired[template["id"]] = event
        if numbers[event["event_number"]] > 1:
            m.say(f"event number {event['event_number']} exists {numbers[event['event_number']]} times")
        if template["lifecycle_state"] != "published":
            continue
        for mine, theirs in (("code", "event_number"), ("title", "title"), ("introduction", "description")):
            if plain(template[mine]) != plain(event[theirs]):
                m.say(f"template {template['code']}: {mine} {template[mine]!r} is not {event[theirs]!r}")
        if sorted(categories[id] for id in template["learning_category_ids"]) != sorted(event["subjects"]):
            m.say(f"template {template['code']}: its categories are not the subjects {event['subjects']}")
        vendor = template["custom_fields"].get("training_provider")
        if vendor and vendor != event["provider"]:
            m.say(f"template {template['code']}: vendor {vendor!r} is not {event['provider']!r}")
    return paired


def _offerings(m: Both, courses: Mapping[str, Row]) -> list[tuple[Row, Row]]:
    sessions = {row["id"]: row for row in m.cornerstone("sessions")}
    _twice(m, sessions.values(), "session_id", "session")
    held: dict[str, list[Row]] = defaultdict(list)
    for row in m.administrate("sessions"):
        if row["lifecycle_state"] != "cancelled":
            held[row["event_id"]].append(row)
    pairs: list[tuple[Row, Row]] = []
    for event in m.administrate("events"):
        stored = m.stored(event, "session_lo")
        if stored is None:
            dated = [row for row in held[event["id"]] if row["start"] and row["end"]]
            if event["lifecycle_state"] == "published" and event["course_template_id"] in courses and dated:
                m.say(f"event {event['code']} is published and has no session in Cornerstone")
            continue
        session = sessions.get(stored)
        if session is None:
            m.say(f"event {event['code']} names the session {stored}, which is not there")
            continue
        pairs.append((event, session))
        _offering(m, event, session, held[event["id"]])
    return pairs


def _offering(m: Both, event: Row, session: Row, parts: list[Row]) -> None:
    where = f"event {event['code']} / session {session['session_id']}"
    if session["session_id"] != f"ADM-{event['legacy_id']}":
        m.say(f"{where}: the session's number is not ADM-{event['legacy_id']}")
    if event["lifecycle_state"] == "cancelled":
        if session["maximum_registration"] != 0:
            m.say(f"{where}: cancelled, but {session['maximum_registration']} seats are open")
        return
    if event["lifecycle_state"] != "published":
        return
    if event["min_places"] is not None and event["min_places"] != session["minimum_registration"]:
        m.say(f"{where}: at least {event['min_places']} is not {session['minimum_registration']}")
    if event["max_places"] is not None:
        wanted = event["max_places"] - _places_held(m, event)
        if wanted != session["maximum_registration"]:
            m.say(f"{where}: {wanted} places for Cornerstone are not {session['maximum_registration']} seats")
    mine = sorted((_instant(row["start"]), _instant(row["end"])) for row in parts)
    theirs = sorted((_instant(row["start"]), _instant(row["end"])) for row in session["parts"])
    if mine != theirs:
        m.say(f"{where}: sessions at {mine} are not parts at {theirs}")


def _places_held(m: Both, event: Row) -> int:
    """Places that nobody in Cornerstone may take: reserved without a name, interested or reserved people."""
    holding = [row for row in m.administrate("learners") if row["event_id"] == event["id"] and row["lifecycle_state"] == "reserved"]
    return (event.get("reserved_places") or 0) + len(holding)


def _instant(text: str) -> str:
    return text.replace("+00:00", "Z").replace(".000", "")


# ---- learners and transcripts, marks and results


def _roster(m: Both, event: Row, session: Row) -> None:
    learners: dict[str, list[Row]] = defaultdict(list)
    for row in m.administrate("learners"):
        if row["event_id"] == event["id"] and row["contact_id"] in m.user_of:
            learners[m.user_of[row["contact_id"]]].append(row)
    rows: dict[str, list[Row]] = defaultdict(list)
    for row in m.cornerstone("transcripts"):
        if row["object_id"] == session["id"] and str(row["user_id"]) in m.contact_of:
            rows[str(row["user_id"])].append(row)
    for user in sorted(learners.keys() | rows.keys()):
        _place(m, event, session, user, learners[user], sorted(rows[user], key=lambda row: row["registration_number"]))


def _place(m: Both, event: Row, session: Row, user: str, learners: list[Row], rows: list[Row]) -> None:
    where = f"event {event['code']}, user {user}"
    active = [row for row in learners if row["lifecycle_state"] == "active"]
    if len(active) > 1:
        m.say(f"{where}: {len(active)} active learners")
    open_rows = [row for row in rows if not row["removed"] and row["status"] in {"Registered", "In Progress", *WAITING}]
    if len(open_rows) > 1:
        m.say(f"{where}: {len(open_rows)} open transcript rows")
    row = rows[-1] if rows else None
    status = None if row is None else "Removed" if row["removed"] else "Archived" if row["archived"] else row["status"]
    over = session["ends_at"] is not None and session["ends_at"] <= m.now
    if active and status in ENDED | {None} and not over:
        m.say(f"{where}: an active learner, and Cornerstone says {status}")
    if not active and status in ON_BOARD and not (over and learners):
        m.say(f"{where}: {status} in Cornerstone, and no active learner")
    if active and status in WAITING:
        m.say(f"{where}: an active learner, and Cornerstone still says {status}")
    if active and row is not None and status in ON_BOARD | {"Incomplete", "No Show"} and over:
        _outcome(m, where, active[0], row)


def _outcome(m: Both, where: str, learner: Row, row: Row) -> None:
    """A result on one side alone is the other's too; two that differ are left as they are, and told."""
    if row["status"] in PASSED and learner["has_passed"] is None:
        m.say(f"{where}: {row['status']} in Cornerstone, and no result in Administrate")
    if row["status"] in PASSED and learner["has_passed"] is False:
        m.say(f"{where}: {row['status']} in Cornerstone, a fail in Administrate")
    marks = learner["attendance"]
    explicit = {key: value for key, value in marks.items() if value in ("Present", "Absent")}
    if learner["has_passed"] is True and row["status"] not in PASSED:
        m.say(f"{where}: a pass in Administrate, and Cornerstone says {row['status']}")
    attended = sum(value == "Present" for value in explicit.values())
    told = sum(bool(mark) for mark in row["attendance"].values())
    if attended != told:
        m.say(f"{where}: present at {attended} sessions, and attended {told} parts")
