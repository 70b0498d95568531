"""After each series of kills both sides say the same, and nothing exists twice."""

from __future__ import annotations

import pytest

from csod_pipelines_tests.crashes.series import VICTIMS, play

pytestmark = [pytest.mark.full, pytest.mark.slow, pytest.mark.timeout(1800)]
ROUNDS = 20


@pytest.mark.parametrize("victim", VICTIMS)
def test_after_a_series_of_kills_both_sides_agree_and_nothing_exists_twice(victim: str) -> None:
    series = play(victim, rounds=ROUNDS)
    assert series.differences == [], str(series)
