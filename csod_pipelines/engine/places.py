"""The two rosters of one offering, put side by side person by person."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from datetime import datetime

from sqlalchemy import Connection

from csod_pipelines.engine.context import Context, End, id_on
from csod_pipelines.engine.refs import peers_of
from csod_pipelines.model.keys import Kind, RecordKey, SystemName
from csod_pipelines.model.outcomes import Disposition
from csod_pipelines.model.readings import Roster
from csod_pipelines.model.records import Enrollment, EnrollmentState, Record
from csod_pipelines.store import images, links, work
from csod_pipelines.store.links import Link
from csod_pipelines.sync.roster import Place, RosterAction, RosterStep, plan_place

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
_RANK = {EnrollmentState.ACTIVE: 0, EnrollmentState.HOLDING: 1, EnrollmentState.NO_STATEMENT: 2, EnrollmentState.CANCELLED: 3}


@dataclass(slots=True, kw_only=True)
class Seat:
    """One person of the offering: contact and user, the row on each side, and our link of the two rows."""

    contact_id: str
    user_id: str
    learner: Record | None = None
    row: Record | None = None
    link: Link | None = None
    members: list[str] = field(default_factory=list)  # record keys by which hints named this person's rows

    @property
    def base(self) -> bool:
        return bool(self.link is not None and self.link.state != "tombstone" and self.link.facts.get("present"))

    @property
    def pending(self) -> bool:
        return bool(self.link is not None and self.link.state != "tombstone" and self.link.facts.get("pending"))

    @property
    def asked(self) -> SystemName | None:
        """The side to which a write was begun since both sides agreed last."""
        asked = self.link.facts.get("asked") if self.link is not None and self.link.state != "tombstone" else None
        return SystemName(asked) if asked else None

    @property
    def held(self) -> bool:
        """Cornerstone holds a request or a place on the waiting list, which only somebody there can turn into a seat."""
        return self.row is not None and _state(self.row) is EnrollmentState.HOLDING

    @property
    def answered(self) -> bool:
        """The Cornerstone row is another one than when we registered: it is what became of our registration."""
        return self.pending and self.link is not None and self.row is not None and self.row.id != self.link.facts.get("before")


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferingFacts:
    """What the offering's link and last images say: its ids, when it ends, whether it was cancelled."""

    link: Link
    event_id: str
    session_id: str
    ends_at: datetime | None
    cancelled: bool
    parts: dict[str, str]
    code: str
    seats: int | None = None  # places as the session was told last
    room: str = ""  # places and seats in use in Administrate: what a refusal for lack of a place depends on


def offering_facts(ctx: Context, event_id: str) -> OfferingFacts | None:
    """The offering, created first where it is not linked yet. None: it is not kept in step (draft, out of scope)."""
    key = RecordKey(Kind.OFFERING, A, event_id)
    with ctx.database.read() as conn:
        link = ctx.link_of(conn, key)
    if (link is None or link.state not in ("live", "tombstone")) and not ctx.dry:
        ctx.first(str(key))
        with ctx.database.read() as conn:
            link = ctx.link_of(conn, key)
    if link is None or link.cornerstone_id is None:
        return None
    with ctx.database.read() as conn:
        image = images.load(conn, link.id).get(A.value)
    base = (image.base if image else None) or {}
    if ctx.filters.why_event_outside(base.get("code"), template_code=None) is not None or link.facts.get("outside"):
        return None
    ends = [datetime.fromisoformat(part["end"]) for part in base.get("parts", [])]
    return OfferingFacts(
        link=link,
        event_id=event_id,
        session_id=link.cornerstone_id,
        ends_at=max(ends, default=None),
        cancelled=link.state == "tombstone" or base.get("state") == "cancelled",
        parts=dict(link.facts.get("parts") or {}),
        code=str(base.get("code") or link.facts.get("code") or event_id),
        seats=base.get("max_places"),
    )


def has_ended(ctx: Context, offering: OfferingFacts) -> bool:
    """By Cornerstone's clock, which alone decides what it still takes."""
    return offering.ends_at is not None and ctx.systems[C].now() >= offering.ends_at


def with_room(offering: OfferingFacts, here: Roster) -> OfferingFacts:
    active = sum(_state(row) is EnrollmentState.ACTIVE for row in here.rows)
    return replace(offering, room=f"{here.facts.get('places')} places, {active} active, {here.facts.get('held_elsewhere')} held")


def seats_moved(offering: OfferingFacts, here: Roster) -> bool:
    """Places were held or given back without a change of the event itself, which nothing else would tell."""
    places, held = here.facts.get("places"), here.facts.get("held_elsewhere") or 0
    return not offering.cancelled and places is not None and max(0, places - held) != offering.seats


@dataclass(slots=True, kw_only=True)
class Seating:
    seats: list[Seat]
    nameless: dict[str, End]  # record key of a row -> why its person is not known on the other side
    waiting_people: dict[str, bool]  # subject of each that must exist on the other side first -> whether somebody must mend it


