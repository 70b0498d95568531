"""What the brakes and the breaker count, straight from the ledger: writes that were sent, or may have been."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

#: Nothing was written by an operation that ended so.
_NO_EFFECT = "('failure', 'not_sent', 'would_apply')"
#: Beyond this many the exact number decides nothing any more.
UNITS_CAP = 20_000

_UNITS = text(f"""
    SELECT DISTINCT o.brake_unit FROM operation o
    LEFT JOIN LATERAL (
        SELECT outcome FROM operation_outcome WHERE operation_id = o.id ORDER BY number DESC LIMIT 1) last ON true
    WHERE o.brake = :brake AND o.kind = :kind AND o.at > app_now() - make_interval(secs => :seconds)
      AND coalesce(last.outcome, '') NOT IN {_NO_EFFECT}
    LIMIT :cap""")


def units_within(conn: Connection, *, brake: str, kind: str, seconds: float) -> set[str]:
    """The units that a brake counted in the last ``seconds``."""
    return set(conn.execute(_UNITS, {"brake": brake, "kind": str(kind), "seconds": seconds, "cap": UNITS_CAP}).scalars())


@dataclass(frozen=True, slots=True)
class Target:
    """One record about to be written, under the ids it is known by."""

    kind: str
    system: str
    administrate_id: str | None
    cornerstone_id: str | None


@dataclass(frozen=True, slots=True)
class EarlierWrite:
    action: str
    intent: bytes | None
    at: datetime


# By the indexes of the two ids alone: joined to anything larger, fifty records took more than a second after an import.
_WRITTEN = """
    SELECT id, at, action FROM operation
    WHERE {side}_id = g.{side}_id AND kind = g.kind AND system = g.system AND action = ANY(CAST(:actions AS text[]))
      AND at > app_now() - make_interval(secs => :seconds) AND at > coalesce(CAST(:since AS timestamptz), '-infinity')"""
_EARLIER = text(f"""
    SELECT g.place, o.action, i.intent, o.at
    FROM unnest(CAST(:kinds AS text[]), CAST(:systems AS text[]), CAST(:a_ids AS text[]), CAST(:c_ids AS text[]))
        WITH ORDINALITY AS g (kind, system, administrate_id, cornerstone_id, place)
    CROSS JOIN LATERAL ({_WRITTEN.format(side="administrate")} UNION {_WRITTEN.format(side="cornerstone")}) AS o
    LEFT JOIN LATERAL (SELECT intent FROM operation_intent WHERE operation_id = o.id LIMIT 1) i ON true
    LEFT JOIN LATERAL (
        SELECT outcome FROM operation_outcome WHERE operation_id = o.id ORDER BY number DESC LIMIT 1) last ON true
    WHERE coalesce(last.outcome, '') NOT IN {_NO_EFFECT}""")


def earlier_writes(
    conn: Connection, targets: Sequence[Target], *, actions: Sequence[str], seconds: float, since: datetime | None = None
) -> dict[int, list[EarlierWrite]]:
    """For each target, by its place in the sequence, what was written to that record on that side in the last ``seconds``."""
    parameters = {
        "kinds": [target.kind for target in targets],
        "systems": [target.system for target in targets],
        "a_ids": [target.administrate_id for target in targets],
        "c_ids": [target.cornerstone_id for target in targets],
        "actions": list(actions),
        "seconds": seconds,
        "since": since,
    }
    found: dict[int, list[EarlierWrite]] = defaultdict(list)
    for place, action, intent, at in conn.execute(_EARLIER, parameters):
        found[place - 1].append(EarlierWrite(action, intent, at))
    return found
