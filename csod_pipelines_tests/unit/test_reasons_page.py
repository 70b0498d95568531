"""The page of reasons that operators read holds what the code says."""

from __future__ import annotations

import runpy
from pathlib import Path

SCRIPT = Path(__file__).parents[2] / "docs" / "reasons.py"


def test_the_page_of_reasons_is_the_register() -> None:
    made = runpy.run_path(str(SCRIPT))
    assert made["PAGE"].read_text(encoding="utf-8") == made["page"](), "docs/reasons.md is stale: python docs/reasons.py"
