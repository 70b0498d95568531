"""The people a world is born with, computed one by one from seed and index.

A million of them cost no memory until somebody looks: a seeded row is a pure function of (seed, index), and its external
id, login and GUID carry the index, so looking one up needs no table either.
"""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass
from datetime import datetime, timedelta

from csod_pipelines.sandbox.cornerstone.names import CULTURE_OF_PERCENT, CULTURES, Pool, long_tail
from csod_pipelines.sandbox.cornerstone.rows import COST_CENTER, DIVISION, LOCATION, POSITION, User
from csod_pipelines.sandbox.cornerstone.settings import ACTOR
from csod_pipelines.sandbox.cornerstone.timezones import UTC_LABEL

FIRST_ID = 1001
FIRST_REF = 10_000
HISTORY_DAYS = 730

_MASK = (1 << 64) - 1
_REF = re.compile(r"e(\d{5,9})")
_LOGIN = re.compile(r".*\.(\d{1,9})", re.DOTALL)


def mix(value: int) -> int:
    """SplitMix64: a cheap, well-spread 64-bit hash of an integer."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """What people are spread over: OU ids, and the time zone label of each location."""

    divisions: tuple[int, ...]
    locations: tuple[tuple[int, str], ...]
    cost_centers: tuple[int, ...]
    positions: tuple[int, ...]


class SeededPeople:
    def __init__(self, *, seed: int, count: int, places: Places, epoch: datetime) -> None:
        self.count = count
        self._seed = mix(seed)
        self._places = places
        self._epoch = epoch
        self._wide = count > 2000
        self._families: dict[str, array[int]] | None = None

    def index_of_ref(self, external_id: str) -> int | None:
        folded = external_id.casefold()
        if folded == ACTOR:
            return 0 if self.count else None
        match = _REF.fullmatch(folded)
        index = int(match.group(1)) - FIRST_REF if match else -1
        return index if 0 < index < self.count and folded == f"e{FIRST_REF + index}" else None

    def index_of_login(self, user_name: str) -> int | None:
        folded = user_name.casefold()
        if folded == f"{ACTOR}.login":
            return 0 if self.count else None
        match = _LOGIN.fullmatch(folded)
        index = int(match.group(1)) if match else -1
        return index if 0 < index < self.count and self.user(index).user_name == folded else None

    def indices_of_family(self, last_name: str) -> array[int]:
        """Seeded people of a family name; the table is made at the first question (3 s for a million)."""
        if self._families is None:
            families: dict[str, array[int]] = {}
            for index in range(self.count):
                families.setdefault(self._family_of(index).casefold(), array("I")).append(index)
            self._families = families
        return self._families.get(last_name.strip().casefold(), array("I"))

    def indices_of_email(self, email: str) -> tuple[int, ...]:
        """Who may have the address: it carries the index of its owner, and a neighbour may share it."""
        match = _LOGIN.fullmatch(email.partition("@")[0])
        index = int(match.group(1)) if match else -1
        return tuple(each for each in (index, index + 1) if 0 < each < self.count)

    def index_of_guid(self, guid: str) -> int | None:
        tail = guid[-12:]
        try:
            index = int(tail, 16)
        except ValueError:
            return None
        return index if 0 <= index < self.count and self._guid(index) == guid.lower() else None

    def division_of(self, index: int) -> int:
        divisions = self._places.divisions
        return divisions[mix(self._seed ^ (index * 3 + 1)) % len(divisions)]

    def created(self, index: int) -> datetime:
        return self._epoch - timedelta(seconds=86_400 + mix(self._seed ^ (index * 5 + 2)) % (HISTORY_DAYS * 86_400))

    def modified(self, index: int) -> datetime:
        created = self.created(index)
        span = int((self._epoch - created).total_seconds())
        return created + timedelta(seconds=mix(self._seed ^ (index * 7 + 3)) % span)

    def _family_of(self, index: int) -> str:
        if index == 0:
            return "Service"
        hashed = mix(self._seed ^ index)
        return self._family_beside(self._shared_login(index), hashed, CULTURES[CULTURE_OF_PERCENT[hashed % 100]][2])[0]

    def _family_beside(self, shared: tuple[str, str] | None, hashed: int, pool: Pool) -> tuple[str, str]:
        """The family name; one who shares an address has another name than its owner."""
        family = self._family(hashed, pool)
        if shared is not None and family[0] == shared[1]:
            return next(pair for pair in pool if pair[0] != family[0])
        return family

    def _family(self, hashed: int, pool: Pool) -> tuple[str, str]:
        if self._wide and hashed >> 50 & 7 < 5:
            return long_tail(hashed >> 30 & 0xFFFFF)
        return pool[(hashed >> 40) % len(pool)]

    def user(self, index: int) -> User:
        if index == 0:
            return self._service_account()
        hashed = mix(self._seed ^ index)
        language, firsts, families = CULTURES[CULTURE_OF_PERCENT[hashed % 100]]
        first, first_login = firsts[(hashed >> 20) % len(firsts)]
        shared = self._shared_login(index)
        family, family_login = self._family_beside(shared, hashed, families)
        places = self._places
        location, label = places.locations[(hashed >> 8) % len(places.locations)]
        created = self.created(index)
        login = f"{first_login}.{family_login}.{index}"
        return User(
            id=FIRST_ID + index,
            external_id=f"E{FIRST_REF + index}",
            user_name=login,
            guid=self._guid(index),
            first_name=first,
            last_name=family,
            primary_email=self._email(index, login, shared),
            mobile_phone=f"+33 6 {hashed >> 12 & 0xFF:03d} {hashed >> 24 & 0xFFFF:05d}" if hashed >> 33 & 3 else None,
            active=index % 20 != 13,
            ous={
                DIVISION: self.division_of(index),
                LOCATION: location,
                COST_CENTER: places.cost_centers[(hashed >> 16) % len(places.cost_centers)],
                POSITION: places.positions[(hashed >> 28) % len(places.positions)],
            },
            manager_id=None if index % 33 == 1 else FIRST_ID + (index - 1) // 8,
            language=language,
            time_zone=label,
            hired=created.date().isoformat(),
            created=created,
            modified=self.modified(index),
        )

    def _shared_login(self, index: int) -> tuple[str, str] | None:
        """Login and family name of the neighbour whose address this person shares: two pairs in the first 500, then one in 2,500."""
        if not (index in (41, 91) or (index > 500 and index % 2500 == 2401)):
            return None
        other = mix(self._seed ^ (index - 1))
        _, firsts, families = CULTURES[CULTURE_OF_PERCENT[other % 100]]
        family, login = self._family(other, families)
        return f"{firsts[(other >> 20) % len(firsts)][1]}.{login}.{index - 1}", family

    def _email(self, index: int, login: str, shared: tuple[str, str] | None) -> str:
        if shared is not None:
            return f"{shared[0]}@example.com"
        return f"{login.title()}@Example.com" if index % 37 == 5 else f"{login}@example.com"

    def _guid(self, index: int) -> str:
        head = mix(self._seed ^ (index * 11 + 5))
        return f"{head >> 32:08x}-{head >> 16 & 0xFFFF:04x}-4{head >> 4 & 0xFFF:03x}-a{head & 0xFFF:03x}-{index:012x}"

    def _service_account(self) -> User:
        created = self._epoch - timedelta(days=HISTORY_DAYS)
        return User(
            id=FIRST_ID,
            external_id=ACTOR,
            user_name=f"{ACTOR}.login",
            guid=self._guid(0),
            first_name="Integration",
            last_name="Service",
            primary_email="integration.service@example.com",
            mobile_phone=None,
            active=True,
            ous={DIVISION: self._places.divisions[0]},
            manager_id=None,
            language="en-US",
            time_zone=UTC_LABEL,
            hired=None,
            created=created,
            modified=created,
        )
