"""`parked` and `replay`: records that were set aside for a person."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from csod_pipelines.commands.look import Json
from csod_pipelines.commands.opened import kind_given, opened, operator
from csod_pipelines.commands.show import as_json, say, table

_SHOWN = ("since", "what", "reason", "what_to_do", "flow", "subject")


def register(app: typer.Typer) -> None:
    app.command()(parked)
    app.command()(replay)


def parked(
    limit: Annotated[int, typer.Option(min=1, help="At most so many, the longest parked first.")] = 500,
    as_json_: Json = False,
) -> None:
    """Records that wait for a person: since when, why, and what to do."""
    from csod_pipelines.engine.replay import parked_rows

    with opened() as house:
        rows = parked_rows(house.engine.context(dry=True), limit=limit)
    if as_json_:
        as_json(rows)
    else:
        table([{name: row[name] for name in _SHOWN} for row in rows], empty="nothing is parked")


def replay(
    subject: Annotated[
        list[str] | None,
        typer.Argument(help="An id, a pasted link or a subject from `parked`; before it, if need be, its kind: replay contact 1234"),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="Whatever is parked.")] = False,
    why: Annotated[str, typer.Option(help="Kept with the decision.")] = "mended",
    as_json_: Json = False,
) -> None:
    """Try parked records again, once their cause is mended."""
    from csod_pipelines.engine import replay as replays
    from csod_pipelines.engine.operate import By

    given = subject or []
    if bool(given) == everything or len(given) > 2:
        raise typer.BadParameter("name one record (its kind before it, if need be), or give --all")
    kind = kind_given(given[0]) if len(given) == 2 else None
    with opened() as house:
        context, by = house.engine.context(dry=True), By(who=operator(), why=why)
        done = replays.replay_all(context, by) if everything else replays.replay(context, given[-1], kind=kind, by=by)
    if as_json_:
        as_json([asdict(row) for row in done])
        return
    for row in done:
        say(f"{row.words} is tried again ({row.subject})")
    if not done:
        say("nothing is parked")
