"""docs/benchmarks.md and its pictures, made from bench/results.json and, for what has a command of its own, bench/long.json."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from csod_pipelines_tests.bench import pictures
from csod_pipelines_tests.bench.catalogue import MEASUREMENTS
from csod_pipelines_tests.bench.machine import describe
from csod_pipelines_tests.bench.table import cells

ROOT = Path(__file__).parents[2]
RESULTS, LONG, PAGE = ROOT / "bench" / "results.json", ROOT / "bench" / "long.json", ROOT / "docs" / "benchmarks.md"
TARGETS_PICTURE, SOAK_PICTURE = "images/benchmarks.svg", "images/soak.svg"

HEAD = """# Benchmarks

Made by `make bench` from `bench/results.json`; do not edit by hand. `make bench FULL=1` adds the long figures, `make bench ONLY=import`
measures one subject anew. The whole of `make bench` is held to a quarter of an hour, so there the import is measured with 5,000 and
10,000 users and the comparison with 10,000 OUs; by name (`ONLY=import`, `ONLY=reconcile`) it is 100,000 and 200,000 users and
100,000 OUs, with `FULL=1` also a million users.

Every ratio compares two things of the same run on the same machine. The database is the embedded PostgreSQL with every commit flushed
to the disk; both vendors are the sandboxes, each a process of its own that shares the cores with what is measured; all traffic is HTTP.
A target that is not reached says **not met**.
"""


def keep_long(name: str, command: str, lines: Iterable[str], *, samples: Sequence[Mapping[str, Any]] = ()) -> None:
    """The last words of a run that takes too long for `make bench`, and what it looked like meanwhile."""
    known = json.loads(LONG.read_text()) if LONG.exists() else {}
    described = describe()
    known[name] = {
        "command": command,
        "measured_at": described["measured_at"],
        "commit": described["commit"],
        "lines": list(lines),
        "samples": list(samples),
    }
    LONG.parent.mkdir(exist_ok=True)
    LONG.write_text(json.dumps(dict(sorted(known.items())), indent=1, ensure_ascii=False) + "\n")
    if RESULTS.exists():
        write_page()


def write_page() -> None:
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    long = json.loads(LONG.read_text()) if LONG.exists() else {}
    results = json.loads(RESULTS.read_text())
    pictures.targets(results["measurements"], PAGE.parent / TARGETS_PICTURE)
    for run in long.values():
        if run.get("samples"):
            pictures.soak(run["samples"], PAGE.parent / SOAK_PICTURE)
    PAGE.write_text(page_of(results, long))


def page_of(results: Mapping[str, Any], long: Mapping[str, Any]) -> str:
    return "\n".join(_lines(results, long)) + "\n"


def _lines(results: Mapping[str, Any], long: Mapping[str, Any]) -> Iterator[str]:
    yield HEAD
    yield f"![Each target, and how much of it is used up]({TARGETS_PICTURE})\n"
    yield from _machine(results)
    what = {m.name: m.what for m in MEASUREMENTS}
    for name, measured in results["measurements"].items():
        yield f"\n## {name.capitalize()}: {what.get(name, '')}\n"
        if measured.get("error"):
            yield f"This measurement broke: {measured['error']}.\n"
        yield from _tables(measured["rows"])
        scope = "`FULL=1`, " if measured["full"] else ""
        yield f"\n_{scope}{measured['measured_at']}, commit {measured['commit']}, took {measured['took_seconds']:.0f} s._"
    for name, run in long.items():
        yield f"\n## {name}\n"
        yield from (f"- {line}" for line in run["lines"])
        if run.get("samples"):
            yield f"\n![{name}]({SOAK_PICTURE})"
        yield f"\n_`{run['command']}`, {run['measured_at']}, commit {run['commit']}._"


def _machine(results: Mapping[str, Any]) -> Iterator[str]:
    machine, versions = results["machine"], results["versions"]
    yield f"Machine: {machine['cores']} cores of {machine['processor']}, {machine['memory_gb']} GB, {machine['system']}; one flush to the"
    yield f"disk takes {machine['flush_ms']} ms; load at the start {machine['load_at_start']}."
    yield f"\nVersions: {', '.join(f'{name} {version}' for name, version in versions.items())}."


def _tables(rows: list[Mapping[str, Any]]) -> Iterator[str]:
    for section, group in groupby(rows, key=lambda row: row["section"]):
        found = list(group)
        yield f"\n### {section}\n"
        yield "| what | figure | held against | ratio | target | |"
        yield "|---|---|---|---|---|---|"
        for row in found:
            what, figure, against, ratio, target, verdict = (cell.replace("|", "\\|") for cell in cells(row))
            yield f"| {what} | {figure} | {against} | {ratio} | {target} | {'**not met**' if verdict == 'not met' else verdict} |"
        notes = list(dict.fromkeys(row["note"] for row in found if row["note"]))
        if notes:
            yield ""
            yield from (f"- {note}" for note in notes)
