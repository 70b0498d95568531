"""What a reconciliation would write now, with what stands apart from it: parked records, refusals, open to-dos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from csod_pipelines.engine import to_dos
from csod_pipelines.engine.brakes import digest_of
from csod_pipelines.engine.compare import differences
from csod_pipelines.engine.context import Context, Step, words
from csod_pipelines.engine.names import describe, names_of
from csod_pipelines.engine.set_aside import everything_parked
from csod_pipelines.engine.tell import as_row
from csod_pipelines.model.keys import Flow, Kind, SystemName
from csod_pipelines.model.reasons import explain, remedy
from csod_pipelines.store import images, ledger, links, work
from csod_pipelines.store.ledger import OperationRow

TO_DO_REASONS = frozenset({to_dos.CHANGE, to_dos.CANCEL})
#: The vendor refused values; they are tried again when a value changes, and the refusal ends with them.
REFUSALS = frozenset({"refused_by_vendor", "some_fields_refused", "change_by_hand"})
#: Ends that are no end: the unit is worked on again by itself.
TRIED_AGAIN = frozenset({"not_found_after_unknown", "permission_missing", "answer_not_understood"})
MOST_PARKED = 10_000

#: The kinds whose plan shows what a flow would write, for the release of its brake.
KINDS_OF_FLOW: dict[Flow, tuple[Kind, ...]] = {
    Flow.PEOPLE: (Kind.PERSON, Kind.LOCATION, Kind.SUBJECT, Kind.PROVIDER),
    Flow.ORG_UNITS: (Kind.ORG_UNIT,),
    Flow.CATALOG: (Kind.COURSE, Kind.OFFERING),
    Flow.ENROLLMENT: (Kind.ENROLLMENT,),
    Flow.RESULT: (Kind.OUTCOME,),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BrakedPlan:
    """The writes of a flow that a brake would count: how many of each, and the name under which they are released."""

    digest: str
    counts: dict[str, int]


@dataclass(slots=True, kw_only=True)
class Plan:
    """``steps`` would be written. The other rows are in people's words and are no writes of this plan."""

    steps: list[Step] = field(default_factory=list)
    parked: list[dict[str, Any]] = field(default_factory=list)
    refused: list[dict[str, Any]] = field(default_factory=list)
    to_do: list[dict[str, Any]] = field(default_factory=list)
    unread: list[dict[str, Any]] = field(default_factory=list)

    def braked(self) -> dict[Flow, BrakedPlan]:
        found: dict[Flow, BrakedPlan] = {}
        for flow in KINDS_OF_FLOW:
            mine = [step for step in self.steps if step.flow is flow and step.brake]
            if (digest := digest_of(mine)) is not None:
                counts = Counter(f"{step.brake.split('|', 1)[0]} of {words(step.kind, step.target)}s" for step in mine)
                found[flow] = BrakedPlan(digest=digest, counts=dict(counts))
        return found

    def step_rows(self) -> list[dict[str, str]]:
        return [
            {
                "what": f"{step.action}: {words(step.kind, step.target)}",
                "administrate": step.administrate_id or "",
                "cornerstone": step.cornerstone_id or "",
                "fields": ", ".join(step.fields),
                "why": explain(step.reason) if step.reason else "",
            }
            for step in self.steps
        ]


def make_plan(ctx: Context, kinds: Sequence[Kind]) -> Plan:
    """Compare these kinds over everything. ``ctx`` must be dry; nothing is written to a vendor or to our records."""
    assert ctx.dry, "a plan is made in a dry context"
    plan = Plan()
    with ctx.database.read() as conn:
        parked = everything_parked(conn, MOST_PARKED)
        aside = {name for p in parked for name in names_of(conn, p.subject)}
        plan.parked = [row for p in parked if (row := _parked_row(conn, p, kinds)) is not None]
    for kind in kinds:
        for drift in differences(ctx, kind):
            if drift.subject not in aside:
                plan.steps += drift.steps
            if drift.unread:
                plan.unread.append({"subject": drift.subject, "reason": drift.unread})
    with ctx.database.read() as conn:
        for op in _standing(conn, kinds):
            (plan.to_do if op.reason in TO_DO_REASONS else plan.refused).append(as_row(op))
    return plan


def _parked_row(conn: Connection, parked: work.Parked, kinds: Sequence[Kind]) -> dict[str, Any] | None:
    about = describe(conn, parked.subject)
    if about.kind not in kinds and not (about.roster and {Kind.ENROLLMENT, Kind.OUTCOME} & set(kinds)):
        return None
    return {
        "since": parked.since.isoformat(timespec="seconds"),
        "what": about.words,
        "administrate": about.ids.get(SystemName.ADMINISTRATE, ""),
        "cornerstone": about.ids.get(SystemName.CORNERSTONE, ""),
        "reason": explain(parked.reason, parked.params),
        "what_to_do": remedy(parked.reason),
        "flow": parked.flow,
        "subject": parked.subject,
    }


def _standing(conn: Connection, kinds: Sequence[Kind]) -> Iterable[OperationRow]:
    for op in ledger.standing(conn, [kind.value for kind in kinds]):
        if op.reason not in TRIED_AGAIN and _stands(conn, op):
            yield op


def _stands(conn: Connection, op: OperationRow) -> bool:
    """What was refused stands until the values change or a later look finds both sides in step."""
    link = _link_of(conn, op)
    if link is None or op.reason not in REFUSALS:
        return True
    if link.facts.get("refused"):
        return True
    return any(image.refused for image in images.load(conn, link.id).values()) or Kind(op.kind) is Kind.OUTCOME


def _link_of(conn: Connection, op: OperationRow) -> links.Link | None:
    kind = Kind.ENROLLMENT if op.kind == Kind.OUTCOME else Kind(op.kind)
    for system, id in ((SystemName.ADMINISTRATE, op.administrate_id), (SystemName.CORNERSTONE, op.cornerstone_id)):
        if id and (link := links.by_record(conn, kind, system, id)) is not None:
            return link
    return None
