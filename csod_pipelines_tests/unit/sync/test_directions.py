"""Who may create, change and end what: the table of the architecture page, row by row."""

from __future__ import annotations

import pytest

from csod_pipelines.model.keys import Flow, Kind, SystemName
from csod_pipelines.sync.directions import DIRECTIONS, LIVE_UPDATES, PAIR_KINDS, flow_of

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE


@pytest.mark.parametrize(
    ("kind", "creates", "owner", "updates", "flow"),
    [
        (Kind.ORG_UNIT, {A, C}, C, True, Flow.PEOPLE),
        (Kind.PERSON, {A, C}, C, True, Flow.PEOPLE),
        (Kind.LOCATION, {C}, C, True, Flow.PEOPLE),
        (Kind.SUBJECT, {C}, C, True, Flow.PEOPLE),
        (Kind.PROVIDER, {C}, C, True, Flow.PEOPLE),
        (Kind.COURSE, {A}, A, False, Flow.CATALOG),
        (Kind.OFFERING, {A}, A, True, Flow.CATALOG),
    ],
)
def test_each_kind_has_its_direction(kind: Kind, creates: set[SystemName], owner: SystemName, updates: bool, flow: Flow) -> None:
    found = DIRECTIONS[kind]
    assert (found.creates, found.owner, found.updates, flow_of(kind)) == (creates, owner, updates, flow)


def test_only_pairs_have_a_direction_and_rosters_have_flows_of_their_own() -> None:
    assert set(PAIR_KINDS) == set(Kind) - {Kind.ENROLLMENT, Kind.OUTCOME}
    assert flow_of(Kind.ENROLLMENT) is Flow.ENROLLMENT
    assert flow_of(Kind.OUTCOME) is Flow.RESULT


def test_organizational_units_change_by_the_day_and_people_and_training_at_once() -> None:
    assert {Kind.PERSON, Kind.COURSE, Kind.OFFERING} == LIVE_UPDATES
