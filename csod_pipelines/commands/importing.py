"""`import`: bring what Cornerstone holds into Administrate. Plans by default; applying asks for the portal's name."""

from __future__ import annotations

import csv
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from csod_pipelines.commands.look import Json
from csod_pipelines.commands.opened import opened
from csod_pipelines.commands.show import Failed, as_json, say, table

if TYPE_CHECKING:
    from csod_pipelines.engine.baseline_plan import ImportPlan, Planned
    from csod_pipelines.engine.totals import Totals
    from csod_pipelines.model.keys import Kind
    from csod_pipelines.runtime import House

PLAIN_SECONDS = 10.0
LEASE_TRIES, LEASE_TRY_SECONDS = 8, 5.0
FIELDS: tuple[str, ...] = ("what", "cornerstone", "name", "e-mail", "org unit", "would", "administrate", "reason", "what to do")
NOBODY = "Nobody is messaged: an import writes accounts, contacts, locations, categories and vendor values, and no registration."


def register(app: typer.Typer) -> None:
    app.command(name="import")(import_)


def import_(
    plan: Annotated[bool, typer.Option("--plan", help="Show what would be done, and write nothing. The default.")] = False,
    apply: Annotated[bool, typer.Option("--apply", help="Do it. Asks for --portal.")] = False,
    adopt: Annotated[Path | None, typer.Option(help="Write proposals for what both systems hold already to this CSV file.")] = None,
    portal: Annotated[str, typer.Option(help="With --apply: the name of the Cornerstone portal that is meant.")] = "",
    csv_file: Annotated[Path | None, typer.Option("--csv", help="With --plan: what would become of each record, for HR.")] = None,
    as_json_: Json = False,
) -> None:
    """The initial import: organizational units, users, locations, subjects and vendors become Administrate's records."""
    if sum((plan, apply, adopt is not None)) > 1:
        raise typer.BadParameter("give one of --plan, --apply and --adopt")
    if csv_file is not None and (apply or adopt is not None):
        raise typer.BadParameter("--csv goes with --plan")
    with opened() as house:
        if apply:
            _apply(house, portal=portal, json=as_json_)
        elif adopt is not None:
            _adopt(house, adopt, json=as_json_)
        else:
            _plan(house, csv_file=csv_file, json=as_json_)


def _plan(house: House, *, csv_file: Path | None, json: bool) -> None:
    limits = house.settings.config.limits
    with _told(csv_file) as told:
        made = house.engine.plan_import(told=told)
    rows = made.rows(batch=limits.administrate_batch, per_second=limits.administrate_per_second)
    reasons = _reasons(made)
    seconds = sum(row["seconds at the limit"] for row in rows)
    if json:
        as_json({"kinds": rows, "left_out_or_parked": reasons, "seconds_at_the_limit": round(seconds, 1), "messages": 0})
        return
    table(rows, empty="nothing to import")
    if reasons:
        say("\nLeft out or parked:")
        table(reasons, empty="")
    say(f"\nAt the documented limit of {limits.administrate_per_second:g} requests a second: about {seconds:,.0f} s. {NOBODY}")
    if csv_file is not None:
        say(f"Every record stands in {csv_file}; it names people, so keep it as you keep such files.")


def _reasons(made: ImportPlan) -> list[dict[str, Any]]:
    from csod_pipelines.model.keys import VENDOR_WORDS, SystemName
    from csod_pipelines.model.reasons import remedy

    return [
        {
            "what": VENDOR_WORDS[kind][SystemName.CORNERSTONE],
            "would": action,
            "reason": reason,
            "records": number,
            "what to do": remedy(reason),
        }
        for (kind, action, reason), number in sorted(made.reasons.items())
    ]


@contextmanager
def _told(file: Path | None) -> Iterator[Callable[[Planned], None]]:
    """Rows go to the file as they come; only its owner may read it."""
    if file is None:
        yield lambda planned: None
        return
    with private(file) as stream:
        writer = csv.DictWriter(stream, FIELDS)
        writer.writeheader()
        yield lambda planned: writer.writerow(planned.as_row())


