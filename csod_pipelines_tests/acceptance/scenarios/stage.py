"""The stage on which a scenario plays: both sandboxes over HTTP, a real database, houses that come and go, and time that travels.

A module makes one stage and imports once; its scenarios take people and events of their own from it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from csod_pipelines.engine.planning import make_plan
from csod_pipelines.model.keys import Flow, Kind
from csod_pipelines.runtime import House, open_house
from csod_pipelines.sandbox.serve import Running, running
from csod_pipelines.settings import Settings, load_settings
from csod_pipelines.store.provision import Urls
from csod_pipelines.systems.base import Seams
from csod_pipelines_tests.acceptance.scenarios.mail import Mail, delivering
from csod_pipelines_tests.acceptance.scenarios.travel import TravelClock
from csod_pipelines_tests.acceptance.world import CONFIG, FLOWS, PREFIX, Vendor

SIZE = {"users": 60, "ous": 26, "events": 2, "sessions_per_event": 1, "learners_per_session": 2}
BASELINE = (Kind.ORG_UNIT, Kind.LOCATION, Kind.SUBJECT, Kind.PROVIDER, Kind.PERSON)
DIVISION = 2
MINUTE = 61.0  # after it the vendors' limits begin anew: a plan does not wait for them
MAX_ROUNDS = 40
#: Work that becomes due within this time is waited for; what comes later belongs to another day.
HORIZON_SECONDS = 4 * 3600.0
PORTAL = "csod:sandbox"
#: Two contacts that Administrate has had for long share this address and their name.
NAMESAKES = "pia@example.org"
#: Many scenarios of one module share an hour and few people; brakes have scenarios of their own.
NO_BRAKES = {"minimum: 5": "minimum: 10000"}


@dataclass(slots=True)
class Stage:
    administrate: Vendor
    cornerstone: Vendor
    shells: dict[str, Running]
    urls: Urls
    settings: Settings
    clock: TravelClock
    house: House
    variables: dict[str, str]
    _stack: ExitStack
    mail: Mail | None = None
    feeds: bool = True
    killed: int = 0
    standing: list[str] = field(default_factory=list)  # differences and parked units that earlier scenarios left
    parked: list[str] = field(default_factory=list)
    open: set[str] = field(default_factory=set)
    _owners: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _people: Iterator[dict[str, Any]] | None = None
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    # ---- the house

    def another_house(self, *, seams: Seams | None = None) -> House:
        """A further process on the same database, as after a restart, or on another host."""
        return self._stack.enter_context(open_house(self.settings, run_id=f"house-{next(self._owners)}", seams=seams, clock=self.clock))

    def work(self, house: House | None = None, *, owner: str | None = None) -> int:
        """Let webhooks arrive, read the feeds, then drain every flow once; how many operations that made."""
        house = house or self.house
        owner = owner or f"worker-{next(self._owners)}"
        if self.mail is not None:
            self.mail.arrive()
        if self.feeds:
            house.engine.observe(force=True)
        return sum(self._drain(house, flow, owner) for flow in FLOWS)

    def _drain(self, house: House, flow: Flow, owner: str) -> int:
        return sum(house.engine.drain(flow, owner=owner, linger_seconds=0, max_seconds=3600).operations.values())

    def settle(self, *, horizon: float = HORIZON_SECONDS) -> int:
        """Work until nothing is left that becomes due within the horizon; time passes as needed."""
        wrote = 0
        for _ in range(MAX_ROUNDS):
            made = self.work()
            wrote += made
            due = self.next_due()
            if due is None and not made:
                return wrote
            if due is not None:
                wait = (due - self.clock.utcnow()).total_seconds()
                if wait > horizon and not made:
                    return wrote
                if 0 < wait <= horizon:
                    self.clock.travel(wait + 0.05)
        status = self.house.engine.status()["flows"]
        last = [(row["what"], row["outcome"], row["reason"]) for row in self.house.engine.operations(limit=4)]
        raise AssertionError(f"still at work after {MAX_ROUNDS} rounds: {status}; {last}")

    def next_due(self) -> datetime | None:
        """When the next unit may be worked; now, if one is ready."""
        found = [self.house.engine.waiting(flow) for flow in FLOWS]
        if any(each.ready for each in found):
            return self.clock.utcnow()
        return min((each.next_ready_at for each in found if each.next_ready_at), default=None)

    def reconcile(self, *kinds: Kind) -> None:
        for kind in kinds or tuple(Kind):
            self.house.engine.reconcile(kind, mode="apply", owner=f"worker-{next(self._owners)}")

    # ---- what the ledger says

    def operations(self, **wanted: Any) -> list[dict[str, Any]]:
        """The newest operations first, in the vendors' words."""
        rows = self.house.engine.operations(limit=200)
        return [row for row in rows if all(row.get(k) == v for k, v in wanted.items())]

    def to_dos(self) -> list[dict[str, Any]]:
        """What stands open for an administrator of Cornerstone."""
        self.clock.travel(MINUTE)
        return make_plan(self.house.engine.context(dry=True), [Kind.OFFERING]).to_do

    def reasons(self, record: str) -> list[str]:
        """Sentences of the ledger about a record, the newest first."""
        rows = self.house.engine.operations(limit=200)
        return [row["reason"] for row in rows if record in (row["administrate"], row["cornerstone"])]

    # ---- people and events of one's own

    def person(self) -> Person:
        """An imported person whom no other scenario of the module has taken."""
        if self._people is None:
            users = {row["id"]: row for row in self.cornerstone.rows("users") if row["active"] and row["primary_email"]}
            contacts = self.administrate.rows("contacts")
            held = [c for c in contacts if int(c["external_ids"].get(f"{PORTAL}:user", 0)) in users]
            self._people = iter([c for c in held if "svc" not in users[int(c["external_ids"][f"{PORTAL}:user"])]["external_id"]])
        contact = next(self._people)
        return Person(self, contact_id=contact["id"], user_id=int(contact["external_ids"][f"{PORTAL}:user"]))

    def event(self, *, parts: int = 1, days: float = 7, places: int | None = 12, publish: bool = True, **more: Any) -> Event:
        """A published event of its own; its session appears once the stage has settled."""
        number = next(self._numbers)
        template = self.administrate.row("course_templates", code=more.pop("template", "FIRE-101"))
        zone = more.pop("time_zone_name", "Europe/Paris")
        sessions = more.pop("sessions", None) or [self.day(n, days=days, zone=zone) for n in range(parts)]
        made = self.administrate.act(
            "create_event",
            **{
                "course_template_id": template["id"],
                "title": f"Training {number}",
                "time_zone_name": zone,
                "min_places": 1,
                "max_places": places,
                "sessions": sessions,
                "publish": publish,
                **more,
            },
        )
        return Event(self, made["id"])

    def day(self, number: int, *, days: float = 7, zone: str = "Europe/Paris", title: str | None = None) -> dict[str, Any]:
        """One session of half an hour, as a person would type it."""
        start = (
            (self.clock.utcnow() + timedelta(days=days + number)).astimezone(ZoneInfo(zone)).replace(tzinfo=None, microsecond=0, second=0)
        )
        return {"title": title or f"Day {number + 1}", "start": start.isoformat(), "end": (start + timedelta(minutes=30)).isoformat()}

    def vendor_now(self) -> datetime:
        """By Cornerstone's clock."""
        return self.shells["cornerstone"].shell.clock.now()

    def until(self, instant: str | datetime, *, past_seconds: float = 5.0) -> None:
        """Travel to an instant of Cornerstone's clock, if it is still to come."""
        moment = datetime.fromisoformat(instant) if isinstance(instant, str) else instant
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        wait = (moment - self.vendor_now()).total_seconds() + past_seconds
        if wait > 0:
            self.clock.travel(wait)


