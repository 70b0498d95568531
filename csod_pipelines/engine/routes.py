"""From a hint about a learner, a transcript row or a session to the unit that must be worked: a roster or an offering."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from csod_pipelines.engine.context import Context, End
from csod_pipelines.model.keys import Flow, Kind, RecordKey, SystemName, roster_subject
from csod_pipelines.model.outcomes import Disposition
from csod_pipelines.model.readings import Present
from csod_pipelines.model.records import Enrollment
from csod_pipelines.store import links
from csod_pipelines.store.work import Claim, Mark

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
PART_PREFIX = f"part:{A}:"
ENROLLMENT_PREFIX = f"{Kind.ENROLLMENT}:"
ROSTER_PREFIX = f"roster:{A}:"


def is_routed(subject: str) -> bool:
    return subject.startswith((PART_PREFIX, ENROLLMENT_PREFIX))


def route(ctx: Context, claims: Sequence[Claim]) -> dict[str, Mark | End]:
    """For each claimed subject the mark that replaces it, or its end. Learners of one batch cost one read."""
    routed: dict[str, Mark | End] = {}
    learners = [c for c in claims if c.subject.startswith(f"{ENROLLMENT_PREFIX}{A}:")]
    if learners:
        routed |= _learners(ctx, learners)
    for claim in claims:
        if claim.subject.startswith(PART_PREFIX):
            routed[claim.subject] = _session(ctx, claim)
        elif claim.subject.startswith(f"{ENROLLMENT_PREFIX}{C}:"):
            routed[claim.subject] = _transcript_row(ctx, claim)
    return routed


def _roster_mark(event_id: str, claim: Claim, side: SystemName) -> Mark:
    return Mark(subject=roster_subject(event_id), flow=claim.flow, side=side.value, event_number=claim.up_to_event, member=claim.subject)


def _learners(ctx: Context, claims: Sequence[Claim]) -> dict[str, Mark | End]:
    ids = [RecordKey.parse(c.subject).id for c in claims]
    readings = ctx.systems[A].read_many(Kind.ENROLLMENT, ids)
    ctx.totals.read += len(ids)
    with ctx.database.read() as conn:
        known = links.by_records(conn, Kind.ENROLLMENT, A, ids)
    routed: dict[str, Mark | End] = {}
    for claim, id in zip(claims, ids, strict=True):
        reading = readings.get(id)
        event = None
        if isinstance(reading, Present) and isinstance(reading.record.value, Enrollment):
            event = reading.record.value.offering_id
        elif id in known:
            event = known[id].facts.get("event")
        if event is None:
            routed[claim.subject] = End(
                disposition=Disposition.IGNORED, reason="record_gone", params={"evidence": "the learner is not there"}
            )
        else:
            routed[claim.subject] = _roster_mark(event, claim, A)
    return routed


def _session(ctx: Context, claim: Claim) -> Mark | End:
    event = ctx.systems[A].offering_of(claim.subject.removeprefix(PART_PREFIX))
    if event is None:
        return End(disposition=Disposition.IGNORED, reason="record_gone", params={"evidence": "the session is not there"})
    return Mark(
        subject=str(RecordKey(Kind.OFFERING, A, event)),
        flow=Flow.CATALOG,
        side=A.value,
        event_number=claim.up_to_event,
        member=claim.subject,
    )


def _transcript_row(ctx: Context, claim: Claim) -> Mark | End:
    event = event_of_row(ctx, claim.subject)
    if event is None:
        return End(disposition=Disposition.IGNORED, reason="offering_not_managed")
    return _roster_mark(event, claim, C)


def event_of_row(ctx: Context, subject: str) -> str | None:
    """The Administrate event of a transcript row ``enrollment:cornerstone:{user}:{learning object}:{number}``."""
    pieces = RecordKey.parse(subject).id.split(":")
    if len(pieces) < 2:
        return None
    with ctx.database.read() as conn:
        return event_of_session(conn, pieces[1])


def event_of_session(conn: Connection, session_id: str) -> str | None:
    link = links.by_record(conn, Kind.OFFERING, C, session_id)
    return link.administrate_id if link is not None else None
