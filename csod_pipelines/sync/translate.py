"""One side's record as the other side should hold it.

References are translated through ``Refs``, a snapshot of links that the caller prepared: (kind, own id) -> peer id.
``references`` says which ones a record needs, and which of them it can do without.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from csod_pipelines.model.keys import Kind, RecordKey, SystemName
from csod_pipelines.model.records import (
    Course,
    Location,
    Offering,
    OrgUnit,
    Part,
    Person,
    Provider,
    Record,
    Subject,
    Value,
)
from csod_pipelines.sync import normalise as n

Refs = Mapping[RecordKey, str]


@dataclass(frozen=True, slots=True)
class Reference:
    key: RecordKey
    required: bool


def references(record: Record) -> tuple[Reference, ...]:
    """Required: the record cannot be placed without it (its parent, its org unit, its course). Optional: location, instructors."""
    value, system = record.value, record.key.system

    def ref(kind: Kind, id: str | None, *, required: bool) -> list[Reference]:
        return [Reference(RecordKey(kind, system, id), required)] if id else []

    if isinstance(value, OrgUnit):
        return tuple(ref(Kind.ORG_UNIT, value.parent_id, required=True))
    if isinstance(value, Person):
        return tuple(ref(Kind.ORG_UNIT, value.org_unit_id, required=True))
    if isinstance(value, Offering):
        found = ref(Kind.COURSE, value.course_id, required=True) + ref(Kind.LOCATION, value.location_id, required=False)
        for part in value.parts:
            found += ref(Kind.LOCATION, part.location_id, required=False)
            for person in part.instructor_ids:
                found += ref(Kind.PERSON, person, required=False)
        return tuple(dict.fromkeys(found))
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a translation may need beyond the record: links, and defaults from the settings."""

    refs: Refs
    default_org_unit: str | None = None  # peer org unit of a person without one
    part_ids: Mapping[str, str] | None = None  # own part id -> peer part id
    provider: str | None = None


def to_peer(record: Record, terms: Terms) -> Value:
    """The value that the peer should hold; raises KeyError where a required reference has no peer yet."""
    translator: Callable[[Record, Terms], Value] = _TRANSLATORS[record.key.kind]
    return translator(record, terms)


def _ref(record: Record, kind: Kind, id: str | None, terms: Terms) -> str | None:
    return terms.refs.get(RecordKey(kind, record.key.system, id)) if id else None


def _org_unit(record: Record, terms: Terms) -> OrgUnit:
    value = record.value
    assert isinstance(value, OrgUnit)
    parent = None
    if value.parent_id:
        parent = terms.refs[RecordKey(Kind.ORG_UNIT, record.key.system, value.parent_id)] or None
    return OrgUnit(name=n.ou_name(value.name), parent_id=parent, active=value.active)


def _person(record: Record, terms: Terms) -> Person:
    value = record.value
    assert isinstance(value, Person)
    org_unit = terms.default_org_unit
    if value.org_unit_id:
        org_unit = terms.refs[RecordKey(Kind.ORG_UNIT, record.key.system, value.org_unit_id)] or terms.default_org_unit
    return Person(
        first_name=n.text(value.first_name, limit=n.NAME_CHARS),
        last_name=n.text(value.last_name, limit=n.NAME_CHARS),
        email=n.optional(value.email, limit=n.EMAIL_CHARS),
        mobile=n.optional(value.mobile, limit=n.PHONE_CHARS),
        org_unit_id=org_unit,
        active=value.active,
    )


def _location(record: Record, terms: Terms) -> Location:
    value = record.value
    assert isinstance(value, Location)
    return replace(value, name=n.text(value.name, limit=n.NAME_CHARS), code=n.optional(value.code))


def _subject(record: Record, terms: Terms) -> Subject:
    value = record.value
    assert isinstance(value, Subject)
    return Subject(path=tuple(n.text(title) for title in value.path))


def _provider(record: Record, terms: Terms) -> Provider:
    value = record.value
    assert isinstance(value, Provider)
    return replace(value, name=n.text(value.name))


def _course(record: Record, terms: Terms) -> Course:
    value = record.value
    assert isinstance(value, Course)
    return replace(
        value,
        code=n.text(value.code),
        title=n.text(value.title),
        provider=value.provider or terms.provider,
    )


def _offering(record: Record, terms: Terms) -> Offering:
    value = record.value
    assert isinstance(value, Offering)
    course = terms.refs[RecordKey(Kind.COURSE, record.key.system, value.course_id)] if value.course_id else None
    location = _ref(record, Kind.LOCATION, value.location_id, terms)
    names = n.part_names([part.title for part in value.parts])
    parts = tuple(
        Part(
            id=(terms.part_ids or {}).get(part.id or ""),
            title=name,
            start=part.start,
            end=part.end,
            location_id=_ref(record, Kind.LOCATION, part.location_id, terms) or location,
            instructor_ids=tuple(sorted(p for i in part.instructor_ids if (p := _ref(record, Kind.PERSON, i, terms)))),
        )
        for part, name in zip(value.parts, names, strict=True)
    )
    return replace(value, course_id=course, title=n.text(value.title), location_id=location, parts=parts, code=session_number(record))


def session_number(record: Record) -> str:
    """Our SessionID at Cornerstone: minted from the event's legacy id, so that it can be found again after a crash."""
    return minted(record)


def minted(record: Record) -> str:
    """``ADM-{legacy id}``: external id of what we create in Cornerstone."""
    return f"ADM-{record.facts['legacy_id']}" if record.key.system is SystemName.ADMINISTRATE else f"CSOD-{record.id}"


_TRANSLATORS: Mapping[Kind, Callable[[Record, Terms], Value]] = {
    Kind.ORG_UNIT: _org_unit,
    Kind.PERSON: _person,
    Kind.LOCATION: _location,
    Kind.SUBJECT: _subject,
    Kind.PROVIDER: _provider,
    Kind.COURSE: _course,
    Kind.OFFERING: _offering,
}


def natural_key(record: Record) -> str:
    """What two records of one thing share before they are linked. Never an e-mail address alone."""
    value, kind = record.value, record.key.kind
    if isinstance(value, Person) and value.email and value.last_name:
        return f"{kind}|{n.email(value.email)}|{n.folded(value.last_name)}"
    if isinstance(value, Course) and value.code:
        return f"{kind}|{n.folded(value.code)}"
    if isinstance(value, Subject):
        return f"{kind}|" + "/".join(n.folded(title) for title in value.path)
    if isinstance(value, Provider):
        return f"{kind}|{n.folded(value.name)}"
    return str(record.key)
