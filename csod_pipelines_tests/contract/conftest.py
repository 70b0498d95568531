"""A portal for each test, and which tests a live one may be asked.

Every expectation's docstring names its source. Marks: ``row`` the row of the contract register that it stands for; ``reads`` it writes
nothing and sets no stage, so that it runs against a live portal too; ``writes`` it writes records of its own through the public contract
alone, and runs there when ``CSOD_PIPELINES_CONTRACT_WRITES`` is 1. See docs/contract.md for the addresses.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from csod_pipelines.sandbox.serve import running
from csod_pipelines_tests.contract.administrate_portal import Administrate
from csod_pipelines_tests.contract.cornerstone_portal import Cornerstone
from csod_pipelines_tests.contract.portals import WRITES, Address, live_address, sandbox_address


def _may_run(request: pytest.FixtureRequest) -> bool:
    """Of a live portal: what only reads; what writes, where that was asked for."""
    marker = request.node.get_closest_marker
    return marker("reads") is not None or (marker("writes") is not None and os.environ.get(WRITES) == "1")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "row(name): the row of the contract register that the expectation stands for")
    config.addinivalue_line("markers", "writes: through the public contract alone, on records of its own; a live portal keeps them")
    config.addinivalue_line("markers", "reads: writes nothing; runs against a live portal too")


def _address(vendor: str, request: pytest.FixtureRequest) -> Iterator[Address]:
    live = live_address(vendor)
    if live is not None:
        yield live
        return
    with running(vendor) as sandbox:
        yield sandbox_address(vendor, sandbox.url)


@pytest.fixture(scope="module")
def administrate_address(request: pytest.FixtureRequest) -> Iterator[Address]:
    yield from _address("administrate", request)


@pytest.fixture(scope="module")
def cornerstone_address(request: pytest.FixtureRequest) -> Iterator[Address]:
    yield from _address("cornerstone", request)


def _only_reads(address: Address, request: pytest.FixtureRequest) -> None:
    if address.live and not _may_run(request):
        pytest.skip("needs a sandbox: it sets a stage, or writes and was not asked to")


@pytest.fixture
def administrate(administrate_address: Address, request: pytest.FixtureRequest) -> Iterator[Administrate]:
    _only_reads(administrate_address, request)
    portal = Administrate(administrate_address)
    if not administrate_address.live:
        portal.reset()
    yield portal
    portal.restore()


@pytest.fixture
def cornerstone(cornerstone_address: Address, request: pytest.FixtureRequest) -> Iterator[Cornerstone]:
    _only_reads(cornerstone_address, request)
    portal = Cornerstone(cornerstone_address)
    if not cornerstone_address.live:
        portal.reset()
        portal.login()
    yield portal
    portal.restore()
