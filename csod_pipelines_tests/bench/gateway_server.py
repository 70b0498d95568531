"""The gateway as it runs, with another store: `python -m csod_pipelines_tests.bench.gateway_server nothing | row_by_row | bare`.

nothing      answers 202 without storing: what the same server can do at most
row_by_row   commits each delivery alone: what one flush a webhook makes of it
bare         a Starlette route that reads the body and answers 202: no secret checked, nothing understood
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from dataclasses import replace

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from csod_pipelines.gateway import __main__ as gateway
from csod_pipelines.gateway.app import Gateway
from csod_pipelines.settings import NEED_GATEWAY, load_settings
from csod_pipelines.store import inbox
from csod_pipelines.store.database import connect


def main(store: str) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    settings = load_settings(need=NEED_GATEWAY)
    database = connect(settings.gateway_database_url, pool_size=gateway.CONNECTIONS)
    listener = gateway._listen("127.0.0.1", 0)
    print(f"gateway at http://127.0.0.1:{listener.getsockname()[1]}", flush=True)

    def nothing(deliveries: Sequence[inbox.Delivery]) -> None:
        pass

    def row_by_row(deliveries: Sequence[inbox.Delivery]) -> None:
        for delivery in deliveries:
            with database.begin() as conn:
                inbox.receive_many(conn, [delivery])

    if store == "bare":
        server = uvicorn.Server(uvicorn.Config(_bare(), access_log=False, log_level="warning", server_header=False))
    else:
        wiring = replace(gateway.wiring_of(settings, database=database), store={"nothing": nothing, "row_by_row": row_by_row}[store])
        server = gateway._server(Gateway(wiring))
    gateway._keep_waits_short()
    server.run(sockets=[listener])
    database.close()


def _bare() -> Starlette:
    async def accept(request: Request) -> Response:
        await request.body()
        return PlainTextResponse("", status_code=202)

    return Starlette(routes=[Route("/webhooks/administrate/{type}", accept, methods=["POST"])])


if __name__ == "__main__":
    main(sys.argv[1])
