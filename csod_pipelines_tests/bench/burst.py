"""100 registrations on one offering, one after another as fast as the screen takes them: what they cost at both vendors."""

from __future__ import annotations

import time
from collections.abc import Iterator

from csod_pipelines.model.keys import Flow
from csod_pipelines_tests.bench.rows import Row
from csod_pipelines_tests.bench.scene import SESSION, Scene, external_ids, scene
from csod_pipelines_tests.bench.stage import Row as LogRow
from csod_pipelines_tests.bench.stage import moment, until

SECTION = "Burst of 100 registrations on one offering"
LEARNERS = 100
PATIENCE_SECONDS = 45.0
NOTE = "Counted in the vendors' access logs until nothing is waiting any more. One worker of the flow: one run."


def measure(*, full: bool) -> Iterator[Row]:
    with scene() as played:
        stage = played.stage
        with stage.house() as house:
            event = played.event(house)
        session_id = external_ids(event)[SESSION]
        stage.open_gateway()
        stage.drain(Flow.ENROLLMENT)
        stage.quiet()
        before = stage.administrate.last(), stage.cornerstone.last()
        last = _register_all(played, event["id"])
        until("everybody is registered", lambda: _registered(played, session_id) >= LEARNERS, seconds=PATIENCE_SECONDS, pause=0.25)
        stage.quiet(seconds=PATIENCE_SECONDS)
        a, c = stage.administrate.requests(before[0]), stage.cornerstone.requests(before[1])
    assignments = [row for row in c if row["effect"] == "create"]
    reads = [row for row in a if row["effect"] == "none"]
    writes = [row for row in a if row["effect"] not in ("none", "log")]
    yield _counted("assignment calls", len(assignments), 2, details=_names(c))
    yield _counted("Administrate reads", len(reads), 4, details=_names(a))
    yield _counted("Administrate writes beside logs", len(writes), 4, details=_names(writes))
    registered, everything = (max((moment(row) for row in rows), default=last) - last for rows in (assignments, assignments + writes))
    yield Row(
        section=SECTION,
        name="the last learner's assignment after the last registration",
        figure=registered,
        unit="s",
        against=f"all ids stored after {everything:.1f} s",
        ratio=registered / 10,
        target="all within 10 s",
        met=everything <= 10,
        used=everything / 10,
        note=NOTE,
    )


def _counted(name: str, count: int, most: int, *, details: dict[str, int]) -> Row:
    return Row(
        section=SECTION,
        name=name,
        figure=count,
        unit="",
        against=f"one a registration: {LEARNERS}",
        ratio=count / LEARNERS,
        target=f"<= {most}",
        met=count <= most,
        used=count / most,
        note=NOTE,
        details=details,
    )


def _names(rows: list[LogRow]) -> dict[str, int]:
    found: dict[str, int] = {}
    for row in rows:
        name = f"{row['operation'] or row['path']} {row['effect']}"
        found[name] = found.get(name, 0) + 1
    return found


def _register_all(played: Scene, event_id: str) -> float:
    """When the last one was registered."""
    for _ in range(LEARNERS):
        contact = next(played.contacts)
        played.stage.administrate.act("register", event_id=event_id, contact_id=contact["id"])
    return time.time()


def _registered(played: Scene, session_id: str) -> int:
    rows = played.stage.cornerstone.state("transcripts")
    return sum(row["object_id"] == session_id and row["status"] == "Registered" for row in rows)
