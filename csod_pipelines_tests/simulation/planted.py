"""Faults planted on purpose: a simulation that catches none of them proves nothing.

    python -m csod_pipelines_tests.simulation.planted [--only NAME] [--seeds 300] [--start 1] [--processes 2]

Each is one rule of the engine taken away, for as long as its context is entered.
"""

from __future__ import annotations

import argparse
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import patch

from sqlalchemy import text

from csod_pipelines.engine import brakes, change, create, engine, observe, pair, roster_agreement, roster_links, roster_writes
from csod_pipelines.engine.context import Context, End
from csod_pipelines.engine.guard import LeaseGuard
from csod_pipelines.model.keys import Kind
from csod_pipelines.model.outcomes import Disposition
from csod_pipelines.model.readings import Gone, Unknown
from csod_pipelines.model.records import Record
from csod_pipelines.store import links, work
from csod_pipelines.sync import plan
from csod_pipelines.systems.errors import LeaseLost

Patches = Iterator[None]


@contextmanager
def _all(*patches: AbstractContextManager[Any]) -> Patches:
    with ExitStack() as stack:
        for each in patches:
            stack.enter_context(each)
        yield


def no_fencing() -> AbstractContextManager[None]:
    """A worker that lost its unit, and was told so, goes on and records its end. Its leases are renewed as ever."""
    finish_many, lock, ensure, hold = work.finish_many, work._LOCK_OWN, LeaseGuard.ensure, LeaseGuard.hold

    def unfenced(conn: Any, claims: Sequence[work.Claim], **named: Any) -> dict[str, bool]:
        fences = {row.subject: row.fence for row in conn.execute(lock, {"subjects": [claim.subject for claim in claims]})}
        there = [replace(claim, fence=fences[claim.subject]) for claim in claims if claim.subject in fences]
        return {claim.subject: True for claim in claims} | finish_many(conn, there, **named)

    def heedless(self: LeaseGuard, seconds: float) -> None:
        try:
            ensure(self, seconds)
        except LeaseLost:
            self.allowed += 1

    def begun(self: LeaseGuard, subject: str) -> None:
        self._lost.discard(subject)
        hold(self, subject)

    return _all(
        patch.object(LeaseGuard, "ensure", heedless),
        patch.object(LeaseGuard, "hold", begun),
        patch.object(work, "finish_many", unfenced),
        patch.object(work, "_held", lambda rows, claim: None),
    )


def lease_without_renewal() -> AbstractContextManager[None]:
    """Leases are believed to be renewed, and run out."""

    def renew(self: LeaseGuard) -> None:
        self._renewed = self._clock.monotonic()

    return _all(patch.object(LeaseGuard, "renew", renew))


def no_look_up_after_a_time_out() -> AbstractContextManager[None]:
    """What an earlier attempt may have made is not looked for."""
    nothing = patch.object(create, "look_up", lambda ctx, source, draft: ())
    settled = patch.object(create, "_settle_unknown", lambda ctx, subject: None)
    return _all(
        nothing, settled, *(patch.object(m, "resume", lambda *a, **k: None) for m in (roster_writes, roster_agreement, roster_links))
    )


def tombstone_ignored() -> AbstractContextManager[None]:
    """A record whose pair has ended is taken for one that never had a pair."""
    one, many = links.by_record, links.by_records

    def in_force(link: links.Link | None) -> links.Link | None:
        return None if link is None or link.state == "tombstone" else link

    def by_records(*given: Any, **named: Any) -> dict[str, links.Link]:
        return {id: link for id, link in many(*given, **named).items() if in_force(link)}

    return _all(
        patch.object(links, "by_record", lambda *given, **named: in_force(one(*given, **named))),
        patch.object(links, "by_records", by_records),
    )


def unknown_read_as_gone() -> AbstractContextManager[None]:
    read = Context.read

    def certain(self: Context, key: Any, *, fresh: bool = True) -> Any:
        reading = read(self, key, fresh=fresh)
        return Gone(reading.why) if isinstance(reading, Unknown) else reading

    return _all(patch.object(Context, "read", certain))


def base_not_advanced_per_field() -> AbstractContextManager[None]:
    """What is not in step yet is recorded as agreed along with the rest."""
    return _all(patch.object(plan.Change, "open", property(lambda self: frozenset())))


