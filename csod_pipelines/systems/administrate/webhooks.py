"""The webhooks that an instance needs to have, and bringing them there.

A delivery is a hint: each hook asks for the record's id and type only, and what is applied is read again. Types are found
by slug (the readable part of their id) or by name, since no complete list of them is published; a type that the instance
lacks is reported, and the change feed covers it. Hooks cannot be deleted and keep their type: they are updated or made inactive.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from csod_pipelines.systems.administrate.client import Client, entity

READ_QUERY = "query Hint($objectid: ID!) { node(id: $objectid) { id __typename } }"
LEARNER_QUERY = "query Hint($objectid: ID!) { node(id: $objectid) { id __typename ... on Learner { event { id } } } }"
ECHO_QUERY = "query Hint($objectid: String!) { echo(value: $objectid) }"


@dataclass(frozen=True, slots=True, kw_only=True)
class HookType:
    """``required``: a change of this kind would otherwise wait for the feed; a missing one is a warning."""

    slug: str
    names: tuple[str, ...]
    required: bool = True

    @property
    def query(self) -> str:
        if self.slug.endswith("_deleted"):
            return ECHO_QUERY
        return LEARNER_QUERY if self.slug.startswith("learner_") else READ_QUERY


def _type(slug: str, *aliases: str, required: bool = True) -> HookType:
    return HookType(slug=slug, names=(slug.replace("_", " ").title(), *aliases), required=required)


HOOK_TYPES: tuple[HookType, ...] = (
    _type("account_created"),
    _type("contact_created"),
    _type("course_template_published"),
    _type("event_created"),
    _type("event_updated"),
    _type("learner_created"),
    _type("learner_cancelled", "Learner Canceled"),
    _type("learner_result_updated"),
    _type("learner_attended_session"),
    _type("learner_missed_session"),
    _type("account_updated", required=False),
    _type("contact_updated", required=False),
    _type("course_template_updated", required=False),
    _type("event_published", required=False),
    _type("event_cancelled", required=False),
    _type("event_deleted", required=False),
    _type("learner_updated", required=False),
    _type("session_created", required=False),
    _type("session_updated", required=False),
    _type("session_deleted", required=False),
    _type("manual_event", required=False),
    _type("manual_course_template", required=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Basic credentials, which travel in the hook's address: the vendor's recommendation."""

    user: str
    password: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallReport:
    """Slugs. ``missing``: required types that this instance does not have; ``absent``: the others."""

    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    id: str
    slug: str
    url: str
    state: str


def hook_name(slug: str, *, instance: str = "") -> str:
    return f"{instance} csod_pipelines {slug}" if instance else f"csod_pipelines {slug}"


def hook_url(base_url: str, slug: str, credentials: Credentials | None) -> str:
    parts = urlsplit(base_url)
    host = parts.netloc
    if credentials is not None:
        host = f"{quote(credentials.user, safe='')}:{quote(credentials.password, safe='')}@{host}"
    return urlunsplit((parts.scheme, host, f"{parts.path.rstrip('/')}/webhooks/administrate/{slug}", "", ""))


def available(client: Client) -> dict[str, tuple[str, str]]:
    """Slug -> (id, name) of the types that the instance has; a type without a readable slug goes by its name."""
    found: dict[str, tuple[str, str]] = {}
    for page in client.pages("ListWebhookTypes", {}):
        for node in page.nodes:
            name = str(node.get("name") or "")
            found[_slug(node["id"]) or name.casefold()] = (node["id"], name)
    return found


def installed(client: Client, *, instance: str = "") -> list[Hook]:
    """Our own hooks, known by their name, in whatever state."""
    wanted = {hook_name(kind.slug, instance=instance): kind.slug for kind in HOOK_TYPES}
    nodes = (node for page in client.pages("ListWebhooks", {}) for node in page.nodes)
    return [
        Hook(id=node["id"], slug=wanted[node["name"]], url=str(node.get("url") or ""), state=str(node.get("lifecycleState") or ""))
        for node in nodes
        if node.get("name") in wanted
    ]


def install(
    client: Client,
    base_url: str,
    credentials: Credentials | None,
    *,
    instance: str = "",
    notify: Sequence[str] = (),
    kinds: Iterable[HookType] = HOOK_TYPES,
) -> InstallReport:
    """Create what is missing, correct what differs, activate everything. Nobody can read which query and which notification addresses
    a hook has, so those that are ``unchanged`` to the eye are sent both again: an upgrade's query, or another address, arrives."""
    told = {"notificationEmails": list(notify)} if notify else {}  # an empty list would erase what somebody entered by hand
    types = available(client)
    have = {hook.slug: hook for hook in installed(client, instance=instance)}
    done: dict[str, list[str]] = {name: [] for name in ("created", "updated", "unchanged", "missing", "absent")}
    for kind in kinds:
        type_id = _find(kind, types)
        if type_id is None:
            done["missing" if kind.required else "absent"].append(kind.slug)
            continue
        url, content = hook_url(base_url, kind.slug, credentials), {"query": kind.query} | told
        hook = have.get(kind.slug)
        if hook is None:
            made = {"webhookTypeId": type_id, "name": hook_name(kind.slug, instance=instance), **content, "url": url}
            _activate(client, _create(client, made))
            done["created"].append(kind.slug)
        else:
            _update(client, {"webhookId": hook.id, **content, "url": url, "lifecycleState": "active"})
            done["updated" if hook.url != url or hook.state != "active" else "unchanged"].append(kind.slug)
    return InstallReport(**{name: tuple(slugs) for name, slugs in done.items()})


def set_active(client: Client, slugs: Iterable[str], *, active: bool, instance: str = "") -> tuple[str, ...]:
    """Switch our hooks of these types on or off; inactive ones neither send nor count against fair use."""
    wanted, state = set(slugs), "active" if active else "inactive"
    changed = [hook for hook in installed(client, instance=instance) if hook.slug in wanted and hook.state != state]
    for hook in changed:
        _update(client, {"webhookId": hook.id, "lifecycleState": state})
    return tuple(hook.slug for hook in changed)


def _find(kind: HookType, types: Mapping[str, tuple[str, str]]) -> str | None:
    if kind.slug in types:
        return types[kind.slug][0]
    names = {name.casefold() for name in kind.names}
    return next((id for id, name in types.values() if name.casefold() in names), None)


def _slug(id: str) -> str | None:
    try:
        prefix, _, slug = base64.b64decode(id, validate=True).decode("ascii").partition(":")
    except ValueError:
        return None
    return slug if prefix == "WebhookType" and slug else None


def _create(client: Client, made: Mapping[str, Any]) -> str:
    result = (client.run("CreateWebhook", {"input": made}).get("webhooks") or {}).get("create")
    return entity(result, "webhook", operation="CreateWebhook")["id"]


def _activate(client: Client, id: str) -> None:
    """A new hook is not active (developer site, webhook setup)."""
    _update(client, {"webhookId": id, "lifecycleState": "active"})


def _update(client: Client, changes: Mapping[str, Any]) -> None:
    result = (client.run("UpdateWebhook", {"input": changes}).get("webhooks") or {}).get("update")
    entity(result, "webhook", operation="UpdateWebhook")
