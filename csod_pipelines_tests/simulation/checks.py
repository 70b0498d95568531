"""What must hold when everything is quiet. Written from the tables of the design, without the engine's or the planners' code."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import TYPE_CHECKING

import orjson
from sqlalchemy import Connection, text

from csod_pipelines.model.keys import SystemName
from csod_pipelines.store import inbox
from csod_pipelines_tests.simulation import tables, tables_catalogue, tables_rosters, tables_training
from csod_pipelines_tests.simulation.vendors import Vendor

if TYPE_CHECKING:
    from csod_pipelines_tests.simulation.house import WorkerHouse
    from csod_pipelines_tests.simulation.play import Play
    from csod_pipelines_tests.simulation.scenario import Scenario

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
READS = {"none", "log"}
HOLDING = {"Pending Approval", "Approved", "Wait Listed"}


class Broken(AssertionError):
    """A rule does not hold; the text says which, and for whom."""


def hold(fine: bool, said: str) -> None:
    if not fine:
        raise Broken(said)


def writes(vendors: Mapping[SystemName, Vendor]) -> int:
    """How many requests changed something at either vendor."""
    return sum(1 for vendor in vendors.values() for row in vendor.journal.since(0) if row["effect"] not in READS)


def check(play: Play, house: WorkerHouse) -> None:
    hold(not play.confessions, f"the engine met a fault of its own: {play.confessions[:1]}")
    with house.database.read() as conn:
        explained = Explained(conn)
        deliveries_add_up(conn, play.stage.mail.stored)
        nothing_is_left_open(conn, play.vendors[C])
        nobody_waits(conn)
        nobody_was_given_up(conn)
        exchanges_match(conn, play.vendors)
    tables.people(play.vendors, explained, hold)
    tables.units(play.vendors, explained, hold)
    tables_catalogue.catalogue(play.vendors, explained, hold)
    tables_training.courses(play.vendors, explained, hold)
    tables_training.offerings(play.vendors, explained, hold)
    tables_rosters.rosters(play.vendors, play.people.touched, play.people.cancelled, explained, hold)
    tables_rosters.without_event(play.vendors, play.people.orphans(), explained, hold)
    tables_training.results(play.vendors, explained, hold)
    plan_is_empty(play, house)


def heals_without_comparing(scenario: Scenario) -> bool:
    """Whether webhooks and feeds alone must bring everything in step: not where a feed lost its place or was shown nothing."""
    lost = any(outage.what == "cursors" for outage in scenario.outages)
    return not lost and not any(strike.fault == "hidden" for strike in scenario.strikes)


def check_live(play: Play, house: WorkerHouse) -> None:
    """Before any comparison: people and places are in step; only edits without the right still wait for it."""
    with house.database.read() as conn:
        explained = Explained(conn)
    explained.failed.update({id: ["edited on the side without the right"] for id in play.people.without_right})

    def live(fine: bool, said: str) -> None:
        hold(fine, f"before any comparison: {said}")

    tables.people(play.vendors, explained, live)
    tables_rosters.rosters(play.vendors, play.people.touched, play.people.cancelled, explained, live)


#: So few records are linked in these worlds that the least a brake may be counts (design: at least 5).
BRAKED = 5


def brakes_held(play: Play, house: WorkerHouse) -> None:
    """Until an operator released them, no more than so many deactivations, withdrawals or moves went out."""
    counted: defaultdict[str, set[str]] = defaultdict(set)
    cancelled = {f"roster:administrate:{id}" for id in play.people.cancelled | play.people.deleted}
    with house.database.read() as conn:
        for subject, kind, action, id, intent in conn.execute(text(_SENT), {"since": play.timeline.epoch_plus(play.start)}):
            payload = orjson.loads(intent or b"{}")
            if kind == "enrollment" and action in ("withdrawn", "cancelled") and subject not in cancelled:
                counted["withdrawals"].add(id)
            elif kind == "person" and action == "updated" and payload.get("active") is False:
                counted["deactivations"].add(id)
            elif kind == "person" and action == "updated" and "org_unit_id" in payload:
                counted["moves"].add(id)
    for brake, ids in counted.items():
        hold(len(ids) <= BRAKED, f"{len(ids)} {brake} within an hour, and no brake stopped them")


_SENT = """
    SELECT o.subject, o.kind, o.action, coalesce(o.administrate_id, o.cornerstone_id), i.intent
    FROM operation o LEFT JOIN operation_intent i ON i.operation_id = o.id JOIN LATERAL (
        SELECT * FROM operation_outcome x WHERE x.operation_id = o.id ORDER BY x.number DESC LIMIT 1) u ON true
    WHERE u.outcome = 'success' AND o.at >= :since"""


class Explained:
    """What the ledger and the parked list tell people: a difference that stands there is no silent one."""

    def __init__(self, conn: Connection) -> None:
        self.parked: dict[str, str] = dict(
            conn.execute(text("SELECT subject, parked_reason FROM work WHERE parked_reason IS NOT NULL")).tuples().all()
        )
        self.failed: defaultdict[str, list[str]] = defaultdict(list)
        for administrate, cornerstone, reason in conn.execute(text(_LAST_FAILURES)):
            for id in (administrate, cornerstone):
                if id:
                    self.failed[id].append(reason)
        self.linked: dict[str, tuple[str | None, str | None]] = {
            f"link:{row.id}": (row.administrate_id, row.cornerstone_id)
            for row in conn.execute(text("SELECT id, administrate_id, cornerstone_id FROM link"))
        }

    def of(self, *ids: str) -> str | None:
        """Why the records with these ids may differ."""
        for subject, reason in self.parked.items():
            names = {subject.split(":", 2)[-1], *(id for id in self.linked.get(subject, ()) if id)}
            if names & set(ids):
                return reason
        for id in ids:
            if self.failed.get(id):
                return self.failed[id][-1]
        return None


_LAST_FAILURES = """
    SELECT o.administrate_id, coalesce(u.cornerstone_id, o.cornerstone_id), u.reason
    FROM operation o JOIN LATERAL (
        SELECT * FROM operation_outcome x WHERE x.operation_id = o.id ORDER BY x.number DESC LIMIT 1) u ON true
    WHERE u.outcome IN ('failure', 'partial') AND u.reason <> 'not_found_after_unknown'
    UNION ALL
    SELECT l.administrate_id, l.cornerstone_id, 'refused' FROM link l
    WHERE l.facts->>'refused' IS NOT NULL OR EXISTS (SELECT 1 FROM image i WHERE i.link_id = l.id AND i.refused <> '{}')"""


def deliveries_add_up(conn: Connection, stored: int) -> None:
    ends = inbox.dispositions(conn)
    hold(sum(ends.values()) == stored, f"{stored} deliveries were stored, {sum(ends.values())} are accounted for: {ends}")
    if ends.get("waiting"):
        rows = conn.execute(text("SELECT number, type, subject FROM inbox_disposition WHERE disposition = 'waiting' LIMIT 5")).all()
        raise Broken(f"{ends['waiting']} deliveries have no end, such as {[tuple(row) for row in rows]}")


def nothing_is_left_open(conn: Connection, cornerstone: Vendor) -> None:
    """But a registration whose person Cornerstone put on the waiting list, or before an approver: that waits for somebody there."""
    held: dict[tuple[str, str], str] = {}
    for row in cornerstone.rows("transcripts"):
        held[str(row["user_id"]), row["object_id"]] = row["status"]
    left: list[tuple[str, ...]] = []
    for row in conn.execute(text(_OPEN)):
        intent = orjson.loads(row.intent or b"{}")
        if row.action != "registered" or held.get((intent.get("user"), intent.get("session"))) not in HOLDING:
            left.append((row.action, row.kind, row.subject, row.outcome))
    hold(not left, f"operations without an end: {left[:5]}")


_OPEN = """
    SELECT o.action, o.kind, o.subject, i.intent, coalesce(u.outcome, 'open') AS outcome
    FROM operation o LEFT JOIN operation_intent i ON i.operation_id = o.id LEFT JOIN LATERAL (
        SELECT * FROM operation_outcome x WHERE x.operation_id = o.id ORDER BY x.number DESC LIMIT 1) u ON true
    WHERE u.outcome IS NULL OR u.outcome = 'unknown' ORDER BY o.number"""


def nobody_was_given_up(conn: Connection) -> None:
    """Promise 7: Cornerstone's users and units are made inactive, never deleted, so that nothing it answers is proof of an end."""
    rows = conn.execute(
        text("SELECT kind, cornerstone_id FROM link WHERE kind IN ('person', 'org_unit') AND (state = 'tombstone' OR generation > 1)")
    )
    given_up = [tuple(row) for row in rows]
    hold(not given_up, f"pairs were ended although Cornerstone deletes nobody: {given_up}")


