"""A vendor whose refusals are believed when they come twice.

A refusal is remembered by what it was given for, and the same is not sent again until it changes. But some have nothing to do
with what was sent: a record that is locked for a moment, a "Failed" inside a 200 that means "not now". A refused write had no
effect, so it is asked for once more; of a batch, only the rows that were refused.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from csod_pipelines.model.keys import Kind, RecordKey
from csod_pipelines.model.records import Record, Value
from csod_pipelines.systems.base import Draft, OutcomeRow, Refusal, System, Written
from csod_pipelines.systems.errors import RateLimited, Refused, Unavailable

T = TypeVar("T")


def _insist(write: Callable[[], T]) -> T:
    try:
        return write()
    except Refused:
        return write()


class Insisting:
    """Satisfies ``System``: writes as above, everything else is the vendor's own."""

    def __init__(self, system: System) -> None:
        self._system = system

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._system, name)
        return partial(_both_twice, found) if name == "create_and_remember" else found

    def create(self, draft: Draft) -> Written:
        return _insist(lambda: self._system.create(draft))

    def create_many(self, drafts: Sequence[Draft]) -> tuple[Written | Refusal, ...]:
        return _rows_twice(self._system.create_many, drafts)

    def update(self, kind: Kind, id: str, value: Value, fields: frozenset[str]) -> Written:
        return _insist(lambda: self._system.update(kind, id, value, fields))

    def remember(self, key: RecordKey, ids: Mapping[str, str]) -> None:
        _insist(lambda: self._system.remember(key, ids))

    def remember_many(self, rows: Sequence[tuple[RecordKey, Mapping[str, str]]]) -> tuple[Refusal | None, ...]:
        return _rows_twice(self._system.remember_many, rows)

    def register(self, offering_id: str, people: Sequence[Record], *, title: str, notify: bool = False) -> Mapping[str, Written | Refusal]:
        def write(some: Sequence[Record]) -> Mapping[str, Written | Refusal]:
            return self._system.register(offering_id, some, title=title, notify=notify)

        return _named_rows_twice(write, people, lambda person: person.id)

    def withdraw(self, offering_id: str, enrollment: Record, *, reason: str, notify: bool = False) -> Written:
        return _insist(lambda: self._system.withdraw(offering_id, enrollment, reason=reason, notify=notify))

    def reactivate(self, offering_id: str, enrollment: Record) -> Written:
        return _insist(lambda: self._system.reactivate(offering_id, enrollment))

    def record_outcomes(self, offering_id: str, rows: Sequence[OutcomeRow], *, submit: bool) -> Mapping[str, Written | Refusal]:
        def write(some: Sequence[OutcomeRow]) -> Mapping[str, Written | Refusal]:
            return self._system.record_outcomes(offering_id, some, submit=submit)

        return _named_rows_twice(write, rows, lambda row: row.enrollment.id)


def _rows_twice(write: Callable[[Sequence[Any]], tuple[Any, ...]], rows: Sequence[Any]) -> tuple[Any, ...]:
    answers = list(_insist(lambda: write(rows)))
    refused = [place for place, answer in enumerate(answers) if isinstance(answer, Refusal)]
    again = _once_more(lambda: write([rows[place] for place in refused])) if refused else None
    for place, answer in zip(refused, again or (), strict=again is not None):
        answers[place] = answer
    return tuple(answers)


def _both_twice(write: Callable[[Sequence[Any], Sequence[Any]], Any], drafts: Sequence[Any], rows: Sequence[Any]) -> Any:
    """``create_and_remember``, which not every system offers: of either half what was refused."""
    halves = [list(answers) for answers in write(drafts, rows)]
    refused = [[place for place, answer in enumerate(half) if isinstance(answer, Refusal)] for half in halves]
    if any(refused):
        again = _once_more(lambda: write([drafts[place] for place in refused[0]], [rows[place] for place in refused[1]]))
        for half, places, answers in zip(halves, refused, again or ((), ()), strict=True):
            for place, answer in zip(places, answers, strict=again is not None):
                half[place] = answer
    return tuple(tuple(half) for half in halves)


def _named_rows_twice(
    write: Callable[[Sequence[T]], Mapping[str, Written | Refusal]], rows: Sequence[T], name: Callable[[T], str]
) -> Mapping[str, Written | Refusal]:
    answers = _insist(lambda: write(rows))
    refused = [row for row in rows if isinstance(answers.get(name(row)), Refusal)]
    return {**answers, **((_once_more(lambda: write(refused)) if refused else None) or {})}


def _once_more(write: Callable[[], T]) -> T | None:
    """None where nothing of it was done: then what was answered first stands, with the rows that were taken."""
    try:
        return write()
    except (Refused, RateLimited, Unavailable):
        return None
