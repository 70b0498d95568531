"""The legacy learning services: PascalCase, writes wrapped in `data.record`, and refusals that come inside a 200."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import Any

from csod_pipelines.systems.cornerstone.calls import Portal, envelope, failures_within, mapping, taken
from csod_pipelines.systems.errors import Indeterminate, Malformed, Refused
from csod_pipelines.systems.transport import Answer

Row = Mapping[str, Any]
MAX_PAGES = 5_000
#: Reasons of a read that leave open whether the object exists.
UNSEEN = ("not available to the user", "invalid object id")


class Legacy:
    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._catalog = threading.Lock()  # one call at a time is all that catalog search takes

    # ---- learning objects

    def details(self, object_id: str) -> Row | str:
        """The training item, or in Cornerstone's words why it is not shown."""
        answer = self._portal.get("lo.get", params={"ObjectID": object_id, "ActorID": self._portal.options.actor})
        row = self._row(answer, "lo.get")
        item = row.get("trainingItem")
        if row.get("Result") == "Failed" or not isinstance(item, dict):
            reason = str(row.get("Reason") or "no trainingItem")
            if any(text in reason.casefold() for text in UNSEEN):
                return reason
            raise Refused(f"cornerstone lo.get of {object_id}: {reason}", code="failed", request_id=answer.request_id)
        return item

    def create(self, record: Mapping[str, Any]) -> Row:
        return self._write("POST", "lo.create", record)

    def update(self, record: Mapping[str, Any]) -> Row:
        return self._write(str(self._portal.contract.rule("lo_update_verb")), "lo.update", record)

    # ---- catalog

    def catalog(self, **query: object) -> Iterator[list[Row]]:
        for number in range(1, MAX_PAGES):
            with self._catalog:
                answer = self._portal.get("catalog.search", params={**query, "PageNumber": number})
            rows = mapping(answer, "catalog.search").get("data")
            if not isinstance(rows, list):
                raise Malformed("cornerstone catalog.search: the answer holds no list `data`")
            if not rows:
                return
            yield rows

    # ---- session roster

    def roster(self, **address: object) -> Row | None:
        """One session with its users. None where the session is not found; several sessions are refused as ``multiple``."""
        answer = self._portal.get("roster.get", params=address)
        said = _text(answer).casefold()
        if "multiple session" in said:
            raise Refused(f"cornerstone has several sessions for {dict(address)}", code="multiple", status=answer.status)
        if "session not found" in said or answer.status == 404:
            return None
        rows = mapping(answer, "roster.get").get("data")
        if not isinstance(rows, list) or len(rows) > 1 or not all(isinstance(row, dict) for row in rows):
            raise Malformed(f"cornerstone roster.get: one session was expected, {len(rows or ())} came")
        return rows[0] if rows else None

    def submit_roster(self, record: Mapping[str, Any]) -> Row:
        return self._write("POST", "roster.submit", record)

    def _write(self, method: str, name: str, record: Mapping[str, Any]) -> Row:
        answer = self._portal.write(method, name, {"data": {"record": [record]}})
        taken(answer, name)
        return self._row(answer, name)

    def _row(self, answer: Answer, name: str) -> Row:
        raw = envelope(answer, name)
        rows = raw.get("data")
        if isinstance(rows, list) and len(rows) == 1 and isinstance(rows[0], dict):
            return rows[0]
        if name == "roster.submit" and isinstance(rows, list) and not raw.get("error"):
            return {"Result": "Success"}
        family = Malformed if name == "lo.get" else Indeterminate
        raise family(f"cornerstone {name}: one row was expected, {len(rows or ())} came", request_id=answer.request_id)


def _text(answer: Answer) -> str:
    """Everything the answer says by way of an error, whichever place it chose for it."""
    raw = answer.data
    if not isinstance(raw, dict):
        return ""
    error = raw.get("error")
    error = error if isinstance(error, dict) else {}
    reasons = failures_within(answer)
    return " ".join([str(error.get("message") or ""), str(error.get("details") or ""), *reasons])
