"""What csod_pipelines.yaml may say: every key, its default, what it does.

The defaults are the safe ones for a live portal. Secrets and addresses are no part of this file; they come from
the environment (settings.py). Unknown keys are refused, so a typing error cannot switch a rule off silently.
"""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from csod_pipelines.model.keys import Flow
from csod_pipelines.model.outcomes import Mode

DIVISION = 2  # Cornerstone's OU types: 2 division, 4 position, 16 cost center, 32 location, 128 group


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class PeopleFilter(Section):
    pilot_group: str | None = None
    """Id of a Cornerstone group OU; when given, only its users are kept in step."""
    exclude_user_names: tuple[str, ...] = ()
    """Shell patterns of Cornerstone user names that are left alone, such as svc-*."""


class RecordFilter(Section):
    codes: tuple[str, ...] = ()
    """Shell patterns of codes; empty takes all."""
    exclude_codes: tuple[str, ...] = ()
    """Shell patterns of codes that are left alone; wins over codes."""


class Scope(Section):
    """Which records are kept in step. Leaving the scope stops the sync and deactivates nothing."""

    ou_types: tuple[int, ...] = (DIVISION,)
    """Cornerstone OU types that become Administrate accounts."""
    contact_account_from: int = DIVISION
    """The one OU type that decides a contact's account; a contact has exactly one."""
    ou_roots: tuple[str, ...] = ()
    """Ids of Cornerstone OUs; when given, only they and what is below them."""
    people: PeopleFilter = PeopleFilter()
    """Which users and contacts."""
    course_templates: RecordFilter = RecordFilter()
    """Which course templates, by code."""
    events: RecordFilter = RecordFilter()
    """Which Administrate events, by code."""
    live_from: date | None = None
    """Nothing published before this day (and not changed since) is created in Cornerstone. Empty: no such limit."""


class AdministrateSection(Section):
    region: str | None = None
    """Code of the region for new locations. Empty: the only region."""
    vendor_field: str = "training_provider"
    """Locator of the course template custom field that holds the vendor."""
    webhook_notify: tuple[str, ...] = ()
    """E-mail addresses that Administrate tells about webhooks it cannot deliver."""


class Catalogue(Section):
    audience: tuple[str, ...] = ()
    """Ids of Cornerstone OUs to which new events are available. Empty: everybody."""
    languages: tuple[str, ...] = ("en-US",)
    """Languages in which new Cornerstone events are available."""
    provider: str | None = None
    """Cornerstone vendor of an event whose template names none; Cornerstone creates no event without one."""
    virtual_location: str | None = None
    """Id of the location OU of parts held online."""


class PersonSection(Section):
    write_back: tuple[Literal["first_name", "last_name", "email", "mobile"], ...] = ()
    """Fields that also go from Administrate to Cornerstone."""
    match_by_name: bool = True
    """Whether an existing person may be recognised by e-mail and family name, besides external ids."""


class NewUser(Section):
    external_id_prefix: str = "ADM-"
    """Before the legacy id of the contact (or account) that a Cornerstone user (or OU) was created for."""
    user_name_from: Literal["email", "external_id"] = "email"
    """What new Cornerstone users sign in with."""
    display_language: str = "en-US"
    """Language of new Cornerstone users."""
    time_zone: str | None = None
    """Time zone label of new Cornerstone users. Empty: the portal's default."""
    org_unit: str | None = None
    """Id of the OU of a user whose account has none (an individual's). Empty: such a user has no OU of that type."""


class EnrollmentSection(Section):
    route: Literal["assignment", "transcript"] = "assignment"
    """How people are registered: Learning Assignment API, or Transcript v1."""
    gather_seconds: float = Field(default=3.0, ge=0, le=60)
    """After the first change of a roster, how long what follows is gathered."""
    historical_offerings: Literal["skip"] = "skip"
    """What the backfill does with an enrollment on a session that Administrate does not hold: it lists it and leaves it alone."""


class Results(Section):
    submit_after_hours: float = Field(default=72.0, ge=0)
    """Hours after the end at which a roster is submitted although marks are missing."""
    fill_attendance: bool = True
    """Whether a completion in Cornerstone fills parts that nobody marked in Administrate."""


class Notifications(Section):
    sender: Literal["none", "administrate", "cornerstone"] = "none"
    """The one side that writes to learners. Imports and reconciliations never do."""


class Brake(Section):
    count: int = Field(ge=1)
    """Writes an hour, or a batch, after which the flow stops."""
    percent: float = Field(gt=0, le=100)
    """The same as a share of the linked records; the smaller one counts."""


