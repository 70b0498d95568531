"""What both sandboxes are made of: a request, a response, and the contract of a vendor core.

A core is synchronous and deterministic: state + request + clock -> response. It never reads the wall clock,
never opens a socket and never starts a thread; webhooks it wants delivered are put into ``outbox`` and are
sent by whoever drives it (the HTTP shell, or a simulation under a virtual clock).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(slots=True, kw_only=True)
class Delivery:
    """One webhook to be posted. The driver posts it at or after ``due`` (vendor clock) and reports the status."""

    id: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    due: datetime
    kind: str
    attempt: int = 1
    context: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a request did, for the access log. ``effect`` is none, create, update, cancel or log."""

    operation: str
    effect: str = "none"
    kind: str | None = None
    id: str | None = None
    messages: int = 0


class Core(Protocol):
    """One vendor. ``now`` is the vendor's own clock and is passed with every call."""

    vendor: str

    def reset(self, *, seed: int, size: Any, now: datetime) -> None:
        """A new world, or ValueError for a size that is none, and then the old world stays."""
        ...

    def handle(self, request: Request, *, now: datetime) -> tuple[Response, tuple[Effect, ...]]:
        """Answer a request on the vendor's own paths."""
        ...

    def kinds(self) -> list[str]:
        """What ``state`` can show."""
        ...

    def sizes(self) -> dict[str, str]:
        """Named sizes of a world, and ``{...}``, the counts that an object may give -> what they are."""
        ...

    def state(self, kind: str, *, id: str | None, now: datetime, first: int = 0, most: int | None = None) -> list[dict[str, Any]]:
        """Rows as they are now, or so many of them from one on; KeyError for an unknown kind."""
        ...

    def actions(self) -> dict[str, dict[str, str]]:
        """Action name -> argument name -> what it is."""
        ...

    def act(self, action: str, arguments: Mapping[str, Any], *, now: datetime) -> dict[str, Any]:
        """What a person does on the vendor's screens. ValueError with a clear text when it cannot be done."""
        ...

    def config(self) -> dict[str, Any]: ...

    def configure(self, changes: Mapping[str, Any]) -> None: ...

    def due(self, *, now: datetime) -> list[Delivery]:
        """Take the deliveries that are to be sent now; also lets queued work (assignments, heartbeats) happen."""
        ...

    def next_due(self) -> datetime | None:
        """When ``due`` should be called next, if anything is waiting."""
        ...

    def delivered(self, delivery: Delivery, *, status: int | None, now: datetime) -> None:
        """Report the receiver's answer (None: no answer); the core schedules the vendor's retries."""
        ...

    def deliveries(self) -> list[dict[str, Any]]: ...

    def webhook_options(self, changes: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Read or set duplicate/drop probabilities, delay, shuffle, endpoint."""
        ...