def seat(ctx: Context, offering: OfferingFacts, here: Roster, there: Roster) -> Seating:
    """Pair the rows by person. Only people with an active row are provisioned for it; others wait for a reason to exist."""
    learners, rows = _by_person(here), _by_person(there)
    contacts, people_waiting = _linked_people(ctx, A, learners)
    users, more_waiting = _linked_people(ctx, C, rows)
    seats: dict[tuple[str, str], Seat] = {}
    nameless: dict[str, End] = {}
    for side, by_person, peers in ((A, learners, contacts), (C, rows, users)):
        for person, records in by_person.items():
            peer = peers.get(person)
            if peer is None:
                nameless |= {str(r.key): End(disposition=Disposition.IGNORED, reason="person_not_linked") for r in records}
                continue
            pair = (person, peer) if side is A else (peer, person)
            entry = seats.setdefault(pair, Seat(contact_id=pair[0], user_id=pair[1]))
            entry.members += [str(record.key) for record in records]
            best = min(records, key=lambda r: (_RANK[_state(r)], -_newness(r)))
            if side is A:
                entry.learner = _as_cancelled(best) if offering.cancelled else best
            else:
                entry.row = best
    _attach_links(ctx, list(seats.values()))
    return Seating(
        seats=sorted(seats.values(), key=lambda s: s.contact_id), nameless=nameless, waiting_people=people_waiting | more_waiting
    )


def _state(record: Record) -> EnrollmentState:
    assert isinstance(record.value, Enrollment)
    return record.value.state


def _newness(record: Record) -> int:
    return int(record.facts.get("registration_number") or record.facts.get("legacy_id") or 0)


def _as_cancelled(record: Record) -> Record:
    if _state(record) is EnrollmentState.CANCELLED:
        return record
    return replace(record, value=replace(record.value, state=EnrollmentState.CANCELLED))  # pyright: ignore[reportCallIssue]


def _by_person(roster: Roster) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = defaultdict(list)
    for record in roster.rows:
        assert isinstance(record.value, Enrollment)
        found[record.value.person_id].append(record)
    return dict(found)


def _linked_people(ctx: Context, side: SystemName, by_person: dict[str, list[Record]]) -> tuple[dict[str, str], dict[str, bool]]:
    keys = {person: RecordKey(Kind.PERSON, side, person) for person in by_person}
    with ctx.database.read() as conn:
        peers = peers_of(conn, keys.values())
    wanted = [p for p, records in by_person.items() if keys[p] not in peers and any(_state(r) is EnrollmentState.ACTIVE for r in records)]
    waiting: dict[str, bool] = {}
    if wanted and not ctx.dry:
        ends = {person: ctx.first(str(keys[person])) for person in wanted}
        with ctx.database.read() as conn:
            peers |= peers_of(conn, [keys[p] for p in wanted])
            waiting = {str(keys[p]): _mended_by_hand(conn, keys[p], ends[p]) for p in wanted if keys[p] not in peers and _to_come(ends[p])}
    elif wanted:
        waiting = {str(keys[p]): False for p in wanted}
    return {p: peers[k] for p, k in keys.items() if k in peers}, waiting


def _to_come(end: End | None) -> bool:
    """Whom the rules leave out is nobody to wait for; a change of that person marks the roster's own hints anew."""
    return end is None or end.disposition is not Disposition.IGNORED


def _mended_by_hand(conn: Connection, key: RecordKey, end: End | None) -> bool:
    if end is not None:
        return end.disposition in (Disposition.FAILED, Disposition.PARKED)
    link = links.by_record(conn, key.kind, key.system, key.id)
    return bool(work.parked_among(conn, [str(key), *([f"link:{link.id}"] if link is not None else [])]))


def _attach_links(ctx: Context, seats: list[Seat]) -> None:
    learner_ids = [m.split(":", 2)[2] for s in seats for m in s.members if m.startswith(f"enrollment:{A}:")]
    row_ids = [m.split(":", 2)[2] for s in seats for m in s.members if m.startswith(f"enrollment:{C}:")]
    with ctx.database.read() as conn:
        by_learner = links.by_records(conn, Kind.ENROLLMENT, A, learner_ids)
        by_row = links.by_records(conn, Kind.ENROLLMENT, C, row_ids)
    for entry in seats:
        found = [by_learner.get(m.split(":", 2)[2]) or by_row.get(m.split(":", 2)[2]) for m in entry.members]
        alive = [link for link in found if link is not None and link.state != "tombstone"]
        ended = [link for link in found if link is not None and link.state == "tombstone"]
        best = alive or sorted(ended, key=lambda link: -link.id)
        entry.link = best[0] if best else None


def plan_seat(ctx: Context, offering: OfferingFacts, entry: Seat, *, complete: bool) -> RosterStep:
    ended = has_ended(ctx, offering)
    if (
        offering.cancelled
        and not ended
        and entry.row is not None
        and _state(entry.row) in (EnrollmentState.ACTIVE, EnrollmentState.HOLDING)
    ):
        return RosterStep(RosterAction.WITHDRAW, "cancelled_in_administrate")  # also one who came after the cancellation
    return plan_place(
        Place(
            administrate=entry.learner,
            cornerstone=entry.row,
            base=entry.base,
            asked=entry.asked,
            pending=entry.pending,
            answered=entry.answered,
            cornerstone_complete=complete,
            ended=ended,
        )
    )


def peer_id(entry: Seat, system: SystemName) -> str | None:
    return id_on(entry.link, system) if entry.link is not None else None
