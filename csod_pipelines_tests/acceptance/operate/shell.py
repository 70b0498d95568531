"""The command line against the world of a test: its words in, exit code and what it printed out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from csod_pipelines import cli
from csod_pipelines_tests.acceptance.operate.little import variables_of
from csod_pipelines_tests.acceptance.world import World


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass(frozen=True)
class Shell:
    """Calls the program as its users do, in this process, with the variables of the world's house."""

    world: World
    patch: pytest.MonkeyPatch
    caught: pytest.CaptureFixture[str]

    def __call__(self, *words: str) -> Answer:
        for name, value in variables_of(self.world).items():
            self.patch.setenv(name, value)
        self.caught.readouterr()
        code = cli.run(words)
        out, err = self.caught.readouterr()
        return Answer(code, out, err)

    def ok(self, *words: str) -> Answer:
        answer = self(*words)
        assert answer.code == 0, answer
        return answer
