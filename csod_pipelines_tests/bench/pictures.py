"""The pictures of docs/benchmarks.md: how much of each target is used up, and what a soak looked like from minute to minute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from csod_pipelines_tests.bench.table import cells

MET, MISSED, LINE = "#2a9d8f", "#d1495b", "#26547c"
#: Fixed, so that the same figures make the same file.
_STYLE: dict[Any, Any] = {
    "svg.hashsalt": "csod_pipelines",
    "svg.fonttype": "none",
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
SOAK = (
    ("memory of worker and gateway, MB", ("worker_mb", "gateway_mb")),
    ("connections to the database", ("connections",)),
    ("units of work waiting", ("waiting",)),
    ("all tables, MB; the ledger keeps every call", ("tables_mb",)),
)


def targets(measurements: Mapping[str, Any], file: Path) -> Path:
    """A bar a row whose target is a number: its length is the share of the target that is used up."""
    rows = [(name, row) for name, measured in measurements.items() for row in measured["rows"] if row.get("used") is not None]
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(9, 0.6 + 0.23 * len(rows)), layout="constrained")
        axes = figure.subplots()
        used = [row["used"] for _, row in rows]
        axes.barh(range(len(rows)), used, color=[MET if row["met"] else MISSED for _, row in rows])
        axes.set_yticks(range(len(rows)), [f"{name}: {row['name']}" for name, row in rows])
        for place, (_, row) in enumerate(rows):
            axes.text(max(1.0, row["used"]) + 0.02, place, f"{cells(row)[1]}; target {row['target']}", va="center", fontsize=7)
        axes.axvline(1, color="black", linewidth=0.8)
        axes.invert_yaxis()
        axes.set_xlim(0, max([1.0, *used]) + 0.75)
        axes.set_xlabel("share of the target that is used up: what ends left of the line is met")
        return _saved(figure, file)


def soak(samples: Sequence[Mapping[str, Any]], file: Path) -> Path:
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(9, 4.5), layout="constrained")
        minutes = [sample["at"] / 60 for sample in samples]
        for axes, (title, names) in zip(figure.subplots(2, 2, sharex=True).flat, SOAK, strict=True):
            for name, color in zip(names, (LINE, MET), strict=False):
                axes.plot(minutes, [sample[name] for sample in samples], color=color, linewidth=1, label=name.removesuffix("_mb"))
            axes.set_title(title, loc="left", fontsize=9)
            axes.set_ylim(bottom=0)
            if len(names) > 1:
                axes.legend(frameon=False)
        for axes in figure.axes[-2:]:
            axes.set_xlabel("minutes")
        return _saved(figure, file)


def _saved(figure: Figure, file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file, metadata={"Date": None})
    return file
