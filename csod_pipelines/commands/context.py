"""The settings of a command: the shell's own variables, and under them those of the house that runs on this home."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from csod_pipelines.house.home import Home, HouseNotRunning
from csod_pipelines.settings import NEED_ENGINE, NEED_NOTHING, Settings, environment, load_settings


def home_of(settings: Settings) -> Home:
    return Home(Path(settings.home).expanduser().resolve())


def command_environment() -> dict[str, str]:
    """Variables that the shell sets win: a command may look at another database than the house's."""
    own = environment()
    home = home_of(load_settings(own, need=NEED_NOTHING))
    try:
        return home.running_environment() | own
    except HouseNotRunning:
        return own


def command_settings(need: Sequence[str] = NEED_ENGINE) -> Settings:
    """Raises SettingsError naming what is missing, when no house is running either."""
    return load_settings(command_environment(), need=need)
