from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from csod_pipelines.store.provision import Urls
from csod_pipelines_tests.acceptance.scenarios.stage import Stage, staged


@pytest.fixture(scope="module")
def stage(module_database_urls: Urls, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One imported pair of vendors for the scenarios of a module."""
    with staged(module_database_urls, tmp_path_factory.mktemp("house")) as made:
        yield made


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Scenarios travel in time between real servers, and take minutes: they belong to the full run."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.full)
