"""`plan`: what a reconciliation would write now. Writes nothing."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from csod_pipelines.commands.look import Json
from csod_pipelines.commands.opened import kind_given, opened
from csod_pipelines.commands.show import as_json, say, table
from csod_pipelines.model.keys import Kind

EXIT_FAILED, EXIT_WOULD_WRITE = 1, 2
_SHOWN = ("what", "administrate", "cornerstone", "fields", "why")
_UNREAD = ("subject", "reason")
_PARKED = ("since", "what", "reason", "what_to_do", "subject")
_REFUSED = ("when", "what", "administrate", "cornerstone", "outcome", "reason", "what_to_do")


def register(app: typer.Typer) -> None:
    app.command()(plan)


def plan(
    kind: Annotated[
        str,
        typer.Argument(help="org_unit person location subject provider course offering enrollment outcome, or either system's words."),
    ] = "",
    everything: Annotated[bool, typer.Option("--all", help="Every kind.")] = False,
    as_json_: Json = False,
) -> None:
    """What would be written now to bring both systems in step. Ends with 2 when something would, with 0 when nothing, with 1 when
    nothing is known to and some records could not be compared."""
    from csod_pipelines.engine.planning import make_plan

    if bool(kind) == everything:
        raise typer.BadParameter("name one kind, or give --all")
    kinds = list(Kind) if everything else [kind_given(kind)]
    with opened() as house:
        made = make_plan(house.engine.context(dry=True), kinds)
    braked = {flow.value: {"digest": part.digest, "counts": part.counts} for flow, part in made.braked().items()}
    shown: dict[str, Any] = {
        "would_write": made.step_rows(),
        "parked": made.parked,
        "refused": made.refused,
        "to_do": made.to_do,
        "unread": made.unread,
        "braked": braked,
    }
    if as_json_:
        as_json(shown)
    else:
        _print(shown)
    if made.steps or made.unread:
        raise typer.Exit(EXIT_WOULD_WRITE if made.steps else EXIT_FAILED)


def _print(shown: dict[str, Any]) -> None:
    rows = shown["would_write"]
    say(f"Would write: {len(rows)}")
    if rows:
        table([{name: row[name] for name in _SHOWN} for row in rows], empty="")
    for title, name, columns in (
        ("Parked, wait for a person", "parked", _PARKED),
        ("Refused or failed, wait for another value", "refused", _REFUSED),
        ("To do on a screen of Cornerstone", "to_do", _REFUSED),
        ("Could not be compared, is tried again", "unread", _UNREAD),
    ):
        if shown[name]:
            say(f"\n{title}: {len(shown[name])}")
            table([{column: row[column] for column in columns} for row in shown[name]], empty="")
    for flow, part in shown["braked"].items():
        said = ", ".join(f"{number} {what}" for what, number in part["counts"].items())
        say(f"\nBrakes of {flow} count {said} of these. Should the flow be held, this plan is released with:")
        say(f'  csod-pipelines brake release {flow} --plan {part["digest"]} --why "..." --hours 4')