@dataclass(frozen=True, slots=True)
class Person:
    stage: Stage
    contact_id: str
    user_id: int

    @property
    def contact(self) -> dict[str, Any]:
        return self.stage.administrate.row("contacts", id=self.contact_id)

    @property
    def user(self) -> dict[str, Any]:
        return self.stage.cornerstone.row("users", id=self.user_id)


@dataclass(frozen=True, slots=True)
class Event:
    """One Administrate event and, once published, its Cornerstone session."""

    stage: Stage
    id: str

    @property
    def row(self) -> dict[str, Any]:
        return self.stage.administrate.row("events", id=self.id)

    @property
    def sessions(self) -> list[dict[str, Any]]:
        rows = self.stage.administrate.rows("sessions", event_id=self.id)
        return sorted(rows, key=lambda row: row["start"])

    @property
    def session(self) -> dict[str, Any]:
        return self.stage.cornerstone.row("sessions", session_id=f"ADM-{self.row['legacy_id']}")

    def register(self, person: Person, **more: Any) -> str:
        return self.stage.administrate.act("register", event_id=self.id, contact_id=person.contact_id, **more)["id"]

    def learners(self, person: Person) -> list[dict[str, Any]]:
        return self.stage.administrate.rows("learners", event_id=self.id, contact_id=person.contact_id)

    def learner(self, person: Person) -> dict[str, Any]:
        rows = self.learners(person)
        assert len(rows) == 1, f"{len(rows)} learners instead of one: {rows}"
        return rows[0]

    def transcripts(self, person: Person) -> list[dict[str, Any]]:
        """The person's rows of the session, the newest last."""
        rows = self.stage.cornerstone.rows("transcripts", object_id=self.session["id"], user_id=person.user_id)
        return sorted(rows, key=lambda row: row["registration_number"])

    def status(self, person: Person) -> str | None:
        """What Cornerstone says of the person now."""
        rows = [row for row in self.transcripts(person) if not row["removed"]]
        return rows[-1]["status"] if rows else None

    def on_cornerstone(self, action: str, person: Person, **more: Any) -> dict[str, Any]:
        return self.stage.cornerstone.act(action, user_id=person.user_id, session_id=self.session["id"], **more)

    def mark(self, person: Person, *attended: bool) -> None:
        """Attendance of the event's sessions in order of their start."""
        learner = self.learner(person)["id"]
        for session, present in zip(self.sessions, attended, strict=False):
            self.stage.administrate.act("mark_attendance", learner_id=learner, session_id=session["id"], attended=present)

    def result(self, person: Person, passed: bool) -> None:
        self.stage.administrate.act("record_result", learner_id=self.learner(person)["id"], has_passed=passed)

    def end(self) -> None:
        """Let time pass until the last session is over."""
        self.stage.until(self.sessions[-1]["end"])


