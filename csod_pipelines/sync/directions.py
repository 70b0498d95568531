"""Who may create, change and end a record of each kind. Direction is set before anything is compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from csod_pipelines.model.keys import Flow, Kind, SystemName

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Direction:
    """``creates``: sides whose new records are created on the peer. ``owner``: the side whose values win.
    ``updates``: whether the peer can be changed through its API at all; if not, a change becomes a to-do."""

    creates: frozenset[SystemName]
    owner: SystemName
    updates: bool = True
    flow: Flow


DIRECTIONS: Mapping[Kind, Direction] = MappingProxyType(
    {
        Kind.ORG_UNIT: Direction(creates=frozenset({A, C}), owner=C, flow=Flow.PEOPLE),
        Kind.PERSON: Direction(creates=frozenset({A, C}), owner=C, flow=Flow.PEOPLE),
        Kind.LOCATION: Direction(creates=frozenset({C}), owner=C, flow=Flow.PEOPLE),
        Kind.SUBJECT: Direction(creates=frozenset({C}), owner=C, flow=Flow.PEOPLE),
        Kind.PROVIDER: Direction(creates=frozenset({C}), owner=C, flow=Flow.PEOPLE),
        Kind.COURSE: Direction(creates=frozenset({A}), owner=A, updates=False, flow=Flow.CATALOG),
        Kind.OFFERING: Direction(creates=frozenset({A}), owner=A, flow=Flow.CATALOG),
    }
)

#: Kinds whose unit of work is one pair of records; enrollments and outcomes are worked by roster.
PAIR_KINDS = tuple(DIRECTIONS)

#: Kinds that are changed as soon as an event says so. Organizational units change only by the daily reconciliation.
LIVE_UPDATES = frozenset({Kind.PERSON, Kind.COURSE, Kind.OFFERING})


def flow_of(kind: Kind) -> Flow:
    if kind is Kind.OUTCOME:
        return Flow.RESULT
    if kind is Kind.ENROLLMENT:
        return Flow.ENROLLMENT
    return DIRECTIONS[kind].flow
