"""One mutant, tried by the fast tests of `sync` in a forked child: what is already imported need not be imported again."""

from __future__ import annotations

import importlib.abc
import importlib.util
import os
import select
import signal
import sys
import traceback
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType

from csod_pipelines_tests.mutants.mutate import Mutant

PACKAGE = "csod_pipelines.sync"
KILLED, SURVIVED = 1, 0
TRIAL_SECONDS = 60.0
#: Seeds of the planners' simulation that a mutant must live through after the tests.
PLANNER_CASES = 400


class _Loader(importlib.abc.Loader):
    def __init__(self, code: CodeType) -> None:
        self._code = code

    def exec_module(self, module: ModuleType) -> None:
        exec(self._code, module.__dict__)


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, name: str, code: CodeType) -> None:
        self._name, self._code = name, code

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_loader(fullname, _Loader(self._code))


def killed(mutant: Mutant | None, first: Sequence[str], tests: Sequence[str]) -> bool:
    """Whether a test fails with this mutant (None: the code as it is). A test that never ends has failed."""
    child = os.fork()
    if child == 0:
        _in_child(mutant, first, tests)
    try:
        watched = os.pidfd_open(child)
        ended, _, _ = select.select([watched], [], [], TRIAL_SECONDS)
        os.close(watched)
        if not ended:
            os.kill(child, signal.SIGKILL)
    finally:
        _, status = os.waitpid(child, 0)
    return not (os.WIFEXITED(status) and os.WEXITSTATUS(status) == SURVIVED)


def _in_child(mutant: Mutant | None, first: Sequence[str], tests: Sequence[str]) -> None:
    code = KILLED
    try:
        if mutant is not None:
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 1)
            os.dup2(silence, 2)
            name = f"{PACKAGE}.{mutant.module.removesuffix('.py')}"
            sys.meta_path.insert(0, _Finder(name, mutant.code))
        code = _verdict(first, tests)
    except BaseException:  # noqa: BLE001 - however a test fails, the child must end here and say so
        if mutant is None:
            traceback.print_exc()
    finally:
        os._exit(code)


def _verdict(first: Sequence[str], tests: Sequence[str]) -> int:
    import pytest

    for chosen in (first, tests):
        if chosen and pytest.main(["-x", "-q", "--no-header", "-p", "no:xdist", *chosen]) != 0:
            return KILLED
    from csod_pipelines_tests.simulation import planner

    for case in range(1, PLANNER_CASES + 1):
        planner.play(case)
    return SURVIVED


def preload() -> None:
    """What every child needs, without a word of what is mutated."""
    import hypothesis
    import pytest

    import csod_pipelines_tests.conftest

    assert hypothesis and pytest and csod_pipelines_tests.conftest
    loaded = [name for name in sys.modules if name.startswith(PACKAGE)]
    assert not loaded, f"imported before it could be mutated: {loaded}"
