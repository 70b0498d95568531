"""What a Cornerstone portal shows about the register's rows, by reading alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from functools import cached_property
from typing import Any

from csod_pipelines.systems.cornerstone import parse
from csod_pipelines.systems.cornerstone.adapter import CornerstoneSystem
from csod_pipelines.systems.cornerstone.calls import mapping, member
from csod_pipelines.systems.cornerstone.exporter import removed
from csod_pipelines.systems.cornerstone.legacy import Legacy
from csod_pipelines.systems.errors import Refused
from csod_pipelines.systems.probing import Found, NothingToSee, Probe

#: Read with one row, or as they are.
LISTS = ("ous.types", "ous.list", "employees.list")
OTHER_PAGE_PARAMETERS = ("nextPageToken", "pageToken")
ALL_OPEN = 60  # sessions looked at until one with the wanted property is found


class Probes:
    def __init__(self, system: CornerstoneSystem) -> None:
        self._system = system
        self._portal = system.portal
        self._contract = system.contract
        self._legacy = Legacy(system.portal)

    def by_row(self) -> dict[str, Probe]:
        probes: dict[str, Probe] = {
            "oauth.token": self._reachable,
            "next_page_parameter": self._page_parameter,
            "transcript_statuses": self._statuses,
            "status_ids": self._status_columns,
            "employee_list_includes_inactive": self._inactive_users,
            "ou_list_includes_inactive": self._inactive_ous,
            "data_exporter": lambda: self._switch("export.users_core"),
            "data_exporter_delta": self._delta,
            "delta_link": self._delta_link,
            "reporting_subject_view": lambda: self._switch("views.vw_rpt_training_subject"),
            "reporting_provider_view": lambda: self._switch("views.vw_rpt_training_provider"),
            "learning_assignment_paths": self._remaining,
            "session_detail_keys": self._session_keys,
            "roster_read_keys": self._roster_keys,
            "roster_times": self._roster_times,
        }
        for name in LISTS:
            probes[name] = self._list(name)
        for row in self._contract.rows.values():
            if row.kind == "endpoint" and row.name.startswith(("export.", "views.")):
                probes[row.name] = self._table(row.name)
        probes["lo.get"] = self._path("lo.get", lambda: self._session is not None)
        probes["roster.get"] = self._path("roster.get", lambda: self._roster is not None)
        probes["assignments.remaining"] = self._path("assignments.remaining", lambda: self._remaining().value is not None)
        return probes

    # ---- what answers at all

    def _reachable(self) -> Found:
        self._system.ping()
        return Found(self._contract.row("oauth.token").value, "answered a call with our credentials")

    def _path(self, name: str, look: Any) -> Probe:
        def probe() -> Found | NothingToSee:
            if not look():
                return NothingToSee("the portal holds no session that the service account may see")
            return Found(self._contract.row(name).value, "answered")

        return probe

    def _list(self, name: str) -> Probe:
        def probe() -> Found:
            mapping(self._portal.get(name, params={"pageSize": 1} if name != "ous.types" else None), name)
            return Found(self._contract.row(name).value, "answered")

        return probe

    def _table(self, name: str) -> Probe:
        def probe() -> Found:
            self._system.exporter.first(name, query={"top": "1"})
            return Found(self._contract.row(name).value, "answered with rows")

        return probe

    def _switch(self, name: str) -> Found:
        try:
            self._system.exporter.first(name, query={"top": "1"})
        except Refused as err:
            return Found(False, str(err)[:200])
        return Found(True, f"{name} answered with rows")

    # ---- lists

    def _page_parameter(self) -> Found | NothingToSee:
        first = mapping(self._portal.get("employees.list", params={"pageSize": 1}), "employees.list")
        token = member(first, "nextPageToken")
        if not token:
            return NothingToSee("the portal shows no second user")
        seen = first["data"][0]["id"]
        for name in OTHER_PAGE_PARAMETERS:
            second = mapping(self._portal.get("employees.list", params={"pageSize": 1, name: token}), "employees.list")
            if second["data"] and second["data"][0]["id"] != seen:
                return Found(name, "the second page of users shows another user")
        return Found(None, f"neither of {', '.join(OTHER_PAGE_PARAMETERS)} leads to a second page")

    def _inactive_users(self) -> Found | NothingToSee:
        rows = self._system.exporter.first("export.users_core").rows
        gone = [row for row in rows if not removed(row) and row.get("user_status_id") == parse.INACTIVE_USER and row.get("user_ref")]
        if not gone:
            return NothingToSee("the first page of users holds no inactive one")
        found = [row for page in self._system.platform.employees(externalId=gone[0]["user_ref"].strip()) for row in page]
        return Found(any(str(row["id"]) == str(gone[0]["user_id"]) for row in found), "one inactive user was looked for by external id")

    def _inactive_ous(self) -> Found | NothingToSee:
        rows = self._system.exporter.first("export.ou_core").rows
        gone = [row for row in rows if not removed(row) and row.get("active") is False and row.get("ref")]
        if not gone:
            return NothingToSee("the first page of OUs holds no inactive one")
        answer = self._portal.get("ous.list", params={"externalId": gone[0]["ref"].strip(), "pageSize": 5})
        found = mapping(answer, "ous.list").get("data") or ()
        return Found(
            any(str(row["id"]) == str(gone[0]["ou_id"]) for row in found), "one inactive OU was looked for without asking for them"
        )

    # ---- statuses and changes

    @cached_property
    def _status_rows(self) -> list[Mapping[str, Any]]:
        return [row for page in self._system.exporter.pages("views.vw_rpt_transcript_status") for row in page]

    def _statuses(self) -> Found | NothingToSee:
        titles = {str(row.get("title")) for row in self._status_rows}
        expected = self._contract.field("transcript_statuses")
        # rows say Removed by a flag of their own, so the list of statuses need not name it
        missing = {word for words in expected.values() for word in words} - titles - {"Removed"}
        if not titles:
            return NothingToSee("the view of statuses is empty")
        if missing:
            return Found(
                {state: [w for w in words if w not in missing] for state, words in expected.items()}, f"not listed: {sorted(missing)}"
            )
        return Found(expected, f"all are among the {len(titles)} statuses of the portal")

    def _status_columns(self) -> Found | NothingToSee:
        if not self._status_rows:
            return NothingToSee("the view of statuses is empty")
        there = set(self._status_rows[0])
        return Found([name for name in self._contract.field("status_ids") if name in there], f"the view has {', '.join(sorted(there))}")

    def _delta(self) -> Found:
        try:
            self._system.exporter.first("export.ou_core", track=True)
        except Refused as err:
            if err.code != "untracked":
                raise
            return Found(False, "the exporter answers that it tracks no changes")
        return Found(True, "the exporter tracks changes")

    def _delta_link(self) -> Found | NothingToSee:
        batch = self._system.exporter.first("export.ou_core", track=True)
        link = batch.delta_link or batch.next_link
        if link is None:
            return NothingToSee("the answer carries no link")
        return Found("absolute" if "://" in link else "relative", "read from the link of one page")

    def _remaining(self) -> Found:
        day = self._system.now().astimezone(UTC).date().isoformat()
        raw = mapping(self._portal.get("assignments.remaining", params={"date": day}), "assignments.remaining")
        data = raw.get("data")
        there = isinstance(data, dict) and "remaining" in data
        return Found(True if there else None, "today's remaining count was told" if there else "the answer holds no remaining count")

    # ---- one session

    @cached_property
    def _session(self) -> Mapping[str, Any] | None:
        rows = self._system.exporter.first("export.training_core", query={"filter": "lo_type eq 'Session'"}).rows
        for row in rows[:ALL_OPEN]:
            item = self._legacy.details(parse.guid(row["object_id"])) if not removed(row) else "removed"
            if isinstance(item, dict):
                return item
        return None

    @cached_property
    def _roster(self) -> Mapping[str, Any] | None:
        """A session's roster with somebody on it, if any of the first ones has."""
        rows = self._system.exporter.first("export.transcript_core").rows
        for id in dict.fromkeys(parse.guid(row["transc_object_id"]) for row in rows[:ALL_OPEN] if not removed(row)):
            found = self._legacy.roster(sessionLOID=id)
            if found is not None and found.get("Users"):
                return found
        return None

    def _session_keys(self) -> Found | NothingToSee:
        if self._session is None:
            return NothingToSee("the portal shows no session to the service account")
        return self._keys("session_detail_keys", self._session)

    def _roster_keys(self) -> Found | NothingToSee:
        if self._roster is None:
            return NothingToSee("no session with users was found")
        return self._keys("roster_read_keys", self._roster["Users"][0])

    def _roster_times(self) -> Found | NothingToSee:
        if self._roster is None:
            return NothingToSee("no session with users was found")
        name = str(self._contract.rule("roster_times"))
        return Found(name if name in self._roster else None, f"the roster has {', '.join(sorted(self._roster))}"[:200])

    def _keys(self, row: str, shown: Mapping[str, Any]) -> Found:
        wanted = self._contract.field(row)
        missing = [name for name in wanted if name not in shown]
        return Found([name for name in wanted if name in shown], f"lacks {', '.join(missing)}" if missing else "all of them are there")
