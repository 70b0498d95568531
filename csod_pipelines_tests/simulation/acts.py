"""Every act by its name, and the themes under which a seed picks a few of them."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

from csod_pipelines_tests.simulation import acts_people, acts_places, acts_training
from csod_pipelines_tests.simulation.people import People


def _of(module: ModuleType) -> dict[str, Callable[[People, int], str]]:
    """The functions that a module of acts defines itself."""
    own: dict[str, Any] = {name: value for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__}
    return {name: act for name, act in own.items() if not name.startswith("_")}


ACTS: dict[str, Callable[[People, int], str]] = {**_of(acts_people), **_of(acts_places), **_of(acts_training)}

THEMES: dict[str, list[str]] = {
    "people": sorted(set(_of(acts_people)) - {"create_ou", "rename_ou", "move_ou", "deactivate_ou", "create_account", "rename_account"}),
    "units": ["create_ou", "rename_ou", "move_ou", "deactivate_ou", "create_account", "rename_account", "hire", "create_contact"],
    "places": ["register", "reserve", "cancel_learner", "reactivate", "self_register", "request_session", "withdraw", "decide"],
    "results": ["register", "self_register", "mark_attendance", "record_result", "complete", "grade_otherwise", "withdraw"],
    "training": [*_of(acts_training), "register", "self_register"],
    "crowds": ["register_many", "withdraw_many", "terminate_many", "move_many", "register", "cancel_event", "rehire"],
    "all": sorted(ACTS),
}