def nobody_waits(conn: Connection) -> None:
    """Work that is left is parked, and says for whom; or it needs a record that the other side refused, and says so."""
    rows = conn.execute(text("SELECT subject, coalesce(reason, '-') AS reason, attempts FROM work WHERE parked_reason IS NULL")).all()
    left = [tuple(row) for row in rows if row.reason != "prerequisite_missing"]
    hold(not left, f"units still wait when all is quiet: {left}")


def exchanges_match(conn: Connection, vendors: Mapping[SystemName, Vendor]) -> None:
    """Whatever a vendor saw of us was written down before; what was written down as answered is what the vendor answered."""
    rows = conn.execute(text("SELECT e.id, o.status FROM exchange e LEFT JOIN exchange_outcome o ON o.exchange_id = e.id"))
    ours: dict[str, int | None] = {str(row.id): row.status for row in rows}
    for side, vendor in vendors.items():
        for row in vendor.journal.since(0):
            id = row["request_id"] or ""
            hold(id in ours, f"{side} was sent {row['operation']} and our ledger knows nothing of it")
            told, answered = ours[id], row["status"]
            hold(told is None or answered in (None, told), f"{side} answered {row['operation']} with {answered}, the ledger says {told}")


def plan_is_empty(play: Play, house: WorkerHouse) -> None:
    before = writes(play.vendors)
    steps = house.engine.plan()
    told = Counter(f"{step.target} {step.kind} {step.action} {step.administrate_id} {step.cornerstone_id} {step.fields}" for step in steps)
    hold(not steps, f"a further plan would write: {dict(told)}")
    hold(writes(play.vendors) == before, "planning wrote something")
