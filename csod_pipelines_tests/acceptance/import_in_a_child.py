"""An import in a process of its own, to be killed at any moment: ``python -m csod_pipelines_tests.acceptance.import_in_a_child``.

It holds its lease under one name, so that the next one need not wait until the lease of a killed one has run out.
"""

from __future__ import annotations

from csod_pipelines.model.keys import Kind
from csod_pipelines.runtime import open_house
from csod_pipelines.settings import load_settings


def main() -> None:
    with open_house(load_settings(), run_id="killed") as house:
        for kind in (Kind.ORG_UNIT, Kind.PERSON):
            house.engine.import_baseline(kind, mode="apply", owner="killed")


if __name__ == "__main__":
    main()
