"""Stamps, wall times and zones. Stamps are whole seconds of the vendor's clock; dates of sessions are wall times of a named zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    return frozenset(available_timezones())


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def stamp_text(stamp: int | None) -> str | None:
    return None if stamp is None else datetime.fromtimestamp(stamp, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def parse_moment(text: str) -> datetime:
    """An ISO date or date and time; without an offset it is UTC. ValueError when it is neither."""
    moment = datetime.fromisoformat(text.strip())
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def parse_wall(text: str) -> datetime:
    """A date and time without an offset. ValueError when it carries one."""
    moment = datetime.fromisoformat(text.strip())
    if moment.tzinfo is not None:
        raise ValueError("a local date and time carries no offset")
    return moment.replace(microsecond=0)


def instant(wall: datetime | None, zone_name: str) -> datetime | None:
    """The wall time with the offset it has in its zone; the earlier one where a clock is set back."""
    return None if wall is None else wall.replace(tzinfo=zone(zone_name))


def utc_text(wall: datetime | None, zone_name: str) -> str | None:
    moment = instant(wall, zone_name)
    try:
        return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    except OverflowError:
        return None


def offset_text(wall: datetime | None, zone_name: str) -> str | None:
    moment = instant(wall, zone_name)
    return None if moment is None else moment.isoformat()


def wall_in(moment: datetime, zone_name: str) -> datetime:
    return moment.astimezone(zone(zone_name)).replace(tzinfo=None, microsecond=0)


def lasts(start: datetime, *, hours: float) -> datetime:
    return start + timedelta(hours=hours)
