"""Transcript statuses, by their English title, as what they say about a person in an offering.

Numeric ids differ per portal and titles follow the language of the service account, which is to be kept on one language.
A composite such as "Registered / Past Due" counts by its first half. A word that is not listed states nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from csod_pipelines.model.records import EnrollmentState

COMPLETED = frozenset({"completed", "completed equivalent", "equivalent", "exempt", "exempt-internal"})
#: Cornerstone graded the row itself, and the grade is a fail.
FAILED = frozenset({"failed"})

_STATES: Mapping[str, EnrollmentState] = {
    "registered": EnrollmentState.ACTIVE,
    "in progress": EnrollmentState.ACTIVE,
    "failed": EnrollmentState.ACTIVE,
    **dict.fromkeys(COMPLETED, EnrollmentState.ACTIVE),
    "pending approval": EnrollmentState.HOLDING,
    "approved": EnrollmentState.HOLDING,
    "wait listed": EnrollmentState.HOLDING,
    "waitlisted": EnrollmentState.HOLDING,
    "wait-listed": EnrollmentState.HOLDING,
    "denied": EnrollmentState.CANCELLED,
    "withdrawn": EnrollmentState.CANCELLED,
    "cancelled": EnrollmentState.CANCELLED,
    "canceled": EnrollmentState.CANCELLED,
    "removed": EnrollmentState.CANCELLED,
}


def plain(title: str | None) -> str:
    return (title or "").split("/")[0].strip().casefold()


def state_of(title: str | None) -> EnrollmentState:
    return _STATES.get(plain(title), EnrollmentState.NO_STATEMENT)


def result_of(title: str | None) -> bool | None:
    """A pass that Cornerstone computed, an explicit fail, or nothing: Incomplete and No Show are no fail."""
    word = plain(title)
    if word in COMPLETED:
        return True
    return False if word in FAILED else None


def locked(title: str | None) -> bool:
    """Marks of a completed row can no longer be edited on the roster."""
    return plain(title) in COMPLETED
