"""Make a failing scenario smaller while it fails in the same way: what is left is what matters."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace

from csod_pipelines_tests.simulation.mail import Manners
from csod_pipelines_tests.simulation.play import Verdict
from csod_pipelines_tests.simulation.scenario import Scenario


def likeness(failure: str) -> str:
    """A failure without its ids and numbers: two with the same likeness are taken for the same fault."""
    return re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}|'[^']*'|\d+", "*", failure)[:60]


def shrunk(verdict: Verdict, replay: Callable[[Scenario], Verdict], *, seconds: float) -> Verdict:
    """The smallest failing variant found within the time; the verdict itself when nothing could go."""
    assert verdict.failure is not None
    wanted, until, best = likeness(verdict.failure), time.monotonic() + seconds, verdict
    went = True
    while went and time.monotonic() < until:
        went = False
        for smaller in _smaller(best.scenario):
            if time.monotonic() > until:
                break
            tried = replay(smaller)
            if tried.failure is not None and likeness(tried.failure) == wanted:
                best, went = tried, True
                break
    return best


def _smaller(s: Scenario) -> Iterator[Scenario]:
    """Big bites first: halves of the acts, then whole kinds of trouble, then one by one."""
    half = len(s.acts) // 2
    if half > 1:
        yield replace(s, acts=s.acts[:half])
        yield replace(s, acts=s.acts[half:])
    if s.strikes:
        yield replace(s, strikes=())
    if s.outages:
        yield replace(s, outages=())
    if s.crashes:
        yield replace(s, crashes=())
    if s.stalls:
        yield replace(s, stalls=())
    if s.manners != Manners():
        yield replace(s, manners=Manners())
    if s.workers > 1:
        yield replace(s, workers=1)
    if s.skews != (0.0, 0.0):
        yield replace(s, skews=(0.0, 0.0))
    for name in ("acts", "strikes", "crashes", "stalls", "outages"):
        held = getattr(s, name)
        for index in range(len(held)):
            if len(held) > 1 or name == "acts":
                yield replace(s, **{name: held[:index] + held[index + 1 :]})
