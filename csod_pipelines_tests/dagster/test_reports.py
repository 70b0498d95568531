"""Checks, the operator's reports, alerts, and how a lingering run makes room."""

import logging
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterRunStatus as Status

from csod_pipelines.defs.alerts import tell_about_failed_runs
from csod_pipelines.defs.linger import Watch
from csod_pipelines.engine.errors import FlowStopped
from csod_pipelines.model.keys import Flow, Kind
from csod_pipelines_tests.dagster.conftest import Launch, events_of
from csod_pipelines_tests.dagster.fake_house import FakeEngine, waiting
from csod_pipelines_tests.dagster.test_sensors import a_run


def checks(launch: Launch) -> dict[str, Any]:
    result = launch("audit")
    assert result.success
    return {f"{done.asset_key.path[-1]}:{done.check_name}": done for done in result.get_asset_check_evaluations()}


def test_all_checks_pass_in_a_quiet_house(launch: Launch) -> None:
    done = checks(launch)
    assert len(done) == 12
    assert all(check.passed for check in done.values())


@pytest.mark.parametrize(("seconds", "severity"), [(900, "WARN"), (4_000, "ERROR")])
def test_work_that_waits_long_fails_its_check_and_says_where_to_look(
    launch: Launch, engine: FakeEngine, seconds: float, severity: str
) -> None:
    engine.work[Flow.PEOPLE] = waiting(ready=4, oldest_seconds=seconds)
    check = checks(launch)["contacts_and_users:changes_are_worked_on"]
    assert not check.passed
    assert check.severity.value == severity
    assert "people_sync_on_change" in check.metadata["recovery"].value


def test_a_pair_that_a_system_shows_no_more_and_a_record_without_one_fail_the_check_of_their_comparison(
    launch: Launch, engine: FakeEngine
) -> None:
    engine.comparisons[Kind.ORG_UNIT] = {
        "org_unit_cornerstone": 10,
        "org_unit_pairs": 9,
        "org_unit_without_pair": 2,
        "org_unit_pairs_not_shown_by_administrate": 1,
        "pairs_now": 10,
    }
    engine.comparisons[Kind.PERSON] = {"person_pairs": 5, "person_without_pair": 1, "pairs_now": 6}
    done = checks(launch)
    check = done["daily_ou_reconciliation:both_sides_hold_the_same"]
    assert not check.passed
    assert check.metadata["recovery"].value.startswith("1 pairs name a record that its system shows no more, and 1 records in scope")
    assert done["daily_people_reconciliation:both_sides_hold_the_same"].passed


def test_parked_records_fail_the_check_of_their_flow_alone_with_a_bounded_sample(launch: Launch, engine: FakeEngine) -> None:
    engine.parked_rows = [
        {"flow": "people_sync", "subject": f"link:{n}", "since": "2026-01-01", "reason": "Two", "do": "Bind"} for n in range(30)
    ]
    done = checks(launch)
    check = done["contacts_and_users:nothing_is_parked"]
    assert not check.passed
    assert len(check.metadata["sample"].records) == 20
    assert check.metadata["sample_truncated"].value is True
    assert "replay" in check.metadata["recovery"].value
    assert done["learner_results_and_transcripts:nothing_is_parked"].passed


def test_a_place_that_is_set_aside_fails_the_check_of_its_flow_although_its_roster_goes_on(launch: Launch, engine: FakeEngine) -> None:
    """Only parked units were counted."""
    engine.parked_rows = [{"flow": "enrollment_sync", "subject": "link:1", "since": "2026-01-01", "reason": "Two", "do": "Look"}]
    check = checks(launch)["learners_and_learning_assignments:nothing_is_parked"]
    assert not check.passed
    assert check.metadata["parked"].value == 1


def test_deliveries_that_nothing_will_end_any_more_fail_a_check(launch: Launch, engine: FakeEngine) -> None:
    """One parked record anywhere made the check pass, whatever else was lost."""
    engine.deliveries = {"applied": 6, "unchanged": 2, "waiting": 2}
    engine.work[Flow.CATALOG] = waiting(parked=1)
    engine.forgotten = 2
    assert not checks(launch)["recent_operations:deliveries_add_up"].passed
    engine.forgotten = 0
    check = checks(launch)["recent_operations:deliveries_add_up"]
    assert check.passed
    assert check.metadata["received"].value == 10


def test_the_audit_shows_the_newest_operations_as_a_table(launch: Launch, engine: FakeEngine) -> None:
    engine.operation_rows = [{"when": "09:41", "what": "contact created", "outcome": "success", "administrate": None}]
    (event,) = events_of(launch("audit"), "ASSET_MATERIALIZATION")
    assert event.materialization.metadata["operations"].records[0].data["administrate"] == ""


def test_the_audit_drops_what_has_been_kept_long_enough_and_says_so(launch: Launch, engine: FakeEngine) -> None:
    engine.expired = ["inbox_event_2026_01"]
    (event,) = events_of(launch("audit"), "ASSET_MATERIALIZATION")
    assert event.materialization.metadata["expired"].value == "inbox_event_2026_01"


def test_a_record_is_traced_in_sentences_and_rows(launch: Launch) -> None:
    result = launch("trace_record", ops={"tell_story": {"kind": "learner", "id": "48928"}})
    (event,) = events_of(result, "ASSET_MATERIALIZATION")
    assert "- learner 48928 was registered" in event.materialization.metadata["story"].value
    assert len(event.materialization.metadata["operations"].records) == 1


