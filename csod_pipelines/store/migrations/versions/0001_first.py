"""Every table of the house, in the order in which they need each other."""

from __future__ import annotations

from csod_pipelines.store.migrations import run_sql

revision = "0001"
down_revision = None


def upgrade() -> None:
    for name in ("time", "link", "work", "inbox", "ledger", "house"):
        run_sql(f"0001_{name}.sql")
