"""The settings' scope: which records are kept in step at all. Leaving it stops the sync and deactivates nothing.

A record outside gets a reason code; None means inside. What may be created besides is the business of scope.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase

from csod_pipelines.engine.options import EngineOptions
from csod_pipelines.model.keys import Kind, SystemName
from csod_pipelines.model.readings import Present
from csod_pipelines.model.records import Course, Offering, OrgUnit, Person, Record
from csod_pipelines.store import links
from csod_pipelines.store.database import Database
from csod_pipelines.systems.base import Clock, System

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
TREE_SECONDS = 60.0  # an OU that moved is seen by its own unit at once, by the scope of others after this
MAX_DEPTH = 50


class Filters:
    """One a process. Remembers the tree of OUs for a minute, if the settings name roots; else it reads nothing."""

    def __init__(self, *, database: Database, systems: Mapping[SystemName, System], options: EngineOptions, clock: Clock) -> None:
        self._database = database
        self._systems = systems
        self._options = options
        self._clock = clock
        self._parents: dict[str, str | None] = {}
        self._read_at: float | None = None

    def why_outside(self, record: Record) -> str | None:
        value = record.value
        if isinstance(value, Person):
            return self._person(record, value)
        if isinstance(value, OrgUnit):
            return self._org_unit(record, value)
        if record.key.system is A and isinstance(value, Course):
            return None if self._options.templates.takes(value.code) else "template_left_out"
        if record.key.system is A and isinstance(value, Offering):
            return self.why_event_outside(value.code, template_code=record.facts.get("course_code"))
        return None

    def why_event_outside(self, code: str | None, *, template_code: str | None) -> str | None:
        if template_code is not None and not self._options.templates.takes(template_code):
            return "template_left_out"
        return None if self._options.events.takes(code or "") else "event_left_out"

    def why_too_old(self, record: Record) -> str | None:
        """Published before the day from which the catalogue is live. There is no stamp of the publishing itself: the last change
        is at or after it, so what did not change since was published before."""
        since: date | None = self._options.live_from
        changed = record.facts.get("updated_at")
        if since is None or record.key.system is not A or not isinstance(record.value, Course | Offering):
            return None
        if not isinstance(changed, datetime) or changed.astimezone(UTC).date() >= since:
            return None
        return "published_before_live_from"

    def _person(self, record: Record, value: Person) -> str | None:
        options = self._options
        name = str(record.facts.get("user_name") or "")
        if record.key.system is C and any(fnmatchcase(name.casefold(), pattern.casefold()) for pattern in options.exclude_user_names):
            return "user_name_left_out"
        if options.pilot_group is not None and not (record.key.system is C and record.facts.get("in_pilot")):
            return "not_in_pilot_group"
        if options.ou_roots and not self._placed(record.key.system, value.org_unit_id):
            return "outside_ou_roots"
        return None

    def _org_unit(self, record: Record, value: OrgUnit) -> str | None:
        if not self._options.ou_roots:
            return None
        if record.key.system is C and record.id in self._options.ou_roots:
            return None
        return None if self._placed(record.key.system, value.parent_id) else "outside_ou_roots"

    def _placed(self, system: SystemName, ou_id: str | None) -> bool:
        """Whether this OU or account is one of the roots, or below one."""
        for _ in range(MAX_DEPTH):
            if ou_id is None:
                return False
            if system is A:
                linked = self._linked_ou(ou_id)
                if linked is not None:
                    system, ou_id = C, linked
                    continue
                reading = self._systems[A].read(Kind.ORG_UNIT, ou_id)
                ou_id = (
                    reading.record.value.parent_id if isinstance(reading, Present) and isinstance(reading.record.value, OrgUnit) else None
                )
            elif ou_id in self._options.ou_roots:
                return True
            else:
                ou_id = self._parent(ou_id)
        return False

    def _linked_ou(self, account_id: str) -> str | None:
        with self._database.read() as conn:
            link = links.by_record(conn, Kind.ORG_UNIT, A, account_id)
        return link.cornerstone_id if link is not None and link.state in ("live", "pending") else None

    def _parent(self, ou_id: str) -> str | None:
        now = self._clock.monotonic()
        if self._read_at is None or now - self._read_at > TREE_SECONDS:
            pages = self._systems[C].scan(Kind.ORG_UNIT)
            self._parents = {record.id: _parent_of(record) for page in pages for record in page.records}
            self._read_at = now
        if ou_id not in self._parents:  # newer than the reports that the list is made from
            reading = self._systems[C].read(Kind.ORG_UNIT, ou_id)
            self._parents[ou_id] = _parent_of(reading.record) if isinstance(reading, Present) else None
        return self._parents[ou_id]


def _parent_of(record: Record) -> str | None:
    return record.value.parent_id if isinstance(record.value, OrgUnit) else None
