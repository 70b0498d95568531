"""The planners alone: every short story, and many long ones."""

from __future__ import annotations

import itertools

import pytest

from csod_pipelines_tests.simulation import planner, planner_rosters
from csod_pipelines_tests.simulation.planner_rosters import EDITS, PASSES, STEPS

#: Edits, each of which may come twice, in any order, or be lost, with passes that may crash in between.
SHORT = 4


def test_every_story_of_one_place_with_up_to_four_steps_ends_in_step() -> None:
    for length in range(1, SHORT + 1):
        for steps in itertools.product(STEPS, repeat=length):
            if length < SHORT or steps[0] in EDITS:
                planner_rosters.check(steps)


@pytest.mark.full
def test_every_story_of_two_edits_with_any_passes_between_and_after_ends_in_step() -> None:
    for first, second in itertools.product(EDITS, repeat=2):
        for between, after in itertools.product(itertools.product(PASSES, repeat=2), itertools.product(PASSES, repeat=2)):
            planner_rosters.check((first, *between, second, *after))


def test_four_thousand_random_stories_of_places_and_of_pairs_end_in_step() -> None:
    for case in range(1, 4_001):
        planner.play(case)


@pytest.mark.full
def test_a_hundred_thousand_random_stories_end_in_step() -> None:
    assert planner.main(["--cases", "100000", "--start", "1000000"]) == 0
