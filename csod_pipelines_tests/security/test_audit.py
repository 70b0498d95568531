"""`make audit` never says that all is well where it could not look."""

from __future__ import annotations

import subprocess
import sys

import pytest

from csod_pipelines.settings import environment
from csod_pipelines_tests.audit import NOT_AUDITED


@pytest.mark.full
def test_without_a_network_it_says_so_and_ends_with_three() -> None:
    nowhere = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    command = [sys.executable, "-m", "csod_pipelines_tests.audit"]
    done = subprocess.run(command, env=environment() | nowhere, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == NOT_AUDITED, done.stdout + done.stderr
    assert done.stdout.startswith("not audited here: ")
