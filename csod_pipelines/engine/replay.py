"""Records set aside for a person: the list of them, and trying one again once its cause is mended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from csod_pipelines.engine import set_aside
from csod_pipelines.engine.breaker import replayed_name
from csod_pipelines.engine.context import Context
from csod_pipelines.engine.names import describe, names_of
from csod_pipelines.engine.operate import By, OperatorError
from csod_pipelines.model.keys import Flow, Kind, SystemName, roster_subject
from csod_pipelines.model.reasons import explain, remedy
from csod_pipelines.store import controls, work

MOST = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    subject: str
    words: str
    reason: str


def parked_rows(ctx: Context, *, limit: int = 500) -> list[dict[str, Any]]:
    """The longest parked first, in the vendors' words."""
    with ctx.database.read() as conn:
        return [_row(conn, parked) for parked in set_aside.everything_parked(conn, limit)]


def _row(conn: Connection, parked: work.Parked) -> dict[str, Any]:
    about = describe(conn, parked.subject)
    return {
        "since": parked.since.isoformat(timespec="seconds"),
        "what": about.words,
        "reason": explain(parked.reason, parked.params),
        "what_to_do": remedy(parked.reason),
        "flow": parked.flow,
        "subject": parked.subject,
        "kind": about.kind.value,
        "administrate": about.ids.get(SystemName.ADMINISTRATE, ""),
        "cornerstone": about.ids.get(SystemName.CORNERSTONE, ""),
        "code": parked.reason,
        "params": dict(parked.params),
    }


def replay(ctx: Context, id: str, *, kind: Kind | None, by: By) -> list[Replayed]:
    """Try again what this id, pasted link or name of a unit means. Raises OperatorError when nothing of it is parked."""
    with ctx.database.begin() as conn:
        meant = [parked for parked in set_aside.everything_parked(conn, MOST) if _means(conn, id, kind, parked.subject)]
        if not meant:
            what = f"{kind.value.replace('_', ' ')} {id}" if kind else id
            raise OperatorError(f"nothing that is parked is meant by {what}; `csod-pipelines parked` lists what there is")
        kinds = {describe(conn, parked.subject).kind for parked in meant}
        if len(kinds) > 1:
            raise OperatorError(
                f"{id} may be {' or '.join(sorted(kinds))}; say which before the id, such as: replay {sorted(kinds)[0]} {id}"
            )
        return [_try_again(ctx, conn, parked, by) for parked in meant]


def replay_all(ctx: Context, by: By) -> list[Replayed]:
    with ctx.database.begin() as conn:
        return [_try_again(ctx, conn, parked, by) for parked in set_aside.everything_parked(conn, MOST)]


def _means(conn: Connection, id: str, kind: Kind | None, subject: str) -> bool:
    if id == subject or id in names_of(conn, subject):
        return True
    about = describe(conn, subject)
    if kind is not None and about.kind is not kind and not (about.roster and kind in (Kind.ENROLLMENT, Kind.OUTCOME)):
        return False
    return about.meant_by(id)


def _try_again(ctx: Context, conn: Connection, parked: work.Parked, by: By) -> Replayed:
    """Written down, so that the breaker counts from here on anew."""
    controls.set_control(conn, replayed_name(parked.subject), {"reason": parked.reason}, by.who, by.why)
    if not work.unpark(conn, parked.subject) and parked.subject.startswith("link:"):
        event = set_aside.take_back(conn, int(parked.subject.removeprefix("link:")), at=ctx.clock.utcnow())
        if event:
            work.mark(conn, [work.Mark(subject=roster_subject(event), flow=Flow.ENROLLMENT)])
    return Replayed(subject=parked.subject, words=describe(conn, parked.subject).words, reason=explain(parked.reason, parked.params))
