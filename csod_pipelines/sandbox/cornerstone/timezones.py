"""Windows-style time zone labels, as the portal shows them, and the IANA zones whose rules they follow.

The pairs are those of the CLDR windowsZones table, territory 001. Times inside the sandbox are UTC; only labels,
wall times and abbreviations on the wire come from here.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

UTC_LABEL = "(UTC) Coordinated Universal Time"

ZONES: dict[str, str] = {
    "(UTC-12:00) International Date Line West": "Etc/GMT+12",
    "(UTC-11:00) Coordinated Universal Time-11": "Pacific/Pago_Pago",
    "(UTC-10:00) Hawaii": "Pacific/Honolulu",
    "(UTC-09:00) Alaska": "America/Anchorage",
    "(UTC-08:00) Pacific Time (US & Canada)": "America/Los_Angeles",
    "(UTC-07:00) Arizona": "America/Phoenix",
    "(UTC-07:00) Mountain Time (US & Canada)": "America/Denver",
    "(UTC-06:00) Central America": "America/Guatemala",
    "(UTC-06:00) Central Time (US & Canada)": "America/Chicago",
    "(UTC-06:00) Guadalajara, Mexico City, Monterrey": "America/Mexico_City",
    "(UTC-06:00) Saskatchewan": "America/Regina",
    "(UTC-05:00) Bogota, Lima, Quito, Rio Branco": "America/Bogota",
    "(UTC-05:00) Eastern Time (US & Canada)": "America/New_York",
    "(UTC-04:00) Atlantic Time (Canada)": "America/Halifax",
    "(UTC-04:00) Georgetown, La Paz, Manaus, San Juan": "America/La_Paz",
    "(UTC-04:00) Santiago": "America/Santiago",
    "(UTC-03:30) Newfoundland": "America/St_Johns",
    "(UTC-03:00) Brasilia": "America/Sao_Paulo",
    "(UTC-03:00) City of Buenos Aires": "America/Argentina/Buenos_Aires",
    "(UTC-01:00) Azores": "Atlantic/Azores",
    UTC_LABEL: "Etc/UTC",
    "(UTC+00:00) Dublin, Edinburgh, Lisbon, London": "Europe/London",
    "(UTC+00:00) Monrovia, Reykjavik": "Atlantic/Reykjavik",
    "(UTC+01:00) Casablanca": "Africa/Casablanca",
    "(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna": "Europe/Berlin",
    "(UTC+01:00) Belgrade, Bratislava, Budapest, Ljubljana, Prague": "Europe/Budapest",
    "(UTC+01:00) Brussels, Copenhagen, Madrid, Paris": "Europe/Paris",
    "(UTC+01:00) Sarajevo, Skopje, Warsaw, Zagreb": "Europe/Warsaw",
    "(UTC+01:00) West Central Africa": "Africa/Lagos",
    "(UTC+02:00) Athens, Bucharest": "Europe/Bucharest",
    "(UTC+02:00) Cairo": "Africa/Cairo",
    "(UTC+02:00) Harare, Pretoria": "Africa/Johannesburg",
    "(UTC+02:00) Helsinki, Kyiv, Riga, Sofia, Tallinn, Vilnius": "Europe/Kyiv",
    "(UTC+02:00) Jerusalem": "Asia/Jerusalem",
    "(UTC+03:00) Istanbul": "Europe/Istanbul",
    "(UTC+03:00) Kuwait, Riyadh": "Asia/Riyadh",
    "(UTC+03:00) Moscow, St. Petersburg": "Europe/Moscow",
    "(UTC+03:00) Nairobi": "Africa/Nairobi",
    "(UTC+03:30) Tehran": "Asia/Tehran",
    "(UTC+04:00) Abu Dhabi, Muscat": "Asia/Dubai",
    "(UTC+04:30) Kabul": "Asia/Kabul",
    "(UTC+05:00) Islamabad, Karachi": "Asia/Karachi",
    "(UTC+05:00) Ashgabat, Tashkent": "Asia/Tashkent",
    "(UTC+05:30) Chennai, Kolkata, Mumbai, New Delhi": "Asia/Kolkata",
    "(UTC+05:45) Kathmandu": "Asia/Kathmandu",
    "(UTC+06:00) Dhaka": "Asia/Dhaka",
    "(UTC+06:30) Yangon (Rangoon)": "Asia/Yangon",
    "(UTC+07:00) Bangkok, Hanoi, Jakarta": "Asia/Bangkok",
    "(UTC+08:00) Beijing, Chongqing, Hong Kong, Urumqi": "Asia/Shanghai",
    "(UTC+08:00) Kuala Lumpur, Singapore": "Asia/Singapore",
    "(UTC+08:00) Perth": "Australia/Perth",
    "(UTC+08:00) Taipei": "Asia/Taipei",
    "(UTC+09:00) Osaka, Sapporo, Tokyo": "Asia/Tokyo",
    "(UTC+09:00) Seoul": "Asia/Seoul",
    "(UTC+09:30) Adelaide": "Australia/Adelaide",
    "(UTC+09:30) Darwin": "Australia/Darwin",
    "(UTC+10:00) Brisbane": "Australia/Brisbane",
    "(UTC+10:00) Canberra, Melbourne, Sydney": "Australia/Sydney",
    "(UTC+12:00) Auckland, Wellington": "Pacific/Auckland",
    "(UTC+12:00) Fiji": "Pacific/Fiji",
    "(UTC+13:00) Nuku'alofa": "Pacific/Tongatapu",
}

LABELS: dict[str, str] = {zone: label for label, zone in ZONES.items()}


@cache
def label_like(zone: str) -> str | None:
    """The label whose zone keeps the same time as this one these years; None where there is none (Lord Howe, Chatham ...)."""
    return LABELS.get(zone) or _labels_by_time().get(_kept_time(zone))


@cache
def _labels_by_time() -> dict[tuple[timedelta | None, ...], str]:
    return {_kept_time(zone): label for zone, label in reversed(LABELS.items())}


def _kept_time(zone: str) -> tuple[timedelta | None, ...]:
    """The offset on every day of two years: some change their clocks two days apart."""
    first = datetime(2024, 1, 1, tzinfo=UTC)
    rules = ZoneInfo(zone)
    return tuple((first + timedelta(days=day)).astimezone(rules).utcoffset() for day in range(2 * 365))


@cache
def zone_of(label: str | None) -> ZoneInfo:
    """The rules behind a label; an unknown or empty label is read as UTC."""
    return ZoneInfo(ZONES.get(label or UTC_LABEL, "Etc/UTC"))


def to_utc(wall: datetime, *, label: str | None) -> datetime:
    """A bare wall time of a zone as UTC. A time that the spring change skips moves on by the gap."""
    return wall.replace(tzinfo=zone_of(label)).astimezone(UTC)


def local(instant: datetime, *, label: str | None) -> datetime:
    return instant.astimezone(zone_of(label))


@cache
def last_change(label: str | None, *, before: datetime) -> datetime | None:
    """The last day, within a year, that is followed by one with another offset; None where clocks never change."""
    noon = before.replace(hour=12, minute=0, second=0, microsecond=0)
    days = (noon - timedelta(days=back) for back in range(1, 366))
    rules = zone_of(label)
    return next((day for day in days if day.astimezone(rules).utcoffset() != (day + timedelta(days=1)).astimezone(rules).utcoffset()), None)


def abbreviation(instant: datetime, *, label: str | None) -> str:
    return local(instant, label=label).tzname() or "UTC"
