"""Outbound webhooks: what the vendor keeps about them, what it posts, when it tries again.

Created inactive, type fixed, never deleted. The payload is the answer to the hook's own query, worked out when it is triggered. 5xx and
429 are tried again after 30, 60 and 120 seconds; any other 4xx is given up at once; either way the owner gets an e-mail.
"""

from __future__ import annotations

import dataclasses
import hashlib
import heapq
import hmac
import random
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import jmespath
import orjson
from jmespath.exceptions import JMESPathError

from csod_pipelines.sandbox.administrate.records import Webhook
from csod_pipelines.sandbox.administrate.settings import Settings
from csod_pipelines.sandbox.administrate.world import World
from csod_pipelines.sandbox.kit import Delivery

RETRY_SECONDS = (30, 60, 120)
FAIR_USE = {1: 200, 300: 2_000, 3_600: 10_000}  # window in seconds -> deliveries, as published
SHUFFLE_SECONDS = 1.0
LOG_ROWS = 20_000
RunQuery = Callable[[str, str, datetime], Mapping[str, Any]]


def signature(key: str, *, timestamp: str, body: bytes, signed: str = "timestamp.body") -> str:
    """ASSUMPTION: the vendor publishes neither the hash nor the signed text. HMAC-SHA-256 over the body, by default with the time
    stamp and a dot before it (``webhook_signature``)."""
    text = timestamp.encode() + b"." + body if signed == "timestamp.body" else body
    return hmac.new(key.encode(), text, hashlib.sha256).hexdigest()


