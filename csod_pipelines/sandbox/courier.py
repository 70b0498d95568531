"""Posts the webhooks a core wants delivered, and lets the vendor's queues move on when their time comes."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import requests

from csod_pipelines.sandbox.clock import VendorClock
from csod_pipelines.sandbox.kit import Core, Delivery

log = logging.getLogger(__name__)
POST_TIMEOUT_SECONDS = 10.0
CARRIERS = 4  # posting at once; neither vendor promises an order
LONGEST_SLEEP_SECONDS = 1.0


class Courier:
    """One thread that asks the core what is due, and a few that post."""

    def __init__(self, core: Core, *, clock: VendorClock, lock: threading.Lock) -> None:
        self._core, self._clock, self._lock = core, clock, lock
        self._condition = threading.Condition()
        self._woken = False
        self._stopping = False
        self._planned: datetime | None = None
        self._thread: threading.Thread | None = None
        self._pool: ThreadPoolExecutor | None = None
        self._local = threading.local()

    def start(self) -> None:
        self._stopping = False
        self._pool = ThreadPoolExecutor(CARRIERS, thread_name_prefix="sandbox-carrier")
        self._thread = threading.Thread(target=self._run, name="sandbox-courier", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self.wake()
        if self._thread is not None:
            self._thread.join(timeout=5)
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def wake(self, *, before: datetime | None = None) -> None:
        """Look again: always, or only if something falls due earlier than was planned for."""
        if before is not None and self._planned is not None and self._planned <= before:
            return
        with self._condition:
            self._woken = True
            self._condition.notify()

    def _run(self) -> None:
        while not self._stopping:
            with self._lock:
                now = self._clock.now()
                batch = self._core.due(now=now)
                self._planned = self._core.next_due()
            for delivery in batch:
                assert self._pool is not None
                self._pool.submit(self._post, delivery)
            self._sleep(now)

    def _sleep(self, now: datetime) -> None:
        seconds = LONGEST_SLEEP_SECONDS
        if self._planned is not None:
            seconds = min(seconds, max(0.001, (self._planned - now).total_seconds()))
        with self._condition:
            if not self._woken:
                self._condition.wait(seconds)
            self._woken = False

    def _post(self, delivery: Delivery) -> None:
        status: int | None = None
        try:
            status = (
                self._session()
                .post(
                    delivery.url,
                    data=delivery.body,
                    headers=dict(delivery.headers),
                    timeout=POST_TIMEOUT_SECONDS,
                    allow_redirects=False,
                )
                .status_code
            )
        except (requests.RequestException, ValueError) as unanswered:
            log.info(
                "webhook %s to %s got no answer: %s",
                delivery.id,
                delivery.kind,
                type(unanswered).__name__,
            )
        if self._stopping:
            return
        with self._lock:
            self._core.delivered(delivery, status=status, now=self._clock.now())
            due = self._core.next_due()
        self.wake(before=due)

    def _session(self) -> requests.Session:
        session = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.trust_env = False  # no proxy stands between a sandbox and its receiver, and reading netrc costs a stat a post
        return session
