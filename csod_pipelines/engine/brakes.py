"""Brakes: a flow stops by itself before it deactivates, withdraws or moves more than is usual.

Each kind of record is counted by itself, in the batch at hand and in a sliding hour of the ledger. A flow that was stopped
stays held until a person releases the plan that was shown to them: exactly the writes of that plan then pass, and only for
a while. Creations are never counted.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from csod_pipelines.engine.errors import BrakeOn
from csod_pipelines.model.keys import VENDOR_WORDS, Flow, Kind, SystemName
from csod_pipelines.store import brakes as counts
from csod_pipelines.store import controls, images, links
from csod_pipelines.store.database import Database
from csod_pipelines.sync.directions import DIRECTIONS
from csod_pipelines.systems.base import Clock

if TYPE_CHECKING:
    from csod_pipelines.engine.context import Context, Step
    from csod_pipelines.engine.operations import Intent
    from csod_pipelines.engine.options import EngineOptions

HOUR_SECONDS = 3600.0
COUNT_AGAIN_SECONDS = 60.0  # how long the number of linked records, a share of which is the limit, is taken for granted

DEACTIVATIONS, WITHDRAWALS, MOVES = "deactivations", "withdrawals", "moves"
#: Fields whose change moves or renames a record. A person's own name is everyday work.
MOVING: dict[Kind, frozenset[str]] = {
    Kind.ORG_UNIT: frozenset({"name", "parent_id"}),
    Kind.PERSON: frozenset({"org_unit_id"}),
    Kind.LOCATION: frozenset({"name"}),
    Kind.SUBJECT: frozenset({"path"}),
    Kind.PROVIDER: frozenset({"name"}),
}
_IN_WORDS = {DEACTIVATIONS: "would be made inactive", WITHDRAWALS: "would be withdrawn or cancelled", MOVES: "would be moved or renamed"}


def held_name(flow: str) -> str:
    return f"brake:{flow}"


def released_name(flow: str) -> str:
    return f"brake-release:{flow}"


@dataclass(frozen=True, slots=True)
class Counted:
    """``unit`` is counted once; ``key`` names this very write in a plan and in its release."""

    brake: str
    unit: str
    key: str


def counted(intent: Intent) -> Counted | None:
    """What a brake counts this write under; None for what no brake looks at."""
    brake = _brake_of(intent)
    if brake is None:
        return None
    record = f"{intent.kind}|{intent.administrate_id or ''}|{intent.cornerstone_id or ''}"
    unit = intent.subject if intent.payload.get("offering") == "cancelled" else record
    return Counted(brake=brake, unit=unit, key=f"{brake}|{record}")


def _brake_of(intent: Intent) -> str | None:
    if intent.kind is Kind.ENROLLMENT:
        return WITHDRAWALS if intent.action in ("withdrawn", "cancelled") else None
    if intent.action != "updated":
        return None
    if "active" in intent.fields and intent.payload.get("active") is False:
        return DEACTIVATIONS
    return MOVES if MOVING.get(intent.kind, frozenset()) & set(intent.fields) else None


def digest_of(steps: Iterable[Step]) -> str | None:
    """The name of a plan's braked part: the same writes have the same name, whatever else is planned."""
    keys = sorted({f"{step.brake}|{','.join(step.fields)}" for step in steps if step.brake})
    return hashlib.sha256("\n".join(keys).encode()).hexdigest()[:12] if keys else None


