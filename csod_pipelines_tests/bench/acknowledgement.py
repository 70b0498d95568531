"""A webhook is answered 202 once it is on the disk. How much of the server's speed does that cost, and is the promise kept?"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import psycopg

from csod_pipelines.settings import environment, variable
from csod_pipelines.store.provision import Urls
from csod_pipelines_tests.bench.rows import Row, middle, percentile
from csod_pipelines_tests.bench.stage import postgres, stop
from csod_pipelines_tests.bench.webhook_load import Load, send
from csod_pipelines_tests.gateway.running import API_KEY, SECRET

SECTION = "Durable acknowledgement, 64 connections"
CONNECTIONS = 64
ROUNDS, ROUND_SECONDS = 4, 3.0
KILLS, KILLS_FULL = 10, 100
SERVERS = {
    "stored": [sys.executable, "-m", "csod_pipelines.gateway", "--port", "0"],
    **{store: [sys.executable, "-m", "csod_pipelines_tests.bench.gateway_server", store] for store in ("nothing", "row_by_row", "bare")},
}


def measure(*, full: bool) -> Iterator[Row]:
    with postgres() as (_, urls):
        yield from _speed(urls)
        yield _kills(urls, rounds=KILLS_FULL if full else KILLS)


def _speed(urls: Urls) -> Iterator[Row]:
    loads: dict[str, list[Load]] = {name: [] for name in SERVERS}
    with ExitStack() as stack:
        addresses = {name: stack.enter_context(_serving(urls, name))[0] for name in SERVERS}
        for url in addresses.values():
            send(url, connections=CONNECTIONS, seconds=0.5)  # warm
        for _ in range(ROUNDS):  # in turns, so that whatever else the machine does meets all of them
            for name, url in addresses.items():
                loads[name].append(send(url, connections=CONNECTIONS, seconds=ROUND_SECONDS))
    speed = {name: middle(load.per_second for load in found) for name, found in loads.items()}
    ratio = middle(a.per_second / b.per_second for a, b in zip(loads["stored"], loads["nothing"], strict=True))
    yield Row(
        section=SECTION,
        name="webhooks stored, then answered",
        figure=speed["stored"],
        unit="/s",
        against=f"the same server storing nothing: {speed['nothing']:,.0f}/s",
        ratio=ratio,
        target=">= 0.5",
        met=ratio >= 0.5,
        used=0.5 / ratio,
        note="The sender is one process on the same cores, so both figures are below what a server alone would do.",
    )
    yield _latency(loads["stored"])
    for name, words in (("row_by_row", "a commit for each webhook"), ("bare", "a plain Starlette route that answers 202")):
        yield Row(
            section=SECTION,
            name="webhooks stored, then answered",
            figure=speed["stored"],
            unit="/s",
            against=f"{words}: {speed[name]:,.0f}/s",
            ratio=speed["stored"] / speed[name],
        )


def _latency(loads: Sequence[Load]) -> Row:
    seconds = [answer for load in loads for answer in load.seconds]
    p99 = percentile(seconds, 0.99) * 1000
    return Row(
        section=SECTION,
        name="time to the answer, p99",
        figure=p99,
        unit="ms",
        against=f"p50 {percentile(seconds, 0.5) * 1000:.1f} ms of {len(seconds):,}, {sum(load.refused for load in loads)} refused",
        target="< 50 ms",
        met=p99 < 50,
        used=p99 / 50,
        note="64 senders that never pause: the time to the answer is mostly the queue of the other 63.",
    )


def _kills(urls: Urls, *, rounds: int) -> Row:
    dice = random.Random(1)
    acknowledged: set[str] = set()
    for _ in range(rounds):
        with _serving(urls, "stored") as (url, process):
            timer = threading.Timer(dice.uniform(0.2, 1.2), os.kill, (process.pid, signal.SIGKILL))
            timer.start()
            acknowledged.update(send(url, connections=CONNECTIONS, seconds=1.5).keys)
            timer.join()
    with psycopg.connect(urls.owner.replace("+psycopg", "")) as conn:
        keys = [f"person:administrate:{key}" for key in acknowledged]
        found = conn.execute("SELECT count(DISTINCT subject) FROM inbox_event WHERE subject = ANY(%s)", [keys]).fetchone()
    lost = len(acknowledged) - (found[0] if found else 0)
    return Row(
        section=SECTION,
        name="acknowledged and lost",
        figure=lost,
        unit=f"of {len(acknowledged):,}",
        against=f"{rounds} rounds of kill -9 under load",
        target="0 in 100 rounds",
        met=False if lost else True if rounds >= KILLS_FULL else None,
        note="" if rounds >= KILLS_FULL else f"{rounds} rounds; FULL=1 makes {KILLS_FULL}.",
    )


@contextmanager
def _serving(urls: Urls, name: str) -> Iterator[tuple[str, subprocess.Popen[Any]]]:
    fields = {
        "gateway_database_url": urls.gateway,
        "administrate.webhook_secret": SECRET,
        "cornerstone.webhook_api_key": API_KEY,
    }
    variables = environment() | {variable(field): value for field, value in fields.items()}
    process = subprocess.Popen(SERVERS[name], env=variables, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        _accepting(url)
        yield url, process
    finally:
        stop(process)


def _accepting(url: str) -> None:
    for _ in range(100):
        if send(url, connections=1, seconds=0).keys:
            return
        time.sleep(0.1)
    raise RuntimeError(f"the server at {url} answers nothing")
