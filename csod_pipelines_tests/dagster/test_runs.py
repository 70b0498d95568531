"""What a run tells the engine, and what it leaves behind on its asset."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from csod_pipelines.defs import reporting
from csod_pipelines.defs.jobs import LIVE_FLOWS
from csod_pipelines.defs.reporting import STOPPED_TAG
from csod_pipelines.engine.errors import FlowStopped
from csod_pipelines.engine.totals import Totals
from csod_pipelines.model.keys import Flow, Kind
from csod_pipelines_tests.dagster.conftest import Launch, events_of
from csod_pipelines_tests.dagster.fake_house import FakeEngine, some_totals

OPS = {
    "people_sync": "sync_people",
    "catalog_publish": "publish_catalog",
    "enrollment_sync": "sync_enrollments",
    "result_sync": "sync_results",
}


@pytest.mark.parametrize("flow", LIVE_FLOWS)
def test_started_by_hand_without_a_word_a_flow_only_plans_and_marks_nothing_as_done(launch: Launch, engine: FakeEngine, flow: Flow) -> None:
    result = launch(flow.value)
    ((_, drained, told),) = engine.calls
    assert result.success
    assert (drained, told["mode"], told["linger_seconds"]) == (flow, "plan", 0)
    assert len(events_of(result, "ASSET_OBSERVATION")) == 1
    assert events_of(result, "ASSET_MATERIALIZATION") == []


@pytest.mark.parametrize("flow", LIVE_FLOWS)
def test_an_applying_run_lingers_as_the_settings_say_and_shows_its_totals(launch: Launch, engine: FakeEngine, flow: Flow) -> None:
    result = launch(flow.value, ops={OPS[flow.value]: {"mode": "apply"}})
    ((_, _, told),) = engine.calls
    (event,) = events_of(result, "ASSET_MATERIALIZATION")
    metadata = event.materialization.metadata
    assert (told["mode"], told["linger_seconds"], told["max_seconds"]) == ("apply", 60.0, 900.0)
    assert told["owner"] == f"run:{result.run_id}"
    assert metadata["operations_success"].value == 1
    assert metadata["changes_applied"].value == 1
    assert metadata["stopped_reason"].value == "lingered"
    assert metadata["mode"].value == "apply"


def test_a_run_shows_its_own_operations_as_the_ledger_has_them(launch: Launch, engine: FakeEngine) -> None:
    engine.operation_rows = [
        {
            "outcome": "failure",
            "what": "submitted: Cornerstone transcript result",
            "when": "2026-11-22T09:41:00+00:00",
            "administrate": "learner result TGVhcm5lcjo1",
            "reason": "Cornerstone kept Incomplete.",
            "what_to_do": "Mark the missing attendance. (learning administrator)",
            "request": "POST https://portal.csod.com/services/api/SessionRoster",
            "answer": "200",
            "run": "r",
        }
    ]
    result = launch("people_sync", ops={"sync_people": {"mode": "apply"}})
    (event,) = events_of(result, "ASSET_MATERIALIZATION")
    table = event.materialization.metadata["operations"]
    assert engine.asked_run == result.run_id
    assert [record.data for record in table.records] == [
        {
            "when": "09:41:00",
            "what": "submitted: Cornerstone transcript result",
            "outcome": "failure",
            "reason": "Cornerstone kept Incomplete. Mark the missing attendance. (learning administrator)",
            "administrate": "learner result 5",
            "call": "POST /services/api/SessionRoster -> 200",
        }
    ]


@pytest.mark.parametrize("reason", ["lease_held", "off"])
def test_a_run_that_found_another_at_work_or_the_flow_off_marks_nothing_as_done(launch: Launch, engine: FakeEngine, reason: str) -> None:
    engine.totals = Totals(stopped_reason=reason)
    result = launch("people_sync", ops={"sync_people": {"mode": "apply"}})
    assert result.success
    assert len(events_of(result, "ASSET_OBSERVATION")) == 1
    assert events_of(result, "ASSET_MATERIALIZATION") == []


def test_a_month_is_not_marked_as_done_where_the_flow_only_observes(launch: Launch, engine: FakeEngine) -> None:
    engine.totals.operations["would_apply"] += 1
    result = launch("historical_enrollments", ops={"backfill_enrollments": {"mode": "apply"}}, partition_key="2026-02")
    assert events_of(result, "ASSET_MATERIALIZATION") == []


def test_a_run_may_be_shorter_than_the_settings_say_but_not_longer(launch: Launch, engine: FakeEngine) -> None:
    launch("people_sync", ops={"sync_people": {"mode": "apply", "max_runtime_seconds": 30.0, "linger_seconds": 0.0}})
    launch("people_sync", ops={"sync_people": {"mode": "apply", "max_runtime_seconds": 7_000.0}})
    assert [(told["linger_seconds"], told["max_seconds"]) for _, _, told in engine.calls] == [(0.0, 30.0), (60.0, 900.0)]


def test_a_table_of_operations_stays_within_its_bound(launch: Launch, engine: FakeEngine) -> None:
    engine.totals = some_totals(failed=500)
    result = launch("people_sync", ops={"sync_people": {"mode": "apply"}})
    (event,) = events_of(result, "ASSET_MATERIALIZATION")
    assert len(event.materialization.metadata["operations"].records) == 100
    assert event.materialization.metadata["operations_failure"].value == 500


def test_a_flow_that_cannot_go_on_fails_with_its_sentence_and_totals_and_is_not_retried(
    launch: Launch, engine: FakeEngine, instance: dg.DagsterInstance
) -> None:
    engine.error = FlowStopped("Cornerstone refuses the client secret. Set CSOD_PIPELINES_CORNERSTONE_CLIENT_SECRET anew.")
    result = launch("people_sync", ops={"sync_people": {"mode": "apply"}})
    failure = result.failure_data_for_node("sync_people")
    assert failure is not None
    assert failure.user_failure_data is not None
    assert failure.user_failure_data.description == str(engine.error)
    assert failure.user_failure_data.metadata["operations_success"].value == 1
    assert failure.error is not None
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags[STOPPED_TAG] == "true"


def test_an_unexpected_error_fails_the_run_with_the_error_itself(launch: Launch, engine: FakeEngine, instance: dg.DagsterInstance) -> None:
    engine.error = RuntimeError("broken")
    result = launch("people_sync", ops={"sync_people": {"mode": "apply"}})
    assert not result.success
    run = instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags[STOPPED_TAG] == "true"


def test_a_look_at_the_feeds_is_forced_only_when_asked(launch: Launch, engine: FakeEngine) -> None:
    result = launch("observe_changes")
    launch("observe_changes", ops={"observe_feeds": {"force": True}})
    assert [told["force"] for _, _, told in engine.calls] == [False, True]
    assert len(events_of(result, "ASSET_MATERIALIZATION")) == 1


# ---- the initial import ----


def test_the_import_plans_every_kind_parents_first_and_marks_nothing_as_done(launch: Launch, engine: FakeEngine) -> None:
    result = launch("initial_import")
    assert [(kind, told["mode"]) for _, kind, told in engine.calls] == [
        (kind, "plan") for kind in (Kind.ORG_UNIT, Kind.PERSON, Kind.LOCATION, Kind.SUBJECT, Kind.PROVIDER)
    ]
    assert len(events_of(result, "ASSET_OBSERVATION")) == 5
    assert events_of(result, "ASSET_MATERIALIZATION") == []


@pytest.mark.parametrize("portal", ["acme.csod.com", "acme", " ACME.csod.com "])
def test_the_import_applies_when_the_portal_is_named(launch: Launch, portal: str) -> None:
    result = launch("initial_import", ops={"import_baseline": {"mode": "apply", "portal": portal}})
    assert {event.asset_key.path[-1] for event in events_of(result, "ASSET_MATERIALIZATION")} == {
        "administrate_accounts",
        "administrate_contacts",
        "administrate_locations",
        "administrate_learning_categories",
        "administrate_vendor_values",
    }


def test_an_import_tells_in_its_run_how_fast_it_is_and_what_is_left(launch: Launch, monkeypatch: pytest.MonkeyPatch) -> None:
    assert reporting.PROGRESS_SECONDS <= 30
    monkeypatch.setattr(reporting, "PROGRESS_SECONDS", 0)
    result = launch("initial_import", ops={"import_baseline": {"mode": "apply", "portal": "acme"}})
    told = [event.event_specific_data.asset_observation for event in events_of(result, "ASSET_OBSERVATION")]
    (contacts,) = [seen for seen in told if seen.asset_key.path[-1] == "administrate_contacts"]
    assert {"done_so_far", "left", "records_per_second", "limit_per_second", "share_of_limit"} <= set(contacts.metadata)
    assert contacts.metadata["left"].value == 999


@pytest.mark.parametrize("portal", ["", "acme-pilot", "csod"])
def test_the_import_writes_nothing_when_another_portal_or_none_is_named(launch: Launch, engine: FakeEngine, portal: str) -> None:
    result = launch("initial_import", ops={"import_baseline": {"mode": "apply", "portal": portal}})
    failure = result.failure_data_for_node("import_baseline")
    assert engine.calls == []
    assert failure is not None
    assert failure.user_failure_data is not None
    assert "start again with portal: acme." in (failure.user_failure_data.description or "")


def test_what_was_imported_before_a_failure_stays_marked_as_done(launch: Launch, engine: FakeEngine) -> None:
    def import_baseline(kind: Kind, **told: object) -> object:
        if kind is Kind.PERSON:
            raise FlowStopped("A brake stopped the flow.")
        return some_totals()

    engine.import_baseline = import_baseline  # type: ignore[method-assign]
    result = launch("initial_import", ops={"import_baseline": {"mode": "apply", "portal": "acme"}})
    assert not result.success
    assert [event.asset_key.path[-1] for event in events_of(result, "ASSET_MATERIALIZATION")] == ["administrate_accounts"]


# ---- daily and historical ----


def test_a_day_is_compared_as_things_stand_today(launch: Launch, engine: FakeEngine) -> None:
    today = datetime.now(UTC).date().isoformat()
    result = launch("daily_ou_reconciliation", ops={"reconcile_organizational_units": {"mode": "apply"}}, partition_key="2026-02-03")
    ((_, kind, told),) = engine.calls
    (event,) = events_of(result, "ASSET_MATERIALIZATION")
    assert (kind, told["mode"], told["day"]) == (Kind.ORG_UNIT, "apply", today)
    assert event.partition == "2026-02-03"
    assert event.materialization.metadata["compared_on"].value == today


def test_the_running_day_has_a_partition_and_planning_it_marks_nothing(launch: Launch) -> None:
    today = datetime.now(UTC).date().isoformat()
    result = launch("daily_people_reconciliation", partition_key=today)
    (event,) = events_of(result, "ASSET_OBSERVATION")
    assert result.success
    assert event.asset_observation_data.asset_observation.partition == today
    assert events_of(result, "ASSET_MATERIALIZATION") == []


def test_the_catalogue_is_compared_with_what_it_refers_to_first_and_told_as_one_sum(launch: Launch, engine: FakeEngine) -> None:
    today = datetime.now(UTC).date().isoformat()
    result = launch("daily_catalog_reconciliation", ops={"reconcile_catalog": {"mode": "apply"}}, partition_key=today)
    (event,) = events_of(result, "ASSET_MATERIALIZATION")
    assert [kind for _, kind, _ in engine.calls] == [Kind.LOCATION, Kind.SUBJECT, Kind.PROVIDER, Kind.COURSE, Kind.OFFERING]
    assert event.materialization.metadata["records_read"].value == 15


def test_schedules_apply_the_running_day(location: dg.Definitions) -> None:
    for schedule in location.get_repository_def().schedule_defs:
        if schedule.name == "hourly_audit":
            continue
        moment = datetime(2026, 3, 4, 3, 30, tzinfo=UTC)
        with dg.build_schedule_context(scheduled_execution_time=moment, repository_def=location.get_repository_def()) as context:
            (request,) = schedule.evaluate_tick(context).run_requests or []
        (config,) = request.run_config["ops"].values()
        assert request.partition_key == "2026-03-04"
        assert config["config"]["mode"] == "apply"
        dg.validate_run_config(location.resolve_job_def(schedule.job_name), request.run_config)


def months(first: str, last: str) -> dict[str, str]:
    return {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}


def test_months_are_planned_unless_asked_otherwise(launch: Launch, engine: FakeEngine) -> None:
    result = launch("historical_enrollments", partition_key="2026-02")
    ((_, month, told),) = engine.calls
    assert (month, told["mode"]) == ("2026-02", "plan")
    assert len(events_of(result, "ASSET_OBSERVATION")) == 1
    assert events_of(result, "ASSET_MATERIALIZATION") == []


def test_each_month_of_a_backfill_is_marked_by_itself(launch: Launch, engine: FakeEngine, instance: dg.DagsterInstance) -> None:
    result = launch("historical_enrollments", ops={"backfill_enrollments": {"mode": "apply"}}, tags=months("2026-01", "2026-03"))
    assert result.success
    assert [month for _, month, _ in engine.calls] == ["2026-01", "2026-02", "2026-03"]
    assert instance.get_materialized_partitions(dg.AssetKey("historical_enrollments")) == {"2026-01", "2026-02", "2026-03"}


def test_months_that_were_finished_before_a_failure_stay_finished(launch: Launch, engine: FakeEngine, instance: dg.DagsterInstance) -> None:
    def backfill(month: str, **told: object) -> object:
        if month == "2026-03":
            raise FlowStopped("Cornerstone refuses the client secret.")
        return some_totals()

    engine.backfill = backfill  # type: ignore[method-assign]
    result = launch("historical_enrollments", ops={"backfill_enrollments": {"mode": "apply"}}, tags=months("2026-01", "2026-03"))
    assert not result.success
    assert instance.get_materialized_partitions(dg.AssetKey("historical_enrollments")) == {"2026-01", "2026-02"}