class Brakes:
    """Asked right before each write. One a process: what it remembers is only how many records are linked."""

    def __init__(self, *, database: Database, options: EngineOptions, clock: Clock) -> None:
        self._database = database
        self._options = options
        self._clock = clock
        self._linked: dict[str, int] = {}
        self._linked_at: float | None = None
        self._foreseen: dict[tuple[str, Kind], dict[str, str]] = {}  # the name of each write in the plan -> what counts once

    def check(self, flow: Flow, intents: Sequence[Intent]) -> list[Counted | None]:
        """Under what each write is to be counted. Raises BrakeOn, and holds the flow, where they would be too many."""
        found = [counted(intent) for intent in intents]
        if not any(found):
            return found
        with self._database.read() as conn:
            released = _released(conn, flow)
            first = _compared_first(conn, [intent for c, intent in zip(found, intents, strict=True) if c is not None and c.brake == MOVES])
            found = [
                None if c is not None and (c.key in released or intent.subject in first) else c
                for c, intent in zip(found, intents, strict=True)
            ]
            new: dict[tuple[str, Kind], set[str]] = defaultdict(set)
            for c, intent in zip(found, intents, strict=True):
                if c is not None:
                    new[c.brake, intent.kind].add(c.unit)
            over = [why for key, units in new.items() if (why := self._too_many(conn, flow, *key, units, released)) is not None]
        if over:
            self._hold(flow, over[0])
            raise BrakeOn(over[0])
        return found

    def _too_many(self, conn: Connection, flow: Flow, brake: str, kind: Kind, units: set[str], released: frozenset[str]) -> str | None:
        within = counts.units_within(conn, brake=brake, kind=kind, seconds=HOUR_SECONDS)
        planned = units | {unit for key, unit in self._foreseen.get((brake, kind), {}).items() if key not in released}
        limit = self.limit(conn, brake, kind)
        if len(within | planned) <= limit:
            return None
        setting = self._options.brakes[brake]
        word = VENDOR_WORDS[kind][_written_side(kind)]
        return (
            f"{flow} is held by the brake on {brake}: {len(planned - within)} {word}s {_IN_WORDS[brake]}, after {len(within)} in the last "
            f"hour; {limit} are allowed ({setting.count}, or {setting.percent:g} % of those linked, at least "
            f"{self._options.brake_minimum}). Nothing of it was sent. Look at them with `csod-pipelines plan {kind}`. If they are right, "
            f'release them by the digest it shows: `csod-pipelines brake release {flow} --plan DIGEST --why "..."`.'
        )

    def limit(self, conn: Connection, brake: str, kind: Kind) -> int:
        """How many of a kind may be written within an hour: the smaller of number and share, but never less than the minimum."""
        now = self._clock.monotonic()
        if self._linked_at is None or now - self._linked_at > COUNT_AGAIN_SECONDS:
            self._linked, self._linked_at = links.count_by_kind(conn), now
        setting = self._options.brakes[brake]
        share = int(self._linked.get(kind.value, 0) * setting.percent / 100)
        return max(self._options.brake_minimum, min(setting.count, share))

    def _hold(self, flow: Flow, why: str) -> None:
        with self._database.begin() as conn:
            controls.set_control(conn, held_name(flow), {"on": True}, "csod_pipelines", why)

    @contextmanager
    def foreseen(self, steps: Iterable[Step]) -> Iterator[None]:
        """A batch whose writes are known beforehand: the first braked one of too many already stops it."""
        units: dict[tuple[str, Kind], dict[str, str]] = defaultdict(dict)
        for step in steps:
            if step.brake:
                units[step.brake.split("|", 1)[0], step.kind][step.brake] = step.brake_unit
        self._foreseen = units
        try:
            yield
        finally:
            self._foreseen = {}


def _released(conn: Connection, flow: Flow) -> frozenset[str]:
    control = controls.get_control(conn, released_name(flow))
    return frozenset(control.value.get("allowed", ())) if control is not None else frozenset()


def _compared_first(conn: Connection, intents: Sequence[Intent]) -> set[str]:
    """Subjects that were never in step: bringing a pair there, after an import recognised it, moves nothing that we had put somewhere."""
    owners = {intent.subject: DIRECTIONS[intent.kind].owner.value for intent in intents if intent.subject.startswith("link:")}
    numbers = {subject: int(subject.removeprefix("link:")) for subject in owners}
    known = images.load_many(conn, list(numbers.values())) if numbers else {}
    sides = {subject: known.get(numbers[subject], {}).get(owner) for subject, owner in owners.items()}
    return {subject for subject, image in sides.items() if image is None or image.base is None}


def _written_side(kind: Kind) -> SystemName:
    return DIRECTIONS[kind].owner.peer if kind in DIRECTIONS else SystemName.ADMINISTRATE


def refuse_empty_side(ctx: Context, kind: Kind, system: SystemName, rows: int) -> None:
    """A side that shows nothing although many links live lost a permission, not its records. Raises BrakeOn, always."""
    if rows:
        return
    with ctx.database.read() as conn:
        linked = links.count_by_kind(conn).get(kind.value, 0)
    if linked >= ctx.options.empty_side:
        word = VENDOR_WORDS[kind][system]
        raise BrakeOn(
            f"{system.capitalize()} shows no {word} at all, although {linked} are linked. Nothing was written. Check that the "
            f"integration's user may still see them; this brake cannot be released, it ends when the {word}s are shown again."
        )
