"""Filters: `{field, operation, value}` lists over the records of a kind. One malformed filter fails the whole request.

Values are texts; how they are read depends on the field: text (without regard to case), number, truth, stamp, wall time, id, state.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from graphql import GraphQLError

from csod_pipelines.sandbox.administrate import ids, times

Getter = Callable[[Any], Any]
Test = Callable[[Any], bool]
_NEGATIONS = {"ne": "eq", "notin": "in", "notnull": "isnull"}
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {"gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le}
_TRUTH = {"true": True, "false": False, "1": True, "0": False}


def _truth(value: str) -> bool:
    if value.casefold() not in _TRUTH:
        raise ValueError("expected true or false")
    return _TRUTH[value.casefold()]


def _stamp(value: str) -> float:
    return times.parse_moment(value).timestamp()


def _wall(value: str) -> datetime:
    moment = datetime.fromisoformat(value.strip())
    return moment.replace(tzinfo=None)


def _key(value: str) -> tuple[str, int]:
    return ids.decode_number(value) or (value, -1)


# How a field's kind reads a value written in a filter.
READERS: dict[str, Callable[[str], Any]] = {
    "text": str,
    "number": float,
    "truth": _truth,
    "stamp": _stamp,
    "wall": _wall,
    "moment": _stamp,
    "id": str,
    "key": _key,  # the record's own id, which can be compared and sorted by
}


# How a value reads where it is compared as text: `like`, `wordlike`, `contains`.
_WRITERS: dict[str, Callable[[Any], str]] = {
    "truth": lambda value: "true" if value else "false",
    "stamp": lambda value: times.stamp_text(int(value)) or "",
    "moment": lambda value: times.stamp_text(int(value)) or "",
    "wall": lambda value: value.isoformat(),
    "key": lambda value: ids.encode(*value),
}


class Field:
    """One filterable field: its kind and how a record's value is had. `many`: the value is a tuple, and a filter fits if a part does.
    `exact` tells whether letters must fit in their case; without it, texts are compared folded."""

    def __init__(self, kind: str, get: Getter, *, many: bool = False, exact: Callable[[], bool] | None = None) -> None:
        self.kind = kind
        self.get = get
        self.many = many
        self._exact = exact

    def folds(self) -> bool:
        return self.kind == "text" and not (self._exact is not None and self._exact())

    def written(self, value: Any) -> str | None:
        """The value as the API would print it."""
        return None if value is None else _WRITERS.get(self.kind, str)(value)

    def key(self, row: Any) -> Any:
        """The value to sort by."""
        value = self.get(row)
        if self.many:
            value = value[0] if value else None
        return value.casefold() if self.kind == "text" and isinstance(value, str) else value


def compile_filter(field: Field, given: Mapping[str, Any]) -> Test:
    """A test of one record, or a GraphQL error that names what is wrong with the filter."""
    operation = given["operation"]
    get = field.get
    if operation in _NEGATIONS:
        positive = compile_filter(field, {**given, "operation": _NEGATIONS[operation]})
        return lambda row: not positive(row)
    fits = _value_test(field, given, operation)
    if field.many:
        return lambda row: any(fits(value) for value in get(row)) if get(row) else fits(None)
    return lambda row: fits(get(row))


def _value_test(field: Field, given: Mapping[str, Any], operation: str) -> Test:
    if operation == "isnull":
        return lambda value: value is None
    if operation in {"like", "wordlike"}:
        return _pattern(field, given, operation)
    if operation == "contains":
        parts = [part.casefold() for part in _values(given, operation) if part is not None]
        return lambda value: value is not None and any(part in (field.written(value) or "").casefold() for part in parts)
    wanted = _wanted(field, given, operation)
    fold = field.folds()
    if operation == "eq":
        return (lambda value: value is not None and value.casefold() == wanted) if fold else (lambda value: value == wanted)
    if operation == "in":
        return (lambda value: value is not None and value.casefold() in wanted) if fold else (lambda value: value in wanted)
    return _comparison(operation, wanted, fold=fold)


def _comparison(operation: str, wanted: Any, *, fold: bool) -> Test:
    compare = _COMPARISONS[operation]
    return lambda value: value is not None and compare(value.casefold() if fold else value, wanted)


def _wanted(field: Field, given: Mapping[str, Any], operation: str) -> Any:
    name = given["field"]
    if operation == "in":
        return [_read(field, name, value) for value in _values(given, operation) if value is not None]
    return _read(field, name, _single(given, operation))


def _values(given: Mapping[str, Any], operation: str) -> Sequence[str | None]:
    if given.get("values") is None:
        raise GraphQLError(f"Filter on '{given['field']}': '{operation}' takes 'values'")
    return given["values"]


def _single(given: Mapping[str, Any], operation: str) -> str:
    if given.get("value") is None:
        raise GraphQLError(f"Filter on '{given['field']}': '{operation}' takes 'value'")
    return given["value"]


def _read(field: Field, name: str, value: str) -> Any:
    try:
        return value.casefold() if field.folds() else READERS[field.kind](value)
    except (ValueError, OverflowError) as wrong:
        raise GraphQLError(f"Filter on '{name}': cannot read the value {value!r}: {wrong}") from wrong


def _pattern(field: Field, given: Mapping[str, Any], operation: str) -> Test:
    value = _single(given, operation)
    if operation == "wordlike":
        words = re.findall(r"\w+", value.casefold())
        return lambda held: _has_words(field.written(held), words)
    # `%` stands for any run of characters; everything else is meant literally.
    text = ".*".join(re.escape(part) for part in re.sub("%+", "%", value).split("%"))
    exact = field.kind == "text" and not field.folds()
    expression = re.compile(text, re.DOTALL if exact else re.DOTALL | re.IGNORECASE)
    return lambda held: held is not None and expression.fullmatch(field.written(held) or "") is not None


def _has_words(text: Any, words: Sequence[str]) -> bool:
    present = re.findall(r"\w+", str(text or "").casefold())
    return all(any(word in candidate for candidate in present) for word in words)
