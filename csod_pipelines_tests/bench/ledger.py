"""What recording a call costs beside a call of 100 ms: two commits, one before it is sent and one after it is answered."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter

from csod_pipelines.model.keys import Kind
from csod_pipelines.store.database import connect
from csod_pipelines.store.ledger import LedgerRecorder
from csod_pipelines.systems import administrate
from csod_pipelines_tests.bench.rows import Row, middle
from csod_pipelines_tests.bench.stage import Vendor, postgres, vendor

SECTION = "Ledger"
CALL_SECONDS = 0.1
CALLS = 60
TARGET = 0.05


def measure(*, full: bool) -> Iterator[Row]:
    with postgres() as (_, urls), vendor("administrate") as (a, _):
        database = connect(urls.engine)
        try:
            yield _measured(a, administrate.open(_options(a)), administrate.open(_options(a), recorder=LedgerRecorder(database)))
        finally:
            database.close()


def _options(a: Vendor) -> administrate.AdministrateOptions:
    return administrate.AdministrateOptions(auth_url=a.url, api_url=a.url, client_id="sandbox", client_secret="sandbox-secret")


def _measured(a: Vendor, without: administrate.AdministrateSystem, recorded: administrate.AdministrateSystem) -> Row:
    account = a.act("create_account", name="Ledger")["id"]
    for system in (without, recorded):
        system.read(Kind.ORG_UNIT, account)
    a.slow(CALL_SECONDS)
    seconds: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(CALLS):
        for recording, system in ((False, without), (True, recorded)):
            started = perf_counter()
            system.read(Kind.ORG_UNIT, account)
            seconds[recording].append(perf_counter() - started)
    plain, kept = middle(seconds[False]), middle(seconds[True])
    share = (kept - plain) / kept
    return Row(
        section=SECTION,
        name="a call that the vendor answers after 100 ms, recorded",
        figure=kept * 1000,
        unit="ms",
        against=f"not recorded: {plain * 1000:.1f} ms; share of the ledger {share:.1%}",
        ratio=kept / plain,
        target="< 5 % of the time",
        met=share < TARGET,
        used=share / TARGET,
        note="Each recorded call waits for two commits flushed to the disk; see the time of one flush above.",
    )
