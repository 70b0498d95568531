"""Who drains a flow: a named lease that ends by itself when its holder dies."""

from __future__ import annotations

from sqlalchemy import Connection, text

_ACQUIRE = text("""
    INSERT INTO lease AS l (name, owner, until, acquired_at)
    VALUES (:name, :owner, app_now() + make_interval(secs => :seconds), app_now())
    ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until,
        acquired_at = CASE WHEN l.owner = excluded.owner THEN l.acquired_at ELSE excluded.acquired_at END
    WHERE l.owner = excluded.owner OR l.until <= app_now()""")
_RENEW = text("UPDATE lease SET until = app_now() + make_interval(secs => :seconds) WHERE name = :name AND owner = :owner")
_RELEASE = text("DELETE FROM lease WHERE name = :name AND owner = :owner")
_HOLDER = text("SELECT owner FROM lease WHERE name = :name AND until > app_now()")


def acquire(conn: Connection, name: str, owner: str, seconds: float) -> bool:
    """True when ``owner`` holds the lease now, newly or still."""
    return conn.execute(_ACQUIRE, {"name": name, "owner": owner, "seconds": seconds}).rowcount == 1


def renew(conn: Connection, name: str, owner: str, seconds: float) -> bool:
    """False when somebody else has it. One that ran out and was not taken is renewed."""
    return conn.execute(_RENEW, {"name": name, "owner": owner, "seconds": seconds}).rowcount == 1


def release(conn: Connection, name: str, owner: str) -> None:
    conn.execute(_RELEASE, {"name": name, "owner": owner})


def holder(conn: Connection, name: str) -> str | None:
    return conn.execute(_HOLDER, {"name": name}).scalar_one_or_none()
