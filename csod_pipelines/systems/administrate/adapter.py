"""Administrate behind the protocol of systems/base.py. Every method is a short call into the module of its subject."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from csod_pipelines.model.keys import Kind, RecordKey, SystemName
from csod_pipelines.model.readings import Reading, Roster
from csod_pipelines.model.records import Record, Value
from csod_pipelines.systems.administrate import client, oauth, webhooks
from csod_pipelines.systems.administrate.custom_fields import CustomFields, Providers
from csod_pipelines.systems.administrate.feeds import Feeds
from csod_pipelines.systems.administrate.learners import Learners
from csod_pipelines.systems.administrate.logs import LogEntry, write_logs
from csod_pipelines.systems.administrate.lookups import Lookups
from csod_pipelines.systems.administrate.nodes import Nodes
from csod_pipelines.systems.administrate.options import AdministrateOptions
from csod_pipelines.systems.administrate.writes import Writes
from csod_pipelines.systems.base import ChangePage, Draft, OutcomeRow, Page, Refusal, Written
from csod_pipelines.systems.contract import Contract
from csod_pipelines.systems.errors import Refused, Unauthorized, Unsupported
from csod_pipelines.systems.tokens import TokenCache
from csod_pipelines.systems.transport import House, Transport

#: The word of each kind in an address that a person can open.
PAGES: Mapping[Kind, str] = {
    Kind.ORG_UNIT: "account",
    Kind.PERSON: "contact",
    Kind.LOCATION: "location",
    Kind.SUBJECT: "learning_category",
    Kind.COURSE: "course_template",
    Kind.OFFERING: "event",
    Kind.ENROLLMENT: "learner",
}


class AdministrateSystem:
    name = SystemName.ADMINISTRATE

    def __init__(self, options: AdministrateOptions, *, house: House, contract: Contract) -> None:
        self.options = options
        self.contract = contract
        self.transport = Transport(self.name, house=house, blocked_until=client.blocked_until, refused=Unauthorized)
        self.transport.tokens = TokenCache(partial(oauth.fetch, self.transport, options=options, contract=contract), clock=house.clock)
        self.client = client.Client(self.transport, options=options, contract=contract)
        nodes = Nodes(self.client)
        self.custom_fields = CustomFields(self.client)
        providers = Providers(self.client, self.custom_fields)
        self._lookups = Lookups(self.client, nodes, providers)
        self._writes = Writes(self.client, nodes, self.custom_fields, providers)
        self._learners = Learners(self.client, nodes)
        self._feeds = Feeds(self.client, nodes, providers)

    def now(self) -> datetime:
        return self.transport.clock.now()

    def ping(self) -> None:
        """The cheapest call that proves address and credentials."""
        self.client.run("Hello")

    def read(self, kind: Kind, id: str) -> Reading:
        return self._lookups.read(kind, id)

    def read_many(self, kind: Kind, ids: Sequence[str]) -> Mapping[str, Reading]:
        return self._lookups.read_many(kind, ids)

    def find(self, kind: Kind, wanted: Value, *, marker: str | None = None, facts: Mapping[str, Any] | None = None) -> tuple[Record, ...]:
        return self._lookups.find(kind, wanted, marker=marker, facts=facts)

    def find_by_external_id(self, kind: Kind, name: str, value: str) -> Record | None:
        return self._lookups.find_by_external_id(kind, name, value)

    def create(self, draft: Draft) -> Written:
        return self._writes.create(draft)

    def create_many(self, drafts: Sequence[Draft]) -> tuple[Written | Refusal, ...]:
        return self._writes.create_many(drafts)

    def update(self, kind: Kind, id: str, value: Value, fields: frozenset[str]) -> Written:
        return self._writes.update(kind, id, value, fields)

    def update_many(self, kind: Kind, rows: Sequence[tuple[str, Value, frozenset[str]]]) -> tuple[Written | Refusal, ...]:
        """Accounts or contacts, a batch in one request."""
        return self._writes.update_many(kind, rows)

    def remember(self, key: RecordKey, ids: Mapping[str, str]) -> None:
        refusal = self._writes.remember_many([(key, ids)])[0]
        if refusal is not None:
            raise Refused(refusal.message, code=refusal.code, fields=refusal.fields)

    def remember_many(self, rows: Sequence[tuple[RecordKey, Mapping[str, str]]]) -> tuple[Refusal | None, ...]:
        return self._writes.remember_many(rows)

    def create_and_remember(
        self, drafts: Sequence[Draft], rows: Sequence[tuple[RecordKey, Mapping[str, str]]]
    ) -> tuple[tuple[Written | Refusal, ...], tuple[Refusal | None, ...]]:
        """``create_many`` of this batch and ``remember_many`` of the one before, in one request where they fit."""
        return self._writes.create_and_remember(drafts, rows)

    def scan(self, kind: Kind) -> Iterator[Page]:
        return self._feeds.scan(kind)

    def changes(self, kind: Kind, cursor: str | None) -> ChangePage:
        return self._feeds.changes(kind, cursor)

    def cursor_from(self, moment: datetime) -> str:
        return self._feeds.cursor_from(moment)

    def enrollments_between(self, start: datetime, end: datetime) -> Iterator[Page]:
        raise Unsupported("administrate keeps no registration date of a learner; read the rosters of the month's events")

    def roster(self, offering_id: str) -> Roster:
        return self._learners.roster(offering_id)

    def register(self, offering_id: str, people: Sequence[Record], *, title: str, notify: bool = False) -> Mapping[str, Written | Refusal]:
        """``notify`` has no counterpart here: whether a registration sends a letter is a setting of the instance."""
        return self._learners.register(offering_id, people, title=title)

    def withdraw(self, offering_id: str, enrollment: Record, *, reason: str, notify: bool = False) -> Written:
        return self._learners.cancel(enrollment.id)

    def reactivate(self, offering_id: str, enrollment: Record) -> Written:
        return self._learners.reactivate(enrollment.id)

    def record_outcomes(self, offering_id: str, rows: Sequence[OutcomeRow], *, submit: bool) -> Mapping[str, Written | Refusal]:
        return self._learners.record_outcomes(rows)

    def assignment_state(self, assignment_id: str) -> str | None:
        return None

    def find_assignment(self, title: str) -> str | None:
        return None

    def offering_of(self, part_id: str) -> str | None:
        session = self.client.run("ReadSessionEvent", {"id": part_id}).get("node") or {}
        return (session.get("event") or {}).get("id")

    def link_to(self, key: RecordKey, facts: Mapping[str, Any]) -> str | None:
        base, page = self.options.ui_url, PAGES.get(key.kind)
        legacy = facts.get("legacy_id") or _number_in(key.id)
        if not base or page is None or legacy is None:
            return None
        return str(self.contract.rule("ui_link")).format(base=base.rstrip("/"), type=page, legacy_id=legacy)

    def active_hooks(self, slugs: Iterable[str]) -> tuple[str, ...]:
        """Which of our webhooks of these types send just now."""
        wanted = set(slugs)
        ours = webhooks.installed(self.client, instance=self.options.instance)
        return tuple(sorted(hook.slug for hook in ours if hook.slug in wanted and hook.state == "active"))

    def set_hooks(self, slugs: Iterable[str], *, active: bool) -> tuple[str, ...]:
        return webhooks.set_active(self.client, slugs, active=active, instance=self.options.instance)

    def write_logs(self, entries: Sequence[LogEntry]) -> tuple[Refusal | None, ...]:
        """Integration Log entries, batched by aliases; one answer an entry."""
        return write_logs(self.client, entries)


def _number_in(global_id: str) -> str | None:
    """The number that people know a record by, for a link alone: everywhere else ids are opaque."""
    try:
        number = base64.b64decode(global_id, validate=True).decode("ascii").rpartition(":")[2]
    except ValueError:
        return None
    return number if number.isdigit() else None
