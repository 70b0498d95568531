"""One call to a registered endpoint of the portal, and its refusals. The envelopes differ per generation; their errors do not."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from csod_pipelines.systems.contract import Contract
from csod_pipelines.systems.cornerstone.options import CornerstoneOptions
from csod_pipelines.systems.errors import Malformed, Refused
from csod_pipelines.systems.transport import Answer, Call, Transport
from csod_pipelines.systems.vendor_clock import VendorClock
from csod_pipelines.systems.wire import excerpt
from csod_pipelines.systems.words import model_fields

#: Calls left in the hour and the hour's limit, per endpoint (csod.dev, throttling).
RATE_HEADERS = ("x-csod-throttling-rate-limit-urilevel", "x-csod-requests-remaining-urilevel")


class Portal:
    def __init__(self, transport: Transport, *, options: CornerstoneOptions, contract: Contract) -> None:
        self.transport = transport
        self.options = options
        self.contract = contract

    def get(
        self,
        name: str,
        *,
        params: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        url: str | None = None,
        **parts: object,
    ) -> Answer:
        return self._send("GET", name, parts=parts, params=params, headers=headers, timeout=timeout, url=url, writes=False)

    def write(self, method: str, name: str, body: Any, **parts: object) -> Answer:
        return self._send(method, name, parts=parts, body=body, writes=True)

    def url(self, name: str, **parts: object) -> str:
        return self.options.base_url.rstrip("/") + self.contract.path(name, **parts)

    def _send(
        self,
        method: str,
        name: str,
        *,
        parts: Mapping[str, object],
        writes: bool,
        params: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        timeout: float | None = None,
        url: str | None = None,
    ) -> Answer:
        return self.transport.send(
            Call(
                method=method,
                url=url or self.url(name, **parts),
                operation=name,
                bucket=self.contract.bucket(name),
                writes=writes,
                params={key: str(value) for key, value in (params or {}).items() if value is not None},
                headers={**({"Content-Type": "application/json"} if body is not None else {}), **(headers or {})},
                body=None if body is None else json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(),
                timeout_seconds=timeout or self.options.timeout_seconds,
            )
        )


def refused(answer: Answer, operation: str) -> Refused:
    """A 4xx as Refused; ``code`` is not_found for a 404, else the vendor's own. ``fields`` are those it objected to."""
    error = answer.data.get("error") if isinstance(answer.data, dict) else None
    error = error if isinstance(error, dict) else {}
    listed = [item for item in error.get("fields") or () if isinstance(item, dict)]
    texts = [f"{item.get('name')}: {', '.join(str(each) for each in item.get('errors') or ())}" for item in listed]
    texts = [str(error.get("message") or ""), *texts, str(error.get("details") or "")]
    said = "; ".join(text for text in texts if text) or excerpt(answer.body)
    return Refused(
        f"cornerstone refused {operation} ({answer.status}): {said}",
        code="not_found" if answer.status == 404 else str(error.get("code") or answer.status),
        fields=model_fields(str(item["name"]) for item in listed if item.get("name")),
        status=answer.status,
        request_id=answer.request_id,
    )


def accepted(answer: Answer, operation: str) -> Answer:
    if not answer.ok:
        raise refused(answer, operation)
    return answer


def taken(answer: Answer, operation: str) -> Answer:
    """The answer to a write. Raises Refused, also where the refusal comes inside a 200, as any generation of the API may do it."""
    accepted(answer, operation)
    if reasons := failures_within(answer):
        said = "; ".join(reasons)
        raise Refused(f"cornerstone refused {operation}: {said}", code="failed", status=answer.status, request_id=answer.request_id)
    return answer


def failures_within(answer: Answer) -> list[str]:
    """Reasons of the rows that say they failed, whatever the answer's status."""
    rows = answer.data.get("data") if isinstance(answer.data, dict) else None
    held = rows if isinstance(rows, list) else [rows]
    failed = [row for row in held if isinstance(row, dict) and row.get("Result") == "Failed"]
    return [str(row.get("Reason") or "no reason given") for row in failed]


def member(raw: Mapping[str, Any], name: str) -> Any:
    """A member whatever the case of its name: the vendor's pages spell some both ways."""
    return next((value for key, value in raw.items() if key.casefold() == name.casefold()), None)


def mapping(answer: Answer, operation: str) -> Mapping[str, Any]:
    """The answer to a read. One whose rows say that they failed shows nothing, which is not the same as an empty list."""
    raw = envelope(answer, operation)
    if reasons := failures_within(answer):
        raise Malformed(f"cornerstone {operation}: a read answered {'; '.join(reasons)}", request_id=answer.request_id)
    return raw


def envelope(answer: Answer, operation: str) -> Mapping[str, Any]:
    """The answer as an object, whatever its rows say."""
    accepted(answer, operation)
    if not isinstance(answer.data, dict):
        raise Malformed(f"cornerstone {operation}: an object was expected: {excerpt(answer.body)}", request_id=answer.request_id)
    return answer.data


def blocked_until(headers: Mapping[str, str], clock: VendorClock) -> datetime:
    """An endpoint that throttles stays shut for the rest of its clock minute, and further calls count (csod.dev, throttling)."""
    return clock.end_of_minute()
