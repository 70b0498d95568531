"""People and accounts: the initial import, and what is created on either side afterwards."""

from __future__ import annotations

from urllib.parse import urlsplit

import requests

from csod_pipelines.house.story.stage import CALL_SECONDS, Row, Stage, expect, external_id
from csod_pipelines.model.keys import SystemName

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
DIVISION = 2


def initial_import(stage: Stage) -> str:
    """Initial import: every division becomes an account in its hierarchy, every user a contact"""
    _switch_letters_off(stage)
    portal = urlsplit(stage.endpoints["cornerstone"]).hostname or ""
    run = stage.run_job("initial_import", config={"ops": {"import_baseline": {"config": {"mode": "apply", "portal": portal}}}})
    accounts = _check_accounts(stage)
    contacts = _check_contacts(stage, accounts)
    return f"{len(accounts)} accounts, {contacts} contacts, each with its Cornerstone id; run {run[:8]}"


def _switch_letters_off(stage: Stage) -> None:
    """As an administrator does before the first import: no call can keep Administrate from writing to a learner it registers."""
    address = f"{stage.endpoints[A]}/_sandbox/config"
    requests.patch(address, json={"switches": {"learner_messages": False}}, timeout=CALL_SECONDS).raise_for_status()


def _check_accounts(stage: Stage) -> dict[int, Row]:
    """Account by OU id, after every one has been found where it belongs."""
    divisions = {row["id"]: row for row in stage.cornerstone("ous", type_id=DIVISION, active=True)}
    accounts = {int(id): row for row in stage.administrate("accounts") if (id := external_id(row, "ou"))}
    missing = [f"{id} {row['name']}" for id, row in divisions.items() if id not in accounts]
    expect(not missing, "divisions without an account", missing)
    for id, division in divisions.items():
        account, parent = accounts[id], accounts.get(division["parent_id"])
        expect(account["name"].strip() == division["name"].strip(), f"the account of division {id} has another name", account)
        wanted = parent["id"] if parent else None
        expect(account["parent_account_id"] == wanted, f"the account of division {id} hangs elsewhere, not under {wanted}", account)
    return accounts


def _check_contacts(stage: Stage, accounts: dict[int, Row]) -> int:
    contacts = {int(id): row for row in stage.administrate("contacts") if (id := external_id(row, "user"))}
    users = stage.cornerstone("users", active=True)
    missing = [f"{user['id']} {user['user_name']}" for user in users if user["id"] not in contacts and _is_whole(user, accounts)]
    expect(not missing, f"{len(missing)} users without a contact", missing[:10])
    for user in users:
        contact = contacts.get(user["id"])
        if contact is None:
            continue
        names = [(row["first_name"].strip(), row["last_name"].strip()) for row in (user, contact)]
        expect(names[0] == names[1], f"user {user['id']} and its contact have different names", names)
        expect((contact["email_address"] or "").lower() == user["primary_email"].strip().lower(), "another e-mail", contact)
        division = next((ou["id"] for ou in user["ous"] if ou["type_id"] == DIVISION), None)
        if division in accounts:
            expect(
                contact["account_id"] == accounts[division]["id"], f"the contact of user {user['id']} stands in another account", contact
            )
    return len(contacts)


def _is_whole(user: Row, accounts: dict[int, Row]) -> bool:
    """Users whom Administrate could not hold are parked with a reason instead."""
    division = next((ou["id"] for ou in user["ous"] if ou["type_id"] == DIVISION), None)
    return bool(user["primary_email"] and user["first_name"] and user["last_name"] and division in accounts)


def user_is_hired(stage: Stage) -> str:
    """A user is hired in Cornerstone: a contact appears in Administrate"""
    division = _some_division(stage)
    ous = [{"id": division["id"], "type_id": DIVISION}]
    email = "Zoë.Ångström@example.com"
    user = stage.act(C, "hire", first_name="Zoë", last_name="Ångström", primary_email=email, external_id="E90001", user_name="zoe", ous=ous)
    contact = stage.one(
        f"a contact for Cornerstone user {user['id']}",
        lambda: [row for row in stage.administrate("contacts") if external_id(row, "user") == str(user["id"])],
        seen=lambda: [row for row in stage.administrate("contacts") if row["last_name"] == "Ångström"],
    )
    expect((contact["first_name"], contact["last_name"]) == ("Zoë", "Ångström"), "the contact has another name", contact)
    account = stage.administrate("accounts", id=contact["account_id"])[0]
    expect(external_id(account, "ou") == str(division["id"]), "the contact stands in another account", account)
    stage.memory["hired"] = contact
    return f"Cornerstone user {user['id']} -> Administrate contact {contact['legacy_id']}"


def contact_is_created(stage: Stage) -> str:
    """A contact is created in Administrate: a user appears in Cornerstone"""
    account = account_of_some_division(stage)
    contact = stage.act(
        A, "create_contact", account_id=account["id"], first_name="Łukasz", last_name="Nowak", email_address="l.nowak@example.org"
    )
    user = user_of(stage, contact)
    expect((user["first_name"], user["last_name"]) == ("Łukasz", "Nowak"), "the user has another name", user)
    expect(user["active"], "the user is not active", user)
    stage.memory["created"] = contact
    return f"Administrate contact {contact['legacy_id']} -> Cornerstone user {user['id']} ({user['external_id']})"


def user_of(stage: Stage, contact: Row) -> Row:
    """The one Cornerstone user of a contact, once its id stands on the contact."""
    reference = f"ADM-{contact['legacy_id']}"
    user = stage.one(
        f"a Cornerstone user {reference}",
        lambda: stage.cornerstone("users", external_id=reference),
        seen=lambda: [row for row in stage.cornerstone("users") if row["primary_email"] == contact["email_address"]],
    )
    stage.until(
        f"the id of user {user['id']} stands on contact {contact['legacy_id']}",
        lambda: external_id(stage.administrate("contacts", id=contact["id"])[0], "user") == str(user["id"]),
        seen=lambda: stage.administrate("contacts", id=contact["id"]),
    )
    return user


def account_of_some_division(stage: Stage) -> Row:
    division = _some_division(stage)
    return next(row for row in stage.administrate("accounts") if external_id(row, "ou") == str(division["id"]))


def _some_division(stage: Stage) -> Row:
    """Deep in the tree, so that a wrong parent would show."""
    return stage.cornerstone("ous", type_id=DIVISION, active=True)[-1]
