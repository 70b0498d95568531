"""Every act by its name, and the themes under which a seed picks a few of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from csod_pipelines_tests.simulation import acts_people, acts_places, acts_tables, acts_training
from csod_pipelines_tests.simulation.people import People


def _of(module: ModuleType) -> dict[str, Callable[[People, int], str]]:
    """The functions that a module of acts defines itself."""
    own: dict[str, Any] = {name: value for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__}
    return {name: act for name, act in own.items() if not name.startswith("_")}


ACTS: dict[str, Callable[[People, int], str]] = {**_of(acts_people), **_of(acts_places), **_of(acts_training), **_of(acts_tables)}


#: Acts on kinds that only the daily comparisons look at.
ON_TABLES = frozenset(_of(acts_tables))


@dataclass(frozen=True, slots=True)
class Theme:
    """``openers`` bring in whom or what the other acts are about."""

    openers: tuple[str, ...]
    acts: tuple[str, ...]


_UNITS = ("create_ou", "rename_ou", "move_ou", "deactivate_ou", "create_account", "rename_account")
_CROWDS = ("register_many", "withdraw_many", "terminate_many", "move_many")
_PLACES = ("register", "self_register")

THEMES: dict[str, Theme] = {
    "people": Theme(("hire", "create_contact", "create_on_both_sides"), tuple(sorted({*_of(acts_people)} - {*_UNITS, *_CROWDS}))),
    "units": Theme(("create_ou", "create_account"), (*_UNITS, "hire", "create_contact", "edit_user")),
    "places": Theme(_PLACES, (*_PLACES, "reserve", "cancel_learner", "reactivate", "request_session", "withdraw", "decide", "terminate")),
    "results": Theme(_PLACES, (*_PLACES, "mark_attendance", "record_result", "complete", "grade_otherwise", "withdraw")),
    "training": Theme(("create_event", "publish_template"), (*_of(acts_training), *_PLACES, "cancel_learner")),
    "crowds": Theme(("register_many", "register"), (*_CROWDS, "cancel_event", "delete_event", "rehire", "register")),
    "tables": Theme(("create_location", "create_subject"), (*sorted(ON_TABLES), "create_event", "publish_template")),
    "all": Theme(("hire", "register", "self_register"), tuple(sorted(ACTS))),
}
