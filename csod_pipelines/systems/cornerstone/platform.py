"""The `/x/` generation: employees v2 and organizational units v1. camelCase, wrapped in `data`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from csod_pipelines.systems.bookmarks import book
from csod_pipelines.systems.cornerstone.calls import Portal, mapping, member, taken
from csod_pipelines.systems.cornerstone.compact import SeenIds
from csod_pipelines.systems.errors import Indeterminate, Malformed, Refused
from csod_pipelines.systems.reading import understands

Row = Mapping[str, Any]
#: Bounds a listing that hands out tokens for ever.
MAX_PAGES = 20_000


class Platform:
    def __init__(self, portal: Portal) -> None:
        self._portal = portal

    # ---- employees

    def employee(self, id: str) -> Row | None:
        """None for a 404, which also is the answer for somebody whom the service account may not see."""
        return self._one("employees.get", id=id)

    def employees(self, **query: object) -> Iterator[list[Row]]:
        return self._pages("employees.list", query)

    def employees_to_work(self) -> Iterator[list[Row]]:
        """All employees, each once, a page at a time: whoever asks for the next has finished with this one. Where a book is kept, those
        that an earlier run finished with do not come again. A page token lives for minutes (register: page_token_seconds); after that
        the list is read from its first page, and those who were worked are left out."""
        name, notes, worked, token = "employees.list", book.get(), SeenIds(), ""
        for ids, token in notes.kept(name) if notes is not None else ():  # noqa: B007
            for id in ids:
                worked.add(id)
        while True:
            got_on = False
            try:
                for rows, following in self._from(name, token, {}):
                    fresh = [row for row in rows if worked.add(str(row["id"]))]
                    got_on |= bool(fresh)
                    yield fresh
                    if notes is not None:
                        notes.keep(name, [str(row["id"]) for row in fresh], following)
                return
            except Refused:
                if not (token or got_on):
                    raise
                token = ""

    def create_employee(self, body: Mapping[str, Any]) -> str:
        return self._created("employees.create", body)

    def update_employee(self, id: str, body: Mapping[str, Any]) -> None:
        taken(self._portal.write("PATCH", "employees.update", body, id=id), "employees.update")

    # ---- organizational units

    def ou_types(self) -> dict[int, str]:
        return _names(mapping(self._portal.get("ous.types"), "ous.types").get("data") or ())

    def ou(self, id: str) -> Row | None:
        return self._one("ous.get", id=id)

    def ous(self, **query: object) -> Iterator[list[Row]]:
        return self._pages("ous.list", {"includeInactive": "true", **query})

    def create_ou(self, body: Mapping[str, Any]) -> str:
        return self._created("ous.create", body)

    def update_ou(self, id: str, body: Mapping[str, Any]) -> None:
        """PATCH, never PUT: PUT replaces the record, and a field left out would be lost."""
        taken(self._portal.write("PATCH", "ous.update", body, id=id), "ous.update")

    def _one(self, name: str, *, id: str) -> Row | None:
        answer = self._portal.get(name, id=id)
        if answer.status == 404:
            return None
        raw = mapping(answer, name)
        wrapped = raw.get("data")  # single employees come wrapped, single OUs bare
        return wrapped if isinstance(wrapped, dict) else raw

    def _pages(self, name: str, query: Mapping[str, object]) -> Iterator[list[Row]]:
        for rows, _ in self._from(name, "", query):
            yield rows

    def _from(self, name: str, token: str | None, query: Mapping[str, object]) -> Iterator[tuple[list[Row], str | None]]:
        """Each page with the token of the next; None after the last."""
        for _ in range(MAX_PAGES):
            if token is None:
                return
            params = {"pageSize": self._portal.options.list_page_size, **query}
            if token:
                params[str(self._portal.contract.rule("next_page_parameter"))] = token
            raw = mapping(self._portal.get(name, params=params), name)
            rows = raw.get("data")
            if not isinstance(rows, list):
                raise Malformed(f"cornerstone {name}: the answer holds no list `data`")
            token = member(raw, "nextPageToken") or None
            yield rows, token
        raise Malformed(f"cornerstone {name}: no end after {MAX_PAGES} pages")

    def _created(self, name: str, body: Mapping[str, Any]) -> str:
        answer = taken(self._portal.write("POST", name, body), name)
        data = answer.data.get("data") if isinstance(answer.data, dict) else None
        id = data.get("id") if isinstance(data, dict) else None
        if id is None:
            raise Indeterminate(
                f"cornerstone accepted {name} without telling the new id; it must be looked up", request_id=answer.request_id
            )
        return str(id)


@understands("cornerstone OU types")
def _names(rows: Iterable[Row]) -> dict[int, str]:
    return {row["id"]: row["name"] for row in rows}
