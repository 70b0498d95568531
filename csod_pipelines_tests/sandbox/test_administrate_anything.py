"""Every field of the schema with arguments of the right shape and nonsense in them: done or refused, never a failure of the sandbox."""

from __future__ import annotations

import logging
import random
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
)

from csod_pipelines.sandbox.administrate.core import AdministrateCore
from csod_pipelines.sandbox.administrate.schema import schema_without
from csod_pipelines.sandbox.kit import Request

CALLS = 1000
KINDS = (
    "accounts",
    "contacts",
    "course_templates",
    "events",
    "sessions",
    "learners",
    "locations",
    "learning_categories",
    "webhooks",
    "registrations",
)
HOOKS = [b64encode(f"WebhookType:{slug}".encode()).decode() for slug in ("contact_created", "event_updated", "learner_cancelled")]
TEXTS = ["", " ", "a", "UTC", "Europe/Paris", "x@example.org", "2027-01-01", "%a%", "choice", "é\u0000", "node.id", "http://127.0.0.1:1/x"]
TEXTS += ['{"secret": "x"}', "query P($objectid: ID!) { node(id: $objectid) { id } }"]
SCALARS: dict[str, list[Any]] = {
    "String": TEXTS,
    "Int": [0, 1, -1, 5, 2**31 - 1],
    "Boolean": [True, False],
    "LocalDateTime": ["2027-03-28T01:30:00", "0001-01-01T00:00:00", "9999-12-31T23:59:59", "2027-13-01", "2027-01-01T10:00:00Z"],
    "DateTime": ["2027-03-28T01:30:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2027-01-01"],
    "Decimal": ["1.5", "x", 1, "NaN"],
}
NONSENSE = [None, "", [], {}, True, -5, 2**40, 1.5, "x" * 300]


class Maker:
    """Requests from the schema, with ids of records that exist."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.ids: list[str] = []
        schema = schema_without(frozenset())
        assert schema.query_type is not None and schema.mutation_type is not None
        self.calls: list[tuple[str | None, str, GraphQLField]] = [(None, name, field) for name, field in schema.query_type.fields.items()]
        for namespace, field in schema.mutation_type.fields.items():
            self.calls += [(namespace, name, inner) for name, inner in _fields(field.type).items()]

    def value(self, type_: Any) -> Any:
        if isinstance(type_, GraphQLNonNull):
            return self.value(type_.of_type) if self.dice.random() < 0.99 else None
        if isinstance(type_, GraphQLList):
            return [self.value(type_.of_type) for _ in range(self.dice.choice([0, 1, 1, 1, 2]))]
        if isinstance(type_, GraphQLEnumType):
            return self.dice.choice(list(type_.values))
        if isinstance(type_, GraphQLInputObjectType):
            chosen = {
                name: field for name, field in type_.fields.items() if isinstance(field.type, GraphQLNonNull) or self.dice.random() < 0.4
            }
            return {name: self.value(field.type) for name, field in chosen.items()}
        if self.dice.random() < 0.03:
            return self.dice.choice(NONSENSE)
        return self.dice.choice(self.ids + HOOKS + ["x"]) if type_.name == "ID" else self.dice.choice(SCALARS[type_.name])

    def selection(self, type_: Any, depth: int) -> str:
        named = get_named_type(type_)
        if is_leaf_type(named):
            return ""
        parts = ["__typename"]
        for name, field in {} if isinstance(named, GraphQLUnionType) else _fields(named).items():
            if is_leaf_type(get_named_type(field.type)):
                parts.append(name)
            elif depth > 0 and self.dice.random() < 0.6:
                parts.append(name + self.selection(field.type, depth - 1))
        return "{" + " ".join(parts) + "}"

    def body(self) -> bytes:
        namespace, name, field = self.dice.choice(self.calls)
        given = {key: arg for key, arg in field.args.items() if isinstance(arg.type, GraphQLNonNull) or self.dice.random() < 0.5}
        declared = ", ".join(f"${key}: {arg.type}" for key, arg in given.items())
        passed = ", ".join(f"{key}: ${key}" for key in given)
        text = name + (f"({passed})" if passed else "") + self.selection(field.type, 3)
        text = f"{{ {text} }}" if namespace is None else f"{{ {namespace} {{ {text} }} }}"
        head = ("query" if namespace is None else "mutation") + " X" + (f"({declared}) " if declared else " ")
        return orjson.dumps({"query": head + text, "variables": {key: self.value(arg.type) for key, arg in given.items()}})


def _fields(type_: Any) -> dict[str, GraphQLField]:
    return getattr(get_named_type(type_), "fields", {})


def _start(core: AdministrateCore, now: datetime) -> dict[str, str]:
    core.configure({"rate_limit_requests": None, "token_seconds": 10**8, "switches": {"auto_pass": True}})
    core.reset(seed=1, size={"accounts": 5, "contacts": 10, "history": True}, now=now)
    form = b"grant_type=client_credentials&client_id=sandbox&client_secret=sandbox-secret"
    answer, _ = core.handle(Request(method="POST", path="/oauth/token", body=form), now=now)
    return {"authorization": f"Bearer {orjson.loads(answer.body)['access_token']}"}


@pytest.mark.parametrize("seed", [1, 2, 5])
def test_whatever_fits_the_schema_is_done_or_refused(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    core, maker, now = AdministrateCore(), Maker(seed), datetime(2027, 1, 1, tzinfo=UTC)
    headers = _start(core, now)
    done = 0
    with caplog.at_level(logging.ERROR):
        for number in range(CALLS):
            if number % 100 == 0:
                states = [core.state(kind, id=None, now=now) for kind in KINDS]
                maker.ids = [row["id"] for rows in states for row in rows[-12:]]
            now += timedelta(seconds=maker.dice.choice([0, 0, 1, 5]))
            answer, _ = core.handle(Request(method="POST", path="/graphql", headers=headers, body=maker.body()), now=now)
            assert answer.status == 200
            done += "errors" not in orjson.loads(answer.body)
            for delivery in core.due(now=now):
                core.delivered(delivery, status=maker.dice.choice([200, 500, 404, None]), now=now)
    assert caplog.records == []
    assert done > CALLS // 2
