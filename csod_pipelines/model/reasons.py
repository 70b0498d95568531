"""Every reason in plain words: the one register behind all screens, logs and commands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Reason:
    code: str
    say: str
    who: str
    do: str


class _Blank(dict[str, Any]):
    """A placeholder without a parameter shows as a dash, never as an error."""

    def __missing__(self, key: str) -> str:
        return "-"


@cache
def register() -> Mapping[str, Reason]:
    rows = yaml.safe_load(files("csod_pipelines.model").joinpath("reasons.yaml").read_text(encoding="utf-8"))
    return {code: Reason(code=code, say=row["say"], who=row["who"], do=row["do"]) for code, row in rows.items()}


def explain(code: str, params: Mapping[str, Any] | None = None) -> str:
    """The sentence of a reason, filled in."""
    reason = register().get(code)
    if reason is None:
        return code.replace("_", " ")
    shown = {k: _shown(v) for k, v in (params or {}).items()}
    return reason.say.format_map(_Blank(code=code, **{k: v for k, v in shown.items() if k != "code"}))


def remedy(code: str) -> str:
    reason = register().get(code)
    return f"{reason.do} ({reason.who})" if reason is not None and reason.do else ""


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{k} = {_shown(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(str(v) for v in value)
    return str(value)
