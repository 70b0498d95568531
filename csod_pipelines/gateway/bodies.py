"""The body of a request, bounded while it arrives and while it is unpacked."""

from __future__ import annotations

import asyncio
import zlib

from starlette.requests import ClientDisconnect, Request

from csod_pipelines.gateway.refusals import Reason, Rejected

MAX_BODY_BYTES = 1 << 20  # as it comes, and again unpacked
READ_SECONDS = 10.0
MAX_GZIP_MEMBERS = 16  # each one copies what is left of the body: thousands of empty ones would be a bomb of their own
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


async def read_body(request: Request) -> bytes:
    """At most MAX_BODY_BYTES, within READ_SECONDS. Raises Rejected."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > MAX_BODY_BYTES:
        raise Rejected(Reason.TOO_LARGE)
    chunks: list[bytes] = []
    size = 0
    try:
        async with asyncio.timeout(READ_SECONDS):
            async for chunk in request.stream():
                size += len(chunk)
                if size > MAX_BODY_BYTES:
                    raise Rejected(Reason.TOO_LARGE)
                chunks.append(chunk)
    except TimeoutError as err:
        raise Rejected(Reason.TOO_SLOW) from err
    except ClientDisconnect as err:
        raise Rejected(Reason.TOO_SLOW) from err
    return b"".join(chunks)


def unpack(body: bytes, *, encoding: str) -> bytes:
    """Undo ``Content-Encoding``. Stops at MAX_BODY_BYTES, so a bomb costs no more than that. Raises Rejected."""
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return body
    if name not in ("gzip", "x-gzip"):
        raise Rejected(Reason.BAD_ENCODING)
    unpacked = b""
    try:
        for _ in range(MAX_GZIP_MEMBERS):
            if not body:
                return unpacked
            member = zlib.decompressobj(_GZIP_WINDOW)
            unpacked += member.decompress(body, MAX_BODY_BYTES + 1 - len(unpacked))
            if len(unpacked) > MAX_BODY_BYTES:
                raise Rejected(Reason.TOO_LARGE)
            if not member.eof:
                raise Rejected(Reason.BAD_ENCODING)
            body = member.unused_data
    except zlib.error as err:
        raise Rejected(Reason.BAD_ENCODING) from err
    if body:
        raise Rejected(Reason.BAD_ENCODING)
    return unpacked
