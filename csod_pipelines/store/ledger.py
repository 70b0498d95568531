"""The ledger: what was done to whom, and why. One door to its parts.

ledger_operations  an operation is opened with its intent before the write it stands for, and closed after
recorder           the HTTP calls that served it
ledger_views       all of it as people read it
ledger_open        what ended badly and was followed by nothing better
"""

from __future__ import annotations

from csod_pipelines.store.ledger_open import standing, to_dos, with_to_do
from csod_pipelines.store.ledger_operations import (
    Closing,
    Opening,
    OpenOperation,
    close_all,
    close_operation,
    counts,
    current_operation,
    open_all,
    open_operation,
    open_operations,
)
from csod_pipelines.store.ledger_views import ExchangeRow, OperationRow, exchanges_of, operations
from csod_pipelines.store.recorder import LedgerRecorder, begin_exchange, end_exchange

__all__ = [
    "Closing", "ExchangeRow", "LedgerRecorder", "OpenOperation", "Opening", "OperationRow", "begin_exchange", "close_all",
    "close_operation", "counts", "current_operation", "end_exchange", "exchanges_of", "open_all", "open_operation",
    "open_operations", "operations", "standing", "to_dos", "with_to_do",
]  # fmt: skip
