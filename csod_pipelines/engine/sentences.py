"""An operation of the ledger in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from csod_pipelines.engine.context import words
from csod_pipelines.model.keys import Kind, SystemName
from csod_pipelines.model.reasons import explain
from csod_pipelines.store.ledger import OperationRow

AT_A_LIMIT = "vendor_limit"


def sentence(op: OperationRow) -> str:
    """Its reason, filled in; empty while it is open."""
    if not op.reason:
        return ""
    system = SystemName(op.system)
    id = op.administrate_id if system is SystemName.ADMINISTRATE else op.cornerstone_id
    return explain(op.reason, {"what": words(Kind(op.kind), system), "id": id or "", **op.params})


def limit_reason(bucket: str) -> str:
    """Why a unit waits, with whose limit it is."""
    return f"{AT_A_LIMIT}:{bucket.partition(':')[0]}"


def limit_params(bucket: str, until: datetime) -> dict[str, str]:
    """Whose limit it is, and the minute in which it is free again for sure."""
    return {"system": bucket.partition(":")[0].capitalize(), "until": f"{until + timedelta(seconds=59):%H:%M}"}


def waiting_at_limits(until_by_reason: Mapping[str, datetime]) -> list[str]:
    """From what ``limit_reason`` gave, one sentence a system."""
    return [explain(AT_A_LIMIT, limit_params(reason.partition(":")[2], until)) for reason, until in sorted(until_by_reason.items())]
