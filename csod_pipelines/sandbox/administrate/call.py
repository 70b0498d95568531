"""One call against the instance: the moment it happens, what it did, which webhooks it set off."""

from __future__ import annotations

from typing import Any

from csod_pipelines.sandbox.administrate.records import Row
from csod_pipelines.sandbox.administrate.select import Selector
from csod_pipelines.sandbox.administrate.settings import Settings
from csod_pipelines.sandbox.administrate.world import World
from csod_pipelines.sandbox.kit import Effect


class Refused(Exception):
    """The vendor's refusal of a business nature: HTTP 200 with nested errors. Label and message texts are the sandbox's own."""

    def __init__(self, label: str, message: str, value: Any = None) -> None:
        super().__init__(message)
        self.label, self.message, self.value = label, message, value

    def errors(self) -> list[dict[str, Any]]:
        return [{"label": self.label, "message": self.message, "value": None if self.value is None else str(self.value)}]


class Call:
    """Passed to every operation in place of clock, settings and outbox."""

    def __init__(self, world: World, settings: Settings, *, stamp: int, select: Selector, refusing: str | None = None) -> None:
        self.world = world
        self.select = select
        self.settings = settings
        self.stamp = stamp
        self.refusing = refusing  # reason for which every mutation is to be refused
        self.operation = ""
        self.effects: list[Effect] = []
        self.fired: list[tuple[str, str]] = []  # webhook slug, global id

    def did(self, effect: str, kind: str, id: str | None, *, messages: int = 0) -> None:
        if not self.settings.on("learner_messages"):
            messages = 0
        self.effects.append(Effect(operation=self.operation, effect=effect, kind=kind, id=id, messages=messages))

    def fire(self, slug: str, id: str) -> None:
        self.fired.append((slug, id))

    def touch(self, row: Row) -> None:
        self.world.table_of(row).touch(row, stamp=self.stamp)

    def gid(self, row: Row) -> str:
        return self.world.gid(row)
