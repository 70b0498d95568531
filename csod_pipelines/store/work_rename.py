"""A unit of work gets its lasting name: what was a record of one system becomes a link of both."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, text

from csod_pipelines.store.work_types import Claim, Fenced, NameHeld

_DELETE = text("DELETE FROM work WHERE subject = ANY(CAST(:subjects AS text[]))")
_RELATED = text("""
    SELECT subject, version, fence, lease_until > app_now() AS leased, sides | late_sides AS sides, up_to_event, first_seen
    FROM work WHERE subject = :own OR subject = ANY(ARRAY(SELECT subject_names(ARRAY[:new]))) ORDER BY subject FOR UPDATE""")
_RENAME = text("""
    UPDATE work SET subject = :new, version = version + :versions, late_sides = late_sides | CAST(:sides AS smallint),
        late_first_seen = least(late_first_seen, CAST(:first_seen AS timestamptz)),
        up_to_event = greatest(up_to_event, :up_to_event)
    WHERE subject = :own""")
_LATE_MEMBERS = text("UPDATE work_member SET version = :late WHERE unit = :new")
_MOVE_MEMBERS = text("""
    INSERT INTO work_member AS wm (unit, member, version, up_to_event, sides)
    SELECT :new, member, max(CASE WHEN unit = :own THEN version ELSE :late END), max(up_to_event), bit_or(sides)::smallint
    FROM work_member WHERE unit = ANY(CAST(:units AS text[])) AND unit <> :new GROUP BY member
    ON CONFLICT (unit, member) DO UPDATE SET version = :late, up_to_event = greatest(wm.up_to_event, excluded.up_to_event),
        sides = wm.sides | excluded.sides""")
_DROP_MOVED = text("DELETE FROM work_member WHERE unit = ANY(CAST(:units AS text[])) AND unit <> :new")


def rename(conn: Connection, claim: Claim, new_subject: str) -> Claim:
    """The unit has a new name, usually its link. Rows under the new name, and under the link's record keys, are merged into it.

    What those rows were marked for counts as arrived during the lease: the claim covers what it covered, and ``finish`` lets the
    unit be looked at once more. Raises Fenced when the lease was lost, NameHeld when another claim (be it this worker's) has the name."""
    rows = {r.subject: r for r in conn.execute(_RELATED, {"own": claim.subject, "new": new_subject})}
    own = rows.pop(claim.subject, None)
    if own is None or own.fence != claim.fence:
        raise Fenced(f"the lease of {claim.subject} was taken over or ended")
    if new_subject == claim.subject:
        return claim
    if new_subject in rows and rows[new_subject].leased:
        raise NameHeld(f"{new_subject}, which {claim.subject} has become, is being worked on; postpone until its lease is over")
    # a record key that somebody holds stays: its holder finds the link and renames it
    absorbed = [r for r in rows.values() if not r.leased]
    conn.execute(_DELETE, {"subjects": [r.subject for r in absorbed]})
    versions = sum(r.version for r in absorbed)
    sides = 0
    for r in absorbed:
        sides |= r.sides
    parameters = {
        "own": claim.subject,
        "new": new_subject,
        "versions": versions,
        "sides": sides,
        "first_seen": min((r.first_seen for r in absorbed), default=None),
        "up_to_event": max((r.up_to_event for r in absorbed), default=0),
    }
    conn.execute(_RENAME, parameters)
    units = [claim.subject, *(r.subject for r in absorbed)]
    conn.execute(_LATE_MEMBERS, {"new": new_subject, "late": own.version + versions})
    conn.execute(_MOVE_MEMBERS, {"own": claim.subject, "new": new_subject, "units": units, "late": own.version + versions})
    conn.execute(_DROP_MOVED, {"units": units, "new": new_subject})
    return replace(claim, subject=new_subject)
