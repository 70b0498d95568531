from __future__ import annotations

from collections.abc import Iterator

import pytest

from csod_pipelines.store.provision import Urls
from csod_pipelines_tests.gateway.running import RunningGateway, serving


@pytest.fixture(scope="module")
def gateway(module_database_urls: Urls) -> Iterator[RunningGateway]:
    with serving(module_database_urls) as running:
        yield running
