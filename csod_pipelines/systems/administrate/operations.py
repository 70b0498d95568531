"""The GraphQL documents: read from operations/*.graphql, cut to what the contract register says the instance has."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from csod_pipelines.systems.contract import Contract, UnregisteredName

_BLOCK = re.compile(r"^(?=(?:query|mutation|fragment) )", re.MULTILINE)
_HEAD = re.compile(r"(query|mutation|fragment) (\w+)")
_NEEDS = re.compile(r"#\s*needs (\w+)\s*$")
_COMMENT = re.compile(r"#.*$", re.MULTILINE)
_SPREAD = re.compile(r"\.\.\.(\w+)")
_ROW = re.compile(r"mutation (\w+)\((.*?)\) \{ (\w+) \{ row: (.*) \} \}$")
_WHOLE = re.compile(r"mutation \w+\((.*?)\) \{ (.*) \}$")
_VARIABLE = re.compile(r"\$(\w+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    name: str
    text: str
    writes: bool


class Operations:
    """Named documents with the fragments they use. Ids and values always travel as variables."""

    def __init__(self, contract: Contract) -> None:
        self._blocks = {name: _fit(text, contract) for name, text in _blocks().items()}

    def names(self) -> Sequence[str]:
        return [name for name, text in self._blocks.items() if not text.startswith("fragment")]

    def document(self, name: str) -> Document:
        text = self._block(name)
        return Document(name=name, text=self._with_fragments(text), writes=text.startswith("mutation"))

    def batch(self, name: str, rows: Sequence[Mapping[str, Any]]) -> tuple[Document, dict[str, Any]]:
        """The one-row document ``name`` repeated under the aliases r0, r1 ... and the variables of all rows."""
        found = _ROW.match(self._block(name))
        if found is None:
            raise UnregisteredName(f"the operation {name} is not written as one aliased row")
        _, declared, namespace, field = found.groups()
        variables: dict[str, Any] = {}
        declarations: list[str] = []
        fields: list[str] = []
        for number, row in enumerate(rows):
            renamed = rf"$\g<1>_{number}"
            declarations.append(_VARIABLE.sub(renamed, declared))
            fields.append(f"r{number}: {_VARIABLE.sub(renamed, field)}")
            variables.update({f"{key}_{number}": value for key, value in row.items()})
        text = f"mutation {name}({', '.join(declarations)}) {{ {namespace} {{ {' '.join(fields)} }} }}"
        return Document(name=name, text=self._with_fragments(text), writes=True), variables

    def joined(self, first: Document, second: Document) -> Document:
        """Two mutations in one request. Top-level fields of a mutation run one after the other, in this order."""
        heads, bodies, fragments = [], [], {}
        for document in (first, second):
            head, *rest = document.text.split("\n")
            found = _WHOLE.match(head)
            if found is None:
                raise UnregisteredName(f"{document.name} cannot be joined with another mutation")
            heads.append(found.group(1))
            bodies.append(found.group(2))
            fragments |= dict.fromkeys(rest)
        text = f"mutation {first.name}And{second.name}({', '.join(heads)}) {{ {' '.join(bodies)} }}"
        return Document(name=f"{first.name}And{second.name}", text="\n".join([text, *fragments]), writes=True)

    def namespace(self, name: str) -> str:
        found = _ROW.match(self._block(name))
        if found is None:
            raise UnregisteredName(f"the operation {name} is not written as one aliased row")
        return found.group(3)

    def _block(self, name: str) -> str:
        try:
            return self._blocks[name]
        except KeyError:
            raise UnregisteredName(f"no GraphQL operation is called {name!r}") from None

    def _with_fragments(self, text: str) -> str:
        wanted, texts = list(_SPREAD.findall(text)), [text]
        seen: set[str] = set()
        while wanted:
            name = wanted.pop()
            if name not in seen:
                seen.add(name)
                texts.append(self._block(name))
                wanted += _SPREAD.findall(self._block(name))
        return "\n".join(texts)


@cache
def _blocks() -> dict[str, str]:
    found: dict[str, str] = {}
    for file in sorted(resources.files("csod_pipelines.systems.administrate").joinpath("operations").iterdir(), key=lambda item: item.name):
        if file.name.endswith(".graphql"):
            for block in _BLOCK.split(file.read_text(encoding="utf-8")):
                if head := _HEAD.match(block):
                    found[head.group(2)] = block
    return found


def _fit(text: str, contract: Contract) -> str:
    kept = []
    for line in text.splitlines():
        needs = _NEEDS.search(line)
        if needs is None or contract.switch(needs.group(1)):
            kept.append(_COMMENT.sub("", line))
    return " ".join(" ".join(kept).split())
