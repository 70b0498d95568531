"""One portal: its state, switches, tokens, counters and outgoing webhooks, handed to every service."""

from __future__ import annotations

import random
from datetime import datetime
from typing import Any

from csod_pipelines.sandbox.cornerstone.envelopes import ApiError
from csod_pipelines.sandbox.cornerstone.limits import Throttle
from csod_pipelines.sandbox.cornerstone.oauth import Tokens
from csod_pipelines.sandbox.cornerstone.rows import Assignment, User
from csod_pipelines.sandbox.cornerstone.settings import Settings
from csod_pipelines.sandbox.cornerstone.store import Store
from csod_pipelines.sandbox.cornerstone.webhooks import Webhooks
from csod_pipelines.sandbox.cornerstone.world import guid, seed_world


class Portal:
    def __init__(self) -> None:
        self.settings = Settings()
        self.tokens = Tokens(self.settings)
        self.throttle = Throttle(self.settings)
        self.hooks = Webhooks(self.settings)
        self.world = 0  # counts resets, so that links into an earlier world are known

    def reset(self, *, seed: int, size: Any, now: datetime) -> None:
        """A new world. Settings, tokens and the webhook end point belong to the portal and stay."""
        self.store: Store = seed_world(seed=seed, size=size, now=now)
        self.world += 1
        self.rng = random.Random(seed ^ 0x5EED)
        self.throttle.clear()
        self.hooks.clear(seed=seed)
        self.started = now
        self.catalog_busy_until: datetime | None = None
        self.assignments_by_day: dict[str, int] = {}
        self.waiting_assignments: list[Assignment] = []
        self.bulk_jobs: dict[str, Any] = {}
        self.express_classes: dict[str, Any] = {}

    def guid(self) -> str:
        return guid(self.rng)

    def service_user(self, client_id: str) -> User:
        """The portal user an application is bound to; inactivating it kills the integration (csod.dev authentication)."""
        user = self.store.users.by_ref(self.settings["applications"][client_id]["user"])
        if user is None or not user.active:
            raise ApiError(401, "Unauthorized", details="The user of this application is inactive")
        return user

    def actor(self, external_id: str | None, *, client_id: str) -> User | None:
        """The active user named as ActorID; None when there is no such one."""
        if external_id is None or external_id == "":
            return self.service_user(client_id)
        user = self.store.users.by_ref(external_id)
        return user if user is not None and user.active else None
