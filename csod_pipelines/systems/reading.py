"""Turning what a vendor sent into records: a shape that we do not know is Malformed, never a crash of the run."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from csod_pipelines.systems.errors import Malformed

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
