"""The schema, step by step: versions/ says in which order, sql/ says what."""

from __future__ import annotations

from pathlib import Path

SQL = Path(__file__).parent / "sql"


def run_sql(name: str) -> None:
    """Run one file of ``sql/`` in the migration's transaction, as it stands: past SQLAlchemy, for which % and : mean parameters."""
    from alembic import op

    op.get_bind().connection.driver_connection.execute((SQL / name).read_text(encoding="utf-8"))