@contextmanager
def private(file: Path) -> Iterator[Any]:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as err:
        raise Failed(f"{file} cannot be written: {err.strerror}") from err
    with os.fdopen(descriptor, "w", newline="", encoding="utf-8") as stream:
        yield stream


def _apply(house: House, *, portal: str, json: bool) -> None:
    from csod_pipelines.engine.baseline_plan import KINDS
    from csod_pipelines.portal import wrong_portal

    if (why := wrong_portal(portal, settings=house.settings)) is not None:
        raise Failed(f"{why} Give --portal.")
    counts = house.engine.planned_counts()
    ends: dict[str, dict[str, Any]] = {}
    for kind in KINDS:
        with _shown(house, kind, counts.get(kind.value)) as progress:
            totals = _imported(house, kind, progress)
        ends[kind.value] = dict(totals.as_metadata()) | {"done": dict(totals.done)}
        if not json:
            say(f"{kind.value.replace('_', ' ')}: {_in_words(totals)}")
    if json:
        as_json(ends)
    elif any(end["changes_parked"] for end in ends.values()):
        say("Records were set aside: csod-pipelines parked says who must mend what.")


def _imported(house: House, kind: Kind, progress: Callable[[Totals], None]) -> Totals:
    """The lease of an import that was killed runs out after half a minute; one that is at work keeps renewing it."""
    for attempt in range(LEASE_TRIES):
        totals = house.engine.import_baseline(kind, mode="apply", owner=f"command:{os.getpid()}", progress=progress)
        if totals.stopped_reason != "lease_held":
            return totals
        if not attempt:
            say(f"{kind.value.replace('_', ' ')}: another import is at work, or was killed within the last half minute; waiting")
        time.sleep(LEASE_TRY_SECONDS)
    raise Failed(f"another import of {kind.value.replace('_', ' ')} is at work; nothing was done beside it")


def _in_words(totals: Totals) -> str:
    done = ", ".join(f"{number} {what}" for what, number in sorted(totals.done.items()) if number) or "nothing to do"
    return f"{done} ({totals.stopped_reason}, {totals.seconds:,.1f} s)"


@contextmanager
def _shown(house: House, kind: Kind, records: int | None) -> Iterator[Callable[[Totals], None]]:
    """A bar on a terminal, a line every ten seconds elsewhere; both on the error output, so that --json stays clean."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    from csod_pipelines.engine.pace import Pace, limit_of

    limits = house.settings.config.limits
    limit = limit_of(kind, per_second=limits.administrate_per_second, batch=limits.administrate_batch)
    pace = Pace(started=time.monotonic(), records=records, limit_per_second=limit)
    word = kind.value.replace("_", " ")
    if not sys.stderr.isatty():
        yield _plain(word, pace)
        return
    with Progress(TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[said]}"), console=Console(stderr=True)) as bar:
        task = bar.add_task(word, total=records, said="")

        def told(totals: Totals) -> None:
            stand = pace.at(time.monotonic(), totals)
            bar.update(task, completed=stand.done, said=stand.in_words())

        yield told


def _plain(word: str, pace: Any) -> Callable[[Totals], None]:
    said = time.monotonic()

    def told(totals: Totals) -> None:
        nonlocal said
        if (now := time.monotonic()) - said >= PLAIN_SECONDS:
            said = now
            print(f"{word}: {pace.at(now, totals).in_words()}", file=sys.stderr, flush=True)  # noqa: T201

    return told


def _adopt(house: House, file: Path, *, json: bool) -> None:
    from csod_pipelines.engine.adoption import COLUMNS, proposals

    found: dict[str, int] = {}
    with private(file) as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        for row in proposals(house.engine.context(dry=True)):
            writer.writerow(row)
            found[row["kind"]] = found.get(row["kind"], 0) + 1
    if json:
        as_json(found)
        return
    for kind, number in found.items():
        say(f"{kind.replace('_', ' ')}: {number} proposed")
    say(f"Edit {file}: delete what is wrong, choose where several rows share a record. Then csod-pipelines links import {file} --why ...")
