"""A world that already holds most of what Cornerstone has, entered by hand over the years: for trying the matching of existing records.

Asked for by the size `{"mirror": "small", "share": 0.9}`, with the seed of the Cornerstone sandbox that is to be matched. Nothing carries
an external id; some names and addresses are spelled a little differently, some people stand there twice, some are missing.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from csod_pipelines.sandbox.administrate import catalogue, fields, people
from csod_pipelines.sandbox.administrate.call import Call
from csod_pipelines.sandbox.administrate.records import Account, Contact, FieldDefinition
from csod_pipelines.sandbox.kit import Core

DIVISION, LOCATION = 2, 32  # Cornerstone's OU types
MISSPELLED, TWICE = 0.03, 0.01


def add_mirror(call: Call, root: Account, dice: random.Random, *, seed: int, size: Any, share: float, moment: datetime) -> None:
    other = _peer(seed=seed, size=size, moment=moment)

    def rows(kind: str) -> list[dict[str, Any]]:
        return other.state(kind, id=None, now=moment)

    ous = rows("ous")
    homes = _accounts(call, root, dice, [ou for ou in ous if ou["type_id"] == DIVISION], share=share)
    _contacts(call, root, dice, rows("users"), homes, share=share)
    for ou in ous:
        if ou["type_id"] == LOCATION and dice.random() < share:
            catalogue.create_location(call, {"name": ou["name"], "code": ou["external_id"]})
    _catalogue(call, dice, rows("subjects"), rows("events"), share=share)


def check_mirrored(size: Any) -> None:
    """ValueError when Cornerstone has no such size."""
    from csod_pipelines.sandbox.cornerstone.world import size_of

    size_of(size)


def _peer(*, seed: int, size: Any, moment: datetime) -> Core:
    from csod_pipelines.sandbox.cornerstone.core import CornerstoneCore

    core: Core = CornerstoneCore()
    core.reset(seed=seed, size=size, now=moment)
    return core


def _accounts(call: Call, root: Account, dice: random.Random, ous: Iterable[Mapping[str, Any]], *, share: float) -> dict[Any, Account]:
    """Account by OU id; an OU that is missing here is stood in for by its parent's account."""
    by_id = {ou["id"]: ou for ou in ous}
    made: dict[Any, Account] = {}

    def account(id: Any) -> Account:
        ou = by_id.get(id)
        if ou is None:
            return root
        if id not in made:
            above = account(ou["parent_id"])
            missing = dice.random() >= share
            made[id] = above if missing else people.create_account(call, {"name": ou["name"], "parentAccountId": call.gid(above)})
        return made[id]

    for id in by_id:
        account(id)
    return made


def _contacts(
    call: Call, root: Account, dice: random.Random, users: Iterable[Mapping[str, Any]], homes: Mapping[Any, Account], *, share: float
) -> None:
    for user in users:
        if dice.random() >= share:
            continue
        division = next((ou["id"] for ou in user["ous"] if ou["type_id"] == DIVISION), None)
        mail, first = user["primary_email"], user["first_name"]
        if dice.random() < MISSPELLED:
            mail, first = mail and mail.upper(), f"{first} "
        for _ in range(2 if dice.random() < TWICE else 1):
            row = Contact(
                id=call.world.next_id(Contact),
                account_id=homes.get(division, root).id,
                first=first,
                middle=None,
                last=user["last_name"],
                emails=(mail,) if mail else (),
                phones=(user["mobile_phone"],) if user["mobile_phone"] else (),
                has_left=not user["active"],
            )
            people.add_contact(call, row)


def _catalogue(
    call: Call, dice: random.Random, subjects: Iterable[Mapping[str, Any]], events: list[dict[str, Any]], *, share: float
) -> None:
    categories: dict[Any, str] = {}
    titles: dict[str, str] = {}
    for subject in subjects:
        given = {"name": subject["title"], "parentCategoryId": categories.get(subject["parent_id"])}
        categories[subject["id"]] = titles[subject["title"]] = call.gid(catalogue.create_category(call, given))
    provider = next(row for row in fields.definitions(call, "CourseTemplate") if row.type == "choice")
    provider.options = sorted({event["provider"] for event in events if event["provider"]})
    for event in events:
        if dice.random() < share:
            _template(call, event, provider, titles)


def _template(call: Call, event: Mapping[str, Any], provider: FieldDefinition, titles: Mapping[str, str]) -> None:
    value = [{"definitionKey": call.gid(provider), "value": event["provider"]}] if event["provider"] else []
    catalogue.create_template(
        call,
        {
            "code": event["event_number"],
            "title": event["title"],
            "introduction": event["description"],
            "learningCategoryIds": [titles[title] for title in event["subjects"] if title in titles],
            "customFieldValues": value,
            "lifecycleState": "published",
        },
    )
