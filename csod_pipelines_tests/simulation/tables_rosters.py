"""Who is in an offering: the table of registrations, person by person, over what both vendors show."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence

from csod_pipelines.model.keys import SystemName
from csod_pipelines_tests.simulation.people import Touch
from csod_pipelines_tests.simulation.tables import DONE, ENDED, SEATED, SESSION, USER, A, C, Explains, Hold, Row
from csod_pipelines_tests.simulation.vendors import Vendor


def rosters(
    vendors: Mapping[SystemName, Vendor], touched: Sequence[Touch], cancelled: Collection[str], explained: Explains, hold: Hold
) -> None:
    offerings = {row["id"]: row["external_ids"][SESSION] for row in vendors[A].rows("events") if SESSION in row["external_ids"]}
    sessions = {row["id"]: row for row in vendors[C].rows("sessions")}
    people = {row["id"]: row["external_ids"][USER] for row in vendors[A].rows("contacts") if USER in row["external_ids"]}
    learners, rows = _by_place(vendors, offerings, people)
    for place in sorted(set(learners) | set(rows)):
        event, _ = place
        session = sessions[offerings[event]]
        ended = session["ends_at"] is not None and session["ends_at"] <= vendors[C].now.isoformat().replace("+00:00", "Z")
        mine = [touch for touch in touched if _is_place(touch, place, offerings, people)]
        _place(place, learners[place], rows[place], mine, ended=ended or event in cancelled, explained=explained, hold=hold)
        if event in cancelled and not ended:
            seated = [row["status"] for row in rows[place] if row["status"] in SEATED]
            hold(not seated or explained.of(event) is not None, f"{place}: the event is cancelled, and Cornerstone shows {seated}")


def without_event(vendors: Mapping[SystemName, Vendor], orphans: Sequence[Row], explained: Explains, hold: Hold) -> None:
    """Of an event that was deleted: nobody can come to its session any more, and nobody is left on it."""
    latest: dict[tuple[str, int], Row] = {}
    for row in vendors[C].rows("transcripts"):
        if not row["removed"]:
            latest[row["object_id"], row["user_id"]] = row
    for session in orphans:
        if session["ends_at"] is not None and session["ends_at"] <= vendors[C].now.isoformat().replace("+00:00", "Z"):
            continue
        said = f"session {session['session_id']}, whose event was deleted,"
        hold(session["maximum_registration"] == 0, f"{said} still has seats")
        for (id, user), row in latest.items():
            why = explained.of(f"{user}:{id}:{row['registration_number']}")
            hold(id != session["id"] or row["status"] not in SEATED or why is not None, f"{said} still has {user}: {row['status']}")


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
    place: tuple[str, str],
    learners: Sequence[Row],
    rows: Sequence[Row],
    touched: Sequence[Touch],
    *,
    ended: bool,
    explained: Explains,
    hold: Hold,
) -> None:
    states = Counter(row["lifecycle_state"] for row in learners)
    holding = states["active"] + states["reserved"] + states["interested"]
    hold(holding <= 1, f"{place}: more than one learner holds the place: {dict(states)}")
    latest = max(rows, key=lambda row: row["registration_number"], default=None)
    status = latest["status"] if latest is not None else None
    here = bool(states["active"])
    ids = [row["id"] for row in learners] + [f"{r['user_id']}:{r['object_id']}:{r['registration_number']}" for r in rows]
    why = explained.of(*ids)
    said = f"{place}: learner {dict(states)}, transcript {status!r}, touched on {[(t.side, t.present) for t in touched]}, ended {ended}"
    _not_too_often(said, learners, rows, touched, hold)
    if ended or why is not None:
        return
    _nothing_undone(said, here, status, touched, hold)
    if status in SEATED | DONE:
        hold(here, f"{said}: registered in Cornerstone, and no active learner")
    elif status is None or status in ENDED:
        hold(not here, f"{said}: an active learner, and not registered in Cornerstone")


def _nothing_undone(said: str, here: bool, status: str | None, touched: Sequence[Touch], hold: Hold) -> None:
    """Where people acted on one side only, what they did last stands there."""
    graded = status is not None and status not in SEATED | DONE | ENDED  # by hand, or asked for: no statement
    if len({touch.side for touch in touched}) != 1 or touched[-1].present is None or graded:
        return
    there = status in SEATED | DONE if touched[-1].side is C else here
    hold(there == touched[-1].present, f"{said}: what people did last on the only side they acted on was undone")


def _not_too_often(said: str, learners: Sequence[Row], rows: Sequence[Row], touched: Sequence[Touch], hold: Hold) -> None:
    """Nobody is registered more often than somebody asked for it."""
    hold(len(learners) <= len(touched), f"{said}: {len(learners)} learners for {len(touched)} acts of people")
    hold(len(rows) <= len(touched), f"{said}: {len(rows)} transcript rows for {len(touched)} acts of people")
