"""Registrations, attendance and results. Every change that writes to a learner counts a message, for the access log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from csod_pipelines.sandbox.administrate import fields, people
from csod_pipelines.sandbox.administrate.call import Call, Refused
from csod_pipelines.sandbox.administrate.catalogue import found
from csod_pipelines.sandbox.administrate.records import HOLDS_PLACE, Contact, Event, Learner, Registration, Session
from csod_pipelines.sandbox.administrate.times import stamp_text


def learner(call: Call, gid: Any) -> Learner:
    return found(call, Learner, gid, label="learnerId")


def booked(call: Call, event: Event) -> int:
    return sum(1 for row in call.world.learners(event) if row.state in HOLDS_PLACE)


def free_places(call: Call, event: Event) -> int | None:
    """None: no limit."""
    return None if event.max_places is None else max(0, event.max_places - booked(call, event) - event.reserved)


# ---- registration


def register(
    call: Call,
    event: Event,
    gids: Sequence[str],
    *,
    notes: str | None = None,
    custom: Sequence[Mapping[str, Any]] | None = None,
    state: str = "active",
    letters: bool = True,
) -> list[Learner]:
    """All of them or none. Full, unpublished and sold-out events refuse."""
    contacts = [people.contact(call, gid, label="contacts") for gid in dict.fromkeys(gids)]
    if not contacts:
        raise Refused("contacts", "name at least one contact")
    _check_open(call, event)
    values = fields.checked_values(call, "Learner", custom, creating=True)
    if state in HOLDS_PLACE:
        free = free_places(call, event)
        if event.sold_out or (free is not None and len(contacts) > free):
            raise Refused("contacts", "no places remaining", gids[0])
    if call.settings.text("duplicate_registration") == "refuse":
        present = {row.contact_id for row in call.world.learners(event) if row.state in {*HOLDS_PLACE, "interested"}}
        for contact in contacts:
            if contact.id in present:
                raise Refused("contacts", "already registered on this event", call.gid(contact))
    rows = [
        _add(call, event, contact, notes=notes, custom=fields.merge(None, values), state=state, letters=letters) for contact in contacts
    ]
    registration = Registration(
        id=call.world.next_id(Registration),
        account_id=contacts[0].account_id,
        order_date=(stamp_text(call.stamp) or "")[:10],
        learner_ids=[row.id for row in rows],
    )
    call.world.table(Registration).add(registration, stamp=call.stamp)
    return rows


def register_on(call: Call, registration_gid: str, event: Event, contact_gid: str) -> Learner:
    """Add a learner to an order that exists."""
    order = found(call, Registration, registration_gid, label="registrationId")
    (row,) = register(call, event, [contact_gid])
    orders = call.world.table(Registration)
    orders.remove(orders.ordered[-1])  # the order that register() opened for it
    order.learner_ids.append(row.id)
    return row


def hold_places(call: Call, registration_gid: str, event: Event, quantity: int) -> Registration:
    """Places on an order that are nobody's yet: they take seats, and no learner stands for them."""
    order = found(call, Registration, registration_gid, label="registrationId")
    if quantity < 1:
        raise Refused("quantity", "at least 1", quantity)
    _check_open(call, event)
    free = free_places(call, event)
    if event.sold_out or (free is not None and quantity > free):
        raise Refused("quantity", "no places remaining", quantity)
    event.reserved += quantity
    call.touch(event)
    call.did("update", "events", call.gid(event))
    return order


def _check_open(call: Call, event: Event) -> None:
    if event.state != "published":
        raise Refused("eventId", f"the event is {event.state}, not published", call.gid(event))


def _add(
    call: Call, event: Event, contact: Contact, *, notes: str | None, custom: dict[int, str] | None, state: str, letters: bool
) -> Learner:
    row = Learner(
        id=call.world.next_id(Learner),
        event_id=event.id,
        contact_id=contact.id,
        state=state,
        notes=notes,
        custom=dict(custom) if custom else None,
    )
    call.world.table(Learner).add(row, stamp=call.stamp)
    call.world.learners_of_event.setdefault(event.id, []).append(row.id)
    call.world.learners_of_contact.setdefault(contact.id, []).append(row.id)
    call.did("create", "learners", call.gid(row), messages=1 if letters and state in HOLDS_PLACE else 0)
    call.fire("learner_created", call.gid(row))
    return row


