"""What goes through the wrapper that asks twice: the second asking itself, and what a system can do beyond the protocol."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from csod_pipelines.engine.baseline_writes import TakesBoth
from csod_pipelines.engine.bulk_changes import TakesChanges
from csod_pipelines.systems.administrate import AdministrateSystem
from csod_pipelines.systems.base import Refusal, System, TakesLogs, Written, offers
from csod_pipelines.systems.cornerstone import CornerstoneSystem
from csod_pipelines.systems.insisting import Insisting


class Moody:
    """Takes nobody the first time, and at the second asking everybody but one."""

    def __init__(self) -> None:
        self.asked: list[tuple[list[Any], list[Any]]] = []

    def create_and_remember(self, drafts: Sequence[Any], rows: Sequence[Any]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        self.asked.append((list(drafts), list(rows)))
        refused = Refusal(message="not now")
        if len(self.asked) == 1:
            return (Written(id="1"), *[refused] * (len(drafts) - 1)), (None, refused)
        return tuple(refused if draft == "never" else Written(id="2") for draft in drafts), (None,) * len(rows)


def test_of_people_created_beside_ids_only_what_was_refused_is_asked_for_again() -> None:
    moody = Moody()
    made, stored = Insisting(cast(System, moody)).create_and_remember(["taken", "later", "never"], ["kept", "later"])
    assert moody.asked[1] == (["later", "never"], ["later"])
    assert [isinstance(answer, Written) for answer in made] == [True, True, False]
    assert stored == (None, None)


def test_what_a_system_can_do_is_seen_through_the_wrapper(a_system: AdministrateSystem, c_system: CornerstoneSystem) -> None:
    """``isinstance`` with a protocol stopped seeing it with Python 3.12: no Integration Log was written, nothing went in batches."""
    able = [(what, offers(Insisting(system), what)) for system in (a_system, c_system) for what in (TakesLogs, TakesBoth, TakesChanges)]
    assert [found for _, found in able] == [True, True, True, False, False, False]
