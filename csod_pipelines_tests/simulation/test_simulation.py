"""The simulation itself: a short run of it, the same seed twice, and what it says of a seed that fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from csod_pipelines_tests.simulation import __main__ as simulation
from csod_pipelines_tests.simulation import databases
from csod_pipelines_tests.simulation.fleet import verdicts
from csod_pipelines_tests.simulation.people import Act
from csod_pipelines_tests.simulation.planted import FAULTS, caught_at
from csod_pipelines_tests.simulation.play import play
from csod_pipelines_tests.simulation.scenario import Scenario
from csod_pipelines_tests.simulation.worlds import Worlds

#: Three themes in the same world, so that only one has to be made.
SHORT = (5, 152, 12)


@pytest.fixture(scope="module")
def worlds() -> Iterator[Worlds]:
    with databases.running() as server:
        yield Worlds(server, prefix="test_")


def test_a_few_seeds_pass_and_one_of_them_played_again_elsewhere_leaves_the_same_trace() -> None:
    first = list(verdicts(SHORT, processes=1))
    assert [(verdict.scenario.seed, verdict.failure) for verdict in first] == [(seed, None) for seed in SHORT]
    (again,) = verdicts(SHORT[-1:], processes=1)
    assert (again.digest, again.steps) == (first[-1].digest, first[-1].steps)


#: Ten places are taken and given up at once, which is more than a brake lets pass.
CROWD = (Act(1.0, "register_many", 0), Act(1.2, "register_many", 1), Act(40.0, "withdraw_many", 0))
#: All seats are taken in Cornerstone, and one of them in Administrate by somebody else: one too many there, which it refuses.
OVERBOOKED = (Act(1.0, "register_many", 0), Act(1.1, "register_many", 1), Act(1.3, "register", 0))
PUBLISHED = (Act(1.0, "publish_template", 0),)


def scene(*acts: Act, workers: int = 1, stalls: tuple[tuple[int, float], ...] = ()) -> Scenario:
    return Scenario(seed=1, world=0, window=200.0, workers=workers, acts=acts, stalls=stalls)


@pytest.mark.parametrize(
    ("fault", "acts", "said"),
    [("brake_off_by_one_kind", CROWD, "withdrawals within an hour"), ("refusal_sent_for_ever", OVERBOOKED, "plan would write")],
)
def test_what_a_planted_fault_does_is_noticed(worlds: Worlds, fault: str, acts: tuple[Act, ...], said: str) -> None:
    with FAULTS[fault]():
        failure = play(scene(*acts), worlds).failure
    assert said in (failure or ""), failure


@pytest.mark.full
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("acts", [CROWD, OVERBOOKED])
def test_without_a_planted_fault_the_same_scene_passes(worlds: Worlds, acts: tuple[Act, ...]) -> None:
    assert play(scene(*acts), worlds).failure is None


@pytest.mark.full
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("place", range(40, 60))
def test_a_worker_that_stalled_until_its_unit_was_taken_over_and_ended_leaves_no_operation_open(worlds: Worlds, place: int) -> None:
    """What it had begun was seen by nobody: the second look at a unit that was taken over came before the stall ended."""
    assert play(scene(*PUBLISHED, workers=2, stalls=((place, 125.0),)), worlds).failure is None


@pytest.mark.full
@pytest.mark.timeout(1_200)
def test_a_failing_seed_tells_its_number_its_step_and_a_smaller_scenario_and_ends_with_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.json"
    given = ["--seeds", "300", "--start", "1", "--processes", "2", "--planted", "brake_off_by_one_kind", "--json", str(report)]
    assert simulation.main(given) == 1
    told = capsys.readouterr().out
    seed = json.loads(report.read_text())["failed"]
    assert f"seed {seed} fails: " in told
    assert "steps of this smaller scenario, which ends with: " in told
    assert "the last steps:" in told


@pytest.mark.full
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("fault", FAULTS)
def test_each_planted_fault_is_caught_within_three_hundred_seeds(fault: str) -> None:
    assert caught_at(fault, seeds=range(1, 301), processes=2) is not None


@pytest.mark.full
@pytest.mark.timeout(3_600)
def test_three_hundred_seeds_pass_and_between_them_everything_happens(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    assert simulation.main(["--seeds", "300", "--start", "1", "--processes", "2", "--json", str(report)]) == 0
    assert json.loads(report.read_text())["never"] == []
