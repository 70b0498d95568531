"""What a look at a vendor can say of a record: it is there, it is gone, or nothing certain."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from csod_pipelines.model.records import Record


@dataclass(frozen=True, slots=True)
class Present:
    record: Record


@dataclass(frozen=True, slots=True)
class Gone:
    """The record was, and is not: ``evidence`` says which answer proves it."""

    evidence: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """Neither there nor gone can be concluded (hidden, inactive, no permission). Writes nothing."""

    why: str


Reading = Present | Gone | Unknown


@dataclass(frozen=True, slots=True, kw_only=True)
class Roster:
    """Everybody of one offering as one vendor shows it.

    ``complete``: the listing is known to hold every row; only then does a missing row mean anything.
    ``ended_at`` and ``now`` are by the vendor's clock. ``facts``: ``min_parts``, ``places``, ``held_elsewhere``.
    """

    offering_id: str
    rows: tuple[Record, ...]
    complete: bool = True
    facts: Mapping[str, Any] = field(default_factory=dict)
