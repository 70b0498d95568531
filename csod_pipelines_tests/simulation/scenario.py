"""What a seed says: which world, who acts when, what goes wrong. A plain value, so that a failing one can be made smaller."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Any

from csod_pipelines_tests.simulation.acts import THEMES
from csod_pipelines_tests.simulation.mail import Manners
from csod_pipelines_tests.simulation.people import Act
from csod_pipelines_tests.simulation.worlds import EPOCHS

GOOD = Manners()
FAULTS = (
    "status",
    "status_after_effect",
    "timeout_before_effect",
    "timeout_after_effect",
    "reset",
    "reset_after_effect",
    "slow",
    "malformed",
    "truncated_200",
    "result_failed_in_200",
    "hidden",
)
#: Crashes and stalls are drawn from the first so many steps of all workers; a quiet seed passes fewer while people act.
PLACES_PASSED = (60, 300, 1_200)
#: Writes of each vendor, as faults are matched; a fault on a write is worth more than one on a read.
WRITES: dict[str, tuple[dict[str, str], ...]] = {
    "administrate": tuple({"operation": f"{name}.*"} for name in ("contact", "account", "event", "learner")),
    "cornerstone": ({"method": "POST"}, {"method": "PATCH"}),
}


@dataclass(frozen=True, slots=True)
class Strike:
    """A fault that befalls a share of one vendor's calls: of all, or of those that match."""

    side: str
    fault: str
    share: float
    match: tuple[tuple[str, str], ...] = ()

    def rule(self) -> dict[str, Any]:
        kind = self.fault.removesuffix("_after_effect") if self.fault in ("status_after_effect", "reset_after_effect") else self.fault
        rule: dict[str, Any] = {"fault": kind, "probability": self.share, "match": dict(self.match)}
        if kind == "hidden":
            return {**rule, "fault": "status", "status": 404}
        if self.fault in ("status_after_effect", "reset_after_effect"):
            rule["after_effect"] = True
        if kind == "slow":
            rule["seconds"] = 8.0
        return rule


@dataclass(frozen=True, slots=True)
class Outage:
    """A vendor, or the gateway, answers nobody for a while; ``cursors``: a feed loses its place."""

    what: str
    at: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """``window``: seconds in which people act. ``crashes``, ``stalls``: at which passing of a named place, over all workers."""

    seed: int
    world: int
    window: float
    workers: int
    acts: tuple[Act, ...]
    strikes: tuple[Strike, ...] = ()
    outages: tuple[Outage, ...] = ()
    crashes: tuple[int, ...] = ()
    stalls: tuple[tuple[int, float], ...] = ()
    manners: Manners = GOOD
    skews: tuple[float, float] = (0.0, 0.0)
    delay: float = 0.2
    lag: float = 0.0

    def words(self) -> str:
        lines = [f"seed {self.seed}: world {self.world}, {self.workers} workers, clocks off by {self.skews}, {self.manners}"]
        lines += [f"  {act.at:7.1f} s  {act.name} ({act.pick})" for act in self.acts]
        lines += [
            f"  {strike.side} {strike.fault} on {strike.share:.0%} of its calls {dict(strike.match) or ''}" for strike in self.strikes
        ]
        lines += [f"  {outage.what} is away from {outage.at:.0f} s for {outage.seconds:.0f} s" for outage in self.outages]
        lines += [f"  crash at place {number}" for number in self.crashes]
        lines += [f"  stall of {seconds:.0f} s at place {number}" for number, seconds in self.stalls]
        return "\n".join(lines)


def drawn(seed: int) -> Scenario:
    dice = random.Random(f"scenario {seed}")
    window = dice.choice((30.0, 120.0, 120.0, 420.0))
    return Scenario(
        seed=seed,
        world=dice.randrange(len(EPOCHS)),
        window=window,
        workers=dice.choice((1, 2, 2, 3)),
        acts=_acts(dice, window),
        strikes=_strikes(dice),
        outages=_outages(dice, window),
        crashes=tuple(sorted({_step(dice) for _ in range(dice.choice((0, 1, 2, 4, 8)))})),
        stalls=tuple((_step(dice), dice.choice((12.0, 35.0, 95.0))) for _ in range(dice.choice((0, 0, 1, 2)))),
        manners=_manners(dice),
        skews=(_skew(dice), _skew(dice)),
        delay=dice.choice((0.2, 0.2, 1.5, 40.0)),
        lag=dice.choice((0.0, 0.0, 300.0)),
    )


def _step(dice: random.Random) -> int:
    return dice.randrange(1, dice.choice(PLACES_PASSED))


def _acts(dice: random.Random, window: float) -> tuple[Act, ...]:
    """Few different ones, so that they meet; times bunch up, because trouble comes from what happens at once. The first ones
    bring in whom or what the others are about."""
    theme = THEMES[dice.choice(sorted(THEMES))]
    names = dice.sample(theme.acts, min(len(theme.acts), dice.randrange(2, 6)))
    moments = sorted(dice.uniform(0, window) for _ in range(dice.randrange(1, 5)))
    acts = [_at(dice, moments[0], dice.choice(theme.openers)) for _ in range(dice.choice((1, 2, 4)))]
    acts += [_at(dice, dice.choice(moments) + 1, dice.choice(names)) for _ in range(dice.choice((1, 4, 8, 14, 20)))]
    return tuple(sorted(acts))


def _at(dice: random.Random, moment: float, name: str) -> Act:
    return Act(round(moment + dice.expovariate(1 / 4.0), 3), name, dice.randrange(1 << 16))


def _strikes(dice: random.Random) -> tuple[Strike, ...]:
    if dice.random() < 0.25:
        return ()
    return tuple(_strike(dice, kind) for kind in dice.sample(FAULTS, dice.randrange(1, 4)))


def _strike(dice: random.Random, kind: str) -> Strike:
    if kind == "hidden":
        # What a service account without the constraint sees of a single user or unit: nothing, which proves nothing.
        return Strike("cornerstone", kind, dice.choice((0.2, 0.6)), (("method", "GET"), ("path", "/services/api/x/*/v*/*/[0-9]*")))
    side = dice.choice(("administrate", "cornerstone"))
    if dice.random() < 0.35:
        return Strike(side, kind, dice.choice((0.03, 0.1)))
    return Strike(side, kind, dice.choice((0.1, 0.3, 0.6)), tuple(dice.choice(WRITES[side]).items()))


def _outages(dice: random.Random, window: float) -> tuple[Outage, ...]:
    whats = ("administrate", "cornerstone", "gateway", "cursors")
    return tuple(
        Outage(dice.choice(whats), dice.uniform(0, window), dice.choice((20.0, 90.0))) for _ in range(dice.choice((0, 0, 0, 1, 2)))
    )


def _manners(dice: random.Random) -> Manners:
    way = dice.randrange(4)
    if way == 0:
        return Manners()
    if way == 1:
        return Manners(drop=1.0)
    return Manners(drop=dice.choice((0.0, 0.3)), duplicate=dice.choice((0.0, 0.4)), late_seconds=dice.choice((0.5, 20.0, 120.0)))


def _skew(dice: random.Random) -> float:
    return dice.choice((0.0, 0.0, -75.0, 40.0, 3_600.0))
