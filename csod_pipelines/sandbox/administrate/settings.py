"""What can be set about the instance: guesses that can be switched off by the contract register's names, unknowns that can be played
either way, limits. `GET /_sandbox/config` shows all of it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from csod_pipelines.sandbox.administrate.hook_types import HOOK_TYPES

# In the schema under @guess: switched off, the field, argument or mutation does not exist.
GUESSES = (
    "account_parent",
    "contact_account_move",
    "contact_left_company",
    "location_create",
    "learning_category_create",
    "learning_category_external_id",
    "course_template_create",
    "session_create",
    "custom_field_option_update",
)
# What the public pages leave open, and how the sandbox plays it unless told otherwise.
BEHAVIOURS: dict[str, bool] = {
    "auto_pass": False,  # attendance of every session makes a pass; a setting of the product
    "empty_errors_key": False,  # success answers carry "errors": [] as the documentation prints, or leave the key out as clients see
    "learner_messages": True,  # registrations and cancellations write to the learner
    "attendance_moves_stamp": False,
    "nested_change_moves_stamp": False,  # a session's change moves its event's updatedAt
    "external_id_moves_stamp": False,
    "external_id_fires_updated": False,
    "external_id_overwrite_default": False,  # `overwrite` left out
    "session_change_fires_event_updated": False,
    "event_cancel_cancels_learners": True,
    "event_uncancel": False,
    "retry_without_answer": False,  # a receiver that does not answer is retried like a 5xx
    "contacts_mail_case_sensitive": False,
    "ui_link": True,  # a record's screen stands at /ui/{kind}/{legacy id}
}
CHOICES: dict[str, tuple[str, ...]] = {
    "learner_id_prefix": ("Learner", "learner"),
    "session_id_prefix": ("Session", "Course"),
    "duplicate_registration": ("refuse", "double"),
    "clear_result": ("unsupported",),  # recordResult takes true or false, and no other call is known
    "attendance_unmarked": ("null mark", "no row"),  # how a session without a mark reads
    "webhook_signature": ("timestamp.body", "body"),  # the text under the HMAC-SHA-256
}
VALUES: dict[str, Any] = {
    "token_seconds": 3600,
    "rate_limit_requests": 6000,  # documented: 6,000 requests in 5 minutes an address; null: no limit
    "rate_limit_seconds": 300,
    "retry_after_seconds": None,  # whether a 429 says when to come back is unknown
    "instance": "https://sandbox.administrateapp.com",
    "hmac_key": "sandbox-hmac-key",
    "deactivate_hook_after_failures": None,  # deliveries in a row that failed for good
    "history": False,
}
_NULLABLE = {"rate_limit_requests", "retry_after_seconds", "deactivate_hook_after_failures"}


class Settings:
    """Kept across a reset, as a portal's settings are no part of its records."""

    def __init__(self) -> None:
        self.switches: dict[str, bool | str] = dict.fromkeys(GUESSES, True)
        self.switches |= BEHAVIOURS
        self.switches |= {name: choices[0] for name, choices in CHOICES.items()}
        self.switches |= {f"webhook_{slug}": True for slug in HOOK_TYPES}
        self.values = copy.deepcopy(VALUES)

    def on(self, switch: str) -> bool:
        return self.switches[switch] is True

    def text(self, switch: str) -> str:
        return str(self.switches[switch])

    def off_guesses(self) -> frozenset[str]:
        return frozenset(name for name in GUESSES if not self.switches[name])

    def shown(self) -> dict[str, Any]:
        return {"switches": dict(self.switches), **self.values}

    def change(self, changes: Mapping[str, Any]) -> None:
        """Merge; ValueError, and nothing changed, when a key is unknown or a value makes no sense."""
        switches = changes.get("switches", {})
        if not isinstance(switches, Mapping):
            raise ValueError("switches must be an object")
        for name, value in switches.items():
            self._check_switch(name, value)
        values = {name: value for name, value in changes.items() if name != "switches"}
        for name, value in values.items():
            _check_value(name, value)
        self.switches.update(switches)
        self.values.update(values)

    def _check_switch(self, name: str, value: Any) -> None:
        if name not in self.switches:
            raise ValueError(f"unknown switch {name!r}; known: {', '.join(sorted(self.switches))}")
        if name in CHOICES:
            if value not in CHOICES[name]:
                raise ValueError(f"{name} is one of {', '.join(CHOICES[name])}")
        elif not isinstance(value, bool):
            raise ValueError(f"{name} is true or false")


def _check_value(name: str, value: Any) -> None:
    if name not in VALUES:
        raise ValueError(f"unknown setting {name!r}; known: switches, {', '.join(sorted(VALUES))}")
    if value is None and name in _NULLABLE:
        return
    if isinstance(VALUES[name], bool):
        fits = isinstance(value, bool)
    elif isinstance(VALUES[name], str):
        fits = isinstance(value, str) and value != ""
    else:
        fits = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31
    if not fits:
        raise ValueError(f"{name} cannot be {value!r}")
