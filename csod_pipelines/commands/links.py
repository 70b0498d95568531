"""`links`: which record here is which record there, and settling it by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from csod_pipelines.commands.look import Json
from csod_pipelines.commands.opened import kind_given, opened, operator
from csod_pipelines.commands.show import Failed, as_json, say, table, tree
from csod_pipelines.commands.switches import Why

Id = Annotated[str, typer.Argument(help="An id of either system, or a pasted link.")]
KindWord = Annotated[str, typer.Argument(help="In either system's words: contact, user, account, event ...")]
STATES = ("claimed", "pending", "live", "tombstone")

app = typer.Typer(help="Which record here is which record there.", no_args_is_help=True)


@app.callback()
def links() -> None:
    """Which record here is which record there."""


@app.command(name="list")
def list_(
    kind: Annotated[str, typer.Argument(help="Empty shows every kind.")] = "",
    state: Annotated[str, typer.Option(help=f"One of {', '.join(STATES)}.")] = "",
    limit: Annotated[int, typer.Option(min=1)] = 50,
    as_json_: Json = False,
) -> None:
    """The newest pairs."""
    from csod_pipelines.engine import pairing

    if state and state not in STATES:
        raise typer.BadParameter(f"--state is one of {', '.join(STATES)}")
    wanted = kind_given(kind) if kind else None
    with opened() as house:
        rows = pairing.rows(house.engine.context(dry=True), kind=wanted, state=state or None, limit=limit)
    if as_json_:
        as_json(rows)
    else:
        table(rows, empty="no pair")


@app.command()
def show(kind: KindWord, id: Id, as_json_: Json = False) -> None:
    """One pair: both ids, its state, what is known and what was refused."""
    from csod_pipelines.engine import pairing

    wanted = kind_given(kind)
    with opened() as house:
        shown = pairing.show(house.engine.context(dry=True), wanted, id)
    if as_json_:
        as_json(shown)
    else:
        tree(shown)


@app.command()
def bind(
    kind: KindWord,
    administrate: Annotated[str, typer.Argument(help="The Administrate record: its id, its number, or a pasted link.")],
    cornerstone: Annotated[str, typer.Argument(help="The Cornerstone record: its id, or a pasted link.")],
    why: Why,
    as_json_: Json = False,
) -> None:
    """Pair two records: settles several candidates. The owner's values then win as usual."""
    from csod_pipelines.engine import operate, pairing

    wanted = kind_given(kind)
    with opened() as house:
        link = pairing.bind(house.engine.context(dry=True), wanted, administrate, cornerstone, operate.By(who=operator(), why=why))
    if as_json_:
        as_json(pairing.row_of(link))
    else:
        say(f"paired: Administrate {link.administrate_id} and Cornerstone {link.cornerstone_id}; they are brought in step at once")


@app.command()
def unbind(kind: KindWord, id: Id, why: Why, as_json_: Json = False) -> None:
    """End a pair that was a mistake. Both records are parked until they are bound anew, or replayed."""
    from csod_pipelines.engine import operate, pairing

    wanted = kind_given(kind)
    with opened() as house:
        link = pairing.unbind(house.engine.context(), wanted, id, operate.By(who=operator(), why=why))
    if as_json_:
        as_json(pairing.row_of(link))
    else:
        say(f"ended: Administrate {link.administrate_id} and Cornerstone {link.cornerstone_id}; both are parked until bound anew")


@app.command(name="import")
def import_(
    file: Annotated[Path, typer.Argument(help="CSV with the columns kind, administrate, cornerstone; see import --adopt.")],
    why: Why,
    as_json_: Json = False,
) -> None:
    """Pair what a looked-through file names, all of it or nothing: every row is checked at both systems first."""
    from csod_pipelines.engine import adopting, operate

    try:
        with file.open(newline="", encoding="utf-8-sig") as lines, opened() as house:
            bound = adopting.bind_file(house.engine.context(dry=True), lines, operate.By(who=operator(), why=why))
    except OSError as err:
        raise Failed(f"{file} cannot be read: {err.strerror}") from err
    if as_json_:
        as_json(bound)
    else:
        say(", ".join(f"{number} {kind.replace('_', ' ')}" for kind, number in bound.items()) + " bound; they are brought in step at once")
