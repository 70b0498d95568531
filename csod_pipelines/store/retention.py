"""Months to come and months to drop: raw deliveries, and the bodies of HTTP calls. Keys, settlements and the ledger stay."""

from __future__ import annotations

from sqlalchemy import Connection, text

_ENSURE = text("SELECT ensure_partitions()")
_DROP = text("SELECT drop_expired(:inbox_days, :body_days)")


def ensure_partitions(conn: Connection) -> int:
    """Make this month's partitions and the next two; returns how many were missing. Call it daily: what comes outside a month
    is kept all the same, but can then only be deleted row by row."""
    return conn.execute(_ENSURE).scalar_one()


def drop_expired(conn: Connection, *, inbox_days: int, body_days: int) -> list[str]:
    """Drop what is older, by whole months where it lies in months; returns the partitions dropped."""
    return list(conn.execute(_DROP, {"inbox_days": inbox_days, "body_days": body_days}).scalar_one())
