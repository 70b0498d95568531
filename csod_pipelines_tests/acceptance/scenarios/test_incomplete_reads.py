"""What was read in part, or could not be read, decides nothing, and stops nobody else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from csod_pipelines.engine.errors import FlowStopped
from csod_pipelines.engine.planning import make_plan
from csod_pipelines.model.keys import Flow, Kind
from csod_pipelines.model.outcomes import Mode
from csod_pipelines.model.readings import Roster
from csod_pipelines.store import checkpoints
from csod_pipelines.systems.administrate.learners import Learners
from csod_pipelines.systems.base import OutcomeRow, Refusal
from csod_pipelines.systems.cornerstone.adapter import CornerstoneSystem
from csod_pipelines.systems.cornerstone.rosters import Rosters
from csod_pipelines.systems.errors import Forbidden, Refused
from csod_pipelines_tests.acceptance.scenarios.epilogue import quiet
from csod_pipelines_tests.acceptance.scenarios.stage import MINUTE, Stage


def test_a_learner_skipped_between_two_pages_is_not_withdrawn(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The roster said that it was incomplete, and nobody asked it."""
    event, stays, other = stage.event(), stage.person(), stage.person()
    event.register(stays)
    stage.settle()
    whole = Learners.roster

    def with_a_gap(self: Learners, offering_id: str) -> Roster:
        found = whole(self, offering_id)
        return replace(found, rows=found.rows[1:], complete=False)

    with monkeypatch.context() as patch:
        patch.setattr(Learners, "roster", with_a_gap)
        event.register(other)
        stage.work()
        assert event.status(stays) == "Registered"
        assert not [row for row in stage.operations() if "withdrawn" in row["what"]]
    stage.settle()
    assert [event.status(person) for person in (stays, other)] == ["Registered", "Registered"]
    quiet(stage)


def test_a_roster_that_cannot_be_read_does_not_end_the_comparison_of_the_others(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, sound, person = stage.event(), stage.event(), stage.person()
    stage.settle()
    session, whole = broken.session["id"], Rosters.roster

    def gone(self: Rosters, session_id: str) -> Roster:
        if session_id == session:
            raise Refused("cornerstone has no session of this id", code="not_found")
        return whole(self, session_id)

    with monkeypatch.context() as patch:
        patch.setattr(Rosters, "roster", gone)
        sound.register(person)
        stage.clock.travel(MINUTE)
        plan = make_plan(stage.house.engine.context(dry=True), [Kind.ENROLLMENT])
        assert [row["reason"] for row in plan.unread] == ["cornerstone has no session of this id"]
        assert [step.kind for step in plan.steps] == [Kind.ENROLLMENT]
        stage.reconcile(Kind.ENROLLMENT)
        assert sound.status(person) == "Registered"
    stage.settle()
    quiet(stage)


def test_a_feed_without_permission_keeps_no_other_from_being_read(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = CornerstoneSystem.changes

    def forbidden(self: CornerstoneSystem, kind: Kind, cursor: str | None) -> object:
        if kind is Kind.ORG_UNIT:
            raise Forbidden("the scope export.ou_core:read is missing")
        return whole(self, kind, cursor)

    with stage.house.database.read() as conn:
        before = checkpoints.get(conn, "feed:cornerstone:enrollment")
    with monkeypatch.context() as patch:
        patch.setattr(CornerstoneSystem, "changes", forbidden)
        stage.clock.travel(MINUTE)
        with pytest.raises(FlowStopped, match=r"export\.ou_core:read is missing"):
            stage.house.engine.observe(force=True)
    with stage.house.database.read() as conn:
        after = checkpoints.get(conn, "feed:cornerstone:enrollment")
    assert before is not None and after is not None and after.next_due != before.next_due
    quiet(stage)


def test_a_completion_that_administrate_refuses_is_offered_once(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    event, person = stage.event(), stage.person()
    event.register(person)
    stage.settle()

    def refused(self: Learners, rows: list[OutcomeRow]) -> dict[str, Refusal]:
        return {row.enrollment.id: Refusal(message="Results are locked") for row in rows}

    with monkeypatch.context() as patch:
        patch.setattr(Learners, "record_outcomes", refused)
        event.on_cornerstone("complete", person)
        stage.settle()
        for _ in range(2):
            stage.reconcile(Kind.OUTCOME)
    learner = event.learner(person)["id"]
    recorded = [row["outcome"] for row in stage.operations() if row["what"].startswith("recorded") and learner in row["administrate"]]
    assert recorded == ["failure"]
    quiet(stage)


def test_a_backfill_that_may_only_observe_counts_and_one_that_is_off_says_so(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mode of historical_enrollments was asked by nobody."""
    event, person = stage.event(), stage.person()
    stage.settle()
    stage.mail, held = None, stage.mail
    event.on_cornerstone("self_register", person)
    month = stage.vendor_now().strftime("%Y-%m")
    modes = type(stage.house.engine.context().modes)
    whole = modes.mode
    for mode in (Mode.OBSERVE, Mode.OFF):
        with monkeypatch.context() as patch:
            patch.setattr(modes, "mode", lambda self, flow, mode=mode: mode if flow is Flow.HISTORY else whole(self, flow))
            if mode is Mode.OFF:
                with pytest.raises(FlowStopped, match=r"modes\.historical_enrollments is off"):
                    stage.house.engine.backfill(month, mode="apply", owner="test")
            else:
                counted = stage.house.engine.backfill(month, mode="apply", owner="test")
                assert counted.operations["would_apply"] == 1
        assert event.learners(person) == []
    stage.mail = held
    stage.settle()
    quiet(stage)
