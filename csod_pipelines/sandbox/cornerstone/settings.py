"""The switches of the sandbox: every guess about the vendor by the name it has in the contract register, and the knobs.

``Settings.change`` refuses names and values it does not know, so that a test cannot believe to have switched something.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from csod_pipelines.sandbox.cornerstone.timezones import UTC_LABEL

ACTOR = "svc.integration"

DEFAULTS: dict[str, Any] = {
    # guesses, named as in the register
    "employee_list_includes_inactive": True,
    "employee_create_status": 201,
    "employee_patch_status": 204,
    "employee_modified_date": "on_day",  # or "since"
    "employee_primary_email_unique": False,
    "employee_patch_ous": "merge",  # by type, or "replace": the list that is sent is the list
    "next_page_parameter": "both",  # or nextPageToken, or pageToken
    "ou_list_includes_inactive": False,
    "duplicate_session_id_accepted": True,
    "lo_create_status": 201,
    "lo_update_verb": "POST",
    "lo_update_parts": "replace",
    "lo_type_first": True,  # WCF reads __type only as the first key of an object
    "session_detail_keys": True,
    "part_time_zone_rule": "location",
    "default_min_parts": "all",
    "learning_assignment_paths": True,
    "transcript_v1_verbs": True,
    "roster_read_keys": True,
    "roster_write_keys": True,
    "roster_pass_key": "Pass",
    "roster_complete": True,  # else a roster shows its first 20 rows only
    "roster_hides_removed": True,
    "roster_times": "EndDateTimeUTC",  # the key under which a roster tells when the session ends; null: it does not
    "min_parts_zero_completes_absent": True,
    "roster_submit_scope": "listed",
    "roster_locked_rows": "ignore",  # or "refuse"
    "register_past_session": True,
    "waitlist_promotes": False,
    "training_assigned_hook": True,
    "training_completed_hook": True,
    "employee_created_hook": True,
    "training_registered_hook": True,
    "training_withdrawn_hook": True,
    "reporting_subject_view": True,
    "reporting_provider_view": True,
    "status_ids": ["status_id", "title"],  # columns of vw_rpt_transcript_status
    "data_exporter": True,
    "data_exporter_delta": True,
    "delta_link": "absolute",  # or "relative"
    "delta_expiry": 410,  # what a delta link of an earlier world, or one that is too old, answers
    "delta_lifetime_seconds": 0,  # 0: for ever
    "legacy_xml_default": False,  # without an Accept header the legacy family answers XML
    # the portal
    "account_time_zone": UTC_LABEL,
    "actor": ACTOR,
    "applications": {"sandbox": {"secret": "sandbox-secret", "scopes": "all", "lifetime_seconds": 3600, "user": ACTOR}},
    "transcript_emails": True,
    # pace and limits
    "limits": "documented",
    "learning_assignment_daily_limit": 60_000,
    "assignment_delay_seconds": 0.2,
    "assignments_stuck": 0,  # so many of the next assignments never leave Processing
    "bulk_delay_seconds": 1.0,
    "reporting_lag_seconds": 900,
    "exporter_lag_seconds": 0,
    "reporting_repeated_rows": 0,  # rows of a page that come again at the head of the next
    "reporting_truncated_answers": 0,  # so many of the next answers break off
    "catalog_page_size": 25,
    "catalog_busy_seconds": 0.0,
    "express_class": True,
    # webhooks
    "heartbeat_seconds": 300,
    "webhook_tier": "small",
    "webhook_hmac_secret": None,
}

CHOICES: dict[str, tuple[Any, ...]] = {
    "employee_modified_date": ("on_day", "since"),
    "lo_update_verb": ("POST", "PUT", "PATCH"),
    "lo_update_parts": ("replace", "merge"),
    "part_time_zone_rule": ("location", "account", "utc"),
    "default_min_parts": ("all", "1", "0"),
    "roster_submit_scope": ("listed", "all"),
    "roster_locked_rows": ("ignore", "refuse"),
    "delta_link": ("absolute", "relative"),
    "delta_expiry": (400, 404, 410),
    "employee_patch_ous": ("merge", "replace"),
    "next_page_parameter": ("both", "nextPageToken", "pageToken"),
    "webhook_tier": ("starter", "small", "medium", "large"),
    "employee_create_status": (200, 201),
    "employee_patch_status": (200, 204),
    "lo_create_status": (200, 201),
}


class Settings:
    def __init__(self) -> None:
        self._values = copy.deepcopy(DEFAULTS)

    def __getitem__(self, name: str) -> Any:
        return self._values[name]

    def show(self) -> dict[str, Any]:
        return copy.deepcopy(self._values)

    def take_one(self, name: str) -> bool:
        """Use up one of a counted fault."""
        if self._values[name] > 0:
            self._values[name] -= 1
            return True
        return False

    def change(self, changes: Mapping[str, Any]) -> None:
        checked = {name: _checked(name, value) for name, value in changes.items()}
        self._values.update(copy.deepcopy(checked))


def _checked(name: str, value: Any) -> Any:
    if name not in DEFAULTS:
        raise ValueError(f"unknown setting {name!r}; known: {', '.join(sorted(DEFAULTS))}")
    if name == "default_min_parts":
        value = str(value)
    if name in CHOICES:
        if value not in CHOICES[name]:
            raise ValueError(f"{name} must be one of {', '.join(map(str, CHOICES[name]))}")
        return value
    if name == "limits":
        return _checked_limits(value)
    if name == "roster_times":
        if value is None or (isinstance(value, str) and value):
            return value
        raise ValueError("roster_times must be a key name or null")
    if name == "applications":
        return _checked_applications(value)
    if name == "status_ids":
        if isinstance(value, list) and len(value) == 2 and all(isinstance(column, str) and column for column in value):
            return value
        raise ValueError("status_ids must name two columns: that of the number and that of the title")
    default = DEFAULTS[name]
    if default is None:
        if value is not None and not isinstance(value, str):
            raise ValueError(f"{name} must be text or null")
        return value
    if isinstance(default, bool) != isinstance(value, bool) or not isinstance(
        value, (int, float) if isinstance(default, (int, float)) else type(default)
    ):
        raise ValueError(f"{name} must be like {default!r}")
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value < 0:
        raise ValueError(f"{name} must not be negative")
    return value


def _checked_limits(value: Any) -> Any:
    if value in ("documented", "off"):
        return value
    if isinstance(value, dict) and all(
        isinstance(k, str) and isinstance(n, int) and not isinstance(n, bool) and n >= 0 for k, n in value.items()
    ):
        return value
    raise ValueError('limits must be "documented", "off" or an object of bucket name -> calls per minute')


def _checked_applications(value: Any) -> Any:
    if not isinstance(value, dict) or not value:
        raise ValueError("applications must be an object of client id -> {secret, scopes, lifetime_seconds, user}")
    result = {}
    for client, row in value.items():
        if not isinstance(row, dict) or not isinstance(row.get("secret"), str):
            raise ValueError(f"application {client!r} needs a secret")
        full = {"scopes": "all", "lifetime_seconds": 3600, "user": ACTOR} | row
        if not isinstance(full["lifetime_seconds"], int) or not 1 <= full["lifetime_seconds"] <= 86_400:
            raise ValueError("lifetime_seconds must be a whole number up to 86400; a real portal takes 300 at least")
        result[client] = full
    return result
