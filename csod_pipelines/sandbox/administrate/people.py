"""Accounts and contacts: what can be done to them, by mutation or on a screen. Arguments are in the words of the vendor's inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from csod_pipelines.sandbox.administrate import fields
from csod_pipelines.sandbox.administrate.call import Call, Refused
from csod_pipelines.sandbox.administrate.records import Account, Company, Contact, Learner, PostalAddress

NAME_LENGTH = 255


# ---- accounts


def account(call: Call, gid: Any, *, label: str = "accountId") -> Account:
    row = call.world.find(Account, gid)
    if row is None:
        raise Refused(label, "no such account", gid)
    return row


def create_account(call: Call, given: Mapping[str, Any], *, individual: bool = False) -> Account:
    parent = None if given.get("parentAccountId") is None else account(call, given["parentAccountId"], label="parentAccountId")
    custom = fields.checked_values(call, "Account", given.get("customFieldValues"), creating=True)
    row = Account(
        id=call.world.next_id(Account),
        name=_name(given["name"], "name"),
        company_id=call.world.table(Company).ordered[0].id,
        parent_id=None if parent is None else parent.id,
        is_individual=individual,
        custom=fields.merge(None, custom),
    )
    call.world.table(Account).add(row, stamp=call.stamp)
    if parent is not None:
        call.world.children_of_account.setdefault(parent.id, {})[row.id] = None
    call.did("create", "accounts", call.gid(row))
    call.fire("account_created", call.gid(row))
    return row


def update_account(call: Call, given: Mapping[str, Any]) -> Account:
    row = account(call, given.get("accountId"))
    parent = row.parent_id
    if "parentAccountId" in given:
        parent = _new_parent(call, row, given["parentAccountId"])
    name = _name(given["name"], "name") if given.get("name") is not None else row.name
    addresses = row.addresses
    if given.get("postalAddresses") is not None:  # replaced as a whole
        addresses = tuple(_address(item) for item in given["postalAddresses"])
    custom = fields.checked_values(call, "Account", given.get("customFieldValues"), creating=False)
    if parent != row.parent_id:
        _hang(call, row, parent)
    row.name, row.addresses = name, addresses
    if "emailAddress" in given:
        row.email = given["emailAddress"]
    row.custom = fields.merge(row.custom, custom)
    call.touch(row)
    call.did("update", "accounts", call.gid(row))
    call.fire("account_updated", call.gid(row))
    return row


def merge_accounts(call: Call, given: Mapping[str, Any]) -> Account:
    """Everything of one account goes to the other, and the first is gone. Cannot be undone."""
    source = account(call, given["fromAccount"], label="fromAccount")
    target = account(call, given["toAccount"], label="toAccount")
    if source is target:
        raise Refused("toAccount", "an account cannot be merged with itself", given["toAccount"])
    if any(row is source for row in call.world.account_line(target)):
        raise Refused("toAccount", "an account cannot be merged into one below it", given["toAccount"])
    if target.is_individual:
        raise Refused("toAccount", "an individual's account takes no further contacts", given["toAccount"])
    for id in list(call.world.contacts_of_account.get(source.id, ())):
        contact_row = call.world.table(Contact)[id]
        _move_contact(call, contact_row, target)
        call.touch(contact_row)
        call.fire("contact_updated", call.gid(contact_row))
    for id in list(call.world.children_of_account.get(source.id, ())):
        child = call.world.table(Account)[id]
        _hang(call, child, target.id)
        call.touch(child)
        call.fire("account_updated", call.gid(child))
    _hang(call, source, None)
    call.world.drop_external(source)
    call.world.table(Account).remove(source)
    call.touch(target)
    call.did("update", "accounts", call.gid(target))
    call.fire("account_updated", call.gid(target))
    return target


def _new_parent(call: Call, row: Account, gid: str | None) -> int | None:
    if gid is None:
        return None
    parent = account(call, gid, label="parentAccountId")
    if any(above is row for above in call.world.account_line(parent)):
        raise Refused("parentAccountId", "an account cannot stand below itself", gid)
    return parent.id


def _hang(call: Call, row: Account, parent: int | None) -> None:
    if row.parent_id is not None:
        call.world.children_of_account.get(row.parent_id, {}).pop(row.id, None)
    if parent is not None:
        call.world.children_of_account.setdefault(parent, {})[row.id] = None
    row.parent_id = parent


def _address(given: Mapping[str, Any]) -> PostalAddress:
    address = given["address"]
    return PostalAddress(
        usage=given["usage"],
        lines=tuple(line for line in address.get("lines") or () if line is not None),
        town=address.get("town"),
        region=address.get("region"),
        postcode=address.get("postcode"),
        country_id=address.get("countryId"),
        province_code=address.get("provinceCode"),
        contact_person=address.get("contactPerson"),
    )


def _name(text: str, label: str) -> str:
    if not text.strip():
        raise Refused(label, "must not be empty", text)
    if len(text) > NAME_LENGTH:
        raise Refused(label, f"must not be longer than {NAME_LENGTH} characters")
    return text


# ---- contacts


def contact(call: Call, gid: Any, *, label: str = "contactId") -> Contact:
    row = call.world.find(Contact, gid)
    if row is None:
        raise Refused(label, "no such contact", gid)
    return row


def create_contact(call: Call, given: Mapping[str, Any]) -> Contact:
    """An e-mail that another contact has is accepted: it is no key in this product."""
    home = account(call, given["accountId"])
    _room_for_contact(call, home)
    name = given["personalName"]
    if not (name.get("firstName") or "").strip() and not (name.get("lastName") or "").strip():
        raise Refused("personalName", "a contact needs a first or a last name")
    for part in ("firstName", "middleName", "lastName"):
        if len(name.get(part) or "") > NAME_LENGTH:
            raise Refused(part, f"must not be longer than {NAME_LENGTH} characters")
    custom = fields.checked_values(call, "Contact", given.get("customFieldValues"), creating=True)
    row = Contact(
        id=call.world.next_id(Contact),
        account_id=home.id,
        first=name.get("firstName"),
        middle=name.get("middleName"),
        last=name.get("lastName"),
        emails=_mails(given.get("emailAddresses")),
        phones=_phones(given.get("phoneNumbers")),
        custom=fields.merge(None, custom),
    )
    add_contact(call, row)
    call.did("create", "contacts", call.gid(row))
    call.fire("contact_created", call.gid(row))
    return row


def add_contact(call: Call, row: Contact) -> Contact:
    """Into the table and the indexes, without checks, hooks or log: for the world's own people too."""
    call.world.table(Contact).add(row, stamp=call.stamp)
    call.world.index_mails(row)
    call.world.contacts_of_account.setdefault(row.account_id, {})[row.id] = None
    return row


