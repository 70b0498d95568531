"""How an operation ends, and how a change that reached us ends."""

from __future__ import annotations

from enum import StrEnum


class OperationOutcome(StrEnum):
    """``not_sent``: the intent was recorded, but the vendor was down or its limit reached before anything was sent."""

    SUCCESS = "success"
    PARTIAL = "partial"
    FAILURE = "failure"
    UNKNOWN = "unknown"
    WOULD_APPLY = "would_apply"
    NOT_SENT = "not_sent"


class Disposition(StrEnum):
    """The one end of a delivery (promise 6)."""

    APPLIED = "applied"
    FAILED = "failed"
    UNCHANGED = "unchanged"
    IGNORED = "ignored"
    PARKED = "parked"
    WOULD_APPLY = "would_apply"


class Mode(StrEnum):
    OFF = "off"
    OBSERVE = "observe"
    LIVE = "live"
