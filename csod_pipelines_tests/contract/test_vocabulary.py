"""Sandboxes and contract registers speak of the same guesses by the same names."""

from __future__ import annotations

import re
from importlib.resources import files
from typing import Any

import pytest

from csod_pipelines.model.keys import SystemName
from csod_pipelines.sandbox.serve import make_core
from csod_pipelines.systems.contract import Row, load

#: What only an emulator has: pace, limits and faults to play with, and the portal's own people and names.
KNOBS = {
    SystemName.ADMINISTRATE: {
        *("token_seconds", "rate_limit_requests", "rate_limit_seconds", "retry_after_seconds"),
        *("instance", "hmac_key", "deactivate_hook_after_failures", "history"),
    },
    SystemName.CORNERSTONE: {
        *("account_time_zone", "actor", "applications", "limits", "learning_assignment_daily_limit", "exporter_lag_seconds"),
        *("assignment_delay_seconds", "assignments_stuck", "bulk_delay_seconds", "catalog_busy_seconds", "heartbeat_seconds"),
        *("reporting_repeated_rows", "reporting_truncated_answers", "webhook_tier", "webhook_hmac_secret"),
    },
}


def played(system: SystemName) -> dict[str, Any]:
    """What the sandbox can be set to, by name, as it is set when it starts."""
    config = make_core(str(system)).config()
    return {name: value for name, value in config.items() if name != "switches"} | config.get("switches", {})


@pytest.mark.parametrize("system", list(SystemName))
def test_every_switch_of_a_sandbox_is_registered_or_a_knob_of_the_emulator(system: SystemName) -> None:
    unknown = set(played(system)) - KNOBS[system] - set(load(system).rows)
    assert not unknown, f"only the {system} sandbox knows {sorted(unknown)}; register them, or list them as knobs"
    assert KNOBS[system] <= set(played(system)), "a knob is listed that the sandbox no longer has"
    assert not KNOBS[system] & set(load(system).rows), "what is registered is no mere knob"


@pytest.mark.parametrize("system", list(SystemName))
def test_every_registered_guess_can_be_played_by_the_sandbox(system: SystemName) -> None:
    names = played(system)
    lost = [row.name for row in load(system).rows.values() if row.provenance == "guess" and (row.switch or row.name) not in names]
    assert not lost, f"the {system} sandbox has no switch for {lost}"


@pytest.mark.parametrize("system", list(SystemName))
def test_a_row_that_names_another_switch_names_one_that_is_registered(system: SystemName) -> None:
    rows = load(system).rows
    for row in rows.values():
        assert row.switch is None or row.switch in rows, f"{row.name} names the switch {row.switch}, which is not registered"


def _comparable(row: Row, value: Any) -> bool:
    return type(row.value) is type(value) and not isinstance(value, list | dict)


@pytest.mark.parametrize("system", list(SystemName))
def test_the_sandbox_takes_every_value_that_the_register_gives_to_a_switch(system: SystemName) -> None:
    core, names = make_core(str(system)), played(system)
    rows = [row for row in load(system).rows.values() if row.name in names and _comparable(row, names[row.name])]
    shared = {row.name: row.value for row in rows if not row.name.startswith("webhook_")}
    assert len(shared) >= 15
    nested = core.config().get("switches", {})
    for name, value in shared.items():
        if name == "learner_messages":
            continue  # the register says whose setting it is, the sandbox how it is set
        core.configure({"switches": {name: value}} if name in nested else {name: value})


def test_every_guess_in_the_schema_is_registered() -> None:
    text = files("csod_pipelines.sandbox.administrate").joinpath("schema.graphql").read_text(encoding="utf-8")
    marks = set(re.findall(r'@guess\(switch: "(\w+)"\)', text))
    rows = load(SystemName.ADMINISTRATE).rows
    assert len(marks) >= 9
    assert {mark for mark in marks if rows[mark].provenance != "guess"} == set()
