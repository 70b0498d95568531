"""Transcript statuses: numbers, titles, and the groups the transcript API sorts them into.

Only 25 = Pending Approval is known of the numbers (ServiceNow's Cornerstone page); the others are the sandbox's own, so a
client has to load them from the reporting view, as on a real portal.
"""

from __future__ import annotations

NOT_STARTED = "Not Started"
ASSIGNED = "Assigned"
APPROVED = "Approved"
REGISTERED = "Registered"
IN_PROGRESS = "In Progress"
COMPLETED = "Completed"
INCOMPLETE = "Incomplete"
NO_SHOW = "No Show"
WITHDRAWN = "Withdrawn"
CANCELLED = "Cancelled"
DENIED = "Denied"
REMOVED = "Removed"
WAIT_LISTED = "Wait Listed"
PENDING_APPROVAL = "Pending Approval"
EXEMPT = "Exempt"
COMPLETED_EQUIVALENT = "Completed Equivalent"
FAILED = "Failed"
ARCHIVED = "Archived"

IDS: dict[str, int] = {
    NOT_STARTED: 1,
    ASSIGNED: 2,
    APPROVED: 10,
    REGISTERED: 12,
    IN_PROGRESS: 13,
    COMPLETED: 14,
    INCOMPLETE: 15,
    NO_SHOW: 16,
    WITHDRAWN: 17,
    CANCELLED: 18,
    DENIED: 19,
    REMOVED: 20,
    WAIT_LISTED: 21,
    PENDING_APPROVAL: 25,
    EXEMPT: 26,
    COMPLETED_EQUIVALENT: 27,
    FAILED: 28,
    ARCHIVED: 29,
}

DONE = frozenset({COMPLETED, COMPLETED_EQUIVALENT, EXEMPT})
OPEN = frozenset({ASSIGNED, APPROVED, PENDING_APPROVAL, WAIT_LISTED, REGISTERED, IN_PROGRESS})  # a registration that still stands
ON_ROSTER = frozenset({REGISTERED, IN_PROGRESS, COMPLETED, INCOMPLETE, NO_SHOW, EXEMPT, COMPLETED_EQUIVALENT, FAILED})
SEATED = ON_ROSTER  # these hold a seat; wait-listed and withdrawn people do not
GRADABLE = frozenset({REGISTERED, IN_PROGRESS, INCOMPLETE, NO_SHOW, FAILED})  # a roster submission may move these


def group_of(status: str) -> str:
    """Group names as the transcript overview takes them (csod.dev transcript examples; "Other" from a help desk page)."""
    if status in DONE:
        return "Completed"
    if status in {IN_PROGRESS, INCOMPLETE, FAILED, PENDING_APPROVAL}:
        return "InProgress"
    if status in {NOT_STARTED, ASSIGNED, APPROVED, REGISTERED, WAIT_LISTED}:
        return "NotStarted"
    return "Other"
