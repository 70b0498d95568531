"""`pause`, `resume`, `go-live`, `brake`: what an operator decides. Acts in the database, within two seconds on every run."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from csod_pipelines.commands.look import Json
from csod_pipelines.commands.opened import opened, operator
from csod_pipelines.commands.show import as_json, say, table

Why = Annotated[str, typer.Option(help="The reason; kept with the decision and shown to everybody.")]
Target = Annotated[str, typer.Argument(help="A flow such as people_sync, a system (administrate, cornerstone), or all.")]

brake = typer.Typer(help="Flows that stopped before they deactivated, withdrew or moved too many.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.command()(pause)
    app.command()(resume)
    app.command(name="go-live")(go_live)
    app.command()(decisions)
    app.add_typer(brake, name="brake")


def _tell(as_json_: bool, said: str, **row: Any) -> None:
    if as_json_:
        as_json(row)
    else:
        say(said)


def pause(target: Target, why: Why, as_json_: Json = False) -> None:
    """Stop a flow within seconds; its changes wait and nothing is lost. A system: everything that needs it."""
    from csod_pipelines.engine import operate

    with opened() as house:
        name = operate.pause(house.engine.context(dry=True), target, operate.By(who=operator(), why=why))
    _tell(as_json_, f"{name} is paused; csod-pipelines resume {name} goes on", paused=name, who=operator(), why=why)


def resume(target: Target, why: Why = "resumed", as_json_: Json = False) -> None:
    """Let a paused flow or system go on."""
    from csod_pipelines.engine import operate

    with opened() as house:
        was_paused = operate.resume(house.engine.context(dry=True), target, operate.By(who=operator(), why=why))
    said = f"{target} goes on" if was_paused else f"{target} was not paused"
    _tell(as_json_, said, resumed=target, was_paused=was_paused, who=operator(), why=why)


def go_live(
    portal: Annotated[str, typer.Option(help="The portal's own name: acme of https://acme.csod.com.")],
    why: Why,
    take_over: Annotated[bool, typer.Option(help="The database that served it before is gone for good.")] = False,
    as_json_: Json = False,
) -> None:
    """From now on write to this portal. Until then every flow only observes, on any address that is no sandbox."""
    from csod_pipelines.engine import operate

    with opened() as house:
        operate.go_live(house.engine.context(), portal, operate.By(who=operator(), why=why), take_over=take_over)
    _tell(as_json_, f"portal {portal} is live: flows whose mode is live write from now on", portal=portal, who=operator(), why=why)


def decisions(as_json_: Json = False) -> None:
    """What counts now: pauses, held flows, releases, going live, with who decided it and why."""
    from csod_pipelines.engine import operate

    with opened() as house:
        rows = operate.decisions(house.engine.context(dry=True))
    if as_json_:
        as_json(rows)
    else:
        table(rows, empty="no flow is paused or held")


@brake.callback()
def _brake() -> None:
    """Flows that stopped before they deactivated, withdrew or moved too many."""


@brake.command()
def release(
    flow: Annotated[str, typer.Argument(help="The held flow, such as people_sync.")],
    why: Why,
    plan: Annotated[str, typer.Option(help="The digest that `csod-pipelines plan` showed; `none` when nothing braked is left in it.")],
    hours: Annotated[float, typer.Option(help="How long the release counts.")] = 4.0,
    as_json_: Json = False,
) -> None:
    """Let the writes of the plan that was shown pass. What changed since then is not released."""
    from csod_pipelines.engine import operate

    with opened() as house:
        context, by = house.engine.context(dry=True), operate.By(who=operator(), why=why)
        if plan == "none":
            was_held = operate.unhold(context, flow, by)
            _tell(as_json_, f"{flow} goes on" if was_held else f"{flow} was not held", flow=flow, was_held=was_held)
            return
        done = operate.release_brake(context, flow, plan_digest=plan, hours=hours, by=by)
    said = ", ".join(f"{number} {what}" for what, number in done.counts.items())
    _tell(
        as_json_,
        f"{done.flow} goes on: {said} may be written until {done.until:%Y-%m-%d %H:%M} UTC",
        flow=done.flow.value,
        plan=plan,
        counts=done.counts,
        until=done.until.isoformat(),
    )
