"""What an operator decides: pause and resume, go live, release a brake. Each takes effect on every run within two seconds.

Decisions are rows that nobody overwrites: who, when, why. ``OperatorError`` says what is wrong with a request and what would
be right; nothing was changed then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from csod_pipelines.engine import one_database
from csod_pipelines.engine.brakes import held_name, released_name
from csod_pipelines.engine.context import Context
from csod_pipelines.engine.modes import GO_LIVE, pause_name
from csod_pipelines.engine.planning import KINDS_OF_FLOW, Plan, make_plan
from csod_pipelines.model.keys import Flow, SystemName
from csod_pipelines.store import controls, work

EVERYTHING = "all"
MOST_HOURS = 24 * 7


class OperatorError(Exception):
    """The request makes no sense as it stands; the message says what would."""


class UnknownWord(OperatorError):
    """A name that is none of those expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class By:
    """Who decides, and why."""

    who: str
    why: str

    def __post_init__(self) -> None:
        if not self.why.strip():
            raise OperatorError("give a reason; it is kept with the decision")


def pausable() -> list[str]:
    return [*(flow.value for flow in Flow), *(system.value for system in SystemName), EVERYTHING]


def _known(target: str, among: Sequence[str]) -> str:
    name = target.strip().lower().replace("-", "_")
    if name not in among:
        raise UnknownWord(f"{target!r} is none of: {', '.join(among)}")
    return name


def pause(ctx: Context, target: str, by: By) -> str:
    """A flow, or a system: then everything that needs it, feeds included, waits. Returns the name."""
    name = _known(target, pausable())
    with ctx.database.begin() as conn:
        controls.set_control(conn, pause_name(name), {"paused": True}, by.who, by.why)
    ctx.modes.look_again()
    return name


def resume(ctx: Context, target: str, by: By) -> bool:
    """False when it was not paused."""
    name = _known(target, pausable())
    with ctx.database.begin() as conn:
        known = controls.get_control(conn, pause_name(name))
        if known is None or not known.value.get("paused"):
            return False
        controls.set_control(conn, pause_name(name), {"paused": False}, by.who, by.why)
        work.hasten(conn, reason="flow_paused")
    ctx.modes.look_again()
    return True


def go_live(ctx: Context, portal: str, by: By, *, take_over: bool = False) -> None:
    """From now on the flows whose mode is live write to this portal. Its name must be given, so that nobody releases another.
    Raises SecondDatabase, and releases nothing, when another database serves it and is not to be replaced for good (``take_over``)."""
    if portal.strip().lower() != ctx.options.portal.lower():
        raise OperatorError(
            f"the settings name portal {ctx.options.portal!r}, not {portal!r}; nothing was released. "
            "Check CSOD_PIPELINES_CORNERSTONE_BASE_URL"
        )
    one_database.claim(ctx, take_over=take_over)
    with ctx.database.begin() as conn:
        controls.set_control(conn, GO_LIVE, {"portal": ctx.options.portal}, by.who, by.why)
    ctx.modes.look_again()


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    flow: Flow
    counts: dict[str, int]
    until: datetime


def release_brake(ctx: Context, flow_word: str, *, plan_digest: str, hours: float, by: By) -> Released:
    """Let the braked writes of the plan with this digest pass, until they are made or the time is over. The plan is made
    anew: what changed since it was shown has another digest, and must be looked at again."""
    flow = Flow(_known(flow_word, [flow.value for flow in KINDS_OF_FLOW]))
    if not 0 < hours <= MOST_HOURS:
        raise OperatorError(f"--hours is between 0 and {MOST_HOURS}")
    steps = [step for step in make_plan(ctx, KINDS_OF_FLOW[flow]).steps if step.flow is flow and step.brake]
    plan = Plan(steps=steps).braked().get(flow)
    shown = KINDS_OF_FLOW[flow][0]
    if plan is None:
        raise OperatorError(f"the plan of {flow} holds nothing that a brake counts; if the flow is held, release it with --plan none")
    if plan_digest.strip().lower() != plan.digest:
        raise OperatorError(
            f"the plan of {flow} is now {plan.digest}, not {plan_digest}: it changed since it was shown. "
            f"Look at it again with `csod-pipelines plan {shown}`; nothing was released"
        )
    until = ctx.clock.utcnow() + timedelta(hours=hours)
    allowed = sorted({step.brake for step in steps})
    with ctx.database.begin() as conn:
        controls.set_control(conn, released_name(flow), {"plan": plan.digest, "allowed": allowed}, by.who, by.why, until)
        controls.set_control(conn, held_name(flow), {"on": False, "plan": plan.digest}, by.who, by.why)
        work.hasten(conn, reason="brake_on")
    ctx.modes.look_again()
    return Released(flow=flow, counts=plan.counts, until=until)


def unhold(ctx: Context, flow_word: str, by: By) -> bool:
    """A held flow whose plan holds nothing braked any more goes on. False when it was not held."""
    flow = Flow(_known(flow_word, [flow.value for flow in KINDS_OF_FLOW]))
    if any(step.brake and step.flow is flow for step in make_plan(ctx, KINDS_OF_FLOW[flow]).steps):
        raise OperatorError(f"the plan of {flow} holds writes that a brake counts; release it by its digest")
    with ctx.database.begin() as conn:
        known = controls.get_control(conn, held_name(flow))
        if known is None or not known.value.get("on"):
            return False
        controls.set_control(conn, held_name(flow), {"on": False}, by.who, by.why)
        work.hasten(conn, reason="brake_on")
    ctx.modes.look_again()
    return True


def decisions(ctx: Context) -> list[dict[str, str]]:
    """What counts now: pauses, held flows, releases, going live; who decided it, when and why."""
    with ctx.database.read() as conn:
        known = controls.controls(conn)
    rows = []
    for name, control in known.items():
        said = _in_words(name, control)
        if said:
            rows.append(
                {
                    "what": said,
                    "who": control.who,
                    "when": control.at.isoformat(timespec="seconds"),
                    "until": control.expires.isoformat(timespec="seconds") if control.expires else "",
                    "why": control.why,
                }
            )
    return rows


def _in_words(name: str, control: controls.Control) -> str:
    head, _, rest = name.partition(":")
    if head == "pause" and control.value.get("paused"):
        return f"{rest} is paused"
    if head == "brake" and control.value.get("on"):
        return f"{rest} is held by a brake"
    if head == "brake-release":
        return f"plan {control.value.get('plan')} of {rest} is released"
    return f"portal {control.value.get('portal')} is live" if name == GO_LIVE else ""
