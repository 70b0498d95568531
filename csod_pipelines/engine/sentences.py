"""An operation of the ledger in one sentence."""

from __future__ import annotations

from csod_pipelines.engine.context import words
from csod_pipelines.model.keys import Kind, SystemName
from csod_pipelines.model.reasons import explain
from csod_pipelines.store.ledger import OperationRow


def sentence(op: OperationRow) -> str:
    """Its reason, filled in; empty while it is open."""
    if not op.reason:
        return ""
    system = SystemName(op.system)
    id = op.administrate_id if system is SystemName.ADMINISTRATE else op.cornerstone_id
    return explain(op.reason, {"what": words(Kind(op.kind), system), "id": id or "", **op.params})
