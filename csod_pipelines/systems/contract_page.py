"""docs/contract.md: the contract registers as a page for people. ``python -m csod_pipelines.systems.contract_page`` writes it anew.

Generated, so that what it says is what the code asks for; a test fails when the file is not what this module would write.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from csod_pipelines.model.keys import SystemName
from csod_pipelines.systems.contract import KINDS, PROVENANCES, Contract, Row, load

PAGE = Path(__file__).parents[2] / "docs" / "contract.md"
TITLES = {SystemName.ADMINISTRATE: "Administrate", SystemName.CORNERSTONE: "Cornerstone"}
HEADINGS = {"endpoint": "Endpoints", "field": "Fields, queries and mutations", "rule": "Rules", "switch": "Switches"}

INTRODUCTION = """\
# What we rely on at both vendors

Written by `python -m csod_pipelines.systems.contract_page` from `csod_pipelines/systems/*/contract.yaml`; edit those files, not this page.

Every endpoint, field and rule that the code relies on has a row. **Provenance** says how sure of it we are:

| Provenance | Means |
|---|---|
| documented | the vendor's own page says so; the contract tests hold the sandbox to it, one expectation a row |
| seen in a client | somebody's working integration does it so |
| inferred | concluded from what is known |
| guess | nobody told us; the sandbox plays it either way, by the switch of the row's name |

What is not documented has a **fallback**, what the code does where the row turns out to be wrong, and a **probe**, what would settle
it on a portal. Once it is settled, an override file gives the value (`CSOD_PIPELINES_CONTRACT` names it):

```yaml
cornerstone: {part_time_zone_rule: account, reporting_provider_view: false}
```

A sandbox takes the same names: `PATCH /_sandbox/config` with `{"part_time_zone_rule": "account"}` (Cornerstone), or
`{"switches": {"account_parent": false}}` (Administrate).

## Asking a real portal

`pytest csod_pipelines_tests/contract` runs against the sandboxes. Given a portal's address it runs the expectations that only read, and
skips the others; nothing is written there unless that is asked for.

| Variable | Holds |
|---|---|
| `CSOD_PIPELINES_CONTRACT_CORNERSTONE_URL` | `https://{corp}.csod.com` |
| `CSOD_PIPELINES_CONTRACT_CORNERSTONE_CLIENT_ID`, `_CLIENT_SECRET` | of an OAuth application whose scopes read |
| `CSOD_PIPELINES_CONTRACT_ADMINISTRATE_API_URL`, `_AUTH_URL` | the GraphQL address, the token address |
| `CSOD_PIPELINES_CONTRACT_ADMINISTRATE_CLIENT_ID`, `_CLIENT_SECRET` | of an installed application |
| `CSOD_PIPELINES_CONTRACT_WRITES` | `1`: also the expectations that write records of their own, which stay there; for a test portal |
"""


def page(contracts: Iterable[Contract]) -> str:
    contracts = list(contracts)
    lines = [INTRODUCTION, *_counts(contracts)]
    for contract in contracts:
        lines += ["", f"## {TITLES[contract.system]}"]
        for kind in KINDS:
            rows = [row for row in contract.rows.values() if row.kind == kind]
            if rows:
                lines += ["", f"### {HEADINGS[kind]}", "", *_table(rows)]
    return "\n".join(lines) + "\n"


def _counts(contracts: Iterable[Contract]) -> Iterator[str]:
    yield from ("## How much is known", "", f"| | {' | '.join(PROVENANCES)} | all |", "|---|" + "---:|" * (len(PROVENANCES) + 1))
    for contract in contracts:
        found = Counter(row.provenance for row in contract.rows.values())
        cells = " | ".join(str(found[provenance]) for provenance in PROVENANCES)
        yield f"| {TITLES[contract.system]} | {cells} | {found.total()} |"


def _table(rows: Iterable[Row]) -> Iterator[str]:
    yield "| Name | Value | Provenance | Source | Fallback | Probe |"
    yield "|---|---|---|---|---|---|"
    for row in rows:
        name = f"`{row.name}`" + (f" (switch `{row.switch}`)" if row.switch else "")
        cells = (name, _value(row), row.provenance, row.source, row.fallback or "", row.probe or "")
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _value(row: Row) -> str:
    per = {"second": row.per_second, "minute": row.per_minute, "UTC day": row.per_day}
    limits = [f"{count:,} a {period}" for period, count in per.items() if count]
    if row.concurrency:
        limits.append(f"{row.concurrency} at a time")
    return _text(row.value) + (f"; {', '.join(limits)}" if limits else "")


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(f"`{item}`" for item in value) or "no arguments"
    if isinstance(value, Mapping):
        return ", ".join(f"`{name}`: {_text(item) if isinstance(item, list) else item}" for name, item in value.items())
    if value is None:
        return "not known"
    return f"`{value}`" if isinstance(value, str) else orjson.dumps(value).decode()


def main() -> int:
    text = page(load(system) for system in SystemName)
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(text, encoding="utf-8")
    sys.stdout.write(f"{PAGE} written\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
