"""Cornerstone's transcript statuses after a roster submission: what we expect it to make of marks and result.

Cornerstone computes the status itself and does not refuse: it keeps Incomplete where its minimum number of attended
parts is not met. A read-back tells whether marks and result led to what they should.
"""

from __future__ import annotations

from collections.abc import Mapping

COMPLETED = "Completed"


def disappointment(*, status: str, attendance: Mapping[str, bool], result: bool | None) -> str | None:
    """A reason code when Cornerstone's status says otherwise than marks and result: a pass that did not become
    Completed, or an absence that did. Anything else is its own business."""
    if result is True and status != COMPLETED:
        return "pass_not_completed"
    if attendance and not any(attendance.values()) and status == COMPLETED:
        return "absence_completed"
    return None
