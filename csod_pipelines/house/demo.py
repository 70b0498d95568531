"""`demo`: a house of its own, the story played in it, and its end.

The house is another process, so that the story has no way in but those that everybody has. Should this process be
killed, the house sees its input end and stops by itself; with ``keep`` it is left alone.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from csod_pipelines.house.home import Home, HouseRunning
from csod_pipelines.house.stopping import StopRequest
from csod_pipelines.house.story.play import play
from csod_pipelines.house.story.stage import Stage
from csod_pipelines.settings import PREFIX, environment, variable

UP_SECONDS = 120.0
DOWN_SECONDS = 45.0
FEED_SECONDS = "5"
_VENDORS = (PREFIX + "ADMINISTRATE_", PREFIX + "CORNERSTONE_")


class HouseNotUp(Exception):
    """The message holds what the house said."""


def play_demo(home: Home, *, json_file: Path | None, keep: bool, say: Callable[[str], None]) -> bool:
    """True when every step held. Raises HouseRunning when this home is in use."""
    if (owner := home.owner()) is not None:
        raise HouseRunning(f"A house is already running on {home.path} (process {owner}). Stop it with `csod-pipelines down` first.")
    stop = StopRequest()
    stop.install()  # before the house exists
    home.create()
    house = _start(home, keep=keep)
    try:
        say(f"starting a house in {home.path}")
        _wait_until_up(house, home=home, stop=stop)
        variables = environment() | home.running_environment()
        stage = Stage(home.running_endpoints(), variables, stopped=lambda: stop.requested or house.poll() is not None)
        result = play(stage, say=say)
    except BaseException:
        _end(house)
        raise
    if json_file is not None:
        json_file.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    say("the story holds" if result["ok"] else f"the story does not hold; logs are in {home.logs}")
    if keep and not stop.requested:
        say(f"the house stays up: Dagster at {stage.endpoints['dagster']}, all addresses in {home.endpoints}; csod-pipelines down stops it")
    else:
        _end(house)
    return bool(result["ok"])


def _start(home: Home, *, keep: bool) -> subprocess.Popen[bytes]:
    variables = {name: value for name, value in environment().items() if not name.startswith(_VENDORS) or name.endswith("_PORT")}
    variables[variable("home")] = str(home.path)
    variables.setdefault(variable("feed_seconds"), FEED_SECONDS)
    command = [sys.executable, "-m", "csod_pipelines.cli", "up", *([] if keep else ["--stop-with-stdin"])]
    with (home.path / "demo.log").open("wb") as log:
        return subprocess.Popen(
            command,
            env=variables,
            stdin=subprocess.DEVNULL if keep else subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _wait_until_up(house: subprocess.Popen[bytes], *, home: Home, stop: StopRequest) -> None:
    deadline = time.monotonic() + UP_SECONDS
    while not (home.owner() == house.pid and home.endpoints.exists()):
        if house.poll() is not None or time.monotonic() > deadline:
            said = (home.path / "demo.log").read_text(encoding="utf-8", errors="replace").strip()
            raise HouseNotUp(f"the house did not come up. It said:\n{said}")
        stop.check()
        stop.wait(0.2)


def _end(house: subprocess.Popen[bytes]) -> None:
    house.terminate()
    try:
        house.wait(timeout=DOWN_SECONDS)
    except subprocess.TimeoutExpired:
        house.kill()
        house.wait()
