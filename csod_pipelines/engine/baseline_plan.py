"""What an import would do, record by record, and how long it would take at the vendor's limit. Nothing is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from csod_pipelines.model.keys import VENDOR_WORDS, Kind, RecordKey, SystemName
from csod_pipelines.model.reasons import explain, remedy
from csod_pipelines.model.records import Location, OrgUnit, Person, Provider, Record, Subject

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
#: In the order in which they are imported: what others refer to comes first.
KINDS = (Kind.ORG_UNIT, Kind.PERSON, Kind.LOCATION, Kind.SUBJECT, Kind.PROVIDER)
CREATE, PAIR, PARK, LEAVE, DONE = "create", "pair", "park", "leave out", "nothing to do"


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What would become of one record. ``administrate_id`` of a pair is the account, contact ... that is there already."""

    record: Record
    action: str
    reason: str = ""
    params: Mapping[str, Any] = field(default_factory=dict)
    administrate_id: str = ""

    def as_row(self) -> dict[str, str]:
        """For people of the customer: it names persons, so it goes to a file of theirs and never into a run."""
        value = self.record.value
        person = value if isinstance(value, Person) else None
        return {
            "what": VENDOR_WORDS[self.record.key.kind][C],
            "cornerstone": self.record.id,
            "name": _name(value),
            "e-mail": (person.email or "") if person else "",
            "org unit": (person.org_unit_id or "") if person else "",
            "would": self.action,
            "administrate": self.administrate_id,
            "reason": explain(self.reason, self.params) if self.reason else "",
            "what to do": remedy(self.reason) if self.reason and self.action == PARK else "",
        }


def _name(value: Any) -> str:
    if isinstance(value, Person):
        return f"{value.first_name} {value.last_name}".strip()
    if isinstance(value, Subject):
        return " / ".join(value.path)
    return value.name if isinstance(value, OrgUnit | Location | Provider) else ""


@dataclass(slots=True)
class ImportPlan:
    """``told`` hears of every record; only counts are kept. ``expected``: accounts that would be there when contacts need them."""

    told: Callable[[Planned], None] = lambda planned: None
    counts: Counter[tuple[Kind, str]] = field(default_factory=Counter)
    reasons: Counter[tuple[Kind, str, str]] = field(default_factory=Counter)
    expected: set[RecordKey] = field(default_factory=set)

    def note(self, planned: Planned) -> None:
        kind = planned.record.key.kind
        self.counts[kind, planned.action] += 1
        if planned.reason and planned.action in (PARK, LEAVE):
            self.reasons[kind, planned.action, planned.reason] += 1
        if kind is Kind.ORG_UNIT and planned.action in (CREATE, PAIR, DONE):
            self.expected.add(planned.record.key)
        self.told(planned)

    def per_kind(self) -> dict[str, int]:
        found: Counter[str] = Counter()
        for (kind, _), number in self.counts.items():
            found[kind.value] += number
        return dict(found)

    def rows(self, *, batch: int, per_second: float) -> list[dict[str, Any]]:
        return [self._row(kind, batch=batch, per_second=per_second) for kind in KINDS]

    def _row(self, kind: Kind, *, batch: int, per_second: float) -> dict[str, Any]:
        created, paired = self.counts[kind, CREATE], self.counts[kind, PAIR]
        calls = requests_for(kind, created=created, paired=paired, batch=batch)
        return {
            "what": f"{VENDOR_WORDS[kind][C]} -> {VENDOR_WORDS[kind][A]}",
            "records": self.per_kind().get(kind.value, 0),
            "create": created,
            "pair": paired,
            "nothing to do": self.counts[kind, DONE],
            "leave out": self.counts[kind, LEAVE],
            "park": self.counts[kind, PARK],
            "calls": calls,
            "seconds at the limit": round(calls / per_second, 1),
        }


def requests_for(kind: Kind, *, created: int, paired: int, batch: int) -> int:
    """Writes to Administrate. Contacts travel with the ids of the batch before; accounts need their own request for them; the
    other kinds are created one by one."""
    both = created + paired
    if kind is Kind.PERSON:
        return ceil(both / batch) + 1 if both else 0
    if kind is Kind.ORG_UNIT:
        return ceil(created / batch) + ceil(both / batch)
    return created + (ceil(both / batch) if kind is not Kind.PROVIDER else 0)
