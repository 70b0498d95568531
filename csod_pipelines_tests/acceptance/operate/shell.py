"""The command line against the world of a test: its words in, exit code and what it printed out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from csod_pipelines import cli
from csod_pipelines_tests.acceptance.world import CONFIG, PREFIX, World


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
        settings = self.world.house.settings
        for name, value in {
            "HOME": str(settings.home),
            "CONFIG": str(settings.config_file or CONFIG),
            "DATABASE_URL": settings.database_url,
            "ADMINISTRATE_AUTH_URL": settings.administrate.auth_url,
            "ADMINISTRATE_API_URL": settings.administrate.api_url,
            "ADMINISTRATE_CLIENT_ID": settings.administrate.client_id,
            "ADMINISTRATE_CLIENT_SECRET": settings.administrate.client_secret,
            "CORNERSTONE_BASE_URL": settings.cornerstone.base_url,
            "CORNERSTONE_CLIENT_ID": settings.cornerstone.client_id,
            "CORNERSTONE_CLIENT_SECRET": settings.cornerstone.client_secret,
            "CORNERSTONE_ACTOR": settings.cornerstone.actor,
        }.items():
            self.patch.setenv(PREFIX + name, value)
        self.caught.readouterr()
        code = cli.run(words)
        out, err = self.caught.readouterr()
        return Answer(code, out, err)

    def ok(self, *words: str) -> Answer:
        answer = self(*words)
        assert answer.code == 0, answer
        return answer
