"""Take the pictures of the README: `make demo KEEP=1`, then `.venv/bin/python docs/screenshots.py`.

Needs Debian's chromium (`apt-get install chromium fonts-noto-cjk`). Reads the addresses of the house that runs on
CSOD_PIPELINES_HOME, starts a small backfill there so that there is one to see, and writes docs/images/*.png.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from csod_pipelines.commands.context import home_of
from csod_pipelines.house.dagster_home import DEFINITIONS
from csod_pipelines.house.dagster_web import ACTIVE, DagsterWeb
from csod_pipelines.settings import NEED_NOTHING, load_settings

IMAGES = Path(__file__).parent / "images"
CHROMIUM = "/usr/bin/chromium"
LOADING_MS = 60_000
SETTLE_SECONDS = 6.0
WIDTH = 1_500
BACKFILL_SECONDS = 300.0
MONTHS = ("2026-06", "2026-07", "2026-08", "2026-09")

_BACKFILL = """mutation Start($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""
_BACKFILL_STATUS = """query Status($id: String!) { partitionBackfillOrError(backfillId: $id) {
  ... on PartitionBackfill { status } ... on PythonError { message } } }"""


def main() -> None:
    home = home_of(load_settings(need=NEED_NOTHING))
    web = DagsterWeb(home.running_endpoints()["dagster"])
    IMAGES.mkdir(exist_ok=True)
    backfill, audit = _start_backfill(web), web.launch("audit", config={})
    _wait_for(lambda: bool(_ended_runs(web)))  # it lingers for a minute
    run = _run_to_show(web)
    _wait_for(lambda: _backfill_ended(web, backfill) and web.run(audit).status not in ACTIVE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.set_default_timeout(LOADING_MS)
        for name, height, take in (
            ("asset-graph", 1_500, _asset_graph),
            ("sensors", 950, _sensors),
            ("operations", 1_000, lambda page, url: _operations(page, url, run)),
            ("backfill", 420, lambda page, url: _backfill(page, url, backfill)),
        ):
            page.set_viewport_size({"width": WIDTH, "height": height})
            take(page, web.url)
            page.screenshot(path=IMAGES / f"{name}.png")
        browser.close()


def _start_backfill(web: DagsterWeb) -> str:
    params = {
        "assetSelection": [{"path": ["historical_enrollments"]}],
        "partitionNames": list(MONTHS),
        "runConfigData": {"ops": {"backfill_enrollments": {"config": {"mode": "apply"}}}},
        "title": "Enrollments of summer 2026",
    }
    return web.query(_BACKFILL, params=params)["launchPartitionBackfill"]["backfillId"]


def _backfill_ended(web: DagsterWeb, id: str) -> bool:
    return web.query(_BACKFILL_STATUS, id=id)["partitionBackfillOrError"]["status"].startswith("COMPLETED")


def _ended_runs(web: DagsterWeb) -> list[str]:
    return [run.id for run in web.runs() if run.job == "enrollment_sync" and run.status not in ACTIVE]


def _run_to_show(web: DagsterWeb) -> str:
    """The run of enrollment_sync that has most to show, a failure above all."""

    def worth(run: str) -> tuple[bool, int]:
        rows = [row for told in web.told(run) for row in told.metadata.get("operations") or ()]
        return any(row["outcome"] == "failure" for row in rows), len(rows)

    return max(_ended_runs(web), key=worth)


def _wait_for(look: Callable[[], bool]) -> None:
    deadline = time.monotonic() + BACKFILL_SECONDS
    while not look():
        if time.monotonic() > deadline:
            raise TimeoutError(f"the backfill has not ended after {BACKFILL_SECONDS:.0f} s")
        time.sleep(1)


def _open(page: Page, address: str, *, shows: str) -> None:
    page.goto(address, wait_until="load")
    page.get_by_text(shows).locator("visible=true").first.wait_for()
    time.sleep(SETTLE_SECONDS)


def _asset_graph(page: Page, url: str) -> None:
    _open(page, f"{url}/locations/{DEFINITIONS}/asset-groups/live_sync/lineage", shows="observed_changes")
    page.get_by_text("Hide navigation").locator("visible=true").first.click()
    page.mouse.move(700, 800)
    page.keyboard.down("Control")  # zooms out
    page.mouse.wheel(0, 60)
    page.keyboard.up("Control")
    time.sleep(SETTLE_SECONDS)


def _sensors(page: Page, url: str) -> None:
    _open(page, f"{url}/automation", shows="enrollment_sync_on_change")


def _operations(page: Page, url: str, run: str) -> None:
    _open(page, f"{url}/runs/{run}?logs=type%3AASSET_MATERIALIZATION", shows="View full message")
    page.get_by_text("View full message").locator("visible=true").last.click()
    page.get_by_text("operations", exact=True).locator("visible=true").last.scroll_into_view_if_needed()
    time.sleep(1)


def _backfill(page: Page, url: str, backfill: str) -> None:
    _open(page, f"{url}/runs/b/{backfill}", shows="historical_enrollments")


if __name__ == "__main__":
    main()
