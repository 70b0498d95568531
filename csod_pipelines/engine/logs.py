"""Integration Logs: every ended operation of the ledger is told to Administrate's own administrators, at least once.

Delivered after the sync and never in its way: when a flow has been quiet for a moment, when a run ends, and when the feeds
are read. The ledger is the queue; a checkpoint says how far it was delivered. What an import did comes last.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from csod_pipelines.engine.context import Context
from csod_pipelines.engine.lanes import lane
from csod_pipelines.engine.log_entries import entry_of
from csod_pipelines.model.keys import Flow, SystemName
from csod_pipelines.store import checkpoints, leases, ledger_log
from csod_pipelines.store.ledger_log import Ended
from csod_pipelines.store.ledger_views import operations_by_id
from csod_pipelines.systems.base import LogEntry, TakesLogs, offers
from csod_pipelines.systems.errors import LeaseLost, VendorError

LEASE = "integration-logs"
LEASE_SECONDS = 60.0
BATCH_ENTRIES = 50
LOOK_AHEAD = 1_000  # outcomes examined for one batch
LATE_AFTER = timedelta(minutes=15)  # no transaction of ours is open for nearly as long
MOST_MISSING = 2_000
FAILED_PAUSE_SECONDS = 30.0
QUIET_SECONDS = 1.0  # a flow that just worked may get the next change any moment
END_SECONDS = 15.0
OBSERVE_SECONDS = 20.0

#: Ends that are none yet, or that wrote nothing and must not write to a portal that is only observed.
_NOT_TOLD = frozenset({"unknown", "would_apply"})

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Queue:
    """Operations of imports are many and nobody waits for them: they have a queue of their own."""

    name: str
    imports: bool

    def takes(self, row: Ended) -> bool:
        return (row.flow == Flow.IMPORT) is self.imports and row.first and row.outcome not in _NOT_TOLD


QUEUES = (Queue("integration-logs:live", imports=False), Queue("integration-logs:import", imports=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """``missing``: lower numbers that could not be seen yet, and since when."""

    after: int = 0
    missing: dict[int, datetime]

    @classmethod
    def of(cls, value: dict[str, Any] | None) -> Position:
        given = value or {}
        missing = {int(number): datetime.fromisoformat(since) for number, since in given.get("missing", {}).items()}
        return cls(after=int(given.get("after", 0)), missing=missing)

    def value(self) -> dict[str, Any]:
        return {"after": self.after, "missing": {str(number): since.isoformat() for number, since in self.missing.items()}}


class LogCourier:
    """Delivers for one run. Nothing that goes wrong here reaches the flow: it is logged, and tried again later."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._next_look = 0.0

    def when_quiet(self, quiet_seconds: float) -> bool:
        """One batch, if the flow has been quiet for a moment. True when something was delivered."""
        now = self._ctx.clock.monotonic()
        if quiet_seconds < QUIET_SECONDS or now < self._next_look:
            return False
        told = self._deliver(most_batches=1, seconds=END_SECONDS)
        if not told:
            self._next_look = self._ctx.clock.monotonic() + QUIET_SECONDS
        return bool(told)

    def until_empty(self, seconds: float) -> int:
        """At the end of a run: what is left, within bounds. How many entries."""
        return self._deliver(most_batches=None, seconds=seconds)

    def _deliver(self, *, most_batches: int | None, seconds: float) -> int:
        ctx = self._ctx
        system = ctx.systems[SystemName.ADMINISTRATE]
        if ctx.dry or not offers(system, TakesLogs) or not ctx.modes.released or ctx.modes.system_paused(SystemName.ADMINISTRATE):
            return 0
        with ctx.database.begin() as conn:
            if not checkpoints.due(conn, [LEASE]) or not leases.acquire(conn, LEASE, ctx.guard.owner, LEASE_SECONDS):
                return 0
        told, batches, until = 0, 0, ctx.clock.monotonic() + seconds
        token = lane.set("spare")
        try:
            while (most_batches is None or batches < most_batches) and ctx.clock.monotonic() < until:
                sent = next((n for queue in QUEUES if (n := self._batch(system, queue))), 0)
                if not sent:
                    break
                told, batches = told + sent, batches + 1
        except (VendorError, LeaseLost) as err:
            _log.warning("integration log entries wait: %s", type(err).__name__)
            with ctx.database.begin() as conn:
                checkpoints.put(conn, LEASE, {"waits_for": type(err).__name__}, FAILED_PAUSE_SECONDS)
        finally:
            lane.reset(token)
            with ctx.database.begin() as conn:
                leases.release(conn, LEASE, ctx.guard.owner)
        ctx.totals.done["integration log entries"] += told
        return told

    def _batch(self, system: TakesLogs, queue: Queue) -> int:
        """Up to fifty entries in one request, then the checkpoint. How many; 0 when the queue is empty."""
        while True:
            with self._ctx.database.read() as conn:
                known = checkpoints.get(conn, queue.name)
                position = Position.of(known.value if known else None)
                late = ledger_log.ended_among(conn, sorted(position.missing))
                fresh = ledger_log.ended_after(conn, position.after, limit=LOOK_AHEAD)
                chosen, following = _choose(queue, position, late, fresh, now=self._ctx.clock.utcnow())
                entries = self._entries(conn, [row.operation_id for row in chosen])
            if entries:
                self._send(system, entries)
            if following != position:
                with self._ctx.database.begin() as conn:
                    checkpoints.put(conn, queue.name, following.value())
            if entries or not fresh:
                return len(entries)

    def _entries(self, conn: Any, ids: Sequence[UUID]) -> list[LogEntry]:
        ops = {op.id: op for op in operations_by_id(conn, ids)}
        intents = ledger_log.intents(conn, ids)
        origin = self._ctx.options.log_origin
        return [entry_of(ops[id], intents.get(id), origin=origin) for id in ids if id in ops]

    def _send(self, system: TakesLogs, entries: Sequence[LogEntry]) -> None:
        """An entry whose record takes none (it was deleted, or is of no such type) goes to the instance's own list."""
        answers = system.write_logs(entries)
        refused = [entry for entry, answer in zip(entries, answers, strict=True) if answer is not None]
        elsewhere = [_on_instance(entry) for entry in refused if entry.node_id is not None]
        lost = [answer for answer in (system.write_logs(elsewhere) if elsewhere else ()) if answer is not None]
        lost += [answer for entry, answer in zip(entries, answers, strict=True) if answer is not None and entry.node_id is None]
        if lost:
            _log.warning("Administrate refused %d integration log entries: %s", len(lost), lost[0].code or "no code")
            self._ctx.totals.done["integration log entries refused"] += len(lost)


def _on_instance(entry: LogEntry) -> LogEntry:
    return LogEntry(origin=entry.origin, message=entry.message, failed=entry.failed, groups=entry.groups)


def _choose(
    queue: Queue, position: Position, late: Sequence[Ended], fresh: Sequence[Ended], *, now: datetime
) -> tuple[list[Ended], Position]:
    """What to tell now, and the position after it. Numbers that were skipped over are remembered while they may still come."""
    came = {row.number for row in late}
    chosen = [row for row in late if queue.takes(row)]
    missing = {number: since for number, since in position.missing.items() if number not in came and now - since < LATE_AFTER}
    after = position.after
    for row in fresh:
        if len(chosen) >= BATCH_ENTRIES:
            break
        if row.number - after - 1 <= MOST_MISSING:
            missing |= dict.fromkeys(range(after + 1, row.number), now)
        after = row.number
        if queue.takes(row):
            chosen.append(row)
    if len(missing) > MOST_MISSING:
        missing = dict(sorted(missing.items())[-MOST_MISSING:])
    return chosen, Position(after=after, missing=missing)
