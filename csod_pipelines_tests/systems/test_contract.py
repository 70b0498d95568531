"""The register, the GraphQL documents, and the code that relies on both."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from graphql import GraphQLSchema, build_schema, parse, print_schema, validate

import csod_pipelines.systems
from csod_pipelines.model.keys import SystemName
from csod_pipelines.systems.administrate.operations import Operations
from csod_pipelines.systems.contract import ContractError, UnregisteredName, load

ROOT = Path(csod_pipelines.systems.__file__).parent
SCHEMA = ROOT.parent / "sandbox" / "administrate" / "schema.graphql"
ENDPOINT = re.compile(r'"((?:export|views|lo|ous|employees|roster|assignments|transcripts|catalog)\.\w+)"')
A, C = SystemName.ADMINISTRATE, SystemName.CORNERSTONE


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema(SCHEMA.read_text(encoding="utf-8"))


def test_every_operation_is_valid_against_the_schema(schema: GraphQLSchema) -> None:
    operations = Operations(load(A))
    assert len(operations.names()) > 30
    for name in operations.names():
        assert validate(schema, parse(operations.document(name).text)) == [], name


@pytest.mark.parametrize(
    ("name", "row"),
    [
        ("CreateAccounts", {"input": {}}),
        ("StoreExternalIds", {"node": "", "name": "", "value": ""}),
        ("RecordResults", {"learner": "", "passed": True}),
        ("WriteLogs", {"input": {}}),
    ],
)
def test_every_batch_is_valid_against_the_schema(schema: GraphQLSchema, name: str, row: dict[str, object]) -> None:
    document, variables = Operations(load(A)).batch(name, [row] * 3)
    assert validate(schema, parse(document.text)) == []
    assert len(variables) == 3 * len(row)


def test_two_mutations_joined_are_one_valid_document(schema: GraphQLSchema) -> None:
    operations = Operations(load(A))
    stores, _ = operations.batch("StoreExternalIds", [{"node": "", "name": "", "value": ""}] * 2)
    joined = operations.joined(operations.document("CreateContacts"), stores)
    assert validate(schema, parse(joined.text)) == []
    assert joined.text.index("createBatch") < joined.text.index("store(") and joined.writes


def without(switch: str) -> GraphQLSchema:
    """The schema of an instance that lacks one guess: members, types and extensions that carry its mark are gone."""
    text = SCHEMA.read_text(encoding="utf-8")
    text = re.sub(rf'extend type \w+[^{{\n]*@guess\(switch: "{switch}"\) \{{[^}}]*\}}', "", text)
    text = re.sub(rf'\w+(?:\([^)]*\))?: [\w!\[\]]+ @guess\(switch: "{switch}"\)', "", text)
    text = re.sub(rf'\w+ @guess\(switch: "{switch}"\)', "", text)
    return build_schema(text)


@pytest.mark.parametrize("switch", ["account_parent", "contact_left_company", "location_create", "learning_category_external_id"])
def test_reads_stay_valid_on_an_instance_without_a_guess(switch: str) -> None:
    schema = without(switch)
    assert switch not in print_schema(schema)
    operations = Operations(load(A).with_values({switch: False}))
    for name in operations.names():
        if name in ("CreateLocation", "UpdateLocation", "FindLearningCategory"):
            continue
        assert validate(schema, parse(operations.document(name).text)) == [], name


def test_code_asks_only_for_names_that_are_registered() -> None:
    for system in SystemName:
        contract = load(system)
        for file in (ROOT / str(system)).glob("*.py"):
            text = file.read_text(encoding="utf-8")
            asked = set(re.findall(r'contract\.(?:path|bucket|switch|rule|field)\(\s*"([^"]+)"', text))
            asked |= set(re.findall(r'_need\(\s*"([^"]+)"', text)) | set(ENDPOINT.findall(text))
            for name in asked:
                assert name in contract.rows, f"{file.name} relies on {name!r}, which {system} does not register"


def test_every_registered_switch_is_asked_for_by_the_code() -> None:
    for system in SystemName:
        code = "".join(file.read_text(encoding="utf-8") for file in (ROOT / str(system)).rglob("*.*") if file.suffix in (".py", ".graphql"))
        unused = [name for name, row in load(system).rows.items() if row.kind in ("switch", "endpoint") and name not in code]
        assert [name for name in unused if not name.startswith("training_")] == []  # those two are asked for where hooks are listed


def test_a_name_that_is_not_registered_fails_clearly() -> None:
    with pytest.raises(UnregisteredName, match="not in the contract register of cornerstone"):
        load(C).path("employees.merge")
    with pytest.raises(UnregisteredName, match="as a switch, not as a rule"):
        load(C).rule("data_exporter")


def test_an_override_file_replaces_values_by_name(tmp_path: Path) -> None:
    file = tmp_path / "contract.yaml"
    file.write_text("cornerstone: {part_time_zone_rule: utc, data_exporter: false}\n")
    contract = load(C, override=file)
    assert contract.rule("part_time_zone_rule") == "utc" and contract.switch("data_exporter") is False
    assert load(A, override=file).rows == load(A).rows
    file.write_text("cornerstone: {no_such_row: 1}\n")
    with pytest.raises(UnregisteredName):
        load(C, override=file)
    file.write_text("somebody: {}\n")
    with pytest.raises(ContractError):
        load(C, override=file)


def test_limits_hold_one_entry_a_bucket_and_a_minute_rate_where_none_is_published() -> None:
    limits = {limit.bucket: limit for limit in load(C).limits()}
    assert limits["cornerstone:employees.list"].per_minute == 75
    assert limits["cornerstone:learning_assignments"].per_minute == 20
    assert limits["cornerstone:roster.get"].per_minute == 60
    assert limits["cornerstone:user_assignments_per_day"].per_day == 60_000
    assert limits["cornerstone:user_assignments_per_day"].per_minute is None
    assert {limit.bucket: limit for limit in load(A).limits()}["administrate:graphql"].per_second == 20
