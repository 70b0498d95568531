"""What changed: delta links of the data exporter, or windows over the same rows.

The cursor is a JSON text with one position a feed: ``delta`` (a link), ``next`` (in the middle of a full read; ``tell``: whether its
rows are told as hints, ``at``: since when the link is known), or ``since`` (a stamp, where the portal tracks no changes).
A delta token that the portal no longer knows turns into a full read whose rows are all told: nothing may be missed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from csod_pipelines.model.keys import Kind, RecordKey, SystemName
from csod_pipelines.systems.base import ChangePage, Hint
from csod_pipelines.systems.cornerstone import parse
from csod_pipelines.systems.cornerstone.calls import Portal
from csod_pipelines.systems.cornerstone.exporter import Batch, DeltaLost, Exporter, removed
from csod_pipelines.systems.cornerstone.options import LOCATION
from csod_pipelines.systems.errors import Malformed, Refused, Unsupported

#: The objects that tell of each kind, and the views with the same columns where the exporter is off.
FEEDS: Mapping[Kind, tuple[str, ...]] = {
    Kind.PERSON: ("export.users_core", "export.user_ou_core"),
    Kind.ORG_UNIT: ("export.ou_core",),
    Kind.LOCATION: ("export.ou_core",),
    Kind.ENROLLMENT: ("export.transcript_core",),
}
VIEWS: Mapping[Kind, tuple[str, ...]] = {
    Kind.PERSON: ("views.vw_rpt_user",),
    Kind.ORG_UNIT: ("views.vw_rpt_ou",),
    Kind.LOCATION: ("views.vw_rpt_ou",),
    Kind.ENROLLMENT: ("views.vw_rpt_transcript",),
}
STAMP = "_last_touched_dt_utc"
#: Objects without that stamp: where changes are not tracked, nothing tells of them between two scans.
UNSTAMPED = frozenset({"export.user_ou_core"})
#: Reporting lags up to 15 minutes behind (csod.dev, request resiliency); a window reaches further back than that.
OVERLAP = timedelta(minutes=20)


class Feeds:
    def __init__(self, portal: Portal, exporter: Exporter) -> None:
        self._portal = portal
        self._exporter = exporter

    def changes(self, kind: Kind, cursor: str | None) -> ChangePage:
        names = (FEEDS if self._exports() else VIEWS).get(kind)
        if names is None:
            raise Unsupported(f"cornerstone has no change feed of {kind}")
        at = _positions(cursor)
        hints: dict[RecordKey, Hint] = {}
        for name in names:
            position, rows = self._advance(name, at.get(name))
            at[name] = position
            for hint in self._hints(kind, name, rows):
                hints[hint.key] = hint
        more = any("next" in at[name] for name in names)
        return ChangePage(hints=tuple(hints.values()), cursor=json.dumps(at, sort_keys=True), more=more)

    def _advance(self, name: str, position: Mapping[str, Any] | None) -> tuple[dict[str, Any], Sequence[parse.Row]]:
        """One request of one feed: its new position, and the rows to be told."""
        if position is None:
            return self._begin(name, tell=False)
        if "since" in position:
            return ({**position}, ()) if name in UNSTAMPED else self._window(name, position)
        link, tell = str(position.get("next") or position.get("delta")), bool(position.get("tell", True))
        try:
            batch = self._exporter.follow(name, link, delta="delta" in position)
        except DeltaLost:
            return self._begin(name, tell=True)
        except Refused:
            if not self._stale(position):
                raise
            return self._begin(name, tell=tell)
        return self._position(batch, tell=tell, name=name), batch.rows if tell else ()

    def _stale(self, position: Mapping[str, Any]) -> bool:
        """A page link of a read that was broken off, old enough to be refused for its age: kept, it would lead nowhere for ever."""
        at, life = position.get("at"), timedelta(seconds=self._portal.contract.rule("export_link_seconds"))
        return "next" in position and (at is None or self._now() - datetime.fromisoformat(str(at)) > life)

    def _now(self) -> datetime:
        return self._portal.transport.clock.now()

    def _position(self, batch: Batch, *, tell: bool, name: str) -> dict[str, Any]:
        if batch.next_link:
            return {"next": batch.next_link, "tell": tell, "at": _stamp(self._now())}
        if batch.delta_link:
            return {"delta": batch.delta_link}
        raise Malformed(f"cornerstone {name}: the last page of a tracked read carries no delta link")

    def _begin(self, name: str, *, tell: bool) -> tuple[dict[str, Any], Sequence[parse.Row]]:
        """A delta link stands at the end of a full read; the rows of the first one are not told, for scans do that."""
        if self._exports() and self._portal.contract.switch("data_exporter_delta"):
            try:
                batch = self._exporter.first(name, track=True)
                return self._position(batch, tell=tell, name=name), batch.rows if tell else ()
            except Refused as err:
                if err.code != "untracked":
                    raise
        if not self._portal.transport.clock.heard:
            self._exporter.first(name, query={"top": "1"})
        return {"since": _stamp(self._now())}, ()

    def _window(self, name: str, position: Mapping[str, Any]) -> tuple[dict[str, Any], Sequence[parse.Row]]:
        if link := position.get("next"):
            try:
                batch, until = self._exporter.follow(name, str(link)), str(position["until"])
            except Refused:
                if not self._stale(position):
                    raise
                return self._window(name, {"since": position["since"]})
        else:
            since = datetime.fromisoformat(str(position["since"])) - OVERLAP
            batch, until = self._exporter.first(name, query={"filter": f"{STAMP} ge {_stamp(since)}"}), _stamp(self._now())
        if batch.next_link:
            return {"since": position["since"], "until": until, "next": batch.next_link, "at": _stamp(self._now())}, batch.rows
        return {"since": until}, batch.rows

    def _exports(self) -> bool:
        return self._portal.contract.switch("data_exporter")

    def _hints(self, kind: Kind, name: str, rows: Iterable[parse.Row]) -> Iterator[Hint]:
        options = self._portal.options
        for row in rows:
            gone = removed(row)
            if kind is Kind.PERSON:
                # A row of user_ou_core that went away is a move, not a departure.
                yield _hint(kind, row["user_id"], deleted=gone and name == "export.users_core")
            elif kind is Kind.ENROLLMENT:
                object_id = parse.guid(row["transc_object_id"])
                id = f"{row['transc_user_id']}:{object_id}:{row.get('reg_num') or 1}"
                yield _hint(kind, id, deleted=gone, offering_id=object_id)
            elif gone or (row.get("type_id") == LOCATION if kind is Kind.LOCATION else row.get("type_id") in options.org_unit_types):
                yield _hint(kind, row["ou_id"], deleted=gone)


def _hint(kind: Kind, id: object, *, deleted: bool, offering_id: str | None = None) -> Hint:
    return Hint(key=RecordKey(kind, SystemName.CORNERSTONE, str(id)), deleted=deleted, offering_id=offering_id)


def _positions(cursor: str | None) -> dict[str, Any]:
    if cursor is None:
        return {}
    try:
        at = json.loads(cursor)
    except ValueError as err:
        raise Malformed(f"cornerstone: {cursor[:80]!r} is no cursor of a change feed") from err
    if not isinstance(at, dict):
        raise Malformed(f"cornerstone: {cursor[:80]!r} is no cursor of a change feed")
    return at


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
