"""Which portal and instance the settings lead to, and whether the database belongs to them."""

from __future__ import annotations

from urllib.parse import urlsplit

from sqlalchemy import Connection

from csod_pipelines.config import Config
from csod_pipelines.settings import Settings
from csod_pipelines.store import controls
from csod_pipelines.store.database import Database

SANDBOX_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})


class WrongEnds(Exception):
    """The database belongs to another pair of portal and instance; nothing may be written."""


def is_sandbox(settings: Settings) -> bool:
    hosts = {urlsplit(url).hostname for url in (settings.administrate.api_url, settings.cornerstone.base_url)}
    return hosts <= SANDBOX_HOSTS


def portal_name(settings: Settings) -> str:
    """The portal's own name, as it stands in external ids: ``acme`` of https://acme.csod.com."""
    host = urlsplit(settings.cornerstone.base_url).hostname or "portal"
    return "sandbox" if host in SANDBOX_HOSTS else host.split(".", 1)[0]


def wrong_portal(given: str, *, settings: Settings) -> str | None:
    """Why the portal that somebody named is not the one meant, or None: its name as in external ids, or its host."""
    name = portal_name(settings)
    host = (urlsplit(settings.cornerstone.base_url).hostname or "").lower()
    if given.strip().lower() in {name, host}:
        return None
    asked = f"portal is {given!r}" if given else "portal is empty"
    return (
        f"Nothing was written: {asked}, and these settings lead to the portal {name!r} ({host}). "
        f"To import what that portal holds, start again with portal: {name}. "
        "If you meant another portal, its address is set by CSOD_PIPELINES_CORNERSTONE_BASE_URL."
    )


def administrate_ui(settings: Settings) -> str | None:
    """Where people open records: the sandbox's own pages, or the instance that the API address names; None when it names none."""
    parts = urlsplit(settings.administrate.api_url)
    if is_sandbox(settings):
        return f"{parts.scheme}://{parts.netloc}"
    host = parts.hostname or ""
    return f"https://{host}" if host.endswith(".administrateapp.com") and not host.startswith("api.") else None


def claim(database: Database, settings: Settings) -> None:
    """This database is used with these settings. Raises WrongEnds where it belongs to other ends."""
    with database.begin() as conn:
        _check_fingerprint(conn, settings)
        _note_configuration(conn, settings.config)


def _check_fingerprint(conn: Connection, settings: Settings) -> None:
    """The first use writes which portal and instance this database belongs to; any other pair is refused from then on."""
    instance = "sandbox" if is_sandbox(settings) else urlsplit(settings.administrate.api_url).hostname or ""
    ends = {"portal": portal_name(settings), "instance": instance}
    known = controls.get_control(conn, controls.FINGERPRINT)
    if known is None:
        controls.set_control(conn, controls.FINGERPRINT, ends, "csod_pipelines", "first use of this database")
    elif known.value != ends:
        raise WrongEnds(
            f"this database belongs to portal {known.value['portal']} and instance {known.value['instance']}, but the settings name "
            f"{ends['portal']} and {ends['instance']}. Point CSOD_PIPELINES_DATABASE_URL at the right database, or use a new one."
        )


def _note_configuration(conn: Connection, config: Config) -> None:
    """Under which settings an operation came about can be told by its time: each change of them is kept, by digests."""
    known = controls.get_control(conn, controls.CONFIGURATION)
    if known is not None and known.value["digest"] == config.digest:
        return
    sections = config.section_digests
    before = known.value["sections"] if known is not None else sections
    changed = sorted(name for name in sections if sections[name] != before.get(name))
    value = {"digest": config.digest, "sections": sections}
    controls.set_control(
        conn, controls.CONFIGURATION, value, "csod_pipelines", f"changed: {', '.join(changed)}" if changed else "first use"
    )
