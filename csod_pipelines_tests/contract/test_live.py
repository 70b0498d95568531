"""The expectations asked of a portal by its address alone: those that only read, and, where that is asked for, those that write."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from csod_pipelines.sandbox.serve import running
from csod_pipelines_tests.contract.portals import PREFIX, WRITES

HERE = Path(__file__).parent
ADDRESSES = {
    "administrate": {"API_URL": "/graphql", "AUTH_URL": "/oauth/token"},
    "cornerstone": {"URL": ""},
}


@pytest.mark.parametrize("vendor", list(ADDRESSES))
def test_a_portal_is_only_read(vendor: str) -> None:
    passed, skipped, log = _expected_of_a_portal(vendor)
    assert passed >= 15 and skipped > passed
    assert {row["effect"] for row in log} == {"none"} and len(log) > passed


@pytest.mark.parametrize("vendor", list(ADDRESSES))
def test_a_portal_is_written_to_when_that_is_asked_for(vendor: str) -> None:
    passed, _, log = _expected_of_a_portal(vendor, "-m", "writes", seed=5, more={WRITES: "1"})
    assert passed >= 9
    assert "create" in {row["effect"] for row in log}


def _expected_of_a_portal(vendor: str, *options: str, seed: int = 1, more: dict[str, str] | None = None) -> tuple[int, int, list[Any]]:
    """Passed and skipped expectations, asked in a process of their own that knows addresses alone, and the portal's log."""
    with running(vendor, seed=seed) as portal:
        own = {f"{PREFIX}{vendor.upper()}_{name}": portal.url + path for name, path in ADDRESSES[vendor].items()}
        own |= {f"{PREFIX}{vendor.upper()}_CLIENT_ID": "sandbox", f"{PREFIX}{vendor.upper()}_CLIENT_SECRET": "sandbox-secret"}
        files = [str(file) for file in sorted(HERE.glob(f"test_{vendor}_*.py"))]
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", *options, *files]
        ran = subprocess.run(command, env={**os.environ, **own, **(more or {})}, capture_output=True, text=True, timeout=240, check=False)
        log = requests.get(f"{portal.url}/_sandbox/requests", timeout=30).json()
    assert ran.returncode == 0, ran.stdout[-3000:]
    counts = {word: int(count) for count, word in re.findall(r"(\d+) (passed|skipped)", ran.stdout)}
    return counts["passed"], counts.get("skipped", 0), log
