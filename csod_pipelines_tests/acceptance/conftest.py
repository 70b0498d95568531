from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from csod_pipelines.store.provision import Urls
from csod_pipelines_tests.acceptance.world import World, world


@pytest.fixture
def both(database_urls: Urls, tmp_path: Path) -> Iterator[World]:
    """Both vendors in their small size, linked to a house; nothing imported yet."""
    with world(database_urls, tmp_path) as made:
        yield made
