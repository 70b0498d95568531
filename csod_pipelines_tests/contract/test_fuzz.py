"""Whatever arrives is answered: no 500, no traceback, and what is good succeeds all the while.

Nine of ten requests are odd, every tenth is good. ``make test`` sends some hundreds to each server, ``make test-full`` 5,000.
"""

from __future__ import annotations

import pytest

from csod_pipelines.settings import environment
from csod_pipelines.store.provision import Urls
from csod_pipelines_tests.contract import fuzz_targets as targets
from csod_pipelines_tests.contract.fuzzer import Answer, Fuzzer

ROUNDS = pytest.mark.parametrize("count", [400, pytest.param(5_000, marks=pytest.mark.full)])


def _shake(fuzzer: Fuzzer, count: int) -> dict[int | None, int]:
    """How often each status was answered to the odd ones."""
    statuses: dict[int | None, int] = {}
    for number in range(count):
        if number % 10 == 0:
            _succeeded(fuzzer.send_good(number // 10))
            continue
        answer = fuzzer.send_odd()
        assert answer.status is None or answer.status < 500 or answer.status == 501, f"{answer.sent}: {answer.status} {answer.text[:500]}"
        assert "Traceback" not in answer.text, answer.sent
        statuses[answer.status] = statuses.get(answer.status, 0) + 1
    return statuses


def _succeeded(answer: Answer) -> None:
    """A 2xx without errors inside: vendors refuse inside a 200."""
    assert answer.status is not None and 200 <= answer.status < 300, f"{answer.sent}: {answer.status} {answer.text[:500]}"
    assert '"errors":[{' not in answer.text and '"Result":"Failed"' not in answer.text, f"{answer.sent}: {answer.text[:500]}"


def _refused_share(statuses: dict[int | None, int]) -> float:
    return sum(count for status, count in statuses.items() if status is None or status >= 400) / sum(statuses.values())


@ROUNDS
def test_the_cornerstone_sandbox_bears_odd_requests(count: int) -> None:
    """Source: none prints answers to such requests; the vendor's envelope with a clear 4xx is the house's rule."""
    with targets.sandbox("cornerstone") as server:
        fuzzer = Fuzzer(server.url, seed=count, good=targets.cornerstone_requests(server.url), names=targets.CORNERSTONE_NAMES)
        assert _refused_share(_shake(fuzzer, count)) > 0.3
        assert "Traceback" not in server.complaints() and "could not be read" not in server.complaints()


@ROUNDS
def test_the_administrate_sandbox_bears_odd_requests(count: int) -> None:
    """Source: as for Cornerstone; what cannot run as GraphQL is a 200 with errors at the top."""
    with targets.sandbox("administrate") as server:
        fuzzer = Fuzzer(server.url, seed=count, good=targets.administrate_requests(server.url), names=targets.ADMINISTRATE_NAMES)
        assert _refused_share(_shake(fuzzer, count)) > 0.1
        assert "Traceback" not in server.complaints()


@ROUNDS
def test_the_gateway_bears_odd_requests(count: int, module_database_urls: Urls) -> None:
    """Source: both vendors repeat a delivery after a 5xx only, so a 5xx on what can never be stored would come for ever."""
    env = environment() | {
        "CSOD_PIPELINES_GATEWAY_DATABASE_URL": module_database_urls.gateway,
        "CSOD_PIPELINES_ADMINISTRATE_WEBHOOK_SECRET": targets.SECRET,
        "CSOD_PIPELINES_CORNERSTONE_WEBHOOK_API_KEY": targets.API_KEY,
    }
    with targets.process("csod_pipelines.gateway", "--port", "0", env=env) as server:
        fuzzer = Fuzzer(server.url, seed=count, good=targets.gateway_requests(), names=targets.GATEWAY_NAMES)
        assert _refused_share(_shake(fuzzer, count)) > 0.3
        assert "Traceback" not in server.complaints()
