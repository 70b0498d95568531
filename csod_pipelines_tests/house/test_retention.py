"""What was delivered and sent is kept as long as the settings say, and no longer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from csod_pipelines.runtime import open_house
from csod_pipelines.settings import PREFIX, load_settings
from csod_pipelines.store import inbox
from csod_pipelines.store.provision import Urls
from csod_pipelines.systems.defaults import SystemClock


class LaterClock(SystemClock):
    def __init__(self, *, days: int) -> None:
        self.days = days

    def utcnow(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=self.days)


def test_bodies_are_dropped_when_their_time_is_over_and_months_to_come_are_made(database_urls: Urls, tmp_path: Path) -> None:
    config = tmp_path / "csod_pipelines.yaml"
    config.write_text("retention: {inbox_days: 30, exchange_body_days: 40}\n", encoding="utf-8")
    env = {
        "CONFIG": str(config),
        "DATABASE_URL": database_urls.engine,
        "ADMINISTRATE_AUTH_URL": "https://auth.example.org",
        "ADMINISTRATE_API_URL": "https://acme.administrateapp.com/graphql",
        "ADMINISTRATE_CLIENT_ID": "i",
        "ADMINISTRATE_CLIENT_SECRET": "s",
        "CORNERSTONE_BASE_URL": "https://acme.csod.com",
        "CORNERSTONE_CLIENT_ID": "i",
        "CORNERSTONE_CLIENT_SECRET": "s",
    }
    settings = load_settings({PREFIX + name: value for name, value in env.items()})
    with open_house(settings) as house:
        with house.database.begin() as conn:
            inbox.receive_many(
                conn, [inbox.Delivery(source="administrate", type="t", subject=None, flow=None, dedupe_key=bytes(32), body=b"x")]
            )
        assert house.engine.expire() == []
    with open_house(settings, clock=LaterClock(days=100)) as house:
        dropped = house.engine.expire()
        assert {name.rsplit("_", 2)[0] for name in dropped} == {"inbox_event", "exchange_body"}
        with house.database.read() as conn:
            assert inbox.deliveries(conn) == []
            month = f"inbox_event_{house.engine._clock.utcnow():%Y_%m}"
            assert conn.execute(text("SELECT to_regclass(:name)"), {"name": month}).scalar_one() is not None
