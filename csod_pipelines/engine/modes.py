"""What each flow may do just now: the settings' mode, pauses, brakes, and whether a live portal was released for writing."""

from __future__ import annotations

from csod_pipelines.engine.options import EngineOptions
from csod_pipelines.model.keys import Flow, SystemName
from csod_pipelines.model.outcomes import Mode
from csod_pipelines.store import controls
from csod_pipelines.store.database import Database
from csod_pipelines.systems.base import Clock

REFRESH_SECONDS = 1.0
GO_LIVE = "go-live"


def pause_name(flow: str) -> str:
    return f"pause:{flow}"


class Modes:
    """Read from the database at most once a second, so that a pause takes effect on every run within two."""

    def __init__(self, *, database: Database, options: EngineOptions, clock: Clock) -> None:
        self._database = database
        self._options = options
        self._clock = clock
        self._read_at: float | None = None
        self._paused: frozenset[str] = frozenset()
        self._held: dict[str, str] = {}
        self._live = options.sandbox

    def _refresh(self) -> None:
        now = self._clock.monotonic()
        if self._read_at is not None and now - self._read_at < REFRESH_SECONDS:
            return
        with self._database.read() as conn:
            known = controls.controls(conn)
        self._paused = frozenset(n.removeprefix("pause:") for n, c in known.items() if n.startswith("pause:") and c.value.get("paused"))
        self._held = {n.removeprefix("brake:"): c.why for n, c in known.items() if n.startswith("brake:") and c.value.get("on")}
        released = known.get(GO_LIVE)
        self._live = self._options.sandbox or bool(released is not None and released.value.get("portal") == self._options.portal)
        self._read_at = now

    def paused(self, flow: Flow) -> bool:
        """By its own name, or because one of the two systems is: every flow needs both."""
        self._refresh()
        return bool(self._paused & {flow.value, "all", *SystemName})

    def system_paused(self, system: SystemName) -> bool:
        self._refresh()
        return bool(self._paused & {system.value, "all"})

    @property
    def released(self) -> bool:
        """Whether anything at all may be written to this portal."""
        self._refresh()
        return self._live

    def held(self, flow: Flow) -> str | None:
        """Why a brake holds the flow, until a person releases it."""
        self._refresh()
        return self._held.get(flow.value)

    def look_again(self) -> None:
        """The next question reads the database: somebody in this process just decided something."""
        self._read_at = None

    def mode(self, flow: Flow) -> Mode:
        """First touch of a live portal writes nothing: without a recorded go-live, live means observe."""
        self._refresh()
        configured = self._options.mode(flow)
        return Mode.OBSERVE if configured is Mode.LIVE and not self._live else configured
