"""Write docs/reasons.md from csod_pipelines/model/reasons.yaml: `.venv/bin/python docs/reasons.py`."""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from csod_pipelines.model.reasons import Reason, register

PAGE = Path(__file__).with_suffix(".md")
#: In the order in which somebody looks for his own part.
WHO = {
    "operator": "For whoever operates the integration",
    "learning administrator": "For learning administrators",
    "HR": "For HR",
    "nobody": "Nothing to do",
}
HEAD = """# Every reason, and what to do

Written by `python docs/reasons.py` from `csod_pipelines/model/reasons.yaml`; edit that file, not this page.

Nothing is written, left out, parked or refused without one of these. They stand in the ledger, in Dagster's tables, in Administrate's
Integration Logs and in what the commands print; a word in braces is filled in there.
"""


def page() -> str:
    reasons = sorted(register().values(), key=lambda reason: list(WHO).index(reason.who))
    parts = [HEAD]
    for who, group in groupby(reasons, key=lambda reason: reason.who):
        parts.append(f"\n## {WHO[who]}\n\n| reason | it says | do |\n|---|---|---|")
        parts += [_row(reason) for reason in group]
    return "\n".join(parts) + "\n"


def _row(reason: Reason) -> str:
    return f"| `{reason.code}` | {reason.say.replace('|', '/')} | {reason.do} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
