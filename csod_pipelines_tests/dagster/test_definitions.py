"""The code location as a whole: what is in it, that it loads with nothing set, and how fast."""

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest

from csod_pipelines.definitions import build_definitions
from csod_pipelines_tests.dagster.conftest import settings_of

ROOT = Path(__file__).parents[2]

ASSETS = {
    "baseline_import": {
        "cornerstone_organizational_units",
        "cornerstone_users",
        "cornerstone_locations",
        "cornerstone_subjects",
        "cornerstone_vendors",
        "administrate_accounts",
        "administrate_contacts",
        "administrate_locations",
        "administrate_learning_categories",
        "administrate_vendor_values",
    },
    "live_sync": {
        "cornerstone_transcripts",
        "administrate_course_templates",
        "administrate_events",
        "administrate_learners",
        "observed_changes",
        "contacts_and_users",
        "cornerstone_events_and_sessions",
        "learners_and_learning_assignments",
        "learner_results_and_transcripts",
    },
    "daily_reconciliation": {
        "daily_ou_reconciliation",
        "daily_people_reconciliation",
        "daily_catalog_reconciliation",
        "daily_enrollment_reconciliation",
        "daily_result_reconciliation",
    },
    "history": {"historical_enrollments"},
    "audit": {"recent_operations"},
    "operator_tools": {"trace_record", "parked_records"},
}
JOBS = {
    "initial_import": "import_baseline",
    "people_sync": "sync_people",
    "catalog_publish": "publish_catalog",
    "enrollment_sync": "sync_enrollments",
    "result_sync": "sync_results",
    "observe_changes": "observe_feeds",
    "daily_ou_reconciliation": "reconcile_organizational_units",
    "daily_people_reconciliation": "reconcile_people",
    "daily_catalog_reconciliation": "reconcile_catalog",
    "daily_enrollment_reconciliation": "reconcile_enrollments",
    "daily_result_reconciliation": "reconcile_results",
    "historical_enrollments": "backfill_enrollments",
    "trace_record": "tell_story",
    "parked_records": "list_parked",
}
SENSORS = {
    "people_sync_on_change": 2,
    "catalog_publish_on_change": 2,
    "enrollment_sync_on_change": 2,
    "result_sync_on_change": 2,
    "change_feeds": 2,
    "tell_about_failed_runs": 10,
}
SCHEDULES = {
    "daily_ou_reconciliation_schedule": "0 3 * * *",
    "daily_people_reconciliation_schedule": "30 3 * * *",
    "daily_catalog_reconciliation_schedule": "0 4 * * *",
    "daily_enrollment_reconciliation_schedule": "30 4 * * *",
    "daily_result_reconciliation_schedule": "0 5 * * *",
    "hourly_audit": "20 * * * *",
}
CHECKS = {
    *(
        f"{asset}:{check}"
        for asset in (
            "contacts_and_users",
            "cornerstone_events_and_sessions",
            "learners_and_learning_assignments",
            "learner_results_and_transcripts",
        )
        for check in ("changes_are_worked_on", "nothing_is_parked")
    ),
    "recent_operations:deliveries_add_up",
    *(f"daily_{what}_reconciliation:both_sides_hold_the_same" for what in ("ou", "people", "catalog")),
}


@pytest.fixture(scope="module")
def whole() -> dg.Definitions:
    return build_definitions(settings=settings_of())


def clean_environment(**more: str) -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("CSOD_", "DAGSTER"))} | more


def test_everything_that_people_look_for_is_there_and_nothing_else(whole: dg.Definitions) -> None:
    graph = whole.resolve_asset_graph()
    groups: dict[str, set[str]] = {}
    for key in graph.get_all_asset_keys():
        groups.setdefault(graph.get(key).group_name, set()).add(key.to_user_string())
    repository = whole.get_repository_def()
    assert groups == ASSETS
    assert {job.name for job in repository.get_all_jobs() if not job.name.startswith("__")} == {*JOBS, "audit"}
    assert {sensor.name: sensor.minimum_interval_seconds for sensor in repository.sensor_defs} == SENSORS
    assert {schedule.name: schedule.cron_schedule for schedule in repository.schedule_defs} == SCHEDULES
    assert {f"{key.asset_key.to_user_string()}:{key.name}" for key in graph.asset_check_keys} == CHECKS


