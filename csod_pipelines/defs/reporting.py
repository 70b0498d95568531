"""From what the engine did to what Dagster shows: metadata, tables, log lines, and failures that say what to do.

Totals only; rows appear in one bounded table and hold ids and states, never names or addresses (the engine sees to it).
"""

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import dagster as dg

from csod_pipelines.defs.forms import RunMode
from csod_pipelines.defs.resources import House
from csod_pipelines.engine.errors import FlowStopped
from csod_pipelines.engine.pace import Pace, limit_of
from csod_pipelines.engine.totals import Totals
from csod_pipelines.model.keys import Kind

PROGRESS_SECONDS = 30
TABLE_ROWS = 100
STOPPED_TAG = "csod/stopped"

COLUMNS = (
    "when",
    "what",
    "outcome",
    "reason",
    "administrate",
    "cornerstone",
    "call",
    "what_to_do",
    "request",
    "answer",
    "administrate_url",
    "cornerstone_url",
    "run",
    "operation",
)

#: Of a comparison of what is no person.
CHANGE_COLUMNS = ("what", "administrate", "cornerstone", "before", "after")

#: What a run leaves out of its operations: Dagster squeezes a wide table until nothing in it can be read. The rest stands in
#: recent_operations, in trace_record, and in `csod-pipelines operations --run`.
_LEFT_OUT = ("what_to_do", "request", "answer", "administrate_url", "cornerstone_url", "run", "operation")

#: Why a run ended, for people; anything else is a sentence already.
_ENDS = {
    "lingered": "no further change came",
    "drained": "nothing was left to do",
    "max_runtime": "its time was up, the next run goes on",
    "lease_held": "another run was at work already",
    "off": "the flow is switched off",
    "paused": "the flow was paused",
    "braked": "a brake holds the flow, see its sensor or `csod-pipelines decisions`",
    "planned": "it was a plan",
    "observed": "every feed that was due has been read",
    "imported": "everything has been imported",
    "reconciled": "everything has been compared",
    "applied": "the month is done",
}

#: Dagster calls an asset unsynced when the version of one before it has changed. A flow brings two systems in step and hands
#: nothing on, so all of them carry this one.
_VERSION = dg.DataVersion("in step")
_VERSION_TAG = "dagster/data_version"

#: Parked records that are counted; of more nobody looks at the number.
MOST_PARKED = 10_000
PARKED_COLUMNS = ("since", "subject", "flow", "reason", "do")

_MARKUP = re.compile(r"[\\`*_\[\]()<>#|!&~]")
_ESCAPED = r"\\\g<0>"

#: Ends after which nothing was done, whatever the run was asked for.
_NOT_DONE = ("lease_held", "off", "braked")


class Progress:
    """Given to the engine: keeps the newest totals for a failure's metadata and logs what has changed every half minute."""

    def __init__(self, context: dg.AssetExecutionContext) -> None:
        self.totals: Totals | None = None
        self._log = context.log
        self._logged = time.monotonic()
        self._said = ""

    def __call__(self, totals: Totals) -> None:
        self.totals = totals
        words = in_words(totals)
        if words != self._said and time.monotonic() - self._logged >= PROGRESS_SECONDS:
            self._logged, self._said = time.monotonic(), words
            self._log.info("so far: %s", words)


class Paced:
    """Given to the engine by an import: every half minute how fast it is, what share of the limit that is, and what is left."""

    def __init__(self, context: dg.AssetExecutionContext, house: House, *, kind: Kind, key: dg.AssetKey, also: Progress) -> None:
        limits = house.settings.config.limits
        limit = limit_of(kind, per_second=limits.administrate_per_second, batch=limits.administrate_batch)
        self._pace = Pace(started=time.monotonic(), records=house.engine.planned_counts().get(kind.value), limit_per_second=limit)
        self._context, self._key, self._also = context, key, also
        self._told = time.monotonic()

    def __call__(self, totals: Totals) -> None:
        self._also(totals)
        if (now := time.monotonic()) - self._told < PROGRESS_SECONDS:
            return
        self._told = now
        stand = self._pace.at(now, totals)
        self._context.log.info("%s: %s", self._key.path[-1], stand.in_words())
        self._context.log_event(dg.AssetObservation(asset_key=self._key, metadata=stand.as_metadata()))


@contextmanager
def failing_in_words(context: dg.AssetExecutionContext, house: House) -> Iterator[Progress]:
    """Turns FlowStopped into a failure without retry that carries the totals so far and the run's operations.

    The run is stamped in every case but a killed process: the sensors wait longer before they start a flow again whose
    last run failed by itself (no retry storm with a wrong secret), and start it at once where a worker merely died.
    """
    progress = Progress(context)
    try:
        yield progress
    except Exception as err:
        context.instance.add_run_tags(context.run.run_id, {STOPPED_TAG: "true"})
        if not isinstance(err, FlowStopped):
            raise
        shown = {**metadata(progress.totals), **_operations(context, house, most=TABLE_ROWS)}
        raise dg.Failure(description=str(err), metadata=shown, allow_retries=False) from err


def report(
    context: dg.AssetExecutionContext,
    house: House,
    totals: Totals,
    *,
    mode: RunMode,
    key: dg.AssetKey,
    more: Mapping[str, Any] | None = None,
) -> Iterator[dg.MaterializeResult]:
    """The result of a run on its asset: a materialization when applied, an observation when it was a plan."""
    shown = _shown(context, house, totals, mode=mode, key=key) | dict(more or {})
    if was_applied(totals, mode=mode):
        yield dg.MaterializeResult(asset_key=key, metadata=shown, data_version=_VERSION)
        return
    for partition in context.partition_keys if context.has_partition_key_range or context.has_partition_key else [None]:
        context.log_event(dg.AssetObservation(asset_key=key, partition=partition, metadata=shown))


