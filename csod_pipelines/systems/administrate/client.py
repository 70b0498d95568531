"""GraphQL over the transport: documents in, `data` out, failures that come with status 200 raised.

Two layers of refusal: top-level `errors` (the document could not run), and `errors` nested beside each entity.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from csod_pipelines.systems.administrate.oauth import with_path
from csod_pipelines.systems.administrate.operations import Document, Operations
from csod_pipelines.systems.administrate.options import AdministrateOptions
from csod_pipelines.systems.base import Refusal
from csod_pipelines.systems.bookmarks import book
from csod_pipelines.systems.contract import Contract
from csod_pipelines.systems.errors import Indeterminate, Malformed, Refused, Unauthorized
from csod_pipelines.systems.transport import Answer, Call, Transport
from csod_pipelines.systems.vendor_clock import VendorClock
from csod_pipelines.systems.wire import excerpt
from csod_pipelines.systems.words import model_fields

#: The vendor names no pause for a 429.
PAUSE_SECONDS = 5.0
#: Bounds a listing: a million rows at 100 a page.
MAX_PAGES = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    nodes: tuple[Mapping[str, Any], ...]
    has_next: bool
    end_cursor: str | None
    total: int | None


class Client:
    def __init__(self, transport: Transport, *, options: AdministrateOptions, contract: Contract) -> None:
        self.transport = transport
        self.options = options
        self.contract = contract
        self.operations = Operations(contract)
        self._url = with_path(options.api_url, contract.path("graphql"))
        self._bucket = contract.bucket("graphql")

    def run(self, name: str, variables: Mapping[str, Any] | None = None, *, timeout: float | None = None) -> dict[str, Any]:
        """The `data` of a named operation. Any top-level error is raised."""
        document = self.operations.document(name)
        data, errors, answer = self._post(document, variables or {}, timeout=timeout)
        if errors:
            raise _top_level(document, errors, data=data, answer=answer)
        return data or {}

    def run_batch(self, name: str, rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any] | Refusal]:
        """One-row operation ``name`` for all rows in one document; one answer a row, in order.

        A whole document that was refused before it ran is sent again in halves, so that one bad row costs only itself.
        """
        if not rows:
            return []
        document, variables = self.operations.batch(name, rows)
        data, errors, answer = self._post(document, variables, timeout=self.options.batch_timeout_seconds)
        if errors and data is None:
            err = _top_level(document, errors, data=data, answer=answer)
            if not isinstance(err, Refused):
                raise err
            if len(rows) == 1:
                return [Refusal(message=str(err), code=err.code, fields=err.fields)]
            half = len(rows) // 2
            return self.run_batch(name, rows[:half]) + self.run_batch(name, rows[half:])
        given = (data or {}).get(self.operations.namespace(name)) or {}
        return [_row(given.get(f"r{number}"), f"r{number}", errors) for number in range(len(rows))]

    def run_both(
        self, name: str, variables: Mapping[str, Any], batch: str, rows: Sequence[Mapping[str, Any]]
    ) -> tuple[dict[str, Any], list[Mapping[str, Any] | Refusal]]:
        """A mutation and a batch in one request: the mutation's `data`, and one answer a row of the batch.

        Refused means that neither was executed.
        """
        document, more = self.operations.batch(batch, rows)
        document = self.operations.joined(self.operations.document(name), document)
        data, errors, answer = self._post(document, {**variables, **more}, timeout=self.options.batch_timeout_seconds)
        namespace = self.operations.namespace(batch)
        elsewhere = [error for error in errors if not error.get("path") or error["path"][0] != namespace]
        if data is None or elsewhere:
            raise _top_level(document, errors, data=data, answer=answer)
        given = data.get(namespace) or {}
        return data, [_row(given.get(f"r{number}"), f"r{number}", errors) for number in range(len(rows))]

    def pages(self, name: str, variables: Mapping[str, Any], *, kept: bool = False) -> Iterator[Connection]:
        """``kept``: where a book is kept, pages that an earlier run listed come from there."""
        notes = book.get() if kept else None
        after: str | None = None
        for raw, after in notes.kept(name) if notes is not None else ():
            yield connection(raw, name)
            if after is None:
                return
        for _ in range(MAX_PAGES):
            raw = self._page(name, variables, after)
            page = connection(raw, name)
            after = page.end_cursor if page.has_next else None
            if notes is not None:
                notes.keep(name, raw, after)
            yield page
            if after is None:
                return
        raise Malformed(f"administrate {name}: no end after {MAX_PAGES} pages")

    def page(self, name: str, variables: Mapping[str, Any], *, after: str | None = None) -> Connection:
        return connection(self._page(name, variables, after), name)

    def _page(self, name: str, variables: Mapping[str, Any], after: str | None) -> Any:
        return self.run(name, {"first": self.options.page_size, **variables, "after": after}).get("page")

    def _post(
        self, document: Document, variables: Mapping[str, Any], *, timeout: float | None = None
    ) -> tuple[dict[str, Any] | None, list[Mapping[str, Any]], Answer]:
        body = {"query": document.text, "variables": variables, "operationName": document.name}
        answer = self.transport.send(
            Call(
                method="POST",
                url=self._url,
                operation=document.name,
                bucket=self._bucket,
                writes=document.writes,
                body=json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(),
                headers={"Content-Type": "application/json"},
                timeout_seconds=timeout or self.options.timeout_seconds,
            )
        )
        given = answer.data
        if not isinstance(given, dict) or ("data" not in given and not given.get("errors")):
            family = Indeterminate if document.writes and answer.ok else Malformed
            raise family(
                f"administrate {document.name}: {answer.status} without data or errors: {excerpt(answer.body)}",
                status=answer.status,
                request_id=answer.request_id,
            )
        return given.get("data"), list(given.get("errors") or []), answer


def connection(raw: Any, name: str) -> Connection:
    if not isinstance(raw, dict) or not isinstance(raw.get("edges"), list):
        raise Malformed(f"administrate {name}: the answer holds no list of edges")
    info = raw.get("pageInfo") or {}
    nodes = tuple(edge["node"] for edge in raw["edges"] if edge and edge.get("node"))
    has_next = bool(info.get("hasNextPage"))
    if has_next and not info.get("endCursor"):
        raise Malformed(f"administrate {name}: more pages are promised without a cursor")
    return Connection(nodes=nodes, has_next=has_next, end_cursor=info.get("endCursor"), total=info.get("totalRecords"))


def entity(result: Any, key: str, *, operation: str) -> Mapping[str, Any]:
    """The entity of one result, or its nested errors as Refused."""
    refusal = refusal_of(result, operation=operation)
    if refusal is not None:
        raise Refused(refusal.message, code=refusal.code, fields=refusal.fields)
    found = result.get(key) if isinstance(result, dict) else None
    if not isinstance(found, dict):
        raise Indeterminate(f"administrate {operation}: neither an entity nor an error came back; what became of it must be looked up")
    return found


def refusal_of(result: Any, *, operation: str) -> Refusal | None:
    errors = [error for error in (result or {}).get("errors") or [] if error] if isinstance(result, dict) else []
    if not errors:
        return None
    said = "; ".join(f"{error.get('label') or 'record'}: {error.get('message')}" for error in errors)
    fields = model_fields(str(error["label"]) for error in errors if error.get("label"))
    return Refusal(message=f"administrate refused {operation}: {said}", fields=fields)


def blocked_until(headers: Mapping[str, str], clock: VendorClock) -> datetime:
    after = headers.get("retry-after", "")
    return clock.now() + timedelta(seconds=float(after) if after.isdigit() else PAUSE_SECONDS)


def _row(result: Any, alias: str, errors: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | Refusal:
    mine = [error for error in errors if alias in [str(step) for step in error.get("path") or ()]]
    if mine or result is None:
        said = "; ".join(str(error.get("message")) for error in mine or errors) or "no answer for this row"
        return Refusal(message=f"administrate refused the row: {said}")
    refusal = refusal_of(result, operation="the row")
    return refusal if refusal is not None else result


def _top_level(document: Document, errors: Sequence[Mapping[str, Any]], *, data: Mapping[str, Any] | None, answer: Answer) -> Exception:
    """GraphQL leaves `data` out when nothing was executed; a `data` beside errors means that execution had begun."""
    said = "; ".join(str(error.get("message")) for error in errors)
    text = f"administrate could not run {document.name}: {said}"
    if answer.status == 401:
        return Unauthorized(text, status=401, request_id=answer.request_id)
    began = isinstance(answer.data, dict) and "data" in answer.data
    if document.writes and began and data is None:
        return Indeterminate(f"{text}; what became of the write must be looked up", status=answer.status, request_id=answer.request_id)
    fields = tuple(".".join(str(step) for step in error["path"]) for error in errors if error.get("path"))
    return Refused(text, fields=fields, status=answer.status, request_id=answer.request_id)
