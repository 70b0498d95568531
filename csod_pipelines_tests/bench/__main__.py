"""Measure, print the table, keep the figures.

    python -m csod_pipelines_tests.bench [--only import,burst] [--full]     measure; the figures go to bench/results.json; what is named
                                                                           is measured at its largest sizes
    python -m csod_pipelines_tests.bench --page                            docs/benchmarks.md from those figures

Each measurement is a process of its own with a limit of time, so that one cannot spoil the figures, the memory or the end of
another. The exit code is 0 even where a target is not met: the table says so. It is 1 when a measurement itself broke.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from csod_pipelines_tests.bench.catalogue import MEASUREMENTS, Measurement, chosen
from csod_pipelines_tests.bench.machine import describe
from csod_pipelines_tests.bench.page import RESULTS, write_page
from csod_pipelines_tests.bench.table import as_text

CLEAN_UP_SECONDS = 60.0


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m csod_pipelines_tests.bench", description=__doc__)
    names = ", ".join(m.name for m in MEASUREMENTS)
    parser.add_argument("--only", help=f"some of: {names}")
    parser.add_argument("--full", action="store_true", help="the long figures too (at most an hour)")
    parser.add_argument("--page", action="store_true", help="only write docs/benchmarks.md from the last figures")
    parser.add_argument("--measure", help=argparse.SUPPRESS)
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--rows", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.measure:
        return _measure(given.measure, full=given.full, alone=given.alone, rows=given.rows)
    if not given.page:
        status = _run(chosen(given.only), full=given.full, everything=given.only is None)
        if status:
            return status
    write_page()
    return 0


def _run(measurements: Sequence[Measurement], *, full: bool, everything: bool) -> int:
    described = describe()
    known = {} if everything or not RESULTS.exists() else json.loads(RESULTS.read_text()).get("measurements", {})
    broken = 0
    started = time.monotonic()
    for measurement in measurements:
        result = _in_a_process(measurement, full=full, alone=not everything)
        broken += "error" in result
        known[measurement.name] = {**described, "full": full, **result}
        _keep({**described, "seconds": round(time.monotonic() - started), "measurements": _in_order(known)})
    print(as_text([row for name in known for row in known[name]["rows"] if any(name == m.name for m in measurements)]))
    print(f"\n{time.monotonic() - started:,.0f} s; the figures are in {RESULTS.relative_to(Path.cwd()) if _below() else RESULTS}")
    return 1 if broken else 0


def _below() -> bool:
    return RESULTS.is_relative_to(Path.cwd())


def _in_order(known: dict[str, Any]) -> dict[str, Any]:
    return {m.name: known[m.name] for m in MEASUREMENTS if m.name in known}


def _keep(results: dict[str, Any]) -> None:
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")


def _in_a_process(measurement: Measurement, *, full: bool, alone: bool) -> dict[str, Any]:
    """Its rows and seconds; ``error`` says why there are none."""
    limit = measurement.limit(full=full, alone=alone)
    print(f"{measurement.name}: {measurement.what} (at most {limit:.0f} s)", file=sys.stderr, flush=True)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="csod-bench-rows-") as folder:
        rows = Path(folder) / "rows.json"
        command = [sys.executable, "-m", "csod_pipelines_tests.bench", "--measure", measurement.name, "--rows", str(rows)]
        command += ["--full"] * full + ["--alone"] * alone
        process = subprocess.Popen(command, start_new_session=True)
        try:
            status = process.wait(timeout=limit)
            error = "" if status == 0 else f"ended with {status}"
        except subprocess.TimeoutExpired:
            error = f"not done after {limit:.0f} s"
        finally:
            _end(process)
        found = json.loads(rows.read_text()) if rows.exists() else []
    result: dict[str, Any] = {"took_seconds": round(time.monotonic() - started, 1), "rows": found}
    if error:
        print(f"{measurement.name}: {error}", file=sys.stderr, flush=True)
        result["error"] = error
    return result


def _end(process: subprocess.Popen[bytes]) -> None:
    """Time for the measurement to stop its own servers; then whatever is left of its session."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=CLEAN_UP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _measure(name: str, *, full: bool, alone: bool, rows: Path) -> int:
    """One measurement, in this process. Rows are written as they come, so that a time-out keeps those before it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    measurement = next(m for m in MEASUREMENTS if m.name == name)
    found: list[dict[str, Any]] = []
    sizes = {"full": full} | ({"alone": alone} if measurement.alone_seconds else {})
    for row in import_module(measurement.module).measure(**sizes):
        found.append(row.as_json())
        print(as_text([row.as_json()], headings=False), file=sys.stderr, flush=True)
        rows.write_text(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
