"""The one writer: deliveries that wait together are committed together, and acknowledged only then.

A commit costs a flush of the log whatever it holds. Requests queue here; one thread takes what is waiting, up to
``MAX_BATCH`` deliveries, stores them in one transaction and wakes their requests. Nothing is held in memory that has
been acknowledged, so a kill loses nothing that a vendor believes to be ours.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import structlog
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from csod_pipelines.gateway.refusals import Reason, Rejected
from csod_pipelines.store.inbox import Delivery

MAX_BATCH = 256  # deliveries a transaction
MAX_WAITING = 2_048  # requests; beyond that the vendor is told to come again
WAIT_SECONDS = 4.0  # Administrate asks for an answer within 5

log = structlog.get_logger(__name__)

Store = Callable[[Sequence[Delivery]], None]


@dataclass(slots=True)
class _Ticket:
    deliveries: Sequence[Delivery]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[None]
    given_up: bool = field(default=False)

    def settle(self, error: Rejected | None) -> None:
        if self.future.done():
            return
        if error is None:
            self.future.set_result(None)
        else:
            self.future.set_exception(error)


class GroupWriter:
    """``store`` writes deliveries in one transaction of its own. ``observe`` is told size and seconds of each commit."""

    def __init__(self, store: Store, *, observe: Callable[[int, float], None] = lambda size, seconds: None) -> None:
        self._store, self._observe = store, observe
        self._queue: queue.SimpleQueue[_Ticket | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="gateway-writer", daemon=True)
        self._stopping = False

    @property
    def waiting(self) -> int:
        return self._queue.qsize()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Writes what is waiting, then ends."""
        self._stopping = True
        self._queue.put(None)
        self._thread.join(timeout=10)

    async def write(self, deliveries: Sequence[Delivery]) -> None:
        """Returns once committed. Raises Rejected when the store cannot take them now, or ever."""
        if self._stopping or self.waiting >= MAX_WAITING:
            raise Rejected(Reason.STORE_UNAVAILABLE)
        loop = asyncio.get_running_loop()
        ticket = _Ticket(deliveries, loop, loop.create_future())
        self._queue.put(ticket)
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await ticket.future
        except TimeoutError as err:
            ticket.given_up = True  # what is stored nevertheless arrives again, and is labelled a duplicate
            raise Rejected(Reason.STORE_UNAVAILABLE) from err

    def _run(self) -> None:
        stopped = False
        while not stopped:
            batch, stopped = self._gather()
            if batch:
                self._write(batch)

    def _gather(self) -> tuple[list[_Ticket], bool]:
        batch: list[_Ticket] = []
        size = 0
        ticket = self._queue.get()
        while ticket is not None:
            if not ticket.given_up:
                batch.append(ticket)
                size += len(ticket.deliveries)
            if size >= MAX_BATCH:
                return batch, False
            try:
                ticket = self._queue.get_nowait()
            except queue.Empty:
                return batch, False
        return batch, True

    def _write(self, batch: list[_Ticket]) -> None:
        started = time.monotonic()
        try:
            self._store_twice([delivery for ticket in batch for delivery in ticket.deliveries])
        except DBAPIError as err:
            if _is_outage(err) or len(batch) == 1:
                log.error("deliveries not stored", deliveries=len(batch), error=type(err.orig).__name__)
                _answer(batch, Rejected(Reason.STORE_UNAVAILABLE if _is_outage(err) else Reason.CANNOT_BE_STORED))
                return
            for ticket in batch:  # one delivery that the database refuses must not take its neighbours with it
                self._write([ticket])
            return
        except SQLAlchemyError as err:  # no connection to be had
            log.error("deliveries not stored", deliveries=len(batch), error=type(err).__name__)
            _answer(batch, Rejected(Reason.STORE_UNAVAILABLE))
            return
        self._observe(sum(len(ticket.deliveries) for ticket in batch), time.monotonic() - started)
        _answer(batch, None)

    def _store_twice(self, deliveries: Sequence[Delivery]) -> None:
        """Once more where the connection was lost: after a restart of the server every pooled one is stale."""
        try:
            self._store(deliveries)
        except DBAPIError as err:
            if not err.connection_invalidated:
                raise
            self._store(deliveries)


def _answer(batch: Sequence[_Ticket], error: Rejected | None) -> None:
    def settle_all() -> None:
        for ticket in batch:
            ticket.settle(error)

    batch[0].loop.call_soon_threadsafe(settle_all)


def _is_outage(err: DBAPIError) -> bool:
    """Class 22 (data) and 23 (constraints) accuse the delivery; everything else the database."""
    state = getattr(err.orig, "sqlstate", None)
    return state is None or state[:2] not in ("22", "23")
