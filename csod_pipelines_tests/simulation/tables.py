"""The tables of the design's section 1 as rules over what both vendors show, record by record."""

from __future__ import annotations

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from csod_pipelines.model.keys import SystemName
from csod_pipelines_tests.simulation.vendors import Vendor

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
USER, OU = "csod:sandbox:user", "csod:sandbox:ou"
EVENT, SESSION = "csod:sandbox:event_lo", "csod:sandbox:session_lo"
DIVISION = 2
Row = dict[str, Any]
Hold = Callable[[bool, str], None]

SEATED = {"Registered", "In Progress"}
DONE = {"Completed", "Completed Equivalent", "Equivalent", "Exempt"}
ENDED = {"Denied", "Withdrawn", "Cancelled"}


class Explains(Protocol):
    def of(self, *ids: str) -> str | None: ...


def plain(value: str | None) -> str:
    return " ".join(unicodedata.normalize("NFC", value or "").split())


# ---- people


def people(vendors: Mapping[SystemName, Vendor], explained: Explains, hold: Hold) -> None:
    contacts, users = vendors[A].rows("contacts"), {str(row["id"]): row for row in vendors[C].rows("users")}
    accounts = {row["id"]: row["external_ids"].get(OU) for row in vendors[A].rows("accounts")}
    paired: defaultdict[str, list[Row]] = defaultdict(list)
    for contact in contacts:
        if USER in contact["external_ids"]:
            paired[contact["external_ids"][USER]].append(contact)
    _nobody_twice(contacts, list(users.values()), paired, hold)
    for id, user in users.items():
        if not paired[id]:
            why = explained.of(id)
            hold(not user["active"] or why is not None, f"active user {id} ({user['last_name']}) has no contact, and nothing says why")
            continue
        _same_person(user, paired[id][0], accounts, explained, hold)
    for contact in contacts:
        if USER not in contact["external_ids"] and not contact["is_instructor"] and not contact["has_left_company"]:
            hold(explained.of(contact["id"]) is not None, f"contact {contact['legacy_id']} has no user, and nothing says why")
    for id in paired:
        hold(id in users, f"a contact names user {id}, who does not exist")


def _nobody_twice(contacts: Sequence[Row], users: Sequence[Row], paired: Mapping[str, Sequence[Row]], hold: Hold) -> None:
    for id, rows in paired.items():
        hold(len(rows) == 1, f"user {id} has {len(rows)} contacts: {[row['legacy_id'] for row in rows]}")
    for side, rows, mail in ((A, contacts, "email_address"), (C, users, "primary_email")):
        named = Counter((plain(row[mail]).lower(), plain(row["last_name"]).lower()) for row in rows if row[mail])
        twice = [key for key, number in named.items() if number > 1]
        hold(not twice, f"{side} holds the same person twice: {twice}")


def _same_person(user: Row, contact: Row, accounts: Mapping[str, str | None], explained: Explains, hold: Hold) -> None:
    who = f"user {user['id']} / contact {contact['legacy_id']}"
    division = next((str(row["id"]) for row in user["ous"] if row["type_id"] == DIVISION), None)
    wanted = {
        "first name": (plain(user["first_name"]), plain(contact["first_name"])),
        "last name": (plain(user["last_name"]), plain(contact["last_name"])),
        "e-mail": (plain(user["primary_email"]).lower(), plain(contact["email_address"]).lower()),
        "mobile": (plain(user["mobile_phone"]), plain(contact["mobile"])),
        "org unit": (division, accounts.get(contact["account_id"])),
        "active": (user["active"], not contact["has_left_company"]),
    }
    wrong = {name: pair for name, pair in wanted.items() if pair[0] != pair[1]}
    if wrong and explained.of(str(user["id"]), contact["id"]) is None:
        hold(False, f"{who}: Cornerstone's value and Administrate's differ, and nothing says why: {wrong}")


# ---- units


def units(vendors: Mapping[SystemName, Vendor], explained: Explains, hold: Hold) -> None:
    ous = {str(row["id"]): row for row in vendors[C].rows("ous") if row["type_id"] == DIVISION}
    accounts = vendors[A].rows("accounts")
    ou_of = {row["id"]: row["external_ids"].get(OU) for row in accounts}
    paired: defaultdict[str, list[Row]] = defaultdict(list)
    for account in accounts:
        if (id := ou_of[account["id"]]) is not None:
            paired[id].append(account)
        elif account["parent_account_id"] is not None and not account["is_individual"]:
            hold(explained.of(account["id"]) is not None, f"account {account['legacy_id']} has no OU, and nothing says why")
    refs = Counter(row["external_id"] for row in ous.values() if row["external_id"])
    twice = [ref for ref, times in refs.items() if times > 1]
    hold(not twice, f"Cornerstone holds more than one OU with the reference {twice}")
    for id, ou in ous.items():
        hold(len(paired[id]) <= 1, f"OU {id} has {len(paired[id])} accounts")
        if paired[id]:
            _same_unit(ou, paired[id][0], ou_of, set(ous), explained, hold)
        else:
            hold(not ou["active"] or explained.of(id) is not None, f"active OU {id} has no account, and nothing says why")


def _without_brackets(name: str) -> str:
    """Cornerstone takes none; an account that was entered in Administrate may keep its own."""
    return plain(name.replace("<", " ").replace(">", " "))


def _same_unit(ou: Row, account: Row, ou_of: Mapping[str, str | None], divisions: set[str], explained: Explains, hold: Hold) -> None:
    parent = str(ou["parent_id"]) if ou["parent_id"] is not None else None
    pairs = {
        "name": (_without_brackets(ou["name"]), _without_brackets(account["name"])),
        "parent": (parent if parent in divisions else None, ou_of.get(account["parent_account_id"])),
        "active": (ou["active"], account["custom_fields"].get("cornerstone_status") != "inactive"),
    }
    wrong = {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}
    if wrong and explained.of(str(ou["id"]), account["id"]) is None:
        hold(False, f"OU {ou['id']} / account {account['legacy_id']} differ, and nothing says why: {wrong}")
