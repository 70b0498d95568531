"""The reasoning behind the figures: bounds, clocks, and the page that is made of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from csod_pipelines_tests.bench import pictures
from csod_pipelines_tests.bench.bound import import_requests, import_seconds
from csod_pipelines_tests.bench.catalogue import MEASUREMENTS, chosen
from csod_pipelines_tests.bench.machine import describe
from csod_pipelines_tests.bench.page import page_of
from csod_pipelines_tests.bench.rows import Row, percentile, shown
from csod_pipelines_tests.bench.stopwatch import Stopwatch, VirtualClock
from csod_pipelines_tests.bench.table import as_text
from csod_pipelines_tests.soak import Sample, Soak

WHOLE_RUN_SECONDS, WHOLE_FULL_RUN_SECONDS = 900, 3_600


def test_a_million_users_need_twenty_thousand_and_one_requests_and_about_a_thousand_seconds() -> None:
    assert import_requests(1_000_000) == 20_001
    assert import_seconds(1_000_000) == pytest.approx(1_000, rel=0.001)


@pytest.mark.parametrize(("users", "requests"), [(0, 0), (1, 2), (50, 2), (51, 3), (100, 3), (101, 4)])
def test_each_begun_batch_is_a_request_and_the_ids_of_the_last_one_are_another(users: int, requests: int) -> None:
    assert import_requests(users) == requests


def test_the_measurements_together_stay_within_their_time() -> None:
    assert sum(m.seconds for m in MEASUREMENTS) <= WHOLE_RUN_SECONDS
    assert sum(m.full_seconds for m in MEASUREMENTS) <= WHOLE_FULL_RUN_SECONDS


def test_a_subject_that_does_not_exist_is_told_with_those_that_do() -> None:
    assert [m.name for m in chosen("burst, import")] == ["burst", "import"]
    with pytest.raises(SystemExit, match="there are acknowledgement"):
        chosen("imports")


def test_a_percentile_is_a_value_that_was_seen() -> None:
    values = [float(n) for n in range(1, 101)]
    assert (percentile(values, 0.5), percentile(values, 0.99), percentile(values, 1.0)) == (50.0, 99.0, 100.0)
    assert percentile([7.0], 0.5) == percentile([7.0], 0.99) == 7.0


def test_figures_have_three_digits() -> None:
    assert [shown(figure) for figure in (0, 0.0123, 1.234, 12.34, 1234.5, "no")] == ["0", "0.012", "1.23", "12.34", "1,234", "no"]


def test_a_stopwatch_counts_the_vendors_time_alone() -> None:
    watch = Stopwatch()
    watch.at("store.begin")
    watch.at("call.send:contacts")
    time.sleep(0.03)
    watch.at("call.answered:contacts")
    time.sleep(0.03)
    assert watch.calls == 1
    assert 0.03 <= watch.vendors < 0.055


def test_by_a_virtual_clock_pauses_take_no_time_and_answers_none_at_all() -> None:
    watch = Stopwatch()
    clock = VirtualClock(watch)
    real = time.monotonic()
    began = clock.monotonic()
    clock.sleep(1_000_000)
    watch.at("call.send:contacts")
    time.sleep(0.03)
    watch.at("call.answered:contacts")
    own = clock.monotonic() - began - 1_000_000
    assert 0 <= own <= time.monotonic() - real - watch.vendors


def test_what_is_measured_by_name_may_take_longer_than_within_the_whole() -> None:
    alone = next(m for m in MEASUREMENTS if m.name == "import")
    assert alone.limit(full=False, alone=False) == alone.seconds < alone.limit(full=False, alone=True)


def test_the_page_says_plainly_what_is_not_met_and_keeps_what_has_a_command_of_its_own() -> None:
    rows = [
        Row(section="S", name="quick | slow", figure=2.0, unit="s", target="<= 1 s", met=False, ratio=2.0, note="Why."),
        Row(section="S", name="compared", figure=5.0, unit="/s", against="another: 4/s", ratio=1.25),
    ]
    measured = {**describe(), "full": False, "took_seconds": 3.0, "rows": [row.as_json() for row in rows]}
    run = {"command": "make soak", "measured_at": "2026-11-22", "commit": "abc", "lines": ["nothing grew"]}
    soaked = {"Crashes": {**run, "samples": []}, "Soak": {**run, "samples": [{"at": 0.0}]}}
    text = page_of({**describe(), "measurements": {"burst": measured}}, soaked)
    assert "| quick \\| slow | 2.00 s |  | 2.00 | <= 1 s | **not met** |" in text
    assert "| compared | 5.00 /s | another: 4/s | 1.25 |  |  |" in text
    assert "- Why." in text
    assert "## Soak\n\n- nothing grew\n\n![Soak](images/soak.svg)\n" in text
    assert text.count("soak.svg") == 1
    assert as_text([rows[0].as_json()]).splitlines()[1].endswith("not met")


def test_the_picture_of_the_targets_has_a_bar_for_each_that_is_a_number_in_the_colour_of_its_verdict(tmp_path: Path) -> None:
    rows = [
        Row(section="S", name="quick", figure=0.5, unit="s", target="<= 1 s", met=True, used=0.5),
        Row(section="S", name="slow", figure=2.0, unit="s", target="<= 1 s", met=False, used=2.0),
        Row(section="S", name="compared", figure=5.0, unit="/s"),
    ]
    drawn = pictures.targets({"burst": {"rows": [row.as_json() for row in rows]}}, tmp_path / "a" / "targets.svg").read_text()
    assert [drawn.count(f"fill: {colour}") for colour in (pictures.MET, pictures.MISSED)] == [1, 1]
    assert "burst: slow" in drawn and "2.00 s; target &lt;= 1 s" in drawn and "compared" not in drawn


def test_a_soak_is_drawn_from_a_sample_a_minute(tmp_path: Path) -> None:
    found = Soak()
    found.samples = [Sample(10.0 * n, 5 * n, 80.0, 70.0, 4, n % 3, {"exchange": n / 10, "work": 0.1}) for n in range(19)]
    minutes = list(found.minute_by_minute())
    assert [(sample["at"], sample["tables_mb"]) for sample in minutes] == [(0.0, 0.1), (60.0, 0.7), (120.0, 1.3), (180.0, 1.9)]
    assert "connections to the database" in pictures.soak(minutes, tmp_path / "soak.svg").read_text()


def test_a_soak_whose_events_take_more_and_more_room_is_not_flat() -> None:
    def soaked(bytes_an_event: Callable[[int], float]) -> Soak:
        size, samples = 0.0, []
        for n in range(40):
            size += 50 * bytes_an_event(n) / 1e6
            samples.append(Sample(10.0 * n, 50 * n, 80.0, 70.0, 4, 0, {"exchange": size}))
        return Soak(samples=samples)

    assert soaked(lambda n: 4_000.0).flat
    assert not soaked(lambda n: 4_000.0 + 50 * n).flat