def remove(call: Call, row: Learner) -> None:
    call.world.learners_of_event[row.event_id].remove(row.id)
    call.world.learners_of_contact[row.contact_id].remove(row.id)
    call.world.drop_external(row)
    call.world.table(Learner).remove(row)


# ---- state


def update(call: Call, given: Mapping[str, Any]) -> Learner:
    row = learner(call, given["learnerId"])
    custom = fields.checked_values(call, "Learner", given.get("customFieldValues"), creating=False)
    row.notes = given.get("notes", row.notes)
    row.custom = fields.merge(row.custom, custom)
    call.touch(row)
    call.did("update", "learners", call.gid(row))
    call.fire("learner_updated", call.gid(row))
    return row


def cancel(call: Call, gid: str) -> Learner:
    """Cancelling what is cancelled changes nothing and writes to nobody. Does not fire Event Updated (vendor's waitlist workflow)."""
    row = learner(call, gid)
    if row.state != "cancelled":
        turn(call, row, "cancelled", messages=1)
    return row


def reactivate(call: Call, gid: str) -> Learner:
    row = learner(call, gid)
    if row.state in HOLDS_PLACE:
        return row
    event = call.world.table(Event)[row.event_id]
    if event.state != "published":
        raise Refused("learnerId", f"the event is {event.state}, not published", gid)
    if event.sold_out or free_places(call, event) == 0:
        raise Refused("learnerId", "no places remaining", gid)
    others = (other for other in call.world.learners(event) if other.contact_id == row.contact_id and other.state in HOLDS_PLACE)
    if call.settings.text("duplicate_registration") == "refuse" and any(others):
        raise Refused("learnerId", "the contact is registered again already", gid)
    turn(call, row, "active", messages=1)
    return row


def turn(call: Call, row: Learner, state: str, *, messages: int) -> None:
    row.state = state
    call.touch(row)
    call.did("cancel" if state == "cancelled" else "update", "learners", call.gid(row), messages=messages)
    call.fire("learner_cancelled" if state == "cancelled" else "learner_updated", call.gid(row))


# ---- attendance and result


def record_attendance(call: Call, given: Mapping[str, Any]) -> Learner:
    row = learner(call, given["learnerId"])
    held = found(call, Session, given["sessionId"], label="sessionId")
    if held.event_id != row.event_id:
        raise Refused("sessionId", "not a session of the learner's event", given["sessionId"])
    if row.state != "active":
        raise Refused("learnerId", f"the learner is {row.state}, not active", given["learnerId"])
    mark = "Present" if given["attended"] else "Absent"
    if row.marks is None:
        row.marks = {}
    row.marks[held.id] = mark
    if call.settings.on("attendance_moves_stamp"):
        call.touch(row)
    call.did("update", "learners", call.gid(row))
    call.fire("learner_attended_session" if given["attended"] else "learner_missed_session", call.gid(row))
    if call.settings.on("auto_pass") and row.passed is None:
        sessions = call.world.sessions_of_event.get(row.event_id, ())
        if all(row.marks.get(id) == "Present" for id in sessions):
            _pass(call, row, True)
    return row


def record_result(call: Call, gid: str, *, has_passed: bool) -> Learner:
    row = learner(call, gid)
    if row.state != "active":
        raise Refused("learnerId", f"the learner is {row.state}, not active", gid)
    _pass(call, row, has_passed)
    return row


def _pass(call: Call, row: Learner, has_passed: bool) -> None:
    row.passed = has_passed
    call.touch(row)
    call.did("update", "learners", call.gid(row))
    call.fire("learner_result_updated", call.gid(row))
