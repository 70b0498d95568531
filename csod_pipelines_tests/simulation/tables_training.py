"""Courses, offerings and results: the tables of the catalogue and of outcomes over what both vendors show."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import datetime

from csod_pipelines.model.keys import SystemName
from csod_pipelines_tests.simulation.tables import DONE, EVENT, SESSION, USER, A, C, Explains, Hold, Row, plain
from csod_pipelines_tests.simulation.vendors import Vendor


def courses(vendors: Mapping[SystemName, Vendor], explained: Explains, hold: Hold) -> None:
    events = {row["id"]: row for row in vendors[C].rows("events")}
    numbers = Counter(row["event_number"] for row in events.values())
    twice = [number for number, times in numbers.items() if times > 1]
    hold(not twice, f"Cornerstone holds more than one event with the number {twice}")
    for template in vendors[A].rows("course_templates"):
        if template["lifecycle_state"] != "published" or explained.of(template["id"]) is not None:
            continue
        event = events.get(template["external_ids"].get(EVENT, ""))
        hold(event is not None, f"template {template['code']} is published and has no event, and nothing says why")
        if event is not None:
            pairs = {"number": (template["code"], event["event_number"]), "title": (plain(template["title"]), plain(event["title"]))}
            wrong = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
            hold(not wrong, f"template {template['code']} and its event differ, and no to-do says so: {wrong}")


def offerings(vendors: Mapping[SystemName, Vendor], explained: Explains, hold: Hold) -> None:
    sessions = {row["id"]: row for row in vendors[C].rows("sessions")}
    twice = [id for id, times in Counter(row["session_id"] for row in sessions.values()).items() if times > 1]
    hold(not twice, f"Cornerstone holds more than one session with the number {twice}")
    parts: defaultdict[str, list[Row]] = defaultdict(list)
    for row in vendors[A].rows("sessions"):
        if row["lifecycle_state"] != "cancelled":
            parts[row["event_id"]].append(row)
    active = Counter(row["event_id"] for row in vendors[A].rows("learners") if row["lifecycle_state"] == "active")
    for event in vendors[A].rows("events"):
        session = sessions.get(event["external_ids"].get(SESSION, ""))
        if event["lifecycle_state"] == "draft" or explained.of(event["id"]) is not None:
            continue
        if session is None:
            fine = event["lifecycle_state"] == "cancelled" or not parts[event["id"]]
            hold(fine, f"event {event['legacy_id']} is published and has no session, and nothing says why")
            continue
        _same_offering(event, parts[event["id"]], session, active[event["id"]], hold)


def _same_offering(event: Row, parts: list[Row], session: Row, active: int, hold: Hold) -> None:
    who = f"event {event['legacy_id']} / session {session['session_id']}"
    if event["lifecycle_state"] == "cancelled":
        hold(session["maximum_registration"] == 0, f"{who}: cancelled, and the session still has seats")
        return
    here = sorted((_moment(part["start"]), _moment(part["end"])) for part in parts)
    there = sorted((_moment(part["start"]), _moment(part["end"])) for part in session["parts"])
    hold(here == there, f"{who}: dates differ, and nothing says why: {here} and {there}")
    held_elsewhere = event["booked_places"] + event["reserved_places"] - active
    room = max(0, event["max_places"] - held_elsewhere)
    hold(session["maximum_registration"] == room, f"{who}: {room} seats in Administrate, {session['maximum_registration']} in Cornerstone")


def results(vendors: Mapping[SystemName, Vendor], explained: Explains, hold: Hold) -> None:
    """After the end Administrate's marks and result stand in Cornerstone; a completion there fills an empty result here."""
    offered = {row["id"]: row["external_ids"][SESSION] for row in vendors[A].rows("events") if SESSION in row["external_ids"]}
    people = {row["id"]: row["external_ids"][USER] for row in vendors[A].rows("contacts") if USER in row["external_ids"]}
    sessions = {row["id"]: row for row in vendors[C].rows("sessions")}
    starts = {row["id"]: _moment(row["start"]) for row in vendors[A].rows("sessions")}
    latest: dict[tuple[str, str], Row] = {}
    for row in vendors[C].rows("transcripts"):
        latest[str(row["user_id"]), row["object_id"]] = row
    for learner in vendors[A].rows("learners"):
        session = sessions.get(offered.get(learner["event_id"], ""))
        row = latest.get((people.get(learner["contact_id"], ""), session["id"] if session else ""))
        if learner["lifecycle_state"] != "active" or session is None or row is None:
            continue
        ids = (learner["id"], f"{row['user_id']}:{row['object_id']}:{row['registration_number']}", learner["event_id"])
        if explained.of(*ids) is None:
            ended = session["ends_at"] is not None and _moment(session["ends_at"]) <= vendors[C].now
            _same_result(learner, row, session, starts, ended=ended, hold=hold)


def _same_result(learner: Row, row: Row, session: Row, starts: Mapping[str, datetime], *, ended: bool, hold: Hold) -> None:
    said = f"learner {learner['legacy_id']}, transcript {row['id']} ({row['status']})"
    if row["status"] in DONE:
        hold(learner["has_passed"] is not None, f"{said}: completed in Cornerstone, and no result in Administrate")
        return
    if not ended or row["status"] in ("Withdrawn", "Cancelled", "Denied"):
        return
    part_at = {_moment(part["start"]): str(part["id"]) for part in session["parts"]}
    for id, mark in learner["attendance"].items():
        part = part_at.get(starts[id])
        if mark in ("Present", "Absent") and part is not None:
            hold(row["attendance"].get(part) is (mark == "Present"), f"{said}: marked {mark}, and Cornerstone says {row['attendance']}")
    if learner["has_passed"] is not None:
        hold(row["result"] is learner["has_passed"], f"{said}: passed is {learner['has_passed']}, and Cornerstone says {row['result']}")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00"))
