"""Administrate's webhooks rest while an import writes: each of its records would send one, and those count against fair use.

The change feeds carry what people change meanwhile. What was switched off is remembered before it is, so that an import that was
killed switches it on again at its next end; ``webhooks install`` does so, too.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from csod_pipelines.engine.context import Context
from csod_pipelines.engine.observe import feed_names
from csod_pipelines.model.keys import Flow, Kind, SystemName
from csod_pipelines.model.outcomes import Mode
from csod_pipelines.store import checkpoints
from csod_pipelines.systems.base import offers
from csod_pipelines.systems.errors import Forbidden, Refused, Unsupported

A = SystemName.ADMINISTRATE
RESTING = "import:hooks"
#: Types of webhooks that the writes of a kind set off.
HOOKS = {Kind.ORG_UNIT: ("account_created", "account_updated"), Kind.PERSON: ("contact_created", "contact_updated")}


class HasHooks(Protocol):
    def active_hooks(self, slugs: Iterable[str]) -> tuple[str, ...]: ...

    def set_hooks(self, slugs: Iterable[str], *, active: bool) -> tuple[str, ...]: ...


class Hooks:
    """``rest`` before the first write of an import, from whichever hand makes it."""

    def __init__(self, ctx: Context, kind: Kind) -> None:
        self._ctx = ctx
        self._slugs = HOOKS.get(kind, ())
        self._lock = threading.Lock()
        self._done = False

    def rest(self) -> None:
        system = self._ctx.systems[A]
        with self._lock:
            if self._done:
                return
            self._done = True
            if not self._slugs or not offers(system, HasHooks):
                return
            try:
                active = system.active_hooks(self._slugs)
                if active:
                    with self._ctx.database.begin() as conn:
                        checkpoints.put(conn, RESTING, {"slugs": sorted({*_resting(self._ctx), *active})})
                    system.set_hooks(active, active=False)
            except (Refused, Forbidden, Unsupported) as err:
                self._ctx.totals.done[f"webhooks stay on: {err}"[:200]] += 1

    def wake(self) -> None:
        """Also those that an import left behind that was killed. What they did not tell meanwhile, the feeds tell next."""
        system, slugs = self._ctx.systems[A], _resting(self._ctx)
        if slugs and offers(system, HasHooks):
            system.set_hooks(slugs, active=True)
            with self._ctx.database.begin() as conn:
                checkpoints.put(conn, RESTING, {"slugs": []})
        if self._done:
            with self._ctx.database.begin() as conn:
                checkpoints.make_due(conn, feed_names())


def _resting(ctx: Context) -> list[str]:
    with ctx.database.read() as conn:
        found = checkpoints.get(conn, RESTING)
    return list(found.value.get("slugs", ())) if found is not None else []


@contextmanager
def resting_hooks(ctx: Context, kind: Kind) -> Iterator[Hooks]:
    hooks = Hooks(ctx, kind)
    try:
        yield hooks
    finally:
        if not ctx.dry and ctx.mode(Flow.IMPORT) is Mode.LIVE:
            hooks.wake()
