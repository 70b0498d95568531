"""The three generations of the portal's envelopes, and how each writes instants.

Legacy learning services (A) PascalCase with ``data.record`` wrappers, ``/x/`` services (B) and the new transcript API (C).
Shapes: csod.dev throttling page for the 429 body; response and error classes of public clients for the rest.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

import orjson

from csod_pipelines.sandbox.kit import Effect, Request


class Family(Enum):
    LEGACY = "A"
    X = "B"
    V1 = "C"
    OAUTH = "oauth"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    status: int = 200
    body: Any = None  # JSON value, bytes, or None for an empty body
    headers: dict[str, str] = field(default_factory=dict)
    effects: tuple[Effect, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that has been routed and allowed in."""

    request: Request
    now: datetime
    operation: str
    params: dict[str, str]
    query: dict[str, str]  # names in lower case
    client_id: str

    @property
    def base(self) -> str:
        return f"http://{self.request.headers.get('host', 'localhost')}"

    def json(self) -> Any:
        try:
            return orjson.loads(self.request.body)
        except orjson.JSONDecodeError as err:
            raise ApiError(400, "The request body is not valid JSON", details=str(err)) from err

    def json_object(self) -> dict[str, Any]:
        value = self.json()
        if not isinstance(value, dict):
            raise ApiError(400, "The request body must be a JSON object")
        return value

    def effect(self, effect: str = "none", *, kind: str | None = None, id: Any = None, messages: int = 0) -> tuple[Effect, ...]:
        return (Effect(operation=self.operation, effect=effect, kind=kind, id=None if id is None else str(id), messages=messages),)


class ApiError(Exception):
    """A refusal. ``fields`` are (name, messages) pairs; families that have no place for them drop them."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        details: str | None = None,
        fields: Sequence[tuple[str, Sequence[str]]] = (),
        validations: Sequence[dict[str, Any]] = (),
    ) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.details = status, message, code or str(status), details
        self.fields, self.validations = tuple(fields), tuple(validations)


def stamp_a(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%S+0000")


def stamp_b(now: datetime) -> str:
    return now.strftime("%Y-%m-%dT%H:%M:%S.%f0Z")


def stamp_ms(now: datetime | None) -> str | None:
    return None if now is None else now.isoformat(timespec="milliseconds")[:23] + "Z"


def error_body(error: ApiError, *, family: Family, now: datetime) -> dict[str, Any]:
    # the identifier only has to look like one, and to be the same when the same run is repeated
    identifier = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{now.isoformat()} {error.status} {error.message}"))
    inner: dict[str, Any] = {
        "errorId": identifier,
        "message": error.message,
        "code": error.code,
        "description": None,
        "details": error.details,
    }
    if error.status == 429:
        return {"status": "429", "timeStamp": stamp_a(now), "error": inner}
    if family is Family.LEGACY:
        body: dict[str, Any] = {"status": str(error.status), "timestamp": stamp_a(now), "totalRecords": 0, "data": [], "error": inner}
        return body | {"validations": list(error.validations)}
    inner["fields"] = [{"name": name, "errors": list(messages)} for name, messages in error.fields]
    return {"status": str(error.status), "timestamp": stamp_b(now), "error": inner}


def legacy(call: Call, data: list[Any], *, total: int | None = None, created: int | None = None, status: int = 200) -> dict[str, Any]:
    body: dict[str, Any] = {"status": str(status), "timestamp": stamp_a(call.now), "totalRecords": len(data) if total is None else total}
    if created is not None:
        body["createdRecords"] = created
    return body | {"data": data}


def x_data(call: Call, data: Any) -> dict[str, Any]:
    return {"timestamp": stamp_b(call.now), "data": data}


def records(call: Call, *, most: int = 200) -> list[dict[str, Any]]:
    """The legacy write wrapper ``{"data": {"record": [...]}}``."""
    data = call.json_object().get("data")
    rows = data.get("record") if isinstance(data, dict) else None
    if isinstance(rows, dict):
        rows = [rows]
    if not isinstance(rows, list) or not rows or not all(isinstance(row, dict) for row in rows):
        raise ApiError(400, 'The body must be {"data": {"record": [...]}} with at least one record')
    if len(rows) > most:
        raise ApiError(400, f"Too many records; at most {most} are taken")
    return rows
