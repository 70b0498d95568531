"""How commands print: tables and trees for people, JSON for programs, one line for what went wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text


class Failed(Exception):
    """A command could not do its work; the message says what was tried and what to do next."""


def plain(text: str) -> str:
    """Without the controls by which a record's title could move the cursor or rename the window. Lines stay."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\ufffd" for c in text)


def say(text: str) -> None:
    print(plain(text), flush=True)  # noqa: T201


def as_json(value: Any) -> None:
    json.dump(value, sys.stdout, indent=2, default=str, ensure_ascii=False)
    sys.stdout.write("\n")


def table(rows: Sequence[Mapping[str, Any]], *, empty: str) -> None:
    """Columns are the keys of the first row; what is wide is folded, never cut."""
    if not rows:
        say(empty)
        return
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in rows[0]:
        shown.add_column(str(name).replace("_", " "), overflow="fold")
    for row in rows:
        # Text, not str: rich would read a title in square brackets as markup.
        shown.add_row(*(Text("" if row.get(name) is None else plain(str(row[name]))) for name in rows[0]))
    Console(soft_wrap=not sys.stdout.isatty(), width=None if sys.stdout.isatty() else 200).print(shown)


def tree(value: Mapping[str, Any], *, indent: int = 0) -> None:
    for name, inner in value.items():
        pad = "  " * indent
        label = str(name).replace("_", " ")
        if isinstance(inner, Mapping):
            say(f"{pad}{label}:" if inner else f"{pad}{label}: none")
            tree(inner, indent=indent + 1)
        elif isinstance(inner, list | tuple):
            say(f"{pad}{label}:" if inner else f"{pad}{label}: none")
            for row in inner:
                say(f"{pad}  - {row}")
        else:
            say(f"{pad}{label}: {inner}")