def test_the_definitions_can_be_loaded_by_dagster(whole: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(whole)


@pytest.mark.parametrize(("job", "op"), JOBS.items())
def test_each_job_has_the_one_step_that_run_config_names(whole: dg.Definitions, job: str, op: str) -> None:
    assert [node.name for node in whole.resolve_job_def(job).nodes] == [op]


def test_sensors_and_schedules_run_from_the_first_day(whole: dg.Definitions) -> None:
    repository = whole.get_repository_def()
    assert {sensor.default_status for sensor in repository.sensor_defs} == {dg.DefaultSensorStatus.RUNNING}
    assert {schedule.default_status for schedule in repository.schedule_defs} == {dg.DefaultScheduleStatus.RUNNING}


def test_every_asset_says_what_it_is_and_those_that_run_say_when_and_what_to_do_on_failure(whole: dg.Definitions) -> None:
    graph = whole.resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        node = graph.get(key)
        assert node.description, key
        assert node.owners, key
        assert node.kinds, key
        if node.is_executable:
            assert "**Runs**" in node.description, key
            assert "**When it fails**" in node.description, key


def test_contacts_are_imported_after_the_accounts_that_hold_them(whole: dg.Definitions) -> None:
    graph = whole.resolve_asset_graph()
    parents = {key.to_user_string() for key in graph.get(dg.AssetKey("administrate_contacts")).parent_keys}
    assert parents == {"cornerstone_users", "administrate_accounts"}


@pytest.mark.parametrize("job", [*JOBS, "audit"])
def test_every_job_ends_some_day_and_is_not_repeated_after_a_failure_of_its_own(whole: dg.Definitions, job: str) -> None:
    tags = whole.resolve_job_def(job).run_tags
    assert int(tags["dagster/max_runtime"]) > 0
    assert tags["dagster/retry_on_asset_or_op_failure"] == "false"


def test_a_live_run_ends_itself_before_dagster_ends_it(whole: dg.Definitions) -> None:
    assert int(whole.resolve_job_def("people_sync").run_tags["dagster/max_runtime"]) > 900


def test_jobs_of_one_step_run_in_their_own_process_and_spawn_no_other(whole: dg.Definitions) -> None:
    assert whole.executor is dg.in_process_executor


def test_an_instance_name_goes_before_every_asset_and_check_and_into_the_tags_of_runs() -> None:
    pilot = build_definitions(settings=settings_of(INSTANCE="pilot"))
    dg.Definitions.validate_loadable(pilot)
    graph = pilot.resolve_asset_graph()
    assert {key.path[0] for key in graph.get_all_asset_keys()} == {"pilot"}
    assert {key.asset_key.path[0] for key in graph.asset_check_keys} == {"pilot"}
    assert {".".join(key.path[1:]) for key in graph.get_all_asset_keys()} == set().union(*ASSETS.values())
    assert pilot.resolve_job_def("people_sync").run_tags["csod/instance"] == "pilot"
    assert [node.name for node in pilot.resolve_job_def("people_sync").nodes] == ["sync_people"]


def test_times_and_zone_of_the_schedules_are_those_of_the_yaml_file(tmp_path: Path) -> None:
    config = tmp_path / "csod_pipelines.yaml"
    config.write_text("schedules:\n  time_zone: Europe/Oslo\n  org_units: '15 1 * * *'\n  people: ''\n")
    schedules = {s.name: s for s in build_definitions(settings=settings_of(CONFIG=str(config))).get_repository_def().schedule_defs}
    assert schedules["daily_ou_reconciliation_schedule"].cron_schedule == "15 1 * * *"
    assert schedules["daily_ou_reconciliation_schedule"].execution_timezone == "Europe/Oslo"
    assert "daily_people_reconciliation_schedule" not in schedules


def test_importing_the_definitions_is_quick_and_leaves_the_heavy_packages_alone() -> None:
    code = """
import time, sys
import dagster
start = time.process_time()
import csod_pipelines.definitions
spent = time.process_time() - start
heavy = {"pandas", "alembic", "typer", "apprise", "sqlalchemy", "psycopg", "csod_pipelines.runtime"} & set(sys.modules)
print(spent, ",".join(heavy))
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=clean_environment(), capture_output=True, text=True, check=True)
    spent, _, heavy = done.stdout.strip().partition(" ")
    assert heavy == ""
    assert float(spent) <= 0.5


def test_dagster_validates_the_workspace_with_no_variable_of_ours_set(tmp_path: Path) -> None:
    dagster = Path(sys.executable).with_name("dagster")
    done = subprocess.run(
        [dagster, "definitions", "validate", "-w", "workspace.yaml"],
        cwd=ROOT,
        env=clean_environment(DAGSTER_HOME=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert done.returncode == 0, done.stdout + done.stderr
