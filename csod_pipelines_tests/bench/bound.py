"""How fast the documented limits let an initial import of users be: what nobody's program can beat.

Administrate takes 20 requests a second from one address (developer pages, rate limits). A new contact needs its record and the
external id stored on it, and the id of the record is known only from the answer. One document may carry both mutations, so a batch
can travel with the ids of the batch before it: a request a batch, and one more for the ids of the last. Cornerstone is read at the
same time from the data exporter, in pages of a thousand rows at 400 requests a minute (csod.dev, throttling): 6,600 users a second,
far from being the narrow place.
"""

from __future__ import annotations

from math import ceil

REQUESTS_PER_SECOND = 20.0
RECORDS_PER_REQUEST = 50


def import_requests(users: int, *, batch: int = RECORDS_PER_REQUEST) -> int:
    """20,001 for a million users."""
    return ceil(users / batch) + 1 if users else 0


def import_seconds(users: int, *, batch: int = RECORDS_PER_REQUEST, per_second: float = REQUESTS_PER_SECOND) -> float:
    """About 1,000 s for a million users."""
    return import_requests(users, batch=batch) / per_second
