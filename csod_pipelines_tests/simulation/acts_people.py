"""What people do with people and units: hire, move, rename, leave."""

from __future__ import annotations

from csod_pipelines_tests.simulation.people import DIVISION, People, Row, choose

FIRST = ("Ada", "Zoë", "José", "Łukasz", "Ольга", "美咲", "Anne-Marie", "  Sam")
LAST = ("Byron", "O'Neill", "van der Berg", "Иванова", "佐藤", "Nguyễn", "Smith ")
MOBILES = ("+44 20 7946 0000", "+49 30 1234", "", "+81-3-1234-5678")


def _values(people: People, pick: int) -> Row:
    number = people.fresh()
    return {"first": FIRST[pick % len(FIRST)], "last": LAST[pick // 7 % len(LAST)], "mail": f"new{number}@example.org"}


def hire(p: People, pick: int) -> str:
    v, division = _values(p, pick), choose(p.divisions(), pick)
    ous = [{"id": division["id"], "type_id": DIVISION}]
    row = p.c.act("hire", first_name=v["first"], last_name=v["last"], primary_email=v["mail"], ous=ous)["row"]
    return f"user {row['id']}"


def create_contact(p: People, pick: int) -> str:
    v = _values(p, pick)
    accounts = [row for row in p.a.rows("accounts") if "csod:sandbox:ou" in row["external_ids"]]
    account = choose(accounts, pick)["id"]
    row = p.a.act("create_contact", account_id=account, first_name=v["first"], last_name=v["last"], email_address=v["mail"])["row"]
    return f"contact {row['legacy_id']}"


def create_on_both_sides(p: People, pick: int) -> str:
    """The same new person, entered here and there within one moment: must end as one pair."""
    v, division = _values(p, pick), choose(p.divisions(), pick)
    accounts = [row for row in p.a.rows("accounts") if row["external_ids"].get("csod:sandbox:ou") == str(division["id"])]
    account = choose(accounts, 0)["id"]
    ous = [{"id": division["id"], "type_id": DIVISION}]
    p.c.act("hire", first_name=v["first"], last_name=v["last"], primary_email=v["mail"].upper(), ous=ous)
    p.a.act("create_contact", account_id=account, first_name=v["first"], last_name=v["last"], email_address=v["mail"])
    return v["mail"]


def edit_user(p: People, pick: int) -> str:
    row = choose(p.users(), pick)
    which = pick // 11 % 4
    if which == 0:
        change: Row = {"first_name": FIRST[pick // 3 % len(FIRST)]}
    elif which == 1:
        change = {"mobile_phone": MOBILES[pick // 5 % len(MOBILES)]}
    elif which == 2:
        change = {"primary_email": f"changed{p.fresh()}@Example.ORG"}
    else:
        change = {"ous": [{"id": choose(p.divisions(), pick // 13)["id"], "type_id": DIVISION}]}
    p.c.act("edit_user", id=str(row["id"]), **change)
    return f"user {row['id']} {sorted(change)}"


def terminate_many(p: People, pick: int) -> str:
    """More at once than is usual: the brake must stop us."""
    rows = p.users()
    for row in rows:
        p.c.act("terminate", id=str(row["id"]))
    return f"{len(rows)} users"


def move_many(p: People, pick: int) -> str:
    division, rows = choose(p.divisions(), pick), p.users()
    for row in rows:
        p.c.act("edit_user", id=str(row["id"]), ous=[{"id": division["id"], "type_id": DIVISION}])
    return f"{len(rows)} users"


def terminate(p: People, pick: int) -> str:
    row = choose(p.users(), pick)
    p.c.act("terminate", id=str(row["id"]))
    return f"user {row['id']}"


def rehire(p: People, pick: int) -> str:
    row = choose(p.users(active=False), pick)
    p.c.act("rehire", id=str(row["id"]))
    return f"user {row['id']}"


def edit_contact(p: People, pick: int) -> str:
    """On the side without the right: must be undone by the next reconciliation."""
    row = choose(p.contacts(), pick)
    change: Row = (
        {"mobile": MOBILES[pick // 5 % len(MOBILES)]} if pick % 2 else {"last_name": LAST[pick // 3 % len(LAST)].strip() + "-Edited"}
    )
    p.a.act("edit_contact", id=row["id"], **change)
    p.without_right.add(row["id"])
    return f"contact {row['legacy_id']} {sorted(change)}"


def edit_on_both_sides(p: People, pick: int) -> str:
    """One person in the same second: the mobile here, where nobody has the right to, and the first name there, which counts."""
    users = {str(row["id"]): row for row in p.users()}
    contact = choose([row for row in p.contacts() if row["external_ids"].get("csod:sandbox:user") in users], pick)
    user = users[contact["external_ids"]["csod:sandbox:user"]]
    p.a.act("edit_contact", id=contact["id"], mobile=f"+44 {p.fresh()}")
    p.without_right.add(contact["id"])
    p.c.act("edit_user", id=str(user["id"]), first_name=FIRST[pick // 3 % len(FIRST)])
    return f"contact {contact['legacy_id']} and user {user['id']}"


def leave(p: People, pick: int) -> str:
    row = choose([row for row in p.contacts() if row["external_ids"]], pick)
    p.a.act("leave", id=row["id"])
    p.without_right.add(row["id"])
    return f"contact {row['legacy_id']}"


# ---- organizational units


def create_ou(p: People, pick: int) -> str:
    parent = choose(p.divisions(), pick)["id"] if pick % 3 else None
    number = p.fresh()
    row = p.c.act("create_ou", type_id=DIVISION, name=f"Unit {number}", external_id=f"D-N{number}", parent_id=parent)["row"]
    return f"OU {row['id']}"


def rename_ou(p: People, pick: int) -> str:
    row = choose(p.divisions(), pick)
    p.c.act("rename_ou", id=row["id"], name=f"Renamed  {p.fresh()} & co")
    return f"OU {row['id']}"


def move_ou(p: People, pick: int) -> str:
    rows = p.divisions()
    row, parent = choose(rows, pick), choose(rows, pick // 7)
    p.c.act("move_ou", id=row["id"], parent_id=parent["id"])
    return f"OU {row['id']} below {parent['id']}"


def deactivate_ou(p: People, pick: int) -> str:
    housed = {ou["id"] for user in p.c.rows("users") for ou in user["ous"]}
    parents = {row["parent_id"] for row in p.divisions()}
    row = choose([row for row in p.divisions() if row["id"] not in housed | parents], pick)
    p.c.act("deactivate_ou", id=row["id"])
    return f"OU {row['id']}"


def create_account(p: People, pick: int) -> str:
    paired = [row for row in p.a.rows("accounts") if "csod:sandbox:ou" in row["external_ids"]]
    row = p.a.act("create_account", name=f"Customer <{p.fresh()}>", parent_account_id=choose(paired, pick)["id"])["row"]
    return f"account {row['legacy_id']}"


def rename_account(p: People, pick: int) -> str:
    """On the side without the right."""
    row = choose([row for row in p.a.rows("accounts") if "csod:sandbox:ou" in row["external_ids"]], pick)
    p.a.act("edit_account", id=row["id"], name=f"Wrong name {p.fresh()}")
    return f"account {row['legacy_id']}"
