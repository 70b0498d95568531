"""Roles, databases and schema on a server: the embedded one or a managed one.

Five roles, so that a hole in one process is not a hole in all: the owner changes the schema, the engine works, the gateway
may call two functions, the auditor reads, and Dagster has a database of its own.
"""

from __future__ import annotations

import json
import secrets as random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from sqlalchemy import NullPool, create_engine
from sqlalchemy.engine import URL, make_url

from csod_pipelines.store.embedded_tools import write_private

DATABASE = "csod_pipelines"
ROLES = ("owner", "engine", "gateway", "auditor", "dagster")
MIGRATIONS = Path(__file__).parent / "migrations"
#: As libpq counts; the oldest that its makers still mend.
MIN_SERVER_VERSION = 14_00_00
#: Two processes that start at once on a new server: one creates, the other waits and finds it done.
PROVISION_LOCK = 7_216_443_001


class ProvisioningRefused(RuntimeError):
    """The server or the role cannot do it; the message says what to run by hand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Urls:
    """One address a role. ``dagster`` is psycopg2's: with SQLAlchemy 2.1 dagster-postgres works with no other driver."""

    owner: str
    engine: str
    gateway: str
    auditor: str
    dagster: str


def provision(admin_url: str, *, secrets: Path | None, database: str = DATABASE) -> Urls:
    """Create what is missing, bring the schema to its newest version, return the addresses. Safe to repeat.

    Passwords are random and remembered in the file ``secrets`` (mode 0600); without a file they are set anew each time.
    ``database`` also prefixes the role names, so that two installations can share a server.
    """
    passwords = _remembered_passwords(secrets, database)
    admin = make_url(admin_url)
    with _admin_connection(admin) as conn:
        if conn.info.server_version < MIN_SERVER_VERSION:
            found = conn.info.parameter_status("server_version")
            raise ProvisioningRefused(f"The server is PostgreSQL {found}; csod_pipelines needs {MIN_SERVER_VERSION // 10_000} or newer.")
        conn.execute("SELECT pg_advisory_lock(%s)", [PROVISION_LOCK])
        try:
            for role in ROLES:
                _ensure_role(conn, f"{database}_{role}", passwords[role])
            _ensure_database(conn, database, owner=f"{database}_owner")
            _ensure_database(conn, f"{database}_dagster", owner=f"{database}_dagster")
            _let_connect(conn, database)
            urls = _urls(admin, database, passwords)
            migrate(urls.owner)
        except psycopg.errors.InsufficientPrivilege as err:
            raise ProvisioningRefused(_by_hand(admin, database, str(err))) from err
    return urls


def migrate(owner_url: str) -> None:
    """Bring the schema of an existing database to its newest version, and the rights with it."""
    from alembic import command
    from alembic.config import Config

    url = make_url(owner_url)
    if not url.database:
        raise ValueError("the address of the database to migrate names no database")
    engine = create_engine(url, poolclass=NullPool)
    with engine.begin() as conn:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["connection"] = conn
        command.upgrade(config, "head")
        driver: Any = conn.connection.driver_connection  # past SQLAlchemy, for which % means a parameter
        driver.execute(_grants(driver, url.database))
        conn.exec_driver_sql("SELECT ensure_partitions()")


def _grants(conn: Any, database: str) -> str:
    names = {role: sql.Identifier(f"{_role_prefix(conn, database)}_{role}") for role in ROLES} | {"database": sql.Identifier(database)}
    statements: Any = (MIGRATIONS / "sql" / "grants.sql").read_text(encoding="utf-8")  # ours, though no literal
    return sql.SQL(statements).format(**names).as_string(conn)


def _role_prefix(conn: psycopg.Connection[Any], database: str) -> str:
    """Roles are named after the database they were made for, which a copy of that database is not."""
    row = conn.execute("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = %s", [database]).fetchone()
    owner = str(row[0]) if row else ""
    return owner.removesuffix("_owner") if owner.endswith("_owner") else database


def _remembered_passwords(path: Path | None, database: str) -> dict[str, str]:
    remembered: dict[str, dict[str, str]] = json.loads(path.read_text(encoding="utf-8")) if path and path.exists() else {}
    known = remembered.setdefault(database, {})
    fresh = {role: random.token_hex(24) for role in ROLES if role not in known}
    if fresh:
        known.update(fresh)
        if path:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(path, json.dumps(remembered, indent=1))
    return known


def _admin_connection(admin: URL) -> psycopg.Connection[Any]:
    return psycopg.connect(admin.set(drivername="postgresql").render_as_string(hide_password=False), autocommit=True)


def _ensure_role(conn: psycopg.Connection[Any], role: str, password: str) -> None:
    exists = conn.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    verb = sql.SQL("ALTER" if exists else "CREATE")
    conn.execute(sql.SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, sql.Identifier(role), sql.Literal(password)))


def _ensure_database(conn: psycopg.Connection[Any], name: str, *, owner: str) -> None:
    if conn.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
        return
    # a managed server's administrator is no superuser and must be a member of the role it gives the database to
    conn.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(sql.Identifier(owner)))
    # template0: nobody else's objects, and no wait for sessions on template1
    conn.execute(
        sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'").format(sql.Identifier(name), sql.Identifier(owner))
    )


def _let_connect(conn: psycopg.Connection[Any], database: str) -> None:
    for name, roles in ((database, ("engine", "gateway", "auditor")), (f"{database}_dagster", ())):
        conn.execute(sql.SQL("REVOKE CONNECT ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))
        for role in roles:
            conn.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(name), sql.Identifier(f"{database}_{role}")))


def _urls(admin: URL, database: str, passwords: dict[str, str]) -> Urls:
    def url(role: str, *, driver: str = "psycopg", name: str = database) -> str:
        made = admin.set(drivername=f"postgresql+{driver}", username=f"{database}_{role}", password=passwords[role], database=name)
        return made.render_as_string(hide_password=False)

    return Urls(
        owner=url("owner"),
        engine=url("engine"),
        gateway=url("gateway"),
        auditor=url("auditor"),
        dagster=url("dagster", driver="psycopg2", name=f"{database}_dagster"),
    )


def _by_hand(admin: URL, database: str, refusal: str) -> str:
    lines = [f"  CREATE ROLE {database}_{role} LOGIN PASSWORD '...';" for role in ROLES]
    lines += [f"  CREATE DATABASE {database} OWNER {database}_owner;", f"  CREATE DATABASE {database}_dagster OWNER {database}_dagster;"]
    lines += [f"  GRANT CONNECT ON DATABASE {database} TO {database}_{role};" for role in ("engine", "gateway", "auditor")]
    return (
        f"The role {admin.username} may not create what is needed ({refusal.strip()}). Give it CREATEROLE and CREATEDB, or let an "
        "administrator run these statements and name the resulting addresses in the settings:\n" + "\n".join(lines)
    )
