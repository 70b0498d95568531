"""The contract register is whole: documented rows are expected of the sandboxes, the page is current, no path is used beside it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from graphql import FieldNode, GraphQLSchema, Node, TypeInfo, TypeInfoVisitor, Visitor, build_schema, get_named_type, parse, visit

import csod_pipelines
from csod_pipelines.model.keys import SystemName
from csod_pipelines.systems.contract import load
from csod_pipelines.systems.contract_page import PAGE, page

HERE = Path(__file__).parent
PACKAGE = Path(csod_pipelines.__file__).parent
FEWEST_EXPECTATIONS = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class Expectation:
    system: SystemName
    name: str
    source: str
    rows: tuple[str, ...]


@cache
def expectations() -> tuple[Expectation, ...]:
    """The tests named after a vendor, as they are written; a parametrised one is one."""
    found = []
    for system in SystemName:
        for file in sorted(HERE.glob(f"test_{system}_*.py")):
            for node in ast.parse(file.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                    rows = tuple(_row_marks(node))
                    found.append(
                        Expectation(system=system, name=f"{file.name}::{node.name}", source=ast.get_docstring(node) or "", rows=rows)
                    )
    return tuple(found)


def _row_marks(node: ast.FunctionDef) -> Iterator[str]:
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.row":
            (name,) = decorator.args
            assert isinstance(name, ast.Constant)
            yield str(name.value)


def test_every_expectation_names_its_source() -> None:
    assert [each.name for each in expectations() if not re.match(r"Source: \S+", each.source)] == []
    assert len(expectations()) >= FEWEST_EXPECTATIONS


@pytest.mark.parametrize("system", list(SystemName))
def test_every_documented_row_has_an_expectation_of_its_own(system: SystemName) -> None:
    marked = [row for each in expectations() if each.system is system for row in each.rows]
    rows = load(system).rows
    assert set(marked) <= set(rows), f"marks name rows that are not registered: {sorted(set(marked) - set(rows))}"
    documented = {row.name for row in rows.values() if row.provenance == "documented"}
    assert documented - set(marked) == set(), "documented rows without an expectation"
    assert [each.name for each in expectations() if len(each.rows) > 1] == [], "an expectation stands for one row"


def test_the_page_is_what_the_registers_say() -> None:
    wanted = page(load(system) for system in SystemName)
    assert PAGE.read_text(encoding="utf-8") == wanted, "docs/contract.md is stale: python -m csod_pipelines.systems.contract_page"


# ---- nothing is used beside the register


def _texts(tree: ast.AST) -> Iterator[str]:
    """Every text in the code that is no docstring."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    heads = (node.body[0] for node in ast.walk(tree) if isinstance(node, documented) and node.body)
    docstrings = {id(head.value) for head in heads if isinstance(head, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield node.value


VENDOR_PATH = re.compile(r"/services/|/services$|services/api|/oauth2?/|/graphql|/DeepLink|/phnx/|^/x/|^/v\d/")


@pytest.mark.parametrize("room", ["systems", "engine", "sync", "store", "defs", "gateway", "commands"])
def test_no_path_of_a_vendor_stands_in_the_code(room: str) -> None:
    for file in (PACKAGE / room).rglob("*.py"):
        for text in _texts(ast.parse(file.read_text(encoding="utf-8"))):
            if file.name == "redaction.py":
                continue  # a pattern of what must never be stored, not an address that is called
            assert not VENDOR_PATH.search(text), f"{file.relative_to(PACKAGE)} holds the path {text!r}; register it in contract.yaml"


def test_paths_are_looked_for_where_they_hide() -> None:
    tree = ast.parse('"""A docstring may name /services/api."""\nurl = f"{base}/services/api/x/users"\n')
    assert [text for text in _texts(tree) if VENDOR_PATH.search(text)] == ["/services/api/x/users"]


ROWS_OF_TYPES = {
    "Account": "account",
    "Contact": "contact",
    "Location": "location",
    "LearningCategory": "learning_category",
    "CourseTemplate": "course_template",
    "Event": "event",
    "Session": "session",
    "Learner": "learner",
    "CustomFieldDefinition": "custom_field_definitions",
    "ExternalIdValue": "external_ids",
    "PageInfo": "connection",
    "FieldError": "mutation_errors",
    "WebhookType": "webhook_types",
}


@dataclass(frozen=True, slots=True)
class Used:
    parent: str
    field: str
    arguments: frozenset[str]


class _Collector(Visitor):
    def __init__(self, types: TypeInfo) -> None:
        super().__init__()
        self.types, self.used = types, set[Used]()

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        parent = self.types.get_parent_type()
        arguments = frozenset(argument.name.value for argument in node.arguments)
        self.used.add(Used(str(get_named_type(parent)), node.name.value, arguments))


@cache
def schema() -> GraphQLSchema:
    return build_schema(files("csod_pipelines.sandbox.administrate").joinpath("schema.graphql").read_text(encoding="utf-8"))


@cache
def used() -> frozenset[Used]:
    """Every field that the operations of the house ask Administrate for."""
    folder = PACKAGE / "systems" / "administrate" / "operations"
    document: Node = parse("\n".join(file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.graphql"))))
    types = TypeInfo(schema())
    collector = _Collector(types)
    visit(document, TypeInfoVisitor(types, collector))
    return frozenset(collector.used)


def test_every_query_and_mutation_is_registered_with_its_arguments() -> None:
    rows = load(SystemName.ADMINISTRATE).rows
    roots = [("query", each) for each in used() if each.parent == "Query" and not each.field.startswith("__")]  # GraphQL's own apart
    for each in (each for each in used() if each.parent.endswith("Mutations")):
        namespace = each.parent.removesuffix("Mutations")
        roots.append((f"mutation.{namespace[0].lower()}{namespace[1:]}", each))
    assert len(roots) > 25
    for prefix, each in roots:
        row = rows.get(f"{prefix}.{each.field}")
        assert row is not None, f"{prefix}.{each.field} is asked for and not registered"
        assert each.arguments <= set(row.value), f"{row.name} is registered without {sorted(each.arguments - set(row.value))}"


def test_every_field_that_is_read_is_registered_or_a_guess_with_a_switch() -> None:
    rows = load(SystemName.ADMINISTRATE).rows
    text = files("csod_pipelines.sandbox.administrate").joinpath("schema.graphql").read_text(encoding="utf-8")
    guesses = set(re.findall(r"(\w+): [\w!\[\]]+ @guess", text))
    for each in used():
        row = rows.get(ROWS_OF_TYPES.get(each.parent, ""))
        if row is None or each.field == "__typename":
            continue
        registered = each.field in row.value or each.field in guesses or (each.parent, each.field) == ("LearningCategory", "externalIds")
        assert registered, f"{each.parent}.{each.field} is read and does not stand in the row {row.name}"
