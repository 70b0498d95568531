"""Cornerstone OnDemand: talent suite and LMS, three generations of REST."""

from __future__ import annotations

from requests.adapters import BaseAdapter

from csod_pipelines.model.keys import SystemName
from csod_pipelines.systems.base import Budget, Clock, Guard, Recorder, Seams
from csod_pipelines.systems.contract import Contract, load
from csod_pipelines.systems.cornerstone.adapter import CornerstoneSystem
from csod_pipelines.systems.cornerstone.options import Audience, CornerstoneOptions
from csod_pipelines.systems.defaults import NoBudget, NoGuard, NoRecorder, NoSeams, SystemClock
from csod_pipelines.systems.transport import House

__all__ = ["Audience", "CornerstoneOptions", "CornerstoneSystem", "open"]


def open(
    settings: CornerstoneOptions,
    *,
    budget: Budget | None = None,
    recorder: Recorder | None = None,
    guard: Guard | None = None,
    clock: Clock | None = None,
    seams: Seams | None = None,
    contract: Contract | None = None,
    adapter: BaseAdapter | None = None,
) -> CornerstoneSystem:
    """Cornerstone as a System. What is not injected does nothing.

    ``adapter`` stands in for the network, where the vendor runs in this process."""
    house = House(
        budget=budget or NoBudget(),
        recorder=recorder or NoRecorder(),
        guard=guard or NoGuard(),
        clock=clock or SystemClock(),
        seams=seams or NoSeams(),
        adapter=adapter,
    )
    return CornerstoneSystem(settings, house=house, contract=contract or load(SystemName.CORNERSTONE))
