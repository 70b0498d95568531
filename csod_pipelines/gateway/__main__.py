"""`python -m csod_pipelines.gateway`: serve until SIGINT or SIGTERM. Addresses and secrets come from the environment."""

from __future__ import annotations

import argparse
import gc
import logging
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import structlog
import uvicorn
from sqlalchemy.exc import SQLAlchemyError

from csod_pipelines.gateway.app import Gateway, Wiring
from csod_pipelines.gateway.connections import BoundedHead
from csod_pipelines.gateway.once import OnceInAWhile
from csod_pipelines.gateway.refusals import Reason, Rejected
from csod_pipelines.gateway.verify import ApiKey, SharedSecret
from csod_pipelines.model.keys import SystemName
from csod_pipelines.settings import NEED_GATEWAY, Settings, SettingsError, load_settings
from csod_pipelines.store import inbox
from csod_pipelines.store.database import Database, connect

EXIT_USAGE = 64
STATUS_SECONDS = 1.0  # anybody may ask for the health page; the answer must not cost a query each time
CONNECTIONS = 2  # one for the writer, one for /readyz and /metrics
MAX_CONNECTIONS_AT_ONCE = 1_024


def wiring_of(settings: Settings, *, database: Database) -> Wiring:
    def store(deliveries: Sequence[inbox.Delivery]) -> None:
        with database.begin() as conn:
            inbox.receive_many(conn, deliveries)

    def status() -> Mapping[str, Any]:
        try:
            with database.read() as conn:
                return inbox.gateway_status(conn)
        except SQLAlchemyError as err:
            raise Rejected(Reason.STORE_UNAVAILABLE) from err

    return Wiring(
        store=store,
        status=OnceInAWhile(status, seconds=STATUS_SECONDS),
        checks={
            SystemName.ADMINISTRATE: (SharedSecret(settings.administrate.webhook_secrets),),
            SystemName.CORNERSTONE: (ApiKey(settings.cornerstone.webhook_api_keys),),
        },
    )


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="csod_pipelines.gateway", description="Receives the vendors' webhooks.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, help="overrides CSOD_PIPELINES_GATEWAY_PORT; 0 picks a free one")
    arguments = parser.parse_args(argv)
    try:
        settings = load_settings(need=NEED_GATEWAY)
    except SettingsError as err:
        print(err, file=sys.stderr)  # noqa: T201
        return EXIT_USAGE
    _log_as_json()
    database = connect(settings.gateway_database_url, pool_size=CONNECTIONS)
    listener = _listen(arguments.host, settings.ports.gateway if arguments.port is None else arguments.port)
    # uvicorn stops on both signals, then raises them again; with these handlers that is an exit and no death.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    _keep_waits_short()
    print(f"gateway at http://{arguments.host}:{listener.getsockname()[1]}", flush=True)  # noqa: T201
    try:
        _server(Gateway(wiring_of(settings, database=database))).run(sockets=[listener])
    finally:
        database.close()
    return 0


def _server(gateway: Gateway) -> uvicorn.Server:
    # No access log: the path may hold a token. A vendor whose connection is kept open for a minute saves a handshake.
    config = uvicorn.Config(
        gateway.app(),
        http=BoundedHead,
        ws="none",
        access_log=False,
        log_level="warning",
        server_header=False,
        lifespan="on",
        timeout_keep_alive=60,
        timeout_graceful_shutdown=5,
        limit_concurrency=MAX_CONNECTIONS_AT_ONCE,
        backlog=MAX_CONNECTIONS_AT_ONCE,
    )
    return uvicorn.Server(config)


def _keep_waits_short() -> None:
    """What was imported lives as long as the process: walked through at every full collection of garbage, it cost all deliveries
    that waited then 50 to 90 ms. And the writer, told that its commit is done, waits for the loop's thread no 5 ms, but 0.3."""
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(0.0003)


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(MAX_CONNECTIONS_AT_ONCE)  # from here on a sender waits instead of being refused
    except OSError as err:
        listener.close()
        raise SystemExit(f"cannot listen on {host}:{port}: {err.strerror}; set CSOD_PIPELINES_GATEWAY_PORT to another port, or 0") from err
    return listener


def _log_as_json() -> None:
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    structlog.configure(
        processors=[structlog.processors.add_log_level, structlog.processors.TimeStamper(fmt="iso"), structlog.processors.JSONRenderer()],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


if __name__ == "__main__":
    sys.exit(main())
