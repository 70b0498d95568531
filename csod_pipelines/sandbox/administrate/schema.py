"""The schema that is served: `schema.graphql` without the guesses that are switched off, with resolvers from the tables tied in.

Parsed and validated documents are cached by their text: an import sends the same few documents ten thousand times.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from importlib.resources import files
from typing import Any

from graphql import (
    REMOVE,
    DirectiveDefinitionNode,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
    Visitor,
    build_ast_schema,
    parse,
    validate,
    visit,
)
from graphql.type import GraphQLInterfaceType, GraphQLUnionType

from csod_pipelines.sandbox.administrate import mutations, queries, times

DOCUMENTS_KEPT = 300
LONGEST_KEPT = 200_000  # characters; longer documents are read anew each time
MAX_TOKENS = 200_000
MAX_DEPTH = 60
_NAMESPACE = object()


@lru_cache(maxsize=64)
def schema_without(off: frozenset[str]) -> GraphQLSchema:
    """The schema with these guesses taken out."""
    text = files("csod_pipelines.sandbox.administrate").joinpath("schema.graphql").read_text(encoding="utf-8")
    schema = build_ast_schema(visit(parse(text, no_location=True), _WithoutGuesses(off)))
    _tie_scalars(schema)
    for type_name, fields in {**queries.TYPES}.items():
        _tie(schema, type_name, fields)
    for name, type_ in schema.type_map.items():
        if name.endswith("Connection"):
            _tie(schema, name, queries.CONNECTION)
        elif isinstance(type_, GraphQLInterfaceType | GraphQLUnionType):
            type_.resolve_type = lambda value, _info, _type: queries.type_name(value)
    _tie_mutations(schema)
    return schema


class _WithoutGuesses(Visitor):
    """Drops every definition marked with a guess that is off, and the marks of the others."""

    def __init__(self, off: frozenset[str]) -> None:
        super().__init__()
        self._off = off

    def enter(self, node: Node, *_: Any) -> Any:
        if isinstance(node, DirectiveDefinitionNode):
            return REMOVE
        for directive in getattr(node, "directives", None) or ():
            value = directive.arguments[0].value
            if directive.name.value == "guess" and isinstance(value, StringValueNode) and value.value in self._off:
                return REMOVE
        return None

    def leave_directive(self, node: Node, *_: Any) -> Any:
        return REMOVE


def _tie(schema: GraphQLSchema, type_name: str, resolvers: Mapping[str, Any]) -> None:
    type_ = schema.type_map[type_name]
    assert isinstance(type_, GraphQLObjectType)
    for name, resolve in resolvers.items():
        if name in type_.fields:  # a guess that is off has no field to tie
            type_.fields[name].resolve = resolve


def _tie_mutations(schema: GraphQLSchema) -> None:
    for namespace, operations in mutations.MUTATIONS.items():
        _tie(schema, "Mutation", {namespace: lambda _root, _info: _NAMESPACE})
        _tie(schema, mutations.namespace_type(namespace), {name: mutations.resolver(namespace, name) for name in operations})


def _tie_scalars(schema: GraphQLSchema) -> None:
    def scalar(name: str) -> GraphQLScalarType:
        type_ = schema.type_map[name]
        assert isinstance(type_, GraphQLScalarType)
        return type_

    local, moment, decimal = scalar("LocalDateTime"), scalar("DateTime"), scalar("Decimal")
    local.parse_value, local.serialize = _parse_local, lambda value: value.isoformat()
    moment.parse_value = _parse_moment
    decimal.parse_value = _parse_decimal


def _parse_local(value: Any) -> datetime:
    try:
        return times.parse_wall(_as_text(value))
    except ValueError as wrong:
        raise GraphQLError(f"LocalDateTime cannot represent {value!r}: {wrong}") from wrong


def _parse_moment(value: Any) -> datetime:
    try:
        moment = datetime.fromisoformat(_as_text(value).strip())
        if moment.tzinfo is None:
            raise ValueError("an offset or Z is needed")
        return moment.astimezone(UTC)
    except (ValueError, OverflowError) as wrong:
        raise GraphQLError(f"DateTime cannot represent {value!r}: {wrong}") from wrong


def _parse_decimal(value: Any) -> Decimal:
    try:
        if isinstance(value, bool | dict | list):
            raise InvalidOperation
        return Decimal(str(value))
    except InvalidOperation as wrong:
        raise GraphQLError(f"Decimal cannot represent {value!r}") from wrong


def _as_text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("a text is needed")
    return value


# ---- documents


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A text that can be run, or why it cannot."""

    node: DocumentNode | None
    errors: tuple[GraphQLError, ...]
    operations: Mapping[str, tuple[str, ...]]  # operation name ('' for none) -> what it does: accounts, contact.create, ...


class Documents:
    """Parsed and validated documents of one schema, by text; the least used go first."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self.schema = schema
        self._held: OrderedDict[str, Document] = OrderedDict()

    def get(self, text: str) -> Document:
        held = self._held.get(text)
        if held is None:
            held = _read(self.schema, text)
            if len(text) > LONGEST_KEPT:
                return held
            self._held[text] = held
            if len(self._held) > DOCUMENTS_KEPT:
                self._held.popitem(last=False)
        else:
            self._held.move_to_end(text)
        return held


def _read(schema: GraphQLSchema, text: str) -> Document:
    try:
        _check_nesting(text)
        node = parse(text, max_tokens=MAX_TOKENS)
        errors = tuple(validate(schema, node))
    except GraphQLError as wrong:
        return Document(node=None, errors=(wrong,), operations={})
    except RecursionError:
        return Document(node=None, errors=(GraphQLError("The document is nested too deeply"),), operations={})
    if errors:
        return Document(node=None, errors=errors, operations={})
    fragments = {part.name.value: part for part in node.definitions if isinstance(part, FragmentDefinitionNode)}
    parts = [part for part in node.definitions if isinstance(part, OperationDefinitionNode)]
    names = {part.name.value if part.name else "": part for part in parts}
    return Document(
        node=node,
        errors=(),
        operations={name: tuple(_paths(part, fragments)) for name, part in names.items()},
    )


def _check_nesting(text: str) -> None:
    """Refuse what would exhaust the parser's stack; deeper than any query a person writes."""
    depth = deepest = 0
    for character in text:
        if character in "{[(":
            depth += 1
            deepest = max(deepest, depth)
        elif character in "}])":
            depth -= 1
    if deepest > MAX_DEPTH:
        raise GraphQLError(f"The document is nested more than {MAX_DEPTH} levels deep")


def _paths(operation: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]) -> list[str]:
    mutation = operation.operation.value == "mutation"
    found: dict[str, None] = {}
    for field in _fields(operation.selection_set, fragments):
        below = _fields(field.selection_set, fragments) if mutation and field.selection_set is not None else ()
        names = [f"{field.name.value}.{inner.name.value}" for inner in below] or [field.name.value]
        found.update(dict.fromkeys(names))
    return list(found)


def _fields(selections: SelectionSetNode, fragments: Mapping[str, FragmentDefinitionNode]) -> list[FieldNode]:
    fields: list[FieldNode] = []
    for selection in selections.selections:
        if isinstance(selection, FieldNode):
            fields.append(selection)
        elif isinstance(selection, InlineFragmentNode):
            fields += _fields(selection.selection_set, fragments)
        elif isinstance(selection, FragmentSpreadNode):
            fields += _fields(fragments[selection.name.value].selection_set, fragments)
    return fields
