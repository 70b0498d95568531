"""Loading the code location: every run and every daemon tick of a fresh process pays for it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

from csod_pipelines_tests.bench.rows import Row, middle

SECTION = "Importing csod_pipelines.definitions"
REPEATS = 3
TARGET_SECONDS = 0.5
_PROGRAM = """
import json, sys, time
started = time.perf_counter()
import dagster
between = time.perf_counter()
import csod_pipelines.definitions
ended = time.perf_counter()
print(json.dumps({"dagster": between - started, "ours": ended - between, "pandas": "pandas" in sys.modules}))
"""


def measure(*, full: bool) -> Iterator[Row]:
    found = []
    for _ in range(REPEATS + 1):
        done = subprocess.run([sys.executable, "-c", _PROGRAM], capture_output=True, text=True, timeout=60, check=True)
        found.append(json.loads(done.stdout))
    found = found[1:]  # the first one compiles
    ours, dagster = middle(row["ours"] for row in found), middle(row["dagster"] for row in found)
    yield Row(
        section=SECTION,
        name="beyond importing dagster",
        figure=ours,
        unit="s",
        against=f"dagster alone: {dagster:.2f} s",
        ratio=ours / dagster,
        target="<= 0.5 s",
        met=ours <= TARGET_SECONDS,
        used=ours / TARGET_SECONDS,
    )
    pandas = any(row["pandas"] for row in found)
    yield Row(section=SECTION, name="pandas imported", figure="yes" if pandas else "no", unit="", target="no", met=not pandas)
