"""Every reason that the code gives can be shown to a person."""

from __future__ import annotations

import ast
import string
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from csod_pipelines.model.reasons import explain, register, remedy

WHO = {"learning administrator", "HR", "operator", "nobody"}
ROOMS = ("engine", "sync")
#: Calls whose text argument at that position is a reason code.
POSITIONS = {"ended": 1, "Later": 0, "Parked": 0, "RosterStep": 1, "close": 2, "_postpone": 2}


def sources() -> Iterator[tuple[str, ast.AST]]:
    root = Path(str(files("csod_pipelines")))
    for room in ROOMS:
        for path in sorted((root / room).glob("*.py")):
            yield f"{room}/{path.name}", ast.parse(path.read_text(encoding="utf-8"))


def texts(node: ast.AST) -> Iterator[str]:
    """The constant texts an expression may have: itself, or either branch of a choice."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from texts(node.body)
        yield from texts(node.orelse)


def codes_used() -> dict[str, str]:
    found: dict[str, str] = {}
    for name, tree in sources():
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            given = [word.value for word in call.keywords if word.arg == "reason"]
            position = POSITIONS.get(called)
            if position is not None and len(call.args) > position:
                given.append(call.args[position])
            if called in ("withdraw",):  # the sentence that Cornerstone stores beside a withdrawn row, not a code
                given = []
            for code in (text for node in given for text in texts(node)):
                found.setdefault(code, f"{name}:{call.lineno}")
    return found


def test_every_reason_the_engine_and_the_planners_give_is_in_the_register() -> None:
    used = codes_used()
    assert len(used) > 40, "the search for reason codes finds next to nothing: it no longer fits the code"
    missing = {code: where for code, where in used.items() if " " not in code and code not in register()}
    assert not missing


@pytest.mark.parametrize("code", sorted(register()))
def test_a_reason_is_one_sentence_with_somebody_who_can_mend_it(code: str) -> None:
    reason = register()[code]
    assert reason.say.strip() == reason.say and reason.say
    assert {who.strip() for who in reason.who.split(",")} <= WHO
    assert reason.who != "nobody" or not reason.do, "what nobody can mend needs no instruction"
    assert bool(remedy(code)) is bool(reason.do)


@pytest.mark.parametrize("code", sorted(register()))
def test_a_placeholder_never_fails_whatever_it_is_given(code: str) -> None:
    names = [name for _, name, _, _ in string.Formatter().parse(register()[code].say) if name is not None]
    assert all(name.isidentifier() for name in names), "a placeholder is a plain name: no index, no attribute, no number"
    shown = explain(code)
    assert "{" not in shown
    odd = dict(zip(names, [None, ["a", 1], {"b": {"c": "}{"}}, "{x}", 1.5] * 2, strict=False))
    assert explain(code, odd)


def test_an_unknown_code_is_shown_in_words() -> None:
    assert explain("something_new") == "something new"
    assert remedy("something_new") == ""
