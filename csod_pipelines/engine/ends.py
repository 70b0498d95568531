"""How a roster ended, person by person, and how several ends make one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from csod_pipelines.engine.context import End
from csod_pipelines.model.outcomes import Disposition


@dataclass(slots=True, kw_only=True)
class RosterEnd:
    """``members``: by record key. ``unresolved``: people whose end is still open; look again in ``again_seconds``. ``to_close``: a
    registration that Cornerstone never carried out is to be given up, which writes to nobody."""

    overall: End
    members: dict[str, End] = field(default_factory=dict)
    unresolved: set[str] = field(default_factory=set)
    again_seconds: float | None = None
    to_close: bool = False


_ORDER = (Disposition.FAILED, Disposition.PARKED, Disposition.WOULD_APPLY, Disposition.APPLIED, Disposition.IGNORED, Disposition.UNCHANGED)


def merged(ends: Sequence[End]) -> End:
    """The gravest end stands for all, with every operation."""
    worst = min(ends, key=lambda end: _ORDER.index(end.disposition))
    ids = tuple(dict.fromkeys(id for end in ends for id in end.operations))
    return End(disposition=worst.disposition, reason=worst.reason, params=worst.params, operations=ids)
