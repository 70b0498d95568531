"""One operation of the ledger as an entry of Administrate's Integration Logs: plain words, no personal data.

``partial`` has no status of its own there: it is sent as failed, with a message that says what it is.
"""

from __future__ import annotations

import base64
import re
from typing import Any

import orjson

from csod_pipelines.engine.context import words
from csod_pipelines.engine.sentences import sentence
from csod_pipelines.model.classes import scrubbed, shown
from csod_pipelines.model.keys import Kind, SystemName
from csod_pipelines.model.outcomes import OperationOutcome
from csod_pipelines.model.reasons import remedy
from csod_pipelines.store.ledger import OperationRow
from csod_pipelines.systems.base import LogEntry

PARTLY = "Partly done: "
NOT_SENT = "Not sent, is tried again: "
MESSAGE_CHARACTERS = 500
PAYLOAD_CHARACTERS = 4_000
#: About people; what a vendor says of them may quote a name.
_ABOUT_PEOPLE = frozenset({Kind.PERSON, Kind.ENROLLMENT, Kind.OUTCOME})
_GLOBAL_ID = re.compile(rb"[A-Za-z]+:\d+")


def entry_of(op: OperationRow, intent: bytes | None, *, origin: str) -> LogEntry:
    kind, system = Kind(op.kind), SystemName(op.system)
    person = kind in _ABOUT_PEOPLE
    payload = _parsed(intent)
    said = f"{words(kind, system)} {op.action}: {sentence(op)}"
    message = scrubbed(said, payload, person=person)
    if op.outcome == OperationOutcome.PARTIAL:
        message = PARTLY + message
    elif op.outcome == OperationOutcome.NOT_SENT:
        message = NOT_SENT + message
    return LogEntry(
        origin=origin,
        node_id=_node(op.administrate_id),
        message=message[:MESSAGE_CHARACTERS],
        failed=op.outcome != OperationOutcome.SUCCESS,
        groups=(
            _side(op, SystemName.ADMINISTRATE),
            _side(op, SystemName.CORNERSTONE),
            _request(op, payload, person=person),
            _outcome(op, payload, person=person),
        ),
    )


def _parsed(intent: bytes | None) -> Any:
    return orjson.loads(intent) if intent else {}


def _node(administrate_id: str | None) -> str | None:
    """The record's own list of entries, where its id is one of Administrate's global ids; else the instance's."""
    if not administrate_id:
        return None
    try:
        plain = base64.b64decode(administrate_id, validate=True)
    except ValueError:
        return None
    return administrate_id if _GLOBAL_ID.fullmatch(plain) else None


def _side(op: OperationRow, system: SystemName) -> dict[str, str]:
    type_, id, url = (
        (op.administrate_type, op.administrate_id, op.administrate_url)
        if system is SystemName.ADMINISTRATE
        else (op.cornerstone_type, op.cornerstone_id, op.cornerstone_url)
    )
    name = system.capitalize()
    lines = {f"{name} type": type_ or "", f"{name} id": id or "", f"{name} link": url or ""}
    return {label: value for label, value in lines.items() if value}


def _request(op: OperationRow, payload: Any, *, person: bool) -> dict[str, str]:
    lines = {"Request": f"{op.method} {op.url}"} if op.url else {"Request": "none"}
    if payload:
        text = orjson.dumps(shown(payload, person=person), option=orjson.OPT_SORT_KEYS).decode()
        lines["Payload"] = text[:PAYLOAD_CHARACTERS]
    if op.exchange_id:
        lines["Request id"] = str(op.exchange_id)
    return lines


def _outcome(op: OperationRow, payload: Any, *, person: bool) -> dict[str, str]:
    lines = {
        "Answer": f"HTTP {op.http_status}" if op.http_status else "",
        "Answer in words": scrubbed(op.detail or "", payload, person=person)[:MESSAGE_CHARACTERS],
        "Outcome": op.outcome or "",
        "What to do": remedy(op.reason or ""),
        "Operation": str(op.id),
        "At": op.at.isoformat(timespec="seconds"),
        "Flow": op.flow.replace("_", " "),
        "Run": op.run_id,
    }
    return {label: value for label, value in lines.items() if value}
