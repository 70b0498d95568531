"""What people ask: what is waiting, what was done, what became of one record. Reads only."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from csod_pipelines.engine import set_aside
from csod_pipelines.engine.context import Context, Later, Parked, WaitsFor, WouldApply
from csod_pipelines.engine.modes import Modes
from csod_pipelines.engine.pair import handle_pair
from csod_pipelines.engine.roster import handle_roster
from csod_pipelines.engine.routes import ROSTER_PREFIX, is_routed
from csod_pipelines.engine.sentences import AT_A_LIMIT, sentence, waiting_at_limits
from csod_pipelines.engine.totals import Totals
from csod_pipelines.model.keys import VENDOR_WORDS, Flow, Kind, SystemName
from csod_pipelines.model.reasons import explain, remedy
from csod_pipelines.store import controls, inbox, leases, ledger, links, work
from csod_pipelines.store.database import Database
from csod_pipelines.store.ledger import OperationRow
from csod_pipelines.store.links import Link

#: How far back deliveries and operations are counted: the ledger is kept for ever, and ``status`` is asked for in a hurry.
COUNTED_DAYS = 7

REAL_TIME_FLOWS = (Flow.PEOPLE, Flow.CATALOG, Flow.ENROLLMENT, Flow.RESULT)

#: Administrate's global ids are base64 of a type prefix and the number people see.
_PREFIXES = {
    Kind.ORG_UNIT: "Organisation",
    Kind.PERSON: "Person",
    Kind.LOCATION: "Location",
    Kind.SUBJECT: "LearningCategory",
    Kind.COURSE: "CourseTemplate",
    Kind.OFFERING: "Course",
    Kind.ENROLLMENT: "Learner",
}


@dataclass(slots=True, kw_only=True)
class Story:
    """One record's story: plain sentences, and the operations behind them."""

    lines: list[str] = field(default_factory=list)
    rows: list[dict[str, Any]] = field(default_factory=list)


def as_row(op: OperationRow) -> dict[str, Any]:
    """One operation in the vendors' words, without personal data."""
    what = VENDOR_WORDS[Kind(op.kind)][SystemName(op.system)]
    return {
        "when": op.at.isoformat(timespec="seconds"),
        "what": f"{op.action}: {op.system.capitalize()} {what}",
        "administrate": f"{op.administrate_type} {op.administrate_id}" if op.administrate_id else "",
        "administrate_url": op.administrate_url or "",
        "cornerstone": f"{op.cornerstone_type} {op.cornerstone_id}" if op.cornerstone_id else "",
        "cornerstone_url": op.cornerstone_url or "",
        "outcome": op.outcome or "open",
        "reason": sentence(op),
        "what_to_do": remedy(op.reason or ""),
        "request": f"{op.method} {op.url}" if op.url else "",
        "answer": str(op.http_status or ""),
        "run": op.run_id,
        "operation": str(op.id),
    }


def operation_rows(database: Database, *, run_id: str | None, limit: int) -> list[dict[str, Any]]:
    with database.read() as conn:
        return [as_row(op) for op in ledger.operations(conn, run_id=run_id, limit=limit)]


def status(database: Database, modes: Modes) -> dict[str, Any]:
    """The settings in force; per flow its mode, what stops it, who drains it, what waits; what is parked; how everything else of
    the last ``counted_days`` ended."""
    with database.read() as conn:
        flows = {}
        for flow in REAL_TIME_FLOWS:
            waiting = work.waiting(conn, [flow])
            flows[flow.value] = {
                "mode": modes.mode(flow).value,
                "paused": modes.paused(flow),
                "held_by_brake": modes.held(flow),
                "drained_by": leases.holder(conn, f"drain:{flow}"),
                "ready": waiting.ready,
                "oldest": waiting.oldest.isoformat() if waiting.oldest else None,
                "in_work": waiting.leased,
                "next_at": waiting.next_ready_at.isoformat() if waiting.next_ready_at else None,
                "parked": waiting.parked,
                "limits": waiting_at_limits(work.at_limits(conn, flow, AT_A_LIMIT)),
            }
        return {
            "configuration": _configuration(conn),
            "flows": flows,
            "parked": parked_rows(database, limit=50),
            "counted_days": COUNTED_DAYS,
            "deliveries": inbox.dispositions(conn, days=COUNTED_DAYS),
            "operations": ledger.counts(conn, days=COUNTED_DAYS),
            "links": links.count_by_kind(conn),
        }


def forgotten_deliveries(database: Database) -> int:
    """Of the days that ``status`` counts."""
    with database.read() as conn:
        return inbox.forgotten(conn, days=COUNTED_DAYS)


def _configuration(conn: Connection) -> dict[str, str]:
    """Which settings are in force, by the beginning of their digest, since when, and what was changed then."""
    known = controls.get_control(conn, controls.CONFIGURATION)
    if known is None:
        return {}
    return {"digest": known.value["digest"][:12], "since": known.at.isoformat(timespec="seconds"), "change": known.why}


def parked_rows(database: Database, *, limit: int) -> list[dict[str, Any]]:
    with database.read() as conn:
        return [
            {
                "subject": p.subject,
                "flow": p.flow,
                "since": p.since.isoformat(),
                "reason": explain(p.reason, p.params),
                "do": remedy(p.reason),
            }
            for p in set_aside.everything_parked(conn, limit)
        ]


