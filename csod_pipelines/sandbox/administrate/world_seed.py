"""The world an instance starts with. Small: what a customer has who is about to import from Cornerstone; everything else comes by sync.

One company with its own account, one region with its head office, two instructors, three draft templates, and the course-template field
`training_provider`. A size may also be an object: `{"accounts": n, "contacts": n, "history": true}` adds made-up ones and a past,
`{"mirror": "small", "share": 0.9}` most of what the Cornerstone sandbox of that size and seed holds.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from csod_pipelines.sandbox.administrate import catalogue, fields, people
from csod_pipelines.sandbox.administrate.call import Call
from csod_pipelines.sandbox.administrate.mirror import add_mirror, check_mirrored
from csod_pipelines.sandbox.administrate.past import add_history
from csod_pipelines.sandbox.administrate.records import Account, Company, Contact, Location, Region, Venue

VENDOR_FIELD = "training_provider"
TEMPLATES = (
    ("FIRE-101", "Fire safety essentials", "What to do, and what not to do, in the first five minutes."),
    ("LEAD-201", "Leading a team", "Two days of practice for people who lead others for the first time."),
    ("DATA-301", "Working with personal data", "Rules and habits for everybody who handles records of people."),
)
INSTRUCTORS = (("Ingrid", "Sørensen"), ("Tomás", "Ibáñez"))
# Sorting, folding, transliterating and cutting all go wrong somewhere here.
FIRST_NAMES = ("Ada", "Zoë", "José", "Łukasz", "Ольга", "Νίκος", "美咲", "지훈", "محمد", "נועה", "Anne-Marie", "Đặng", "  Sam", "Ruth ")
LAST_NAMES = (
    "Byron",
    "O'Neill",
    "van der Berg",
    "Müller-Lüdenscheidt",
    "Иванова",
    "Παππάς",
    "佐藤",
    "김",
    "العلي",
    "כהן",
    "Nguyễn",
    "Smith",
)
_IMPORTED = "the small world: what is larger stands in Cornerstone, and the import brings it"
SIZES: dict[str, str] = {
    "small": "one company, region and office, two instructors, three draft templates and the field training_provider",
    "medium": _IMPORTED,
    "large": _IMPORTED,
    "mirror": "most of what the Cornerstone sandbox of size mirror and this seed holds, entered by hand: no external ids, some twice",
    "{...}": 'counts beside the small world: {"accounts": n, "contacts": n, "history": bool}, {"mirror": size of the Cornerstone world, '
    '"share": 0.9}; counts that only Cornerstone knows are passed over',
}
_OTHERS = frozenset({"base", "users", "ous", "events", "sessions_per_event", "learners_per_session"})  # Cornerstone's counts


def checked_size(size: Any) -> dict[str, Any]:
    """Counts of accounts and contacts beside the small world, and whether it has a past. ValueError when it is no size.

    The named sizes start alike here: the people and units of a larger world stand in Cornerstone, and the import brings them.
    """
    if size == "mirror":
        return checked_size({"mirror": "small"})
    if isinstance(size, str) and size in SIZES:
        return checked_size({})
    if not isinstance(size, Mapping):
        raise ValueError(f"size is {', '.join(name for name in SIZES if name.isalpha())} or an object of counts, not {size!r}")
    if unknown := sorted(set(size) - {"accounts", "contacts", "history", "mirror", "share"} - _OTHERS):
        raise ValueError(f"unknown counts {', '.join(unknown)}; known: accounts, contacts, history, mirror, share")
    if not isinstance(size.get("history", False), bool):
        raise ValueError(f"history is true or false, not {size['history']!r}")
    share = size.get("share", 0.9)
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise ValueError(f"share lies between 0 and 1, not {share!r}")
    counts: dict[str, Any] = {"history": size.get("history") is True, "mirror": size.get("mirror"), "share": share}
    if counts["mirror"] is not None:
        check_mirrored(counts["mirror"])
    for name in ("accounts", "contacts"):
        value = size.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= 2_000_000:
            raise ValueError(f"{name} must be a whole number up to 2,000,000, not {value!r}")
        counts[name] = value
    return counts


def fill(call: Call, *, seed: int, size: Mapping[str, Any]) -> None:
    """Records only: no hooks fire and nothing is logged for what was there before the first request."""
    dice = random.Random(seed)
    now, world = call.stamp, call.world
    call.stamp = now - int(timedelta(days=730).total_seconds())
    company = world.table(Company).add(Company(id=world.next_id(Company), name="Example Training Ltd"), stamp=call.stamp)
    region = world.table(Region).add(Region(id=world.next_id(Region), code="MAIN", name="Main region"), stamp=call.stamp)
    office = Location(id=world.next_id(Location), name="Head Office", code="HQ", region_id=region.id, zone="Europe/London")
    world.table(Location).add(office, stamp=call.stamp)
    world.table(Venue).add(Venue(id=world.next_id(Venue), name="Room 1", description=None, location_id=office.id), stamp=call.stamp)
    root = world.table(Account).add(
        Account(id=world.next_id(Account), name="Example Training Ltd", company_id=company.id), stamp=call.stamp
    )
    for first, last in INSTRUCTORS:
        _add_person(call, root, first=first, last=last, number=None, teaches=True)
    fields.define(call, "CourseTemplate", {"label": VENDOR_FIELD, "type": "choice", "description": "Who provides the training"})
    for code, title, introduction in TEMPLATES:
        catalogue.create_template(call, {"code": code, "title": title, "introduction": introduction})
    _populate(call, root, dice, accounts=size["accounts"], contacts=size["contacts"])
    if size["mirror"] is not None:
        moment = datetime.fromtimestamp(now, UTC)
        add_mirror(call, root, dice, seed=seed, size=size["mirror"], share=size["share"], moment=moment)
    if size["history"] or call.settings.values["history"]:
        add_history(call, dice, until=datetime.fromtimestamp(now, UTC).replace(tzinfo=None))
    call.stamp = now
    call.effects.clear()
    call.fired.clear()


def _populate(call: Call, root: Account, dice: random.Random, *, accounts: int, contacts: int) -> None:
    """Accounts in a tree and people in them, for tests of volume and of worlds that are not empty."""
    made = [root]
    for number in range(accounts):
        parent = made[dice.randrange(max(0, len(made) - 50), len(made))] if number % 4 else root
        made.append(people.create_account(call, {"name": f"Department {number + 1}", "parentAccountId": call.gid(parent)}))
    call.effects.clear()
    call.fired.clear()
    for number in range(contacts):
        first, last = dice.choice(FIRST_NAMES), dice.choice(LAST_NAMES)
        _add_person(call, dice.choice(made), first=first, last=last, number=number)


def _add_person(call: Call, home: Account, *, first: str, last: str, number: int | None, teaches: bool = False) -> Contact:
    local = f"person{number}" if number is not None else f"{first[:2].lower()}.instructor"
    return people.add_contact(
        call,
        Contact(
            id=call.world.next_id(Contact),
            account_id=home.id,
            first=first,
            middle=None,
            last=last,
            emails=(f"{local}@example.org",),
            is_instructor=teaches,
            is_staff=teaches,
        ),
    )
