"""Turning what a vendor sent into records: a shape that we do not know is Malformed, never a crash of the run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from csod_pipelines.systems.errors import Malformed

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")


def understands(what: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Wrap a pure parser of ``what`` (such as "cornerstone user")."""

    def decorate(parse: Callable[P, R]) -> Callable[P, R]:
        @wraps(parse)
        def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return parse(*args, **kwargs)
            except (KeyError, TypeError, ValueError, AttributeError) as err:
                raise Malformed(f"{what}: an answer in a shape that is not known ({type(err).__name__}: {err})") from err

        return wrapped

    return decorate


class Tolerant:
    """Parses the rows of a scan one by one. A row that cannot be understood is left out, and the scan is no longer complete."""

    def __init__(self, what: str) -> None:
        self._what = what
        self.skipped = 0

    def records(self, rows: Iterable[Mapping[str, Any]], parse: Callable[[Mapping[str, Any]], R]) -> list[R]:
        found: list[R] = []
        for row in rows:
            try:
                found.append(parse(row))
            except Malformed:
                self.skipped += 1
                log.warning(
                    "left a row out of the scan of %s, its shape is not known: id %s", self._what, row.get("id") or row.get("user_id")
                )
        return found