def test_an_address_is_refused_where_an_id_is_asked_for_since_run_config_is_shown_to_everybody(launch: Launch) -> None:
    assert not launch("trace_record", ops={"tell_story": {"kind": "contact", "id": "ann@example.org"}}).success


def test_parked_records_are_listed(launch: Launch, engine: FakeEngine) -> None:
    """No more than fifty were shown, and places on rosters were not counted."""
    engine.parked_rows = [
        {"flow": "people_sync", "subject": f"link:{n}", "since": "2026-01-01", "reason": "Two", "do": "Bind"} for n in range(600)
    ]
    (event,) = events_of(launch("parked_records"), "ASSET_MATERIALIZATION")
    metadata = event.materialization.metadata
    assert (metadata["parked"].value, len(metadata["records"].records), metadata["not_shown"].value) == (600, 500, 100)


# ---- alerts ----


def alert(
    location: dg.Definitions, instance: dg.DagsterInstance, result: dg.ExecuteInProcessResult, caplog: pytest.LogCaptureFixture
) -> str:
    context = dg.build_run_status_sensor_context(
        sensor_name="tell_about_failed_runs",
        dagster_instance=instance,
        dagster_run=result.dagster_run,
        dagster_event=result.get_run_failure_event(),
    ).for_run_failure()
    with caplog.at_level(logging.ERROR, logger="csod_pipelines.alerts"):
        tell_about_failed_runs(context)
    return "\n".join(record.getMessage() for record in caplog.records if record.name == "csod_pipelines.alerts")


def test_a_failed_run_is_told_with_our_own_sentence(
    location: dg.Definitions, instance: dg.DagsterInstance, launch: Launch, engine: FakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    engine.error = FlowStopped("Cornerstone refuses the client secret.")
    text = alert(location, instance, launch("people_sync"), caplog)
    assert "people_sync failed" in text
    assert "Cornerstone refuses the client secret." in text


def test_the_text_of_an_unexpected_error_is_not_told_since_it_may_quote_a_record(
    location: dg.Definitions, instance: dg.DagsterInstance, launch: Launch, engine: FakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    engine.error = KeyError("ann@example.org")
    text = alert(location, instance, launch("people_sync"), caplog)
    assert "KeyError" in text
    assert "ann@example.org" not in text


# ---- making room ----


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def seen_at(watch: Watch, clock: Clock, *moments: float) -> list[str | None]:
    answers = []
    for moment in moments:
        clock.now = moment
        answers.append(watch())
    return answers


def test_a_lingering_run_makes_room_within_five_seconds_when_another_waits(instance: dg.DagsterInstance) -> None:
    clock = Clock()
    watch = Watch(instance, paused=lambda: False, monotonic=clock)
    a_run(instance, job="result_sync", status=Status.QUEUED)
    assert seen_at(watch, clock, 1, 2, 3, 4) == [None, None, None, "another run waits in the queue"]


def test_a_run_in_a_slow_queue_ends_nothing_while_there_is_a_place_for_it() -> None:
    """Two seconds in the queue ended every lingering run of a busy machine, and each change then waited for a new one."""
    coordinator = {"module": "dagster.core.run_coordinator", "class": "QueuedRunCoordinator", "config": {"max_concurrent_runs": 2}}
    with dg.instance_for_test(overrides={"run_coordinator": coordinator}) as queueing:
        clock = Clock()
        watch = Watch(queueing, paused=lambda: False, monotonic=clock)
        a_run(queueing, job="people_sync", status=Status.STARTED)
        a_run(queueing, job="result_sync", status=Status.QUEUED)
        assert seen_at(watch, clock, 2, 4, 6) == [None, None, None]
        a_run(queueing, job="catalog_publish", status=Status.STARTED)
        assert seen_at(watch, clock, 8) == ["another run waits in the queue"]


def test_a_paused_flow_ends_its_run_within_two_seconds(instance: dg.DagsterInstance) -> None:
    clock = Clock()
    pauses: list[bool] = []
    watch = Watch(instance, paused=lambda: bool(pauses), monotonic=clock)
    assert seen_at(watch, clock, 2) == [None]
    pauses.append(True)
    assert seen_at(watch, clock, 3, 4) == [None, "paused"]


def test_a_run_that_merely_passes_through_the_queue_ends_nothing(instance: dg.DagsterInstance) -> None:
    clock = Clock()
    watch = Watch(instance, paused=lambda: False, monotonic=clock)
    first = a_run(instance, job="result_sync", status=Status.QUEUED)
    assert seen_at(watch, clock, 2) == [None]
    instance.delete_run(first.run_id)
    a_run(instance, job="people_sync", status=Status.QUEUED)
    assert seen_at(watch, clock, 4) == [None]


def test_backfill_runs_in_the_queue_end_nothing_since_their_own_limit_holds_them(instance: dg.DagsterInstance) -> None:
    clock = Clock()
    watch = Watch(instance, paused=lambda: False, monotonic=clock)
    a_run(instance, job="historical_enrollments", status=Status.QUEUED, tags={"dagster/backfill": "abcd"})
    assert seen_at(watch, clock, 2, 4, 6) == [None, None, None]
