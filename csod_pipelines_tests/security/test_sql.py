"""No statement is built from a value: what comes from outside travels as a parameter, everywhere."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

import csod_pipelines
from csod_pipelines.model.keys import Flow, Kind, RecordKey, SystemName
from csod_pipelines.store import checkpoints, controls, images, inbox, links, work
from csod_pipelines.store.database import Database
from csod_pipelines_tests.security.test_gateway_attacks import HOSTILE

SOURCES = sorted(Path(csod_pipelines.__file__).parent.rglob("*.py"))
_SENDS = frozenset({"text", "execute", "exec_driver_sql", "executemany", "copy"})


def built_at_run_time(tree: ast.Module) -> list[int]:
    """Lines inside functions where a statement is put together from pieces. (Psycopg's ``sql.SQL(...).format`` quotes.)"""
    found = []
    for function in (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)):
        for call in (node for node in ast.walk(function) if isinstance(node, ast.Call) and node.args):
            name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
            given = call.args[0]
            glued = isinstance(given, ast.JoinedStr | ast.BinOp) or (
                isinstance(given, ast.Call) and isinstance(given.func, ast.Attribute) and isinstance(given.func.value, ast.Constant)
            )
            if name in _SENDS and glued:
                found.append(call.lineno)
    return sorted(found)


@pytest.mark.parametrize("room", ["store", "engine", "gateway", "runtime.py", "commands", "house", "defs"])
def test_no_statement_is_glued_together_while_running(room: str) -> None:
    files = [file for file in SOURCES if room in file.parts or file.name == room]
    assert files
    assert {str(file): lines for file in files if (lines := built_at_run_time(ast.parse(file.read_text(encoding="utf-8"))))} == {}


def test_a_glued_statement_would_be_found() -> None:
    guilty = "def f(conn, x):\n    conn.execute(text(f'SELECT {x}'))\n    conn.execute('a' + x)\n    text('{}'.format(x))\n"
    assert built_at_run_time(ast.parse(guilty)) == [2, 3, 4]


@pytest.mark.parametrize("evil", HOSTILE)
def test_sql_in_every_name_and_value_that_is_stored_is_text(database: Database, evil: str) -> None:
    key = RecordKey(Kind.PERSON, SystemName.ADMINISTRATE, evil)
    with database.begin() as conn:
        inbox.receive_many(
            conn, [inbox.Delivery(source=evil, type=evil, subject=str(key), flow=Flow.PEOPLE, dedupe_key=bytes(32), reason=evil, body=b"x")]
        )
        controls.set_control(conn, evil, {evil: evil}, evil, evil)
        checkpoints.put(conn, evil, {evil: evil})
        link = links.claim_link(conn, kind=Kind.PERSON, natural_key=evil, system=SystemName.ADMINISTRATE, id=evil)
        assert isinstance(link, links.Link)
        images.save_many(conn, [images.ImageRow(link.id, evil, seen={evil: evil}, base={evil: evil}, refused={evil: evil})])
    with database.begin() as conn:
        found = controls.get_control(conn, evil)
        assert found is not None and (found.value, found.who, found.why) == ({evil: evil}, evil, evil)
        point = checkpoints.get(conn, evil)
        assert point is not None and point.value == {evil: evil}
        assert images.load(conn, link.id)[evil].base == {evil: evil}
        assert inbox.dispositions(conn)["waiting"] == 1
        assert [claim.subject for claim in work.claim(conn, flows=[Flow.PEOPLE], owner=evil)] == [str(key)]


def test_an_error_of_the_database_tells_no_parameter(database: Database) -> None:
    """SQLAlchemy quotes them, and a run that fails shows the error's text on Dagster's pages."""
    with pytest.raises(DBAPIError) as caught, database.begin() as conn:
        conn.execute(text("SELECT CAST(:value AS text), 1 / CAST(:nought AS int)"), {"value": "planted@example.org", "nought": 0})
    assert "planted" not in str(caught.value)