@contextmanager
def staged(
    urls: Urls,
    home: Path,
    *,
    size: Any = None,
    administrate: Any = "small",
    edits: Mapping[str, str] = NO_BRAKES,
    imported: bool = True,
    webhooks: bool = False,
    prepare: Callable[[Vendor, Vendor], None] = lambda administrate, cornerstone: None,
    **variables: str,
) -> Iterator[Stage]:
    """A fresh pair of vendors, imported unless told otherwise, with one published course. ``edits``: lines of the shipped
    settings file -> what they are replaced by."""
    with ExitStack() as stack:
        a = stack.enter_context(running("administrate", size=administrate))
        c = stack.enter_context(running("cornerstone", size=size or SIZE))
        clock = TravelClock([a.shell.clock, c.shell.clock])
        file = home / "csod_pipelines.yaml"
        file.write_text(edited_config(edits), encoding="utf-8")
        env = {PREFIX + name: value for name, value in (_variables(home, file, urls, a.url, c.url) | variables).items()}
        settings = load_settings(env)
        vendors = Vendor(a.url), Vendor(c.url)
        prepare(*vendors)
        house = stack.enter_context(open_house(settings, run_id="test", clock=clock))
        made = Stage(
            administrate=vendors[0],
            cornerstone=vendors[1],
            shells={"administrate": a, "cornerstone": c},
            urls=urls,
            settings=settings,
            clock=clock,
            house=house,
            variables=env,
            _stack=stack,
        )
        if imported:
            _namesakes(made)
        if webhooks:
            made.mail = stack.enter_context(delivering(settings, env, shells=[a.shell, c.shell], now=clock.utcnow))
        if imported:
            _import(made)
        yield made


def edited_config(edits: Mapping[str, str]) -> str:
    text = CONFIG.read_text(encoding="utf-8")
    for old, new in edits.items():
        assert old in text, f"the settings file has no {old!r}"
        text = text.replace(old, new)
    return text


def _namesakes(stage: Stage) -> None:
    root = stage.administrate.rows("accounts")[0]["id"]
    for _ in range(2):
        stage.administrate.act("create_contact", first_name="Pia", last_name="Namesake", email_address=NAMESAKES, account_id=root)


def _import(stage: Stage) -> None:
    stage.clock.travel(3600)
    stage.house.engine.observe(force=True)
    for kind in BASELINE:
        stage.house.engine.import_baseline(kind, mode="apply", owner="import")
    template = stage.administrate.row("course_templates", code="FIRE-101")
    stage.administrate.act("publish_template", id=template["id"])
    stage.settle()


def _variables(home: Path, config: Path, urls: Urls, administrate: str, cornerstone: str) -> dict[str, str]:
    return {
        "HOME": str(home),
        "CONFIG": str(config),
        "DATABASE_URL": urls.engine,
        "GATEWAY_DATABASE_URL": urls.gateway,
        "ADMINISTRATE_AUTH_URL": f"{administrate}/oauth/token",
        "ADMINISTRATE_API_URL": f"{administrate}/graphql",
        "ADMINISTRATE_CLIENT_ID": "sandbox",
        "ADMINISTRATE_CLIENT_SECRET": "sandbox-secret",
        "ADMINISTRATE_WEBHOOK_SECRET": "webhook-secret",
        "CORNERSTONE_BASE_URL": cornerstone,
        "CORNERSTONE_CLIENT_ID": "sandbox",
        "CORNERSTONE_CLIENT_SECRET": "sandbox-secret",
        "CORNERSTONE_WEBHOOK_API_KEY": "0123456789abcdef",
        "CORNERSTONE_ACTOR": "svc.integration",
        "FEED_SECONDS": "1",
    }
