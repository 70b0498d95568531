"""Between internal ids and the external ids (refs) that the learning services take and print.

Both stay fixed for a record, so what was once learnt is kept; only an unknown one costs a call.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from csod_pipelines.systems.cornerstone.options import LOCATION, CornerstoneOptions
from csod_pipelines.systems.cornerstone.platform import Platform
from csod_pipelines.systems.errors import Refused

MAX_KEPT = 50_000
#: A place that was not found is asked for again after this long; a place's zone is trusted as long.
KEEP_SECONDS = 300.0


class Refs:
    def __init__(self, platform: Platform, *, options: CornerstoneOptions, monotonic: Any) -> None:
        self._platform = platform
        self._options = options
        self._monotonic = monotonic
        self._places: dict[str, tuple[float, Mapping[str, Any] | None]] = {}
        self._users: dict[str, str] = {}
        self._user_refs: dict[str, str] = {}

    # ---- places

    def place_id(self, ref: str | None) -> str | None:
        row = self._place(f"ref:{ref.strip()}") if ref and ref.strip() else None
        return str(row["id"]) if row else None

    def place_ref(self, id: str | None) -> str | None:
        """The ref that a part is written with; of the settings' virtual place where none is given."""
        id = id or self._options.virtual_location
        if id is None:
            return None
        row = self._place(f"id:{id}")
        ref = (row.get("externalId") or "").strip() if row else ""
        if not ref:
            raise Refused(f"cornerstone: the place {id} has no external id to write a part with", code="location", fields=("location_id",))
        return ref

    def place_label(self, ref: str | None) -> str | None:
        """The time zone label of a place, as the portal prints it."""
        row = self._place(f"ref:{ref}") if ref else None
        return row.get("timeZone") if row else None

    def _place(self, key: str) -> Mapping[str, Any] | None:
        now = self._monotonic()
        kept = self._places.get(key)
        if kept is None or now - kept[0] > KEEP_SECONDS:
            row = self._look_up(key)
            if row is not None:
                self._places[f"id:{row['id']}"] = self._places[f"ref:{(row.get('externalId') or '').strip()}"] = (now, row)
            kept = self._places[key] = (now, row)
        return kept[1]

    def _look_up(self, key: str) -> Mapping[str, Any] | None:
        by, _, value = key.partition(":")
        if by == "id":
            return self._platform.ou(value)
        pages = self._platform.ous(typeId=LOCATION, externalId=value)
        return next((row for page in pages for row in page if (row.get("externalId") or "").strip() == value), None)

    # ---- people

    def learn(self, id: str, ref: str) -> None:
        if len(self._users) > MAX_KEPT:
            self._users.clear()
            self._user_refs.clear()
        self._users[ref], self._user_refs[id] = id, ref

    def user_id(self, ref: str | None) -> str | None:
        if not ref:
            return None
        if ref not in self._users:
            for page in self._platform.employees(externalId=ref):
                for row in page:
                    self.learn(str(row["id"]), (row.get("externalId") or "").strip())
        return self._users.get(ref)

    def user_ref(self, id: str) -> str:
        if id not in self._user_refs:
            row = self._platform.employee(id)
            ref = (row.get("externalId") or "").strip() if row else ""
            if not ref:
                raise Refused(f"cornerstone shows no user {id}, or the user has no external id", code="not_found")
            self.learn(id, ref)
        return self._user_refs[id]
