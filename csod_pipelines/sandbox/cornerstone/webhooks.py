"""Outgoing webhooks: gzip envelopes, heartbeats, and the retry schedule of the portal.

Envelope and retries: csod.dev webhooks pages. Nothing is sent, and nothing is kept, while no end point is set.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import hmac
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

import orjson

from csod_pipelines.sandbox.cornerstone.envelopes import stamp_ms
from csod_pipelines.sandbox.cornerstone.settings import Settings
from csod_pipelines.sandbox.kit import Delivery

RETRIED = frozenset({408, 500, 502, 503, 504})
RETRY_STEP_SECONDS = 30
RETRIES_OF_TIER = {"starter": 1, "small": 10, "medium": 20, "large": 50}
MOST_REMEMBERED = 20_000
GREATEST = {"duplicate": 1, "drop": 1, "delay": 86_400}  # probabilities, and seconds
CASES = {"lms": "lmsEventsCase", "hcm": "hcmEventsCase"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    url: str
    api_key: str | None = None
    basic: str | None = None


class Webhooks:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._endpoint: Endpoint | None = None
        self._options: dict[str, Any] = {"duplicate": 0.0, "drop": 0.0, "delay": 0.0, "shuffle": False}
        self.clear(seed=0)

    def clear(self, *, seed: int) -> None:
        self._rng = random.Random(seed ^ 0x40CC5)
        self._queue: list[Delivery] = []
        self._sent: list[dict[str, Any]] = []
        self._offsets: dict[str, int] = {}
        self._count = 0
        self._next_heartbeat: datetime | None = None
        self._subscription, self._session = self._guid(), self._guid()

    # ---- what the portal does ----

    def emit(self, category: str, case: str, data: Mapping[str, Any], *, actor_id: int | None, now: datetime) -> None:
        """Queue one event. The key that holds the data is the case in camelCase (csod.dev payload samples)."""
        if self._endpoint is None:
            return
        self._offsets[category] = self._offsets.get(category, 100) + 1
        message = self._guid()
        headers = {"actorId": actor_id, "corpName": "sandbox", "cultureId": 0, "messageId": message}
        value = {"headers": headers, CASES[category]: case, case[0].lower() + case[1:]: {"data": {"eventId": message, **data}}}
        record = {"offset": self._offsets[category], "timestamp": stamp_ms(now), "correlationId": str(uuid.UUID(int=0)), "value": value}
        copies = 0 if self._rng.random() < self._options["drop"] else 2 if self._rng.random() < self._options["duplicate"] else 1
        for _ in range(copies):
            self._push(case, [record], occurred=now, due=now + timedelta(seconds=self._options["delay"]))

    def due(self, *, now: datetime) -> list[Delivery]:
        self._heartbeat(now)
        ready = [d for d in self._queue if d.due <= now]
        self._queue = [d for d in self._queue if d.due > now]
        ready.sort(key=lambda d: d.due)
        if self._options["shuffle"]:
            self._rng.shuffle(ready)
        return ready

    def next_due(self) -> datetime | None:
        waiting = [d.due for d in self._queue]
        if self._endpoint is not None and self._next_heartbeat is not None:
            waiting.append(self._next_heartbeat)
        return min(waiting, default=None)

    def delivered(self, delivery: Delivery, *, status: int | None, now: datetime) -> None:
        """Retry on 408 and four of the 5xx, and when nobody answered; each wait is 30 s longer than the one before."""
        again = status is None or status in RETRIED
        heartbeat = delivery.kind == "Heartbeat"
        retried = again and not heartbeat and delivery.attempt <= RETRIES_OF_TIER[self._settings["webhook_tier"]]
        self._remember(delivery, status=status, now=now, retried=retried)
        if retried:
            due = now + timedelta(seconds=RETRY_STEP_SECONDS * delivery.attempt)
            records, occurred = delivery.context
            self._push(delivery.kind, records, occurred=occurred, due=due, attempt=delivery.attempt + 1, id=delivery.id)

    def deliveries(self) -> list[dict[str, Any]]:
        return list(self._sent)

    def options(self, changes: Mapping[str, Any] | None, *, now: datetime | None) -> dict[str, Any]:
        for name, value in (changes or {}).items():
            if name == "endpoint":
                self._set_endpoint(value, now=now)
            elif name == "shuffle" and isinstance(value, bool):
                self._options[name] = value
            elif name in GREATEST and isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= GREATEST[name]:
                self._options[name] = float(value)
            else:
                raise ValueError(f"webhook option {name!r} does not take {value!r}; options: endpoint, duplicate, drop, delay, shuffle")
        endpoint = self._endpoint
        return {
            **self._options,
            "endpoint": None if endpoint is None else {"url": endpoint.url, "api_key": endpoint.api_key, "basic": endpoint.basic},
        }

    # ---- inside ----

    def _set_endpoint(self, value: Any, *, now: datetime | None) -> None:
        if value is None:
            self._endpoint, self._queue, self._next_heartbeat = None, [], None
            return
        if not isinstance(value, dict) or not isinstance(value.get("url"), str) or urlsplit(value["url"]).scheme not in ("http", "https"):
            raise ValueError('endpoint must be {"url": "http(s)://...", "api_key": text, "basic": "user:password"} or null')
        basic = value.get("basic")
        if isinstance(basic, dict):
            basic = f"{basic.get('username') or basic.get('user') or ''}:{basic.get('password', '')}"
        if not isinstance(basic, str | None) or not isinstance(value.get("api_key"), str | None):
            raise ValueError("api_key and basic must be text")
        self._endpoint = Endpoint(url=value["url"], api_key=value.get("api_key"), basic=basic)
        self._next_heartbeat = None if now is None else now + self._heartbeat_interval

    @property
    def _heartbeat_interval(self) -> timedelta:
        return timedelta(seconds=max(1.0, self._settings["heartbeat_seconds"]))

    def _heartbeat(self, now: datetime) -> None:
        if self._endpoint is None or not self._settings["heartbeat_seconds"]:
            self._next_heartbeat = None
            return
        if self._next_heartbeat is None:
            self._next_heartbeat = now + self._heartbeat_interval
        elif self._next_heartbeat <= now:
            self._push("Heartbeat", [], occurred=now, due=now)
            self._next_heartbeat = now + self._heartbeat_interval

    def _push(
        self, kind: str, records: list[dict[str, Any]], *, occurred: datetime, due: datetime, attempt: int = 1, id: str | None = None
    ) -> None:
        endpoint = self._endpoint
        if endpoint is None:
            return
        lag = round((due - occurred).total_seconds(), 3)
        envelope = {
            "subscriptionId": self._subscription,
            "sessionId": self._session,
            "attemptNumber": attempt,
            "records": [{"lag": lag, **record} for record in records],
        }
        # mtime 0 keeps the same run byte for byte the same
        body = gzip.compress(orjson.dumps(envelope), compresslevel=1, mtime=0)
        self._count += 1
        delivery = Delivery(
            id=id or f"wh-{self._count:08d}",
            url=endpoint.url,
            headers=self._headers(endpoint, body, due),
            body=body,
            due=due,
            kind=kind,
            attempt=attempt,
            context=(records, occurred),
        )
        self._queue.append(delivery)

    def _headers(self, endpoint: Endpoint, body: bytes, when: datetime) -> dict[str, str]:
        headers = {"content-type": "application/json", "content-encoding": "gzip", "user-agent": "CSOD-Webhooks/1.0"}
        if endpoint.api_key:
            headers["x-api-key"] = endpoint.api_key
        if endpoint.basic:
            headers["authorization"] = "Basic " + base64.b64encode(endpoint.basic.encode()).decode()
        secret = self._settings["webhook_hmac_secret"]
        if secret:
            headers |= _signature(endpoint.url, body, when, secret)
        return headers

    def _remember(self, delivery: Delivery, *, status: int | None, now: datetime, retried: bool) -> None:
        records = delivery.context[0]
        row = {"id": delivery.id, "kind": delivery.kind, "attempt": delivery.attempt, "url": delivery.url, "at": stamp_ms(now)}
        self._sent.append(row | {"due": stamp_ms(delivery.due), "status": status, "retried": retried, "records": records})
        if len(self._sent) > MOST_REMEMBERED:
            del self._sent[: MOST_REMEMBERED // 4]

    def _guid(self) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))


def _signature(url: str, body: bytes, when: datetime, secret: str) -> dict[str, str]:
    """The string to sign is not documented; this is the common pattern that the page's description fits."""
    parts = urlsplit(url)
    content = base64.b64encode(hashlib.sha256(body).digest()).decode()
    date = format_datetime(when, usegmt=True)
    path = parts.path or "/"
    signed = f"POST\n{path}{'?' + parts.query if parts.query else ''}\n{date};{parts.netloc};{content}"
    try:
        key = base64.b64decode(secret, validate=True)
    except ValueError:
        key = secret.encode()
    signature = base64.b64encode(hmac.new(key, signed.encode(), hashlib.sha256).digest()).decode()
    authorization = f"HMAC-SHA256 SignedHeaders=date;host;x-content-sha256&Signature={signature}"
    return {"date": date, "x-content-sha256": content, "authorization": authorization}