def cursor_advanced_before_commit() -> AbstractContextManager[None]:
    """A feed's place is stored with each page, what the pages told only when every feed is read."""
    mark, read_all, told = work.mark, observe.observe, threading.local()

    class Later:
        """Stands for the work list as the feeds see it."""

        @staticmethod
        def mark(conn: Any, marks: Sequence[work.Mark]) -> int:
            told.marks.extend(marks)
            return 0

    def observed(ctx: Context, **named: Any) -> Any:
        told.marks = []
        try:
            return read_all(ctx, **named)
        finally:
            with ctx.database.begin() as conn:  # which a crash prevents
                mark(conn, told.marks)

    return _all(patch.object(observe, "work", Later), patch.object(engine, "observe", observed))


def refusal_sent_for_ever() -> AbstractContextManager[None]:
    """Nobody remembers what the vendor refused."""
    never = lambda *a, **k: False  # noqa: E731
    return _all(
        *(patch.object(module, "refused_before", never) for module in (roster_writes, roster_links)),
        patch.object(change, "plan_change", lambda **given: plan.plan_change(**{**given, "refused": {}})),
    )


def brake_off_by_one_kind() -> AbstractContextManager[None]:
    """Withdrawals are not counted."""
    brake_of = brakes._brake_of
    return _all(patch.object(brakes, "_brake_of", lambda intent: None if intent.kind is Kind.ENROLLMENT else brake_of(intent)))


def echo_judged_by_time() -> AbstractContextManager[None]:
    """A change whose stamp lies close to our own last write of that pair is taken for the echo of it."""
    apply = pair.bring_in_step
    recent = text("""
        SELECT 1 FROM operation WHERE subject = :subject AND action = 'updated' AND abs(extract(epoch FROM at - :stamp)) < 30 LIMIT 1""")

    def by_time(ctx: Context, subject: str, link: links.Link, *, owner: Record, restore: bool, **named: Any) -> End:
        stamp = owner.facts.get("updated_at")
        if stamp is not None and not restore:
            with ctx.database.read() as conn:
                if conn.execute(recent, {"subject": subject, "stamp": stamp}).first() is not None:
                    return End(disposition=Disposition.UNCHANGED, reason="already_in_step")
        return apply(ctx, subject, link, owner=owner, restore=restore, **named)

    return _all(patch.object(pair, "bring_in_step", by_time))


FAULTS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    fault.__name__: fault
    for fault in (
        no_fencing,
        lease_without_renewal,
        no_look_up_after_a_time_out,
        tombstone_ignored,
        unknown_read_as_gone,
        base_not_advanced_per_field,
        cursor_advanced_before_commit,
        refusal_sent_for_ever,
        brake_off_by_one_kind,
        echo_judged_by_time,
    )
}


#: What a patch does that its function outgrew.
MISFITS = ("TypeError", "AttributeError", "NameError")


def caught_at(name: str, *, seeds: range, processes: int) -> tuple[int, str] | None:
    """The first seed that fails with this fault planted, and how; None when all pass."""
    from csod_pipelines_tests.simulation.fleet import verdicts

    for verdict in verdicts(seeds, processes=processes, planted=name, shrinks=False):
        if verdict.failure is not None:
            if any(error in verdict.failure for error in MISFITS):
                raise AssertionError(f"{name} does not fit the engine any more, so that it says nothing: {verdict.failure}")
            return verdict.scenario.seed, verdict.failure
    return None


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m csod_pipelines_tests.simulation.planted", description=__doc__)
    parser.add_argument("--only", choices=sorted(FAULTS))
    parser.add_argument("--seeds", type=int, default=300)
    parser.add_argument("--start", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args(arguments)
    missed = 0
    for name in [given.only] if given.only else FAULTS:
        found = caught_at(name, seeds=range(given.start, given.start + given.seeds), processes=given.processes)
        missed += found is None
        said = f"not caught within {given.seeds} seeds" if found is None else f"caught by seed {found[0]}: {found[1][:200]}"
        sys.stdout.write(f"{name}: {said}\n")
        sys.stdout.flush()
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
