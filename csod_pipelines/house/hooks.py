"""Meeting the vendors: whether the portal is ours, and telling both where to deliver.

Administrate has calls for it. Cornerstone's endpoint is entered on its screens; a sandbox takes it through its controls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast
from urllib.parse import urlsplit

import requests

from csod_pipelines.model.keys import SystemName
from csod_pipelines.portal import SANDBOX_HOSTS, is_sandbox
from csod_pipelines.runtime import open_house
from csod_pipelines.settings import NEED_WEBHOOKS, Settings, load_settings, require
from csod_pipelines.systems.administrate import AdministrateSystem
from csod_pipelines.systems.administrate.webhooks import Credentials, install
from csod_pipelines.systems.errors import VendorError

USER = "csod-pipelines"


class Unreachable(Exception):
    """The vendors could not deliver to this address; the message says what would do."""


def meet_vendors(variables: Mapping[str, str], *, gateway: str, say: Callable[[str], None]) -> None:
    """What a house that starts asks and tells them. A vendor that is down keeps no house from starting; another database that serves
    the portal does: raises SecondDatabase."""
    settings = load_settings(variables)
    try:
        with open_house(settings) as house:
            house.engine.claim()
        if is_sandbox(settings):
            install_webhooks(variables, gateway=gateway, say=say)
        else:
            say("webhooks are left as they are; csod-pipelines webhooks install --gateway https://... directs them to the gateway")
    except VendorError as err:
        say(f"{err}. The house starts all the same; webhooks are as they were")


def install_webhooks(variables: Mapping[str, str], *, gateway: str, say: Callable[[str], None]) -> None:
    """Create or correct our webhooks so that they deliver to ``gateway``. Safe to repeat. Raises Unreachable,
    SettingsError where a secret for the deliveries is not set, and what the vendor's answers raise."""
    settings = load_settings(variables)
    address = urlsplit(gateway)
    if not is_sandbox(settings) and (address.scheme != "https" or address.hostname in SANDBOX_HOSTS):
        raise Unreachable(f"the vendors cannot deliver to {gateway}. Give the gateway's public address: --gateway https://...")
    require(settings, NEED_WEBHOOKS)
    with open_house(settings) as house:
        administrate = cast(AdministrateSystem, house.systems[SystemName.ADMINISTRATE])
        say(_install_administrate(administrate, settings=settings, gateway=gateway))
    say(_install_cornerstone(settings, gateway=gateway))


def _install_administrate(administrate: AdministrateSystem, *, settings: Settings, gateway: str) -> str:
    credentials = Credentials(user=USER, password=next(iter(settings.administrate.webhook_secrets)))
    notify = settings.config.administrate.webhook_notify
    report = install(administrate.client, gateway, credentials, instance=settings.instance, notify=notify)
    installed = len(report.created) + len(report.updated) + len(report.unchanged)
    note = f"; the instance does not offer {', '.join(report.missing)}: the change feeds carry those, later" if report.missing else ""
    return f"Administrate delivers {installed} kinds of webhooks to {gateway}{note}"


def _install_cornerstone(settings: Settings, *, gateway: str) -> str:
    base = settings.cornerstone.base_url
    url = f"{gateway}/webhooks/cornerstone"
    if urlsplit(base).hostname in SANDBOX_HOSTS:
        endpoint = {"endpoint": {"url": url, "api_key": next(iter(settings.cornerstone.webhook_api_keys))}}
        answer = requests.post(f"{base}/_sandbox/webhooks", json=endpoint, timeout=10)
        if answer.ok:
            return f"Cornerstone delivers to {url}"
    return (
        f"Cornerstone: on Admin > Tools > Edge > Endpoints enter {url} with the key of CSOD_PIPELINES_CORNERSTONE_WEBHOOK_API_KEY as "
        "x-api-key, verify it, and start webhooks for user creation, training registration, completion and withdrawal"
    )
