"""The schema, step by step: versions/ says in which order, sql/ says what."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SQL = Path(__file__).parent / "sql"


def run_sql(name: str) -> None:
    """Run one file of ``sql/`` in the migration's transaction, as it stands: past SQLAlchemy, for which % and : mean parameters."""
    from alembic import op

    driver: Any = op.get_bind().connection.driver_connection
    driver.execute((SQL / name).read_text(encoding="utf-8"))
