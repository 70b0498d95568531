"""`status` and `trace`: looking, without changing anything."""

from __future__ import annotations

from typing import Annotated

import typer

from csod_pipelines.commands.opened import opened
from csod_pipelines.commands.show import as_json, say, tree

Json = Annotated[bool, typer.Option("--json", help="For programs.")]


def register(app: typer.Typer) -> None:
    app.command()(status)
    app.command()(trace)


def status(as_json_: Json = False) -> None:
    """What is waiting, what runs, what is parked, how old the oldest change is."""
    with opened() as house:
        shown = house.engine.status()
    if as_json_:
        as_json(shown)
    else:
        tree(shown)


def trace(
    kind: Annotated[str, typer.Argument(help="In either system's words: learner, contact, user, account, event, session ...")],
    id: Annotated[str, typer.Argument(help="An id of either system, or a pasted link.")],
    as_json_: Json = False,
) -> None:
    """Everything that happened to one record: what reached us, what was done, what the vendors answered."""
    with opened() as house:
        try:
            story = house.engine.trace(kind, id)
        except ValueError as err:
            raise typer.BadParameter(str(err)) from err
    if as_json_:
        as_json({"lines": list(story.lines), "rows": list(story.rows)})
        return
    for line in story.lines:
        say(line)
