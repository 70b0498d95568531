"""How every scenario ends: both sides quiet, in agreement, and everything that was sent accounted for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import requests
from sqlalchemy import text

from csod_pipelines.store import inbox
from csod_pipelines_tests.acceptance.mapping_checker import disagreements
from csod_pipelines_tests.acceptance.scenarios.stage import MINUTE, Stage

AGENT = "csod-pipelines/"
_EXCHANGES = text("SELECT x.id::text, o.exchange_id IS NOT NULL FROM exchange x LEFT JOIN exchange_outcome o ON o.exchange_id = x.id")


def quiet(stage: Stage, *, differ: Iterable[str] = (), parked: Iterable[str] = (), settle: bool = True) -> None:
    """Settle, unless somebody waits for what only people can mend and asks for it again and again; then hold the house to its promises.

    ``differ``: beginnings or pieces of the sentences in which the two sides may, and must, still differ; one each.
    ``parked``: pieces of the reasons that must be parked, and no others. What an earlier scenario of the module left so stands.
    """
    if settle:
        stage.settle()
    _nothing_to_write(stage)
    _same_records(stage, list(differ))
    _parked(stage, list(parked))
    _every_call_told(stage)
    _nothing_left_open(stage)
    _every_operation_logged(stage)
    _every_delivery_ended(stage)


def _nothing_to_write(stage: Stage) -> None:
    stage.clock.travel(MINUTE)
    planned = [
        f"{step.action} {step.target} {step.kind} {step.administrate_id} {step.cornerstone_id} {step.fields}"
        for step in stage.house.engine.plan()
    ]
    assert not planned, planned
    marks = stage.administrate.last_request(), stage.cornerstone.last_request()
    stage.reconcile()
    assert stage.administrate.writes(since=marks[0]) == [], "a reconciliation of what is in step wrote to Administrate"
    assert stage.cornerstone.writes(since=marks[1]) == [], "a reconciliation of what is in step wrote to Cornerstone"


def _same_records(stage: Stage, differ: list[str]) -> None:
    found = differing(stage)
    new = [sentence for sentence in found if sentence not in stage.standing]
    stage.standing[:] = found
    for piece in differ:
        mine = [sentence for sentence in found if piece in sentence]
        assert mine, f"nothing differs as {piece!r} says; found {found}"
        new = [sentence for sentence in new if sentence != mine[0]]
    assert not new, new


def differing(stage: Stage) -> list[str]:
    """Every sentence in which the two sides do not agree."""
    now = stage.vendor_now().isoformat()
    return disagreements(administrate=stage.administrate.rows, cornerstone=stage.cornerstone.rows, portal="sandbox", now=now)


def _parked(stage: Stage, wanted: list[str]) -> None:
    rows = stage.house.engine.parked()
    left = [f"{row['subject']}: {row['reason']}" for row in rows]
    new = [line for line in left if line not in stage.parked]
    stage.parked[:] = left
    for piece in wanted:
        mine = [line for line in left if piece in line]
        assert mine, f"nothing is parked for {piece!r}: {left}"
        new = [line for line in new if line != mine[0]]
    assert not new, new


def _every_call_told(stage: Stage) -> None:
    """Each request of ours in an access log is an exchange of the ledger, and each exchange that was sent is in a log.

    A worker that is killed may leave one call cut off before it could be told. Others may be at work meanwhile: the ledger is asked
    before and after."""
    before = _exchanges(stage)
    logged = {row["request_id"] for row in requests_of(stage) if (row["user_agent"] or "").startswith(AGENT)}
    after = _exchanges(stage)
    assert logged - set(after) == set(), "requests that the ledger does not know"
    unsent = {id for id, ended in before.items() if ended} - logged
    assert len(unsent) <= stage.killed, f"exchanges that no access log knows: {unsent}"
    assert sum(not after[id] for id in before) <= stage.killed, "exchanges without an end"


def _exchanges(stage: Stage) -> dict[str, bool]:
    """Each exchange of the ledger, and whether its end is known."""
    with stage.house.database.read() as conn:
        return {row[0]: row[1] for row in conn.execute(_EXCHANGES)}


def requests_of(stage: Stage) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for vendor in (stage.administrate, stage.cornerstone):
        rows += requests.get(f"{vendor.url}/_sandbox/requests", params={"since": 0}, timeout=30).json()
    return rows


def _nothing_left_open(stage: Stage) -> None:
    """No operation is without an end, but for registrations that wait for an approval or a seat."""
    left = [row for row in stage.house.engine.operations(limit=500) if row["outcome"] in (None, "", "open", "unknown")]
    new = [row for row in left if not row["what"].startswith("registered") and row["operation"] not in stage.open]
    stage.open.update(row["operation"] for row in left)
    assert not new, [(row["when"], row["what"], row["administrate"], row["cornerstone"], row["outcome"], row["reason"]) for row in new]


def _every_operation_logged(stage: Stage) -> None:
    """What has ended stands in Administrate's Integration Logs."""
    rows = stage.house.engine.operations(limit=2_000)
    ended = {row["operation"] for row in rows if row["outcome"] not in (None, "", "open", "unknown", "would_apply")}
    payloads = "".join(str(row["payload"]) for row in stage.administrate.rows("integration_logs"))
    missing = sorted(operation for operation in ended if operation not in payloads)
    assert not missing, [row for row in rows if row["operation"] in missing][:3]


def _every_delivery_ended(stage: Stage) -> None:
    """Nothing that a vendor delivered is dropped silently: each delivery has exactly one end."""
    with stage.house.database.read() as conn:
        stored = conn.execute(text("SELECT count(*) FROM inbox_event")).scalar_one()
        ends = inbox.dispositions(conn)
    assert sum(ends.values()) == stored, f"{stored} deliveries, {ends}"
    assert not ends.get("waiting"), f"deliveries without an end: {ends}"


def letters(stage: Stage) -> int:
    """Messages to learners that our requests set off."""
    return sum(row["messages"] for row in requests_of(stage) if (row["user_agent"] or "").startswith(AGENT))
