"""`deliveries` and `operations`: what reached us and how it ended, what was done and how the vendors answered."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from csod_pipelines.commands.look import Json
from csod_pipelines.commands.opened import kind_given, opened
from csod_pipelines.commands.show import as_json, table

Limit = Annotated[int, typer.Option(min=1, help="At most so many, the newest first.")]
_OPERATIONS = ("when", "what", "administrate", "cornerstone", "outcome", "reason", "what_to_do", "run")


def register(app: typer.Typer) -> None:
    app.command()(deliveries)
    app.command()(operations)


def deliveries(
    kind: Annotated[str, typer.Argument(help="With an id: only those about this record.")] = "",
    id: Annotated[str, typer.Argument()] = "",
    limit: Limit = 100,
    as_json_: Json = False,
) -> None:
    """Webhook deliveries: what each was about, and the one way in which it ended."""
    from csod_pipelines.engine import history_of

    if bool(kind) != bool(id):
        raise typer.BadParameter("give a kind and an id, or neither")
    wanted = kind_given(kind) if kind else None
    with opened() as house:
        rows = history_of.deliveries(house.database, kind=wanted, id=id, limit=limit)
    _show(rows, as_json_, empty="nothing was delivered")


def operations(
    kind: Annotated[str, typer.Argument(help="With an id: only those on this record.")] = "",
    id: Annotated[str, typer.Argument()] = "",
    run: Annotated[str, typer.Option(help="Only those of this run.")] = "",
    outcome: Annotated[str, typer.Option(help="Only those that ended so: success, partial, failure, unknown, not_sent, would_apply.")] = "",
    limit: Limit = 100,
    as_json_: Json = False,
) -> None:
    """What was done: in which system, to which record, with which outcome and why."""
    from csod_pipelines.engine import history_of

    if bool(kind) != bool(id):
        raise typer.BadParameter("give a kind and an id, or neither")
    wanted = kind_given(kind) if kind else None
    with opened() as house:
        rows = history_of.operations(house.database, kind=wanted, id=id, run_id=run or None, outcome=outcome or None, limit=limit)
    if as_json_:
        as_json(rows)
    else:
        _show([{name: row[name] for name in _OPERATIONS} for row in rows], False, empty="nothing was done")


def _show(rows: list[dict[str, Any]], as_json_: bool, *, empty: str) -> None:
    if as_json_:
        as_json(rows)
    else:
        table(rows, empty=empty)
