"""A portal's world, made from a seed: organisation, people, catalogue, and 24 months of training history."""

from __future__ import annotations

import random
import uuid
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from csod_pipelines.sandbox.cornerstone import statuses
from csod_pipelines.sandbox.cornerstone.people import FIRST_ID, SeededPeople
from csod_pipelines.sandbox.cornerstone.places import CORPORATION_REF, seed_ous
from csod_pipelines.sandbox.cornerstone.rows import LOCATION, Ou, Part, Provider, Session, Subject, Training, TranscriptRow
from csod_pipelines.sandbox.cornerstone.settings import ACTOR
from csod_pipelines.sandbox.cornerstone.store import Store, UserTable
from csod_pipelines.sandbox.cornerstone.timezones import UTC_LABEL, last_change, to_utc

OU_AVAILABILITY = "OUAvailability:www.CornerStoneOnDemand.com/Services/LMS"
EVERYBODY = {
    "__type": OU_AVAILABILITY,
    "Id": CORPORATION_REF,
    "SubType": "Corporation",
    "IncludeSubs": True,
    "PreApproved": True,
    "RegisterUponApproval": True,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    users: int = 500
    ous: int = 60
    events: int = 12
    sessions_per_event: int = 4
    learners_per_session: int = 8


SIZES = {
    "small": Size(),
    "medium": Size(users=10_000, ous=600, events=60, sessions_per_event=6, learners_per_session=20),
    "large": Size(users=1_000_000, ous=100_000, events=200, sessions_per_event=5, learners_per_session=20),
    "mirror": Size(),  # as small; the Administrate sandbox of this size holds most of it too
}
MOST = Size(users=5_000_000, ous=500_000, events=20_000, sessions_per_event=200, learners_per_session=1_000)

_SUBJECTS = (
    ("Safety", None),
    ("Fire safety", "Safety"),
    ("First aid", "Safety"),
    ("Leadership", None),
    ("Coaching", "Leadership"),
    ("Languages", None),
    ("日本語", "Languages"),
    ("IT", None),
    ("Data protection", "IT"),
    ("Security", "IT"),
    ("Security", "Safety"),
    ("Qualité & méthodes", None),
)
_PROVIDERS = (
    ("Internal academy", True),
    ("Red Cross", True),
    ("Müller & Söhne Training GmbH", True),
    ("École des Métiers", True),
    ("Globex Learning", True),
    ("Closed Down Ltd", False),
)
_TITLES = (
    ("Fire safety", "Fire safety"),
    ("First aid at work", "First aid"),
    ("Leading teams", "Leadership"),
    ("Coaching basics", "Coaching"),
    ("日本語入門", "日本語"),
    ("Data protection essentials", "Data protection"),
    ("Forklift driving", "Safety"),
    ("Gestion de la qualité", "Qualité & méthodes"),
    ("Secure coding", "Security"),
    ("Переговоры", "Leadership"),
    ("Ladder safety", "Safety"),
    ("Presenting with impact", "Coaching"),
)


def described_sizes() -> dict[str, str]:
    named = {name: f"{size.users:,} users, {size.ous:,} OUs, {size.events} events" for name, size in SIZES.items()}
    named["mirror"] += "; the Administrate sandbox of this size and seed holds most of it too"
    return named | {"{...}": f'counts of {", ".join(asdict(MOST))} over those of "base", which is small unless named'}


def size_of(size: Any) -> Size:
    """A named size, or an object of counts over the small one. ValueError names what is wrong."""
    if isinstance(size, str) and size in SIZES:
        return SIZES[size]
    if not isinstance(size, dict):
        raise ValueError(f"size is {', '.join(SIZES)} or an object of counts, not {size!r}")
    chosen = SIZES["small"]
    for name, value in size.items():
        if name == "base" and isinstance(value, str) and value in SIZES:
            continue
        if name not in asdict(chosen):
            raise ValueError(f"unknown count {name!r}; known: {', '.join(asdict(chosen))}")
        if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= getattr(MOST, name):
            raise ValueError(f"{name} must be a whole number from 0 to {getattr(MOST, name)}")
    base = SIZES[size.get("base", "small")]
    chosen = replace(base, **{k: v for k, v in size.items() if k != "base"})
    return replace(chosen, users=max(1, chosen.users))  # the service account is always there


def guid(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def seed_world(*, seed: int, size: Any, now: datetime) -> Store:
    counts = size_of(size)
    epoch = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    ous, places = seed_ous(seed=seed, count=counts.ous, epoch=epoch)
    store = Store(users=UserTable(SeededPeople(seed=seed, count=counts.users, places=places, epoch=epoch)), ous=ous)
    _catalogue(store, epoch=epoch)
    rng = random.Random(seed)
    sites = [row for row in ous.after(0) if row.type_id == LOCATION and row.facility_type == "Facility"]
    for number in range(counts.events):
        event = _event(store, number, rng=rng, epoch=epoch)
        for occurrence in range(counts.sessions_per_event):
            site = sites[(number + occurrence) % len(sites)]
            across = occurrence == 1 and number % 3 == 0
            session = _session(store, event, occurrence, counts, rng=rng, epoch=epoch, site=site, across=across)
            _learners(store, session, counts.learners_per_session, rng=rng, epoch=epoch)
    return store


def _catalogue(store: Store, *, epoch: datetime) -> None:
    stamp = epoch - timedelta(days=725)
    for id, (title, parent) in enumerate(_SUBJECTS, start=501):
        parent_id = next((s.id for s in store.subjects.values() if s.title == parent), None)
        store.subjects[id] = Subject(id=id, title=title, parent_id=parent_id, modified=stamp)
    for id, (name, active) in enumerate(_PROVIDERS, start=301):
        store.providers[id] = Provider(id=id, name=name, active=active, modified=stamp)


def _event(store: Store, number: int, *, rng: random.Random, epoch: datetime) -> Training:
    title, subject = _TITLES[number % len(_TITLES)]
    series = number // len(_TITLES)
    stamp = epoch - timedelta(days=724, seconds=rng.randrange(80_000))
    event = Training(
        id=guid(rng),
        number=f"EV-{1001 + number}",
        title=title if not series else f"{title} {series + 1}",
        description=f"<p>{title}</p>",
        provider=_PROVIDERS[number % 5][0],
        subjects=[subject],
        minimum=3,
        maximum=12,
        minutes=420,
        copies_availability=True,
        availabilities=[dict(EVERYBODY)],
        created=stamp,
        modified=stamp,
    )
    store.add_training(event)
    return event


def _session(
    store: Store, event: Training, occurrence: int, counts: Size, *, rng: random.Random, epoch: datetime, site: Ou, across: bool
) -> Session:
    """Spread evenly over the 24 months; the last one of every third event is still to come. ``across``: the first night of it is the
    one in which the clocks last changed at the site, if they do."""
    ahead = occurrence == counts.sessions_per_event - 1 and int((event.number or "0")[-1]) % 3 == 0
    if ahead:
        day = epoch + timedelta(days=rng.randrange(7, 60))
    else:
        span = 700 // max(1, counts.sessions_per_event)
        day = epoch - timedelta(days=occurrence * span + rng.randrange(10, max(11, span)))
    days = rng.choice((1, 1, 2, 2, 3))
    if across and not ahead:
        changed = last_change(site.time_zone, before=epoch - timedelta(days=10))
        if changed is not None:
            day, days = changed, max(2, days)
    parts = []
    for number in range(days):
        date = (day + timedelta(days=number)).replace(tzinfo=None)
        start = to_utc(date.replace(hour=9), label=site.time_zone)
        end = to_utc(date.replace(hour=16, minute=30), label=site.time_zone)
        name = f"Day {number + 1}"
        zone = site.time_zone or UTC_LABEL
        parts.append(Part(id=store.number("part"), name=name, start=start, end=end, location_ref=site.external_id, time_zone=zone))
    stamp = min(parts[0].start - timedelta(days=30), epoch - timedelta(days=2))
    session = Session(
        id=guid(rng),
        event_id=event.id,
        session_id=f"S-{(event.number or '')[3:]}-{occurrence + 1:02d}",
        locator=store.number("locator"),
        minimum=event.minimum,
        maximum=max(event.maximum or 0, counts.learners_per_session),
        min_parts=len(parts),
        parts=parts,
        availabilities=[dict(EVERYBODY)],
        submitted=not ahead,
        created=stamp,
        modified=stamp,
    )
    store.add_session(session)
    return session


def _learners(store: Store, session: Session, count: int, *, rng: random.Random, epoch: datetime) -> None:
    last = session.ends_at
    assert last is not None
    over = last < epoch
    actor = store.users.by_ref(ACTOR)
    for index in sorted(rng.sample(range(1, len(store.users)), min(count, len(store.users) - 1))):
        user_id = FIRST_ID + index
        outcome = rng.choices((statuses.COMPLETED, statuses.INCOMPLETE, statuses.NO_SHOW, statuses.WITHDRAWN), (65, 15, 10, 10))[0]
        status = outcome if over else statuses.REGISTERED
        registered = session.created + timedelta(seconds=rng.randrange(86_400))
        attended = {statuses.COMPLETED: True, statuses.NO_SHOW: False}.get(status)
        marks = {} if attended is None else {part.id: attended for part in session.parts}
        if status == statuses.INCOMPLETE:
            marks = (
                {part.id: number > 0 for number, part in enumerate(session.parts)}
                if len(session.parts) > 1
                else {session.parts[0].id: True}
            )
        closed = last + timedelta(hours=rng.randrange(1, 48))
        row = TranscriptRow(
            serial=len(store.transcripts.rows),
            user_id=user_id,
            object_id=session.id,
            object_type="Session",
            reg_num=1,
            status=status,
            assigned_at=registered,
            registered_at=registered,
            completed_at=closed if status == statuses.COMPLETED else None,
            withdrawn_at=session.created + timedelta(days=2) if status == statuses.WITHDRAWN else None,
            score=float(rng.randrange(60, 101)) if status == statuses.COMPLETED else None,
            passed={statuses.COMPLETED: True, statuses.INCOMPLETE: False}.get(status),
            attendance=marks,
            assigned_by=actor.id if actor else None,
            modified=min(closed, epoch) if over else registered,
        )
        store.transcripts.add(row)
