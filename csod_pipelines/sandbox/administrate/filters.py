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
_LISTS = {"in", "contains"}
_NEGATIONS = {"ne": "eq", "notin": "in", "notnull": "isnull"}
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {"gt": operator.gt, "ge": operator.ge, "lt": operator.lt, "le": operator.le}
_TRUTH = {"true": True, "false": False, "1": True, "0": False}


def _text(value: str) -> str:
    return value.casefold()


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
    "text": _text,
    "number": float,
    "truth": _truth,
    "stamp": _stamp,
    "wall": _wall,
    "moment": _stamp,
    "id": str,
    "key": _key,  # the record's own id, which can be compared and sorted by
}


class Field:
    """One filterable field: its kind and how a record's value is had. `many`: the value is a tuple, and a filter fits if a part does."""

    def __init__(self, kind: str, get: Getter, *, many: bool = False) -> None:
        self.kind = kind
        self.get = get
        self.many = many

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
    wanted = _wanted(field, given, operation)
    fold = field.kind == "text"
    if operation == "eq":
        return (lambda value: value is not None and value.casefold() == wanted) if fold else (lambda value: value == wanted)
    if operation == "in":
        return (lambda value: value is not None and value.casefold() in wanted) if fold else (lambda value: value in wanted)
    if operation == "contains":
        parts = [str(part).casefold() for part in wanted]
        return lambda value: value is not None and any(part in str(value).casefold() for part in parts)
    return _comparison(operation, wanted, fold=fold)


def _comparison(operation: str, wanted: Any, *, fold: bool) -> Test:
    compare = _COMPARISONS[operation]
    return lambda value: value is not None and compare(value.casefold() if fold else value, wanted)


def _wanted(field: Field, given: Mapping[str, Any], operation: str) -> Any:
    name = given["field"]
    if operation in _LISTS:
        values = given.get("values")
        if values is None:
            raise GraphQLError(f"Filter on '{name}': '{operation}' takes 'values'")
        return [_read(field, name, value) for value in values if value is not None]
    value = given.get("value")
    if value is None:
        raise GraphQLError(f"Filter on '{name}': '{operation}' takes 'value'")
    if operation in _COMPARISONS and field.kind == "truth":
        raise GraphQLError(f"Filter on '{name}': '{operation}' does not fit a yes-or-no field")
    return _read(field, name, value)


def _read(field: Field, name: str, value: str) -> Any:
    try:
        return READERS[field.kind](value)
    except (ValueError, OverflowError) as wrong:
        raise GraphQLError(f"Filter on '{name}': cannot read the value {value!r}: {wrong}") from wrong


def _pattern(field: Field, given: Mapping[str, Any], operation: str) -> Test:
    value = given.get("value")
    if value is None or field.kind not in {"text", "id"}:
        raise GraphQLError(f"Filter on '{given['field']}': '{operation}' takes a text 'value' on a text field")
    if operation == "wordlike":
        words = re.findall(r"\w+", value.casefold())
        return lambda held: _has_words(held, words)
    # `%` stands for any run of characters; everything else is meant literally.
    expression = re.compile(".*".join(re.escape(part) for part in re.sub("%+", "%", value).split("%")), re.IGNORECASE | re.DOTALL)
    return lambda held: isinstance(held, str) and expression.fullmatch(held) is not None


def _has_words(text: Any, words: Sequence[str]) -> bool:
    present = re.findall(r"\w+", str(text or "").casefold())
    return all(any(word in candidate for candidate in present) for word in words)
