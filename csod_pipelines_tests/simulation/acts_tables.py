"""What administrators of Cornerstone do with the tables behind the catalogue: locations, subjects, vendors."""

from __future__ import annotations

from csod_pipelines_tests.simulation.people import People, choose

LOCATION = 32
ZONES = ("(UTC+01:00) Brussels, Copenhagen, Madrid, Paris", "(UTC-05:00) Eastern Time (US & Canada)", "(UTC+09:00) Osaka, Sapporo, Tokyo")


def create_location(p: People, pick: int) -> str:
    number = p.fresh()
    row = p.c.act("create_ou", type_id=LOCATION, name=f"Site {number}", external_id=f"LOC-N{number}", time_zone=ZONES[pick % len(ZONES)])
    return f"location {row['row']['id']}"


def rename_location(p: People, pick: int) -> str:
    row = choose([row for row in p.c.rows("ous") if row["type_id"] == LOCATION and row["active"]], pick)
    p.c.act("rename_ou", id=row["id"], name=f"Moved house  {p.fresh()}")
    return f"location {row['id']}"


def create_subject(p: People, pick: int) -> str:
    parent = choose(p.c.rows("subjects"), pick)["id"] if pick % 3 else None
    row = p.c.act("create_subject", title=f"Subject {p.fresh()}", parent_id=parent)["row"]
    return f"subject {row['id']}"


def rename_subject(p: People, pick: int) -> str:
    row = choose(p.c.rows("subjects"), pick)
    p.c.act("edit_subject", id=row["id"], title=f"Subject renamed {p.fresh()}")
    return f"subject {row['id']}"


def create_provider(p: People, pick: int) -> str:
    row = p.c.act("create_provider", name=f"Vendor {p.fresh()} & Co")["row"]
    return f"vendor {row['id']}"


def rename_provider(p: People, pick: int) -> str:
    """Not the one that every course of the world names."""
    row = choose([row for row in p.c.rows("providers") if row["active"] and row["name"] != "Internal academy"], pick)
    p.c.act("edit_provider", id=row["id"], name=f"Vendor renamed {p.fresh()}")
    return f"vendor {row['id']}"