def kind_of(word: str) -> Kind:
    """From a model word or either vendor's word. ``event`` and ``session`` mean the Administrate event, as people use them there."""
    plain = word.strip().lower().replace("-", " ").replace("_", " ")
    special = {"user": Kind.PERSON, "event": Kind.OFFERING, "session": Kind.OFFERING, "ou": Kind.ORG_UNIT, "learner": Kind.ENROLLMENT}
    if plain in special:
        return special[plain]
    for kind in Kind:
        names = {kind.value.replace("_", " "), *(name.lower() for name in VENDOR_WORDS[kind].values())}
        if plain in names:
            return kind
    known = sorted({name for kind in Kind for name in (kind.value, *VENDOR_WORDS[kind].values())})
    raise ValueError(f"{word!r} is no kind of record; expected one of: {', '.join(known)}")


def possible_ids(kind: Kind, id: str) -> list[str]:
    """An id as given, the last piece of a pasted link, and a human number as Administrate's global id."""
    tail = re.split(r"[/=]", id.rstrip("/"))[-1] if "://" in id else id
    ids = [id, tail]
    number = tail.removeprefix("ADM-")
    if number.isdigit() and (prefix := _PREFIXES.get(kind)):
        ids.append(base64.b64encode(f"{prefix}:{number}".encode()).decode())
    return list(dict.fromkeys(ids))


def with_number(record: str) -> str:
    """``learner TGVhcm5lcjo1`` as ``learner 5``, the number that Administrate's screens show; anything else as it is."""
    word, _, id = record.rpartition(" ")
    try:
        prefix, _, number = base64.b64decode(id, validate=True).decode("ascii").partition(":")
    except ValueError:
        return record
    return f"{word} {number}" if prefix in _PREFIXES.values() and number.isdigit() else record


def find_link(database: Database, kind: Kind, ids: list[str]) -> Link | None:
    lookup = Kind.ENROLLMENT if kind is Kind.OUTCOME else kind
    with database.read() as conn:
        for system in SystemName:
            for id in ids:
                if (link := links.by_record(conn, lookup, system, id)) is not None:
                    return link
    return None


def trace(database: Database, kind_word: str, id: str) -> Story:
    """The story of one record in plain sentences, oldest first."""
    kind = kind_of(kind_word)
    ids = possible_ids(kind, id)
    link = find_link(database, kind, ids)
    record_ids = [i for i in (link.administrate_id, link.cornerstone_id) if i] if link else ids
    with database.read() as conn:
        found = {op.id: op for record in record_ids for op in ledger.operations(conn, record=record, limit=500)}
        if link is not None:
            found |= {op.id: op for op in ledger.operations(conn, subject=f"link:{link.id}", limit=500)}
    story = Story()
    story.lines.append(_headline(kind, id, link))
    for op in sorted(found.values(), key=lambda o: o.at):
        row = as_row(op)
        story.rows.append(row)
        line = f"{op.at:%Y-%m-%d %H:%M:%S} {row['what']} - {row['outcome']}. {row['reason']}"
        if row["request"]:
            line += f" [{row['request']} -> {row['answer']}]"
        if row["what_to_do"]:
            line += f" What to do: {row['what_to_do']}"
        story.lines.append(line)
    if not found:
        story.lines.append("The ledger holds no operation for it.")
    return story


def _headline(kind: Kind, id: str, link: Link | None) -> str:
    a, c = VENDOR_WORDS[kind][SystemName.ADMINISTRATE], VENDOR_WORDS[kind][SystemName.CORNERSTONE]
    if link is None:
        return f"{a} / {c} {id}: not paired."
    return f"Administrate {a} {link.administrate_id or '-'} / Cornerstone {c} {link.cornerstone_id or '-'}: {link.state}."


def plan_waiting(ctx: Context, flow: Flow) -> Totals:
    """What the units waiting for a flow would write, one by one, leaving them waiting."""
    ctx.flow = flow
    with ctx.database.read() as conn:
        subjects = work.peek(conn, [flow], limit=200)
    for subject in subjects:
        if is_routed(subject):
            continue
        before = len(ctx.steps)
        try:
            if subject.startswith(ROSTER_PREFIX):
                handle_roster(ctx, subject, subject.removeprefix(ROSTER_PREFIX))
            else:
                handle_pair(ctx, subject, frozenset())
        except (WouldApply, Later, WaitsFor, Parked) as held:
            ctx.totals.done[f"{type(held).__name__.lower()}: {held}"[:120]] += 1
        for step in ctx.steps[before:]:
            ctx.totals.add_operation(
                done=f"{step.target} {step.kind} {step.action}",
                outcome="would_apply",
                row={
                    "what": f"{step.action} {step.target.capitalize()} {VENDOR_WORDS[step.kind][step.target]}",
                    "administrate": step.administrate_id or "",
                    "cornerstone": step.cornerstone_id or "",
                    "outcome": "would_apply",
                    "reason": explain(step.reason),
                },
            )
    ctx.totals.waiting = len(subjects)
    ctx.totals.stopped_reason = "planned"
    return ctx.totals
