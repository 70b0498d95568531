"""The organisation a world is born with: divisions, locations, cost centres, positions, groups.

Bigger worlds take their locations from reference data: the cities of the tz database below their countries, and in the
biggest the countries' subdivisions (pycountry: ISO 3166-1 and 3166-2). Time zone labels are those of CLDR's windowsZones.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from importlib import resources

from csod_pipelines.sandbox.cornerstone.people import Places, mix
from csod_pipelines.sandbox.cornerstone.rows import CORPORATION, COST_CENTER, DIVISION, GROUP, LOCATION, POSITION, Ou
from csod_pipelines.sandbox.cornerstone.store import OuTable
from csod_pipelines.sandbox.cornerstone.timezones import LABELS, label_like

FIRST_OU_ID = 101
ROOM_FOR_SUBDIVISIONS = 20_000  # OUs; the subdivisions take some 5,000
CORPORATION_REF = "CORP"

_TOPS = ("Europe", "Americas", "Asia Pacific", "Group Functions")
_NAMES = (
    "Sales",
    "Operations",
    "Finance",
    "Research & Development",
    "Human Resources",
    "Logistics",
    "Продажи",
    "人事部",
    "Forschung & Entwicklung",
    "Service après-vente",
    "Legal",
    "IT",
)
_LOCATIONS = (
    ("Paris", "FR", "Europe/Paris", "12 rue de la Paix"),
    ("London", "GB", "Europe/London", "1 Threadneedle Street"),
    ("New York", "US", "America/New_York", "350 5th Avenue"),
    ("São Paulo", "BR", "America/Sao_Paulo", "Avenida Paulista 1000"),
    ("Kolkata", "IN", "Asia/Kolkata", "Park Street 9"),
    ("Sydney", "AU", "Australia/Sydney", "2 Macquarie Street"),
    ("東京", "JP", "Asia/Tokyo", "千代田区1-1"),
    ("Auckland", "NZ", "Pacific/Auckland", "3 Queen Street"),
)
_COST_CENTERS = ("Training budget", "Travel", "Projects", "Overheads")
_POSITIONS = ("Engineer", "Manager")


def seed_ous(*, seed: int, count: int, epoch: datetime) -> tuple[OuTable, Places]:
    table = OuTable(first_id=FIRST_OU_ID)

    def add(type_id: int, name: str, ref: str | None, parent: int | None = None, **more: object) -> Ou:
        stamp = epoch - timedelta(seconds=86_400 + mix(seed * 31 + table.next_id) % (700 * 86_400))
        row = Ou(id=table.next_id, type_id=type_id, name=name, external_id=ref, parent_id=parent, created=stamp, modified=stamp)
        for key, value in more.items():
            setattr(row, key, value)
        table.add(row)
        return row

    add(CORPORATION, "Corporation", CORPORATION_REF)
    locations = [
        add(
            LOCATION,
            name,
            f"LOC-{name.upper() if name.isascii() else country}",
            facility_type="Facility",
            time_zone=LABELS[zone],
            address=address,
        )
        for name, country, zone, address in ((n, c, z, {"line1": line, "city": n, "country": c}) for n, c, z, line in _LOCATIONS)
    ]
    cost_centers = [add(COST_CENTER, name, f"CC-{100 + i}") for i, name in enumerate(_COST_CENTERS)]
    positions = [add(POSITION, name, f"POS-{i}") for i, name in enumerate(_POSITIONS)]
    add(GROUP, "Fire wardens", "GRP-FIRE")
    if count >= 500:
        locations += _world_locations(add, everywhere=count >= ROOM_FOR_SUBDIVISIONS)
    divisions = _divisions(add, count=max(4, count - len(table)))
    return table, Places(
        divisions=tuple(d.id for d in divisions if d.active),
        locations=tuple((row.id, row.time_zone or "") for row in locations),
        cost_centers=tuple(row.id for row in cost_centers),
        positions=tuple(row.id for row in positions),
    )


def _divisions(add, *, count: int) -> list[Ou]:
    """Four top divisions, then a regular tree: four levels with 44, six with 100,000. Equal names under different parents."""
    fan = 2 if count < 200 else 8
    rows: list[Ou] = []
    for index in range(count):
        if index < 4:
            rows.append(add(DIVISION, _TOPS[index], f"D-{index:04d}"))
            continue
        parent = rows[(index - 4) // fan]
        child, level = (index - 4) % fan, _level(index, fan)
        name = _NAMES[(level * 3 + child) % len(_NAMES)]
        trailing = " " if index in (7, 11) else ""
        # D-0007 carries the trailing space in its reference, D-0011 in its name
        ref = f"D-{index:04d}" + (trailing if index == 7 else "")
        rows.append(add(DIVISION, name + (trailing if index == 11 else ""), ref, parent.id, active=index != count - 1))
    return rows


def _level(index: int, fan: int) -> int:
    level, end, width = 0, 4, 4
    while index >= end:
        level, width = level + 1, width * fan
        end += width
    return level


def _world_locations(add, *, everywhere: bool) -> list[Ou]:
    """Cities of the tz database below their countries, those whose zones have labels of their own; or everywhere, with the
    countries' subdivisions."""
    import pycountry  # a small world is up before this is loaded

    parents: dict[str, Ou] = {}
    sites = []
    for codes, _, zone, *_ in (line.split("\t") for line in _tz_lines("zone.tab" if everywhere else "zone1970.tab")):
        label, code = label_like(zone) if everywhere else LABELS.get(zone), codes.split(",")[0]
        country = pycountry.countries.get(alpha_2=code)
        if label is None or country is None:
            continue
        if code not in parents:
            where = {"facility_type": "Country", "time_zone": label, "address": {"country": code}}
            parents[code] = add(LOCATION, getattr(country, "common_name", country.name), f"COUNTRY-{code}", **where)
        city = zone.rsplit("/", 1)[1].replace("_", " ")
        address = {"line1": "Main Street 1", "city": city, "country": code}
        ref = f"SITE-{zone.rsplit('/', 1)[1].upper()}"
        sites.append(add(LOCATION, city, ref, parents[code].id, facility_type="Facility", time_zone=label, address=address))
    if everywhere:
        _subdivisions(add, parents)
    return sites


def _subdivisions(add, countries: dict[str, Ou]) -> None:
    """Parents first: a department of France stands below its region."""
    import pycountry

    known = {each.code: each for each in pycountry.subdivisions if each.country_code in countries}
    made: dict[str, Ou] = {}

    def make(code: str) -> Ou:
        if code not in made:
            each, country = known[code], countries[known[code].country_code]
            above = make(each.parent_code) if each.parent_code in known else country
            where = {"facility_type": "Region", "time_zone": country.time_zone, "address": {"country": each.country_code, "state": code}}
            made[code] = add(LOCATION, each.name, f"REGION-{code}", above.id, **where)
        return made[code]

    for code in sorted(known):
        make(code)


def _tz_lines(name: str) -> Iterator[str]:
    text = (resources.files("tzdata") / "zoneinfo" / name).read_text(encoding="utf-8")
    return (line for line in text.splitlines() if line and not line.startswith("#"))
