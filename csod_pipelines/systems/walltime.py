"""Wall times and instants. A wall time that does not exist, or exists twice, is never guessed."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from csod_pipelines.systems.errors import Refused

CODE = "wall_time"


def from_wall(wall: datetime, zone: ZoneInfo, *, abbreviation: str | None = None) -> datetime:
    """The UTC instant of ``wall`` in ``zone``. An abbreviation beside the zone tells the two hours of a turned-back clock apart."""
    if wall.tzinfo is not None:
        raise ValueError(f"{wall.isoformat()} carries an offset: it is no wall time")
    early, late = (wall.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
    if early.utcoffset() == late.utcoffset():
        return early.astimezone(UTC)
    if _shown(early.astimezone(UTC), zone) != wall:
        raise Refused(f"{wall.isoformat()} does not exist in {zone.key}: the clocks go forward over it", code=CODE)
    for moment in (early, late):
        if abbreviation and moment.tzname() == abbreviation and early.tzname() != late.tzname():
            return moment.astimezone(UTC)
    raise Refused(f"{wall.isoformat()} exists twice in {zone.key}: the clocks go back over it", code=CODE)


def to_wall(moment: datetime, zone: ZoneInfo) -> datetime:
    """The wall time that ``zone`` shows at ``moment``, provided that it can be read back."""
    wall = _shown(moment, zone)
    if wall.replace(tzinfo=zone, fold=0).utcoffset() != wall.replace(tzinfo=zone, fold=1).utcoffset():
        raise Refused(f"{wall.isoformat()} exists twice in {zone.key}: it cannot be written as a wall time", code=CODE)
    return wall


def _shown(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None, fold=0)
