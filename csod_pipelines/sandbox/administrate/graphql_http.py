"""GraphQL over HTTP as this vendor does it: POST, JSON, and HTTP 200 for nearly everything, errors inside."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from graphql import ExecutionResult, GraphQLError, execute

from csod_pipelines.sandbox.administrate.call import Call
from csod_pipelines.sandbox.administrate.schema import Document, Documents
from csod_pipelines.sandbox.kit import Request, Response

log = logging.getLogger(__name__)
JSON_HEADERS = {"content-type": "application/json"}


class BadBody(Exception):
    """The body is no GraphQL request at all; the vendor's answer to that is unknown, here a 400 with `errors`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    text: str
    variables: dict[str, Any] | None
    operation: str | None


def read(request: Request) -> Ask:
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError as wrong:
        raise BadBody(f"The body is not JSON: {wrong}") from wrong
    if not isinstance(body, dict):
        raise BadBody("The body must be a JSON object with 'query'")
    text, variables, operation = body.get("query"), body.get("variables"), body.get("operationName")
    if not isinstance(text, str) or not text.strip():
        raise BadBody("'query' must be a text")
    if variables is not None and not isinstance(variables, dict):
        raise BadBody("'variables' must be an object")
    if operation is not None and not isinstance(operation, str):
        raise BadBody("'operationName' must be a text")
    return Ask(text=text, variables=variables, operation=operation or None)


def names(documents: Documents, ask: Ask) -> tuple[str, ...]:
    """What a request would do: the name its author gave the operation, and the fields it asks."""
    document = documents.get(ask.text)
    chosen = _chosen(document, ask.operation)
    if chosen is None:
        return (ask.operation,) if ask.operation else ()
    return tuple(dict.fromkeys((*((chosen,) if chosen else ()), *document.operations[chosen])))


def _chosen(document: Document, operation: str | None) -> str | None:
    if operation is not None:
        return operation if operation in document.operations else None
    return next(iter(document.operations)) if len(document.operations) == 1 else None


def paths(documents: Documents, ask: Ask) -> tuple[str, ...]:
    document = documents.get(ask.text)
    chosen = _chosen(document, ask.operation)
    return () if chosen is None else document.operations[chosen]


def run(documents: Documents, ask: Ask, call: Call) -> ExecutionResult:
    document = documents.get(ask.text)
    if document.node is None:
        return ExecutionResult(data=None, errors=list(document.errors))
    try:
        result = execute(
            documents.schema,
            document.node,
            context_value=call,
            variable_values=ask.variables,
            operation_name=ask.operation,
            is_awaitable=_never,
        )
    except RecursionError:
        return ExecutionResult(data=None, errors=[GraphQLError("The query is nested too deeply")])
    assert isinstance(result, ExecutionResult)
    for error in result.errors or ():
        if error.original_error is not None and not isinstance(error.original_error, GraphQLError):
            # The caller sees only the message; a fault of the sandbox itself must not pass for the vendor's refusal.
            log.error("the sandbox failed at %s", error.path, exc_info=error.original_error)
    return result


def _never(_value: Any) -> bool:
    """No resolver here is asynchronous; asking each value costs a tenth of the time."""
    return False


def answer(result: ExecutionResult, *, empty_errors_key: bool) -> Response:
    body: dict[str, Any] = {}
    if result.errors:
        body["errors"] = [_formatted(error) for error in result.errors]
    elif empty_errors_key:
        body["errors"] = []
    if result.data is not None or not result.errors:
        body["data"] = result.data
    return Response(status=200, headers=JSON_HEADERS, body=orjson.dumps(body, option=orjson.OPT_NON_STR_KEYS))


def _formatted(error: GraphQLError) -> Mapping[str, Any]:
    formatted: dict[str, Any] = {"message": error.message}
    if error.locations:
        formatted["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if error.path:
        formatted["path"] = list(error.path)
    return formatted


def bad_body(wrong: BadBody) -> Response:
    return Response(status=400, headers=JSON_HEADERS, body=orjson.dumps({"errors": [{"message": str(wrong)}]}))
