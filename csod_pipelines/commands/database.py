"""`db migrate`: bring a managed server up to date. The embedded one is brought up to date by `up`."""

from __future__ import annotations

from typing import Annotated

import typer

from csod_pipelines.commands.context import command_settings, home_of
from csod_pipelines.commands.show import Failed, say
from csod_pipelines.settings import NEED_DATABASE

app = typer.Typer(help="The database.", no_args_is_help=True)


@app.callback()
def database() -> None:
    """The database."""


@app.command()
def migrate(
    schema_only: Annotated[bool, typer.Option(help="Roles and databases exist; only the schema is brought up to date.")] = False,
) -> None:
    """Create roles, databases and schema where they are missing, on the server that CSOD_PIPELINES_DATABASE_URL names."""
    from csod_pipelines.store.provision import ProvisioningRefused, provision
    from csod_pipelines.store.provision import migrate as migrate_schema

    settings = command_settings(NEED_DATABASE)
    if schema_only:
        migrate_schema(settings.database_url)
        say("the schema is up to date")
        return
    home = home_of(settings)
    home.create()
    try:
        provision(settings.database_url, secrets=home.database_passwords)
    except ProvisioningRefused as err:
        raise Failed(str(err)) from err
    say(f"roles, databases and schema are up to date; the roles' passwords are in {home.database_passwords}")
