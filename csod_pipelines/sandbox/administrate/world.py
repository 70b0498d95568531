"""All records of an instance and the indexes between them. Knows nothing of rules; those are in people, catalogue, training, learners."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from csod_pipelines.sandbox.administrate import ids
from csod_pipelines.sandbox.administrate.records import (
    Account,
    Company,
    Contact,
    CourseTemplate,
    Event,
    FieldDefinition,
    IntegrationLog,
    Learner,
    LearningCategory,
    Location,
    Region,
    Registration,
    Row,
    Session,
    Venue,
    Webhook,
)
from csod_pipelines.sandbox.administrate.settings import Settings
from csod_pipelines.sandbox.administrate.table import Table

R = TypeVar("R", bound=Row)
KINDS: dict[type[Row], str] = {
    Company: "companies",
    Account: "accounts",
    Contact: "contacts",
    Region: "regions",
    Location: "locations",
    Venue: "venues",
    LearningCategory: "learning_categories",
    FieldDefinition: "custom_field_definitions",
    CourseTemplate: "course_templates",
    Event: "events",
    Session: "sessions",
    Learner: "learners",
    Registration: "registrations",
    IntegrationLog: "integration_logs",
    Webhook: "webhooks",
}
# Sessions count on with events: one importer builds session ids with the events' prefix, and the two must not meet.
_COUNTERS: dict[type[Row], str] = {Session: "course", Event: "course"}


class World:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._tables: dict[type[Row], Table[Any]] = {kind: Table() for kind in KINDS}
        self._counters: dict[str, int] = {}
        self._external: dict[tuple[str, str], dict[str, Row]] = {}
        self._contacts_by_mail: dict[str, int | tuple[int, ...]] = {}
        self.contacts_of_account: dict[int, dict[int, None]] = {}
        self.children_of_account: dict[int, dict[int, None]] = {}
        self.sessions_of_event: dict[int, list[int]] = {}
        self.learners_of_event: dict[int, list[int]] = {}
        self.learners_of_contact: dict[int, list[int]] = {}
        self.events_of_template: dict[int, list[int]] = {}
        self.mailbox: list[dict[str, Any]] = []  # what the vendor would e-mail to the owners of failing webhooks

    # ---- tables and ids

    def table(self, kind: type[R]) -> Table[R]:
        return self._tables[kind]

    def table_of(self, row: R) -> Table[R]:
        return self._tables[type(row)]

    def version(self) -> int:
        return sum(table.version for table in self._tables.values())

    def next_id(self, kind: type[Row] | str) -> int:
        name = kind if isinstance(kind, str) else _COUNTERS.get(kind, kind.__name__)
        self._counters[name] = self._counters.get(name, 0) + 1
        return self._counters[name]

    def word(self, kind: type[Row]) -> str:
        if kind is Learner:
            return self.settings.text("learner_id_prefix")
        if kind is Session:
            return self.settings.text("session_id_prefix")
        return ids.PREFIXES.get(kind.__name__, kind.__name__)

    def gid(self, row: Row) -> str:
        return ids.encode(self.word(type(row)), row.id)

    def gid_of(self, kind: type[Row], id: int | None) -> str | None:
        return None if id is None else ids.encode(self.word(kind), id)

    def find(self, kind: type[R], gid: str | None) -> R | None:
        """The record of that kind with that global id."""
        parts = None if gid is None else ids.decode_number(gid)
        return None if parts is None or parts[0] != self.word(kind) else self._tables[kind].get(parts[1])

    def node(self, gid: str) -> Row | None:
        parts = ids.decode_number(gid)
        if parts is None:
            return None
        for kind in KINDS:
            if self.word(kind) == parts[0] and (row := self._tables[kind].get(parts[1])) is not None:
                return row
        return None

    # ---- contacts by mail

    def index_mails(self, contact: Contact) -> None:
        for mail in {mail.strip().casefold() for mail in contact.emails}:
            held = self._contacts_by_mail.get(mail)
            if held is None:
                self._contacts_by_mail[mail] = contact.id
            else:
                self._contacts_by_mail[mail] = (*((held,) if isinstance(held, int) else held), contact.id)

    def unindex_mails(self, contact: Contact) -> None:
        for mail in {mail.strip().casefold() for mail in contact.emails}:
            held = self._contacts_by_mail.get(mail, ())
            left = tuple(id for id in ((held,) if isinstance(held, int) else held) if id != contact.id)
            if not left:
                self._contacts_by_mail.pop(mail, None)
            else:
                self._contacts_by_mail[mail] = left[0] if len(left) == 1 else left

    def contacts_by_mail(self, mail: str) -> list[Contact]:
        held = self._contacts_by_mail.get(mail.strip().casefold(), ())
        return [self.table(Contact)[id] for id in sorted((held,) if isinstance(held, int) else held)]

    # ---- external ids

    def by_external(self, kind: str, name: str, value: str) -> Row | None:
        return self._external.get((kind, name), {}).get(value)

    def set_external(self, row: Row, name: str, value: str) -> None:
        index = self._external.setdefault((type(row).__name__, name), {})
        if row.external is None:
            row.external = {}
        elif name in row.external:
            index.pop(row.external[name], None)
        row.external[name] = value
        index[value] = row

    def drop_external(self, row: Row) -> None:
        for name, value in (row.external or {}).items():
            self._external.get((type(row).__name__, name), {}).pop(value, None)

    # ---- between records

    def sessions(self, event: Event) -> list[Session]:
        table = self.table(Session)
        return [table[id] for id in self.sessions_of_event.get(event.id, ())]

    def learners(self, event: Event) -> list[Learner]:
        table = self.table(Learner)
        return [table[id] for id in self.learners_of_event.get(event.id, ())]

    def learners_by_contact(self, contact: Contact) -> list[Learner]:
        table = self.table(Learner)
        return [table[id] for id in self.learners_of_contact.get(contact.id, ())]

    def account_line(self, account: Account) -> Iterator[Account]:
        """The account and those above it, up to the root."""
        seen: set[int] = set()
        current: Account | None = account
        while current is not None and current.id not in seen:
            seen.add(current.id)
            yield current
            current = self.table(Account).get(current.parent_id)

    def first(self, kind: type[R], test: Callable[[R], bool]) -> R | None:
        return next((row for row in self.table(kind).ordered if test(row)), None)
