"""What assets, checks and sensors ask for: the plain House of ``runtime``, opened for a run or kept for the sensors.

Settings are read when a house is opened, never at import, so that the code location loads without any variable set.
"""

import atexit
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from csod_pipelines.runtime import House
else:
    # Dagster evaluates annotations when a definition is made; the real class would import the whole store with it.
    House = Any


class HouseResource(dg.ConfigurableResource):
    """Database, both systems and the engine, opened at the start of a run and closed at its end."""

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Iterator[House]:  # pyright: ignore[reportIncompatibleMethodOverride]
        with _open(run_id=context.run.run_id if context.run else "") as house:
            yield house


class StandingHouseResource(dg.ConfigurableResource):
    """One house a code-server process, shared by all sensor ticks: a tick every few seconds must not open a database."""

    def create_resource(self, context: dg.InitResourceContext) -> House:
        return _standing()


_standing_lock = threading.Lock()
_standing_house: list[House] = []


def _standing() -> House:
    with _standing_lock:  # ticks of several sensors run in threads
        if not _standing_house:
            house = _open(run_id="")
            atexit.register(house.close)
            _standing_house.append(house)
        return _standing_house[0]


def _open(*, run_id: str) -> House:
    from csod_pipelines.runtime import open_house
    from csod_pipelines.settings import load_settings

    return open_house(load_settings(), run_id=run_id)


def owner(context: dg.AssetExecutionContext) -> str:
    """Under which name this run holds leases; the sensors show it."""
    return f"run:{context.run.run_id}"
