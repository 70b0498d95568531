"""`webhooks install`: tell the vendors where to deliver."""

from __future__ import annotations

from typing import Annotated

import typer

from csod_pipelines.commands.context import command_environment
from csod_pipelines.commands.opened import in_a_sentence
from csod_pipelines.commands.show import say

app = typer.Typer(help="The vendors' webhooks.", no_args_is_help=True)


@app.callback()
def webhooks() -> None:
    """The vendors' webhooks."""


@app.command()
def install(
    gateway: Annotated[str, typer.Option(help="Address under which the vendors reach our gateway.")] = "",
) -> None:
    """Create or update the Administrate webhooks; say what to enter on Cornerstone's endpoint screen."""
    from csod_pipelines.house.hooks import install_webhooks

    variables = command_environment()
    address = gateway or f"http://127.0.0.1:{variables.get('CSOD_PIPELINES_GATEWAY_PORT', '8080')}"
    with in_a_sentence():
        install_webhooks(variables, gateway=address.rstrip("/"), say=say)
