"""webhooks.create and webhooks.update."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import jmespath
import orjson
from jmespath.exceptions import JMESPathError

from csod_pipelines.sandbox.administrate import ids
from csod_pipelines.sandbox.administrate.call import Call, Refused
from csod_pipelines.sandbox.administrate.hook_types import HOOK_TYPES
from csod_pipelines.sandbox.administrate.records import Webhook


def create(call: Call, given: Mapping[str, Any]) -> Webhook:
    """New webhooks are inactive; an update turns them on."""
    parts = ids.decode(given["webhookTypeId"])
    if parts is None or parts[0] != "WebhookType" or parts[1] not in HOOK_TYPES or not call.settings.on(f"webhook_{parts[1]}"):
        raise Refused("webhookTypeId", "no such webhook type", given["webhookTypeId"])
    emails = given.get("notificationEmails") or ([given["emailAddress"]] if given.get("emailAddress") else [])
    row = Webhook(
        id=call.world.next_id(Webhook),
        type_slug=parts[1],
        name=given["name"],
        url=_url(given["url"]),
        query=given["query"],
        config=_config(given.get("config")),
        expression=_expression(given.get("filterExpression")),
        emails=tuple(emails),
    )
    call.world.table(Webhook).add(row, stamp=call.stamp)
    call.did("create", "webhooks", call.gid(row))
    return row


def update(call: Call, given: Mapping[str, Any]) -> Webhook:
    row = call.world.find(Webhook, given["webhookId"])
    if row is None:
        raise Refused("webhookId", "no such webhook", given["webhookId"])
    url = row.url if given.get("url") is None else _url(given["url"])
    config = row.config if "config" not in given else _config(given["config"])
    expression = row.expression if "filterExpression" not in given else _expression(given["filterExpression"])
    row.url, row.config, row.expression = url, config, expression
    row.name = given.get("name") or row.name
    row.query = given.get("query") or row.query
    row.state = given.get("lifecycleState") or row.state
    if given.get("notificationEmails") is not None:
        row.emails = tuple(given["notificationEmails"])
    row.failures = 0
    call.touch(row)
    call.did("update", "webhooks", call.gid(row))
    return row


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        host, parts = None, None
    # The vendor delivers over TLS; a sandbox on one machine has no certificate to show.
    if parts is None or parts.scheme not in {"http", "https"} or not host:
        raise Refused("url", "not an http address", text)
    return text


def _config(text: str | None) -> str | None:
    """A text that holds JSON. The refusal's words are the live service's."""
    if not text:
        return None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = None
    if not isinstance(value, dict):
        raise Refused("config", "Expecting property name enclosed in double quotes", text)
    return text


def _expression(text: str | None) -> str | None:
    if not text:
        return None
    try:
        jmespath.compile(text)
    except JMESPathError as wrong:
        raise Refused("filterExpression", f"not a JMESPath expression: {wrong}", text) from wrong
    return text
