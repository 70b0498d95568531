"""Administrate: training management, GraphQL and outbound webhooks."""

from __future__ import annotations

from requests.adapters import BaseAdapter

from csod_pipelines.model.keys import SystemName
from csod_pipelines.systems.administrate.adapter import AdministrateSystem
from csod_pipelines.systems.administrate.options import AdministrateOptions
from csod_pipelines.systems.base import Budget, Clock, Guard, Recorder, Seams
from csod_pipelines.systems.contract import Contract, load
from csod_pipelines.systems.defaults import NoBudget, NoGuard, NoRecorder, NoSeams, SystemClock
from csod_pipelines.systems.transport import House

__all__ = ["AdministrateOptions", "AdministrateSystem", "open"]


def open(
    settings: AdministrateOptions,
    *,
    budget: Budget | None = None,
    recorder: Recorder | None = None,
    guard: Guard | None = None,
    clock: Clock | None = None,
    seams: Seams | None = None,
    contract: Contract | None = None,
    adapter: BaseAdapter | None = None,
) -> AdministrateSystem:
    """Administrate as a System. What is not injected does nothing.

    ``adapter`` stands in for the network, where the vendor runs in this process."""
    house = House(
        budget=budget or NoBudget(),
        recorder=recorder or NoRecorder(),
        guard=guard or NoGuard(),
        clock=clock or SystemClock(),
        seams=seams or NoSeams(),
        adapter=adapter,
    )
    return AdministrateSystem(settings, house=house, contract=contract or load(SystemName.ADMINISTRATE))
