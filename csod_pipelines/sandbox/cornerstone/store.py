"""What a portal holds, with the look-ups its services need, and the log of changes that delta links read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from csod_pipelines.sandbox.cornerstone.people import FIRST_ID, SeededPeople
from csod_pipelines.sandbox.cornerstone.rows import Assignment, Ou, Provider, Session, Subject, Training, TranscriptRow, User

EAGER_USERS = 50_000


class UserTable:
    """Seeded people stay formulas until somebody changes them; ids are contiguous."""

    def __init__(self, people: SeededPeople) -> None:
        self.people = people
        self.next_id = FIRST_ID + people.count
        self._rows: dict[int, User] = {}
        self._by_ref: dict[str, int] = {}
        self._by_login: dict[str, int] = {}
        self._by_guid: dict[str, int] = {}
        # these two may hold outdated entries; whoever asks looks at the row
        self._by_family: dict[str, set[int]] = {}
        self._by_email: dict[str, set[int]] = {}
        if people.count <= EAGER_USERS:
            for index in range(people.count):
                self._keep(people.user(index))

    def __len__(self) -> int:
        return self.next_id - FIRST_ID

    def get(self, id: int) -> User | None:
        row = self._rows.get(id)
        if row is None and FIRST_ID <= id < FIRST_ID + self.people.count:
            return self.people.user(id - FIRST_ID)
        return row

    def own(self, id: int) -> User:
        """The row to be changed. Call ``reindex`` after changing one of its names."""
        row = self._rows.get(id)
        if row is None:
            row = self.people.user(id - FIRST_ID)
            self._keep(row)
        return row

    def by_ref(self, external_id: str) -> User | None:
        id = self._by_ref.get(external_id.casefold())
        if id is None:
            index = self.people.index_of_ref(external_id)
            id = None if index is None or FIRST_ID + index in self._rows else FIRST_ID + index
        return None if id is None else self.get(id)

    def by_login(self, user_name: str) -> User | None:
        id = self._by_login.get(user_name.casefold())
        if id is None:
            index = self.people.index_of_login(user_name)
            id = None if index is None or FIRST_ID + index in self._rows else FIRST_ID + index
        return None if id is None else self.get(id)

    def by_guid(self, guid: str) -> User | None:
        id = self._by_guid.get(guid.lower())
        if id is None:
            index = self.people.index_of_guid(guid)
            id = None if index is None else FIRST_ID + index
        return None if id is None else self.get(id)

    def by_last_name(self, last_name: str, *, after: int = 0) -> Iterator[User]:
        wanted = last_name.strip().casefold()
        ids = set(self._by_family.get(wanted, ()))
        if self.people.count > EAGER_USERS:
            ids.update(FIRST_ID + index for index in self.people.indices_of_family(last_name))
        rows = (self.get(id) for id in sorted(ids) if id > after)
        return (row for row in rows if row is not None and row.last_name.strip().casefold() == wanted)

    def by_email(self, email: str) -> list[User]:
        wanted = email.strip().casefold()
        ids = self._by_email.get(wanted, set()) | {FIRST_ID + index for index in self.people.indices_of_email(wanted)}
        rows = (self.get(id) for id in sorted(ids))
        return [row for row in rows if row is not None and (row.primary_email or "").strip().casefold() == wanted]

    def after(self, id: int) -> Iterator[User]:
        """Everybody with a greater id, in order."""
        start = max(id + 1, FIRST_ID)
        rows, make, seeded = self._rows, self.people.user, self.people.count
        for each in range(start, self.next_id):
            row = rows.get(each)
            if row is not None:
                yield row
            elif each - FIRST_ID < seeded:
                yield make(each - FIRST_ID)

    def add(self, row: User) -> None:
        assert row.id == self.next_id
        self.next_id += 1
        self._keep(row)

    def reindex(self, row: User, *, old_ref: str, old_login: str) -> None:
        self._by_ref.pop(old_ref.casefold(), None)
        self._by_login.pop(old_login.casefold(), None)
        self._keep(row)

    def _keep(self, row: User) -> None:
        self._rows[row.id] = row
        self._by_ref[row.external_id.casefold()] = row.id
        self._by_login[row.user_name.casefold()] = row.id
        self._by_guid[row.guid] = row.id
        self._by_family.setdefault(row.last_name.strip().casefold(), set()).add(row.id)
        if row.primary_email:
            self._by_email.setdefault(row.primary_email.strip().casefold(), set()).add(row.id)


class OuTable:
    def __init__(self, *, first_id: int) -> None:
        self.first_id = self.next_id = first_id
        self._rows: dict[int, Ou] = {}
        self._by_ref: dict[tuple[int, str], int] = {}
        self._by_name: dict[str, set[int]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, id: int | None) -> Ou | None:
        return None if id is None else self._rows.get(id)

    def by_ref(self, ref: str, *, type_id: int) -> Ou | None:
        """References are compared trimmed: a documentation sample shows one with a trailing space."""
        return self.get(self._by_ref.get((type_id, ref.strip().casefold())))

    def by_ref_any_type(self, ref: str) -> list[Ou]:
        folded = ref.strip().casefold()
        types = {type_id for type_id, _ in self._by_ref} if len(self._rows) < 1000 else (1, 2, 4, 8, 16, 32, 128, 524288)
        found = (self._by_ref.get((type_id, folded)) for type_id in types)
        return [self._rows[id] for id in found if id is not None]

    def by_name(self, name: str) -> list[Ou]:
        return [self._rows[id] for id in sorted(self._by_name.get(name.strip().casefold(), ()))]

    def after(self, id: int) -> Iterator[Ou]:
        for each in range(max(id + 1, self.first_id), self.next_id):
            row = self._rows.get(each)
            if row is not None:
                yield row

    def add(self, row: Ou) -> None:
        assert row.id == self.next_id
        self.next_id += 1
        self._rows[row.id] = row
        self._enter(row)

    def reindex(self, row: Ou, *, old_ref: str | None, old_name: str) -> None:
        if old_ref is not None:
            self._by_ref.pop((row.type_id, old_ref.strip().casefold()), None)
        self._by_name.get(old_name.strip().casefold(), set()).discard(row.id)
        self._enter(row)

    def _enter(self, row: Ou) -> None:
        if row.external_id is not None:
            self._by_ref[(row.type_id, row.external_id.strip().casefold())] = row.id
        self._by_name.setdefault(row.name.strip().casefold(), set()).add(row.id)

    def is_within(self, id: int | None, ancestor: int) -> bool:
        seen = 0
        while id is not None and seen < 200:
            if id == ancestor:
                return True
            row = self._rows.get(id)
            id, seen = (row.parent_id if row else None), seen + 1
        return False


class ChangeLog:
    """Every change since the world was made: (when, data exporter object, key). Delta tokens are positions in it."""

    def __init__(self) -> None:
        self.entries: list[tuple[datetime, str, tuple]] = []
        self._born: dict[tuple[str, tuple], datetime] = {}

    def add(self, object_name: str, key: tuple, now: datetime) -> None:
        self.entries.append((now, object_name, key))

    def created(self, object_name: str, key: tuple, now: datetime) -> None:
        self._born[(object_name, key)] = now
        self.add(object_name, key, now)

    def born_after(self, moment: datetime, object_name: str) -> set[tuple]:
        """Keys of rows that a warehouse loaded at ``moment`` cannot hold yet."""
        recent = [(name, key) for (name, key), born in self._born.items() if born > moment]
        return {key for name, key in recent if name == object_name}

    def end(self, *, until: datetime) -> int:
        """Position behind the last change not younger than ``until``."""
        position = len(self.entries)
        while position and self.entries[position - 1][0] > until:
            position -= 1
        return position

    def keys(self, object_name: str, *, start: int, end: int) -> list[tuple]:
        """Keys touched in a stretch of the log, each once, oldest last change first."""
        last: dict[tuple, None] = {}
        for _, name, key in self.entries[start:end]:
            if name == object_name:
                last.pop(key, None)
                last[key] = None
        return list(last)


class TranscriptTable:
    def __init__(self) -> None:
        self.rows: list[TranscriptRow] = []
        self._by_key: dict[tuple[int, str], list[TranscriptRow]] = {}
        self._by_object: dict[str, dict[int, None]] = {}
        self._by_user: dict[int, dict[str, None]] = {}

    def add(self, row: TranscriptRow) -> None:
        assert row.serial == len(self.rows)
        self.rows.append(row)
        self._by_key.setdefault((row.user_id, row.object_id), []).append(row)
        self._by_object.setdefault(row.object_id, {})[row.user_id] = None
        self._by_user.setdefault(row.user_id, {})[row.object_id] = None

    def history(self, user_id: int, object_id: str) -> list[TranscriptRow]:
        return self._by_key.get((user_id, object_id), [])

    def latest(self, user_id: int, object_id: str) -> TranscriptRow | None:
        rows = self._by_key.get((user_id, object_id))
        return rows[-1] if rows else None

    def of_object(self, object_id: str) -> list[TranscriptRow]:
        """The newest registration of everybody."""
        return [self._by_key[(user_id, object_id)][-1] for user_id in self._by_object.get(object_id, ())]

    def of_user(self, user_id: int) -> list[TranscriptRow]:
        return [row for object_id in self._by_user.get(user_id, ()) for row in self._by_key[(user_id, object_id)]]


class Store:
    def __init__(self, *, users: UserTable, ous: OuTable) -> None:
        self.users = users
        self.ous = ous
        self.subjects: dict[int, Subject] = {}
        self.providers: dict[int, Provider] = {}
        self.trainings: dict[str, Training] = {}
        self.sessions: dict[str, Session] = {}
        self.objects: list[str] = []  # trainings and sessions in the order of creation
        self.training_by_number: dict[str, str] = {}
        self.sessions_of: dict[str, list[str]] = {}
        self.sessions_by_ref: dict[str, list[str]] = {}
        self.session_by_locator: dict[int, str] = {}
        self.transcripts = TranscriptTable()
        self.assignments: dict[str, Assignment] = {}
        self.log = ChangeLog()
        self._next = {"locator": 16_001, "part": 50_001, "assignment": 77_001}

    def number(self, name: str) -> int:
        self._next[name] += 1
        return self._next[name] - 1

    def add_training(self, row: Training) -> None:
        self.trainings[row.id] = row
        self.objects.append(row.id)
        self.sessions_of.setdefault(row.id, [])
        if row.number is not None:
            self.training_by_number[row.number.casefold()] = row.id

    def training_numbered(self, number: str) -> Training | None:
        id = self.training_by_number.get(number.strip().casefold())
        return self.trainings[id] if id else None

    def add_session(self, row: Session) -> None:
        self.sessions[row.id] = row
        self.objects.append(row.id)
        self.sessions_of[row.event_id].append(row.id)
        self.session_by_locator[row.locator] = row.id
        if row.session_id:
            self.sessions_by_ref.setdefault(row.session_id.casefold(), []).append(row.id)

    def rename_session(self, row: Session, session_id: str | None) -> None:
        if row.session_id:
            self.sessions_by_ref[row.session_id.casefold()].remove(row.id)
        row.session_id = session_id
        if session_id:
            self.sessions_by_ref.setdefault(session_id.casefold(), []).append(row.id)

    def touch_user(self, row: User, now: datetime, *, new: bool = False) -> None:
        self._touch(row, "users_core", (row.id,), now, new=new)

    def touch_ou(self, row: Ou, now: datetime, *, new: bool = False) -> None:
        self._touch(row, "ou_core", (row.id,), now, new=new)

    def touch_transcript(self, row: TranscriptRow, now: datetime, *, new: bool = False) -> None:
        self._touch(row, "transcript_core", (row.user_id, row.object_id, row.reg_num), now, new=new)

    def touch_training(self, row: Training | Session, now: datetime, *, new: bool = False) -> None:
        self._touch(row, "training_core", (row.id,), now, new=new)

    def _touch(self, row: User | Ou | TranscriptRow | Training | Session, name: str, key: tuple, now: datetime, *, new: bool) -> None:
        row.modified = now
        if new:
            self.log.created(name, key, now)
        else:
            self.log.add(name, key, now)
