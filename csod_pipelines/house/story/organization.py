"""The organisation changes in Cornerstone, and the daily reconciliation follows."""

from __future__ import annotations

from datetime import UTC, datetime

from csod_pipelines.house.story.people import DIVISION
from csod_pipelines.house.story.stage import Row, Stage, expect, external_id
from csod_pipelines.model.keys import SystemName

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
JOB = "daily_ou_reconciliation"
CONFIG = {"ops": {"reconcile_organizational_units": {"config": {"mode": "apply"}}}}
NEW_NAME = "Wissen & Weiterbildung"


def organization_changes(stage: Stage) -> str:
    """HR moves one subtree and renames another unit: the daily reconciliation changes exactly those two accounts"""
    moved, target, renamed = _chosen(stage)
    before, seen = _accounts(stage), stage.calls(A)[-1]["seq"]
    stage.act(C, "move_ou", id=moved["id"], parent_id=target["id"])
    stage.act(C, "rename_ou", id=renamed["id"], name=NEW_NAME)
    day = datetime.now(UTC).date().isoformat()
    run = stage.run_job(JOB, config=CONFIG, partition=day)
    after = _accounts(stage)
    changed = {id for id in after if after[id] != before.get(id)}
    expect(changed == {moved["id"], renamed["id"]}, "other accounts changed, or fewer", [sorted(changed), moved["id"], renamed["id"]])
    expect(after[moved["id"]]["parent"] == after[target["id"]]["id"], "the account hangs elsewhere", after[moved["id"]])
    expect(after[renamed["id"]]["name"] == NEW_NAME, "the account has another name", after[renamed["id"]])
    writes = [row for row in stage.calls(A, since=seen) if row["kind"] == "accounts" and row["effect"] != "none"]
    expect(len(writes) == 2, "accounts were written more often than they changed", writes)
    told = stage.dagster.told(run)
    expect([(t.partition, t.materialized) for t in told] == [(day, True)], "the day is not marked as done", [t.partition for t in told])
    return f"accounts of OUs {moved['id']} (with all below it) and {renamed['id']}; run {run[:8]} of {day}"


def _chosen(stage: Stage) -> tuple[Row, Row, Row]:
    """A unit with others below it, a new parent at the top that is not above it, and a unit elsewhere to rename."""
    units = {row["id"]: row for row in stage.cornerstone("ous", type_id=DIVISION, active=True)}
    tops = [row for row in units.values() if row["parent_id"] not in units]
    parents = {row["parent_id"] for row in units.values()}
    moved = next(row for row in units.values() if row["id"] in parents and row["parent_id"] in units)
    target = next(row for row in tops if row["id"] != _top(moved, units)["id"])
    renamed = next(row for row in reversed(units.values()) if row["id"] not in parents and row["parent_id"] != moved["id"])
    return moved, target, renamed


def _top(unit: Row, units: dict[int, Row]) -> Row:
    while unit["parent_id"] in units:
        unit = units[unit["parent_id"]]
    return unit


def _accounts(stage: Stage) -> dict[int, Row]:
    """By OU id, with what the reconciliation may change."""
    return {
        int(id): {"id": row["id"], "name": row["name"], "parent": row["parent_account_id"]}
        for row in stage.administrate("accounts")
        if (id := external_id(row, "ou"))
    }