def report_partition(
    context: dg.AssetExecutionContext, house: House, totals: Totals, *, mode: RunMode, key: dg.AssetKey, partition: str
) -> None:
    """The same for one partition of several in a run, written at once: a later crash leaves the finished ones marked,
    each with its own numbers (a MaterializeResult would mark all of them, and only at the end)."""
    shown = _shown(context, house, totals, mode=mode, key=key)
    if was_applied(totals, mode=mode):
        context.log_event(dg.AssetMaterialization(asset_key=key, partition=partition, metadata=shown, tags={_VERSION_TAG: _VERSION.value}))
    else:
        context.log_event(dg.AssetObservation(asset_key=key, partition=partition, metadata=shown))


def was_applied(totals: Totals, *, mode: RunMode) -> bool:
    """False for a plan, for a run that found another at work, and where the flow's own mode let nothing be written."""
    return mode is RunMode.apply and totals.stopped_reason not in _NOT_DONE and not totals.operations["would_apply"]


def _shown(context: dg.AssetExecutionContext, house: House, totals: Totals, *, mode: RunMode, key: dg.AssetKey) -> dict[str, Any]:
    summary = in_words(totals)
    say = context.log.warning if totals.failed else context.log.info
    say("%s, %s: %s", key.path[-1], mode.value, summary)
    written = (
        sum(totals.operations.values()) if mode is RunMode.apply else 0
    )  # an import reports kind by kind: its newest rows are this kind's
    return {"summary": summary, "mode": mode.value, **metadata(totals), **_operations(context, house, most=written)}


def _operations(context: dg.AssetExecutionContext, house: House, *, most: int) -> dict[str, dg.TableMetadataValue]:
    """The run's newest operations as the ledger has them, with request and answer."""
    rows = house.engine.operations(run_id=context.run.run_id, limit=min(most, TABLE_ROWS)) if most else []
    compact = [_compact(row) for row in rows]
    filled = {name for row in compact for name, value in row.items() if value not in (None, "")}
    return {"operations": table([{name: row[name] for name in row if name in filled} for row in compact], columns=COLUMNS)} if rows else {}


def _compact(row: Mapping[str, Any]) -> dict[str, Any]:
    """Seven columns: the remedy follows its reason, the answer its request, and the time of day is enough: the day is the run's."""
    from csod_pipelines.engine.tell import with_number  # it brings the whole store, which defining assets must not load

    shown = {name: value for name, value in row.items() if name not in _LEFT_OUT}
    if len(when := str(shown.get("when") or "")) > len("2026-11-22T03:25:01"):
        shown["when"] = when[11:19]
    if remedy := row.get("what_to_do"):
        shown["reason"] = f"{row.get('reason')} {remedy}"
    method, _, url = str(row.get("request") or "").partition(" ")
    if url:
        shown["call"] = f"{method} {urlsplit(url).path or url} -> {row.get('answer') or 'no answer'}"
    if record := row.get("administrate"):
        shown["administrate"] = with_number(str(record))
    return shown


def metadata(totals: Totals | None) -> dict[str, Any]:
    if totals is None:
        return {}
    shown: dict[str, Any] = dict(totals.as_metadata())
    if totals.done:
        shown["done"] = markdown([f"{what}: {number}" for what, number in sorted(totals.done.items())])
    changes = [{name: row.get(name, "") for name in CHANGE_COLUMNS} for row in totals.sample if row.get("before") or row.get("after")]
    if changes:
        shown["changes"] = table(changes, columns=CHANGE_COLUMNS)
    if totals.sample:
        shown["operations"] = table(totals.sample, columns=COLUMNS)
    return shown


def table(rows: Sequence[Mapping[str, Any]], *, columns: Sequence[str] = (), most: int = TABLE_ROWS) -> dg.TableMetadataValue:
    """The first rows as a table. Columns that no row has are left out; those not named come last."""
    seen = {name for row in rows for name in row}
    names = [name for name in columns if name in seen] + sorted(seen.difference(columns))
    records = [dg.TableRecord({name: _cell(row.get(name)) for name in names}) for row in rows[:most]]
    schema = dg.TableSchema(columns=[dg.TableColumn(name) for name in names])
    return dg.MetadataValue.table(records=records, schema=schema)


def together(several: Sequence[Totals]) -> Totals:
    """One account of what was done kind by kind."""
    whole = Totals()
    for totals in several:
        whole.add(totals)
    return whole


def markdown(lines: Sequence[str]) -> dg.MarkdownMetadataValue:
    """The lines as a list. They quote vendors, so nothing in them is markup, and none of them becomes two."""
    return dg.MetadataValue.md("\n".join(f"- {_MARKUP.sub(_ESCAPED, one_line(line))}" for line in lines))


def one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def in_words(totals: Totals) -> str:
    done = ", ".join(f"{number} {what}" for what, number in sorted(totals.done.items()) if number) or "nothing written"
    failed = f"; {totals.failed} failed or only partly done" if totals.failed else ""
    waiting = f"; {totals.waiting} still waiting" if totals.waiting else ""
    stopped = f"; ended: {_ENDS.get(totals.stopped_reason, totals.stopped_reason)}" if totals.stopped_reason else ""
    return f"{totals.read} records read, {done}{failed}{waiting}{stopped}"


def _cell(value: Any) -> str | int | float | bool:
    if value is None:
        return ""
    return value if isinstance(value, str | int | float | bool) else str(value)
