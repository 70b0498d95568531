"""What has to be looked at: one row a dirty record, leased to one worker at a time.

A mark raises the row's version; a worker that is done clears the row only if the version is still the one it began with,
so a change that arrives meanwhile is never lost and never handled twice at once. A lease that runs out makes its row ready
again; the fence of the claim keeps the worker that lost it from recording anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, text

from csod_pipelines.store.sides import from_bits, to_bits
from csod_pipelines.store.work_rename import rename
from csod_pipelines.store.work_types import Claim, Fenced, Mark, Member, NameHeld, Parked, Waiting
from csod_pipelines.store.work_views import at_limits, parked, parked_among, peek, waiting

__all__ = [
    "Claim", "Fenced", "Mark", "Member", "NameHeld", "Parked", "Waiting", "at_limits", "claim", "claim_subject", "claim_units", "finish",
    "finish_many", "hasten", "mark", "park", "parked", "parked_among", "peek", "postpone", "rename", "renew", "unpark", "unpark_all",
    "wait_for", "waiting", "wake",
]  # fmt: skip

LEASE_SECONDS = 30.0
WAIT_FALLBACK_SECONDS = 300.0

_MARK = text("SELECT mark_work(CAST(:marks AS jsonb))")


def mark(conn: Connection, marks: Sequence[Mark]) -> int:
    """Flag the units behind these records; returns how many units that were. A record key that has a live or pending link
    stands for the link. A parked unit stays parked, a leased one is looked at again afterwards, any other becomes ready."""
    if not marks:
        return 0
    rows = [
        {
            "subject": m.subject,
            "flow": m.flow,
            "sides": to_bits(m.side),
            "event": m.event_number,
            "member": m.member,
            "delay": m.delay_seconds,
        }
        for m in marks
    ]
    return conn.execute(_MARK, {"marks": orjson.dumps(rows).decode()}).scalar_one()


_CLAIM = text("SELECT * FROM claim_work(CAST(:flows AS text[]), :owner, :limit, :seconds)")
_MEMBERS = text("SELECT unit, member, up_to_event, sides FROM work_member WHERE unit = ANY(CAST(:units AS text[])) ORDER BY unit, member")


def claim(conn: Connection, *, flows: Sequence[str], owner: str, limit: int = 1, lease_seconds: float = LEASE_SECONDS) -> list[Claim]:
    """Lease up to ``limit`` ready units, the longest ready first. ``owner`` must name this worker and no other."""
    rows = conn.execute(_CLAIM, {"flows": list(flows), "owner": owner, "limit": limit, "seconds": lease_seconds}).all()
    # the update returns them in no order; the longest known first, so that a run with the same events takes the same course
    return _with_members(conn, sorted((_to_claim(row, owner=owner) for row in rows), key=lambda c: (c.first_seen, c.subject)))


def _claim_sql(which: str) -> str:
    return f"""
    WITH due AS (
        SELECT subject, owner IS NOT NULL AS taken_over FROM work
        WHERE {which} AND parked_reason IS NULL AND (owner IS NULL OR lease_until <= app_now())
        FOR UPDATE SKIP LOCKED
    )
    UPDATE work w SET
        owner = :owner, fence = nextval('work_fence'),
        lease_until = app_now() + make_interval(secs => :seconds), ready_at = app_now() + make_interval(secs => :seconds),
        sides = w.sides | w.late_sides, late_sides = 0, late_first_seen = NULL, waits_for = NULL, reason = NULL,
        attempts = w.attempts + due.taken_over::int
    FROM due WHERE w.subject = due.subject
    RETURNING w.subject, w.flow, w.version, w.fence, w.sides, w.up_to_event, w.first_seen, w.attempts, due.taken_over"""


_CLAIM_SUBJECT = text(_claim_sql("subject = work_unit(:subject)"))
_CLAIM_UNITS = text(_claim_sql("subject = ANY(CAST(:units AS text[]))"))


def claim_subject(conn: Connection, subject: str, *, owner: str, lease_seconds: float = LEASE_SECONDS) -> Claim | None:
    """Lease this unit although it may not be its turn. None when another worker holds it, it is parked, or it is not marked."""
    row = conn.execute(_CLAIM_SUBJECT, {"subject": subject, "owner": owner, "seconds": lease_seconds}).one_or_none()
    return _with_members(conn, [_to_claim(row, owner=owner)])[0] if row else None


def claim_units(conn: Connection, units: Sequence[str], *, owner: str, lease_seconds: float = LEASE_SECONDS) -> list[Claim]:
    """``claim_subject`` for many, by the names of their rows (``link:7``)."""
    rows = conn.execute(_CLAIM_UNITS, {"units": sorted(units), "owner": owner, "seconds": lease_seconds})
    return _with_members(conn, [_to_claim(row, owner=owner) for row in rows])


_RENEW = text("""
    UPDATE work SET lease_until = app_now() + make_interval(secs => :seconds), ready_at = app_now() + make_interval(secs => :seconds)
    WHERE owner = :owner AND subject = ANY(CAST(:subjects AS text[])) RETURNING subject""")


def renew(conn: Connection, *, owner: str, subjects: Sequence[str], lease_seconds: float = LEASE_SECONDS) -> set[str]:
    """Extend leases; returns the subjects still held. One that ran out and was not taken by anybody is still held."""
    return set(conn.execute(_RENEW, {"owner": owner, "subjects": sorted(subjects), "seconds": lease_seconds}).scalars())


_LOCK_OWN = text("SELECT subject, version, fence FROM work WHERE subject = ANY(CAST(:subjects AS text[])) ORDER BY subject FOR UPDATE")
_DELETE = text("DELETE FROM work WHERE subject = ANY(CAST(:subjects AS text[]))")
_RELEASE = text("""
    UPDATE work SET owner = NULL, lease_until = NULL, ready_at = app_now(), attempts = 0,
        sides = CASE WHEN late_sides > 0 THEN late_sides ELSE sides END, late_sides = 0,
        first_seen = coalesce(late_first_seen, first_seen), late_first_seen = NULL
    WHERE subject = ANY(CAST(:subjects AS text[]))""")
_DELETE_MEMBERS = text("""
    DELETE FROM work_member m USING unnest(CAST(:subjects AS text[]), CAST(:versions AS bigint[])) AS done (subject, version)
    WHERE m.unit = done.subject AND m.version <= done.version""")


def finish(conn: Connection, claim: Claim, *, wake_others: bool = True) -> bool:
    """The unit was looked at. True: nothing new came meanwhile and the row is gone. False: it is ready once more, with the
    members that were marked meanwhile. Wakes what waited for it. Raises Fenced."""
    return finish_many(conn, [claim], wake_others=wake_others)[claim.subject]


def finish_many(conn: Connection, claims: Sequence[Claim], *, wake_others: bool = True) -> dict[str, bool]:
    """``finish`` for a batch, in as many statements as for one. Raises Fenced, and does nothing, when any lease was lost."""
    if not claims:
        return {}
    held = {r.subject: r for r in conn.execute(_LOCK_OWN, {"subjects": [c.subject for c in claims]})}
    if lost := [c.subject for c in claims if c.subject not in held or held[c.subject].fence != c.fence]:
        raise Fenced(f"the lease of {', '.join(lost)} was taken over or ended; what was done is looked at again by its new holder")
    done = {c.subject: held[c.subject].version == c.version for c in claims}
    conn.execute(_DELETE_MEMBERS, {"subjects": [c.subject for c in claims], "versions": [c.version for c in claims]})
    if gone := [s for s, clean in done.items() if clean]:
        conn.execute(_DELETE, {"subjects": gone})
    if again := [s for s, clean in done.items() if not clean]:
        conn.execute(_RELEASE, {"subjects": again})
    if wake_others:
        wake(conn, list(done))
    return done


_POSTPONE = text("""
    UPDATE work SET owner = NULL, lease_until = NULL, waits_for = CAST(:waits_for AS text[]), reason = :reason,
        ready_at = CASE WHEN version > :version AND late_sides > 0 AND NOT :regardless THEN app_now()
            ELSE coalesce(CAST(:until AS timestamptz), app_now() + make_interval(secs => :seconds)) END,
        attempts = attempts + :attempt, sides = sides | late_sides, late_sides = 0, late_first_seen = NULL
    WHERE subject = :subject AND fence = :fence AND owner = :owner""")


def postpone(
    conn: Connection,
    claim: Claim,
    *,
    seconds: float | None = None,
    until: datetime | None = None,
    reason: str,
    count_attempt: bool = True,
) -> None:
    """Give the lease back; not before ``until``, or not for ``seconds``. ``until`` is compared with ``app_now()``. Raises Fenced.

    A mark that came during the lease does not shorten the pause: it is there because a limit or a failing vendor asks for it."""
    if (seconds is None) == (until is None):
        raise ValueError("postpone needs either seconds or until")
    _give_back(conn, claim, seconds=seconds or 0, until=until, reason=reason, attempt=count_attempt, waits_for=None)


def wait_for(
    conn: Connection,
    claim: Claim,
    prerequisites: Sequence[str],
    *,
    fallback_seconds: float = WAIT_FALLBACK_SECONDS,
    reason: str = "waits_for",
    count_attempt: bool = False,
) -> None:
    """Give the lease back until one of ``prerequisites`` was finished or settled, at the latest after ``fallback_seconds``.

    Mark the prerequisites in the same transaction: then one that another worker finishes at this very moment is looked at once
    more, and its end wakes this unit. Raises Fenced."""
    if not prerequisites:
        raise ValueError(f"{claim.subject} waits for nothing; use postpone")
    waited_for = sorted(set(prerequisites))
    _give_back(conn, claim, seconds=fallback_seconds, until=None, reason=reason, attempt=count_attempt, waits_for=waited_for)


def _give_back(
    conn: Connection, claim: Claim, *, seconds: float, until: datetime | None, reason: str, attempt: bool, waits_for: list[str] | None
) -> None:
    parameters = {
        "subject": claim.subject,
        "fence": claim.fence,
        "owner": claim.owner,
        "version": claim.version,
        "seconds": seconds,
        "until": until,
        "reason": reason,
        "attempt": int(attempt),
        "waits_for": waits_for,
        "regardless": waits_for is None,
    }
    _held(conn.execute(_POSTPONE, parameters).rowcount, claim)


_WAKE = text("SELECT wake_work(CAST(:subjects AS text[]))")


def wake(conn: Connection, subjects: Sequence[str]) -> int:
    """Make ready what waits for any of these, under whichever name (link or record key) it was told to wait."""
    return conn.execute(_WAKE, {"subjects": list(subjects)}).scalar_one() if subjects else 0


_PARK = text("""
    UPDATE work SET owner = NULL, lease_until = NULL, waits_for = NULL, reason = NULL, ready_at = app_now(),
        parked_at = app_now(), parked_reason = :reason, parked_params = CAST(:params AS jsonb),
        sides = sides | late_sides, late_sides = 0, late_first_seen = NULL
    WHERE subject = :subject AND fence = :fence AND owner = :owner""")


def park(conn: Connection, claim: Claim, *, reason: str, params: Mapping[str, Any]) -> None:
    """Set the unit aside until a person decides. Marks go on counting. Raises Fenced."""
    parameters = {"subject": claim.subject, "fence": claim.fence, "owner": claim.owner, "reason": reason}
    _held(conn.execute(_PARK, parameters | {"params": orjson.dumps(dict(params)).decode()}).rowcount, claim)


_UNPARK = text("""
    UPDATE work SET parked_at = NULL, parked_reason = NULL, parked_params = NULL, ready_at = app_now(), attempts = 0
    WHERE subject IN (:subject, work_unit(:subject)) AND parked_reason IS NOT NULL""")


def unpark(conn: Connection, subject: str) -> bool:
    """Make a parked unit ready. False when it was not parked."""
    return conn.execute(_UNPARK, {"subject": subject}).rowcount > 0


_UNPARK_ALL = text("""
    UPDATE work SET parked_at = NULL, parked_reason = NULL, parked_params = NULL, ready_at = app_now(), attempts = 0
    WHERE starts_with(subject, :prefix) AND parked_reason = ANY(CAST(:reasons AS text[]))""")


def unpark_all(conn: Connection, *, prefix: str, reasons: Sequence[str]) -> int:
    """Make ready what was set aside for one of these reasons under a name that begins so; returns how many units that were."""
    return conn.execute(_UNPARK_ALL, {"prefix": prefix, "reasons": list(reasons)}).rowcount


_HASTEN = text("""
    UPDATE work SET ready_at = app_now(), reason = NULL
    WHERE reason = :reason AND owner IS NULL AND parked_reason IS NULL AND ready_at > app_now()
      AND (CAST(:flow AS text) IS NULL OR flow = :flow)""")


def hasten(conn: Connection, *, reason: str, flow: str | None = None) -> int:
    """What waits for this reason is ready now: it ended sooner than was thought."""
    return conn.execute(_HASTEN, {"reason": reason, "flow": flow}).rowcount


def _held(rows: int, claim: Claim) -> None:
    if rows != 1:
        raise Fenced(f"the lease of {claim.subject} was taken over or ended")


def _to_claim(row: Any, *, owner: str) -> Claim:
    fields = row._asdict()
    return Claim(**fields | {"owner": owner, "sides": from_bits(row.sides)})


def _with_members(conn: Connection, claims: list[Claim]) -> list[Claim]:
    if not claims:
        return claims
    members: dict[str, list[Member]] = {}
    for unit, member, up_to_event, sides in conn.execute(_MEMBERS, {"units": [c.subject for c in claims]}):
        members.setdefault(unit, []).append(Member(member, up_to_event, from_bits(sides)))
    return [replace(c, members=tuple(members[c.subject])) if c.subject in members else c for c in claims]