def update_contact(call: Call, given: Mapping[str, Any]) -> Contact:
    row = contact(call, given.get("contactId"))
    home = None
    if given.get("accountId") is not None:
        home = account(call, given["accountId"])
        if home.id != row.account_id:
            _room_for_contact(call, home)
    mails = row.emails if given.get("emailAddresses") is None else _mails(given["emailAddresses"])
    name = given.get("personalName") or {}
    first, middle, last = (
        name.get(key, held) for key, held in (("firstName", row.first), ("middleName", row.middle), ("lastName", row.last))
    )
    if not (first or "").strip() and not (last or "").strip():
        raise Refused("personalName", "a contact needs a first or a last name")
    custom = fields.checked_values(call, "Contact", given.get("customFieldValues"), creating=False)
    row.first, row.middle, row.last = first, middle, last
    if mails != row.emails:
        call.world.unindex_mails(row)
        row.emails = mails
        call.world.index_mails(row)
    if given.get("phoneNumbers") is not None:
        row.phones = _phones(given["phoneNumbers"])
    if given.get("hasLeftCompany") is not None:
        row.has_left = given["hasLeftCompany"]
    if home is not None and home.id != row.account_id:
        _move_contact(call, row, home)
    row.custom = fields.merge(row.custom, custom)
    call.touch(row)
    call.did("update", "contacts", call.gid(row))
    call.fire("contact_updated", call.gid(row))
    return row


def delete_contact(call: Call, gid: Any) -> Contact:
    row = contact(call, gid)
    active = [learner for learner in call.world.learners_by_contact(row) if learner.state in {"active", "reserved"}]
    if active:
        raise Refused("contactId", "the contact is registered on an event", gid)
    for learner in call.world.learners_by_contact(row):
        call.world.learners_of_event[learner.event_id].remove(learner.id)
        call.world.drop_external(learner)
        call.world.table(Learner).remove(learner)
    call.world.learners_of_contact.pop(row.id, None)
    call.world.unindex_mails(row)
    call.world.contacts_of_account.get(row.account_id, {}).pop(row.id, None)
    call.world.drop_external(row)
    call.world.table(Contact).remove(row)
    call.did("cancel", "contacts", call.gid(row))
    call.fire("contact_deleted", call.gid(row))
    return row


def _move_contact(call: Call, row: Contact, home: Account) -> None:
    call.world.contacts_of_account.get(row.account_id, {}).pop(row.id, None)
    call.world.contacts_of_account.setdefault(home.id, {})[row.id] = None
    row.account_id = home.id


def _room_for_contact(call: Call, home: Account) -> None:
    if home.is_individual and call.world.contacts_of_account.get(home.id):
        raise Refused("accountId", "an individual's account takes no further contacts", call.gid(home))


def _mails(given: list[Mapping[str, Any]] | None) -> tuple[str, ...]:
    mails = tuple(item["address"].strip() for item in given or ())
    for mail in mails:
        if "@" not in mail or " " in mail or len(mail) > NAME_LENGTH:
            raise Refused("emailAddresses", "not an e-mail address", mail)
    return mails


def _phones(given: list[Mapping[str, Any]] | None) -> tuple[str, ...]:
    return tuple(item["number"] for item in given or ())
