"""An import whose answers are lost, kind by kind: what did arrive is found and not made twice."""

from __future__ import annotations

import pytest

from csod_pipelines.model.keys import Kind
from csod_pipelines_tests.acceptance.world import World

KINDS = {Kind.ORG_UNIT: ("account.create", "accounts"), Kind.LOCATION: ("location.create", "locations")}


@pytest.mark.parametrize("kind", KINDS)
def test_an_import_whose_answers_were_lost_creates_nothing_twice(both: World, kind: Kind) -> None:
    operation, rows = KINDS[kind]
    both.engine.observe(force=True)
    for fault in ("timeout_after_effect", "malformed", "truncated_200"):
        both.administrate.fault(fault, match={"operation": operation}, times=1, seconds=0.05)
    both.engine.import_baseline(kind, mode="apply", owner="test")
    both.settle()
    names = [(row["name"], row.get("parent_account_id")) for row in both.administrate.rows(rows)]
    assert len(names) == len(set(names)), "a record was created twice"
    assert all(row["external_ids"] for row in both.administrate.rows(rows)[1:])
