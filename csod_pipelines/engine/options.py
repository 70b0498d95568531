"""Everything the engine may be told, as plain values: what the settings file says, translated by the runtime."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from types import MappingProxyType

from csod_pipelines.model.keys import Flow, Kind, SystemName
from csod_pipelines.model.outcomes import Mode

#: External-id word of each kind, as in ``csod:{portal}:{word}``.
EXTERNAL_WORDS: Mapping[Kind, str] = {
    Kind.ORG_UNIT: "ou",
    Kind.LOCATION: "location_ou",
    Kind.SUBJECT: "subject",
    Kind.PROVIDER: "vendor",
    Kind.PERSON: "user",
    Kind.COURSE: "event_lo",
    Kind.OFFERING: "session_lo",
    Kind.ENROLLMENT: "transcript",
}


@dataclass(frozen=True, slots=True)
class BrakeLimit:
    """So many within an hour or a batch, or so many percent of the linked records: the smaller one counts."""

    count: int
    percent: float


@dataclass(frozen=True, slots=True)
class CodeFilter:
    """Shell patterns of codes, compared without regard to case. No ``codes`` takes all; ``exclude_codes`` wins."""

    codes: tuple[str, ...] = ()
    exclude_codes: tuple[str, ...] = ()

    def takes(self, code: str) -> bool:
        def fits(patterns: tuple[str, ...]) -> bool:
            return any(fnmatchcase(code.casefold(), pattern.casefold()) for pattern in patterns)

        return (not self.codes or fits(self.codes)) and not fits(self.exclude_codes)


DEFAULT_BRAKES: Mapping[str, BrakeLimit] = MappingProxyType(
    {"deactivations": BrakeLimit(20, 5.0), "withdrawals": BrakeLimit(100, 5.0), "moves": BrakeLimit(200, 10.0)}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """``portal``: the Cornerstone portal's name, part of every external id. ``modes``: a flow without entry is live."""

    portal: str
    sandbox: bool = False
    instance: str = ""
    modes: Mapping[Flow, Mode] = field(default_factory=dict)
    pilot_group: str | None = None
    exclude_user_names: tuple[str, ...] = ()
    ou_roots: frozenset[str] = frozenset()
    templates: CodeFilter = CodeFilter()
    events: CodeFilter = CodeFilter()
    live_from: date | None = None
    write_back: frozenset[str] = frozenset()
    match_by_name: bool = True
    external_id_prefix: str = "ADM-"
    new_user_org_unit: str | None = None
    fill_attendance: bool = True
    sender: SystemName | None = None
    user_name_is_email: bool = True
    provider: str | None = None
    submit_after_hours: float = 72.0
    settle_seconds: float = 5.0
    confirm_poll_seconds: float = 0.25
    confirm_wait_seconds: float = 2.0
    confirm_deadline_seconds: float = 600.0
    gather_seconds: float = 3.0
    import_hands: int = 1  # batches of an import that may be under way at once
    claim_batch: int = 200  # a burst of hints about learners then costs one read, not one each fifty
    idle_poll_seconds: float = 0.2
    write_limit_in_ten_minutes: int = 5
    brakes: Mapping[str, BrakeLimit] = field(default_factory=lambda: DEFAULT_BRAKES)
    brake_minimum: int = 5
    empty_side: int = 10
    inbox_days: int = 90
    body_days: int = 90

    def external_name(self, kind: Kind) -> str:
        return f"csod:{self.portal}:{EXTERNAL_WORDS[kind]}"

    @property
    def log_origin(self) -> str:
        """Under which entries in the Integration Logs stand; a changed text would start a new history there."""
        return f"Cornerstone sync {self.instance}".strip()

    def mode(self, flow: Flow) -> Mode:
        return self.modes.get(flow, Mode.LIVE)
