"""Small changes of a module's syntax tree, one at a time.

Left alone: docstrings, annotations, names of types, imports, decorators, assertions (they narrow types; a test
that reached one would already have failed) and ``strict=`` of ``zip``.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import CodeType

_COMPARE: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,),
    ast.NotEq: (ast.Eq,),
    ast.Is: (ast.IsNot,),
    ast.IsNot: (ast.Is,),
    ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,),
    ast.Lt: (ast.LtE, ast.GtE),
    ast.LtE: (ast.Lt, ast.Gt),
    ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt),
}
_ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_SKIPPED = (ast.Assert, ast.Import, ast.ImportFrom)


@dataclass(frozen=True, slots=True)
class Mutant:
    """``name`` says where and what, and is the same as long as the module is: ``plan.py:79 == becomes !=``."""

    module: str
    line: int
    what: str
    text: str
    code: CodeType

    @property
    def name(self) -> str:
        return f"{self.module}:{self.line} {self.what}"


def mutants_of(source: str, *, module: str) -> Iterator[Mutant]:
    """Every mutant of the module, in the order of its lines. Names of two changes on one line are told apart by a number."""
    tree = ast.parse(source)
    lines = source.splitlines()
    seen: dict[str, int] = {}
    for index, node in enumerate(_nodes(tree)):
        for number, (what, _) in enumerate(_changes(node)):
            mutated = copy.deepcopy(tree)
            _changes(_nodes(mutated)[index])[number][1]()
            line = getattr(node, "lineno", 0)
            key = f"{line} {what}"
            seen[key] = seen.get(key, 0) + 1
            said = what if seen[key] == 1 else f"{what} #{seen[key]}"
            code = compile(ast.fix_missing_locations(mutated), module, "exec")
            yield Mutant(module, line, said, lines[line - 1].strip() if line else "", code)


def _nodes(tree: ast.Module) -> list[ast.AST]:
    found: list[ast.AST] = []

    def visit(node: ast.AST) -> None:
        if isinstance(node, _SKIPPED) or _is_alias(node):
            return
        found.append(node)
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns", "decorator_list", "type_params"):
                continue
            for child in value if isinstance(value, list) else [value]:
                if isinstance(child, ast.AST) and not _is_docstring(child):
                    visit(child)

    visit(tree)
    return found


def _is_alias(node: ast.AST) -> bool:
    """``Image = Mapping[str, Any]``: a name for a type."""
    return isinstance(node, ast.Assign) and isinstance(node.value, ast.Subscript) and node.col_offset == 0


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


Change = tuple[str, Callable[[], None]]


def _changes(node: ast.AST) -> list[Change]:
    """What can be done to this node, in place."""
    found: list[Change] = []
    if isinstance(node, ast.Compare):
        for place, op in enumerate(node.ops):
            for other in _COMPARE[type(op)]:
                found.append((f"{_word(op)} becomes {_word(other())}", _setter(node.ops, place, other())))
    elif isinstance(node, ast.BoolOp):
        other = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        found.append((f"{_word(node.op)} becomes {_word(other)}", lambda: setattr(node, "op", other)))
        neutral = isinstance(node.op, ast.And)
        found += [
            (f"operand {n + 1} of {_word(node.op)} is dropped", _setter(node.values, n, ast.Constant(neutral)))
            for n in range(len(node.values))
        ]
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in _ARITHMETIC:
        swapped = _ARITHMETIC[type(node.op)]()
        found.append((f"{_word(node.op)} becomes {_word(swapped)}", lambda: setattr(node, "op", swapped)))
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        found.append(("not is dropped", _attribute(node, "operand", ast.UnaryOp(ast.Not(), node.operand))))
    elif isinstance(node, ast.Constant):
        found += _of_constant(node)
    elif isinstance(node, ast.If | ast.While | ast.IfExp):
        found += [(f"condition is {value}", _attribute(node, "test", ast.Constant(value))) for value in (True, False)]
    elif isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        found.append(("returns None", _attribute(node, "value", ast.Constant(None))))
    elif isinstance(node, ast.comprehension):
        found += [(f"filter {n + 1} is dropped", _dropper(node.ifs, n)) for n in range(len(node.ifs))]
    elif isinstance(node, ast.Call):
        found += _of_call(node)
    elif isinstance(node, ast.Set | ast.Tuple | ast.List) and isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        found += [(f"element {n + 1} is dropped", _dropper(node.elts, n)) for n in range(len(node.elts))]
    elif isinstance(node, ast.Dict):
        found += [(f"entry {n + 1} is dropped", _entry_dropper(node, n)) for n in range(len(node.keys))]
    return found + _of_statement(node)


def _of_constant(node: ast.Constant) -> list[Change]:
    value = node.value
    if isinstance(value, bool):
        return [(f"{value} becomes {not value}", _attribute(node, "value", not value))]
    if isinstance(value, int):
        return [(f"{value} becomes {value + 1}", _attribute(node, "value", value + 1))]
    if isinstance(value, str):
        return [(f"{value!r} becomes another text", _attribute(node, "value", value + "X"))]
    return []


def _of_call(node: ast.Call) -> list[Change]:
    kept = [k for k in node.keywords if k.arg != "strict"]
    return [(f"argument {k.arg}= is dropped", _dropper(node.keywords, node.keywords.index(k))) for k in kept]


def _of_statement(node: ast.AST) -> list[Change]:
    """A statement that only has an effect does nothing."""
    found: list[Change] = []
    for field in ("body", "orelse"):
        block = getattr(node, field, None)
        if not isinstance(block, list):
            continue
        for place, statement in enumerate(block):
            effect = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
            if effect or isinstance(statement, ast.AugAssign | ast.Break | ast.Continue):
                found.append((f"line {statement.lineno} does nothing", _setter(block, place, ast.Pass())))
    return found


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _word(op: ast.AST) -> str:
    return {
        "Eq": "==", "NotEq": "!=", "Lt": "<", "LtE": "<=", "Gt": ">", "GtE": ">=", "Is": "is", "IsNot": "is not", "In": "in",
        "NotIn": "not in", "Add": "+", "Sub": "-", "Mult": "*", "Div": "/", "BitAnd": "&", "BitOr": "|", "And": "and", "Or": "or",
    }[type(op).__name__]  # fmt: skip


def _setter(items: list, place: int, value: ast.AST) -> Callable[[], None]:
    return lambda: items.__setitem__(place, value)


def _dropper(items: list, place: int) -> Callable[[], None]:
    return lambda: items.__delitem__(place)


def _entry_dropper(node: ast.Dict, place: int) -> Callable[[], None]:
    def drop() -> None:
        del node.keys[place], node.values[place]

    return drop


def _attribute(node: ast.AST, name: str, value: object) -> Callable[[], None]:
    return lambda: setattr(node, name, value)
