"""A small world of one's own, and the few things that the operators' scenarios do in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from csod_pipelines.model.keys import Kind
from csod_pipelines.runtime import open_house
from csod_pipelines.settings import load_settings
from csod_pipelines.store.provision import Urls
from csod_pipelines_tests.acceptance.world import CONFIG, PREFIX, World, world

SMALL = {"users": 40, "ous": 10, "events": 3, "sessions_per_event": 1, "learners_per_session": 2}
BASELINE = (Kind.ORG_UNIT, Kind.PROVIDER, Kind.PERSON)


@contextmanager
def little(urls: Urls, home: Path, *, settings: dict[str, Any] | None = None, imported: bool = True, **counts: int) -> Iterator[World]:
    """Both vendors, small, imported and quiet. ``settings`` are laid over csod_pipelines.yaml, section by section."""
    config = yaml.safe_load(CONFIG.read_text())
    for section, values in (settings or {}).items():
        config[section] = _over(config[section], values)
    home.mkdir(parents=True, exist_ok=True)
    file = home / "csod_pipelines.yaml"
    file.write_text(yaml.safe_dump(config))
    with world(urls, home, cornerstone=SMALL | counts, CONFIG=str(file)) as made:
        if imported:
            made.baseline(*BASELINE)
            made.settle()
        yield made


@contextmanager
def told(here: World, sections: dict[str, Any]) -> Iterator[World]:
    """The same vendors and database under other settings, as after a restart with an edited csod_pipelines.yaml."""
    settings = here.house.settings
    assert settings.config_file is not None
    before = settings.config_file.read_text()
    config = yaml.safe_load(before)
    for section, values in sections.items():
        config[section] = _over(config[section], values)
    settings.config_file.write_text(yaml.safe_dump(config))
    try:
        with open_house(load_settings(variables_of(here)), run_id="test") as house:
            yield World(administrate=here.administrate, cornerstone=here.cornerstone, house=house)
    finally:
        settings.config_file.write_text(before)


def variables_of(here: World) -> dict[str, str]:
    """The variables of the world's house."""
    settings = here.house.settings
    administrate, cornerstone = settings.administrate, settings.cornerstone
    values = {
        "HOME": str(settings.home),
        "CONFIG": str(settings.config_file or CONFIG),
        "DATABASE_URL": settings.database_url,
        "ADMINISTRATE_AUTH_URL": administrate.auth_url,
        "ADMINISTRATE_API_URL": administrate.api_url,
        "ADMINISTRATE_CLIENT_ID": administrate.client_id,
        "ADMINISTRATE_CLIENT_SECRET": administrate.client_secret,
        "CORNERSTONE_BASE_URL": cornerstone.base_url,
        "CORNERSTONE_CLIENT_ID": cornerstone.client_id,
        "CORNERSTONE_CLIENT_SECRET": cornerstone.client_secret,
        "CORNERSTONE_ACTOR": cornerstone.actor,
        "FEED_SECONDS": str(settings.feed_seconds),
    }
    return {PREFIX + name: value for name, value in values.items()}


def _over(under: dict[str, Any], values: dict[str, Any]) -> dict[str, Any]:
    return under | {k: _over(under[k], v) if isinstance(v, dict) and isinstance(under.get(k), dict) else v for k, v in values.items()}


def contacts_by_user(here: World) -> dict[int, dict[str, Any]]:
    rows = here.administrate.rows("contacts")
    return {int(row["external_ids"]["csod:sandbox:user"]): row for row in rows if "csod:sandbox:user" in row["external_ids"]}


def people(here: World) -> list[dict[str, Any]]:
    """Active users with a contact, without the integration's own."""
    contacts = contacts_by_user(here)
    users = here.cornerstone.rows("users", active=True)
    return [user for user in users if user["id"] in contacts and "svc" not in str(user["external_id"]) and user["primary_email"]]


def publish(here: World, code: str = "FIRE-101") -> dict[str, Any]:
    template = here.administrate.row("course_templates", code=code)
    if template["lifecycle_state"] != "published":
        here.administrate.act("publish_template", id=template["id"])
    return template


def event(here: World, *, parts: int = 1, days: float = 7, **more: Any) -> dict[str, Any]:
    """A published event; its session appears once the world has settled."""
    template = publish(here, more.pop("template", "FIRE-101"))
    start = (datetime.now(UTC) + timedelta(days=days)).replace(tzinfo=None, microsecond=0, second=0)
    sessions = [
        {
            "title": f"Day {n + 1}",
            "start": (start + timedelta(days=n)).isoformat(),
            "end": (start + timedelta(days=n, minutes=30)).isoformat(),
        }
        for n in range(parts)
    ]
    given = {"title": "Training", "time_zone_name": "UTC", "min_places": 1, "max_places": 30, "sessions": sessions, "publish": True, **more}
    return here.administrate.act("create_event", course_template_id=template["id"], **given)


def session_of(here: World, row: dict[str, Any]) -> dict[str, Any]:
    return here.cornerstone.row("sessions", session_id=f"ADM-{row['legacy_id']}")
