"""`sandbox serve`: one vendor as a local server."""

from __future__ import annotations

import json
from typing import Annotated

import typer

app = typer.Typer(help="Both vendors as local servers, for trying and testing.", no_args_is_help=True)


@app.callback()
def sandbox() -> None:
    """Both vendors as local servers, for trying and testing."""


@app.command()
def serve(
    vendor: Annotated[str, typer.Option(help="administrate or cornerstone")],
    port: Annotated[int, typer.Option(help="0 picks a free one and prints it.")] = 0,
    seed: Annotated[int, typer.Option(help="The same seed makes the same world.")] = 1,
    size: Annotated[
        str, typer.Option(help="small, medium, large, mirror (both vendors hold most already), or a JSON object of counts.")
    ] = "small",
) -> None:
    """Serve one vendor until Ctrl-C."""
    from csod_pipelines.sandbox.serve import VENDORS
    from csod_pipelines.sandbox.serve import serve as serve_sandbox

    if vendor not in VENDORS:
        raise typer.BadParameter(f"--vendor must be one of {', '.join(VENDORS)}")
    try:
        world = json.loads(size) if size.startswith("{") else size
    except json.JSONDecodeError as err:
        raise typer.BadParameter(f"--size is not valid JSON: {err}") from err
    raise typer.Exit(serve_sandbox(vendor, port=port, seed=seed, size=world))
