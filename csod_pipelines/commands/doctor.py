"""`doctor`: is the house reachable, and does the portal do what the contract registers say? Reads only."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from csod_pipelines.commands.look import Json
from csod_pipelines.commands.opened import opened
from csod_pipelines.commands.show import Failed, as_json, say, table
from csod_pipelines.model.keys import SystemName

if TYPE_CHECKING:
    from csod_pipelines.runtime import House
    from csod_pipelines.systems.probing import Verdict

EXIT_DIFFERS = 1
_HEAD = "# What the read-only probes found otherwise than the registers say. Name this file in CSOD_PIPELINES_CONTRACT.\n"


def register(app: typer.Typer) -> None:
    app.command()(doctor)


def doctor(
    override: Annotated[Path | None, typer.Option(help="Write the proposed override file here.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Also list what was not tried, with the reason.")] = False,
    as_json_: Json = False,
) -> None:
    """Run the read-only probes of both contract registers. Ends with 0 when nothing differs, with 1 otherwise."""
    from csod_pipelines.systems.probing import Settled
    from csod_pipelines.systems.probing import override as proposal

    with opened() as house:
        found = _look(house)
    proposed = proposal(found)
    if override is not None and proposed:
        override.write_text(_HEAD + yaml.safe_dump(proposed, sort_keys=True, allow_unicode=True), encoding="utf-8")
    if as_json_:
        as_json({"rows": [_row(verdict) for verdict in found], "override": proposed})
    else:
        _print(found, proposed, everything=everything)
    if any(verdict.outcome is Settled.DIFFERS for verdict in found):
        raise typer.Exit(EXIT_DIFFERS)


def _look(house: House) -> list[Verdict]:
    from csod_pipelines.systems.administrate.adapter import AdministrateSystem
    from csod_pipelines.systems.administrate.probes import Probes as AdministrateProbes
    from csod_pipelines.systems.cornerstone.adapter import CornerstoneSystem
    from csod_pipelines.systems.cornerstone.probes import Probes as CornerstoneProbes
    from csod_pipelines.systems.probing import verdicts

    administrate, cornerstone = house.systems[SystemName.ADMINISTRATE], house.systems[SystemName.CORNERSTONE]
    if not isinstance(administrate, AdministrateSystem) or not isinstance(cornerstone, CornerstoneSystem):
        raise Failed("the house was built with other systems than Administrate and Cornerstone; there is nothing to probe")
    return [
        *verdicts(administrate.contract, AdministrateProbes(administrate).by_row()),
        *verdicts(cornerstone.contract, CornerstoneProbes(cornerstone).by_row()),
    ]


def _row(verdict: Verdict) -> dict[str, Any]:
    return {
        "system": verdict.system,
        "row": verdict.row,
        "outcome": verdict.outcome.value,
        "expected": verdict.expected,
        "found": verdict.found,
        "said": verdict.said,
        "provenance": verdict.provenance,
        "fallback": verdict.fallback,
    }


def _print(found: list[Verdict], proposed: dict[str, dict[str, Any]], *, everything: bool) -> None:
    from csod_pipelines.systems.probing import Settled

    shown = [verdict for verdict in found if everything or verdict.outcome is not Settled.NOT_TRIED]
    rows = [{"system": v.system, "row": v.row, "outcome": v.outcome.value, "what was seen": v.said} for v in shown]
    table(sorted(rows, key=lambda row: row["outcome"] != "differs"), empty="no probe could be run")
    counts = {outcome: sum(verdict.outcome is outcome for verdict in found) for outcome in Settled}
    say("\n" + ", ".join(f"{number} {outcome}" for outcome, number in counts.items()))
    if proposed:
        say("\nProposed override file (see CSOD_PIPELINES_CONTRACT):\n" + yaml.safe_dump(proposed, sort_keys=True, allow_unicode=True))
