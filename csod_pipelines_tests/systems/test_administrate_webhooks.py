"""Bringing the webhooks to an instance, over HTTP."""

from __future__ import annotations

import pytest

from csod_pipelines.systems.administrate import AdministrateSystem, webhooks
from csod_pipelines.systems.administrate.webhooks import HOOK_TYPES, Credentials, HookType, install, installed, set_active
from csod_pipelines_tests.systems.vendor import Vendor

CREDENTIALS = Credentials(user="csod", password="p@ss/word")


def test_hooks_are_created_active_and_a_second_run_leaves_them_as_they_are(a_system: AdministrateSystem, a_vendor: Vendor) -> None:
    report = install(a_system.client, "https://sync.example.org/base", CREDENTIALS)
    assert set(report.created) | set(report.missing) | set(report.absent) == {kind.slug for kind in HOOK_TYPES}
    assert report.missing == ()
    hooks = a_vendor.state("webhooks")
    assert {hook["lifecycle_state"] for hook in hooks} == {"active"}
    assert "https://csod:p%40ss%2Fword@sync.example.org/base/webhooks/administrate/learner_created" in {hook["url"] for hook in hooks}
    again = install(a_system.client, "https://sync.example.org/base", CREDENTIALS)
    assert set(again.unchanged) == set(report.created) and not again.created
    seen = [{name: hook[name] for name in ("id", "name", "url", "query", "lifecycle_state")} for hook in hooks]
    assert [{name: hook[name] for name in seen[0]} for hook in a_vendor.state("webhooks")] == seen


def test_an_older_query_and_other_addresses_which_nobody_can_read_are_corrected(
    a_system: AdministrateSystem, a_vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr(HookType, "query", webhooks.ECHO_QUERY)
        install(a_system.client, "https://sync.example.org", None, notify=["left@example.org"])
    install(a_system.client, "https://sync.example.org", None, notify=["team@example.org"])
    queries = {kind.slug: kind.query for kind in HOOK_TYPES}
    for hook in a_vendor.state("webhooks"):
        assert (hook["query"], hook["notification_emails"]) == (queries[hook["webhook_type"]], ["team@example.org"])


def test_without_addresses_of_ours_those_that_somebody_entered_stay(a_system: AdministrateSystem, a_vendor: Vendor) -> None:
    install(a_system.client, "https://sync.example.org", None, notify=["team@example.org"])
    install(a_system.client, "https://sync.example.org", None)
    assert {tuple(hook["notification_emails"]) for hook in a_vendor.state("webhooks")} == {("team@example.org",)}


def test_hooks_ask_for_nothing_but_ids_and_type() -> None:
    """Of a learner for its event, too: whose roster is to be looked at, nobody has to ask then."""
    for kind in HOOK_TYPES:
        more = " ... on Learner { event { id } }" if kind.slug.startswith("learner_") else ""
        assert kind.query.endswith((f"{{ node(id: $objectid) {{ id __typename{more} }} }}", "{ echo(value: $objectid) }"))


def test_hooks_are_switched_off_and_on_by_type(a_system: AdministrateSystem) -> None:
    install(a_system.client, "https://sync.example.org", None)
    assert set_active(a_system.client, ["contact_created"], active=False) == ("contact_created",)
    states = {hook.slug: hook.state for hook in installed(a_system.client)}
    assert states["contact_created"] == "inactive" and states["account_created"] == "active"
    report = install(a_system.client, "https://sync.example.org", None)
    assert report.updated == ("contact_created",)
