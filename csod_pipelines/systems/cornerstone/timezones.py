"""Windows-style time zone labels, as the portal prints them, and the IANA zones whose rules they follow.

One explicit table, after the CLDR windowsZones list (territory 001). A label that is not in it is not guessed at: neither
the offset in its brackets nor an abbreviation says when the clocks change.
"""

from __future__ import annotations

from functools import cache
from zoneinfo import ZoneInfo

from csod_pipelines.systems.errors import Malformed

UTC_LABEL = "(UTC) Coordinated Universal Time"

ZONES: dict[str, str] = {
    "(UTC-12:00) International Date Line West": "Etc/GMT+12",
    "(UTC-11:00) Coordinated Universal Time-11": "Pacific/Pago_Pago",
    "(UTC-10:00) Aleutian Islands": "America/Adak",
    "(UTC-10:00) Hawaii": "Pacific/Honolulu",
    "(UTC-09:30) Marquesas Islands": "Pacific/Marquesas",
    "(UTC-09:00) Alaska": "America/Anchorage",
    "(UTC-08:00) Baja California": "America/Tijuana",
    "(UTC-08:00) Pacific Time (US & Canada)": "America/Los_Angeles",
    "(UTC-07:00) Arizona": "America/Phoenix",
    "(UTC-07:00) Mountain Time (US & Canada)": "America/Denver",
    "(UTC-06:00) Central America": "America/Guatemala",
    "(UTC-06:00) Central Time (US & Canada)": "America/Chicago",
    "(UTC-06:00) Guadalajara, Mexico City, Monterrey": "America/Mexico_City",
    "(UTC-06:00) Saskatchewan": "America/Regina",
    "(UTC-05:00) Bogota, Lima, Quito, Rio Branco": "America/Bogota",
    "(UTC-05:00) Eastern Time (US & Canada)": "America/New_York",
    "(UTC-05:00) Havana": "America/Havana",
    "(UTC-05:00) Indiana (East)": "America/Indiana/Indianapolis",
    "(UTC-04:00) Asuncion": "America/Asuncion",
    "(UTC-04:00) Atlantic Time (Canada)": "America/Halifax",
    "(UTC-04:00) Caracas": "America/Caracas",
    "(UTC-04:00) Cuiaba": "America/Cuiaba",
    "(UTC-04:00) Georgetown, La Paz, Manaus, San Juan": "America/La_Paz",
    "(UTC-04:00) Santiago": "America/Santiago",
    "(UTC-03:30) Newfoundland": "America/St_Johns",
    "(UTC-03:00) Brasilia": "America/Sao_Paulo",
    "(UTC-03:00) Cayenne, Fortaleza": "America/Cayenne",
    "(UTC-03:00) City of Buenos Aires": "America/Argentina/Buenos_Aires",
    "(UTC-03:00) Greenland": "America/Nuuk",
    "(UTC-03:00) Montevideo": "America/Montevideo",
    "(UTC-02:00) Coordinated Universal Time-02": "Etc/GMT+2",
    "(UTC-01:00) Azores": "Atlantic/Azores",
    "(UTC-01:00) Cabo Verde Is.": "Atlantic/Cape_Verde",
    UTC_LABEL: "Etc/UTC",
    "(UTC) Dublin, Edinburgh, Lisbon, London": "Europe/London",
    "(UTC+00:00) Dublin, Edinburgh, Lisbon, London": "Europe/London",
    "(UTC) Monrovia, Reykjavik": "Atlantic/Reykjavik",
    "(UTC+00:00) Monrovia, Reykjavik": "Atlantic/Reykjavik",
    "(UTC+01:00) Casablanca": "Africa/Casablanca",
    "(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna": "Europe/Berlin",
    "(UTC+01:00) Belgrade, Bratislava, Budapest, Ljubljana, Prague": "Europe/Budapest",
    "(UTC+01:00) Brussels, Copenhagen, Madrid, Paris": "Europe/Paris",
    "(UTC+01:00) Sarajevo, Skopje, Warsaw, Zagreb": "Europe/Warsaw",
    "(UTC+01:00) West Central Africa": "Africa/Lagos",
    "(UTC+02:00) Amman": "Asia/Amman",
    "(UTC+02:00) Athens, Bucharest": "Europe/Bucharest",
    "(UTC+02:00) Beirut": "Asia/Beirut",
    "(UTC+02:00) Cairo": "Africa/Cairo",
    "(UTC+02:00) Chisinau": "Europe/Chisinau",
    "(UTC+02:00) Harare, Pretoria": "Africa/Johannesburg",
    "(UTC+02:00) Helsinki, Kyiv, Riga, Sofia, Tallinn, Vilnius": "Europe/Kyiv",
    "(UTC+02:00) Jerusalem": "Asia/Jerusalem",
    "(UTC+02:00) Kaliningrad": "Europe/Kaliningrad",
    "(UTC+03:00) Baghdad": "Asia/Baghdad",
    "(UTC+03:00) Istanbul": "Europe/Istanbul",
    "(UTC+03:00) Kuwait, Riyadh": "Asia/Riyadh",
    "(UTC+03:00) Minsk": "Europe/Minsk",
    "(UTC+03:00) Moscow, St. Petersburg": "Europe/Moscow",
    "(UTC+03:00) Nairobi": "Africa/Nairobi",
    "(UTC+03:30) Tehran": "Asia/Tehran",
    "(UTC+04:00) Abu Dhabi, Muscat": "Asia/Dubai",
    "(UTC+04:00) Baku": "Asia/Baku",
    "(UTC+04:00) Port Louis": "Indian/Mauritius",
    "(UTC+04:00) Tbilisi": "Asia/Tbilisi",
    "(UTC+04:00) Yerevan": "Asia/Yerevan",
    "(UTC+04:30) Kabul": "Asia/Kabul",
    "(UTC+05:00) Ashgabat, Tashkent": "Asia/Tashkent",
    "(UTC+05:00) Ekaterinburg": "Asia/Yekaterinburg",
    "(UTC+05:00) Islamabad, Karachi": "Asia/Karachi",
    "(UTC+05:30) Chennai, Kolkata, Mumbai, New Delhi": "Asia/Kolkata",
    "(UTC+05:30) Sri Jayawardenepura": "Asia/Colombo",
    "(UTC+05:45) Kathmandu": "Asia/Kathmandu",
    "(UTC+06:00) Dhaka": "Asia/Dhaka",
    "(UTC+06:30) Yangon (Rangoon)": "Asia/Yangon",
    "(UTC+07:00) Bangkok, Hanoi, Jakarta": "Asia/Bangkok",
    "(UTC+07:00) Novosibirsk": "Asia/Novosibirsk",
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
    "(UTC+10:00) Guam, Port Moresby": "Pacific/Port_Moresby",
    "(UTC+10:00) Hobart": "Australia/Hobart",
    "(UTC+10:00) Vladivostok": "Asia/Vladivostok",
    "(UTC+11:00) Solomon Is., New Caledonia": "Pacific/Guadalcanal",
    "(UTC+12:00) Auckland, Wellington": "Pacific/Auckland",
    "(UTC+12:00) Fiji": "Pacific/Fiji",
    "(UTC+13:00) Nuku'alofa": "Pacific/Tongatapu",
    "(UTC+13:00) Samoa": "Pacific/Apia",
}


@cache
def zone_of(label: str) -> ZoneInfo:
    name = ZONES.get(label.strip())
    if name is None:
        raise Malformed(f"cornerstone: the time zone {label!r} is in no table of ours; add it before its times can be read")
    return ZoneInfo(name)


def iana_name(label: str | None) -> str | None:
    """The IANA name behind a label; None for none, or for one that is not known."""
    return ZONES.get(label.strip()) if label else None
