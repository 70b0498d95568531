from __future__ import annotations

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import ProgrammingError

from csod_pipelines.store import inbox
from csod_pipelines.store.database import connect
from csod_pipelines.store.provision import Urls

LEDGER = (
    "operation", "operation_intent", "operation_outcome", "exchange", "exchange_operation", "exchange_outcome", "exchange_body",
    "settlement", "inbox_event", "inbox_key", "control",
)  # fmt: skip


def tables(conn: Connection) -> list[str]:
    """Every table and view; partitions are reached through their parents, which carry the rights."""
    found = conn.execute(
        text("""
        SELECT relname FROM pg_class
        WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v') AND NOT relispartition""")
    )
    return list(found.scalars())


def refused(url: str, statement: str) -> bool:
    database = connect(url)
    try:
        with database.begin() as conn:
            conn.execute(text(statement))
    except ProgrammingError as err:
        return "permission denied" in str(err) or "must be owner" in str(err)
    finally:
        database.close()
    return False


def test_the_gateway_may_call_its_two_functions_and_nothing_else(module_database_urls: Urls) -> None:
    gateway = connect(module_database_urls.gateway)
    with gateway.begin() as conn:
        delivery = inbox.Delivery(source="a", type="t", subject="person:administrate:1", flow="people_sync", dedupe_key=bytes(32))
        assert inbox.receive_many(conn, [delivery]) == [1]
        assert inbox.gateway_status(conn)["ready"] == 1
        allowed = conn.execute(
            text("""
            SELECT p.proname FROM pg_proc p WHERE pronamespace = 'public'::regnamespace AND has_function_privilege(p.oid, 'EXECUTE')""")
        )
        assert set(allowed.scalars()) == {"receive_many", "gateway_status"}
        for table in tables(conn):
            for right in ("SELECT", "INSERT", "UPDATE", "DELETE", "TRUNCATE"):
                assert not conn.execute(text(f"SELECT has_table_privilege('{table}', '{right}')")).scalar_one(), (table, right)
    gateway.close()
    assert refused(module_database_urls.gateway, "SELECT * FROM work")
    assert refused(module_database_urls.gateway, "SELECT mark_work('[]')")
    assert refused(module_database_urls.gateway, "CREATE TABLE mine (x int)")


@pytest.mark.parametrize("table", LEDGER)
def test_the_engine_can_only_add_to_the_ledger(module_database_urls: Urls, table: str) -> None:
    engine = connect(module_database_urls.engine)
    with engine.read() as conn:
        *_, name = conn.execute(text(f"SELECT * FROM {table} LIMIT 0")).keys()
    engine.close()
    assert refused(module_database_urls.engine, f"UPDATE {table} SET {name} = {name}")
    assert refused(module_database_urls.engine, f"DELETE FROM {table}")
    assert refused(module_database_urls.engine, f"TRUNCATE {table}")
    assert refused(module_database_urls.engine, f"DROP TABLE {table}")


def test_the_auditor_reads_everything_and_writes_nothing(module_database_urls: Urls) -> None:
    auditor = connect(module_database_urls.auditor)
    with auditor.read() as conn:
        for table in tables(conn):
            conn.execute(text(f"SELECT 1 FROM {table} LIMIT 1"))
            for right in ("INSERT", "UPDATE", "DELETE", "TRUNCATE"):
                assert not conn.execute(text(f"SELECT has_table_privilege('{table}', '{right}')")).scalar_one(), (table, right)
        inbox.dispositions(conn)
    auditor.close()
    assert refused(module_database_urls.auditor, "SELECT forget_person('1', '1')")


def test_a_run_may_not_erase_a_person_which_would_be_a_way_to_delete_from_the_ledger(module_database_urls: Urls) -> None:
    assert refused(module_database_urls.engine, "SELECT forget_person('1', '1')")
    assert not refused(module_database_urls.owner, "SELECT forget_person('1', '1')")


def test_no_definer_function_can_be_led_astray_by_a_search_path(module_database_urls: Urls) -> None:
    owner = connect(module_database_urls.owner)
    with owner.read() as conn:
        loose = conn.execute(
            text("""
            SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND prosecdef
            AND NOT coalesce(proconfig, '{}') @> ARRAY['search_path=public, pg_temp']""")
        )
        assert list(loose.scalars()) == []
    owner.close()


def test_dagster_has_a_database_of_its_own_and_none_of_ours(postgres: object, database_urls: Urls) -> None:
    from sqlalchemy.engine import make_url

    ours = make_url(database_urls.dagster).set(drivername="postgresql+psycopg", database="csod_pipelines")
    database = connect(ours.render_as_string(hide_password=False))
    with pytest.raises(Exception, match="permission denied for database"), database.read():
        pass
    database.close()
