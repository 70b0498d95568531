"""`up`, `down`, `demo`, `exec`: the house as processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from csod_pipelines.commands.context import command_environment, home_of
from csod_pipelines.commands.show import Failed, say
from csod_pipelines.settings import NEED_NOTHING, load_settings

DOWN_SECONDS = 40.0


def register(app: typer.Typer) -> None:
    app.command()(up)
    app.command()(down)
    app.command()(demo)
    app.command(name="exec", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(exec_)


def up(
    seed: Annotated[int, typer.Option(help="Of the sandboxes' world.")] = 1,
    size: Annotated[str, typer.Option(help="Of the sandboxes' world: small, medium, large.")] = "small",
    stop_with_stdin: Annotated[bool, typer.Option(hidden=True)] = False,
) -> None:
    """Serve Dagster, the gateway, PostgreSQL and, unless vendors' addresses are set, two sandboxes, until Ctrl-C."""
    from csod_pipelines.house.stopping import StopRequest

    stop = StopRequest(follow_stdin=stop_with_stdin)
    stop.install()  # before the first child exists
    from csod_pipelines.engine.errors import SecondDatabase
    from csod_pipelines.house.children import ChildDied
    from csod_pipelines.house.dagster_web import DagsterRefused
    from csod_pipelines.house.stopping import StopRequested
    from csod_pipelines.house.up import House, NotReady
    from csod_pipelines.portal import WrongEnds
    from csod_pipelines.store.embedded import EmbeddedServerError
    from csod_pipelines.store.provision import ProvisioningRefused

    settings = load_settings(need=NEED_NOTHING)
    house = House(settings, home=home_of(settings), stop=stop, say=say, seed=seed, size=size)
    try:
        house.serve()
    except StopRequested:
        say("stopped while starting")
    except (ChildDied, NotReady, DagsterRefused, EmbeddedServerError, ProvisioningRefused, SecondDatabase, WrongEnds) as err:
        if not stop.requested:
            raise Failed(str(err)) from err
    say("stopped")


def down() -> None:
    """Stop the house that runs on this home, and wait until it is gone."""
    home = home_of(load_settings(need=NEED_NOTHING))
    owner = home.owner()
    if owner is None:
        say(f"no house is running on {home.path}")
        return
    with contextlib.suppress(ProcessLookupError):
        os.kill(owner, signal.SIGTERM)
    deadline = time.monotonic() + DOWN_SECONDS
    while home.owner() == owner:
        if time.monotonic() > deadline:
            raise Failed(f"process {owner} has not stopped after {DOWN_SECONDS:.0f} s; see the logs in {home.logs}")
        time.sleep(0.1)
    say("stopped")


def demo(
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the result to this file.")] = None,
    keep: Annotated[bool, typer.Option(help="Leave the house up; `csod-pipelines down` stops it.")] = False,
) -> None:
    """Start a house with two sandboxes, play the whole story in it, and verify every step."""
    from csod_pipelines.house.demo import HouseNotUp, play_demo
    from csod_pipelines.house.stopping import StopRequested

    home = home_of(load_settings(need=NEED_NOTHING))
    try:
        holds = play_demo(home, json_file=json_file, keep=keep, say=say)
    except HouseNotUp as err:
        raise Failed(str(err)) from err
    except StopRequested as err:
        raise Failed("stopped before the story began") from err
    if not holds:
        raise typer.Exit(1)


def exec_(context: typer.Context) -> None:
    """Run a command with DAGSTER_HOME and the variables of the running house: csod-pipelines exec -- dagster job list"""
    if not context.args:
        raise typer.BadParameter("name the command to run, after --")
    home_of(load_settings(need=NEED_NOTHING)).running_environment()
    variables = command_environment()
    variables["PATH"] = os.pathsep.join((str(Path(sys.executable).parent), variables.get("PATH", os.defpath)))
    try:
        finished = subprocess.run(context.args, env=variables, check=False)
    except OSError as err:
        raise Failed(f"{context.args[0]} cannot be run: {err.strerror}") from err
    raise typer.Exit(finished.returncode if finished.returncode >= 0 else 128 - finished.returncode)
