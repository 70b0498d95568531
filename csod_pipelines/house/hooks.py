"""Telling the vendors where to deliver.

Administrate has a mutation for it: one webhook a type, each with an address of its own, since a delivery does not say
its type; a new one starts inactive, and none can be deleted (developer pages, webhooks). They ask for no more than the
record's id. Cornerstone's endpoint is entered on its screens; a sandbox takes it through its controls.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from typing import Any, cast
from urllib.parse import quote, urlsplit

import requests

from csod_pipelines.model.keys import SystemName
from csod_pipelines.runtime import open_house
from csod_pipelines.settings import Settings, load_settings
from csod_pipelines.systems.administrate.adapter import AdministrateSystem
from csod_pipelines.systems.errors import Refused

RECORD_QUERY = "query Record($objectid: ID!) { node(id: $objectid) { id __typename } }"
DELETED_QUERY = "query Deleted($objectid: String!) { echo(value: $objectid) }"
USER = "csod-pipelines"
#: What the sync was promised to hear of.
PROMISED = (
    *("contact_created", "account_created", "event_created", "event_updated", "course_template_published"),
    *("learner_created", "learner_cancelled", "learner_result_updated", "learner_attended_session", "learner_missed_session"),
)
#: What makes it faster where an instance offers it.
WELCOME = (
    *("contact_updated", "account_updated", "learner_updated", "course_template_updated", "manual_course_template", "manual_event"),
    *("event_published", "event_cancelled", "event_deleted", "session_created", "session_updated", "session_deleted"),
)
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def install_webhooks(variables: Mapping[str, str], *, gateway: str, say: Callable[[str], None]) -> None:
    """Create or correct our webhooks so that they deliver to ``gateway``. Safe to repeat."""
    settings = load_settings(variables)
    with open_house(settings) as house:
        administrate = cast(AdministrateSystem, house.systems[SystemName.ADMINISTRATE])
        say(_install_administrate(administrate, settings=settings, gateway=gateway))
    say(_install_cornerstone(settings, gateway=gateway))


def _install_administrate(administrate: AdministrateSystem, *, settings: Settings, gateway: str) -> str:
    client = administrate.client
    offered = {_slug(node): str(node["id"]) for node in _nodes(client.pages("ListWebhookTypes", {}))}
    existing = {str(node["name"]): node for node in _nodes(client.pages("ListWebhooks", {}))}
    installed = 0
    for slug in (*PROMISED, *WELCOME):
        if slug not in offered:
            continue
        wanted = _wanted(slug, settings=settings, gateway=gateway)
        known = existing.get(wanted["name"])
        if known is None:
            made = client.run("CreateWebhook", {"input": {**wanted, "webhookTypeId": offered[slug]}})["webhooks"]["create"]
            webhook = _accepted(made, slug)["id"]
            _accepted(_update(client, {"webhookId": webhook, "lifecycleState": "active"}), slug)
        elif known.get("url") != wanted["url"] or known.get("lifecycleState") != "active":
            _accepted(_update(client, {"webhookId": known["id"], **wanted, "lifecycleState": "active"}), slug)
        installed += 1
    lacking = [slug for slug in PROMISED if slug not in offered]
    note = f"; the instance does not offer {', '.join(lacking)}: the change feeds carry those, later" if lacking else ""
    return f"Administrate delivers {installed} kinds of webhooks to {gateway}{note}"


def _wanted(slug: str, *, settings: Settings, gateway: str) -> dict[str, Any]:
    where = urlsplit(gateway)
    secret = quote(settings.administrate.webhook_secrets[0], safe="")
    prefix = f"{settings.instance} " if settings.instance else ""
    return {
        "name": f"{prefix}csod_pipelines {slug}",
        "query": DELETED_QUERY if slug.endswith("_deleted") else RECORD_QUERY,
        "url": f"{where.scheme}://{USER}:{secret}@{where.netloc}{where.path}/webhooks/administrate/{slug}",
        "notificationEmails": list(settings.config.administrate.webhook_notify),
    }


def _install_cornerstone(settings: Settings, *, gateway: str) -> str:
    base = settings.cornerstone.base_url
    url = f"{gateway}/webhooks/cornerstone"
    if urlsplit(base).hostname in LOOPBACK:
        endpoint = {"endpoint": {"url": url, "api_key": settings.cornerstone.webhook_api_keys[0]}}
        answer = requests.post(f"{base}/_sandbox/webhooks", json=endpoint, timeout=10)
        if answer.ok:
            return f"Cornerstone delivers to {url}"
    return (
        f"Cornerstone: on Admin > Tools > Edge > Endpoints enter {url} with the key of CSOD_PIPELINES_CORNERSTONE_WEBHOOK_API_KEY as "
        "x-api-key, verify it, and start webhooks for user creation, training registration, completion and withdrawal"
    )


def _update(client: Any, input: Mapping[str, Any]) -> Mapping[str, Any]:
    return client.run("UpdateWebhook", {"input": dict(input)})["webhooks"]["update"]


def _accepted(result: Mapping[str, Any], slug: str) -> Mapping[str, Any]:
    if result.get("errors") or not result.get("webhook"):
        said = "; ".join(str(row.get("message")) for row in result.get("errors") or ()) or "no webhook came back"
        raise Refused(f"Administrate refused the webhook {slug}: {said}. Check that the API application may manage webhooks")
    return result["webhook"]


def _nodes(pages: Iterable[Any]) -> Iterable[Mapping[str, Any]]:
    for page in pages:
        yield from page.nodes


def _slug(node: Mapping[str, Any]) -> str:
    """From the id, which is base64 of ``WebhookType:<slug>``; from the name where an instance has other ids."""
    try:
        prefix, _, slug = base64.b64decode(str(node["id"]), validate=True).decode("ascii").partition(":")
    except (binascii.Error, UnicodeDecodeError):
        prefix = slug = ""
    found = slug if prefix == "WebhookType" and slug else str(node.get("name", "")).lower().replace(" ", "_")
    return found.replace("canceled", "cancelled")