class Brakes(Section):
    deactivations: Brake = Brake(count=20, percent=5)
    """Users, contacts, OUs and accounts made inactive."""
    withdrawals: Brake = Brake(count=100, percent=5)
    """Registrations cancelled or withdrawn; one cancelled offering counts once."""
    moves: Brake = Brake(count=200, percent=10)
    """OUs, locations, subjects and vendors renamed or moved to another parent; users moved to another OU."""
    minimum: int = Field(default=5, ge=1)
    """No brake stops a flow before this many writes."""
    empty_side: int = Field(default=10, ge=1)
    """A side that reads no rows although this many links live stops the flow."""
    writes_in_ten_minutes: int = Field(default=5, ge=1)
    """A record written to and fro more often than this within ten minutes is parked: two systems may be undoing each other."""


class Limits(Section):
    administrate_per_second: float = Field(default=20.0, gt=0)
    """Requests a second at Administrate (its documented limit)."""
    administrate_batch: int = Field(default=50, ge=1, le=500)
    """Records in one Administrate mutation."""
    import_hands: int = Field(default=6, ge=1, le=8)
    """Batches of an import under way at once, so that the rate limit and not the time of an answer is what it waits for."""
    cornerstone_per_minute: int = Field(default=60, ge=1)
    """Calls a minute at a Cornerstone endpoint without a published limit."""
    cornerstone_endpoints: dict[str, int] = {}
    """Calls a minute by endpoint, where the portal's limits differ from the published ones."""
    assignments_per_day: int = Field(default=60_000, ge=1)
    """User assignments a UTC day through the Learning Assignment API."""
    reserve_percent: float = Field(default=20.0, ge=0, le=90)
    """Share of every limit kept for real-time flows; batches borrow it while nobody needs it."""


class Schedules(Section):
    """Five cron fields each; empty switches the schedule off."""

    time_zone: str = "UTC"
    """In which the times below are meant."""
    org_units: str = "0 3 * * *"
    """Daily OU reconciliation."""
    people: str = "30 3 * * *"
    """Daily people reconciliation."""
    catalog: str = "0 4 * * *"
    """Daily catalogue reconciliation."""
    enrollments: str = "30 4 * * *"
    """Daily enrollment reconciliation."""
    results: str = "0 5 * * *"
    """Daily result reconciliation."""


class Retention(Section):
    inbox_days: int = Field(default=90, ge=7)
    """Bodies of webhook deliveries."""
    exchange_body_days: int = Field(default=90, ge=1)
    """Bodies of the requests and answers in the ledger."""


class FlowSection(Section):
    linger_seconds: float = Field(default=60.0, ge=0, le=3_600)
    """How long a run waits for the next change before it ends; 0 ends it at once."""
    max_runtime_seconds: float = Field(default=900.0, ge=10, le=7_200)
    """After which a run hands over to the next one."""


class Modes(Section):
    """The most that a flow may do: off, observe or live. On a portal that is no sandbox, live begins with go-live."""

    people_sync: Mode = Mode.LIVE
    """Users and contacts, accounts created in Administrate."""
    catalog_publish: Mode = Mode.LIVE
    """Course templates and events."""
    enrollment_sync: Mode = Mode.LIVE
    """Registrations and cancellations."""
    result_sync: Mode = Mode.LIVE
    """Attendance and results."""
    daily_ou_reconciliation: Mode = Mode.LIVE
    """Organizational units."""
    initial_import: Mode = Mode.LIVE
    """The baseline import."""
    historical_enrollments: Mode = Mode.LIVE
    """The backfill of enrollments."""

    def of(self, flow: Flow) -> Mode:
        return getattr(self, flow.value)


class Config(Section):
    """The whole of csod_pipelines.yaml."""

    scope: Scope = Scope()
    """Which records are kept in step."""
    administrate: AdministrateSection = AdministrateSection()
    """What new records in Administrate need."""
    catalogue: Catalogue = Catalogue()
    """What new events and sessions in Cornerstone need."""
    person: PersonSection = PersonSection()
    """Matching and write-back of people."""
    new_user: NewUser = NewUser()
    """What new users and OUs in Cornerstone need."""
    enrollment: EnrollmentSection = EnrollmentSection()
    """Registration."""
    results: Results = Results()
    """Attendance and results."""
    notifications: Notifications = Notifications()
    """Who writes to learners."""
    brakes: Brakes = Brakes()
    """When a flow stops by itself."""
    limits: Limits = Limits()
    """How fast the vendors are called."""
    schedules: Schedules = Schedules()
    """When the daily jobs run."""
    retention: Retention = Retention()
    """How long things are kept. Operations, outcomes and decisions stay for good: they can only be added to."""
    flow: FlowSection = FlowSection()
    """How long runs of the real-time flows last."""
    modes: Modes = Modes()
    """What each flow may do."""

    @property
    def digest(self) -> str:
        """Of the values in force, so that it says the same for a file and for the defaults it repeats."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()

    @property
    def section_digests(self) -> dict[str, str]:
        """The same of each section, shortened: they tell which of them was changed."""
        return {
            name: hashlib.sha256(value.model_dump_json().encode()).hexdigest()[:12] for name, value in self if isinstance(value, Section)
        }
