"""Settling the contract register's guesses by looking at a live portal. Probes only read; what needs a write is left alone.

A probe answers with the value that the portal shows. It *differs* when the register says another; then the override file
should say what was found. A probe that finds nothing to look at (no inactive user, no session yet) settles nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from csod_pipelines.systems.contract import Contract, Row
from csod_pipelines.systems.errors import Forbidden, RateLimited, Refused, Unauthorized, VendorError


class Settled(StrEnum):
    SETTLED = "settled"
    DIFFERS = "differs"
    NOT_TRIED = "not tried"


@dataclass(frozen=True, slots=True)
class Found:
    """``value``: what the portal shows. ``said``: how it was seen."""

    value: Any
    said: str


@dataclass(frozen=True, slots=True)
class NothingToSee:
    """The portal holds no record by which this could be told."""

    why: str


Probe = Callable[[], Found | NothingToSee]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    system: str
    row: str
    outcome: Settled
    expected: Any
    found: Any
    said: str
    provenance: str
    fallback: str
    #: A switch, rule or list of names that an override file can change; a path is mended in the register.
    overridable: bool


def verdicts(contract: Contract, probes: Mapping[str, Probe]) -> Iterator[Verdict]:
    """Every row that is worth a look: what has a probe, and what nobody documents. Raises Unauthorized: nothing can be seen."""
    for row in contract.rows.values():
        probe = probes.get(row.name)
        if probe is None and row.provenance in ("documented", "seen in a client"):
            continue
        yield _verdict(contract, row, probe)


def _verdict(contract: Contract, row: Row, probe: Probe | None) -> Verdict:
    if probe is None:
        return _made(contract, row, Settled.NOT_TRIED, None, f"needs more than reading: {row.probe}" if row.probe else "no probe")
    try:
        found = probe()
    except Unauthorized:
        raise
    except Forbidden as err:
        return _made(contract, row, Settled.NOT_TRIED, None, f"a permission is missing: {err}"[:200])
    except RateLimited as err:
        return _made(contract, row, Settled.NOT_TRIED, None, f"the limit is used up until {err.until:%H:%M:%S} UTC")
    except Refused as err:
        return _made(contract, row, Settled.DIFFERS, None, str(err)[:200])
    except VendorError as err:
        return _made(contract, row, Settled.NOT_TRIED, None, str(err)[:200])
    if isinstance(found, NothingToSee):
        return _made(contract, row, Settled.NOT_TRIED, None, found.why)
    same = found.value == row.value
    return _made(contract, row, Settled.SETTLED if same else Settled.DIFFERS, found.value, found.said)


def _made(contract: Contract, row: Row, outcome: Settled, found: Any, said: str) -> Verdict:
    return Verdict(
        system=contract.system.value,
        row=row.name,
        outcome=outcome,
        expected=row.value,
        found=found,
        said=said,
        provenance=row.provenance,
        fallback=row.fallback or "",
        overridable=row.kind in ("switch", "rule", "field") and found is not None,
    )


def override(found: list[Verdict]) -> dict[str, dict[str, Any]]:
    """What the override file should say: vendor -> name -> value."""
    proposed: dict[str, dict[str, Any]] = {}
    for verdict in found:
        if verdict.outcome is Settled.DIFFERS and verdict.overridable:
            proposed.setdefault(verdict.system, {})[verdict.row] = verdict.found
    return proposed
