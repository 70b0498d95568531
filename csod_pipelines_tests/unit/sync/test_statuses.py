"""What Cornerstone should make of marks and results, and when it did otherwise."""

from __future__ import annotations

import pytest

from csod_pipelines.sync.statuses import disappointment

BOTH, ONE, NONE = {"1": True, "2": True}, {"1": True, "2": False}, {"1": False, "2": False}


@pytest.mark.parametrize(
    ("status", "attendance", "result", "code"),
    [
        ("Incomplete", BOTH, True, "pass_not_completed"),
        ("Incomplete", ONE, True, "pass_not_completed"),
        ("Completed", ONE, True, None),
        ("Incomplete", BOTH, None, None),
        ("Incomplete", BOTH, False, None),
        ("No Show", {}, True, "pass_not_completed"),
        ("No Show", NONE, True, "pass_not_completed"),
        ("Completed", NONE, None, "absence_completed"),
        ("Completed", NONE, True, "absence_completed"),
        ("Completed", {}, True, None),
        ("No Show", NONE, None, None),
        ("Completed", {}, None, None),
        ("Completed", BOTH, None, None),
    ],
)
def test_a_pass_kept_incomplete_and_an_absence_completed_disappoint(
    status: str, attendance: dict[str, bool], result: bool | None, code: str | None
) -> None:
    assert disappointment(status=status, attendance=attendance, result=result) == code
