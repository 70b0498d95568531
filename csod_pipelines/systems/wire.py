"""What came back from the wire, or did not, as an error of the right family. Every helper returns the error; callers raise it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from http.client import HTTPException
from typing import Any

import requests
from urllib3.exceptions import HTTPError, NewConnectionError

from csod_pipelines.model.keys import SystemName
from csod_pipelines.systems.errors import Indeterminate, Malformed, Unavailable, VendorError

MAX_BODY_BYTES = 64 * 1024 * 1024
_CHUNK = 64 * 1024
REPLACEMENT = "\ufffd"
_ODD = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")


class BodyError(Exception):
    """The body stopped early, came too slowly, or is larger than we accept."""

    def __init__(self, message: str, *, too_large: bool = False) -> None:
        super().__init__(message)
        self.too_large = too_large


def read_body(response: requests.Response, *, deadline: float, monotonic: Callable[[], float]) -> bytes:
    """The decoded body. A server that drips bytes is cut off at the deadline, which a socket time-out would not do."""
    received = bytearray()
    try:
        _hurry(response, deadline - monotonic())
        while chunk := response.raw.read1(_CHUNK, decode_content=True):
            received += chunk
            if len(received) > MAX_BODY_BYTES:
                raise BodyError(f"the answer is larger than {MAX_BODY_BYTES} bytes", too_large=True)
            if monotonic() > deadline:
                raise BodyError("the answer did not end in time")
    except (HTTPError, HTTPException, OSError) as err:
        raise BodyError(f"the answer broke off after {len(received)} bytes: {err}") from err
    expected = response.headers.get("Content-Length")
    if expected and expected.isdigit() and "Content-Encoding" not in response.headers and len(received) < int(expected):
        raise BodyError(f"the answer broke off after {len(received)} of {expected} bytes")
    return bytes(received)


def _hurry(response: requests.Response, seconds: float) -> None:
    """One silence may not last longer than all that is left; urllib3 sets the socket anew for its next request."""
    connection = getattr(response.raw, "connection", None)
    sock = getattr(connection, "sock", None)
    if sock is not None:
        sock.settimeout(max(0.05, seconds))


def body_family(err: BodyError) -> type[VendorError]:
    return Malformed if err.too_large else Unavailable


def lost(err: requests.RequestException, *, system: SystemName, operation: str, writes: bool, request_id: str) -> VendorError:
    """No answer. Only a connection that was never made proves that a write did not arrive."""
    unusable = requests.exceptions.InvalidURL | requests.exceptions.MissingSchema | requests.exceptions.InvalidSchema
    if isinstance(err, unusable):
        return Malformed(f"{system} {operation}: the configured address cannot be used: {_short(err)}", request_id=request_id)
    never = requests.ConnectTimeout | requests.exceptions.SSLError | requests.exceptions.ProxyError
    unsent = isinstance(err, never) or _never_connected(err)
    if unsent or not writes:
        what = "cannot be reached" if unsent else "did not answer"
        return Unavailable(f"{system} {what} for {operation}: {_short(err)}", request_id=request_id)
    return Indeterminate(
        f"{system} was sent {operation} and did not answer ({_short(err)}); what became of it must be looked up", request_id=request_id
    )


def server_error(status: int, body: bytes, *, where: str, writes: bool, request_id: str) -> VendorError:
    text = f"{where}: {status}: {excerpt(body)}"
    if writes:
        return Indeterminate(f"{text}; what became of the write must be looked up", status=status, request_id=request_id)
    return Unavailable(text, status=status, request_id=request_id)


def unreadable(status: int, body: bytes, *, where: str, writes: bool, request_id: str) -> VendorError:
    """A body that is no JSON. One that starts like JSON broke off in mid-stream, which happens with status 200 too."""
    text = f"{where}: {status} with a body that is no JSON: {excerpt(body)}"
    if writes and status < 400:
        return Indeterminate(f"{text}; what became of the write must be looked up", status=status, request_id=request_id)
    if status < 400 and body.lstrip()[:1] in (b"{", b"["):
        return Unavailable(text, status=status, request_id=request_id)
    return Malformed(text, status=status, request_id=request_id)


def parsed(body: bytes) -> Any:
    """The JSON value. Raises ValueError, also for one that is nested beyond reason. What no database and no other vendor takes
    (half a surrogate pair, a zero character) is replaced: one such name would stop its record, and a scan with it."""
    try:
        value = json.loads(body.decode("utf-8-sig"))
        return _storable(value) if _ODD.search(body) else value
    except RecursionError as err:
        raise ValueError("nested too deeply") from err


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return value.replace("\0", REPLACEMENT).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_storable(name): _storable(inner) for name, inner in value.items()}
    return [_storable(inner) for inner in value] if isinstance(value, list) else value


def excerpt(body: bytes, limit: int = 200) -> str:
    text = " ".join(body[: limit * 4].decode("utf-8", errors="replace").split())
    return text if len(text) <= limit else f"{text[:limit]}..."


def whole_number(text: str | None) -> int | None:
    return int(text) if text is not None and text.strip().isdigit() else None


def _never_connected(err: requests.RequestException) -> bool:
    reason = err.args[0] if err.args else None
    return isinstance(getattr(reason, "reason", reason), NewConnectionError)


def _short(err: Exception) -> str:
    return f"{type(err).__name__}: {excerpt(str(err).encode())}"
