"""Both sandboxes over real HTTP, one process each for the whole test run, reset before every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from csod_pipelines.systems import administrate, cornerstone
from csod_pipelines_tests.systems.vendor import Vendor, running


@pytest.fixture(scope="session")
def administrate_process() -> Iterator[Vendor]:
    with running("administrate") as vendor:
        yield vendor


@pytest.fixture(scope="session")
def cornerstone_process() -> Iterator[Vendor]:
    with running("cornerstone") as vendor:
        yield vendor


@pytest.fixture
def a_vendor(administrate_process: Vendor) -> Vendor:
    administrate_process.no_faults()
    administrate_process.reset()
    return administrate_process


@pytest.fixture
def c_vendor(cornerstone_process: Vendor) -> Vendor:
    cornerstone_process.no_faults()
    cornerstone_process.reset()
    return cornerstone_process


@pytest.fixture
def a_options(a_vendor: Vendor) -> administrate.AdministrateOptions:
    return administrate.AdministrateOptions(
        auth_url=a_vendor.url, api_url=a_vendor.url, client_id="sandbox", client_secret="sandbox-secret", ui_url=a_vendor.url
    )


@pytest.fixture
def c_options(c_vendor: Vendor) -> cornerstone.CornerstoneOptions:
    return cornerstone.CornerstoneOptions(
        base_url=c_vendor.url,
        client_id="sandbox",
        client_secret="sandbox-secret",
        actor="svc.integration",
        provider="Internal academy",
    )


@pytest.fixture
def a_system(a_options: administrate.AdministrateOptions) -> administrate.AdministrateSystem:
    return administrate.open(a_options)


@pytest.fixture
def c_system(c_options: cornerstone.CornerstoneOptions) -> cornerstone.CornerstoneSystem:
    return cornerstone.open(c_options)
