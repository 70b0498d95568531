"""One line of the table: a figure, what it is held against, and whether that is reached."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import ceil
from statistics import median
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """``against`` names the peer or bound, ``ratio`` is the figure over it. ``met`` None: for comparison, with no target.

    ``used``: how much of the target the figure takes up, at most 1 where it is met; None where that is no number.
    ``section`` names the line of the targets that the row belongs to; several rows may belong to one."""

    section: str
    name: str
    figure: float | str
    unit: str
    against: str = ""
    ratio: float | None = None
    target: str = ""
    met: bool | None = None
    used: float | None = None
    note: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


def percentile(values: Sequence[float], share: float) -> float:
    """The value that ``share`` of them do not exceed; the nearest one that was seen."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def middle(values: Iterable[float]) -> float:
    return median(list(values))


def shown(figure: float | str) -> str:
    """Three significant digits, thousands apart."""
    if isinstance(figure, str):
        return figure
    if figure == 0 or abs(figure) >= 100:
        return f"{figure:,.0f}"
    digits = 2 if abs(figure) >= 1 else 3
    return f"{figure:.{digits}f}"
