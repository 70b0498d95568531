"""The contract register: every endpoint, field, rule and switch of a vendor that the code relies on, and how sure of it we are.

``systems/<vendor>/contract.yaml`` holds the rows; an override file replaces values by name once a probe has settled a guess.
Adapters ask for paths, rules and switches by name, so a name that is not registered cannot be relied on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import yaml

from csod_pipelines.model.keys import SystemName
from csod_pipelines.systems.errors import Malformed

KINDS = ("endpoint", "field", "rule", "switch")
PROVENANCES = ("documented", "seen in a client", "inferred", "guess")
#: An endpoint without a published limit starts here.
DEFAULT_PER_MINUTE = 60


class UnregisteredName(KeyError):
    """The code asked for a name that the register does not hold, or for a row of another kind."""

    def __str__(self) -> str:
        return str(self.args[0])


class ContractError(ValueError):
    """A register or an override file that cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    name: str
    kind: str
    value: Any
    provenance: str
    source: str
    fallback: str | None = None
    probe: str | None = None
    bucket: str | None = None  # endpoints that share one limit name one bucket
    switch: str | None = None  # what the sandbox calls this guess, where it goes with another row
    per_second: int | None = None
    per_minute: int | None = None
    per_day: int | None = None
    concurrency: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """The limit of one bucket; calls beyond it are answered 429. Not ``published``: where we start, since no page tells one."""

    bucket: str
    per_second: int | None = None
    per_minute: int | None = None
    per_day: int | None = None
    concurrency: int | None = None
    published: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    system: SystemName
    rows: Mapping[str, Row]

    def row(self, name: str, *, kind: str | None = None) -> Row:
        row = self.rows.get(name)
        if row is None:
            raise UnregisteredName(f"{name!r} is not in the contract register of {self.system}; add a row to its contract.yaml")
        if kind is not None and row.kind != kind:
            raise UnregisteredName(f"{name!r} is registered for {self.system} as a {row.kind}, not as a {kind}")
        return row

    def path(self, name: str, **parts: object) -> str:
        """The path of an endpoint with its ``{placeholders}`` filled in. An id may come from a webhook: it stays one segment."""
        path = str(self.row(name, kind="endpoint").value)
        return path.format(**{place: segment(part) for place, part in parts.items()}) if parts else path

    def switch(self, name: str) -> bool:
        return bool(self.row(name, kind="switch").value)

    def rule(self, name: str) -> Any:
        return self.row(name, kind="rule").value

    def field(self, name: str) -> Any:
        return self.row(name, kind="field").value

    def bucket(self, name: str) -> str:
        """The rate bucket of an endpoint, or of a rule with a volume limit."""
        row = self.row(name)
        return f"{self.system}:{row.bucket or row.name}"

    def limits(self) -> Iterator[Limit]:
        """One limit a bucket. Rules may carry limits too: a daily volume is counted in a bucket of its own."""
        told: set[str] = set()
        for row in self.rows.values():
            limited = row.per_second or row.per_minute or row.per_day or row.concurrency
            bucket = self.bucket(row.name)
            if bucket in told or not (row.kind == "endpoint" or limited):
                continue
            told.add(bucket)
            yield Limit(
                bucket=bucket,
                per_second=row.per_second,
                per_minute=row.per_minute if limited else DEFAULT_PER_MINUTE,
                per_day=row.per_day,
                concurrency=row.concurrency,
                published=bool(limited),
            )

    def with_values(self, values: Mapping[str, Any]) -> Contract:
        rows = dict(self.rows)
        for name, value in values.items():
            rows[name] = replace(self.row(name), value=value)
        return replace(self, rows=MappingProxyType(rows))


def segment(part: object) -> str:
    """As one segment of a path, whatever it holds. Raises Malformed for what would be another path even when quoted."""
    text = quote(str(part), safe="")
    if text in ("", ".", ".."):
        raise Malformed(f"{part!r} cannot be an id in an address")
    return text


def load(system: SystemName, *, override: Path | None = None) -> Contract:
    """The shipped register of ``system``, with the values that an override file gives for it.

    The override file maps a vendor to names and values: ``cornerstone: {part_time_zone_rule: account}``.
    """
    contract = _shipped(system)
    if override is None:
        return contract
    try:
        given = yaml.safe_load(override.read_text(encoding="utf-8")) or {}
    except (OSError, yaml.YAMLError) as err:
        raise ContractError(f"the contract override {override} cannot be read: {err}") from err
    if not isinstance(given, dict) or not set(given) <= {str(name) for name in SystemName}:
        raise ContractError(f"the contract override {override} must map administrate and cornerstone to names and values")
    values = given.get(str(system)) or {}
    if not isinstance(values, dict):
        raise ContractError(f"the contract override {override} must map names of {system} to values")
    return contract.with_values(values)


@cache
def _shipped(system: SystemName) -> Contract:
    """Read once a process: it never changes, and parsing it takes a tenth of a second."""
    text = resources.files("csod_pipelines.systems").joinpath(str(system), "contract.yaml").read_text(encoding="utf-8")
    return Contract(system=system, rows=MappingProxyType({row.name: row for row in _rows(system, yaml.safe_load(text))}))


def _rows(system: SystemName, raw: object) -> Iterator[Row]:
    if not isinstance(raw, dict) or not isinstance(raw.get("rows"), list):
        raise ContractError(f"contract.yaml of {system} must hold a list `rows`")
    seen: set[str] = set()
    for item in raw["rows"]:
        row = Row(**item)
        if row.kind not in KINDS or row.provenance not in PROVENANCES:
            raise ContractError(f"row {row.name!r} of {system}: kind must be one of {KINDS}, provenance one of {PROVENANCES}")
        if row.provenance in ("inferred", "guess") and not (row.fallback and row.probe):
            raise ContractError(f"row {row.name!r} of {system}: what is not documented needs a fallback and a probe")
        if row.name in seen:
            raise ContractError(f"row {row.name!r} of {system} stands twice")
        seen.add(row.name)
        yield row
