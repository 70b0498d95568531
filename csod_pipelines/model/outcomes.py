"""How an operation ends, and how a change that reached us ends."""

from __future__ import annotations

from enum import StrEnum


class OperationOutcome(StrEnum):
    SUCCESS = "success"
    PARTIAL = "partial"
    FAILURE = "failure"
    UNKNOWN = "unknown"
    WOULD_APPLY = "would_apply"


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
