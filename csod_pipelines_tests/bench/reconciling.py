"""The daily comparison of the organisation: our own time beside that of fetching both sides, and exactly the writes that are due."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from csod_pipelines.model.keys import Kind
from csod_pipelines.model.readings import Reading
from csod_pipelines.settings import variable
from csod_pipelines.systems.base import Page
from csod_pipelines_tests.bench.importing import without_limits
from csod_pipelines_tests.bench.rows import Row
from csod_pipelines_tests.bench.stage import Stage, folder, stage
from csod_pipelines_tests.bench.stopwatch import Stopwatch

SECTION = "Daily reconciliation of OUs, 1 % changed"
OUS, OUS_ALONE = 10_000, 100_000  # within a whole `make bench`; with ONLY=reconcile or FULL=1
CHANGED_SHARE = 0.01
OWN_SECONDS, OWN_OUS = 5.0, 100_000
DIVISION = 2


def measure(*, full: bool, alone: bool) -> Iterator[Row]:
    with stage() as made, folder() as home:
        yield from _measured(made, home, ous=OUS_ALONE if full or alone else OUS)


def _measured(made: Stage, home: Path, *, ous: int) -> Iterator[Row]:
    made.administrate.config(rate_limit_requests=None)
    made.cornerstone.config(limits="off")
    made.cornerstone.reset(users=1, ous=ous, events=0, sessions_per_event=0, learners_per_session=0)
    made.variables[variable("config")] = str(without_limits(home))
    with made.house() as house:
        imported = house.engine.import_baseline(Kind.ORG_UNIT, mode="apply", owner="bench").dispositions["applied"]
    changed = _rename(made, count=max(1, round(imported * CHANGED_SHARE)))
    watch, since = Stopwatch(), made.administrate.last()
    with made.house(seams=watch) as house:
        told, fetched = Told(watch), Fetched(watch)
        for system in house.systems.values():
            fetched.listen(system)
        house.engine.reconcile(Kind.ORG_UNIT, mode="apply", owner="bench", progress=told)
    own, target = (told.seconds - fetched.seconds) - (told.vendors - fetched.vendors), OWN_SECONDS * imported / OWN_OUS
    yield Row(
        section=SECTION,
        name=f"our own time for {imported:,} accounts, beyond fetching",
        figure=own,
        unit="s",
        against=f"fetching both sides: {fetched.seconds:.1f} s, of which waiting for answers {fetched.vendors:.1f} s; "
        f"{told.calls} calls in all",
        ratio=own / target,
        target=f"<= {target:.1f} s ({OWN_SECONDS:.0f} s for {OWN_OUS:,})",
        met=own <= target,
        used=own / target,
        note="Fetching: asking for the pages, and for each changed record once more, and reading the answers into records. Our own time: "
        "staging, comparing, planning, recording, until the last difference is mended; waiting for the answers to the writes is left out. "
        "The ratio is to the target. Integration Logs are delivered after that.",
    )
    writes = sum(
        number for row in made.administrate.requests(since) for words, number in row["counts"].items() if not words.startswith("log ")
    )
    yield Row(
        section=SECTION,
        name="writes",
        figure=writes,
        unit="",
        against=f"changes: {changed}",
        ratio=writes / changed,
        target="exactly the changes",
        met=writes == changed,
    )


class Fetched:
    """The time spent on reading both sides, lists and single records, and how much of it was waiting for answers."""

    def __init__(self, watch: Stopwatch) -> None:
        self._watch = watch
        self.seconds, self.vendors = 0.0, 0.0

    def listen(self, system: Any) -> None:
        scan, read_many = system.scan, system.read_many

        def timed(kind: Kind) -> Iterator[Page]:
            pages = scan(kind)
            while True:
                with self._fetching():
                    page = next(pages, None)
                if page is None:
                    return
                yield page

        def timed_reads(kind: Kind, ids: Sequence[str]) -> Mapping[str, Reading]:
            with self._fetching():
                return read_many(kind, ids)

        system.scan, system.read_many = timed, timed_reads

    @contextmanager
    def _fetching(self) -> Iterator[None]:
        started, waited = time.monotonic(), self._watch.vendors
        yield
        self.seconds += time.monotonic() - started
        self.vendors += self._watch.vendors - waited


class Told:
    """What had been spent when the engine last told of its progress: after the last difference was mended."""

    def __init__(self, watch: Stopwatch) -> None:
        self._watch = watch
        self._started = time.monotonic()
        self.seconds, self.vendors, self.calls = 0.0, 0.0, 0

    def __call__(self, totals: object) -> None:
        self.seconds, self.vendors, self.calls = time.monotonic() - self._started, self._watch.vendors, self._watch.calls


def _rename(made: Stage, *, count: int) -> int:
    """Every hundredth division gets another name; returns how many did."""
    divisions = [row for row in made.cornerstone.state("ous") if row["type_id"] == DIVISION and row["active"]]
    chosen = divisions[:: max(1, len(divisions) // count)][:count]
    for row in chosen:
        made.cornerstone.act("rename_ou", id=row["id"], name=f"{row['name'][:60]} renamed")
    return len(chosen)
