"""The expectations that only read, asked of a portal by its address: nothing is written there, nothing else is run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from csod_pipelines.sandbox.serve import running
from csod_pipelines_tests.contract.portals import PREFIX

HERE = Path(__file__).parent
ADDRESSES = {
    "administrate": {"API_URL": "/graphql", "AUTH_URL": "/oauth/token"},
    "cornerstone": {"URL": ""},
}


@pytest.mark.parametrize("vendor", list(ADDRESSES))
def test_a_portal_is_only_read(vendor: str) -> None:
    with running(vendor) as portal:
        own = {f"{PREFIX}{vendor.upper()}_{name}": portal.url + path for name, path in ADDRESSES[vendor].items()}
        own |= {f"{PREFIX}{vendor.upper()}_CLIENT_ID": "sandbox", f"{PREFIX}{vendor.upper()}_CLIENT_SECRET": "sandbox-secret"}
        files = [str(file) for file in sorted(HERE.glob(f"test_{vendor}_*.py"))]
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", *files]
        ran = subprocess.run(command, env={**os.environ, **own}, capture_output=True, text=True, timeout=240, check=False)
        log = requests.get(f"{portal.url}/_sandbox/requests", timeout=30).json()
    assert ran.returncode == 0, ran.stdout[-3000:]
    passed, skipped = (int(count) for count in re.findall(r"(\d+) (?:passed|skipped)", ran.stdout))
    assert passed >= 15 and skipped > passed
    assert {row["effect"] for row in log} == {"none"} and len(log) > passed
