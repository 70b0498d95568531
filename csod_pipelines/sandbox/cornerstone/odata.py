"""The stretch of OData v4 that the portal's read services take: ``$filter`` with comparisons, and, or, not; literals with casts."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from csod_pipelines.sandbox.cornerstone.envelopes import ApiError

Predicate = Callable[[Mapping[str, Any]], bool]

_TOKEN = re.compile(r"\s*(?:(?P<punct>[(),])|(?P<text>'(?:[^']|'')*')|(?P<word>[^\s(),']+))")
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "gt": lambda a, b: a is not None and b is not None and a > b,
    "ge": lambda a, b: a is not None and b is not None and a >= b,
    "lt": lambda a, b: a is not None and b is not None and a < b,
    "le": lambda a, b: a is not None and b is not None and a <= b,
}
_DEEPEST = 50
_MOST_TOKENS = 2_000


def bad(message: str) -> ApiError:
    return ApiError(400, f"The query specified in the URI is not valid. {message}")


class Filter:
    """A parsed ``$filter``: a test of a row, and the equalities that must hold of every row that passes."""

    def __init__(self, text: str, *, fields: Mapping[str, str], filterable: frozenset[str]) -> None:
        self._tokens = _tokens(text)
        self._place = 0
        self._fields, self._filterable = fields, filterable
        self.equalities: dict[str, Any] = {}
        self.test: Predicate = self._either(0)
        if self._place < len(self._tokens):
            raise bad(f"Unexpected {self._tokens[self._place][1]!r} in $filter")

    def _peek(self) -> str | None:
        kind, value = self._tokens[self._place] if self._place < len(self._tokens) else (None, None)
        return value.lower() if kind == "word" and value is not None else value

    def _take(self) -> tuple[str, str]:
        if self._place >= len(self._tokens):
            raise bad("$filter ends too early")
        self._place += 1
        return self._tokens[self._place - 1]

    def _expect(self, value: str) -> None:
        if self._take()[1] != value:
            raise bad(f"{value!r} expected in $filter")

    def _either(self, depth: int) -> Predicate:
        parts = [self._both(depth)]
        while self._peek() == "or":
            self._take()
            parts.append(self._both(depth))
        if len(parts) == 1:
            return parts[0]
        self.equalities = {}
        return lambda row: any(part(row) for part in parts)

    def _both(self, depth: int) -> Predicate:
        parts = [self._one(depth)]
        while self._peek() == "and":
            self._take()
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else lambda row: all(part(row) for part in parts)

    def _one(self, depth: int) -> Predicate:
        if depth > _DEEPEST:
            raise bad("$filter is nested too deeply")
        if self._peek() == "not":
            self._take()
            inner = self._one(depth + 1)
            self.equalities = {}
            return lambda row: not inner(row)
        if self._peek() == "(":
            self._take()
            inner = self._either(depth + 1)
            self._expect(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Predicate:
        kind, name = self._take()
        operator = self._take()[1].lower()
        if kind != "word" or name not in self._fields:
            raise bad(f"Could not find a property named {name!r}")
        if name not in self._filterable:
            raise bad(f"The property {name!r} is not indexed and cannot be filtered")
        if operator not in _OPERATORS:
            raise bad(f"Unknown operator {operator!r}")
        value = _converted(self._literal(), self._fields[name], name)
        compare = _OPERATORS[operator]
        if operator == "eq":
            self.equalities[name] = value
        return lambda row: compare(row[name], value)

    def _literal(self) -> str | None:
        kind, value = self._take()
        if kind == "text":
            return value[1:-1].replace("''", "'")
        if value.lower() == "cast":
            self._expect("(")
            kind, inner = self._take()
            self._expect(",")
            self._take()
            self._expect(")")
            return inner[1:-1].replace("''", "'") if kind == "text" else inner
        if kind != "word":
            raise bad("A value is expected in $filter")
        return None if value.lower() == "null" else value


def _tokens(text: str) -> list[tuple[str, str]]:
    found, place = [], 0
    stripped = text.rstrip()
    while place < len(stripped):
        match = _TOKEN.match(stripped, place)
        if match is None or len(found) > _MOST_TOKENS:
            raise bad(f"Syntax error at position {place} in $filter")
        kind = match.lastgroup or "word"
        found.append((kind, match.group(kind)))
        place = match.end()
    if not found:
        raise bad("$filter is empty")
    return found


def _converted(literal: str | None, kind: str, name: str) -> Any:
    if literal is None:
        return None
    try:
        if kind == "int":
            return int(literal)
        if kind == "number":
            return float(literal)
        if kind == "bool":
            return {"true": True, "false": False, "1": True, "0": False}[literal.lower()]
        if kind == "instant":
            parsed = datetime.fromisoformat(literal.replace(" ", "+"))
            return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
        return literal.lower() if kind == "guid" else literal
    except (ValueError, KeyError, OverflowError) as err:
        raise bad(f"{literal!r} is not a value of the property {name!r}") from err