class Outbox:
    """Deliveries waiting and made. `run_query` answers a hook's query for an object id."""

    def __init__(self, world: World, settings: Settings, *, seed: int, run_query: RunQuery, options: dict[str, Any]) -> None:
        self._world, self._settings, self._run_query = world, settings, run_query
        self._dice = random.Random(seed)
        self._waiting: list[tuple[datetime, int, Delivery]] = []  # a heap: by the moment due, then by age
        self._pushed = 0
        self._log: deque[dict[str, Any]] = deque(maxlen=LOG_ROWS)
        self._count = 0
        self._used: deque[float] = deque(maxlen=max(FAIR_USE.values()) + 1)
        self.options = options

    # ---- set off

    def trigger(self, slug: str, object_id: str, *, now: datetime) -> None:
        if not self._settings.on(f"webhook_{slug}"):
            return
        for hook in self._world.table(Webhook).ordered:
            if hook.type_slug == slug and hook.state != "inactive":
                self._trigger(hook, object_id, now=now)

    def _trigger(self, hook: Webhook, object_id: str, *, now: datetime) -> None:
        self._used.append(now.timestamp())
        answer = self._run_query(hook.query, object_id, now)
        payload = answer.get("data")
        row = self._row(hook, object_id, now=now)
        if hook.expression and not _passes(hook.expression, payload):
            row["result"] = "Filtered"
        elif hook.state == "disabled":
            row["result"], row["payload"] = "Not Sent", payload
        elif self._dice.random() < self.options["drop"]:
            row["result"] = "Dropped"
        else:
            row["payload"] = payload
            self._queue(hook, row, triggered=now)
            if self._dice.random() < self.options["duplicate"]:
                # One edit was seen to come twice, about a second apart, each with a stamp of its own.
                again = now + timedelta(seconds=1)
                self._queue(hook, self._row(hook, object_id, now=again, payload=payload), triggered=again)

    def _row(self, hook: Webhook, object_id: str, *, now: datetime, payload: Any = None) -> dict[str, Any]:
        self._count += 1
        row = {
            "id": str(self._count),
            "webhook_id": self._world.gid(hook),
            "webhook_type": hook.type_slug,
            "url": hook.url,
            "object_id": object_id,
            "triggered_at": f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.000000Z",
            "result": "Waiting",
            "attempts": [],
            "payload": payload,
        }
        self._log.append(row)
        return row

    def _queue(self, hook: Webhook, row: dict[str, Any], *, triggered: datetime) -> None:
        delay = self.options["delay"] + (self._dice.random() * SHUFFLE_SECONDS if self.options["shuffle"] else 0)
        due = triggered + timedelta(seconds=delay)
        self._push(
            Delivery(id=row["id"], url=hook.url, headers={}, body=b"", due=due, kind=hook.type_slug, context={"hook": hook, "row": row})
        )

    def _push(self, delivery: Delivery) -> None:
        self._pushed += 1
        heapq.heappush(self._waiting, (delivery.due, self._pushed, delivery))

    # ---- sent by the driver

    def due(self, *, now: datetime) -> list[Delivery]:
        ready: list[Delivery] = []
        while self._waiting and self._waiting[0][0] <= now:
            ready.append(self._addressed(heapq.heappop(self._waiting)[2], now=now))
        return ready

    def next_due(self) -> datetime | None:
        return self._waiting[0][0] if self._waiting else None

    def _addressed(self, delivery: Delivery, *, now: datetime) -> Delivery:
        """Written at the moment of sending: `sent_at` is new with every attempt, `triggered_at` is not."""
        hook, row = delivery.context["hook"], delivery.context["row"]
        sent = now.astimezone(UTC)
        body = orjson.dumps(
            {
                "metadata": {
                    "user": {"email": None},
                    "instance": self._settings.values["instance"],
                    "triggered_at": row["triggered_at"],
                    "sent_at": f"{sent:%Y-%m-%dT%H:%M:%S.%f}Z",
                    "context": "graphql",
                    "webhook_id": row["webhook_id"],
                    "is_retry": delivery.attempt > 1,
                },
                "payload": row["payload"],
                "configuration": orjson.loads(hook.config) if hook.config else {},
            }
        )
        timestamp = str(int(sent.timestamp()))
        delivery.body = body
        delivery.headers = {
            "User-Agent": "Administrate-Webhooks/1.0",
            "Content-Type": "application/json",
            "X-Administrate-signature": signature(
                self._settings.values["hmac_key"], timestamp=timestamp, body=body, signed=self._settings.text("webhook_signature")
            ),
            "X-Administrate-signature-timestamp": timestamp,
        }
        return delivery

    def delivered(self, delivery: Delivery, *, status: int | None, now: datetime) -> None:
        hook, row = delivery.context["hook"], delivery.context["row"]
        row["attempts"].append({"at": f"{now.astimezone(UTC):%Y-%m-%dT%H:%M:%S}Z", "status": status})
        if status is not None and status < 300:
            row["result"], hook.failures = "Sent", 0
            return
        again = status is not None and (status >= 500 or status == 429)
        if status is None:
            again = self._settings.on("retry_without_answer")
        if again and delivery.attempt <= len(RETRY_SECONDS):
            row["result"] = "Retrying"
            due = now + timedelta(seconds=RETRY_SECONDS[delivery.attempt - 1])
            self._used.append(now.timestamp())
            self._push(dataclasses.replace(delivery, due=due, attempt=delivery.attempt + 1))
            return
        self._give_up(hook, row, status=status)

    def _give_up(self, hook: Webhook, row: dict[str, Any], *, status: int | None) -> None:
        row["result"] = "Failed"
        hook.failures += 1
        for address in hook.emails:
            self._world.mailbox.append({"to": address, "subject": f"Webhook {hook.name} failed", "status": status, "delivery": row["id"]})
        limit = self._settings.values["deactivate_hook_after_failures"]
        if limit is not None and hook.failures >= limit:
            hook.state = "inactive"

    def resend(self, id: str, *, now: datetime) -> dict[str, Any]:
        """The log screen's own button: one more delivery of the same entry."""
        row = next((row for row in self._log if row["id"] == id), None)
        if row is None:
            raise ValueError(f"no delivery {id!r} in the log")
        hook = self._world.node(row["webhook_id"])
        assert isinstance(hook, Webhook)
        self._queue(hook, row, triggered=now)
        return row

    # ---- shown

    def rows(self) -> list[dict[str, Any]]:
        return list(self._log)

    def fair_use(self, *, now: datetime) -> dict[str, Any]:
        counts = {seconds: sum(1 for at in self._used if at > now.timestamp() - seconds) for seconds in FAIR_USE}
        return {f"{seconds}s": {"used": counts[seconds], "limit": limit} for seconds, limit in FAIR_USE.items()}


def _passes(expression: str, payload: Any) -> bool:
    """JMESPath over the result of the query; what is true by its rules sends."""
    try:
        found = jmespath.search(expression, payload)
    except JMESPathError:
        return False
    return found is not None and found is not False and found not in ("", [], {})


def check_options(held: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Merged options, or ValueError."""
    for name, value in changes.items():
        if name in {"duplicate", "drop"}:
            fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
        elif name == "delay":
            fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e7
        elif name == "shuffle":
            fits = isinstance(value, bool)
        else:
            raise ValueError(f"unknown option {name!r}; known: duplicate, drop, delay, shuffle (webhooks are made by webhooks.create)")
        if not fits:
            raise ValueError(f"{name} cannot be {value!r}")
    return {**held, **changes}
