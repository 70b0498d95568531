"""Which requests go wrong, and how. Pure decisions from a seed, so that the HTTP shell and an in-process simulation share them.

A rule is `{"match": {"method", "path", "operation"}, "fault": ..., "times": n, "probability": p}`. All given parts of `match` must fit;
`path` and `operation` take shell patterns (`/services/api/*`, `contact.*`). Rules are tried in the order they were added; the first that
fits and wins its throw is used up by one. Kinds of fault:

    status                 answered with `status` (503), optional `headers` and `body`; nothing happens, unless `after_effect` is true
    timeout_before_effect  no answer for `seconds` (60), then the connection drops; nothing happened
    timeout_after_effect   the same, but the request was carried out
    reset                  the connection is reset at once; nothing happened, unless `after_effect` is true
    slow                   the true answer, `seconds` (2) late
    malformed              carried out, then 200 with a body that is not JSON
    truncated_200          carried out, then 200 with the first part of the true body
    result_failed_in_200   refused in the vendor's own words inside a 200; nothing happens
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Protocol, runtime_checkable

import orjson

from csod_pipelines.sandbox.kit import Request, Response

KINDS = (
    "status",
    "timeout_before_effect",
    "timeout_after_effect",
    "reset",
    "slow",
    "malformed",
    "truncated_200",
    "result_failed_in_200",
)
MOST_SECONDS = 3_600
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+: [\x20-\x7e\xa0-\xff]*")
_MATCH_KEYS = {"method", "path", "operation"}
_RULE_KEYS = {
    "match",
    "fault",
    "times",
    "probability",
    "status",
    "headers",
    "body",
    "seconds",
    "after_effect",
}
_DEFAULT_SECONDS = {
    "slow": 2.0,
    "timeout_before_effect": 60.0,
    "timeout_after_effect": 60.0,
}


@runtime_checkable
class NamesOperations(Protocol):
    """A core that can name what a request would do, for faults matched by operation."""

    def operations(self, request: Request) -> tuple[str, ...]: ...


@runtime_checkable
class RefusesInOwnWords(Protocol):
    """A core that can compose its vendor's refusal inside a 200 without doing anything."""

    def refuse(self, request: Request, *, reason: str) -> Response: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is to happen to one request."""

    rule: int
    kind: str
    status: int = 503
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""
    seconds: float = 0.0
    after_effect: bool = False

    @property
    def carried_out(self) -> bool:
        """Whether the core handles the request although the caller does not get a plain answer."""
        return self.kind in {"timeout_after_effect", "slow", "malformed", "truncated_200"} or self.after_effect


@dataclass(slots=True, kw_only=True)
class Rule:
    id: int
    match: Mapping[str, str]
    fault: Fault
    times: int | None
    probability: float
    used: int = 0

    def fits(self, request: Request, operations: Sequence[str]) -> bool:
        method, path, operation = (self.match.get(key) for key in ("method", "path", "operation"))
        if method is not None and method.upper() != request.method.upper():
            return False
        if path is not None and not fnmatchcase(request.path, path):
            return False
        return operation is None or any(fnmatchcase(name, operation) for name in operations)

    def row(self) -> dict[str, Any]:
        shown = {
            "id": self.id,
            "match": dict(self.match),
            "fault": self.fault.kind,
            "times": self.times,
            "used": self.used,
        }
        return shown | {
            "probability": self.probability,
            "status": self.fault.status,
            "seconds": self.fault.seconds,
        }


class Faults:
    """The rules in force and the dice they are thrown with."""

    def __init__(self, *, seed: int = 1) -> None:
        self._last_id = 0
        self.restart(seed=seed)

    def restart(self, *, seed: int) -> None:
        self._dice = random.Random(seed)
        self._rules: list[Rule] = []

    def __bool__(self) -> bool:
        return bool(self._rules)

    def add(self, spec: Mapping[str, Any]) -> Rule:
        """Add one rule; ValueError with a clear text when it makes no sense."""
        _check(spec)
        self._last_id += 1
        kind = spec["fault"]
        fault = Fault(
            rule=self._last_id,
            kind=kind,
            status=int(spec.get("status", 503)),
            headers={str(name): str(value) for name, value in (spec.get("headers") or {}).items()},
            body=_body_text(spec.get("body", "")),
            seconds=float(spec.get("seconds", _DEFAULT_SECONDS.get(kind, 0.0))),
            after_effect=bool(spec.get("after_effect", False)),
        )
        times = spec.get("times")
        rule = Rule(
            id=self._last_id,
            match=dict(spec.get("match") or {}),
            fault=fault,
            times=None if times is None else int(times),
            probability=float(spec.get("probability", 1.0)),
        )
        self._rules.append(rule)
        return rule

    def clear(self, *, id: int | None = None) -> int:
        kept = [] if id is None else [rule for rule in self._rules if rule.id != id]
        removed = len(self._rules) - len(kept)
        self._rules = kept
        return removed

    def rows(self) -> list[dict[str, Any]]:
        return [rule.row() for rule in self._rules]

    def decide(self, request: Request, *, operations: Sequence[str]) -> Fault | None:
        """The fault that befalls this request, if any. Throws dice only for rules that fit, so other traffic does not shift the outcome."""
        for rule in self._rules:
            if (rule.times is not None and rule.used >= rule.times) or not rule.fits(request, operations):
                continue
            if rule.probability < 1.0 and self._dice.random() >= rule.probability:
                continue
            rule.used += 1
            return rule.fault
        return None


def answer(fault: Fault, true_answer: Response | None) -> Response | None:
    """What the caller is sent; None when it gets nothing and the connection drops."""
    if fault.kind == "status":
        headers = {"content-type": "application/json", **fault.headers}
        return Response(
            status=fault.status,
            headers=headers,
            body=fault.body.encode() or b'{"error": "injected by a fault rule"}',
        )
    if fault.kind in {"timeout_before_effect", "timeout_after_effect", "reset"}:
        return None
    if fault.kind == "malformed":
        return Response(
            status=200,
            headers={"content-type": "text/html"},
            body=b"<html><body>We are sorry, something went wrong</body></html>",
        )
    if fault.kind == "truncated_200" and true_answer is not None:
        return Response(
            status=200,
            headers=true_answer.headers,
            body=true_answer.body[: len(true_answer.body) // 2],
        )
    return true_answer


def _body_text(body: Any) -> str:
    return body if isinstance(body, str) else orjson.dumps(body).decode()


def _check(spec: Mapping[str, Any]) -> None:
    if unknown := set(spec) - _RULE_KEYS:
        raise ValueError(f"unknown keys in a fault rule: {sorted(unknown)}; known: {sorted(_RULE_KEYS)}")
    if spec.get("fault") not in KINDS:
        raise ValueError(f"fault {spec.get('fault')!r} is not one of {', '.join(KINDS)}")
    match = spec.get("match") or {}
    if (
        not isinstance(spec.get("headers") or {}, Mapping)
        or not isinstance(match, Mapping)
        or set(match) - _MATCH_KEYS
        or not all(isinstance(part, str) for part in match.values())
    ):
        raise ValueError(f"match takes texts for {sorted(_MATCH_KEYS)} and headers an object of texts; match is {match!r}")
    if any(not isinstance(value, str) or not _HEADER.fullmatch(f"{name}: {value}") for name, value in (spec.get("headers") or {}).items()):
        raise ValueError("headers are one line of Latin-1 text each, with a plain name")
    if not isinstance(spec.get("after_effect", False), bool):
        raise ValueError("after_effect is true or false")
    for key in ("times", "status"):
        if isinstance(spec.get(key), float):
            raise ValueError(f"{key} must be a whole number, not {spec[key]!r}")
    for key in ("times", "status", "probability", "seconds"):
        value = spec.get(key)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or value < 0):
            raise ValueError(f"{key} must be a number of at least 0, not {value!r}")
    if not 0 <= spec.get("probability", 1.0) <= 1:
        raise ValueError("probability lies between 0 and 1")
    if spec.get("seconds", 0) > MOST_SECONDS:
        raise ValueError(f"seconds lies between 0 and {MOST_SECONDS}")
    if not 200 <= spec.get("status", 503) <= 599:
        raise ValueError("status lies between 200 and 599")
