"""Cornerstone's transcript statuses after a roster submission: what we expect it to make of marks and result.

Cornerstone computes the status itself and does not refuse: it keeps Incomplete where its minimum number of attended
parts is not met. ``expected_status`` says what the marks should lead to, so that a read-back can tell a disappointment.
"""

from __future__ import annotations

from collections.abc import Mapping

COMPLETED, INCOMPLETE, NO_SHOW = "Completed", "Incomplete", "No Show"


def expected_status(*, attendance: Mapping[str, bool], result: bool | None) -> str:
    """Of a submitted row, by the marks alone."""
    attended = sum(attendance.values())
    if attended == 0 and attendance:
        return NO_SHOW
    return COMPLETED if result else INCOMPLETE


def disappointment(*, status: str, attendance: Mapping[str, bool], result: bool | None) -> str | None:
    """A reason code when Cornerstone's status says otherwise than marks and result: a pass that did not become
    Completed, or an absence that did. Anything else is its own business."""
    if result is True and status != COMPLETED:
        return "pass_not_completed"
    if attendance and not any(attendance.values()) and status == COMPLETED:
        return "absence_completed"
    return None
