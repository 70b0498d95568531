from __future__ import annotations

from collections.abc import Callable

import pytest

from csod_pipelines_tests.acceptance.operate.shell import Shell
from csod_pipelines_tests.acceptance.world import World


@pytest.fixture
def shell_of(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[[World], Shell]:
    return lambda world: Shell(world, monkeypatch, capsys)
