"""A file of pairs that a person looked through, bound as a whole or not at all.

Every row is checked at both vendors before anything is bound; what is wrong is told with its line. Nothing is written to a vendor
here: bound pairs are brought in step by their flows, as pairs bound by hand are.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from csod_pipelines.engine import pairing
from csod_pipelines.engine.context import Context, words
from csod_pipelines.engine.operate import By, OperatorError
from csod_pipelines.engine.refs import peers_of
from csod_pipelines.model.keys import Flow, Kind, RecordKey, SystemName, roster_subject
from csod_pipelines.model.readings import Present
from csod_pipelines.model.records import Enrollment, Record
from csod_pipelines.store import work
from csod_pipelines.store.work import Mark
from csod_pipelines.sync.directions import PAIR_KINDS

A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE
NEEDED = ("kind", "administrate", "cornerstone")
MOST_TOLD = 50


@dataclass(frozen=True, slots=True)
class Row:
    line: int
    kind: Kind
    administrate: str
    cornerstone: str


Sides = dict[SystemName, Record]


def bind_file(ctx: Context, lines: Iterable[str], by: By) -> dict[str, int]:
    """Bound pairs by kind. Raises OperatorError naming every line that is wrong; then nothing was bound."""
    wrong: list[str] = []
    rows = list(_rows(lines, wrong))
    wrong += _twice(rows)
    checked = [(row, found) for row in rows if (found := _found(ctx, row, wrong)) is not None]
    pairs = {(row.kind, found[A].id): found[C].id for row, found in checked}
    for row, found in checked:
        if row.kind is Kind.ENROLLMENT:
            wrong += _seat_faults(ctx, row, found, pairs)
    if wrong:
        more = f"\n... and {len(wrong) - MOST_TOLD} more" if len(wrong) > MOST_TOLD else ""
        raise OperatorError("nothing was bound:\n" + "\n".join(sorted(wrong, key=_line)[:MOST_TOLD]) + more)
    return _bind(ctx, checked, by)


def _line(said: str) -> int:
    number = said.removeprefix("line ").partition(":")[0]
    return int(number) if number.isdigit() else 0


def _rows(lines: Iterable[str], wrong: list[str]) -> Iterator[Row]:
    reader = csv.DictReader(lines)
    missing = [name for name in NEEDED if name not in (reader.fieldnames or ())]
    if missing:
        raise OperatorError(f"nothing was bound: the first line must name the columns {', '.join(NEEDED)}; {', '.join(missing)} is missing")
    for given in reader:
        line = reader.line_num
        kind, here, there = ((given.get(name) or "").strip() for name in NEEDED)
        if not (kind or here or there):
            continue
        if not (here and there):
            wrong.append(f"line {line}: it names no {(C if here else A).capitalize()} record")
        elif kind not in (*PAIR_KINDS, Kind.ENROLLMENT):
            wrong.append(f"line {line}: {kind!r} is none of {', '.join((*PAIR_KINDS, Kind.ENROLLMENT))}")
        else:
            yield Row(line, Kind(kind), here, there)


def _twice(rows: Iterable[Row]) -> Iterator[str]:
    seen: dict[tuple[Kind, SystemName, str], int] = {}
    for row in rows:
        for system, id in ((A, row.administrate), (C, row.cornerstone)):
            first = seen.setdefault((row.kind, system, id), row.line)
            if first != row.line:
                yield f"line {row.line}: {words(row.kind, system)} {id} stands in line {first} already; keep the right one"


def _found(ctx: Context, row: Row, wrong: list[str]) -> Sides | None:
    """Both records as their systems show them, if they may be paired."""
    found: Sides = {}
    for system, id in ((A, row.administrate), (C, row.cornerstone)):
        reading = ctx.systems[system].read_many(row.kind, [id]).get(id)
        if not isinstance(reading, Present):
            wrong.append(f"line {row.line}: {words(row.kind, system)} {id} is not shown by {system.capitalize()}")
            return None
        found[system] = reading.record
    if row.kind is not Kind.ENROLLMENT:
        try:
            pairing.refuse_other_pairs(ctx, row.kind, found)
        except OperatorError as err:
            wrong.append(f"line {row.line}: {err}")
            return None
    return found


def _seat_faults(ctx: Context, row: Row, found: Sides, pairs: Mapping[tuple[Kind, str], str]) -> Iterator[str]:
    """A learner is paired by its person and its event: these must be pairs, already or by this very file."""
    here, there = found[A].value, found[C].value
    assert isinstance(here, Enrollment) and isinstance(there, Enrollment)
    for kind, own, peer in ((Kind.PERSON, here.person_id, there.person_id), (Kind.OFFERING, here.offering_id, there.offering_id)):
        key = RecordKey(kind, A, own)
        if pairs.get((kind, own)) != peer:
            with ctx.database.read() as conn:
                paired = peers_of(conn, [key]).get(key)
            if paired != peer:
                yield f"line {row.line}: {words(kind, A)} {own} and {words(kind, C)} {peer} are no pair, neither here nor already"


def _bind(ctx: Context, checked: Iterable[tuple[Row, Sides]], by: By) -> dict[str, int]:
    """One transaction: nothing is half-bound."""
    counts: Counter[str] = Counter()
    with ctx.database.begin() as conn:
        for row, found in checked:
            counts[row.kind.value] += 1
            if row.kind is Kind.ENROLLMENT:
                value = found[A].value
                assert isinstance(value, Enrollment)
                work.mark(conn, [Mark(subject=roster_subject(value.offering_id), flow=Flow.ENROLLMENT)])
            else:
                pairing.bind_found(conn, ctx, row.kind, found, by)
    return dict(counts)
