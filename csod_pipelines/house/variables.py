"""The variables under which the house's processes run, made from what the operator set and what the house adds."""

from __future__ import annotations

import secrets as random
from collections.abc import Mapping
from pathlib import Path

from csod_pipelines.house.home import Home, read_json, write_private
from csod_pipelines.house.ports import HOST
from csod_pipelines.settings import DEFAULT_CONFIG_FILE, Settings, SettingsError, environment, variable
from csod_pipelines.store.provision import Urls

SANDBOX_ID = "sandbox"
SANDBOX_SECRET = "sandbox-secret"
SANDBOX_ACTOR = "svc.integration"  # the user every sandbox portal has for its integrations


def uses_sandboxes(settings: Settings) -> bool:
    """True when no vendor address is set. One of the two alone would tie a live portal to a toy: refused."""
    known = {"administrate.api_url": settings.administrate.api_url, "cornerstone.base_url": settings.cornerstone.base_url}
    given = [name for name, address in known.items() if address]
    if len(given) == 1:
        other = next(name for name in known if name not in given)
        raise SettingsError(f"{variable(given[0])} is set and {variable(other)} is not. Set both, or neither for two sandboxes.")
    return not given


def addresses(settings: Settings, *, ports: Mapping[str, int], sandboxes: bool) -> dict[str, str]:
    made = {name: f"http://{HOST}:{ports[name]}" for name in ("dagster", "gateway")}
    if sandboxes:
        return made | {name: f"http://{HOST}:{ports[name]}" for name in ("administrate", "cornerstone")}
    return made | {"administrate": settings.administrate.api_url, "cornerstone": settings.cornerstone.base_url}


def variables(settings: Settings, *, home: Home, urls: Urls, addresses: Mapping[str, str], sandboxes: bool) -> dict[str, str]:
    """Everything a child needs; the operator's own variables stay unless the house knows better."""
    made = {
        "home": str(home.path),
        "database_url": urls.engine,
        "gateway_database_url": urls.gateway,
        "auditor_database_url": urls.auditor,
        "dagster_database_url": urls.dagster,
        "feed_seconds": f"{settings.feed_seconds:g}",
    }
    if sandboxes:
        made |= _sandbox_fields(settings, home=home, addresses=addresses)
    for name in ("dagster", "gateway", "administrate", "cornerstone"):
        port = addresses[name].rpartition(":")[2]
        if port.isdigit():
            made[f"{name}_port"] = port
    return {**environment(), **{variable(name): value for name, value in made.items()}, **_config_file(settings), **_for_dagster(home)}


def _sandbox_fields(settings: Settings, *, home: Home, addresses: Mapping[str, str]) -> dict[str, str]:
    known = read_json(home.secrets) if home.secrets.exists() else {}
    made = {name: known.get(name) or random.token_hex(16) for name in ("webhook_secret", "webhook_api_key")}
    if made != known:
        write_private(home.secrets, made)
    return {
        "administrate.auth_url": f"{addresses['administrate']}/oauth/token",
        "administrate.api_url": f"{addresses['administrate']}/graphql",
        "administrate.client_id": SANDBOX_ID,
        "administrate.client_secret": SANDBOX_SECRET,
        "administrate.webhook_secret": settings.administrate.webhook_secret or made["webhook_secret"],
        "cornerstone.base_url": addresses["cornerstone"],
        "cornerstone.client_id": SANDBOX_ID,
        "cornerstone.client_secret": SANDBOX_SECRET,
        "cornerstone.actor": settings.cornerstone.actor or SANDBOX_ACTOR,
        "cornerstone.webhook_api_key": settings.cornerstone.webhook_api_key or made["webhook_api_key"],
    }


def _config_file(settings: Settings) -> dict[str, str]:
    file = settings.config_file or Path(DEFAULT_CONFIG_FILE)
    return {variable("config"): str(file.resolve())} if file.is_file() else {}


def _for_dagster(home: Home) -> dict[str, str]:
    return {
        "DAGSTER_HOME": str(home.dagster),
        "PYTHONUNBUFFERED": "1",
        "PYTHONWARNINGS": "ignore",
        "DAGSTER_DISABLE_TELEMETRY": "yes",
        "NO_COLOR": "1",
        # On a machine that is busy with other things a minute may pass: a run given up by the daemon starts all the same, and is sent home.
        "DAGSTER_GRPC_TIMEOUT_SECONDS": environment().get("DAGSTER_GRPC_TIMEOUT_SECONDS", "180"),
    }
