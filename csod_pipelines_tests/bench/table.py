"""The rows as a table of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from csod_pipelines_tests.bench.rows import shown

HEADINGS = ("what", "figure", "held against", "ratio", "target", "")
VERDICTS = {True: "met", False: "not met", None: ""}
WIDEST = 64


def cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    ratio = row["ratio"]
    return (
        row["name"],
        f"{shown(row['figure'])} {row['unit']}".strip(),
        row["against"],
        "" if ratio is None else shown(ratio),
        row["target"],
        VERDICTS[row["met"]],
    )


def as_text(rows: Sequence[Mapping[str, Any]], *, headings: bool = True) -> str:
    lines = ([HEADINGS] if headings else []) + [cells(row) for row in rows]
    if not headings:
        return "\n".join("  " + "; ".join(cell for cell in line if cell) for line in lines)
    widths = [min(max(len(line[i]) for line in lines), WIDEST) for i in range(len(HEADINGS))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines)
